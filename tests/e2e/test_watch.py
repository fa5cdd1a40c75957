# SPDX-License-Identifier: Apache-2.0
"""The watches of the cluster role against a real API server: what is told of, what it costs,
and what becomes of it when connections, servers and stores go away and come back."""

import secrets
import time

import pytest

from support.clusterrole import ClusterRole, key_of
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
    mark, sightings = ground.mark(), len(role.sightings)
    time.sleep(6.5)
    asked = ground.asked(mark)
    assert {verb for verb, _ in asked} == {"watch"} and 6 <= len(asked) <= 11, asked
    events = ground.plane.requests(ground.user)[mark:]
    assert not any("sendInitialEvents" in e["requestURI"] for e in events)
    assert not role.seen(sightings)
    ground.plane.api.delete("ConfigMap", "till", ground.source)
    role.wait_seen(sightings, sighting="gone", name="till")


def test_another_order_asks_again_for_nothing_that_was_watched(ground):
    role = ground.role()
    role.watch("ConfigMap", "Secret", timeout_ms=3000)
    role.wait_seen(sighting="end", kind="ConfigMap")
    role.wait_seen(sighting="end", kind="Secret")
    mark = ground.mark()
    role.watch("Secret", "Deployment.apps", timeout_ms=3000)
    role.wait_seen(sighting="end", kind="Deployment")
    assert ground.asked(mark) == [("watch", "deployments")]
    time.sleep(3.5)
    assert "configmaps" not in {resource for _, resource in ground.asked(mark)}
    assert len(role.seen(sighting="begin", kind="Secret")) == 1


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
