# SPDX-License-Identifier: Apache-2.0
"""`limpet rollback`: back to a stored revision from this device alone, and it stays there."""

import pytest

from support.sitefiles import keys, small_site
from support.told import is_applied, source, wait_applied, wait_idle
from support.waiting import wait_until


def version(site):
    """Which version of the site runs in the cluster."""
    return site.get("ConfigMap", "till-0")["data"]["version"]


@pytest.fixture
def two_revisions(site):
    """A site whose daemon has applied version 1 and then version 2, which lacks a till."""
    first = site.repo.publish(small_site(site.prefix, version="1"), "Version 1")
    site.limpet.start()
    wait_applied(site, first)
    site.repo.remove("till-2.yaml")
    second = site.repo.publish(small_site(site.prefix, tills=2, version="2"), "Version 2")
    wait_applied(site, second)
    site.first, site.second = first, second
    return site


def test_rollback_without_a_revision_goes_to_the_one_before(two_revisions):
    site = two_revisions
    assert version(site) == "2" and site.get("ConfigMap", "till-2") is None

    result = site.limpet.ok("rollback")

    assert "applied" in result.out
    assert version(site) == "1"
    assert site.missing(keys(small_site(site.prefix))) == []


@pytest.mark.parametrize("name", ["id", "commit", "beginning", "payload"])
def test_a_revision_is_named_as_history_shows_it(two_revisions, name):
    site = two_revisions
    revision = next(r for r in site.limpet.json("history")["revisions"]
                    if r["commit"] == site.first)

    site.limpet.ok("rollback", {"id": revision["id"], "commit": revision["commit"],
                                "beginning": revision["commit"][:8],
                                "payload": revision["payload"]}[name])

    assert version(site) == "1" and is_applied(site.limpet.status(), site.first)


def test_rollback_needs_no_git_server(two_revisions):
    site = two_revisions
    site.server.stop()

    site.limpet.ok("rollback")

    assert version(site) == "1"


def test_rollback_does_not_wait_for_a_git_server_that_hangs(two_revisions):
    site = two_revisions
    site.server.freeze()
    site.limpet.wait_status(lambda status: source(status)["doing"] == "fetching",
                            "a poll to hang")

    site.limpet.ok("rollback", timeout=10)

    assert version(site) == "1"


def test_a_pinned_device_fetches_and_verifies_but_applies_only_after_resume(two_revisions):
    site = two_revisions
    site.limpet.ok("rollback")
    third = site.repo.publish(small_site(site.prefix, tills=2, version="3"), "Version 3")

    site.limpet.wait_log(f"event=accepted .*{third}")
    status = wait_idle(site)

    assert version(site) == "1"
    assert source(status)["pinned"]["commit"] == site.first
    assert is_applied(status, site.first)
    assert third in [r["commit"] for r in site.limpet.json("history")["revisions"]]
    assert "newer ones wait for limpet resume" in site.limpet.run("status").out

    # The floor was raised by what was only accepted: what came before it is a rollback.
    site.repo.reset(site.second)
    site.repo.push()
    site.limpet.wait_status(lambda s: any(r["verdict"] == "rollback" and r["commit"] == site.second
                                          for r in source(s)["refused"]), "the old tip refused")
    site.repo.reset(third)
    site.repo.push()

    site.limpet.ok("resume")

    status = wait_applied(site, third)
    assert version(site) == "3" and source(status)["pinned"] is None
    assert site.get("ConfigMap", "till-2") is None


def test_the_pin_outlives_a_restart(two_revisions):
    site = two_revisions
    site.limpet.ok("rollback")
    site.limpet.kill()
    third = site.repo.publish(small_site(site.prefix, tills=2, version="3"), "Version 3")

    site.limpet.start()
    site.limpet.wait_log(f"event=accepted .*{third}")
    status = wait_idle(site)

    assert source(status)["pinned"]["commit"] == site.first and is_applied(status, site.first)
    assert version(site) == "1"
    assert site.limpet.stop() == 0
    assert source(site.limpet.status())["pinned"]["commit"] == site.first
    site.limpet.start()
    wait_idle(site)
    site.limpet.ok("resume")
    wait_until(lambda: version(site) == "3", "version 3")


def test_rollback_works_without_a_daemon_and_pins(two_revisions):
    site = two_revisions
    assert site.limpet.stop() == 0
    site.server.stop()

    site.limpet.ok("rollback")

    assert version(site) == "1"
    assert source(site.limpet.status())["pinned"]["commit"] == site.first


def test_rollback_of_a_revision_that_could_not_be_applied_goes_to_the_last_that_was(
        site_on_own_cluster):
    site = site_on_own_cluster
    for number in "12":
        applied = site.repo.publish(small_site(site.prefix, version=number), f"Version {number}")
        site.limpet.ok("sync")
    third = site.repo.publish(small_site(site.prefix, version="3"), "Version 3")
    site.cluster.stop_apiserver(hard=True)
    assert site.limpet.run("sync").code == 2
    assert source(site.limpet.status())["desired"]["commit"] == third
    site.cluster.start_apiserver()

    site.limpet.ok("rollback")

    assert version(site) == "2" and is_applied(site.limpet.status(), applied)
    assert source(site.limpet.status())["pinned"]["commit"] == applied


@pytest.mark.parametrize("daemon", [True, False], ids=["daemon", "no-daemon"])
def test_an_unknown_revision_is_an_error_and_nothing_changes(two_revisions, daemon):
    site = two_revisions
    if not daemon:
        site.limpet.stop()

    result = site.limpet.run("rollback", "deadbeef")

    assert result.code == 1 and "deadbeef" in result.err
    status = site.limpet.status()
    assert is_applied(status, site.second) and source(status)["pinned"] is None
    assert version(site) == "2"


def test_without_an_earlier_revision_there_is_nothing_to_go_back_to(site):
    commit = site.repo.publish(small_site(site.prefix), "Version 1")
    site.limpet.ok("sync")

    result = site.limpet.run("rollback")

    assert result.code == 1 and "limpet history" in result.err
    assert is_applied(site.limpet.status(), commit)
