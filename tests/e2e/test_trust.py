# SPDX-License-Identifier: Apache-2.0
"""Attacks on the branch of a running device: each is refused by name, nothing changes, and the
next honest push is accepted."""

import re

import pytest

from support.attack import signed
from support.gitserver import git_environment
from support.sitefiles import small_site
from support.siterepo import make_key, write_allowed_signers
from support.told import (is_applied, nothing_changes, refusal, source, wait_applied, wait_idle,
                          wait_refused)
from support.waiting import wait_until

WHEN = {"GIT_AUTHOR_DATE": "1750000000 +0000", "GIT_COMMITTER_DATE": "1750000000 +0000"}


def files(site, version):
    return small_site(site.prefix, version=version)


@pytest.fixture
def device(site):
    """A site whose daemon has applied two honest commits."""
    site.first = site.repo.publish(files(site, "1"), "Version 1")
    site.limpet.start()
    wait_applied(site, site.first)
    site.second = site.repo.publish(files(site, "2"), "Version 2")
    wait_applied(site, site.second)
    return site


def honest_push(site, base=None):
    """The next honest commit, on `base` (by default on the last honest one), is applied."""
    site.repo.reset(base or site.second)
    commit = site.repo.publish(files(site, "honest"), "An honest change")
    wait_applied(site, commit)
    assert site.get("ConfigMap", "till-0")["data"]["version"] == "honest"


def refused(site, commit, verdict):
    """Asserts that the commit is refused by that name with a reason; returns what is told."""
    told = wait_refused(site, commit)
    assert told["verdict"] == verdict and told["reason"] and told["tip"]
    status = site.limpet.status()
    assert status["health"] == "degraded" and is_applied(status, site.second)
    assert any(verdict in reason for reason in status["reasons"])
    assert site.limpet.run("status").code == 1
    return told


def unsigned_commit(site, version="evil"):
    """The bytes of an unsigned commit on the last honest one, whose tree is on the server."""
    site.repo.write(files(site, version))
    site.repo.commit("An unsigned change", sign=False)
    data = site.repo.commit_object()
    site.repo.push("elsewhere")
    site.repo.reset(site.second)
    return data


def test_an_unsigned_commit_is_refused(device):
    with nothing_changes(device, files(device, "2")):
        commit = device.repo.publish(files(device, "evil"), sign=False)
        refused(device, commit, "unsigned")
    honest_push(device)


def test_a_commit_by_an_unknown_signer_is_refused_and_the_key_is_named(device):
    mallory = device.stranger()
    with nothing_changes(device, files(device, "2")):
        commit = device.repo.publish(files(device, "evil"), key=mallory)
        told = refused(device, commit, "unknown-signer")
    assert mallory.fingerprint in told["reason"]
    honest_push(device)


@pytest.mark.parametrize("alteration", ["message", "tree", "namespace"])
def test_a_signature_that_does_not_fit_is_refused(device, alteration):
    site = device
    if alteration == "namespace":
        data = signed(unsigned_commit(site), site.key, namespace="file")
    else:
        site.repo.write(files(site, "evil"))
        site.repo.commit("An honest change")
        data = site.repo.commit_object()
        site.repo.push("elsewhere")
        old_tree = site.repo.git("rev-parse", f"{site.second}^{{tree}}").encode()
        data = (data.replace(b"An honest", b"A changed") if alteration == "message"
                else re.sub(rb"tree [0-9a-f]{40}", b"tree " + old_tree, data, count=1))
    with nothing_changes(site, files(site, "2")):
        commit = site.repo.commit_raw(data)
        refused(site, commit, "bad-signature")
    honest_push(site)


def test_a_commit_that_no_git_writes_is_malformed(device):
    second_tree = b"\ntree " + b"0" * 40 + b"\ncommitter "
    data = unsigned_commit(device).replace(b"\ncommitter ", second_tree)
    with nothing_changes(device, files(device, "2")):
        commit = device.repo.commit_raw(signed(data, device.key))
        refused(device, commit, "malformed")
    honest_push(device)


