# SPDX-License-Identifier: Apache-2.0
"""What the `up` and `down` scripts of the servers have in common: a folder that says
what runs in it, so that `down` ends exactly that."""

import os
import shutil
import sys
from pathlib import Path

from support.processes import end_recorded, recorded_alive

RECORD = "processes.json"


def chosen_folder(name):
    """The folder named on the command line, or a fixed one of this user's own."""
    if len(sys.argv) > 2 or sys.argv[1:2] in (["-h"], ["--help"]):
        sys.exit(f"usage: {sys.argv[0]} [DIR]   (by default /tmp/limpet-{name}-{os.getuid()})")
    if len(sys.argv) == 2:
        return Path(sys.argv[1]).resolve()
    return Path(f"/tmp/limpet-{name}-{os.getuid()}")


def already_up(folder):
    """Whether the servers run there; what is left of a run that has died is removed.

    Ends the program when the folder is somebody else's or holds other things.
    """
    if not folder.exists():
        folder.mkdir(mode=0o700, parents=True)
        return False
    if folder.stat().st_uid != os.getuid():
        sys.exit(f"{folder} belongs to another user; name another folder")
    if not any(folder.iterdir()):
        return False
    if not (folder / RECORD).exists():
        sys.exit(f"{folder} is not empty and holds no {RECORD}; name another folder")
    if recorded_alive(folder / RECORD):
        return True
    take_down(folder)
    folder.mkdir(mode=0o700)
    return False


def take_down(folder):
    """Ends what `up` started there and removes the folder; returns the ended names."""
    if not (folder / RECORD).exists():
        sys.exit(f"nothing was started in {folder}: it holds no {RECORD}")
    names = recorded_alive(folder / RECORD)
    end_recorded(folder / RECORD)
    shutil.rmtree(folder)
    return names
