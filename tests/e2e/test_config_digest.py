# SPDX-License-Identifier: Apache-2.0
"""Config changes restart pods: a workload rolls when, and only when, what it uses of the
revision's ConfigMaps and Secrets changes."""

import base64
import copy
import json
import secrets
import shutil
import sqlite3

import pytest

from support.clusterrole import ClusterRole, key_of
from support.limpet import Limpet
from support.told import is_applied, source
from support.waiting import wait_until

DIGEST = "limpet.dev/config-digest"
OFF = {"limpet.dev/restart": "off"}

USES = {
    "env": {"env": [{"name": "E", "valueFrom": {"configMapKeyRef": {"name": "m", "key": "used"}}}]},
    "env-from": {"envFrom": [{"configMapRef": {"name": "m"}}]},
    "secret": {"env": [{"name": "E", "valueFrom": {"secretKeyRef": {"name": "s", "key": "used"}}}]},
}
VOLUMES = {
    "items": {"configMap": {"name": "m", "items": [{"key": "used", "path": "x"}]}},
    "projected": {"projected": {"sources": [
        {"secret": {"name": "s", "items": [{"key": "used", "path": "x"}]}}]}},
}


class Shop:
    """The site's files: one Deployment, and a ConfigMap and a Secret that it may use."""

    def __init__(self, site):
        self.site = site
        self.data = {"used": "1", "unused": "1"}
        self.workload = self.deployment("env")
        self.map = {}       # what else the ConfigMap and the Secret have
        self.number = 0

    @staticmethod
    def deployment(use):
        """The till, which uses the key in one of the ways of USES and VOLUMES."""
        container = {"name": "till", "image": "till:1", **USES.get(use, {})}
        volumes = {"volumes": [{"name": "v", **VOLUMES[use]}]} if use in VOLUMES else {}
        return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "till"},
                "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "till"}},
                         "template": {"metadata": {"labels": {"app": "till"}},
                                      "spec": {"containers": [container], **volumes}}}}

    def publish(self, **data):
        """Pushes the files, with these keys changed; returns the commit."""
        self.data.update(data)
        self.number += 1
        config = {"apiVersion": "v1", **self.map, "metadata": {**self.map.get("metadata", {})}}
        files = [
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.site.namespace}},
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "other"},
             "data": {"number": str(self.number)}},
            {**config, "kind": "ConfigMap", "metadata": {**config["metadata"], "name": "m"},
             "data": self.data},
            {**config, "kind": "Secret", "metadata": {**config["metadata"], "name": "s"},
             "stringData": self.data},
            self.workload,
        ]
        return self.site.repo.publish({f"{i}.json": json.dumps(f) for i, f in enumerate(files)})

    def sync(self, **data):
        """Pushes and applies; returns what the till is then."""
        commit = self.publish(**data)
        self.site.limpet.ok("sync")
        assert is_applied(self.site.limpet.status(), commit)
        return self.till()

    def till(self):
        """The Deployment: (its pod template, the digest of that, the digest of itself)."""
        till = self.site.get("Deployment", "till")
        template = till["spec"]["template"]
        return (template, template["metadata"].get("annotations", {}).get(DIGEST),
                till["metadata"].get("annotations", {}).get(DIGEST))

    def wipe(self):
        """The device has lost everything but its configuration."""
        shutil.rmtree(self.site.limpet.state_dir)

    def adopt(self):
        """What runs before limpet comes: the same, applied by a person."""
        api = self.site.cluster.api
        api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.site.namespace}})
        api.apply({**self.workload, "metadata": {**self.workload["metadata"],
                                                 "namespace": self.site.namespace}},
                  manager="kubectl")
        return self.till()


@pytest.fixture
def shop(site):
    """A Shop whose limpet has applied nothing yet."""
    return Shop(site)


def rolled(before, after):
    """Whether the pods are replaced: by another template, which tells of other content."""
    assert (after[0] != before[0]) == (after[1] != before[1]), (before, after)
    return after[0] != before[0]


