# SPDX-License-Identifier: Apache-2.0
"""What `limpet status -o json` tells, and whether anything has changed at all."""

import shutil
import sqlite3
import tempfile
from contextlib import closing, contextmanager
from pathlib import Path

from support.sitefiles import keys


def source(status):
    """The part of the status about the one source."""
    return status["sources"][0]


def is_applied(status, commit):
    """Whether this commit is applied, whole."""
    now = source(status)["applied"]
    return bool(now) and now["commit"] == commit and now["state"] == "applied"


def refusal(status, commit):
    """What is told of a refused commit; None when it is not among the refused."""
    return next((r for r in source(status)["refused"] if r["commit"] == commit), None)


def judged(site, verdict):
    """How many tips had this verdict so far, however the device was asked and restarted."""
    return source(site.limpet.status())["verdicts"][verdict]


def wait_applied(site, commit, timeout=30.0):
    """Waits until the commit is applied, and a daemon that was started says so; returns the status."""
    return site.limpet.wait_status(
        lambda status: is_applied(status, commit) and (not site.limpet.daemon or "daemon" in status),
        f"{commit} to be applied", timeout)


def wait_refused(site, commit, timeout=30.0):
    """Waits until the commit is refused; returns what is told of it."""
    return refusal(site.limpet.wait_status(lambda status: refusal(status, commit),
                                           f"{commit} to be refused", timeout), commit)


def wait_idle(site, timeout=30.0):
    """Waits until the daemon answers and rests; returns the status."""
    return site.limpet.wait_status(lambda status: source(status).get("doing") == "idle",
                                   "the daemon at rest", timeout)


@contextmanager
def stored(site):
    """The store as a SQLite connection, whose rows can be read by name. It is to a copy: a daemon
    keeps its own to itself."""
    with tempfile.TemporaryDirectory() as folder:
        for file in site.limpet.state_dir.glob("limpet.db*"):
            shutil.copy(file, folder)
        with closing(sqlite3.connect(Path(folder) / "limpet.db")) as db:
            db.row_factory = sqlite3.Row
            yield db


def settled(site):
    """Waits until the daemon rests and sees every change of what it has applied."""
    site.limpet.wait_status(lambda status: source(status)["drift"]["watching"], "all kinds to be watched")
    wait_idle(site)


def watched(site, commit):
    """Waits until the commit is applied and watched."""
    wait_applied(site, commit)
    settled(site)


def events(site, kind=None):
    """What happened, as `limpet events` tells it, of this kind or of all."""
    return [event for event in site.limpet.json("events")["events"]
            if kind in (None, event["kind"])]


def stored_floor(site):
    """The trust floor as the store has it, every payload that was ever accepted, and the copies
    beside it."""
    beside = {file.name: file.read_bytes() for file in site.limpet.state_dir.glob("floor-*")}
    with stored(site) as db:
        tables = {table: sorted(map(tuple, db.execute(f"SELECT * FROM {table}")))  # noqa: S608
                  for table in ("floor", "accepted_payload")}
    return {**beside, **tables}


def picture(site, files):
    """What must stay as it is: the objects of `files` in the cluster (each by uid and
    resourceVersion, so that a write shows), the revisions in the store, and the trust floor."""
    def seen(key):
        found = site.cluster.api.get(key.kind, key.name, key.namespace or site.namespace)
        meta = found and found["metadata"]
        return meta and (meta["uid"], meta["resourceVersion"])

    told = source(site.limpet.status())
    return {"cluster": {key: seen(key) for key in keys(files)},
            "history": site.limpet.json("history"),
            "floor": stored_floor(site),
            "store": {key: told[key] for key in ("desired", "applied", "pinned", "inventory")}}


@contextmanager
def nothing_changes(site, files):
    """Asserts that the cluster and the store are after the block as they were before."""
    before = picture(site, files)
    yield
    assert picture(site, files) == before
