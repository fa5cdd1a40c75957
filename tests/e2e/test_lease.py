# SPDX-License-Identifier: Apache-2.0
"""One writer: of two agents that follow one source on one cluster, one applies and the other
stands by, and takes over when the first is gone."""

import copy
import secrets
import shlex
import signal
import time

import pytest

from support.clusterrole import ClusterRole
from support.fakeapi import FakeApi, applied
from support.fakeclock import FakeClock
from support.limits import limit
from support.limpet import Limpet, binary
from support.sitefiles import small_site
from support.told import is_applied, source, wait_applied, wait_idle
from support.waiting import always, wait_until

TAKEN = 20  # seconds, when it was given back: the other looks every 10
EXPIRED = 45  # with several server nodes: 30 s, and a look


# --- two devices ------------------------------------------------------------------------------


def another(site, name="second"):
    """A second device of the same site: its own state folder, so its own identity."""
    folder = site.folder / name
    config = copy.deepcopy(site.limpet.config)
    config.update(stateDir=str(folder / "state"), socket=str(folder / "limpet.sock"))
    return Limpet(folder, config)


@pytest.fixture
def pair(site_on_own_cluster):
    """A site whose first device has applied a commit, and a second one; not started."""
    site = site_on_own_cluster
    site.second = another(site)
    site.commit = site.repo.publish(small_site(site.prefix), "Version 1")
    yield site
    site.second.close()


def start_first(pair, env=None):
    pair.limpet.start(env=env)
    wait_applied(pair, pair.commit)
    wait_idle(pair)


def start_second(pair, env=None):
    """Started, and it stands by; returns its status."""
    pair.second.start(env=env)
    return pair.second.wait_status(lambda s: source(s)["state"] == "standby", "it to stand by")


@pytest.fixture
def servers(pair):
    """Two server nodes, as k3s labels them."""
    names = [f"{pair.prefix}-server-{i}" for i in range(2)]
    for name in names:
        pair.cluster.api.apply({"apiVersion": "v1", "kind": "Node", "metadata": {
            "name": name, "labels": {"node-role.kubernetes.io/control-plane": "true"}}})
    yield names
    for name in names:
        pair.cluster.api.delete("Node", name)


def lease(site):
    """The Lease as it is, or None."""
    return site.cluster.api.get("Lease", "limpet-site", f"{site.prefix}-limpet")


def holder(device):
    """Who the device says that it is."""
    return source(device.status())["lease"]["identity"]


def holds(device, timeout):
    return device.wait_status(lambda s: source(s)["lease"]["state"] == "held", "it to lead", timeout)


def versions(site):
    """The resourceVersions of all that the site's devices write, the Lease aside."""
    found = [site.get("ConfigMap", f"till-{i}") for i in range(3)]
    found += [site.get("Deployment", "pos"), site.cluster.api.get("Namespace", site.namespace)]
    found.append(site.cluster.api.get("ConfigMap", "limpet-site", f"{site.prefix}-limpet"))
    return [live["metadata"]["resourceVersion"] if live else None for live in found]


def test_the_second_stands_by_says_so_and_writes_nothing(pair):
    start_first(pair)
    before = versions(pair)
    status = start_second(pair)

    told = source(status)["lease"]
    assert told["holder"] == holder(pair.limpet) != told["identity"]
    assert told["durationSeconds"] == 900 and told["since"]
    assert status["health"] == "ok"
    shown = pair.second.run("status")
    assert shown.code == 0 and f"{told['holder']} holds the lease" in shown.out, shown.out
    assert f"stands by since {told['since']}" in shown.out
    assert versions(pair) == before

    # A push: both have it, the first applies it, and the second writes nothing of its own.
    second = pair.repo.publish(small_site(pair.prefix, version="2"), "Version 2")
    wait_applied(pair, second)
    pair.second.wait_status(lambda s: (source(s)["desired"] or {}).get("commit") == second
                            and source(s)["doing"] == "idle", "the revision to be there")
    before = versions(pair)
    result = pair.second.run("sync")
    assert result.code == 2 and told["holder"] in result.err and "takes over at" in result.err
    assert versions(pair) == before
    assert source(pair.second.status())["applied"] is None