@pytest.mark.parametrize("use", [*USES, *VOLUMES])
def test_a_workload_rolls_when_and_only_when_what_it_uses_changes(shop, use):
    shop.workload = shop.deployment(use)
    first = shop.sync()
    assert len(first[1]) == 32 and first[2] is None

    second = shop.sync(unused="2")
    assert rolled(first, second) == (use == "env-from")

    third = shop.sync(used="2")
    assert rolled(second, third)

    back = shop.sync(used="1", unused="1")
    assert rolled(third, back) and back[1] == first[1]


@pytest.mark.parametrize("adopted", [False, True])
def test_pods_are_replaced_once(shop, adopted):
    def pods():
        return {(pod["metadata"]["uid"], pod["status"]["phase"])
                for pod in shop.site.cluster.api.list("Pod", shop.site.namespace)}

    def is_run_by(number):
        status = shop.site.get("Deployment", "till").get("status", {})
        sets = shop.site.cluster.api.list("ReplicaSet", shop.site.namespace)
        return len(sets) == number and status.get("availableReplicas") == 1 and len(pods()) == 1

    if adopted:
        shop.adopt()
        wait_until(lambda: is_run_by(1), "a pod")
        first = pods()
    shop.sync()
    wait_until(lambda: is_run_by(1), "one pod of one ReplicaSet")
    assert not adopted or pods() == first
    first = pods()
    shop.sync(unused="2")
    shop.sync(used="2")
    wait_until(lambda: is_run_by(2) and pods() != first, "another pod of another ReplicaSet")
    second = pods()
    shop.site.limpet.ok("sync")
    shop.sync(unused="3")
    assert is_run_by(2) and pods() == second


def test_syncing_again_writes_nothing(shop):
    def state():
        meta = shop.site.get("Deployment", "till")["metadata"]
        return meta["generation"], [e["time"] for e in meta["managedFields"]
                                    if e["manager"] == "limpet"]

    shop.sync()
    before = state()
    for _ in range(3):
        shop.site.limpet.ok("sync")
    assert state() == before


@pytest.mark.parametrize("where", ["workload", "template", "config", "immutable"])
def test_who_wants_no_restart_gets_none(shop, where):
    if where == "workload":
        shop.workload["metadata"]["annotations"] = OFF
    elif where == "template":
        shop.workload["spec"]["template"]["metadata"]["annotations"] = OFF
    elif where == "config":
        shop.map = {"metadata": {"annotations": OFF}}
    else:
        shop.map = {"immutable": True}
    first = shop.sync()
    assert first[1] is None and first[2] is None

    if where == "immutable":
        api = shop.site.cluster.api
        for kind, name in (("ConfigMap", "m"), ("Secret", "s")):
            api.delete(kind, name, shop.site.namespace)
    assert not rolled(first, shop.sync(used="2"))


def test_off_leaves_the_pods_as_they_are(shop):
    """Neither switching it off nor a change while it is off restarts anything."""
    first = shop.sync()
    config = shop.site.limpet.source

    config["configDigest"] = False
    shop.site.limpet.write_config()
    assert not rolled(first, shop.sync())
    assert not rolled(first, shop.sync(used="2"))
    shop.wipe()
    assert not rolled(first, shop.sync(used="3"))

    config["configDigest"] = True
    shop.site.limpet.write_config()
    assert rolled(first, shop.sync())


def test_off_is_a_word_of_the_configuration(shop):
    shop.site.limpet.source["configDigest"] = True
    text = shop.site.limpet.write_config().read_text()
    shop.site.limpet.write_config(text.replace("configDigest: true", "configDigest: off"))
    assert "configDigest: off" in shop.site.limpet.config_file.read_text()

    assert shop.sync()[1] is None


def test_a_rollback_brings_the_digest_back(shop):
    first = shop.sync()
    second = shop.sync(used="2")

    shop.site.limpet.ok("rollback")

    assert rolled(second, shop.till()) and shop.till()[1] == first[1]


