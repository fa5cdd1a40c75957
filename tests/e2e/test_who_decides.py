# SPDX-License-Identifier: Apache-2.0
"""Who decides about an object that somebody else has changed: the revision, the configuration, a
person on the device; and what is told of it."""

import json
import signal
import time

import pytest

from support.sitefiles import small_site
from support.told import source, wait_applied, wait_idle
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


def publish(site, *files):
    parts = small_site(site.prefix)
    for part in files:
        parts.update(part)
    return site.repo.publish(parts)


def settled(site):
    site.limpet.wait_status(lambda s: source(s)["drift"]["watching"], "all kinds to be watched")
    wait_idle(site)


def watched(site, commit):
    wait_applied(site, commit)
    settled(site)


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
    count = sum(e["count"] for e in told(site, "reported", "till"))
    site.limpet.kill() if hard else site.limpet.stop()
    site.limpet.start()
    settled(site)

    differs(site, 1)
    assert data(site, "till") == {"v": "hand"}
    assert sum(e["count"] for e in told(site, "reported", "till")) > count


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
