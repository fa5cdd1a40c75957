#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The process that tidies up when the tests cannot.

A test run may end by SIGKILL, and then none of its own code runs. So it starts this
process first, in a session of its own, and tells it through a pipe what it starts and
which folders it makes. When the pipe closes, for whatever reason, everything that was
told and not taken back is ended and removed.

One JSON object a line: {"watch": [pid, start, folder]}, {"forget": pid}, {"remove": folder};
{"spare": true} takes everything back that was told before.
"""

import json
import os
import shutil
import signal
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from support.sessions import Leader, kill_sessions  # noqa: E402


def main():
    """Collects until the pipe closes, then ends and removes."""
    # Ctrl-C and a closed terminal concern the tests; their pipe will tell.
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    leaders, folders = {}, []
    for line in sys.stdin:
        message = json.loads(line)
        if "watch" in message:
            leader = Leader(*message["watch"])
            leaders[leader.pid] = leader
        elif "forget" in message:
            leaders.pop(message["forget"], None)
        elif "remove" in message:
            folders.append(message["remove"])
        elif "spare" in message:
            leaders, folders = {}, []
    kill_sessions(list(leaders.values()))
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
