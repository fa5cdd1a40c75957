# SPDX-License-Identifier: Apache-2.0
"""Good commits at the wrong place or the wrong time: another site's, another repository's, an
expired one, two with one sequence. Each is refused by name, nothing changes, and the next honest
push is accepted."""

import pytest

from support.attack import (REPO_ID, accepted, begin, good, limpet_yaml, publish, refused, serve,
                            trust)
from support.told import (judged, nothing_changes, refusal, source, wait_applied,
                          wait_refused)

OTHER_ID = "00112233445566778899aabbccddeeff"
PAST, FUTURE = "2020-01-01T00:00:00Z", "2099-01-01T00:00:00Z"


@pytest.fixture
def device(site):
    """A device that takes nothing but what is bound to it; it has applied two such commits."""
    trust(site, repo=REPO_ID, binding="required")
    return begin(site, sequence=None)


@pytest.fixture
def loose(site):
    """A device as it is by default: it knows no repository and demands no limpet.yaml."""
    return begin(site)


def attack(site, verdict, *words, files=None, **binding):
    """A commit that the operator signed and that says this; refused, and nothing changes."""
    with nothing_changes(site, good(site, "2")):
        commit = site.repo.publish(files or good(site, "evil", **binding), "Not for this device")
        refused(site, commit, verdict, *words)
    site.repo.reset(site.second)
    return commit


def honest(site, **binding):
    """The next honest push on the last honest one is accepted."""
    return publish(site, "honest", **binding)


def other_branch(site, audience="[site/munich]", **binding):
    """The operator's commit for another site, on that site's branch; it is on the server."""
    commit = site.repo.publish(good(site, "munich", audience=audience, **binding), "For Munich")
    site.repo.push("site/munich")
    site.repo.reset(site.second)
    site.repo.push()
    return commit


def begin_anew(site, version, **binding):
    """A commit that does not descend from the accepted one: the branch, begun again."""
    site.repo.git("checkout", "-q", "--orphan", f"anew-{version}")
    return site.repo.publish(good(site, version, **binding), "A new beginning")


# --- for whom -----------------------------------------------------------------------------------


def test_another_sites_commit_served_on_this_branch_is_for_another_audience(device):
    munich = other_branch(device)
    with nothing_changes(device, good(device, "2")):
        refused(device, serve(device, munich), "wrong-audience", "site/munich", "site/demo")
    honest(device, sequence=None)


def test_another_repository_of_the_same_signers_is_refused_by_its_id(device):
    """The server shows the device a commit of another repository, which the operator signed too."""
    attack(device, "wrong-repo", OTHER_ID, REPO_ID, repo=OTHER_ID)
    honest(device, sequence=None)


def test_a_commit_without_limpet_yaml_is_unbound(device):
    device.repo.remove("limpet.yaml")
    attack(device, "unbound", "limpet.yaml", files=good(device, "evil"))
    attack(device, "unbound", "audience", audience=None)
    attack(device, "unbound", "repo", repo=None)
    honest(device, sequence=None)


def test_a_limpet_yaml_beside_the_path_binds_nothing(device):
    """Only the one at the root of the source's path counts: another may be another site's."""
    device.repo.remove("limpet.yaml")
    attack(device, "unbound", files={**good(device, "evil"), "docs/limpet.yaml": limpet_yaml()})
    honest(device, sequence=None)


def test_a_key_that_limpet_yaml_does_not_know_is_malformed_with_the_nearest_one(device):
    attack(device, "malformed", "limpet.yaml:4: audiense", "audience",
           audience="[site/demo]", audiense="[site/munich]")
    honest(device, sequence=None)


@pytest.mark.parametrize("audience", ["[site/d*]", "[site/munich, group/till-*]"])
def test_a_pattern_and_a_group_are_an_audience_too(device, audience):
    device.limpet.config["groups"] = ["north", "till-2"]
    device.limpet.write_config()
    honest(device, audience=audience)


