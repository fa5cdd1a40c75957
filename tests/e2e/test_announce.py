# SPDX-License-Identifier: Apache-2.0
"""Kubernetes Events about the ApplySet's parent, where `cluster.events` is on."""

import copy
import json
import secrets
import time

import pytest

from support.clusterrole import ClusterRole
from support.limits import limit
from support.limpet import Limpet
from support.sitefiles import small_site
from support.told import refusal, source, wait_applied, wait_idle, wait_refused
from support.waiting import always, wait_until


@pytest.fixture
def site(site_on_own_cluster):
    """A site whose limpet is a user of its own, and writes Events."""
    site = site_on_own_cluster
    site.system = f"{site.prefix}-limpet"
    site.user = f"{site.prefix}-edge"
    kubeconfig = site.cluster.make_user(site.user, ["system:masters"])
    site.limpet.config["cluster"].update(kubeconfig=str(kubeconfig), events=True)
    site.limpet.write_config()
    return site


def converge(site):
    site.limpet.start()
    commit = site.repo.publish(small_site(site.prefix), "Version 1")
    wait_applied(site, commit)
    site.limpet.wait_status(lambda s: source(s)["drift"]["watching"], "all to be watched")
    return commit


def events(site):
    """The Events about the parent, the oldest first."""
    listed = json.loads(site.cluster.kubectl(
        "get", "events", "-n", site.system, "-o", "json", "--field-selector",
        "involvedObject.kind=ConfigMap,involvedObject.name=limpet-site"))["items"]
    return sorted(listed, key=lambda event: event["firstTimestamp"])


def reasons(site):
    return [event["reason"] for event in events(site)]


def of(site, reason):
    """The newest Event of that reason, or None."""
    return next((event for event in reversed(events(site)) if event["reason"] == reason), None)


def writes(site, mark=0, user=None):
    """The writes of Events since `mark`, whatever their answer."""
    return [e for e in site.cluster.requests(user or site.user)[mark:]
            if e.get("objectRef", {}).get("resource") == "events"]


def edit(site, name, version):
    site.cluster.kubectl("patch", "configmap", name, "-n", site.namespace, "--type=merge", "-p",
                         json.dumps({"data": {"version": version}}), "--field-manager=rival")


def healed(site, name):
    wait_until(lambda: site.get("ConfigMap", name)["data"] == {"version": "1"}, "the heal", 5)


def test_describe_and_get_events_show_what_happened(site):
    first = converge(site)
    edit(site, "till-1", "666")
    healed(site, "till-1")
    refused = site.repo.publish(small_site(site.prefix, version="evil"), sign=False)
    wait_refused(site, refused)
    site.repo.reset(first)
    wait_until(lambda: {"Applied", "Healed", "Refused"} <= set(reasons(site)), "the Events", 20)

    parent = site.cluster.api.get("ConfigMap", "limpet-site", site.system)
    event = of(site, "Healed")
    assert event["involvedObject"] == {
        "apiVersion": "v1", "kind": "ConfigMap", "name": "limpet-site", "namespace": site.system,
        "uid": parent["metadata"]["uid"]}
    assert (event["type"], event["count"], event["source"]["component"]) == ("Normal", 1, "limpet")
    assert event["message"].startswith(f"ConfigMap {site.namespace}/till-1: rival: "), event
    assert of(site, "Refused")["type"] == "Warning" and refused[:12] in of(site, "Refused")["message"]
    shown = site.cluster.kubectl("describe", "configmap", "limpet-site", "-n", site.system)
    shown = shown.partition("\nEvents:")[2]
    for words in (("Normal", "Healed", "limpet", "till-1"), ("Warning", "Refused", "unsigned"),
                  ("Normal", "Applied", first[:12])):
        assert any(all(word in line for word in words) for line in shown.splitlines()), shown

    # Pruned and rolled back.
    site.repo.remove(next(name for name in small_site(site.prefix) if "till-1" in site.repo.read(name)))
    second = site.repo.publish({}, "Version 2")
    wait_applied(site, second)
    site.limpet.ok("rollback")
    wait_until(lambda: {"Pruned", "RolledBack"} <= set(reasons(site)), "the Events", 20)
    assert "till-1" in of(site, "Pruned")["message"]


