# SPDX-License-Identifier: Apache-2.0
"""SIGKILL at random moments of a sync: it ends converged, nothing is pruned that should be there,
and the database is sound."""

import os
import random
import shutil
import sqlite3
import time
from pathlib import Path

from support.limpet import binary
from support.processes import spawn
from support.sitefiles import keys, small_site, synthetic_files
from support.told import is_applied

ROUNDS = 200 if os.environ.get("LIMPET_LONG") else 50
ROUNDS_A_LOOK = 10      # after so many kills one sync may end
SEED = int(os.environ.get("LIMPET_SEED") or random.randrange(1 << 32))
CHANGING = 6            # tills that come and go


def what_is_wrong(database, folder):
    """What SQLite finds wrong with a copy of the store; the store itself is not touched."""
    copy = Path(folder) / "copy.db"
    for suffix in ("", "-wal"):
        copy.with_name(copy.name + suffix).unlink(missing_ok=True)
        if Path(f"{database}{suffix}").exists():
            shutil.copy(f"{database}{suffix}", f"{copy}{suffix}")
    connection = sqlite3.connect(copy)
    try:
        answer = connection.execute("PRAGMA integrity_check").fetchall()
        answer += connection.execute("PRAGMA foreign_key_check").fetchall()
    finally:
        connection.close()
    return [row for row in answer if row != ("ok",)]


class Shop:
    """A site that changes with each push: some tills stay for ever, others come and go."""

    def __init__(self, site, rng):
        self.site = site
        self.rng = rng
        self.stays = synthetic_files(40, site.prefix, namespace=site.namespace,
                                     with_namespace=False) | small_site(site.prefix, tills=1)
        self.now = {}

    def push(self, number):
        """A commit with some of the changing tills, all of them changed; returns its id."""
        made = small_site(self.site.prefix, tills=CHANGING, version=str(number))
        there = {name for name in made if self.rng.random() < 0.6}
        self.now = {**{name: made[name] for name in there}, **self.stays}
        self.site.repo.clear()
        return self.site.repo.publish(self.now, f"Change {number}")

    def uids(self):
        """The objects that must never go, by uid."""
        api = self.site.cluster.api
        return {key: (found := api.get(key.kind, key.name, key.namespace))
                and found["metadata"]["uid"] for key in keys(self.stays)}

    def is_converged(self):
        """Whether exactly what was pushed last is in the cluster, as it was pushed."""
        def version(name):
            found = self.site.get("ConfigMap", name)
            return found and found["data"]["version"]

        wanted = {key.name: key for key in keys(self.now) if key.name.startswith("till-")}
        there = {f"till-{n}": version(f"till-{n}") for n in range(CHANGING)}
        return all((there[name] is not None) == (name in wanted) for name in there) \
            and self.site.missing(keys(self.now)) == []


def kill_in_the_middle(site, command, seconds):
    """Starts the subcommand and kills it with all its roles so many seconds later."""
    process = spawn([*binary(), command, "--config", site.limpet.config_file], name="killed",
                    folder=site.limpet.folder,
                    env={"PATH": os.environ["PATH"], "HOME": str(site.limpet.folder)})
    time.sleep(seconds)     # the moment: this is no waiting for anything
    process.kill()


def test_sigkill_at_any_moment_of_a_sync_ends_converged(site):
    rng = random.Random(SEED)
    print(f"LIMPET_SEED={SEED}, {ROUNDS} rounds")
    shop = Shop(site, rng)
    database = site.limpet.state_dir / "limpet.db"
    shop.push(0)
    site.limpet.ok("sync")
    shop.push(0)
    started = time.monotonic()
    site.limpet.ok("sync")
    longest = 1.1 * (time.monotonic() - started)
    before = shop.uids()
    assert None not in before.values() and shop.is_converged()
    moments = {"before": 0, "accepted": 0, "applied": 0}

    for number in range(1, ROUNDS + 1):
        commit = shop.push(number)
        # Mostly a sync, which fetches first; sometimes a daemon, which applies what it has first.
        kill_in_the_middle(site, "run" if rng.random() < 0.2 else "sync",
                           rng.uniform(0, longest))

        assert what_is_wrong(database, site.folder) == [], f"round {number}"
        status = site.limpet.status()
        desired = status["sources"][0]["desired"]["commit"]
        moments["applied" if is_applied(status, commit) else
                "accepted" if desired == commit else "before"] += 1
        if number % ROUNDS_A_LOOK == 0 or number == ROUNDS:
            assert shop.uids() == before, f"round {number}: an object was deleted"
            site.limpet.ok("sync")
            assert is_applied(site.limpet.status(), commit) and shop.is_converged()
            assert shop.uids() == before, f"round {number}: an object was deleted"

    print(moments)
    assert moments["before"] and moments["accepted"], "the kills hit the sync, early and late"
