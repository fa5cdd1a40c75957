# SPDX-License-Identifier: Apache-2.0
"""How the story looks: chapters, steps with their times, commands, a table.

On a terminal a step that takes long is one line that moves; elsewhere it is a line every
15 seconds. Colour is for terminals, and not where NO_COLOR is set. Standard library only:
this runs before anything is installed.
"""

import contextlib
import os
import shutil
import sys
import textwrap
import threading
import time

COLOURS = {"bold": "1", "dim": "2", "red": "1;31", "green": "32", "cyan": "36"}
LOG_INTERVAL_S = 15
QUIET_S = 2


class Step:
    """A step while it runs."""

    def __init__(self, label):
        self.label = label
        self.started = time.monotonic()

    @property
    def seconds(self):
        """How long it has taken so far."""
        return time.monotonic() - self.started


class Teller:
    """Writes to one stream."""

    def __init__(self, stream=None):
        self._stream = stream or sys.stdout
        with contextlib.suppress(AttributeError):
            self._stream.reconfigure(errors="replace")  # whatever a program prints, in any locale
        self._live = self._stream.isatty() and os.environ.get("TERM") != "dumb"
        self._coloured = self._live and not os.environ.get("NO_COLOR")
        self._width = min(shutil.get_terminal_size((96, 24)).columns, 96)
        self._chapters = []

    # --- text ---------------------------------------------------------------------------

    def _write(self, text):
        self._stream.write(text)
        self._stream.flush()

    def _paint(self, colour, text):
        return f"\033[{COLOURS[colour]}m{text}\033[0m" if self._coloured else text

    def _wrap(self, text, indent):
        # A command or an address is never broken: it would not be found again.
        lines = textwrap.wrap(text, self._width - indent, break_long_words=False,
                              break_on_hyphens=False)
        return [" " * indent + line for line in lines]

    def title(self, text):
        """The first line."""
        self._write(self._paint("bold", text) + "\n")

    def chapter(self, text):
        """Begins a chapter."""
        self._chapters.append((text, time.monotonic()))
        self._write("\n" + self._paint("bold", text) + "\n")

    def say(self, text):
        """A paragraph."""
        self._write("\n".join(self._wrap(text, 2)) + "\n")

    def fact(self, text):
        """What was seen, below the step that looked."""
        self._write("".join(self._paint("dim", line) + "\n" for line in self._wrap(text, 6)))

    def command(self, text):
        """A command that is run now, or that a person can type."""
        self._write("  " + self._paint("cyan", f"$ {text}") + "\n")

    def output(self, text):
        """What a program has printed, as it is."""
        self._write("".join(f"      {line}\n" for line in text.rstrip("\n").splitlines()))

    def failure(self, text):
        """What went wrong."""
        self._write("\n" + self._paint("red", "FAILED") + f" {text}\n")

    # --- steps --------------------------------------------------------------------------

    @contextlib.contextmanager
    def step(self, label, detail=lambda: "", ticking=True):
        """Times the block and tells how it goes; `detail()` says how far it is.

        The block gets a Step, whose `label` it may change to what has come of it. A block
        that tells by itself how it goes is not `ticking`.
        """
        step, done = Step(label), threading.Event()
        ticker = threading.Thread(target=self._tick, args=(step, done, detail), daemon=True)
        if ticking:
            ticker.start()
        good = False
        try:
            yield step
            good = True
        finally:
            seconds = step.seconds
            done.set()
            if ticking:
                ticker.join()
                self._clear()
            mark = self._paint("green", "ok") if good else self._paint("red", "--")
            self._write(f"  {mark}  {self._dotted(step.label, f'{seconds:.1f} s', 6)}\n")

    def _tick(self, step, done, detail):
        wait_s = QUIET_S
        while not done.wait(0.5 if self._live else wait_s):
            wait_s = LOG_INTERVAL_S
            extra = detail()
            text = f"  ..  {step.label}: {step.seconds:.0f} s{', ' + extra if extra else ''}"
            if self._live:
                self._clear()
                self._write(text[:shutil.get_terminal_size((96, 24)).columns - 1])
            else:
                with contextlib.suppress(BrokenPipeError):  # the story's own thread meets it too
                    self._write(text + "\n")

    def _clear(self):
        if self._live:
            self._write("\r\033[K")

    def _dotted(self, left, right, indent):
        room = self._width - indent - len(left) - len(right) - 2
        return f"{left} {'.' * room if room > 0 else ''} {right}"

    def table(self, title):
        """The chapters so far with their seconds."""
        now = time.monotonic()
        ends = [started for _, started in self._chapters[1:]] + [now]
        self._write("\n" + self._paint("bold", title) + "\n")
        for (chapter, started), end in zip(self._chapters, ends):
            self._write(f"  {self._dotted(chapter, f'{end - started:6.1f} s', 2)}\n")
        self._write(f"  {self._dotted('together', f'{now - self._chapters[0][1]:6.1f} s', 2)}\n")
