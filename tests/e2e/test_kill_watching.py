# SPDX-License-Identifier: Apache-2.0
"""SIGKILL of the agent, of its roles and of the API server at random moments, while people edit,
delete and push: what runs ends as the last revision says, and nothing is done twice."""

import copy
import http.client
import json
import os
import random
import signal
import time

import pytest
from test_daemon import roles
from test_sigkill import what_is_wrong

from support.kubeapi import ApiError
from support.limpet import Limpet
from support.sitefiles import small_site
from support.told import source, stored, wait_applied, wait_idle
from support.waiting import wait_until

ROUNDS = 100 if os.environ.get("LIMPET_LONG") else 20
ROUNDS_A_LOOK = 7       # after so many kills it may come to rest
SEED = int(os.environ.get("LIMPET_SEED") or random.randrange(1 << 32))
STAY = 2 * ROUNDS       # ConfigMaps that every revision has; others come and go
COME = 6
EDITS = 3               # of one object in one life of the agent: more would be a fight
PART_OF = "applyset.kubernetes.io/part-of"
CONVERGED_S = 120
ROLES = ["cluster", "fetch", "render"]


def config_map(site, name, version):
    return {"apiVersion": "v1", "kind": "ConfigMap", "data": {"version": str(version), "n": name},
            "metadata": {"name": name, "namespace": site.namespace}}


