# SPDX-License-Identifier: Apache-2.0
"""What others may own: fields and objects that a revision or the configuration leaves to them."""

import json
import os
import subprocess

import pytest

from support.sitefiles import publish
from support.told import events, source, wait_idle, wait_refused, watched
from support.waiting import always, wait_until

FLUX = "kustomize.toolkit.fluxcd.io/"


def config_map(site, name, data, annotations=None):
    return {f"{name}.yaml": json.dumps({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": site.namespace,
                     "annotations": annotations or {}},
        "data": data})}


def data(site, name):
    found = site.get("ConfigMap", name)
    return found and found.get("data")


def edit(site, name, **values):
    site.cluster.kubectl("patch", "configmap", name, "-n", site.namespace, "--type=merge", "-p",
                         json.dumps({"data": values}), "--field-manager=operator")


@pytest.mark.parametrize("by", ["annotation", "configuration"])
def test_an_ignored_field_is_handed_over_and_the_rest_is_healed(site, by):
    site.limpet.start()
    watched(site, publish(site, config_map(site, "till", {"mode": "a", "theirs": "1"})))
    if by == "annotation":
        files = config_map(site, "till", {"mode": "a", "theirs": "2"},
                           {"limpet.dev/ignore": "/data/theirs, /data/none"})
        watched(site, publish(site, files))
    else:
        site.limpet.stop()
        site.limpet.config["sources"][0]["ignore"] = [
            {"kind": "ConfigMap", "name": "ti*l", "pointers": ["/data/theirs"]}]
        site.limpet.write_config()
        site.limpet.start()
        watched(site, publish(site, config_map(site, "till", {"mode": "a", "theirs": "2"})))

    assert data(site, "till") == {"mode": "a", "theirs": "1"}  # as it was, not dropped
    edit(site, "till", theirs="7", mode="b")
    wait_until(lambda: data(site, "till") == {"mode": "a", "theirs": "7"}, "the heal of the rest")
    site.limpet.ok("sync")
    assert data(site, "till") == {"mode": "a", "theirs": "7"}
    site.cluster.api.delete("ConfigMap", "till", site.namespace)
    wait_until(lambda: data(site, "till") == {"mode": "a", "theirs": "2"}, "it to be made whole")


@pytest.mark.parametrize("key,value", [("limpet.dev/ignore", "all"), (FLUX + "ssa", "Ignore"),
                                       (FLUX + "reconcile", "Disabled")])
def test_an_object_that_is_ignored_is_neither_applied_nor_pruned(site, key, value):
    site.limpet.start()
    watched(site, publish(site, config_map(site, "till", {"version": "1"})))
    watched(site, publish(site, config_map(site, "till", {"version": "2"}, {key: value}),
                          config_map(site, "never", {"version": "2"}, {key: value})))

    assert data(site, "till") == {"version": "1"} and data(site, "never") is None
    edit(site, "till", version="3")
    site.limpet.ok("sync")
    always(lambda: data(site, "till") == {"version": "3"}, "no heal", 1)
    assert not events(site, "healed")

    watched(site, publish(site, config_map(site, "till", {"version": "4"})))
    assert data(site, "till") == {"version": "4"}


@pytest.mark.parametrize("key,value", [("limpet.dev/ignore", "existing"),
                                       (FLUX + "ssa", "ifnotpresent")])
def test_an_object_of_which_only_the_start_is_ours(site, key, value):
    """It is made when it is missing; what is there, whoever made it, stays as it is."""
    site.limpet.start()
    watched(site, publish(site))
    site.cluster.kubectl("create", "configmap", "theirs", "-n", site.namespace,
                         "--from-literal=version=theirs")
    watched(site, publish(site, config_map(site, "ours", {"version": "1"}, {key: value}),
                          config_map(site, "theirs", {"version": "1"}, {key: value})))
    assert data(site, "ours") == {"version": "1"}
    assert data(site, "theirs") == {"version": "theirs"}

    edit(site, "ours", version="2")
    site.cluster.kubectl("label", "configmap", "ours", "-n", site.namespace, "mine=yes")
    site.limpet.wait_status(lambda s: source(s)["drift"]["differs"] == 0, "nothing to differ")
    site.limpet.ok("sync")
    always(lambda: data(site, "ours") == {"version": "2"}, "no heal", 1)
    assert not [e for e in site.limpet.json("events")["events"] if "object" in e], "nothing is said"
    site.cluster.api.delete("ConfigMap", "ours", site.namespace)
    wait_until(lambda: data(site, "ours") == {"version": "1"}, "it to be made again")
    assert [e["message"] for e in events(site, "detected")] == ["deleted"]
    site.repo.remove("ours.yaml")
    site.repo.remove("theirs.yaml")
    watched(site, publish(site))
    assert data(site, "ours") is None and data(site, "theirs") == {"version": "theirs"}


def test_an_object_can_decide_about_its_own_drift(site):
    site.limpet.config["drift"] = "report"
    site.limpet.write_config()
    site.limpet.start()
    watched(site, publish(site, config_map(site, "healed", {"v": "1"}, {"limpet.dev/drift": "heal"}),
                          config_map(site, "told", {"v": "1"}, {"limpet.dev/drift": "report"})))

    edit(site, "told", v="2")
    edit(site, "healed", v="2")

    wait_until(lambda: data(site, "healed") == {"v": "1"}, "the heal")
    wait_until(lambda: events(site, "reported"), "the report")
    site.limpet.ok("sync")
    assert data(site, "told") == {"v": "2"}
    watched(site, publish(site, config_map(site, "told", {"v": "3"}, {"limpet.dev/drift": "report"})))
    assert data(site, "told") == {"v": "3"}  # new content is no drift


