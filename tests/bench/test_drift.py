# SPDX-License-Identifier: Apache-2.0
"""What keeping 400 objects applied costs: requests and CPU at rest, by limpet's own user in the API
server's audit log, and how soon an edit is put right, by the watch of a bystander."""

import json
import os
import random
import statistics
import subprocess
import threading
import time

import pytest
import yaml

from figures import figure, wait_applied
from support.sitefiles import synthetic

LONG = bool(os.environ.get("LIMPET_LONG"))
IDLE_S = 3600 if LONG else 120
EDITS = 100
SEED = int(os.environ.get("LIMPET_SEED") or random.randrange(1 << 32))
OTHERS = {
    "ServiceAccount": {"apiVersion": "v1"},
    "LimitRange": {"apiVersion": "v1", "spec": {"limits": [{"type": "Pod", "max": {"cpu": "2"}}]}},
    "RoleBinding": {"apiVersion": "rbac.authorization.k8s.io/v1", "subjects": [
        {"kind": "User", "name": "joe", "apiGroup": "rbac.authorization.k8s.io"}],
        "roleRef": {"kind": "Role", "name": "item-00004", "apiGroup": "rbac.authorization.k8s.io"}},
    "NetworkPolicy": {"apiVersion": "networking.k8s.io/v1", "spec": {"podSelector": {}}},
    "PodDisruptionBudget": {"apiVersion": "policy/v1", "spec": {
        "maxUnavailable": 1, "selector": {"matchLabels": {"app": "x"}}}},
    "CronJob": {"apiVersion": "batch/v1", "spec": {"schedule": "0 0 1 1 *", "jobTemplate": {"spec": {
        "template": {"spec": {"restartPolicy": "Never", "containers": [
            {"name": "main", "image": "registry.example.com/bench/app:1"}]}}}}}},
}


def files_of_400(prefix):
    """{path: YAML}: 400 objects of 12 kinds in 4 namespaces."""
    made = {}
    for number in range(4):
        namespace = f"{prefix}-bench-{number}"
        objects = synthetic(94, prefix, namespace=namespace)
        for kind, rest in OTHERS.items():
            objects.append({"kind": kind, "metadata": {"name": "other", "namespace": namespace}, **rest})
        for start in range(0, len(objects), 10):
            made[f"ns-{number}/objects-{start:04}.yaml"] = yaml.safe_dump_all(
                objects[start:start + 10], sort_keys=False)
    return made


@pytest.fixture
def kept(request, site_on_own_cluster):
    """A site whose 400 objects are applied and watched by a user of limpet's own."""
    site = site_on_own_cluster
    site.limpet.config["cluster"]["kubeconfig"] = str(site.cluster.make_user(
        "edge", ["system:masters"], path=site.folder / "edge.kubeconfig"))
    site.limpet.source["poll"] = getattr(request, "param", "300s")
    site.limpet.write_config()
    commit = site.repo.publish(files_of_400(site.prefix), "Many objects")
    site.limpet.start()
    wait_applied(site.limpet, commit)
    site.limpet.wait_status(lambda s: s["sources"][0]["drift"]["watching"], "all kinds to be watched")
    return site


def asked(site, mark=0):
    return site.cluster.requests("edge")[mark:]


def cpu_s(pids):
    ticks = 0
    for pid in pids:
        with open(f"/proc/{pid}/stat") as stat:
            ticks += sum(map(int, stat.read().rsplit(")", 1)[1].split()[11:13]))
    return ticks / os.sysconf("SC_CLK_TCK")


def test_an_idle_hour_costs_some_dozens_of_requests(kept):
    site = kept
    time.sleep(5)
    mark, pids = len(asked(site)), site.limpet.pids()
    cpu = -cpu_s(pids)
    time.sleep(IDLE_S)
    cpu += cpu_s(pids)
    assert site.limpet.pids() == pids
    seen = asked(site, mark)
    strange = [e for e in seen if e["verb"] != "watch" and e["objectRef"]["resource"] != "leases"]
    assert strange == [], strange
    # Watches end 40 to 50 minutes after they began: what is not seen yet comes within the hour.
    watches = len({(e["objectRef"].get("apiGroup"), e["objectRef"]["resource"])
                   for e in asked(site) if e["verb"] == "watch"})
    renewals = 3600 / (0.8 * 3000) * watches
    leases = len([e for e in seen if e["objectRef"]["resource"] == "leases"]) * 3600 / IDLE_S
    hour = len(seen) if LONG else renewals + max(leases, 12)
    figure("API requests in an idle hour, 400 objects of 12 kinds", hour, 120, "requests",
           f"seen in {IDLE_S} s: {len(seen)}; {watches} watches, each renewed after 40 to 50 minutes")
    figure("CPU at rest, 400 objects watched", 100 * cpu / IDLE_S, 0.1, "% of a core",
           f"{cpu:.2f} s in {IDLE_S} s")


