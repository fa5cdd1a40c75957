# SPDX-License-Identifier: Apache-2.0
"""The trust floor outlives what holds it: a lost or restored state never lets an old commit in."""

import re
import shutil
from pathlib import Path

import pytest

from support.sitefiles import small_site
from support.told import is_applied, nothing_changes, refusal, source, stored_floor, wait_idle


def files(site, version):
    return small_site(site.prefix, version=version)


def publish(site, version):
    """Pushes that version and applies it; its object id."""
    commit = site.repo.publish(files(site, version), f"Version {version}")
    site.limpet.ok("sync")
    return commit


@pytest.fixture
def device(site):
    """A site that has applied two commits, without a daemon."""
    site.first = publish(site, "1")
    site.second = publish(site, "2")
    return site


def runs(site):
    return site.get("ConfigMap", "till-0")["data"]["version"]


def parent(site):
    return site.cluster.api.get("ConfigMap", "limpet-site", f"{site.prefix}-limpet")


def kept(site, commit):
    """A sync that the branch's old or foreign tip does not get past; what is told of it."""
    result = site.limpet.run("sync")
    assert result.code == 1, result.err
    return refusal(site.limpet.status(), commit)


def mend(site):
    """The next honest push is accepted and applied, and nothing of ours was pruned."""
    site.repo.reset(site.second)
    commit = publish(site, "3")
    assert is_applied(site.limpet.status(), commit) and runs(site) == "3"


def serve(site, commit):
    site.remote.set_branch("site/demo", commit)


def silence_the_parent(site):
    site.cluster.kubectl("annotate", "configmap", "limpet-site", "limpet.dev/floor-",
                         "-n", f"{site.prefix}-limpet")


def lose(site, *patterns):
    for pattern in patterns:
        found = list(site.limpet.state_dir.glob(pattern))
        assert found, pattern
        for path in found:
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def test_every_accept_raises_the_counter_of_all_three_copies(device):
    (row,) = stored_floor(device)["floor"]
    texts = sorted(path.read_text() for path in device.limpet.state_dir.glob("floor-site.?"))
    assert len(texts) == 2 and "\ncounter 1\n" in texts[0] and "\ncounter 2\n" in texts[1]
    assert device.second in texts[1]
    says = parent(device)["metadata"]["annotations"]["limpet.dev/floor"]
    assert says.startswith("counter=2 ") and says.endswith(f"commit={device.second}")
    assert 2 in row
    told = source(device.limpet.status())["floor"]
    assert (told["counter"], told["commit"], told["stored"]) == (2, device.second, True)


@pytest.mark.parametrize("old", ["first", "sibling"])
def test_without_its_store_the_device_goes_by_the_files_beside_it(device, old):
    silence_the_parent(device)
    lose(device, "limpet.db*", "objects")
    commit = device.first
    if old == "sibling":
        device.repo.reset(device.first)
        commit = device.repo.publish(files(device, "other"))
    serve(device, commit)
    told = kept(device, commit)
    assert told["verdict"] in ("rollback", "diverged") and runs(device) == "2"
    status = device.limpet.status()
    assert not source(status)["floor"]["stored"] and source(status)["floor"]["counter"] == 2
    assert any("the branch must bring that" in reason for reason in status["reasons"])
    serve(device, device.second)
    assert "event=floor-recovered" not in device.limpet.ok("sync").err  # told once, above
    assert is_applied(device.limpet.status(), device.second)
    mend(device)


def test_one_damaged_file_is_told_and_the_other_copies_hold(device):
    """The newest file is the damaged one: what the cluster was told is newer than the other."""
    (newest,) = [path for path in device.limpet.state_dir.glob("floor-site.?")
                 if "\ncounter 2\n" in path.read_text()]
    newest.write_text(newest.read_text().replace("counter 2", "counter 9"))
    lose(device, "limpet.db*")
    serve(device, device.first)
    result = device.limpet.run("sync")
    assert result.code == 1 and "event=floor-copy-damaged" in result.err
    assert refusal(device.limpet.status(), device.first)["verdict"] == "rollback"
    assert runs(device) == "2"
    serve(device, device.second)
    device.limpet.ok("sync")
    mend(device)


def restore_old_state(site):
    """Applies a third commit, then puts the state of before back; the third one's object id."""
    old = site.limpet.folder / "old-state"
    shutil.copytree(site.limpet.state_dir, old)
    third = publish(site, "3")
    shutil.rmtree(site.limpet.state_dir)
    shutil.copytree(old, site.limpet.state_dir)
    return third


