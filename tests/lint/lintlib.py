# SPDX-License-Identifier: Apache-2.0
"""What the lints share: which files there are, C without its comments, and how a problem is told.

A lint is an executable here. It runs alone, prints one line for each problem, as
"file:line: what is wrong; what to do", and exits with 1 when there was one.
"""

import re
import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent.parent
LAYERS = ("platform", "store", "agent")  # from below upwards


def files(*folders, endings=(".c", ".h")):
    """The repository's files (not what it ignores) below the folders, sorted."""
    listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *folders],
                            cwd=TOP, check=True, capture_output=True).stdout.decode().split("\0")
    return sorted({TOP / name for name in listed if name.endswith(endings) and (TOP / name).is_file()})


def read(path):
    return path.read_text(encoding="utf-8", errors="replace")


_NOT_CODE = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.DOTALL)


def code_of(text, strings=False):
    """C without its comments, and without what is in its strings unless asked for; lines stay where they are."""
    def blank(match):
        found = match.group()
        if found[0] == "/":
            return " " + "\n" * found.count("\n")
        return found if strings else found[0] * 2
    return _NOT_CODE.sub(blank, text)


class Problems:
    def __init__(self):
        self.count = 0

    def add(self, path, line, text):
        self.count += 1
        print(f"{path.relative_to(TOP) if path.is_absolute() else path}:{line}: {text}", flush=True)

    def exit(self, looked_at):
        """Ends the lint. Nothing to look at is a failure too: it would be a lint that never ran."""
        if not looked_at:
            print(f"{Path(sys.argv[0]).name}: found nothing to look at")
        sys.exit(1 if self.count or not looked_at else 0)
