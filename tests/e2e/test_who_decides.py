# SPDX-License-Identifier: Apache-2.0
"""Who decides about an object that somebody else has changed: the revision, the configuration, a
person on the device; and what is told of it."""

import json
import signal
import time

import pytest

from support.sitefiles import publish
from support.told import settled, source, watched
from support.waiting import always, wait_until


def config_map(site, name, data, annotations=None):
    return {f"{name}.yaml": json.dumps({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": site.namespace, "annotations": annotations or {}},
        "data": data})}


def stateful_set(site, replicas=2):
    """A kind whose generation does not move with its annotations."""
    return {"set.yaml": json.dumps({
        "apiVersion": "apps/v1", "kind": "StatefulSet",
        "metadata": {"name": "db", "namespace": site.namespace},
        "spec": {"replicas": replicas, "serviceName": "db",
                 "selector": {"matchLabels": {"app": "db"}},
                 "template": {"metadata": {"labels": {"app": "db"}}, "spec": {"containers": [
                     {"name": "db", "image": "registry.example/db:1"}]}}}})}


def data(site, name):
    found = site.get("ConfigMap", name)
    return found and found.get("data")


def patch(site, kind, name, body, manager="kubectl-edit"):
    site.cluster.kubectl("patch", kind, name, "-n", site.namespace, "--type=merge", "-p",
                         json.dumps(body), f"--field-manager={manager}")


def edit(site, name, manager="kubectl-edit", **values):
    patch(site, "configmap", name, {"data": values}, manager)


def debug(site, kind, name):
    """A person asks on the device that this object be left alone."""
    site.cluster.kubectl("annotate", kind, name, "-n", site.namespace, "limpet.dev/drift=report")


def told(site, kind, name):
    return [event for event in site.limpet.json("events", "-n", "1000")["events"]
            if event["kind"] == kind and event.get("object", "").endswith("/" + name)]


def differs(site, count):
    site.limpet.wait_status(lambda s: source(s)["drift"]["differs"] == count,
                            f"{count} objects to differ")


@pytest.fixture
def debugged(site):
    """An object that a person has edited on the device, and asked to be left alone."""
    site.limpet.start()
    watched(site, publish(site, config_map(site, "till", {"v": "1"}),
                          config_map(site, "other", {"v": "1"})))
    debug(site, "configmap", "till")
    edit(site, "till", v="hand")
    wait_until(lambda: any("data.v" in e["message"] for e in told(site, "reported", "till")),
               "the report of what was changed")
    return site


def test_a_push_of_other_things_leaves_what_a_person_debugs(debugged):
    site = debugged
    watched(site, publish(site, config_map(site, "till", {"v": "1"}),
                          config_map(site, "other", {"v": "2"})))

    assert data(site, "other") == {"v": "2"} and data(site, "till") == {"v": "hand"}
    differs(site, 1)
    assert not told(site, "overwritten", "till") and not told(site, "healed", "till")


@pytest.mark.parametrize("hard", [False, True], ids=["stopped", "killed"])
def test_a_restart_leaves_what_a_person_debugs_and_reports_it(debugged, hard):
    site = debugged
    last = max(e["last"] for e in told(site, "reported", "till"))
    time.sleep(1.1)  # which is told in seconds
    site.limpet.kill() if hard else site.limpet.stop()
    site.limpet.start()
    settled(site)

    differs(site, 1)
    assert data(site, "till") == {"v": "hand"}
    assert max(e["last"] for e in told(site, "reported", "till")) > last


def test_a_deep_pass_leaves_what_a_person_debugs(site):
    site.limpet.config["cluster"]["reconcile"] = "3s"
    site.limpet.write_config()
    site.limpet.start()
    watched(site, publish(site, config_map(site, "till", {"v": "1"})))
    debug(site, "configmap", "till")
    edit(site, "till", v="hand")

    always(lambda: data(site, "till") == {"v": "hand"}, "no heal", 8)
    differs(site, 1)