def test_a_push_back_to_an_accepted_commit_is_a_rollback(device):
    with nothing_changes(device, files(device, "2")):
        device.repo.reset(device.first)
        device.repo.push()
        refused(device, device.first, "rollback")
    honest_push(device)


def test_a_push_back_to_an_ancestor_that_was_never_applied_is_a_rollback_too(site):
    ancestor = site.repo.publish(files(site, "0"), "Version 0")
    site.first = site.second = site.repo.publish(files(site, "1"), "Version 1")
    site.limpet.start()
    wait_applied(site, site.second)

    with nothing_changes(site, files(site, "1")):
        site.repo.reset(ancestor)
        site.repo.push()
        told = wait_refused(site, ancestor)
    assert told["verdict"] in ("rollback", "diverged")
    honest_push(site)


@pytest.mark.parametrize("filter_allowed", [True, False], ids=["filter", "deepen"])
def test_a_rewritten_history_has_diverged(device, filter_allowed):
    site = device
    site.remote.allow_filter(filter_allowed)
    with nothing_changes(site, files(site, "2")):
        site.repo.reset(site.first)
        commit = site.repo.publish(files(site, "evil"), "Another history")
        refused(site, commit, "diverged")
    honest_push(site)


def test_a_commit_without_any_common_history_has_diverged(device):
    site = device
    with nothing_changes(site, files(site, "2")):
        site.repo.git("checkout", "-q", "--orphan", "new-beginning")
        commit = site.repo.publish(files(site, "evil"), "A new beginning")
        refused(site, commit, "diverged")
    site.repo.git("checkout", "-q", "-f", site.branch)
    honest_push(site)


@pytest.mark.parametrize("filter_allowed", [True, False], ids=["filter", "deepen"])
def test_many_honest_commits_at_once_are_one_step_forward(device, filter_allowed):
    device.remote.allow_filter(filter_allowed)
    for number in range(20):
        device.repo.write(files(device, f"{number}"))
        device.repo.commit(f"Step {number}")
    commit = device.repo.push()

    wait_applied(device, commit)

    assert device.get("ConfigMap", "till-0")["data"]["version"] == "19"


def test_an_honest_commit_on_top_of_an_unsigned_one_is_refused_until_that_is_signed(device):
    commit = device.repo.publish(files(device, "3"), sign=False)
    refused(device, commit, "unsigned")
    on_top = device.repo.publish(files(device, "4"))
    told = refused(device, on_top, "unsigned")
    assert f"commit {commit} below the tip" in told["reason"]
    honest_push(device)


def test_a_twin_with_a_broken_signature_neither_passes_nor_blocks_the_honest_commit(device):
    site = device
    site.repo.write(files(site, "3"))
    site.repo.commit("Version 3")
    honest = site.repo.commit_object()
    site.repo.push("elsewhere")
    armor = re.search(rb"gpgsig -----BEGIN SSH SIGNATURE-----\n((?: .*\n)+?) -----END", honest)
    lines = armor.group(1).splitlines(keepends=True)
    # A letter in the middle of the signature's own bytes: the payload stays what it was.
    broken = lines[-2][:20] + (b"A" if lines[-2][20:21] != b"A" else b"B") + lines[-2][21:]
    twin_data = honest.replace(lines[-2], broken)
    assert twin_data != honest

    with nothing_changes(site, files(site, "2")):
        twin = site.repo.commit_raw(twin_data)
        refused(site, twin, "bad-signature")

    commit = site.repo.push()
    assert commit != twin
    wait_applied(site, commit)
    assert refusal(site.limpet.status(), commit) is None


