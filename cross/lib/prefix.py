# SPDX-License-Identifier: Apache-2.0
"""Finished folders of the cache: built aside, renamed when whole, verified on every use."""

import contextlib
import os
import shutil

from common import Failure, folder, sha256

MANIFEST = "manifest.sha256"


@contextlib.contextmanager
def staging(final):
    """A folder that becomes `final` when the block ends well, and disappears when it does not.

    The caller holds the lock of `final`. The process id in the name keeps what a killed run may
    still be writing out of this one.
    """
    _forget(final.parent, final.name)
    aside = final.parent / f"{final.name}.building-{os.getpid()}"
    aside.mkdir(parents=True)
    try:
        yield aside
        _write_manifest(aside)
        aside.rename(final)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def work_folder(name):
    """An empty folder to build in; the caller holds the lock of `name`."""
    top = folder("work")
    _forget(top, name)
    path = top / f"{name}.building-{os.getpid()}"
    path.mkdir()
    return path


def _forget(top, name):
    for left in top.glob(f"{name}.building-*"):
        shutil.rmtree(left, ignore_errors=True)


def _write_manifest(top):
    lines = []
    for path in sorted(p for p in top.rglob("*") if p.is_file()):
        lines.append(f"{sha256(path)}  {path.relative_to(top)}\n")
    with open(top / MANIFEST, "w") as f:
        f.writelines(lines)
        f.flush()
        os.fsync(f.fileno())


def verify(top, again):
    """Every installed file must be there and unchanged; `again` is the command that builds anew."""
    way_out = f"\n  delete the folder and build it anew: rm -r '{top}' && {again}"
    if not (top / MANIFEST).exists():
        raise Failure(f"{top / MANIFEST} is missing{way_out}")
    for line in (top / MANIFEST).read_text().splitlines():
        digest, name = line.split("  ", 1)
        if not (top / name).exists():
            raise Failure(f"{top / name} is missing{way_out}")
        if sha256(top / name) != digest:
            raise Failure(f"{top / name} was altered since it was built{way_out}")

