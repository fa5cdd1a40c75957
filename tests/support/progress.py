# SPDX-License-Identifier: Apache-2.0
"""Saying what takes so long: one updating line on a terminal, a line now and then elsewhere."""

import contextlib
import sys
import threading
import time


@contextlib.contextmanager
def progress(label, detail=lambda: "", stream=None):
    """Shows `label`, the seconds it has taken and `detail()` while the block runs.

    Silent for the first two seconds when the stream is no terminal, so that short steps
    leave no trace in a log.
    """
    stream = stream or sys.stderr
    live = stream.isatty()
    started = time.monotonic()
    done = threading.Event()

    def line(end):
        extra = detail()
        text = f"{label} ... {time.monotonic() - started:.0f} s{' (' + extra + ')' if extra else ''}"
        stream.write((f"\r\033[K{text}" if live else text) + end)
        stream.flush()

    def tell():
        if not live and not done.wait(2):
            line("\n")
        while not done.wait(1 if live else 15):
            line("" if live else "\n")

    if live:
        line("")
    teller = threading.Thread(target=tell, daemon=True)
    teller.start()
    try:
        yield
    finally:
        done.set()
        teller.join()
        if live or time.monotonic() - started > 2:
            line("\n")