def test_a_twin_of_the_running_revision_is_no_news_and_no_obstacle(site):
    """ECDSA signs anew each time: the same payload has another object id, with a good signature."""
    ecdsa = make_key(site.folder / "keys", "ecdsa@example.com", "ecdsa256")
    write_allowed_signers(site.signers, site.key, ecdsa)
    site.repo.write(files(site, "1"))
    site.repo.git("add", "-A")

    def commit():
        env = {**git_environment(site.repo.home), **WHEN}
        site.repo.git("-c", f"user.signingkey={ecdsa.path}", "commit", "-q", "--amend", "-S",
                      "-m", "Version 1", env=env)
        return site.repo.tip()

    site.repo.commit("to be amended")
    first, twin = commit(), commit()
    assert first != twin
    site.repo.git("push", "-q", site.remote.path, f"{first}:refs/heads/{site.branch}")
    site.limpet.start()
    wait_applied(site, first)

    with nothing_changes(site, files(site, "1")):
        site.repo.push()
        polls = source(site.limpet.status())["traffic"]["polls"]
        status = site.limpet.wait_status(
            lambda s: source(s)["traffic"]["polls"] >= polls + 2, "two polls of the twin")
        assert source(status)["refused"] == [] and is_applied(status, first)

    third = site.repo.publish(files(site, "2"), "Version 2", key=ecdsa)
    wait_applied(site, third)


def requests_of_polls(site, polls):
    """How many requests reach the Git server during so many polls; a fetch takes more than one."""
    def counts():
        return (source(site.limpet.status())["traffic"]["polls"],
                len(site.server.requests(site.remote)))

    polls_before, requests_before = counts()
    wait_until(lambda: counts()[0] >= polls_before + polls, f"{polls} polls")
    polls_after, requests_after = counts()
    return requests_after - requests_before, polls_after - polls_before


def test_a_refused_tip_is_not_fetched_again(device):
    commit = device.repo.publish(files(device, "evil"), sign=False)
    refused(device, commit, "unsigned")
    wait_idle(device)

    requests, polls = requests_of_polls(device, 4)

    assert requests <= polls + 1, "a poll of a known tip is one request"
    assert source(device.limpet.status())["verdicts"]["unsigned"] == 1
    assert device.limpet.log().count("event=refused") == 1


def test_a_refused_tip_is_not_fetched_again_after_a_restart_either(device):
    commit = device.repo.publish(files(device, "evil"), sign=False)
    refused(device, commit, "unsigned")
    device.limpet.stop()

    device.limpet.start()
    device.limpet.wait_status(lambda s: source(s)["traffic"]["polls"] >= 2, "two polls")

    assert source(device.limpet.status())["verdicts"]["unsigned"] == 1
    assert refusal(device.limpet.status(), commit)["tip"]


def test_a_refused_tip_is_judged_again_when_the_signers_file_changes(device):
    friend = device.stranger("friend@example.com")
    commit = device.repo.publish(files(device, "3"), key=friend)
    refused(device, commit, "unknown-signer")

    write_allowed_signers(device.signers, device.key, friend)

    status = wait_applied(device, commit)
    assert source(status)["applied"]["signer"] == "friend@example.com"
    assert refusal(status, commit) is None
    assert device.get("ConfigMap", "till-0")["data"]["version"] == "3"


def test_a_refused_tip_is_judged_again_when_a_person_says_sync(device):
    commit = device.repo.publish(files(device, "evil"), sign=False)
    refused(device, commit, "unsigned")
    wait_idle(device)
    before = source(device.limpet.status())["verdicts"]["unsigned"]

    result = device.limpet.run("sync")

    assert result.code == 1 and "unsigned" in result.err
    assert source(device.limpet.status())["verdicts"]["unsigned"] == before + 1
    assert refusal(device.limpet.status(), commit)["count"] >= 2


def test_a_broken_signers_file_stops_judging_and_loses_nothing(device):
    good = device.signers.read_text()
    device.signers.write_text("ops@example.com ssh-ed25519 not-base64!\n")
    with nothing_changes(device, files(device, "2")):
        device.repo.publish(files(device, "3"), "Version 3")
        status = device.limpet.wait_status(
            lambda s: source(s)["failedPolls"] > 1 and s["health"] == "degraded",
            "health to show that nothing can be judged", 60)
        assert f"{device.signers}:1: " in source(status)["error"]
        assert any(str(device.signers) in reason for reason in status["reasons"])
    device.signers.write_text(good)
    device.limpet.ok("sync")
    status = wait_applied(device, device.repo.tip())
    assert source(status)["failedPolls"] == 0 and "error" not in source(status)