def test_what_was_edited_while_limpet_was_away_is_left_too(site):
    """Nothing that is in the store says that the object is not to be touched."""
    site.limpet.start()
    watched(site, publish(site, config_map(site, "till", {"v": "1", "w": "1"})))
    site.limpet.stop()
    debug(site, "configmap", "till")
    patch(site, "configmap", "till", {"data": {"v": None}})
    site.limpet.start()
    settled(site)

    differs(site, 1)
    assert data(site, "till") == {"w": "1"}
    site.cluster.kubectl("annotate", "configmap", "till", "-n", site.namespace, "limpet.dev/drift-")
    wait_until(lambda: data(site, "till") == {"v": "1", "w": "1"}, "the heal")


def test_new_content_goes_over_what_a_person_debugs_and_says_so(debugged):
    site = debugged
    commit = publish(site, config_map(site, "till", {"v": "2", "new": "1"}))
    watched(site, commit)

    assert data(site, "till") == {"v": "2", "new": "1"}
    event, = told(site, "overwritten", "till")
    assert event["by"] == "kubectl-edit" and "data.v" in event["message"]
    assert "data.new" not in event["message"]
    site.limpet.stop()
    site.limpet.start()
    settled(site)
    assert data(site, "till") == {"v": "2", "new": "1"}


def test_new_content_that_comes_with_a_start_goes_over_it_too_and_says_so(debugged):
    site = debugged
    site.limpet.stop()
    site.repo.publish(config_map(site, "till", {"v": "2"}))
    site.limpet.start()

    wait_until(lambda: data(site, "till") == {"v": "2"}, "the new content")
    wait_until(lambda: told(site, "overwritten", "till"), "that to be told")


def test_the_end_of_debugging_is_seen_where_it_moves_no_generation(site):
    site.limpet.start()
    watched(site, publish(site, stateful_set(site)))
    debug(site, "statefulset", "db")
    patch(site, "statefulset", "db", {"spec": {"replicas": 7}})
    wait_until(lambda: any("spec.replicas" in e["message"] for e in told(site, "reported", "db")),
               "the report")
    site.cluster.kubectl("annotate", "statefulset", "db", "-n", site.namespace, "limpet.dev/drift-")

    wait_until(lambda: site.get("StatefulSet", "db")["spec"]["replicas"] == 2, "the heal", 10)


@pytest.mark.parametrize("way", ["restart", "reload"])
def test_a_source_that_only_reports_changes_nothing_at_a_start(site, way):
    site.limpet.config["sources"][0]["drift"] = "report"
    site.limpet.write_config()
    site.limpet.start()
    watched(site, publish(site, config_map(site, "till", {"v": "1"}), config_map(site, "gone", {})))
    edit(site, "till", v="hand")
    site.cluster.api.delete("ConfigMap", "gone", site.namespace)
    differs(site, 2)
    if way == "restart":
        site.limpet.stop()
        site.limpet.start()
    else:
        mark = len(site.limpet.log())
        site.limpet.daemon.signal(signal.SIGHUP)
        site.limpet.wait_log("event=reloaded", since=mark)
    settled(site)

    differs(site, 2)
    assert data(site, "till") == {"v": "hand"} and site.get("ConfigMap", "gone") is None
    commit = publish(site, config_map(site, "other", {"v": "1"}))
    watched(site, commit)  # what differs does not hold up what is new
    assert data(site, "till") == {"v": "hand"}


def test_a_fight_does_not_hold_up_a_revision_and_new_content_ends_the_wait(site):
    site.limpet.start()
    watched(site, publish(site, config_map(site, "till", {"v": "1"})))
    for number in range(8):
        edit(site, "till", manager="rival", v=f"mine-{number}")
        time.sleep(0.4)
    assert told(site, "fight", "till") and data(site, "till")["v"].startswith("mine")

    watched(site, publish(site, config_map(site, "till", {"v": "2"})))

    assert data(site, "till") == {"v": "2"} and told(site, "overwritten", "till")
    edit(site, "till", manager="rival", v="mine again")
    wait_until(lambda: data(site, "till") == {"v": "2"}, "a heal without a wait", 5)