def test_a_stop_gives_the_lease_back_and_the_second_takes_over(pair):
    start_first(pair)
    start_second(pair)
    assert pair.limpet.stop() == 0
    assert lease(pair)["spec"]["holderIdentity"] in ("", holder(pair.second))

    status = holds(pair.second, TAKEN)

    assert source(status)["lease"]["holder"] == lease(pair)["spec"]["holderIdentity"]
    pair.second.wait_status(lambda s: is_applied(s, pair.commit), "it to be applied")
    pair.cluster.api.delete("ConfigMap", "till-1", pair.namespace)
    pair.second.ok("sync")
    assert pair.get("ConfigMap", "till-1")


def test_standing_by_and_taking_over_are_told_as_events(pair):
    def turns(device):
        return [event for event in device.json("events")["events"]
                if event["kind"] in ("standby", "took-over")]

    start_first(pair)
    start_second(pair)
    first = holder(pair.limpet)
    assert turns(pair.limpet) == [], "a start that finds it free is no news"
    told, = turns(pair.second)
    assert (told["kind"], told["by"], told["count"]) == ("standby", first, 1)
    assert told["message"] == f"holds the Lease {pair.prefix}-limpet/limpet-site"
    pair.limpet.stop()

    holds(pair.second, TAKEN)

    assert turns(pair.second)[0] == told
    assert [(event["kind"], event["by"]) for event in turns(pair.second)[1:]] == [("took-over", first)]
    shown = pair.second.ok("events").out
    assert f"{first}: no longer holds the Lease {pair.prefix}-limpet/limpet-site" in shown, shown
    second = holder(pair.second)
    pair.limpet.start()
    pair.limpet.wait_status(lambda s: source(s)["state"] == "standby", "the first to stand by")
    assert [(event["kind"], event["by"]) for event in turns(pair.limpet)] == [("standby", second)]


def test_a_restart_takes_it_back_at_once(pair):
    start_first(pair)
    before = lease(pair)["spec"]
    start_second(pair)
    pair.limpet.kill()
    assert lease(pair)["spec"] == before
    pair.limpet.start()

    holds(pair.limpet, 5)

    now = lease(pair)["spec"]
    assert now["holderIdentity"] == before["holderIdentity"] and now["renewTime"] != before["renewTime"]
    assert (now["leaseTransitions"], now["acquireTime"]) == (before["leaseTransitions"], before["acquireTime"])
    assert source(pair.second.status())["state"] == "standby"


def test_with_several_servers_the_second_waits_for_30_seconds_of_its_own(pair, servers):
    """Whatever their clocks say: the one that lives is left alone, the one that was killed is not."""
    clocks = [FakeClock(pair.folder / f"clock-{i}") for i in range(2)]
    clocks[0].set_1970()  # all its renewals are in the same second
    clocks[1].set(9000)
    start_first(pair, clocks[0].env)
    status = start_second(pair, clocks[1].env)
    assert source(status)["lease"]["durationSeconds"] == 30
    transitions = lease(pair)["spec"]["leaseTransitions"]

    always(lambda: source(pair.second.status())["state"] == "standby", "it stands by", 35, 1)
    clocks[1].set(5)
    pair.limpet.kill()
    with pytest.raises(AssertionError):
        holds(pair.second, 10)
    status = holds(pair.second, EXPIRED)

    assert lease(pair)["spec"]["leaseTransitions"] == transitions + 1
    pair.second.wait_status(lambda s: is_applied(s, pair.commit), "it to be applied")

    # The first comes back, and now it is the one that stands by.
    pair.limpet.start()
    status = pair.limpet.wait_status(lambda s: source(s)["state"] == "standby", "the first to stand by")
    assert source(status)["lease"]["holder"] == holder(pair.second)


