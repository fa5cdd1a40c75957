# SPDX-License-Identifier: Apache-2.0
"""The main road: a signed push reaches the cluster, and only such a push."""

from support.sitefiles import keys
from support.waiting import wait_until


def applied(status, commit):
    """Whether the status says that this commit is applied, whole."""
    now = status["sources"][0]["applied"]
    return bool(now) and now["commit"] == commit and now["state"] == "applied"


def test_one_sync_brings_a_signed_commit_into_the_cluster(site):
    commit = site.publish_demo()

    result = site.limpet.run("sync")

    assert result.code == 0, result.err
    assert site.missing(keys(site.demo_files())) == []
    assert applied(site.limpet.status(), commit)


def test_a_daemon_follows_the_branch_and_prunes_what_is_removed(site):
    first = site.publish_demo()
    site.limpet.start()
    site.limpet.wait_status(lambda status: applied(status, first), "the first commit applied")

    files = site.demo_files(image_tag="4.3.0")
    before, gone = keys(site.demo_files()), None
    name = next(name for name in files if "network" in name or "policy" in name or "job" in name)
    gone = set(before) - set(keys({k: v for k, v in files.items() if k != name}))
    site.repo.write(files)
    site.repo.remove(name)
    second = site.repo.publish(message="A new till, and something goes")
    site.limpet.wait_status(lambda status: applied(status, second), "the second commit applied")

    assert gone
    wait_until(lambda: len(site.missing(gone)) == len(gone), "the removed objects to be pruned")
    assert site.missing(set(before) - gone) == []
    assert site.limpet.stop() == 0