class Bystander:
    """Watches the ConfigMaps and tells when one is as it was applied again."""

    def __init__(self, cluster, namespaces):
        self.at, self.lock = {}, threading.Lock()
        self.kubectls = [subprocess.Popen(
            [cluster.programs / "kubectl", "--kubeconfig", cluster.kubeconfig, "get", "--raw",
             f"/api/v1/namespaces/{namespace}/configmaps?watch=true"],
            stdout=subprocess.PIPE, text=True) for namespace in namespaces]
        for kubectl in self.kubectls:
            threading.Thread(target=self._read, args=(kubectl,), daemon=True).start()

    def _read(self, kubectl):
        for line in kubectl.stdout:
            seen = json.loads(line)["object"]
            key = seen["metadata"]["namespace"], seen["metadata"]["name"]
            with self.lock:
                self.at.setdefault(key, []).append((time.monotonic(), "edited" in seen.get("data", {})))

    def repaired(self, key, since, timeout=10):
        """The seconds until the object had no foreign key any more."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            with self.lock:
                seen = [(at, edited) for at, edited in self.at.get(key, []) if at >= since]
            if any(edited for _, edited in seen) and not seen[-1][1]:
                return seen[-1][0] - [at for at, edited in seen if edited][0]
            time.sleep(0.005)
        raise AssertionError(f"{key} was not repaired in {timeout} s (LIMPET_SEED={SEED})")

    def close(self):
        for kubectl in self.kubectls:
            kubectl.kill()
            kubectl.wait()


def config_maps(site):
    return [(f"{site.prefix}-bench-{number}", f"item-{i:05}") for number in range(4)
            for i in range(5, 94, 5)]


def test_an_edit_is_put_right_before_anybody_notices(kept):
    site, rng, took = kept, random.Random(SEED), []
    there = config_maps(site)
    bystander = Bystander(site.cluster, sorted({namespace for namespace, _ in there}))
    time.sleep(2)
    try:
        for _ in range(EDITS):
            namespace, name = rng.choice(there)
            since = time.monotonic()
            site.cluster.api.patch("ConfigMap", name, {"data": {"edited": "by hand"}}, namespace,
                                   manager="kubectl-edit")
            took.append(bystander.repaired((namespace, name), since))
    finally:
        bystander.close()
    took.sort()
    print(f"\nLIMPET_SEED={SEED}")
    figure("an edit put right, p50", 1000 * statistics.median(took), 150, "ms", f"{EDITS} edits")
    figure("an edit put right, p95", 1000 * took[int(0.95 * EDITS)], 1000, "ms",
           f"most {1000 * took[-1]:.0f} ms")


@pytest.mark.parametrize("kept", ["2s"], indirect=True)
def test_a_push_that_changes_one_of_400_objects_asks_little(kept):
    site, path = kept, "ns-0/objects-0000.yaml"
    objects = list(yaml.safe_load_all(files_of_400(site.prefix)[path]))
    next(o for o in objects if o["kind"] == "ConfigMap")["data"]["pushed"] = "yes"
    site.repo.write({path: yaml.safe_dump_all(objects, sort_keys=False)})
    time.sleep(1)
    mark = len(asked(site))
    commit = site.repo.publish(message="One of many")
    wait_applied(site.limpet, commit)
    seen = [(e["verb"], e["objectRef"]["resource"]) for e in asked(site, mark)
            if e["objectRef"]["resource"] != "leases"]
    print(f"\n{seen}")
    figure("API requests of a push that changes 1 of 400 objects", len(seen), 5, "requests")
