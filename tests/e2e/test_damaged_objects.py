# SPDX-License-Identifier: Apache-2.0
"""Git objects that the flash has lost or changed: noticed, fetched anew, and nothing is pruned."""

import subprocess
from pathlib import Path

from support.gitserver import git_environment
from support.sitefiles import small_site
from support.told import is_applied, wait_applied


def packs(site):
    """The packs of the site's object store."""
    return sorted((Path(site.limpet.config["stateDir"]) / "objects").rglob("store/*.pack"))


def damage_a_file(site):
    """Overwrites the content of one file in the store's only pack."""
    pack, = packs(site)
    listed = subprocess.run(["git", "verify-pack", "-v", pack], check=True, capture_output=True,
                            text=True, env=git_environment(site.folder)).stdout
    blobs = [line.split() for line in listed.splitlines() if " blob " in line]
    _, _, _, length, offset = max(blobs, key=lambda blob: int(blob[3]))[:5]
    pack.chmod(0o600)
    with open(pack, "r+b") as file:
        file.seek(int(offset) + 4)
        file.write(b"\0" * (int(length) - 4))


def another_till(site):
    """A file that no other is a delta of."""
    return {"zz/another.json": '{"apiVersion":"v1","kind":"ConfigMap",'
            '"metadata":{"name":"another"}}'}


def test_a_daemon_whose_objects_are_damaged_fetches_them_anew(site):
    site.limpet.start()
    wait_applied(site, site.repo.publish(small_site(site.prefix)))
    damage_a_file(site)

    second = site.repo.publish(another_till(site))

    wait_applied(site, second)
    assert len(packs(site)) == 1
    assert site.get("ConfigMap", "another") and site.get("ConfigMap", "till-1")


def test_a_sync_that_meets_damaged_objects_says_so_and_the_next_one_mends_them(site):
    first = site.repo.publish(small_site(site.prefix))
    site.limpet.ok("sync")
    damage_a_file(site)
    second = site.repo.publish(another_till(site))

    broken = site.limpet.run("sync")

    assert broken.code == 2 and "object" in broken.err
    assert is_applied(site.limpet.status(), first)
    assert site.get("ConfigMap", "till-1") and not site.get("ConfigMap", "another")
    site.limpet.ok("sync")
    assert is_applied(site.limpet.status(), second)
    assert site.get("ConfigMap", "another") and site.get("ConfigMap", "till-1")