def test_who_was_cut_off_stops_writing_once_it_sees_the_new_holder(pair, servers):
    start_first(pair)
    start_second(pair)
    pair.limpet.daemon.freeze()
    holds(pair.second, EXPIRED)
    pair.limpet.daemon.thaw()

    pair.limpet.wait_log("event=lease-lost", 15)
    assert source(pair.limpet.status())["state"] == "standby"
    last = pair.limpet.json("events")["events"][-1]
    assert last["kind"] == "standby" and last["message"].endswith("which this agent held before")


def test_an_api_server_that_was_away_for_longer_than_the_lease_changes_no_leader(pair, servers):
    start_first(pair)
    start_second(pair)
    pair.cluster.stop_apiserver()
    time.sleep(40)
    # The second may be the first to look again, and must not take what nobody could renew.
    pair.limpet.daemon.freeze()
    pair.cluster.start_apiserver()
    time.sleep(12)
    pair.limpet.daemon.thaw()

    always(lambda: source(pair.second.status())["state"] == "standby", "it stands by", 20, 1)

    assert source(pair.limpet.status())["lease"]["state"] == "held"
    assert "event=lease-lost" not in pair.limpet.log()


@pytest.mark.parametrize("content", ["", "uninitialized\n"])
def test_a_machine_without_an_id_makes_one_and_keeps_it(pair, monkeypatch, content):
    none = pair.folder / "no-id"
    none.write_text(content)
    monkeypatch.setenv("LIMPET_BIN", shlex.join([
        "unshare", "--mount", "sh", "-c", f'mount --bind {none} /etc/machine-id && exec "$@"', "-", *binary()]))
    start_first(pair)
    us = holder(pair.limpet)
    assert (pair.limpet.state_dir / "machine-id").stat().st_mode & 0o777 == 0o600
    pair.limpet.kill()
    pair.limpet.start()
    holds(pair.limpet, 5)
    assert holder(pair.limpet) == us == lease(pair)["spec"]["holderIdentity"]


def test_a_reload_keeps_the_lease_unless_another_is_meant(pair):
    start_first(pair)
    pair.limpet.daemon.signal(signal.SIGHUP)
    pair.limpet.wait_log("event=reloaded")
    wait_idle(pair)
    assert pair.limpet.log().count("event=lease-held") == 1

    pair.limpet.config["cluster"]["namespace"] = f"{pair.prefix}-other"
    pair.limpet.write_config()
    pair.limpet.daemon.signal(signal.SIGHUP)
    wait_until(lambda: pair.limpet.log().count("event=lease-held") == 2, "the other lease", 15)
    live = pair.cluster.api.get("Lease", "limpet-site", f"{pair.prefix}-other")
    assert live["spec"]["holderIdentity"] == holder(pair.limpet)


def test_one_command_without_a_daemon_takes_it_and_gives_it_back(pair):
    pair.limpet.ok("sync")
    assert lease(pair)["spec"]["holderIdentity"] == ""
    pair.second.start()
    holds(pair.second, 10)
    pair.second.wait_status(lambda s: is_applied(s, pair.commit), "it to be applied")
    before = versions(pair)

    for words in (["sync"], ["rollback", pair.commit[:10]]):
        result = pair.limpet.run(*words)
        assert result.code == 2 and f"{holder(pair.second)} holds the Lease" in result.err, result.err
        assert "stop that agent, or wait" in result.err
    assert versions(pair) == before