def made_by_kubectl(site, name, values, manager=None):
    """An object that was there before limpet came."""
    body = {"apiVersion": "v1", "kind": "ConfigMap", "data": values,
            "metadata": {"name": name, "namespace": site.namespace}}
    how = ["apply", "-f", "-"] + (["--server-side", f"--field-manager={manager}"] if manager else [])
    if site.cluster.api.get("Namespace", site.namespace) is None:
        site.cluster.kubectl("create", "namespace", site.namespace)
    site.cluster.kubectl(*how, input=json.dumps(body))


@pytest.mark.parametrize("manager", [None, "helm", "kustomize-controller"])
def test_what_others_had_made_is_taken_over_with_the_first_apply(site, manager):
    made_by_kubectl(site, "till", {"v": "old", "same": "1", "extra": "1"}, manager)
    site.limpet.start()
    watched(site, publish(site, config_map(site, "till", {"v": "1", "same": "1"})))

    assert data(site, "till") == {"v": "1", "same": "1"}
    event, = told(site, "adopted", "till")
    name = manager or "kubectl-client-side-apply"
    assert event["by"] == name and f"{name} had another data.v" in event["message"]
    assert "data.same" not in event["message"]
    assert not told(site, "detected", "till") and not told(site, "healed", "till")
    watched(site, publish(site, config_map(site, "till", {"v": "1"})))
    assert data(site, "till") == {"v": "1"}  # it was theirs, too, and would have stayed


def test_what_is_the_same_already_is_taken_over_too(site):
    made_by_kubectl(site, "till", {"v": "1", "extra": "1"})
    site.limpet.start()
    watched(site, publish(site, config_map(site, "till", {"v": "1"})))

    assert data(site, "till") == {"v": "1"}
    event, = told(site, "adopted", "till")
    assert "kubectl-client-side-apply" in event["message"]


def test_what_an_operator_had_made_stays_its_own_and_is_told(site):
    made_by_kubectl(site, "till", {"v": "old", "theirs": "1"}, "operator")
    site.limpet.start()
    watched(site, publish(site, config_map(site, "till", {"v": "1"})))

    assert data(site, "till") == {"v": "1", "theirs": "1"}
    event, = told(site, "adopted", "till")
    assert event["by"] == "operator" and "operator had another data.v" in event["message"]
    assert "operator has its own data.theirs" in event["message"]


@pytest.mark.parametrize("where", ["cluster", "revision"])
def test_an_adoption_never_takes_replicas_from_an_autoscaler(site, where):
    def deployment(replicas):
        return {"apiVersion": "apps/v1", "kind": "Deployment",
                "metadata": {"name": "web", "namespace": site.namespace},
                "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": "web"}},
                         "template": {"metadata": {"labels": {"app": "web"}}, "spec": {
                             "containers": [{"name": "web", "image": "registry.example/web:1"}]}}}}

    scaler = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
              "metadata": {"name": "web", "namespace": site.namespace},
              "spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment",
                                          "name": "web"}, "minReplicas": 5, "maxReplicas": 9}}
    made_by_kubectl(site, "any", {})
    site.cluster.kubectl("apply", "-f", "-", input=json.dumps(deployment(5)))
    files = {"web.yaml": json.dumps(deployment(2))}
    if where == "revision":
        files["scaler.yaml"] = json.dumps(scaler)
    else:
        site.cluster.kubectl("patch", "deployment", "web", "-n", site.namespace,
                             "--subresource=scale", "--type=merge", "-p",
                             '{"spec": {"replicas": 6}}', "--field-manager=hpa")
    least = 6 if where == "cluster" else 5
    site.limpet.start()
    watched(site, publish(site, files))

    assert site.get("Deployment", "web")["spec"]["replicas"] == least
    always(lambda: site.get("Deployment", "web")["spec"]["replicas"] >= least, "no fewer", 2)
    event, = told(site, "adopted", "web")
    assert "spec.replicas" not in event["message"]


