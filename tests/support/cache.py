# SPDX-License-Identifier: Apache-2.0
"""The folder outside the tree where things that take long to build are kept."""

import contextlib
import fcntl
import hashlib
import os
import sys
from pathlib import Path


def cache_root():
    """LIMPET_CACHE, or `limpet` in the user's cache folder."""
    chosen = os.environ.get("LIMPET_CACHE")
    if chosen:
        return Path(chosen).resolve()
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "limpet"


@contextlib.contextmanager
def locked(folder):
    """Holds the folder's lock, so that two runs at once do not build the same thing."""
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / ".lock", "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"waiting for another run that builds in {folder}", file=sys.stderr)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def sha256_of(path):
    """The SHA-256 of a file, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