def test_the_lease_is_renewed_by_one_write_that_others_may_add_to(pair, servers):
    user = f"{pair.prefix}-agent"
    pair.limpet.config["cluster"]["kubeconfig"] = str(pair.cluster.make_user(user, ["system:masters"]))
    pair.limpet.write_config()
    start_first(pair)
    namespace = f"{pair.prefix}-limpet"
    path = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/limpet-site"

    def asked():
        return [(e["verb"], e["responseStatus"]["code"]) for e in pair.cluster.audit_events(user)[began:]
                if e["requestURI"].startswith(path)]

    def wait_renewed():
        before = lease(pair)["spec"]["renewTime"]
        wait_until(lambda: lease(pair)["spec"]["renewTime"] != before, "a renewal", 15)

    began = len(pair.cluster.audit_events(user))
    wait_renewed()
    assert asked() == [("patch", 200)]

    # A label of somebody else's in between: it is looked at first, and left there.
    pair.cluster.api.patch("Lease", "limpet-site", {"metadata": {"labels": {"seen": "yes"}}}, namespace)
    wait_renewed()
    assert asked() == [("patch", 200), ("patch", 409), ("get", 200), ("patch", 200)]
    assert lease(pair)["metadata"]["labels"] == {"seen": "yes"}


# --- the step alone ---------------------------------------------------------------------------

US, THEY = "node-a_00000000000000aa", "node-b_00000000000000bb"


@pytest.fixture
def ground(controlplane):
    """A role of a namespace of its own, which is not there yet."""
    prefix = f"e2e-{secrets.token_hex(3)}"
    with ClusterRole(controlplane.kubeconfig, "site", namespace=f"{prefix}-limpet") as role:
        role.cluster, role.prefix = controlplane, prefix
        yield role
    controlplane.remove_all(prefix, wait=not controlplane.can_restart)


def test_the_first_makes_the_namespace_and_the_lease(ground):
    event = ground.lease(US)
    assert (event["event"], event["outcome"]) == ("done", "held"), event
    live = lease(ground)
    assert live["spec"]["holderIdentity"] == US and live["spec"]["leaseDurationSeconds"] == 900
    assert live["metadata"]["resourceVersion"] == event["live"]["version"]


def test_another_is_told_who_holds_it_and_takes_the_version_that_it_may(ground):
    held = ground.lease(US)
    event = ground.lease(THEY)
    assert (event["outcome"], event["lease"]["holder"]) == ("standby", US)
    seen = event["live"]["version"]
    renewed = ground.lease(US, version=held["live"]["version"], beat=1, renew=True)
    assert renewed["outcome"] == "held"
    assert ground.lease(THEY, version=seen)["outcome"] == "standby", "it was renewed meanwhile"

    event = ground.lease(THEY, version=renewed["live"]["version"])

    assert event["outcome"] == "held"
    assert ground.lease(US, version=renewed["live"]["version"], renew=True)["outcome"] == "standby"
    assert lease(ground)["spec"]["leaseTransitions"] == 1


def test_two_renewals_in_a_row_are_two_versions_though_the_clock_stands(ground):
    first = ground.lease(US, beat=1)["live"]["version"]
    second = ground.lease(US, version=first, beat=2, renew=True)["live"]["version"]
    assert first != second


def test_a_lease_that_was_given_back_is_anybodys(ground):
    version = ground.lease(US)["live"]["version"]
    assert ground.lease(US, version=version, release=True)["event"] == "done"
    assert lease(ground)["spec"]["holderIdentity"] == ""
    assert ground.lease(THEY)["outcome"] == "held"
    assert ground.lease(US, version=version, release=True)["event"] == "done"
    assert lease(ground)["spec"]["holderIdentity"] == THEY, "it was not ours to give"


def test_a_restart_under_another_host_name_takes_it_back(ground):
    ground.lease(US, instance="1")
    assert ground.lease(US.replace("node-a", "localhost"), instance="2")["outcome"] == "held"


def test_two_machines_with_one_id_exclude_each_other(ground):
    """Images that were cloned with their /etc/machine-id."""
    first = ground.lease(US, instance="1")["live"]["version"]
    assert ground.lease(US, instance="2")["outcome"] == "held", "it may be a restart"

    event = ground.lease(US, instance="1", version=first, renew=True, again=True)

    assert (event["outcome"], event["lease"]["same"]) == ("standby", True)


@pytest.mark.parametrize("spec", [{"holderIdentity": "cron"},
                                  {"holderIdentity": "cron", "leaseDurationSeconds": limit("LP_LEASE_S") + 1}])