def test_a_device_that_lost_its_store_restarts_nothing(shop):
    first = shop.sync()

    shop.wipe()
    assert not rolled(first, shop.sync())

    shop.wipe()
    assert rolled(first, shop.sync(used="2"))


def test_what_ran_before_restarts_with_the_first_change(shop):
    before = shop.adopt()
    first = shop.sync()
    assert first[:2] == before[:2] and first[1] is None and first[2]

    assert not rolled(first, shop.sync(unused="2"))
    second = shop.sync(used="2")
    assert rolled(first, second) and second[2] is None
    assert rolled(second, shop.sync(used="1"))


def test_what_ran_before_survives_the_loss_of_the_store(shop):
    shop.adopt()
    first = shop.sync()

    shop.wipe()
    assert not rolled(first, shop.sync())
    shop.wipe()
    assert rolled(first, shop.sync(used="2"))


def test_pods_wait_for_a_configmap_that_is_refused(shop):
    """They would start with what was there before, and nothing would restart them later."""
    first = shop.sync()
    api = shop.site.cluster.api
    api.patch("ConfigMap", "m", {"immutable": True}, shop.site.namespace)
    shop.publish(used="2")

    result = shop.site.limpet.run("sync")
    assert result.code == 1 and "restarts-held" in result.err
    assert not rolled(first, shop.till())

    api.delete("ConfigMap", "m", shop.site.namespace)
    shop.site.limpet.ok("sync")
    assert rolled(first, shop.till())


def test_who_takes_over_asks_what_the_other_has_done(site_on_own_cluster):
    """What it knew from before it stood by is old: by that it would restart the pods."""
    site = site_on_own_cluster
    shop = Shop(site)
    first, second = site.limpet, another_device(site)
    try:
        shop.adopt()
        commit = shop.publish()
        first.start()
        first.wait_status(lambda s: is_applied(s, commit), "it to be applied")
        second.start()
        second.wait_status(lambda s: source(s)["state"] == "standby", "it to stand by")
        first.stop()
        second.wait_status(lambda s: is_applied(s, commit), "the second to apply it", 40)
        first.start()
        first.wait_status(lambda s: source(s)["state"] == "standby", "the first to stand by")
        for used in ("2", "1"):
            commit = shop.publish(used=used)
            second.wait_status(lambda s: is_applied(s, commit), "it to be applied")
        before = shop.till()
        assert before[1] and not before[2]

        second.stop()
        first.wait_status(lambda s: is_applied(s, commit), "the first to apply it", 40)
        assert not rolled(before, shop.till())
    finally:
        second.close()


def another_device(site):
    """A second device of the same site: its own state folder, so its own identity."""
    folder = site.folder / "second"
    config = copy.deepcopy(site.limpet.config)
    config.update(stateDir=str(folder / "state"), socket=str(folder / "limpet.sock"))
    return Limpet(folder, config)


def secret_of(shop):
    """The Secret with the key."""
    name = shop.site.limpet.config["cluster"]["namespace"]
    return shop.site.cluster.api.get("Secret", "limpet-site", name)


def test_the_key_is_in_the_cluster_and_in_no_log(shop):
    shop.sync()

    secret = secret_of(shop)
    key = base64.b64decode(secret["data"]["config-digest-key"])
    store = sqlite3.connect(f"file:{shop.site.limpet.state_dir}/limpet.db?mode=ro", uri=True)
    try:
        assert store.execute("SELECT key FROM config_key").fetchall() == [(key,)]
    finally:
        store.close()
    assert secret["immutable"] and len(key) == 32
    assert secret["data"]["config-digest-key"] not in shop.site.limpet.log()


def test_a_key_that_was_deleted_comes_back(shop):
    first = shop.sync()
    key = secret_of(shop)["data"]

    shop.site.cluster.api.delete("Secret", "limpet-site",
                                 shop.site.limpet.config["cluster"]["namespace"])
    assert not rolled(first, shop.sync())
    assert secret_of(shop)["data"] == key


