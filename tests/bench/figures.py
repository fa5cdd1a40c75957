# SPDX-License-Identifier: Apache-2.0
"""What the benches share: the binary that ships, figures beside their bars, applied revisions."""

import os
import platform
from datetime import datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
RELEASES = {"x86_64": "release-x86_64", "aarch64": "release-arm64", "armv7l": "release-armhf"}


def release(machine=None):
    """The static binary for a machine, this one by default."""
    return ROOT / "build" / RELEASES[machine or platform.machine()] / "limpet"


def use_release():
    """Benches measure what ships, unless LIMPET_BIN names another binary."""
    os.environ.setdefault("LIMPET_BIN", str(release()))


def figure(name, value, bar, unit="", more=""):
    """Prints a figure beside its bar and asserts it."""
    good = value <= bar
    print(f"\nFIGURE {name}: {value:,.2f} {unit} (bar {bar:,.2f}) {'ok' if good else 'MISSED'}"
          f"{'  ' + more if more else ''}", flush=True)
    assert good, f"{name}: {value} {unit} is over the bar of {bar}"


def is_applied(status, commit):
    """Whether the status says that this commit is applied, whole."""
    now = status["sources"][0]["applied"]
    return bool(now) and now["commit"] == commit and now["state"] == "applied"


def wait_applied(limpet, commit, timeout=600):
    """Waits until commit is applied; returns the status."""
    return limpet.wait_status(lambda status: is_applied(status, commit),
                              f"{commit[:12]} applied", timeout)


def when(stamp):
    """Seconds since 1970 of a time in an audit event."""
    return datetime.fromisoformat(stamp.replace("Z", "+00:00")).timestamp()
