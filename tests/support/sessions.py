# SPDX-License-Identifier: Apache-2.0
"""Finding and ending exactly the processes that were started here.

Each server runs as the leader of a session of its own, so its workers are found by
the session number, also after the leader has died. A process number alone names
nobody, because the kernel uses it again: it is always held together with the time at
which its process started.
"""

import os
import signal
import time
from collections import namedtuple

Leader = namedtuple("Leader", "pid start folder")
Leader.__doc__ = """A session leader: its process number, its start time in clock ticks
since boot, and the folder it was started in."""


def _stat(pid):
    """The fields of /proc/PID/stat from the state on, or None when there is no such process."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            text = file.read()
    except OSError:
        return None
    # The command name is in brackets and may hold brackets and spaces itself.
    return text[text.rindex(b")") + 2:].split()


def start_time(pid):
    """When the process started, in clock ticks since boot; None when there is none."""
    fields = _stat(pid)
    return int(fields[19]) if fields else None


def state(pid):
    """The letter of the process's state as ps shows it (R, S, T, Z, ...); None: no process."""
    fields = _stat(pid)
    return fields[0].decode() if fields else None


def is_running(pid, start):
    """Whether that very process runs; a zombie does not."""
    fields = _stat(pid)
    return bool(fields) and int(fields[19]) == start and fields[0] not in (b"Z", b"X")


def _inside(pid, folder):
    try:
        cwd = os.readlink(f"/proc/{pid}/cwd").removesuffix(" (deleted)")
    except OSError:
        return False
    return os.path.commonpath([cwd, folder]) == folder


def members(leader):
    """The process numbers that run in the leader's session, the leader first.

    When the leader itself is gone, its number could have passed to a stranger: then a
    process counts only if it still runs in the folder that the leader was started in.
    """
    leader_is_known = start_time(leader.pid) == leader.start
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        fields = _stat(entry)
        if not fields or int(fields[3]) != leader.pid or fields[0] in (b"Z", b"X"):
            continue
        if leader_is_known or _inside(entry, leader.folder):
            found.append(int(entry))
    return sorted(found, key=lambda pid: pid != leader.pid)


def signal_session(leader, number):
    """Sends a signal to every process of the session; returns how many there were."""
    pids = members(leader)
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass
    return len(pids)


def kill_sessions(leaders, grace=0.0):
    """Ends the sessions: SIGTERM to the leaders and `grace` seconds, then SIGKILL to all."""
    if grace > 0:
        for leader in leaders:
            if is_running(leader.pid, leader.start):
                os.kill(leader.pid, signal.SIGTERM)
        deadline = time.monotonic() + grace
        while time.monotonic() < deadline and any(members(leader) for leader in leaders):
            time.sleep(0.02)
    deadline = time.monotonic() + 10
    while True:
        # Again and again, because a process may have forked while it was looked for.
        left = sum(signal_session(leader, signal.SIGKILL) for leader in leaders)
        if left == 0:
            return
        if time.monotonic() > deadline:
            raise RuntimeError(f"{left} processes do not die of SIGKILL: {leaders}")
        time.sleep(0.01)