def test_without_binding_another_sites_commit_gets_in(loose):
    """What the README says an absent binding lets in; a limpet.yaml in the tree is heeded."""
    site = loose
    attack(site, "wrong-audience", audience="[site/munich]")
    munich = site.repo.publish(good(site, "munich"), "For Munich, and nothing says so")
    site.repo.push("site/munich")
    serve(site, munich)

    accepted(site, munich)

    assert site.get("ConfigMap", "till-0")["data"]["version"] == "munich"


def test_without_binding_a_higher_sequence_gets_in_wherever_it_comes_from(loose):
    """It says that the branch was begun anew, and nothing says whose branch."""
    site = loose
    with nothing_changes(site, good(site, "2")):
        refused(site, begin_anew(site, "other", repo=None, audience=None), "diverged")
    accepted(site, begin_anew(site, "numbered", repo=None, audience=None, sequence=1))


def test_a_device_that_knows_its_repository_heeds_it_also_when_nothing_is_demanded(loose):
    trust(loose, repo=REPO_ID)
    attack(loose, "wrong-repo", OTHER_ID, repo=OTHER_ID)
    honest(loose)


# --- until when ---------------------------------------------------------------------------------


def test_a_new_tip_past_its_own_end_is_expired(device):
    attack(device, "expired", PAST, expires=PAST)
    honest(device, expires=FUTURE)


def test_a_device_that_never_accepted_anything_refuses_an_expired_tip_too(site):
    """A frozen server shows a new device what was good years ago."""
    trust(site, repo=REPO_ID, binding="required")
    commit = site.repo.publish(good(site, "1", expires=PAST))
    result = site.limpet.run("sync")
    assert result.code == 1 and refusal(site.limpet.status(), commit)["verdict"] == "expired"
    assert site.get("ConfigMap", "till-0") is None
    assert source(site.limpet.status())["desired"] is None
    publish(site, "2", expires=FUTURE)


# --- in which order -----------------------------------------------------------------------------


@pytest.fixture
def counted(site):
    """A device whose accepted revision has sequence 7."""
    trust(site, repo=REPO_ID, binding="required")
    site.first = publish(site, "1", sequence=6)
    site.second = publish(site, "2", sequence=7)
    return site


def test_two_revisions_with_one_sequence_are_an_equivocation(counted):
    attack(counted, "equivocation", "sequence 7", sequence=7)
    honest(counted, sequence=8)


def test_a_lower_sequence_is_a_rollback_also_when_it_descends(counted):
    attack(counted, "rollback", "its sequence is 5, and 7", sequence=5)
    honest(counted, sequence=8)


def test_a_branch_begun_anew_is_accepted_with_a_higher_sequence_and_diverged_without(counted):
    site = counted
    with nothing_changes(site, good(site, "2")):
        refused(site, begin_anew(site, "none", sequence=None), "diverged")
        refused(site, begin_anew(site, "same", sequence=7), "equivocation")
        refused(site, begin_anew(site, "lower", sequence=6), "rollback")
    accepted(site, begin_anew(site, "anew", sequence=8))
    assert site.get("ConfigMap", "till-0")["data"]["version"] == "anew"
    site.repo.reset(site.second)
    attack(site, "rollback", "7", sequence=7)       # the branch that was left
    site.repo.git("checkout", "-q", "-f", "anew-anew")
    honest(site, sequence=9)


def test_the_sequence_is_remembered_across_a_restart(counted):
    """The daemon refuses, is started again, and neither asks again nor takes the next lower one."""
    site = counted
    with nothing_changes(site, good(site, "2")):
        second = site.repo.publish(good(site, "evil", sequence=7), "Another seventh")
        site.limpet.start()
        assert wait_refused(site, second)["verdict"] == "equivocation"
        assert judged(site, "equivocation") == 1
        site.limpet.stop()
        site.limpet.start()
        site.limpet.wait_status(lambda s: source(s)["traffic"]["polls"] >= 2, "two polls")
        assert judged(site, "equivocation") == 1
        site.repo.reset(site.second)
        lower = site.repo.publish(good(site, "evil", sequence=6), "A second sixth")
        assert wait_refused(site, lower)["verdict"] == "rollback"
    site.repo.reset(site.second)
    wait_applied(site, site.repo.publish(good(site, "honest", sequence=8)))
