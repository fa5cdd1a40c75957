# SPDX-License-Identifier: Apache-2.0
"""The watches of the cluster role against a real API server: what is told of, what it costs,
and what becomes of it when connections, servers and stores go away and come back."""

import secrets
import threading
import time

import pytest

from support.clusterrole import ClusterRole, key_of
from support.controlplane import ControlPlane
from support.kubeapi import KubeApi
from support.limits import limit
from support.waiting import wait_until
from support.wire import Wire

PART_OF = "applyset.kubernetes.io/part-of"


class Ground:
    """A namespace of a test's own, and roles with a user of their own that watch it."""

    def __init__(self, plane, folder, server=None):
        self.plane, self.folder, self.server = plane, folder, server
        self.source = f"w-{secrets.token_hex(3)}"
        self.user = f"watcher-{self.source}"
        self.plane.api.apply({"apiVersion": "v1", "kind": "Namespace",
                              "metadata": {"name": self.source}})
        self.roles = []

    def role(self, **options):
        """A connected role."""
        kubeconfig = self.plane.make_user(self.user, ["system:masters"])
        if self.server:
            text = kubeconfig.read_text().replace(self.plane.url, self.server)
            kubeconfig.write_text(text)
        role = ClusterRole(kubeconfig, self.source, **options)
        self.roles.append(role)
        event = role.connect()
        assert event["event"] == "done", event
        return role

    def config_map(self, name="till", **data):
        """A ConfigMap."""
        return {"apiVersion": "v1", "kind": "ConfigMap", "data": data or {"a": "1"},
                "metadata": {"name": name, "namespace": self.source}}

    def crd(self, n=0, versions=("v1",), served=None):
        """The CRD of a kind of this test's own; the first version is the stored one."""
        group, kind = f"{self.source}.example", f"Till{n}"
        schema = {"openAPIV3Schema": {"type": "object",
                                      "x-kubernetes-preserve-unknown-fields": True}}
        return {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
                "metadata": {"name": f"{kind.lower()}s.{group}"}, "spec": {
                    "group": group, "scope": "Namespaced",
                    "names": {"plural": f"{kind.lower()}s", "kind": kind},
                    "versions": [{"name": v, "served": v in (served or versions),
                                  "storage": v == versions[0], "schema": schema}
                                 for v in versions]}}

    def till(self, version="v1"):
        """An object of the CRD's kind."""
        return {"apiVersion": f"{self.source}.example/{version}", "kind": "Till0",
                "metadata": {"name": "till", "namespace": self.source}}

    def make(self, numbers, label, kind="ConfigMap"):
        """Makes objects with our label, as another client."""
        api = KubeApi(self.plane.kubeconfig)
        path = api.resource(kind).path(self.source)
        for i in numbers:
            api.request("POST", path, {"apiVersion": "v1", "kind": kind, "metadata": {
                "name": f"bulk-{i}", "labels": {PART_OF: label}}})
        api.close()

    def make_many(self, count, label):
        """As make, by two clients at once."""
        threads = [threading.Thread(target=self.make, args=(range(n, count, 2), label))
                   for n in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def remove_many(self):
        """Deletes all ConfigMaps of the namespace."""
        self.plane.api.request("DELETE", self.plane.api.resource("ConfigMap").path(self.source))

    def asked(self, mark=0):
        """(verb, resource) of what the role's user has asked for of kinds, oldest first."""
        return [(e["verb"], e["objectRef"]["resource"]) for e in self.plane.requests(self.user)[mark:]
                if "objectRef" in e]

    def mark(self):
        """How much was asked so far."""
        return len(self.plane.requests(self.user))

    def close(self):
        codes = [role.close() for role in self.roles]
        self.plane.remove_all(self.source, wait=False)
        assert set(codes) <= {0}, codes


@pytest.fixture
def ground(own_controlplane, tmp_path):
    """A Ground on a control plane of our own."""
    ground = Ground(own_controlplane, tmp_path)
    yield ground
    ground.close()


@pytest.fixture
def wire(own_controlplane):
    """A cable to the API server."""
    with Wire(own_controlplane.port) as wire:
        yield wire


@pytest.fixture
def wired(own_controlplane, wire, tmp_path):
    """A Ground whose roles go by that cable."""
    ground = Ground(own_controlplane, tmp_path, wire.url)
    yield ground
    ground.close()


def label_of(role, ground):
    """Our label, as an apply has set it."""
    done = role.apply(ground.config_map())
    assert done["event"] == "done", done
    live = ground.plane.api.get("ConfigMap", "till", ground.source)
    return live["metadata"]["labels"][PART_OF]


# --- in peace ---------------------------------------------------------------------------


def test_a_watch_begins_with_what_is_there_and_tells_what_changes(ground):
    role, api = ground.role(), ground.plane.api
    label = label_of(role, ground)
    api.apply(ground.config_map("other"))
    role.watch("ConfigMap")
    role.wait_seen(sighting="end")
    assert [s["sighting"] for s in role.sightings] == ["begin", "there", "end"]
    there = role.seen(sighting="there")[0]
    live = api.get("ConfigMap", "till", ground.source)["metadata"]
    assert (there["uid"], there["live"]["version"]) == (live["uid"], live["resourceVersion"])
    assert there["part_of"] == label and there["key"] == key_of(ground.config_map())

    mark = len(role.sightings)
    api.patch("ConfigMap", "till", {"data": {"a": "2"}}, ground.source, manager="kubectl-edit")
    seen = role.wait_seen(mark, sighting="there", name="till")
    assert seen["manager"] == "kubectl-edit" and seen["live"]["entry"] != there["live"]["entry"]
    api.patch("ConfigMap", "other", {"metadata": {"labels": {PART_OF: label}}}, ground.source)
    role.wait_seen(mark, sighting="there", name="other")
    api.patch("ConfigMap", "other", {"metadata": {"labels": {PART_OF: None}}}, ground.source)
    role.wait_seen(mark, sighting="gone", name="other")
    api.delete("ConfigMap", "till", ground.source)
    assert role.wait_seen(mark, sighting="gone", name="till")["uid"] == live["uid"]
    assert not role.seen(sighting="lost")


def test_the_end_of_a_watch_is_one_request_and_no_list(ground):
    role = ground.role()
    label_of(role, ground)
    role.watch("ConfigMap", "Secret", "Deployment.apps", timeout_ms=3000)
    for kind in ("ConfigMap", "Secret", "Deployment"):
        role.wait_seen(sighting="end", kind=kind)
    mark, sightings, began = ground.mark(), len(role.sightings), time.monotonic()
    time.sleep(6.5)
    asked = ground.asked(mark)
    most = 3 * ((time.monotonic() - began) / 2 + 1.5)  # a watch of 3 s may be one of 2
    assert {verb for verb, _ in asked} == {"watch"} and 6 <= len(asked) <= most, asked
    events = ground.plane.requests(ground.user)[mark:]
    assert not any("sendInitialEvents" in e["requestURI"] for e in events)
    assert not role.seen(sightings)
    ground.plane.api.delete("ConfigMap", "till", ground.source)
    role.wait_seen(sightings, sighting="gone", name="till")


def test_another_order_asks_again_for_nothing_that_was_watched(ground):
    role = ground.role()
    role.watch("ConfigMap", "Secret", timeout_ms=8000)
    role.wait_seen(sighting="end", kind="ConfigMap")
    role.wait_seen(sighting="end", kind="Secret")
    mark = ground.mark()
    role.watch("Secret", "Deployment.apps", timeout_ms=8000)
    role.wait_seen(sighting="end", kind="Deployment")
    begun = [e["objectRef"]["resource"] for e in ground.plane.requests(ground.user)[mark:]
             if "sendInitialEvents" in e["requestURI"]]
    assert begun == ["deployments"], "what was watched goes on; on a busy machine by a renewal"
    assert len(role.seen(sighting="begin", kind="Secret")) == 1
    time.sleep(8.5)
    assert "configmaps" not in {resource for _, resource in ground.asked(mark)}


# --- connections ------------------------------------------------------------------------


def test_a_connection_that_is_cut_is_listed_again(wired, wire):
    role = wired.role()
    label_of(role, wired)
    role.watch("ConfigMap", "Secret")
    role.wait_seen(sighting="end", kind="ConfigMap")
    role.wait_seen(sighting="end", kind="Secret")
    mark = len(role.sightings)
    wire.unplug()
    role.wait_seen(mark, sighting="lost", kind="ConfigMap")
    wired.plane.api.delete("ConfigMap", "till", wired.source)
    time.sleep(1)
    wire.plug()
    role.wait_seen(mark, sighting="end", kind="ConfigMap")
    role.wait_seen(mark, sighting="end", kind="Secret")
    assert not role.seen(mark, sighting="there") and not role.seen(mark, sighting="back")
    assert len(role.seen(mark, sighting="lost")) == 2, "each is told once"


def test_a_connection_that_is_silently_dead_is_noticed(wired, wire):
    role = wired.role()
    label_of(role, wired)
    role.watch("ConfigMap", "Secret", silence_ms=2500, timeout_ms=600000)
    role.wait_seen(sighting="end", kind="ConfigMap")
    role.wait_seen(sighting="end", kind="Secret")
    mark = len(role.sightings)
    wire.swallow()
    wired.plane.api.delete("ConfigMap", "till", wired.source)
    role.wait_seen(mark, sighting="lost", timeout=5)
    wire.plug()
    role.wait_seen(mark, sighting="end", kind="ConfigMap")
    assert not role.seen(mark, sighting="there", name="till")


def test_a_renewed_serving_certificate_is_nothing_to_a_watch(wired, wire):
    role = wired.role()
    label_of(role, wired)
    role.watch("ConfigMap")
    role.wait_seen(sighting="end")
    wired.plane.renew_serving_certificate()
    assert not role.seen(sighting="lost"), "what is connected stays so"
    wire.cut()
    role.wait_seen(sighting="end", count=2)
    wired.plane.api.delete("ConfigMap", "till", wired.source)
    role.wait_seen(sighting="gone", name="till")


@pytest.mark.parametrize("hard", [False, True], ids=["tidily", "killed"])
def test_a_restart_of_the_server_is_listed_again(ground, hard):
    role = ground.role()
    label_of(role, ground)
    role.watch("ConfigMap", "Secret")
    role.wait_seen(sighting="end", kind="ConfigMap")
    role.wait_seen(sighting="end", kind="Secret")
    mark = len(role.sightings)
    ground.plane.restart_apiserver(hard=hard)
    ground.plane.api.patch("ConfigMap", "till", {"data": {"a": "9"}}, ground.source)
    version = ground.plane.api.get("ConfigMap", "till", ground.source)["metadata"]["resourceVersion"]
    role.wait_seen(mark, sighting="end", kind="ConfigMap", timeout=40)
    role.wait_seen(mark, sighting="end", kind="Secret", timeout=40)
    wait_until(lambda: role.seen(mark, sighting="there")[-1]["live"]["version"] == version, "it")
    assert not role.seen(mark, sighting="back")


# --- much -------------------------------------------------------------------------------


def memory_kib(role):
    with open(f"/proc/{role.pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM"))