def test_the_same_again_raises_the_count_of_its_event(site):
    converge(site)
    for number in range(3):
        edit(site, "till-1", f"mine-{number}")
        healed(site, "till-1")
        wait_until(lambda: (of(site, "Healed") or {}).get("count") == number + 1, "the count", 20)
    mark = len(site.cluster.requests(site.user))
    site.cluster.kubectl("delete", "events", "--all", "-n", site.system)
    edit(site, "till-1", "mine-4")
    healed(site, "till-1")
    wait_until(lambda: (of(site, "Healed") or {}).get("count") == 4, "it to be made again", 20)
    assert [e["verb"] for e in writes(site, mark)] == ["patch"]


def test_a_storm_is_bounded_by_the_bucket(site):
    files = {f"pile/{i}.yaml": "apiVersion: v1\nkind: ConfigMap\n"
                               f"metadata: {{name: pile-{i}}}\n" for i in range(60)}
    converge(site)
    wait_applied(site, site.repo.publish(files, "Pile up"))
    wait_idle(site)
    site.repo.remove("pile")
    wait_applied(site, site.repo.publish({}, "Clear up"))  # an event for each of the 60
    for number in range(30):
        edit(site, f"till-{number % 3}", f"mine-{number}")
        time.sleep(0.1)
    wait_idle(site)
    time.sleep(5)

    burst, waiting = limit("LP_ANNOUNCE_BURST"), limit("LP_ANNOUNCE_WAITING")
    assert site.limpet.log().count("event=pruned") == 60 > burst + waiting
    assert burst - 1 <= len(writes(site)) <= burst + 2, "one more a minute"
    told = site.limpet.json("events", "-n", "1000")["events"]
    assert sum(event["kind"] == "pruned" for event in told) == 60, "all is in limpet's own"


def test_nothing_is_written_when_it_is_off_or_idle(site):
    site.limpet.config["cluster"].pop("events")  # off is the default
    site.limpet.write_config()
    converge(site)
    edit(site, "till-1", "666")
    healed(site, "till-1")
    time.sleep(3)
    assert writes(site) == [] and events(site) == []

    site.limpet.stop()
    site.limpet.config["cluster"]["events"] = True
    site.limpet.write_config()
    site.limpet.start()
    wait_idle(site)
    time.sleep(3)
    mark = len(writes(site))
    always(lambda: len(writes(site)) == mark, "no Event of a device at rest", 4, 0.5)


def test_without_the_right_it_says_so_once_and_all_else_goes_on(site):
    site.limpet.config["cluster"]["events"] = False
    site.limpet.write_config()
    site.repo.publish(small_site(site.prefix), "Version 1")
    site.limpet.ok("sync")
    printed = site.limpet.run("doctor", "--rbac").out
    assert '"events"' not in printed
    site.cluster.kubectl("apply", "-f", "-", input=printed)
    path = site.folder / "least.kubeconfig"
    site.cluster.make_token_user(f"{site.system}/limpet-site", path)
    site.user = f"system:serviceaccount:{site.system}:limpet-site"
    site.limpet.config["cluster"].update(kubeconfig=str(path), events=True)
    site.limpet.write_config()
    missing = site.limpet.json("doctor", "--rbac")["missing"]
    assert {(m["verb"], m["resource"], m["namespace"]) for m in missing} == {
        ("create", "events", site.system), ("patch", "events", site.system)}

    site.limpet.start()
    site.limpet.wait_status(lambda s: source(s)["drift"]["watching"], "all to be watched")
    for number in range(4):
        edit(site, "till-1", f"mine-{number}")
        healed(site, "till-1")
        time.sleep(1.5)
    wait_until(lambda: len(writes(site)) >= 2, "some tries", 10)
    assert site.limpet.log().count("event=kubernetes-event-failed") == 1
    assert "forbidden" in site.limpet.log()
    assert len(writes(site)) <= 8 and events(site) == []

    # With the right, which is printed now, it goes on by itself.
    site.cluster.kubectl("apply", "-f", "-", input=site.limpet.run("doctor", "--rbac").out)
    wait_until(lambda: site.limpet.json("doctor", "--rbac")["missing"] == [], "the right", 10)
    edit(site, "till-2", "mine")
    wait_until(lambda: of(site, "Healed"), "an Event", 20)


