#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Measures the memory of a process and all its descendants while they run.

The figure is the sum of `Pss` in smaps_rollup over all of them at the same time: shared
pages are counted once. It is sampled by a process of its own, every few milliseconds,
because a role of limpet may live for less than a tenth of a second. Beside it stands the
VmHWM of each process, which no sampling can miss by much.

By hand: tests/support/pss.py PID [INTERVAL_MS], until the process ends or Ctrl-C.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field

PYTHON = "/usr/bin/python3"


@dataclass
class Report:
    """What was seen; sizes in KiB."""
    samples: int = 0
    worst_gap_ms: float = 0.0
    peak_kib: int = 0                               # the sum at its highest
    last_kib: int = 0                               # the sum when last seen
    median_kib: int = 0                             # of all samples
    peak_parts: dict = field(default_factory=dict)  # "PID command line" -> its part of the peak
    highest: dict = field(default_factory=dict)     # "PID command line" -> its own highest Pss
    high_water: dict = field(default_factory=dict)  # "PID command line" -> VmHWM

    def __str__(self):
        lines = [f"peak {self.peak_kib} KiB, median {self.median_kib}, last {self.last_kib};"
                 f" {self.samples} samples, at most {self.worst_gap_ms:.1f} ms apart"]
        lines += [f"  VmHWM {kib:6} KiB  {name}" for name, kib in self.high_water.items()]
        return "\n".join(lines)


def _read(path):
    with open(path, "rb", 0) as file:
        return file.read(16384)


def family(pid):
    """The process and its descendants that run now."""
    found, todo = [], [pid]
    while todo:
        pid = todo.pop()
        found.append(pid)
        try:
            for thread in os.listdir(f"/proc/{pid}/task"):
                todo += map(int, _read(f"/proc/{pid}/task/{thread}/children").split())
        except OSError:
            pass
    return found


def _kib(text, key):
    start = text.index(key) + len(key)
    return int(text[start:text.index(b"kB", start)])


def pss(pid):
    """The Pss of one process in KiB; 0 when it has just ended."""
    try:
        return _kib(_read(f"/proc/{pid}/smaps_rollup"), b"\nPss:")
    except (OSError, ValueError):
        return 0


def _high_water(pid):
    try:
        return _kib(_read(f"/proc/{pid}/status"), b"\nVmHWM:")
    except (OSError, ValueError):
        return 0


def _name(pid):
    try:
        return f"{pid} {_read(f'/proc/{pid}/cmdline').replace(bytes(1), b' ').decode().strip()}"
    except OSError:
        return str(pid)


class Sampler:
    """Takes samples of one process family into a Report."""

    def __init__(self, pid):
        self.pid = pid
        self.report = Report()
        self._sums = []
        self._last = None

    def sample(self):
        """One sample; returns whether anything was alive."""
        parts = {pid: pss(pid) for pid in family(self.pid)}
        total = sum(parts.values())
        now = time.monotonic()
        if total == 0:
            return False
        report = self.report
        if self._last is not None:
            report.worst_gap_ms = max(report.worst_gap_ms, (now - self._last) * 1000)
        self._last = now
        report.samples += 1
        report.last_kib = total
        self._sums.append(total)
        for pid, part in parts.items():
            name, high_water = _name(pid), _high_water(pid)
            report.highest[name] = max(report.highest.get(name, 0), part)
            if high_water > 0 and " kill -STOP " not in name:     # the shell that held it
                report.high_water[name] = max(report.high_water.get(name, 0), high_water)
        if total > report.peak_kib:
            report.peak_kib = total
            report.peak_parts = {_name(pid): part for pid, part in parts.items()}
        return True

    def finish(self):
        """The Report, complete."""
        if self._sums:
            self.report.median_kib = sorted(self._sums)[len(self._sums) // 2]
        return self.report


def _follow(pid, interval_ms, ready=None):
    """Samples until the family has ended or SIGTERM or SIGINT comes."""
    stopped = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.append(True))
    with contextlib.suppress(PermissionError):
        # Before everything else, so that busy cores do not stretch the interval.
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    sampler = Sampler(pid)
    sampler.sample()
    if ready:
        ready()
    due = time.monotonic()
    while not stopped:
        if not sampler.sample():
            break
        due = max(due + interval_ms / 1000, time.monotonic())
        time.sleep(max(0.0, due - time.monotonic()))
    return sampler.finish()


@contextlib.contextmanager
def measured(pid, interval_ms=2.0):
    """Measures the family while the block runs; the Report is filled when it ends."""
    report = Report()
    with tempfile.TemporaryFile("w+") as out:
        popen = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", PYTHON, __file__, "--report", str(pid),
             str(interval_ms)], stdin=subprocess.DEVNULL, stdout=out)
        try:
            while popen.poll() is None and os.fstat(out.fileno()).st_size == 0:
                time.sleep(0.002)
            yield report
        finally:
            popen.terminate()
            popen.wait()
        out.seek(0)
        report.__dict__.update(json.loads(out.read().split("\n", 1)[1]))


def main():
    """For `measured`, and by hand."""
    words = [word for word in sys.argv[1:] if word != "--report"]
    for_report = len(words) < len(sys.argv) - 1
    interval_ms = float(words[1]) if len(words) > 1 else 2.0
    ready = (lambda: print("ready", flush=True)) if for_report else None
    report = _follow(int(words[0]), interval_ms, ready)
    print(json.dumps(report.__dict__) if for_report else report)


if __name__ == "__main__":
    main()