def test_a_reader_that_does_not_read_loses_nothing_and_hurts_nobody(ground):
    role, count = ground.role(), 2000
    label = label_of(role, ground)
    role.watch("ConfigMap")
    role.wait_seen(sighting="end")
    before = memory_kib(role)
    role.pause(6000)
    slowest, done = 0.0, threading.Event()

    def make():
        ground.make_many(count, label)
        done.set()

    threading.Thread(target=make, daemon=True).start()
    while not done.wait(0.2):
        begun = time.monotonic()
        ground.plane.api.get("ConfigMap", "till", ground.source)
        slowest = max(slowest, time.monotonic() - begun)
    role.wait_seen(sighting="there", count=count + 1, timeout=30)
    mark = len(role.sightings)
    ground.remove_many()
    wait_until(lambda: len({s["key"]["name"] for s in role.seen(mark, sighting="gone")} & {
        f"bulk-{i}" for i in range(count)}) == count, "all of them to be gone", 30)

    assert not role.seen(sighting="lost") and slowest < 2.0
    assert memory_kib(role) - before < 16 * limit("LP_SIGHTINGS_BYTES") // 1024


def test_more_kinds_than_one_connection_carries_use_another(wired, wire):
    role, most = wired.role(), limit("LP_WATCH_STREAMS")
    served = {f"{r.kind}.{r.group}".rstrip(".") for r in wired.plane.api.resources()
              if {"watch", "list"} <= set(r.verbs)}
    for n in range(most + 5 - len(served)):
        assert role.apply(wired.crd(n))["event"] == "done"
        served.add(f"Till{n}.{wired.source}.example")
    kinds = sorted(served)[:most + 5]
    wait_until(lambda: len([e for e in role.connect()["told"] if
                            e["key"]["group"] == f"{wired.source}.example"]) >=
               most + 5 - len([k for k in kinds if not k.startswith("Till")]), "the CRDs")
    wire.cut()
    assert role.connect()["event"] == "done"
    connections = wire.connections
    role.watch(*kinds[:most])
    role.wait_seen(sighting="end", count=most)
    assert wire.connections == connections + 1
    role.watch(*kinds)
    role.wait_seen(sighting="end", count=most + 5)
    assert wire.connections == connections + 2
    assert len(role.seen(sighting="end")) == most + 5
    # 429: the server is still at work on a CRD that is new
    assert {s["status"] for s in role.seen(sighting="lost")} <= {429}


