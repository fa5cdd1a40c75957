# SPDX-License-Identifier: Apache-2.0
"""Folders of the cache, errors, hashes, locks, and what is told to a person."""

import contextlib
import fcntl
import hashlib
import os
import pathlib
import sys
import threading
import time

CROSS = pathlib.Path(__file__).resolve().parent.parent


class Failure(Exception):
    """An error with its way out, told to the user without a traceback."""


def cache():
    chosen = os.environ.get("LIMPET_CACHE")
    if chosen:
        return pathlib.Path(chosen).expanduser().absolute()
    base = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(base).absolute() / "limpet"


def folder(name):
    path = cache() / name
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise Failure(f"cannot make the cache folder {path}: {e.strerror}\n"
                      "  choose another with LIMPET_CACHE=/some/folder") from None
    return path


def sha256(path):
    digest = hashlib.sha256()
    with open(path, "rb") as f:
        while block := f.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def say(text):
    print(f"cross/build: {text}", file=sys.stderr, flush=True)


def tail(path, lines=20):
    with open(path, errors="replace") as f:
        return "".join("    " + line for line in f.readlines()[-lines:]).rstrip()


@contextlib.contextmanager
def locked(name):
    """One run at a time for `name`; says so when it has to wait."""
    with open(folder("locks") / name, "w") as f:
        try:
            fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"another run is busy with {name}; waiting for it")
            fcntl.flock(f, fcntl.LOCK_EX)
        yield


class Progress:
    """One line per finished step; on a terminal also a line that shows what is running."""

    def __init__(self, total):
        self.total = total
        self.done = 0
        self.running = {}
        self.lock = threading.Lock()
        self.over = threading.Event()
        self.terminal = sys.stderr.isatty()

    def __enter__(self):
        if self.terminal:
            self.ticker = threading.Thread(target=self._tick, daemon=True)
            self.ticker.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        if self.terminal:
            self.ticker.join()
            self._write("")

    def start(self, name):
        with self.lock:
            self.running[name] = time.monotonic()

    def finish(self, name, what):
        with self.lock:
            seconds = time.monotonic() - self.running.pop(name)
            self.done += 1
            self._write(f"[{self.done}/{self.total}] {what} ... {seconds:.0f} s\n")

    def _tick(self):
        while not self.over.wait(1):
            with self.lock:
                now = time.monotonic()
                running = ", ".join(f"{name} {now - since:.0f} s" for name, since in self.running.items())
                self._write(f"      building {running}"[:78])

    def _write(self, text):
        sys.stderr.write(("\r\033[K" if self.terminal else "") + text)
        sys.stderr.flush()