def test_who_stands_by_writes_none_until_it_takes_over(site):
    first = converge(site)
    folder = site.folder / "second"
    config = copy.deepcopy(site.limpet.config)
    user = f"{site.prefix}-second"
    config["cluster"]["kubeconfig"] = str(site.cluster.make_user(user, ["system:masters"]))
    config.update(stateDir=str(folder / "state"), socket=str(folder / "limpet.sock"))
    second = Limpet(folder, config)
    try:
        second.start()
        second.wait_status(lambda s: source(s)["state"] == "standby", "it to stand by")
        refused = site.repo.publish(small_site(site.prefix, version="evil"), sign=False)
        for device in (site.limpet, second):
            device.wait_status(lambda s: refusal(s, refused), "the refusal")
        wait_until(lambda: of(site, "Refused"), "the Event of the first", 20)
        time.sleep(3)
        assert all(event["reportingInstance"] == source(site.limpet.status())["lease"]["identity"]
                   for event in events(site))
        assert writes(site, user=user) == []
        site.repo.reset(first)
        site.limpet.stop()
        wait_until(lambda: of(site, "TookOver"), "the Event of the second", 40)
        assert of(site, "TookOver")["reportingInstance"] == source(second.status())["lease"]["identity"]
        assert writes(site, user=user)
    finally:
        second.close()


# --- the step alone ---------------------------------------------------------------------------


@pytest.fixture
def ground(controlplane):
    """A role of a namespace of its own, which is not there yet."""
    prefix = f"e2e-{secrets.token_hex(3)}"
    with ClusterRole(controlplane.kubeconfig, "site", namespace=f"{prefix}-limpet") as role:
        role.cluster, role.system = controlplane, f"{prefix}-limpet"
        yield role
    controlplane.remove_all(prefix, wait=not controlplane.can_restart)


def announce(ground, name="limpet-site.1", **fields):
    body = {"apiVersion": "v1", "kind": "Event", "metadata": {"name": name}, "count": 1, **fields}
    return ground.step("announce", key={"group": "", "version": "", "kind": "", "namespace": "",
                                        "name": name}, body=json.dumps(body))


def test_without_a_parent_there_is_nothing_to_write_about(ground):
    event = announce(ground, reason="Applied")
    assert (event["event"], event["outcome"]) == ("done", "gone"), event


def test_an_event_follows_a_parent_that_was_made_anew(ground):
    def uid():
        return ground.cluster.api.get("ConfigMap", "limpet-site", ground.system)["metadata"]["uid"]

    def written():
        return ground.cluster.api.get("Event", "limpet-site.1", ground.system)["involvedObject"]["uid"]

    ground.parent([])
    assert announce(ground, reason="Applied")["outcome"] == "created"
    assert announce(ground, reason="Applied", count=2)["outcome"] == "configured"
    assert written() == uid()
    old = uid()
    ground.cluster.api.delete("ConfigMap", "limpet-site", ground.system)
    ground.parent([])
    assert announce(ground, reason="Applied", count=3)["outcome"] == "configured"
    assert written() == uid() != old


def test_what_is_too_large_or_no_object_is_refused(ground):
    ground.parent([])
    event = announce(ground, message="x" * limit("LP_ANNOUNCE_BYTES"))
    assert (event["event"], event["code"]) == ("failed", "limit"), event
    event = ground.step("announce", key={"group": "", "version": "", "kind": "", "namespace": "",
                                         "name": "x"}, body="{")
    assert (event["event"], event["code"]) == ("failed", "rejected"), event
    assert announce(ground, reason="Applied")["outcome"] == "created", "the role lives"