def test_a_lease_of_another_tool_that_nobody_could_wait_for_is_told(ground, spec):
    ground.lease(US)
    ground.cluster.api.delete("Lease", "limpet-site", f"{ground.prefix}-limpet")
    ground.cluster.api.apply({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {
        "name": "limpet-site", "namespace": f"{ground.prefix}-limpet"}, "spec": spec})

    event = ground.lease(US)

    assert (event["event"], event["code"]) == ("failed", "config")
    for word in ("cron", "leaseDurationSeconds", "kubectl delete lease limpet-site -n"):
        assert word in event["message"], event
    assert lease(ground)["spec"] == spec


def test_a_lease_that_was_deleted_is_made_again(ground):
    version = ground.lease(US)["live"]["version"]
    ground.cluster.api.delete("Lease", "limpet-site", f"{ground.prefix}-limpet")
    assert ground.lease(US, version=version, renew=True)["outcome"] == "held"
    assert lease(ground)["spec"]["holderIdentity"] == US


def test_server_nodes_are_counted(ground):
    assert ground.step("servers")["lease"]["servers"] in (0, 1, 2)


# --- answers that no real API server can be made to give at the right moment ---------------------

LEASE = "/apis/coordination.k8s.io/v1/namespaces/limpet-system/leases/limpet-site"
BUSY = 503, "", {"Retry-After": "60"}


def record(holder, duration):
    """A Lease as the API server answers it: always the same version, so nobody renews it."""
    return {"metadata": {"name": "limpet-site", "resourceVersion": "7"},
            "spec": {"holderIdentity": holder, "leaseDurationSeconds": duration}}


@pytest.fixture
def fake(site, tmp_path):
    """A FakeApi that the site's device takes for its API server, with two server nodes. What is
    applied there is well, so that only the Lease is asked for again."""
    fake = FakeApi(tmp_path)
    maps = "/api/v1/namespaces/limpet-system/configmaps"
    parent = applied("limpet-site", "limpet-system",
                     annotations={"applyset.kubernetes.io/tooling": "limpet/v1"})
    fake.answers["/api/v1/nodes"] = {"items": [{}, {}]}
    fake.answers[f"{maps}/limpet-site"] = lambda nth: parent if nth else (404, "", {})
    fake.answers[f"{maps}/till"] = applied("till", "limpet-system")
    site.repo.publish({"till.yaml": "apiVersion: v1\nkind: ConfigMap\n"
                       "metadata: {name: till, namespace: limpet-system}\n"}, "Version 1")
    site.limpet.config["cluster"].update(kubeconfig=str(fake.kubeconfig), namespace="limpet-system")
    site.limpet.write_config()
    yield fake
    site.limpet.kill()
    fake.close()


def asked(fake):
    """The methods of what was asked of the Lease, in their order."""
    return [method for method, path, _, _ in fake.requests if path == LEASE]


def test_a_holder_asks_again_in_time_whatever_a_busy_api_server_asks_for(site, fake):
    """Others take it for gone 30 s after the API server's first answer to them."""
    fake.answers[LEASE] = lambda nth: record("", 30) if nth < 2 else BUSY
    site.limpet.start()
    wait_until(lambda: len(asked(fake)) >= 2, "the lease to be taken", 30)

    wait_until(lambda: len(asked(fake)) >= 4, "two renewals", 35)

    assert asked(fake) == ["GET", "PATCH", "PATCH", "PATCH"]


def test_who_stands_by_counts_anew_from_the_first_answer_after_none(site, fake):
    """The holder may not have had one either."""
    gone = record("other_1", 3)
    fake.answers[LEASE] = lambda nth: (503, "", {"Retry-After": "1"}) if nth == 1 else gone
    site.limpet.start()

    wait_until(lambda: len(asked(fake)) >= 4, "it to take over", 60)

    assert asked(fake)[:4] == ["GET", "PATCH", "GET", "PATCH"]