@pytest.mark.parametrize("mode", ["heal", "report"])
def test_a_rule_of_the_configuration_that_goes_away_has_each_object_looked_at_once(site, mode):
    config = site.limpet.config["sources"][0]
    config["drift"] = mode
    config["ignore"] = [{"kind": "ConfigMap", "name": "till", "pointers": ["/data/theirs"]}]
    site.limpet.write_config()
    site.limpet.start()
    watched(site, publish(site, config_map(site, "till", {"v": "1", "theirs": "1"})))
    edit(site, "till", manager="operator", theirs="7")
    always(lambda: data(site, "till") == {"v": "1", "theirs": "7"}, "no heal", 1)
    del config["ignore"]
    site.limpet.write_config()
    mark = len(site.limpet.log())
    site.limpet.daemon.signal(signal.SIGHUP)
    site.limpet.wait_log("event=reloaded", since=mark)
    settled(site)

    if mode == "heal":
        wait_until(lambda: data(site, "till") == {"v": "1", "theirs": "1"}, "the heal")
        event, = told(site, "healed", "till")
        assert event["count"] == 1 and "data.theirs" in event["message"]
    else:
        differs(site, 1)
        event, = told(site, "reported", "till")
        assert data(site, "till") == {"v": "1", "theirs": "7"} and event["count"] == 1


@pytest.mark.parametrize("theirs", ["1", "7"], ids=["same", "other"])
def test_a_rule_of_the_manifest_that_goes_away_makes_the_field_ours_again(site, theirs):
    ignored = {"limpet.dev/ignore": "/data/theirs"}
    site.limpet.start()
    watched(site, publish(site, config_map(site, "till", {"v": "1", "theirs": "1"}, ignored)))
    edit(site, "till", manager="operator", theirs=theirs)
    watched(site, publish(site, config_map(site, "till", {"v": "1", "theirs": "1"})))

    assert data(site, "till") == {"v": "1", "theirs": "1"}
    managers = [entry["manager"] for entry in site.get("ConfigMap", "till")["metadata"]["managedFields"]
                if "f:theirs" in json.dumps(entry.get("fieldsV1"))]
    assert "limpet" in managers and "limpet-handed-over" not in managers


def many(site, count):
    files = {}
    for number in range(count):
        files.update(config_map(site, f"many-{number}", {"v": "1"}))
    return files


def edit_all(site, count):
    for number in range(count):
        site.cluster.api.patch("ConfigMap", f"many-{number}", {"data": {"v": "2"}}, site.namespace,
                               manager="vi")


def versions(site, count, value="1"):
    """The resourceVersions of those that have the value."""
    return {c["metadata"]["name"]: c["metadata"]["resourceVersion"]
            for c in site.cluster.api.list("ConfigMap", site.namespace)
            if c["metadata"]["name"].startswith("many-") and c["data"]["v"] == value}


def test_a_storm_of_heals_spares_the_flash(site):
    def written():
        """Calls that write, but for the lines of the log."""
        with open(f"/proc/{site.limpet.daemon.pid}/io", encoding="ascii") as file:
            calls = dict(line.split(": ") for line in file)
        return int(calls["syscw"]) - site.limpet.log().count("\n")

    count = 100
    site.limpet.start()
    watched(site, publish(site, many(site, count)))
    before = written()
    edit_all(site, count)
    wait_until(lambda: len(versions(site, count)) == count, "the heals", 60)
    time.sleep(1)

    assert written() - before < 4 * count


def test_a_kill_before_the_commit_of_heals_costs_a_look_and_no_write(site):
    count = 30
    site.limpet.start()
    watched(site, publish(site, many(site, count)))
    for _ in range(3):
        edit_all(site, count)
        wait_until(lambda: len(versions(site, count)) == count, "the heals", 60, 0.01)
        site.limpet.kill()
        healed = versions(site, count)
        site.limpet.start()
        settled(site)
        differs(site, 0)
        assert versions(site, count) == healed