def test_a_person_can_debug_by_the_word_of_flux_too(site):
    site.limpet.start()
    watched(site, publish(site, config_map(site, "till", {"v": "1"})))
    site.cluster.kubectl("annotate", "configmap", "till", "-n", site.namespace,
                         FLUX + "reconcile=disabled")
    wait_until(lambda: events(site, "reported"), "the annotation to be seen")
    edit(site, "till", v="2")
    site.limpet.ok("sync")
    always(lambda: data(site, "till") == {"v": "2"}, "no heal", 1)


def test_a_bad_pointer_is_refused_with_file_and_line(site):
    good = publish(site)
    site.limpet.start()
    watched(site, good)
    for text in ("spec/replicas", "/a~x", "/metadata/name", "some", "/" + "a" * 2048):
        bad = publish(site, config_map(site, "till", {"v": "1"}, {"limpet.dev/ignore": text}))
        told = wait_refused(site, bad)
        assert "till.yaml:1" in json.dumps(told) and "limpet.dev/ignore" in json.dumps(told)
    # LP_IGNORE_TEXT_BYTES is 2048
    watched(site, publish(site, config_map(site, "till", {"v": "1"},
                                           {"limpet.dev/ignore": "/" + "a" * 2047})))


@pytest.mark.parametrize("key,value,says", [
    ("drift", "off", '\\"report\\" or \\"heal\\"'), ("prune", "false", '\\"disabled\\"'),
    ("restart", "", '\\"off\\"')])
def test_a_word_that_nobody_knows_is_refused_with_file_and_line(site, key, value, says):
    site.limpet.start()
    bad = publish(site, config_map(site, "till", {"v": "1"}, {f"limpet.dev/{key}": value}))

    told = json.dumps(wait_refused(site, bad))
    assert f"till.yaml:1: metadata.annotations.limpet.dev/{key}" in told
    assert f"expected {says}" in told
    watched(site, publish(site, config_map(site, "till", {"v": "1"})))


# --- autoscalers ---

def deployment(site, replicas, image="till:1"):
    spec = {"selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}},
                         "spec": {"containers": [{"name": "web", "image": image}]}}}
    if replicas is not None:
        spec["replicas"] = replicas
    return {"web.yaml": json.dumps({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "namespace": site.namespace}, "spec": spec})}


def autoscaler(site, minimum=5):
    return {"hpa.yaml": json.dumps({
        "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "web", "namespace": site.namespace},
        "spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
                 "minReplicas": minimum, "maxReplicas": 20,
                 "behavior": {"scaleDown": {"stabilizationWindowSeconds": 60}}}})}


def scale(site, replicas):
    """As the controller of autoscalers does it."""
    site.cluster.kubectl("patch", "deployment", "web", "-n", site.namespace, "--subresource=scale",
                         "--type=merge", "-p", json.dumps({"spec": {"replicas": replicas}}),
                         "--field-manager=kube-controller-manager")


def replicas(site):
    return site.get("Deployment", "web")["spec"]["replicas"]


class Watched:
    """Every value that spec.replicas has from now on, as `kubectl get -w` tells it."""

    def __init__(self, site):
        self.process = subprocess.Popen(
            [site.cluster.programs / "kubectl", "get", "deployment", "web", "-n", site.namespace,
             "-w", "-o", "jsonpath={.spec.replicas}{\" \"}"], bufsize=0, stdout=subprocess.PIPE,
            env={**os.environ, "KUBECONFIG": str(site.cluster.kubeconfig), "KUBERC": "off"})
        self.first = self.process.stdout.read(2)  # a digit and the blank: it watches

    def values(self):
        self.process.terminate()
        rest, _ = self.process.communicate(timeout=10)
        return [int(word) for word in (self.first + rest).split()]


@pytest.mark.parametrize("where", ["revision, replicas removed", "revision, replicas left",
                                   "cluster, replicas removed", "cluster, replicas left"])
@pytest.mark.parametrize("minimum", [5, 7])
def test_an_autoscaler_arrives_at_a_deployment_of_5_and_it_never_has_fewer(site, where, minimum):
    site.limpet.start()
    watched(site, publish(site, deployment(site, 5)))
    watch = Watched(site)
    left = 5 if "left" in where else None
    if "revision" in where:
        commit = publish(site, deployment(site, left), autoscaler(site, minimum))
    else:
        site.cluster.kubectl("apply", "-f", "-", input=autoscaler(site, minimum)["hpa.yaml"])
        wait_until(lambda: replicas(site) == minimum, "what the real autoscaler does")
        commit = publish(site, deployment(site, left, "till:2"))
    watched(site, commit)
    wait_until(lambda: replicas(site) == minimum, "what the real autoscaler does")
    wait_idle(site)

    scale(site, 9)
    wait_idle(site)
    watched(site, publish(site, deployment(site, left, "till:3")))  # new content takes nothing back
    always(lambda: replicas(site) == 9, "what the autoscaler says", 1)
    scale(site, 8)
    site.limpet.ok("sync")  # nor does a full pass
    assert not events(site, "healed")  # nothing was wrong so far
    site.cluster.kubectl("set", "image", "deployment/web", "web=other", "-n", site.namespace)
    wait_until(lambda: site.get("Deployment", "web")["spec"]["template"]["spec"]["containers"][0]
               ["image"] == "till:3", "the heal of the rest")
    assert replicas(site) == 8
    seen = watch.values()
    assert seen and min(seen) >= 5
    assert [n for i, n in enumerate(seen) if not i or n != seen[i - 1]] == (
        [5, 7, 9, 8] if minimum > 5 else [5, 9, 8])
    assert not events(site, "fight")