def test_a_restored_old_state_is_noticed_by_what_the_cluster_was_told(device):
    """A disk image of last month, and a server that serves last month's commit with it."""
    third = restore_old_state(device)
    serve(device, device.second)

    result = device.limpet.run("sync")
    assert "event=floor-recovered" in result.err and "from=cluster" in result.err
    assert runs(device) == "3"
    assert is_applied(device.limpet.status(), device.second)  # what the old state believes
    serve(device, third)
    device.limpet.ok("sync")
    assert is_applied(device.limpet.status(), third) and runs(device) == "3"


def test_a_daemon_with_a_restored_old_state_does_not_apply_it(device):
    third = restore_old_state(device)
    before = device.get("ConfigMap", "till-0")["metadata"]["resourceVersion"]

    device.limpet.start()
    device.limpet.wait_log("event=floor-recovered")
    device.limpet.wait_status(lambda status: is_applied(status, third), "the newest to be back")
    assert device.get("ConfigMap", "till-0")["metadata"]["resourceVersion"] == before


def test_a_wiped_device_goes_by_what_the_cluster_was_told(device):
    lose(device, "*")
    serve(device, device.first)
    told = kept(device, device.first)
    assert told["verdict"] in ("rollback", "diverged") and runs(device) == "2"
    serve(device, device.second)
    device.limpet.ok("sync")
    assert is_applied(device.limpet.status(), device.second)
    mend(device)


def test_with_all_copies_lost_nothing_is_accepted_until_a_person_says_so(device):
    lose(device, "*")
    silence_the_parent(device)
    for _ in range(2):
        result = device.limpet.run("sync")
        assert result.code == 2 and "limpet trust reset" in result.err
        assert "event=floor-lost" in result.err
    assert runs(device) == "2" and source(device.limpet.status())["applied"] is None

    told = device.limpet.run("trust", "reset")
    assert told.code == 1 and "nothing is known" in told.err and "--yes" in told.err
    assert device.limpet.run("sync").code == 2
    assert device.limpet.ok("trust", "reset", "--yes").out.startswith("done: nothing is known")
    device.limpet.ok("sync")
    assert is_applied(device.limpet.status(), device.second)
    mend(device)


def test_a_reset_says_what_it_gives_up_and_the_next_tip_is_the_floor(device):
    with nothing_changes(device, files(device, "2")):
        told = device.limpet.json("trust", "reset")
        assert told["exit"] == 1 and device.second[:12] in told["text"]
    device.limpet.start()
    wait_idle(device)
    assert device.limpet.run("trust", "reset").code == 1
    serve(device, device.first)
    device.limpet.wait_status(lambda status: refusal(status, device.first), "the refusal")
    done = device.limpet.json("trust", "reset", "--yes")
    assert done["exit"] == 0 and device.second[:12] in done["text"]
    device.limpet.wait_status(lambda status: is_applied(status, device.first), "the old one")
    assert parent(device)["metadata"]["annotations"]["limpet.dev/floor"].startswith("counter=4 ")


def test_a_reset_holds_against_what_the_cluster_was_told_before(device):
    """The state is wiped too: the parent's copy is older than the person's word."""
    for version in ("3", "4"):
        publish(device, version)
    lose(device, "*")
    device.limpet.ok("trust", "reset", "--yes")
    serve(device, device.first)
    device.limpet.ok("sync")
    assert is_applied(device.limpet.status(), device.first) and runs(device) == "1"
    assert parent(device)["metadata"]["annotations"]["limpet.dev/floor"].startswith("counter=5 ")


def test_a_first_start_is_told(site):
    site.repo.publish(files(site, "1"))
    site.limpet.config["log"] = "info"
    site.limpet.write_config()
    site.limpet.start()
    site.limpet.wait_log("event=first-start")
    site.limpet.wait_log("event=applied")


def test_a_first_start_without_the_api_server_judges_nothing(site):
    """The cluster may know what was accepted here before the disk was changed."""
    site.repo.publish(files(site, "1"))
    good = site.limpet.config["cluster"]["kubeconfig"]
    away = site.limpet.folder / "away.kubeconfig"
    text = Path(good).read_text(encoding="utf-8")
    away.write_text(re.sub(r"server: .*", "server: https://127.0.0.1:1", text))
    site.limpet.config["cluster"]["kubeconfig"] = str(away)
    site.limpet.write_config()
    result = site.limpet.run("sync")
    assert result.code == 2 and "the API server, which may, is away" in result.err
    assert source(site.limpet.status())["desired"] is None
    site.limpet.config["cluster"]["kubeconfig"] = good
    site.limpet.write_config()
    site.limpet.ok("sync")


def test_a_local_rollback_does_not_lower_the_floor(device):
    before = stored_floor(device)
    device.limpet.ok("rollback")
    assert runs(device) == "1" and stored_floor(device) == before
    serve(device, device.first)
    assert kept(device, device.first)["verdict"] == "rollback"