def deployment(site, name):
    return {"apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": name, "namespace": site.namespace},
            "spec": {"replicas": 0, "selector": {"matchLabels": {"app": name}}, "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"containers": [{"name": "main", "image": "registry.example/web:1"}]}}}}


def job(site, name, **spec):
    return {"apiVersion": "batch/v1", "kind": "Job",
            "metadata": {"name": name, "namespace": site.namespace},
            "spec": {**spec, "template": {"spec": {"restartPolicy": "Never", "containers": [
                {"name": "main", "image": "registry.example/job:1"}]}}}}


class Shop:
    """A site that people edit and push to, and what it has to be in the end."""

    def __init__(self, site, rng):
        self.site, self.rng, self.api = site, rng, site.cluster.api
        self.user = f"{site.prefix}-agent"
        site.limpet.config["cluster"]["kubeconfig"] = str(
            site.cluster.make_user(self.user, ["system:masters"]))
        site.limpet.write_config()
        self.pushes, self.jobs, self.uids = 0, [], {}
        self.versions = {f"stay-{n}": 0 for n in range(STAY)}
        self.webs = [f"web-{n}" for n in range(STAY // 4)]
        self.edits, self.done = {}, {}

    # --- what people do ---

    def push(self):
        """A commit in which some objects are new, some are gone and some are changed."""
        self.pushes += 1
        for name in self.rng.sample(sorted(f"stay-{n}" for n in range(STAY)), 4):
            self.versions[name] = self.pushes
        for name in (f"come-{n}" for n in range(COME)):
            self.versions.pop(name, None)
            if self.rng.random() < 0.5:
                self.versions[name] = self.pushes
        if self.rng.random() < 0.4:
            self.jobs.append(f"run-{self.pushes}")
        objects = [config_map(self.site, *item) for item in self.versions.items()]
        objects += [deployment(self.site, name) for name in self.webs]
        objects += [job(self.site, name) for name in self.jobs]
        objects.append(job(self.site, "once", ttlSecondsAfterFinished=1))
        self.desired = {(o["kind"], o["metadata"]["name"]) for o in objects}
        self.site.repo.clear()
        self.commit = self.site.repo.publish({
            "namespace.yaml": small_site(self.site.prefix, tills=0)["namespace.yaml"],
            **{f"{o['metadata']['name']}.json": json.dumps(o) for o in objects}},
            f"Change {self.pushes}")

    def _pick(self):
        """An object to edit, of those that were not edited too often."""
        names = [name for name in sorted(self.versions) + self.webs
                 if name.startswith(("stay", "web")) and self.edits.get(name, 0) < EDITS]
        name = self.rng.choice(names)
        self.edits[name] = self.edits.get(name, 0) + 1
        return ("Deployment" if name in self.webs else "ConfigMap"), name

    def edit(self):
        """One edit or deletion by hand, of an object that may be away just now."""
        kind, name = self._pick()
        change = {"spec": {"replicas": 1}} if kind == "Deployment" else {
            "data": {"version": "666", "more": "x"}}
        how = self.rng.choice(["kubectl", "rival", "label", "delete"])
        if kind == "ConfigMap" and how == "rival":
            change["data"].pop("more")      # what another operator adds would stay
        if how == "label":
            change = {"metadata": {"labels": {PART_OF: None}}}
        try:
            if how == "delete":
                self.api.delete(kind, name, self.site.namespace)
            else:
                self.api.patch(kind, name, change, self.site.namespace,
                               manager="rival" if how == "rival" else "kubectl-edit")
            self.done[how] = self.done.get(how, 0) + 1
        except ApiError as error:
            if error.code != 404:
                raise
        except (OSError, http.client.HTTPException):
            pass    # a server that has just come back may close what it has accepted

    def disturb(self, most):
        """Up to so many edits, and now and then a push, within a moment."""
        for _ in range(self.rng.randint(1, most)):
            self.edit()
            time.sleep(self.rng.uniform(0, 0.1))
        if self.rng.random() < 0.3:
            self.push()

    # --- what it must be ---

    def wrong(self):
        """What is not as the last revision says; empty when nothing is."""
        found = {name: {o["metadata"]["name"]: o for o in
                        self.api.list(name, self.site.namespace)}
                 for name in ("ConfigMap", "Deployment", "Job")}
        found["ConfigMap"].pop("kube-root-ca.crt", None)
        there = {(kind, name) for kind, of_kind in found.items() for name in of_kind}
        wrong = [f"{what} is missing or too many" for what in
                 there ^ (self.desired - {("Job", "once")})]
        wrong += [f"{name}: {o['data']}" for name, o in found["ConfigMap"].items()
                  if o["data"] != {"version": str(self.versions.get(name)), "n": name}]
        wrong += [f"{name}: scaled" for name, o in found["Deployment"].items()
                  if o["spec"]["replicas"] != 0]
        wrong += [f"{name}: no label" for of_kind in found.values() for name, o in of_kind.items()
                  if PART_OF not in o["metadata"].get("labels", {})]
        return sorted(wrong)

    def look(self, what):
        """Waits until it is converged, and looks at everything that a kill may have hurt."""
        site, seen = self.site, [["nothing was seen"]]

        def converged():
            seen[0] = self.wrong()
            return not seen[0]

        try:
            wait_applied(site, self.commit, CONVERGED_S)
            wait_until(converged, "all of it", CONVERGED_S)
        except AssertionError as error:
            raise AssertionError(f"{what}: {error}: {seen[0]}") from None
        site.limpet.wait_status(lambda s: source(s)["drift"]["watching"] and
                                source(s)["drift"]["differs"] == 0, "nothing to differ", 60)
        wait_idle(site)
        before = self._versions()
        time.sleep(1.5)
        assert self._versions() == before and not self.wrong(), f"{what}: a write was left over"
        self._look_at_jobs(what)
        self._look_at_store(what)

    def _versions(self):
        # Deployments have a status, which is their controller's
        return {o["metadata"]["name"]: o["metadata"]["resourceVersion"]
                for o in self.api.list("ConfigMap", self.site.namespace)}

    def _look_at_jobs(self, what):
        for name in self.jobs:
            uid = self.site.get("Job", name)["metadata"]["uid"]
            assert self.uids.setdefault(name, uid) == uid, f"{what}: {name} was made again"
        assert self.site.get("Job", "once") is None, f"{what}: a finished Job was made again"

    def _look_at_store(self, what):
        limpet = self.site.limpet
        assert what_is_wrong(limpet.state_dir / "limpet.db", self.site.folder) == [], what
        told = [event["kind"] for event in limpet.json("events")["events"]]
        assert told and "fight" not in told and "event=fight" not in limpet.log(), what
        assert limpet.json("history"), what
        with stored(self.site) as db:
            rows = {(row["kind"], row["name"]): row for row in db.execute("SELECT * FROM inventory")}
        wanted = self.desired | {("Namespace", self.site.namespace)}
        assert set(rows) == wanted, f"{what}: {set(rows) ^ wanted}"
        assert {row["state"] for row in rows.values()} == {2}, f"{what}: not all are applied"

    def look_at_audit(self, what):
        """Nothing was deleted that every revision has, and each Job was made once."""
        events = [e for e in self.site.cluster.audit_events(self.user)
                  if e["stage"] == "ResponseComplete" and e["responseStatus"]["code"] < 300]
        deleted = [e["objectRef"]["name"] for e in events if e["verb"] == "delete"]
        assert all(name.startswith("come-") for name in deleted), f"{what}: {deleted}"
        made = [e["objectRef"]["name"] for e in events if e["verb"] == "patch" and
                e["objectRef"]["resource"] == "jobs" and e["responseStatus"]["code"] == 201]
        assert len(made) == len(set(made)) and "once" in made, f"{what}: {sorted(made)}"


@pytest.fixture
def shop(site_on_own_cluster):
    """A shop whose agent keeps the first revision, and whose one Job that goes has gone."""
    what = f"LIMPET_SEED={SEED}"
    print(f"{what}, {ROUNDS} kills")
    shop = Shop(site_on_own_cluster, random.Random(SEED))
    shop.push()
    shop.site.limpet.start()
    wait_applied(shop.site, shop.commit, 60)
    shop.site.cluster.wait_gone("Job", "once", shop.site.namespace)
    shop.look(what)
    yield shop
    if "kube-apiserver" not in shop.site.cluster.processes:
        shop.site.cluster.start_apiserver()     # it is that of other tests, too


def kill_role(shop, name):
    """SIGKILL to a role, if it runs within a moment; says whether it did."""
    until = time.monotonic() + 2.5      # it fetches once a second, and renders for a moment
    while time.monotonic() < until:
        pid = roles(shop.site).get(name)
        if pid:
            time.sleep(shop.rng.uniform(0, 0.02))
            try:
                os.kill(pid, signal.SIGKILL)
                return True
            except ProcessLookupError:
                pass                    # it has just ended by itself
        time.sleep(0.002)
    return False


def kill_agent(shop, victim):
    """SIGKILL to one role, or to the supervisor, whose roles must end with it; says to whom."""
    if victim == "render":
        shop.push()
    if victim != "daemon" and kill_role(shop, victim):
        return victim
    shop.site.limpet.kill_daemon_only()
    shop.edits = {}                     # who begins anew knows of no fight
    return "daemon"


def test_sigkill_of_the_agent_at_any_moment_ends_converged(shop):
    rng, limpet, killed = shop.rng, shop.site.limpet, {}
    victims = ["daemon", "daemon", *ROLES] * ROUNDS
    victims = rng.sample(victims[:ROUNDS], ROUNDS)
    for number in range(1, ROUNDS + 1):
        what = f"LIMPET_SEED={SEED}, kill {number}"
        shop.disturb(5)
        time.sleep(rng.uniform(0, 0.4))     # the moment: this is no waiting for anything
        victim = kill_agent(shop, victims.pop())
        killed[victim] = killed.get(victim, 0) + 1
        if victim != "daemon":
            assert limpet.daemon.is_running(), f"{what}: the {victim} role took all with it"
        else:
            if rng.random() < 0.3:
                shop.disturb(3)             # while nobody looks
            limpet.start()
        if number % ROUNDS_A_LOOK == 0 or number == ROUNDS:
            shop.look(what)

    shop.look_at_audit(f"LIMPET_SEED={SEED}")
    print(killed, shop.done)
    assert {"daemon", "cluster"} <= set(killed), "the other roles live too short to be sure of"
    assert len(shop.done) == 4


def test_sigkill_of_the_api_server_at_any_moment_ends_converged(shop):
    rng, cluster, pid = shop.rng, shop.site.cluster, shop.site.limpet.daemon.pid
    serves, killed = True, {"serving": 0, "starting": 0}
    for number in range(1, ROUNDS + 1):
        what = f"LIMPET_SEED={SEED}, kill {number}"
        if not serves:
            serves = rng.random() < 0.5
            cluster.start_apiserver(wait=serves)
        if serves:
            shop.disturb(8)
            time.sleep(rng.uniform(0, 0.4))     # the moment
        else:
            time.sleep(rng.uniform(0, 3))       # one in the middle of its start
        cluster.stop_apiserver(hard=True)
        killed["serving" if serves else "starting"] += 1
        serves = number % ROUNDS_A_LOOK == 0 or number == ROUNDS
        if serves:
            cluster.start_apiserver()
            shop.look(what)

    shop.look_at_audit(f"LIMPET_SEED={SEED}")
    print(killed, shop.done)
    assert shop.site.limpet.daemon.pid == pid and shop.site.limpet.daemon.is_running()
    assert all(killed.values()) and len(shop.done) == 4


def writes(shop, user, mark=0):
    """(verb, resource) of what a user has written there, Leases aside."""
    return [(e["verb"], e["objectRef"]["resource"]) for e in shop.site.cluster.requests(user)[mark:]
            if e["verb"] in ("patch", "create", "update", "delete") and
            e["objectRef"]["resource"] != "leases"]


def test_of_two_agents_on_one_cluster_the_one_that_leads_heals(shop):
    config, user = copy.deepcopy(shop.site.limpet.config), f"{shop.user}-2"
    folder = shop.site.folder / "second"
    config.update(stateDir=str(folder / "state"), socket=str(folder / "limpet.sock"))
    config["cluster"]["kubeconfig"] = str(shop.site.cluster.make_user(user, ["system:masters"]))
    second = Limpet(folder, config)
    try:
        second.start()
        second.wait_status(lambda s: source(s)["state"] == "standby", "it to stand by")
        mark = len(shop.site.cluster.requests(shop.user))
        for _ in range(15):
            shop.edit()
        shop.look(f"LIMPET_SEED={SEED}, two agents")
    finally:
        second.close()

    # two edits of one object may be put right by one write
    assert writes(shop, user) == [] and len(writes(shop, shop.user, mark)) >= 8
