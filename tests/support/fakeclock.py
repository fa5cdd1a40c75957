# SPDX-License-Identifier: Apache-2.0
"""A wall clock that the test sets: tests/e2e/clock/fake.c, loaded before a dynamic build."""

import os
import struct
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
NOBODY_SET_IT = 16_000_000  # microseconds, as the kernel starts with
DAY = 86400


def library():
    """The library that belongs to the build under test: LIMPET_BUILD, or preset `dev`."""
    build = Path(os.environ.get("LIMPET_BUILD") or ROOT / "build" / "dev")
    path = build / "tests" / "e2e" / "libfake_clock.so"
    if not path.exists():
        raise FileNotFoundError(f"{path} is missing: build it (cmake --preset dev &&"
                                " cmake --build build/dev), or name a build in LIMPET_BUILD")
    return path


class FakeClock:
    """What the processes that are started with `env` take for the time.

    It may be set while they run. `synced` is what the kernel tells of NTP.
    """

    def __init__(self, folder, days=0, synced=False):
        self._file = Path(folder) / "clock"
        self._file.parent.mkdir(parents=True, exist_ok=True)
        self.set(days, synced)
        asan = os.environ.get("ASAN_OPTIONS", "")
        self.env = {"LD_PRELOAD": str(library()), "FAKE_CLOCK": str(self._file),
                    "ASAN_OPTIONS": f"{asan}:verify_asan_link_order=0".lstrip(":")}

    def set(self, days, synced=False):
        """The clock is `days` ahead of the real one from now on."""
        self._write(int(days * DAY), synced)

    def set_1970(self):
        """As after a boot without a battery."""
        self._write(60 - int(time.time()), False)

    def _write(self, offset_s, synced):
        numbers = struct.pack("=qq", offset_s, 1000 if synced else NOBODY_SET_IT)
        mode = "r+b" if self._file.exists() else "w+b"
        with open(self._file, mode, buffering=0) as file:  # in place: it is mapped
            file.write(numbers)