# --- kinds that come and go --------------------------------------------------------------


def test_a_crd_that_is_deleted_under_its_objects_is_told_and_watched_when_it_is_back(ground):
    role, kind = ground.role(), f"Till0.{ground.source}.example"
    assert role.apply(ground.crd())["event"] == "done"
    assert role.wait(ground.crd())["event"] == "done"
    assert role.apply(ground.till())["event"] == "done"
    role.watch(kind)
    role.wait_seen(sighting="there", name="till")
    mark = len(role.sightings)
    ground.plane.api.delete("CustomResourceDefinition", ground.crd()["metadata"]["name"])
    role.wait_seen(mark, sighting="gone", name="till", timeout=30)
    lost = role.wait_seen(mark, sighting="lost", status=404, timeout=30)
    assert lost["key"]["kind"] == "Till0"

    ground.plane.wait_gone("CustomResourceDefinition", ground.crd()["metadata"]["name"])
    assert role.apply(ground.crd())["event"] == "done"
    assert role.wait(ground.crd())["event"] == "done"
    assert role.apply(ground.till())["event"] == "done"
    assert role.connect()["event"] == "done"
    role.wait_seen(mark, sighting="end")
    role.wait_seen(mark, sighting="there", name="till")


def test_a_version_that_is_not_served_any_more_is_left_for_one_that_is(ground):
    role, kind = ground.role(), f"Till0.{ground.source}.example"
    assert role.apply(ground.crd())["event"] == "done"
    assert role.wait(ground.crd())["event"] == "done"
    assert role.apply(ground.till())["event"] == "done"
    role.watch(kind)
    first = role.wait_seen(sighting="there", name="till")
    assert first["key"]["version"] == "v1"
    mark = len(role.sightings)
    ground.plane.api.apply(ground.crd(versions=("v1", "v2")))
    ground.plane.api.apply(ground.crd(versions=("v1", "v2"), served=("v2",)))
    role.wait_seen(mark, sighting="lost", status=404)
    assert role.connect()["event"] == "done"
    role.wait_seen(mark, sighting="end")
    there = role.seen(mark, sighting="there", name="till")[-1]
    assert there["key"]["version"] == "v2" and there["uid"] == first["uid"]
    assert there["live"]["entry"] == first["live"]["entry"]