def test_another_key_restarts_nothing(shop):
    first = shop.sync()
    namespace = shop.site.limpet.config["cluster"]["namespace"]
    api = shop.site.cluster.api

    api.delete("Secret", "limpet-site", namespace)
    api.apply({"apiVersion": "v1", "kind": "Secret",
               "metadata": {"name": "limpet-site", "namespace": namespace},
               "data": {"config-digest-key": base64.b64encode(b"k" * 32).decode()}})
    assert not rolled(first, shop.sync())
    second = shop.till()
    assert second[2] not in (None, first[1])
    assert rolled(second, shop.sync(used="2"))


def test_a_key_that_is_none_is_told_and_the_rest_is_applied(shop):
    namespace = shop.site.limpet.config["cluster"]["namespace"]
    api = shop.site.cluster.api
    api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    api.apply({"apiVersion": "v1", "kind": "Secret",
               "metadata": {"name": "limpet-site", "namespace": namespace},
               "data": {"config-digest-key": "AAAA"}})
    commit = shop.publish()

    result = shop.site.limpet.run("sync")

    assert result.code == 0 and is_applied(shop.site.limpet.status(), commit)
    assert "has no config-digest-key of 32 bytes; delete it" in result.err
    assert shop.till()[1] is None


# --- the steps alone -----------------------------------------------------------------------


@pytest.fixture
def system(controlplane):
    """The name of a namespace that is not there yet."""
    prefix = f"e2e-{secrets.token_hex(3)}"
    yield f"{prefix}-limpet"
    controlplane.remove_all(prefix, wait=False)


def test_agents_that_make_the_key_at_once_have_the_same(controlplane, system):
    roles = [ClusterRole(controlplane.kubeconfig, "site", namespace=system) for _ in range(3)]
    for role in roles:
        assert role.connect()["event"] == "done"
    for number, role in enumerate(roles):
        role.send("config-key", body=str(number) * 32)

    told = [role.take() for role in roles]
    again = [role.step("config-key", body="9" * 32) for role in roles]

    assert all(role.close() == 0 for role in roles)
    assert sorted(event["outcome"] for event in told) == ["created", "none", "none"]
    assert {event["outcome"] for event in again} == {"none"}
    assert len({event["config"] for event in told + again}) == 1
    key = bytes.fromhex(told[0]["config"]).decode()
    assert key in ("0" * 32, "1" * 32, "2" * 32)


def test_no_key_is_made_of_less(controlplane, system):
    with ClusterRole(controlplane.kubeconfig, "site", namespace=system) as role:
        assert role.connect()["event"] == "done"
        assert role.step("config-key", body="short")["event"] == "failed"
    assert controlplane.api.get("Secret", "limpet-site", system) is None


@pytest.mark.parametrize("carried, told", [
    ({}, "0" * 64),
    ({"template": "a" * 32}, "a" * 32 + "0" * 32),
    ({"workload": "b" * 32}, "0" * 32 + "b" * 32),
    ({"template": "a" * 32, "workload": "b" * 32}, "a" * 32 + "b" * 32),
    ({"template": "A" * 32, "workload": "b" * 31}, "0" * 64),
])
def test_what_a_workload_carries_is_told(controlplane, system, carried, told):
    till = Shop.deployment("env")
    for meta, digest in ((till["metadata"], carried.get("workload")),
                         (till["spec"]["template"]["metadata"], carried.get("template"))):
        if digest:
            meta["annotations"] = {DIGEST: digest}
    till["metadata"]["namespace"] = system
    controlplane.api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": system}})
    with ClusterRole(controlplane.kubeconfig, "site", namespace=system) as role:
        assert role.connect()["event"] == "done"
        event = role.step("config-look", key=key_of(till))
        assert (event["event"], event["outcome"]) == ("done", "gone")
        controlplane.api.apply(till)
        event = role.step("config-look", key=key_of(till))
    assert (event["event"], event["outcome"], event["config"]) == ("done", "none", told)
