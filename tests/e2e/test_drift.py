# SPDX-License-Identifier: Apache-2.0
"""What runs is kept as it was applied: a foreign edit is seen at once and healed, or only told."""

import json
import time

import pytest

from support.limits import limit
from support.sitefiles import small_site
from support.told import events, source, wait_applied, wait_idle
from support.waiting import wait_until


def deployment(site, replicas=2, image="registry.example/till:1"):
    return {"deployment.yaml": json.dumps({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "namespace": site.namespace, "labels": {"tier": "shop"}},
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": "web"}},
                 "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [
                     {"name": "web", "image": image, "args": ["--serve"],
                      "ports": [{"containerPort": 80, "name": "http"}],
                      "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]}]}}}})}


def converged(site, **config):
    """A daemon that watches what it has applied."""
    site.limpet.config["cluster"].update(config)
    site.limpet.write_config()
    site.limpet.start()
    commit = site.repo.publish({**small_site(site.prefix), **deployment(site)})
    wait_applied(site, commit)
    watching(site)
    return commit


def drift(site):
    return source(site.limpet.status())["drift"]


def watching(site):
    """Waits until every change is told."""
    site.limpet.wait_status(lambda s: source(s)["drift"]["watching"], "all kinds to be watched")


def patch(site, kind, name, body, manager="kubectl-patch"):
    site.cluster.kubectl("patch", kind, name, "-n", site.namespace, "--type=merge", "-p",
                         json.dumps(body), f"--field-manager={manager}")


def version(site, name="till-1"):
    config_map = site.get("ConfigMap", name)
    return config_map and config_map["data"].get("version")


def test_an_edit_is_healed_at_once(site):
    converged(site)

    patch(site, "configmap", "till-1", {"data": {"version": "666", "more": "x"}})

    wait_until(lambda: site.get("ConfigMap", "till-1")["data"] == {"version": "1"}, "the heal", 5)
    told = drift(site)
    assert told["heals"] == 1 and told["differs"] == 0 and told["lastHeal"]


def test_what_is_deleted_by_hand_comes_back(site):
    converged(site)

    for name in ("till-0", "till-1", "till-2"):
        site.cluster.api.delete("ConfigMap", name, site.namespace)
    site.cluster.api.delete("Deployment", "web", site.namespace)

    wait_until(lambda: site.get("Deployment", "web") and all(
        version(site, f"till-{i}") == "1" for i in range(3)), "all of it", 10)


def test_a_label_that_is_taken_away_comes_back(site):
    converged(site)

    site.cluster.kubectl("label", "deployment", "web", "-n", site.namespace, "tier-",
                         "applyset.kubernetes.io/part-of-")

    wait_until(lambda: "tier" in site.get("Deployment", "web")["metadata"]["labels"] and
               "applyset.kubernetes.io/part-of" in site.get("Deployment", "web")["metadata"]["labels"],
               "the labels", 5)


def test_what_another_operator_adds_stays_and_causes_no_second_write(site):
    converged(site)

    patch(site, "deployment", "web", {"metadata": {"labels": {"mesh": "on"}}}, manager="mesh")
    patch(site, "configmap", "till-1", {"data": {"added": "yes"}}, manager="mesh")
    time.sleep(2)
    before = site.get("ConfigMap", "till-1")["metadata"]["resourceVersion"]
    time.sleep(1)

    assert site.get("Deployment", "web")["metadata"]["labels"]["mesh"] == "on"
    assert site.get("ConfigMap", "till-1")["data"] == {"version": "1", "added": "yes"}
    assert site.get("ConfigMap", "till-1")["metadata"]["resourceVersion"] == before
    assert drift(site)["heals"] == 0


def test_an_object_with_a_name_that_we_do_not_take_hides_no_edit(site):
    """RBAC allows nearly any name, and anybody may copy our label."""
    converged(site)
    rules = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
            "metadata": {"name": "reader", "namespace": site.namespace}, "rules": rules}
    wait_applied(site, site.repo.publish({"role.yaml": json.dumps(role)}))
    watching(site)
    ours = site.get("Role", "reader")
    for name in ("my role", "n" * 300):
        site.cluster.api.request("POST", site.cluster.api.resource("Role").path(site.namespace), {
            **role, "metadata": {"name": name, "labels": ours["metadata"]["labels"]}})

    site.limpet.wait_log("event=object-passed-over")
    patch(site, "role", "reader", {"rules": []})

    wait_until(lambda: site.get("Role", "reader")["rules"] == rules, "the heal", 5)
    site.limpet.stop()
    site.limpet.start()
    wait_idle(site)
    watching(site)
    assert site.limpet.log().count("event=object-passed-over") == 2, "each agent tells it once"
    assert "event=watch " not in site.limpet.log(), "no watch has ended"


def test_drift_is_only_reported_where_the_configuration_says_so(site):
    site.limpet.config["sources"][0]["drift"] = "report"
    converged(site)

    patch(site, "configmap", "till-1", {"data": {"version": "666"}})

    site.limpet.wait_status(lambda s: source(s)["drift"]["differs"] == 1, "the report", 10)
    time.sleep(1)
    assert version(site) == "666" and drift(site)["heals"] == 0


def test_a_suspended_source_reports_and_its_resume_heals(site):
    converged(site)
    site.limpet.ok("suspend")

    patch(site, "configmap", "till-1", {"data": {"version": "666"}})
    site.limpet.wait_status(lambda s: source(s)["drift"]["differs"] == 1, "the report", 10)
    assert version(site) == "666"
    site.limpet.stop()
    site.limpet.start()
    site.limpet.wait_status(lambda s: source(s)["drift"]["differs"] == 1, "the report again", 15)
    assert version(site) == "666"
    site.limpet.ok("resume")

    wait_until(lambda: version(site) == "1", "the heal", 10)


def test_a_person_can_debug_by_an_annotation_on_the_live_object(site):
    converged(site)
    site.cluster.kubectl("annotate", "deployment", "web", "-n", site.namespace,
                         "limpet.dev/drift=report")

    patch(site, "deployment", "web", {"spec": {"replicas": 7}})
    time.sleep(2)
    assert site.get("Deployment", "web")["spec"]["replicas"] == 7
    site.cluster.kubectl("annotate", "deployment", "web", "-n", site.namespace,
                         "limpet.dev/drift-")

    wait_until(lambda: site.get("Deployment", "web")["spec"]["replicas"] == 2, "the heal", 10)


def test_a_fight_is_told_and_waits(site):
    converged(site)

    for number in range(12):
        patch(site, "configmap", "till-1", {"data": {"version": f"mine-{number}"}}, manager="rival")
        time.sleep(0.5)

    told = drift(site)
    assert 4 <= told["heals"] <= 6 and version(site).startswith("mine")
    log = site.limpet.log()
    assert "fight" in log and "rival" in log


def requests(site, mark):
    """(verb, resource) of what limpet asked the API server since then, Leases aside."""
    return [(e["verb"], e["objectRef"]["resource"]) for e in site.cluster.requests("edge")[mark:]
            if e["objectRef"]["resource"] != "leases"]


@pytest.fixture
def counted(site_on_own_cluster):
    """A site whose limpet is a user of its own in the audit log."""
    site = site_on_own_cluster
    kubeconfig = site.cluster.make_user("edge", ["system:masters"],
                                        path=site.folder / "edge.kubeconfig")
    site.limpet.config["cluster"]["kubeconfig"] = str(kubeconfig)
    return site


def test_a_watch_that_ends_in_order_is_asked_for_once_more_without_a_list(counted):
    site = counted
    converged(site, watchTimeout="5s")
    wait_idle(site)
    time.sleep(6)
    mark, began = len(site.cluster.requests("edge")), time.monotonic()
    time.sleep(11)

    seen = requests(site, mark)
    most = 3 * ((time.monotonic() - began) / 4 + 1.5)  # a watch of 5 s may be one of 4
    kinds = {resource for _, resource in seen}
    assert kinds == {"namespaces", "configmaps", "deployments"}
    assert {verb for verb, _ in seen} == {"watch"}
    assert 6 <= len(seen) <= most
    assert drift(site)["watching"]


@pytest.mark.parametrize("hard", [False, True], ids=["stopped", "killed"])
def test_a_restart_of_the_api_server_loses_no_edit(counted, hard):
    site = counted
    converged(site)
    site.cluster.stop_apiserver(hard)
    site.limpet.wait_status(lambda s: not source(s)["drift"]["watching"], "the watches to end")
    site.cluster.start_apiserver()
    patch(site, "configmap", "till-1", {"data": {"version": "666"}})

    wait_until(lambda: version(site) == "1", "the heal", 40)
    watching(site)
    patch(site, "configmap", "till-2", {"data": {"version": "666"}})
    wait_until(lambda: version(site, "till-2") == "1", "the next heal", 5)


def test_an_edit_while_limpet_is_away_is_healed_at_its_start(site):
    converged(site)
    site.limpet.kill()
    patch(site, "configmap", "till-1", {"data": {"version": "666"}})
    site.cluster.api.delete("ConfigMap", "till-2", site.namespace)

    site.limpet.start()

    wait_until(lambda: version(site) == "1" and version(site, "till-2") == "1", "the heal", 15)
    assert site.get("ConfigMap", "till-1")["data"] == {"version": "1"}


def test_a_push_that_changes_one_object_asks_little(counted):
    site = counted
    converged(site)
    wait_idle(site)
    mark = len(site.cluster.requests("edge"))
    site.repo.edit("till-1.yaml", 'version: "1"', 'version: "2"')
    commit = site.repo.publish(message="A new till")
    wait_applied(site, commit)

    seen = requests(site, mark)
    assert len(seen) <= 5, seen
    assert ("patch", "configmaps") in seen and version(site) == "2"


def test_a_restart_of_a_converged_agent_writes_nothing(site):
    converged(site)

    def versions():
        return {name: site.get(kind, name)["metadata"]["resourceVersion"] for kind, name in
                [("ConfigMap", "till-0"), ("ConfigMap", "till-1"), ("ConfigMap", "till-2")]}

    before = versions()
    for _ in range(3):
        site.limpet.stop()
        site.limpet.start()
        wait_idle(site)
        watching(site)
    assert versions() == before


def job(site, image="registry.example/job:1"):
    return {"job.yaml": json.dumps({
        "apiVersion": "batch/v1", "kind": "Job",
        "metadata": {"name": "once", "namespace": site.namespace},
        "spec": {"ttlSecondsAfterFinished": 5, "template": {"spec": {
            "restartPolicy": "Never", "containers": [{"name": "main", "image": image}]}}}})}


def test_a_job_that_went_when_it_had_finished_is_not_made_again(site):
    """Neither by a heal, nor by a deep pass, nor by a start; but by another content."""
    site.limpet.config["cluster"]["reconcile"] = "5s"
    site.limpet.write_config()
    mark = len(site.cluster.audit_events()) if site.cluster.can_restart else 0
    site.limpet.start()
    commit = site.repo.publish({**small_site(site.prefix), **job(site)})
    wait_applied(site, commit)
    uids = set()

    def gone():
        made = site.get("Job", "once")
        uids.add(made and made["metadata"]["uid"])
        return made is None

    wait_until(gone, "the Job to finish and go", 40)
    end = time.monotonic() + 120
    while time.monotonic() < end:
        for _ in range(3):
            site.limpet.stop()
            site.limpet.start()
            wait_idle(site)
            time.sleep(2)
            assert site.get("Job", "once") is None
        patch(site, "configmap", "till-1", {"data": {"version": "666"}})
        wait_until(lambda: version(site) == "1", "a heal", 10)
    assert len(uids - {None}) == 1
    if site.cluster.can_restart:
        made = [e for e in site.cluster.audit_events()[mark:] if e["verb"] == "patch"
                and e["objectRef"]["resource"] == "jobs" and e["stage"] == "ResponseComplete"
                and e["responseStatus"]["code"] == 201 and e["objectRef"]["namespace"] == site.namespace]
        assert len(made) == 1

    commit = site.repo.publish(job(site, "registry.example/job:2"), "Once more")
    wait_applied(site, commit)
    wait_until(lambda: site.get("Job", "once"), "the next one", 10)


def test_a_thousand_objects_that_are_deleted_at_once_come_back(site):
    count = 1000
    tills = {f"till-{n}.yaml": f"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: many-{n}\n"
                               f"  namespace: {site.namespace}\ndata:\n  n: \"{n}\"\n" for n in range(count)}
    site.limpet.start()
    commit = site.repo.publish({**small_site(site.prefix), **tills})
    wait_applied(site, commit, 60)
    watching(site)

    site.cluster.kubectl("delete", "configmaps", "--all", "-n", site.namespace, "--wait=false")

    def there():
        return sum(c["metadata"]["name"].startswith("many-") for c in
                   site.cluster.api.list("ConfigMap", site.namespace))

    wait_until(lambda: there() == count, "all of them", 60)
    site.limpet.wait_status(lambda s: source(s)["drift"]["differs"] == 0, "nothing to differ", 20)
    events = site.limpet.json("events", "-n", "1000")
    told = events if isinstance(events, list) else events["events"]
    assert len([e for e in told if e["kind"] in ("detected", "healed")]) <= limit("LP_DRIFT_TOLD") + 3
    assert any("more lines are in the log" in e.get("message", "") for e in told)
    healed = source(site.limpet.status())["drift"]["lastHealed"]  # among those left untold, too
    assert "ConfigMap" in healed and not any(healed == e.get("object") for e in told)


def test_a_namespace_that_is_deleted_by_hand_comes_back_with_all_in_it(site):
    converged(site)
    uid = site.cluster.api.get("Namespace", site.namespace)["metadata"]["uid"]

    site.cluster.kubectl("delete", "namespace", site.namespace, "--wait=false")

    def back():
        namespace = site.cluster.api.get("Namespace", site.namespace)
        return namespace and namespace["metadata"]["uid"] != uid and site.get("Deployment", "web") and \
            all(version(site, f"till-{i}") == "1" for i in range(3))

    wait_until(back, "the namespace and what was in it", 90)
    site.limpet.wait_status(lambda s: source(s)["drift"]["differs"] == 0, "nothing to differ", 60)


def test_a_storm_that_is_only_reported_is_told_as_that(site):
    site.limpet.config["sources"][0]["drift"] = "report"
    site.limpet.write_config()
    count = limit("LP_DRIFT_TOLD")
    tills = {f"more-{n}.json": json.dumps({
        "apiVersion": "v1", "kind": "ConfigMap", "data": {"version": "1"},
        "metadata": {"name": f"more-{n}", "namespace": site.namespace}}) for n in range(count)}
    site.limpet.start()
    wait_applied(site, site.repo.publish({**small_site(site.prefix), **tills}))
    watching(site)

    site.cluster.kubectl("annotate", "configmap", "-n", site.namespace, "--all", "example.com/a=b")
    site.cluster.kubectl("label", "configmap", "-n", site.namespace, "--all", "example.com/a=b")
    site.limpet.wait_status(lambda s: source(s)["drift"]["differs"] >= count, "the reports", 60)

    wait_until(lambda: any("of many objects" in event["message"] for event in events(site)),
               "the sum of the rest", 90)
    assert not events(site, "healed") and drift(site)["lastHeal"] is None


def test_what_cannot_be_applied_puts_no_deep_pass_off(counted):
    site = counted
    refused = {"refused.json": json.dumps({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "till", "namespace": site.namespace},
        "spec": {"ports": [{"port": 80, "protocol": "NONE"}]}})}
    site.limpet.config["cluster"]["reconcile"] = "8s"
    site.limpet.write_config()
    site.limpet.start()
    commit = site.repo.publish({**small_site(site.prefix), **refused})
    site.limpet.wait_log(f"event=incomplete .*{commit}", 30)

    def applied():
        return [e for e in site.cluster.requests("edge") if e["verb"] == "patch"
                and e["objectRef"].get("name") == "till-1"]

    wait_until(lambda: len(applied()) >= 3, "two deep passes after the first", 60)
    assert site.limpet.status()["health"] == "degraded"


def test_the_status_tells_that_a_new_revision_failed_while_the_old_one_runs(site):
    converged(site)
    parent = f"limpet-{source(site.limpet.status())['name']}"
    system = site.limpet.config["cluster"]["namespace"]
    site.cluster.kubectl("annotate", "configmap", parent, "-n", system, "--overwrite",
                         "applyset.kubernetes.io/tooling=kubectl/v1.36")
    commit = site.repo.publish({**small_site(site.prefix, version="2"), **deployment(site)})
    site.limpet.wait_log(f"event=failed .*{commit}", 30)

    status = site.limpet.status()
    assert status["health"] == "degraded" and site.limpet.run("status").code == 1
    assert any("is failed" in reason and "belongs to kubectl" in reason for reason in status["reasons"])
    site.cluster.kubectl("annotate", "configmap", parent, "-n", system, "--overwrite",
                         "applyset.kubernetes.io/tooling=limpet")
    wait_applied(site, commit, 60)
    wait_until(lambda: site.limpet.run("status").code == 0, "all to be well", 20)