# --- stores -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def spare(scratch):
    """A control plane whose store may be put back; it cannot begin a watch with a list."""
    with ControlPlane(scratch / "spare", audit=True, watch_list=False) as plane:
        yield plane


@pytest.fixture
def spare_ground(spare, tmp_path):
    """A Ground on it."""
    ground = Ground(spare, tmp_path)
    yield ground
    ground.close()


def test_a_server_that_cannot_begin_a_watch_with_a_list_is_listed_in_pages(spare_ground):
    ground, page = spare_ground, limit("LP_WATCH_PAGE_OBJECTS")
    role = ground.role()
    label = label_of(role, ground)
    ground.make_many(page - 1, label)
    mark = ground.mark()
    role.watch("ConfigMap")
    role.wait_seen(sighting="end")
    wait_until(lambda: len(ground.asked(mark)) > 2, "the watch behind the list")
    assert ground.asked(mark) == [(verb, "configmaps") for verb in ("watch", "list", "watch")]
    assert len(role.seen(sighting="there")) == page

    ground.make([page], label)
    role.wait_seen(sighting="there", name=f"bulk-{page}")
    mark, sightings = ground.mark(), len(role.sightings)
    role.watch("Secret")
    role.watch("ConfigMap")
    role.wait_seen(sightings, sighting="end", kind="ConfigMap")
    wait_until(lambda: ground.asked(mark)[-1][0] == "watch", "the watch behind the list")
    assert [verb for verb, what in ground.asked(mark) if what == "configmaps"] == [
        "list", "list", "watch"]
    assert len(role.seen(sightings, sighting="there")) == page + 1


@pytest.mark.parametrize("watch_list", [False, True], ids=["listed", "filled"])
def test_a_store_that_was_put_back_is_told(spare_ground, tmp_path, watch_list):
    ground, plane = spare_ground, spare_ground.plane
    if plane.watch_list != watch_list:
        plane.watch_list = watch_list
        plane.restart_apiserver(hard=True)
    role = ground.role()
    label_of(role, ground)
    plane.save_store(tmp_path / "copy")
    role.apply(ground.config_map(a="2"))
    role.apply(ground.config_map("second"))
    role.watch("ConfigMap")
    role.wait_seen(sighting="end")
    mark = len(role.sightings)
    plane.put_store_back(tmp_path / "copy")
    role.wait_seen(mark, sighting="end", timeout=40)
    kinds = [s["sighting"] for s in role.seen(mark)]
    assert kinds.count("back") == 1 and kinds.index("lost") < kinds.index("back")
    assert {s["key"]["name"] for s in role.seen(mark, sighting="there")} == {"till"}
    ground.plane.api.patch("ConfigMap", "till", {"data": {"a": "3"}}, ground.source)
    role.wait_seen(mark, sighting="there", name="till", count=2)
