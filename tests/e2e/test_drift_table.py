# SPDX-License-Identifier: Apache-2.0
"""Foreign edits, made with the real kubectl, and what an apply by the cluster role does about
each: a plain one, a dry one, and one that looks first. And fields that are handed over."""

import json
import os
import re
import secrets
import subprocess
import threading
import time
from dataclasses import dataclass, field

import pytest

from support.clusterrole import ClusterRole, key_of
from support.kubeapi import KubeApi
from support.waiting import wait_until

DRIFT = "limpet.dev/drift"
HANDED = "limpet-handed-over"
PART_OF = "applyset.kubernetes.io/part-of"
TEMPLATE = "spec.template.spec"


class Ground:
    """A namespace of the test's own and a role that applies into it."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.prefix = f"e2e-{secrets.token_hex(3)}"
        self.namespace = f"{self.prefix}-shop"
        cluster.api.apply({"apiVersion": "v1", "kind": "Namespace",
                           "metadata": {"name": self.namespace}})
        self.role = ClusterRole(cluster.kubeconfig, self.prefix,
                                namespace=f"{self.prefix}-limpet")
        assert self.role.connect()["event"] == "done"

    def close(self):
        code = self.role.close()
        self.cluster.remove_all(self.prefix, wait=not self.cluster.can_restart)
        assert code == 0

    def manifest(self, kind, version="v1", **content):
        """An object named till, with a label."""
        return {"apiVersion": version, "kind": kind, "metadata": {
            "name": "till", "namespace": self.namespace, "labels": {"app": "till"}}, **content}

    def deployment(self):
        """One that rolls nothing out: what is of interest is who owns which of its fields."""
        container = {"name": "till", "image": "till:1", "args": ["serve"],
                     "ports": [{"containerPort": 80}],
                     "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]}
        return self.manifest("Deployment", "apps/v1", spec={
            "replicas": 1, "paused": True, "selector": {"matchLabels": {"app": "till"}},
            "template": {"metadata": {"labels": {"app": "till"}}, "spec": {
                "containers": [container], "volumes": [{"name": "tmp", "emptyDir": {}}]}}})

    def config_map(self):
        """A ConfigMap with two keys."""
        return self.manifest("ConfigMap", data={"a": "one", "b": "two"})

    def secret(self):
        """A Secret with two keys."""
        return self.manifest("Secret", data={"a": "b25l", "x": "dHdv"})

    def service(self):
        """A Service with one port."""
        return self.manifest("Service", spec={
            "selector": {"app": "till"}, "ports": [{"name": "http", "port": 80}]})

    def live(self, manifest):
        """The object as it is in the cluster."""
        key = key_of(manifest)
        return self.cluster.api.get(key["kind"], key["name"], self.namespace)

    def shape(self, manifest):
        """All of it that anybody but the API server and its controllers sets."""
        live = self.live(manifest)
        meta = live["metadata"]
        notes = {key: value for key, value in meta.get("annotations", {}).items()
                 if not key.startswith("deployment.kubernetes.io/")}
        return {"labels": meta["labels"], "annotations": notes,
                **{key: live[key] for key in ("spec", "data") if key in live}}

    def managers(self, manifest):
        """(manager, operation) of each entry but those of a status."""
        return [(entry["manager"], entry["operation"])
                for entry in self.live(manifest)["metadata"]["managedFields"]
                if entry.get("subresource") != "status"]

    def fields_of(self, manifest, manager):
        """fieldsV1 of a manager's entry, or None."""
        return next((entry["fieldsV1"] for entry in self.live(manifest)["metadata"]["managedFields"]
                     if entry["manager"] == manager), None)

    def settle(self, manifest):
        """Waits until no controller writes it any more; its resourceVersion."""
        seen = [None, 0.0]

        def still():
            version = self.live(manifest)["metadata"]["resourceVersion"]
            if version != seen[0]:
                seen[:] = [version, time.monotonic()]
            return time.monotonic() - seen[1] > 0.4

        wait_until(still, "nobody to write it")
        return seen[0]

    def kubectl(self, *args, input=None):
        """kubectl in the namespace."""
        return self.cluster.kubectl(*args, "-n", self.namespace, input=input)

    def patch(self, kind, patch, manager=None):
        """kubectl patch: a strategic merge, or JSON for a list."""
        form = "json" if isinstance(patch, list) else "strategic"
        self.kubectl("patch", kind, "till", f"--type={form}", "-p", json.dumps(patch),
                     *([f"--field-manager={manager}"] if manager else []))


@pytest.fixture
def ground(controlplane):
    """A fresh Ground on the session's cluster."""
    ground = Ground(controlplane)
    yield ground
    ground.close()


# --- the edits ----------------------------------------------------------------------------


def container(**fields):
    """A strategic merge patch of the till's container."""
    return {"spec": {"template": {"spec": {"containers": [{"name": "till", **fields}]}}}}


def sidecar(ground, manager=None):
    ground.patch("deployment", {"spec": {"template": {"spec": {"containers": [
        {"name": "side", "image": "side:1"}]}}}}, manager)


def edit_config_map(ground):
    os.environ["KUBE_EDITOR"] = "sed -i s/one/three/"
    try:
        ground.kubectl("edit", "configmap", "till")
    finally:
        del os.environ["KUBE_EDITOR"]


def apply_as_us(ground):
    """Apply by our own manager's name; the time of an entry is told to the second."""
    time.sleep(1.1)
    manifest = ground.config_map()
    manifest["data"]["a"] = "three"
    manifest["metadata"]["labels"] = ground.live(manifest)["metadata"]["labels"]
    ground.kubectl("apply", "--server-side", "--force-conflicts", "--field-manager=limpet", "-f", "-",
                   input=json.dumps(manifest))
    time.sleep(1.1)


def apply_by_kubectl(ground):
    manifest = ground.config_map()
    manifest["data"] = {"a": "three", "c": "four"}
    ground.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-",
                   input=json.dumps(manifest))


def apply_by_client(ground):
    """As people do it: with the annotation that holds the whole object."""
    manifest = ground.config_map()
    manifest["data"] = {"a": "three", "c": "four"}
    ground.kubectl("apply", "-f", "-", input=json.dumps(manifest))


def make_again(ground):
    manifest = ground.deployment()
    manifest["metadata"]["labels"]["by"] = "hand"
    manifest["spec"]["template"]["spec"]["containers"][0]["image"] = "till:9"
    ground.kubectl("delete", "deployment", "till")
    ground.kubectl("create", "-f", "-", input=json.dumps(manifest))


@dataclass
class Row:
    """One kind of edit. `plain`: a plain apply puts everything right. `look`: what an apply that
    looks first comes to, whom it names and what it says; it puts everything right unless it
    leaves the object alone."""

    name: str
    kind: str
    edit: object
    plain: bool
    manager: str
    says: str
    look: str = "configured"
    dry: str = field(default="")

    def __post_init__(self):
        self.dry = self.dry or self.look


def json_patch(path, value):
    return [{"op": "replace", "path": path, "value": value}]


POD = "/spec/template/spec/containers/0"
ENV = [{"name": "B", "value": "2"}, {"name": "A", "value": "1"}]
UNSEEN = "no other manager had changed it"

TABLE = [
    Row("an image", "deployment", lambda g: g.kubectl("set", "image", "deployment/till", "till=till:9"),
        True, "kubectl-set", f"kubectl-set changed {TEMPLATE}.containers[till].image"),
    Row("an argument", "deployment", lambda g: g.patch("deployment", json_patch(f"{POD}/args/0", "x")),
        True, "kubectl-patch", f"kubectl-patch changed {TEMPLATE}.containers[till].args"),
    Row("a value of a ConfigMap", "config_map", edit_config_map,
        True, "kubectl-edit", "kubectl-edit changed data.a"),
    Row("a value of a Secret", "secret", lambda g: g.patch("secret", {"data": {"x": "c2l4"}}),
        True, "kubectl-patch", "kubectl-patch changed data.x"),
    Row("the scale", "deployment", lambda g: g.kubectl("scale", "deployment/till", "--replicas=3"),
        True, "kubectl", "kubectl changed spec.replicas"),
    Row("an owned label removed", "deployment", lambda g: g.kubectl("label", "deployment/till", "app-"),
        True, "", "missing: metadata.labels.app"),
    Row("a label added", "deployment", lambda g: g.kubectl("label", "deployment/till", "by=hand"),
        False, "kubectl-label", "kubectl-label added metadata.labels.by"),
    Row("a label added by an operator", "deployment",
        lambda g: g.patch("deployment", {"metadata": {"labels": {"mesh": "on"}}}, "operator"),
        False, "operator", "operator has its own metadata.labels.mesh", "unchanged"),
    Row("a sidecar", "deployment", sidecar,
        False, "kubectl-patch", f"kubectl-patch added {TEMPLATE}.containers[side]"),
    Row("a sidecar by an operator", "deployment", lambda g: sidecar(g, "operator"),
        False, "operator", f"operator has its own {TEMPLATE}.containers[side]", "unchanged"),
    Row("an item of env", "deployment",
        lambda g: g.patch("deployment", container(env=[{"name": "C", "value": "3"}])),
        False, "kubectl-patch", f"kubectl-patch added {TEMPLATE}.containers[till].env[C]"),
    Row("a key of a ConfigMap", "config_map", lambda g: g.patch("configmap", {"data": {"c": "3"}}),
        False, "kubectl-patch", "kubectl-patch added data.c"),
    Row("a medium in an empty object", "deployment",
        lambda g: g.patch("deployment", {"spec": {"template": {"spec": {"volumes": [
            {"name": "tmp", "emptyDir": {"medium": "Memory"}}]}}}}),
        False, "kubectl-patch", f"kubectl-patch added {TEMPLATE}.volumes[tmp].emptyDir.medium"),
    Row("env in another order", "deployment",
        lambda g: g.patch("deployment", json_patch(f"{POD}/env", ENV)), True, "", UNSEEN),
    Row("a container's port", "deployment",
        lambda g: g.patch("deployment", json_patch(f"{POD}/ports/0/containerPort", 81)),
        False, "kubectl-patch", f"kubectl-patch added {TEMPLATE}.containers[till].ports[81/TCP]; "
        f"missing: {TEMPLATE}.containers[till].ports[80/TCP]"),
    # a plain apply is refused by 422 here, and tried again with the port taken over
    Row("a port of a Service", "service",
        lambda g: g.patch("service", json_patch("/spec/ports/0/port", 81)),
        True, "kubectl-patch", "kubectl-patch added spec.ports[81/TCP]"),
    Row("an apply under our name", "config_map", apply_as_us, True, "", UNSEEN),
    Row("an apply by kubectl", "config_map", apply_by_kubectl,
        False, "kubectl", "kubectl changed data.a; kubectl added data.c"),
    Row("a client-side apply", "config_map", apply_by_client, False, "kubectl-client-side-apply",
        "kubectl-client-side-apply changed data.a; kubectl-client-side-apply added data.c, "
        "metadata.annotations"),
    Row("managedFields reset", "deployment",
        lambda g: g.patch("deployment", json_patch("/metadata/managedFields", [{}])),
        True, "", "nothing said that limpet had applied it"),
    Row("made again by hand", "deployment", make_again, False, "kubectl-create",
        "taken over from kubectl-create"),
    Row("the status", "deployment",
        lambda g: g.kubectl("patch", "deployment", "till", "--subresource=status", "-p",
                            '{"status":{"conditions":[{"type":"Odd","status":"True"}]}}'),
        True, "", "", "unchanged"),
    Row("an image by an operator", "deployment",
        lambda g: g.patch("deployment", container(image="till:9"), "operator"),
        True, "operator", f"operator changed {TEMPLATE}.containers[till].image"),
]


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_an_edit_is_told_and_healed_or_left_alone(ground, row):
    manifest = getattr(ground, row.kind)()
    assert ground.role.apply(manifest)["outcome"] == "created"
    good = ground.shape(manifest)

    row.edit(ground)
    edited = ground.shape(manifest)
    version = ground.settle(manifest)
    dry = ground.role.apply(manifest, how="dry")
    assert (dry["event"], dry["outcome"]) == ("done", row.dry), dry
    assert dry["live"]["version"] == version
    assert ground.settle(manifest) == version, "a dry run writes nothing"
    assert dry["manager"] == row.manager, dry

    plain = ground.role.apply(manifest)
    assert plain["event"] == "done", plain
    assert (ground.shape(manifest) == good) == row.plain, (plain, ground.shape(manifest))
    if row.plain:
        row.edit(ground)
    else:
        back_to(ground, row, manifest, edited)
    ground.settle(manifest)
    look = ground.role.apply(manifest, how="look")
    assert (look["event"], look["outcome"]) == ("done", row.look), look
    assert look["message"].startswith(row.says), look["message"]
    assert look["manager"] == row.manager, look
    assert ground.shape(manifest) == (edited if not row.plain and row.look == "unchanged" else good)

    version = ground.settle(manifest)
    again = ground.role.apply(manifest, how="look")
    assert (again["event"], again["outcome"]) == ("done", "unchanged"), again
    assert again["live"]["version"] == version
    assert ground.settle(manifest) == version, "a second look writes nothing"
    assert not [m for m, _ in ground.managers(manifest) if m.startswith("kubectl")]


def back_to(ground, row, manifest, edited):
    """Makes the edit again on a fresh object, as a plain apply has healed some of it."""
    ground.kubectl("delete", row.kind.replace("_", ""), "till")
    assert ground.role.apply(manifest)["outcome"] == "created"
    row.edit(ground)
    assert ground.shape(manifest) == edited


def test_what_others_inject_into_fields_that_we_leave_out_is_never_fought(ground):
    hook = {"apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingWebhookConfiguration", "metadata": {"name": f"{ground.prefix}-hook"},
            "webhooks": [{"name": "a.till.example", "sideEffects": "None",
                          "admissionReviewVersions": ["v1"], "failurePolicy": "Ignore",
                          "clientConfig": {"url": "https://127.0.0.1:1/"}}]}
    ground.role.apply(hook)
    ground.cluster.kubectl(
        "patch", "validatingwebhookconfiguration", hook["metadata"]["name"], "--type=json", "-p",
        json.dumps([{"op": "add", "path": "/webhooks/0/clientConfig/caBundle", "value": "Cg=="}]),
        "--field-manager=cainjector")
    version = ground.live(hook)["metadata"]["resourceVersion"]
    event = ground.role.apply(hook, how="look")
    assert (event["outcome"], event["manager"]) == ("unchanged", "cainjector"), event
    assert event["message"] == (
        "cainjector has its own webhooks[a.till.example].clientConfig.caBundle")
    assert ground.live(hook)["metadata"]["resourceVersion"] == version


def test_a_default_that_the_stored_version_does_not_keep_is_not_taken_back_for_ever(ground):
    """It is filled in with each write of the other version, as if whoever writes had set it."""
    group = f"{ground.prefix}.example"

    def version(name, **fields):
        schema = {"type": "object", "properties": {
            "spec": {"type": "object", "properties": {"a": {"type": "integer"}, **fields}}}}
        return {"name": name, "served": True, "storage": name == "v1",
                "schema": {"openAPIV3Schema": schema}}

    crd = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
           "metadata": {"name": f"tills.{group}"}, "spec": {
               "group": group, "scope": "Namespaced", "names": {"plural": "tills", "kind": "Till"},
               "versions": [version("v1"), version("v2", more={"type": "integer", "default": 4})]}}
    assert ground.role.apply(crd)["event"] == ground.role.wait(crd)["event"] == "done"
    till = ground.manifest("Till", f"{group}/v2", spec={"a": 1})
    assert ground.role.apply(till)["outcome"] == "created"

    def live():
        return ground.cluster.api.request(
            "GET", f"/apis/{group}/v2/namespaces/{ground.namespace}/tills/till")["metadata"]

    ground.kubectl("label", f"tills.v2.{group}", "till", "mine=yes")
    assert ground.role.apply(till, how="look")["outcome"] == "configured"
    assert "mine" not in live()["labels"]
    before = live()
    for how in ("look", "plain", "dry", "look"):
        event = ground.role.apply(till, how=how)
        assert (event["outcome"], event["message"]) == ("unchanged", ""), event
    assert live() == before


def test_a_port_that_an_operator_has_changed_is_his_and_named(ground):
    manifest = ground.service()
    ground.role.apply(manifest)
    ground.patch("service", json_patch("/spec/ports/0/port", 81), "operator")
    before = ground.live(manifest)
    for how in ("dry", "look"):
        event = ground.role.apply(manifest, how=how)
        assert (event["event"], event["status"], event["manager"]) == ("failed", 422, "operator")
        assert "Duplicate value" in event["message"]
        assert event["message"].endswith("operator has its own spec.ports[81/TCP]"), event
    assert ground.live(manifest) == before


RESET = json_patch("/metadata/managedFields", [{}])


def claim(ground):
    return ground.manifest("PersistentVolumeClaim", spec={
        "accessModes": ["ReadWriteOnce"], "storageClassName": "local-path",
        "resources": {"requests": {"storage": "1Gi"}}})


def job(ground):
    return ground.manifest("Job", "batch/v1", spec={"template": {"spec": {
        "restartPolicy": "Never", "containers": [{"name": "m", "image": "m:1"}]}}})


@pytest.mark.parametrize("make, done", [
    (claim, lambda live: live["spec"].get("volumeName")),
    (job, lambda live: live["status"].get("succeeded")),
])
def test_what_nobody_is_known_to_own_after_a_reset_is_kept(ground, make, done):
    manifest = make(ground)
    ground.role.apply(manifest)
    wait_until(lambda: done(ground.live(manifest)), "the controllers to have done their part")
    ground.settle(manifest)
    before = ground.live(manifest)
    ground.patch(manifest["kind"].lower(), RESET)
    event = ground.role.apply(manifest, how="look")
    assert (event["event"], event["outcome"]) == ("done", "configured"), event
    after = ground.live(manifest)
    assert after["spec"] == before["spec"]
    for part in ("finalizers", "annotations", "labels"):
        assert after["metadata"].get(part) == before["metadata"].get(part)
    assert set(ground.managers(manifest)) == {("limpet", "Apply"), (HANDED, "Update")}
    version = ground.settle(manifest)
    for how in ("look", "plain"):
        event = ground.role.apply(manifest, how=how)
        assert (event["event"], event["live"]["version"]) == ("done", version), event


def test_what_was_set_by_hand_and_cannot_go_is_given_back(ground):
    manifest = ground.config_map()
    ground.kubectl("create", "-f", "-", input=json.dumps({**manifest, "immutable": True}))
    ground.kubectl("label", "configmap", "till", "app=other", "--overwrite")
    event = ground.role.apply(manifest, how="look")
    assert (event["event"], event["outcome"]) == ("done", "configured"), event
    assert re.search("cannot be taken over: .*immutable", event["message"]), event
    live = ground.live(manifest)
    assert live["immutable"] and live["metadata"]["labels"]["app"] == "till"
    assert ("kubectl-create", "Update") in ground.managers(manifest)
    assert ground.fields_of(manifest, "kubectl-create")["f:immutable"] == {}
    assert "f:immutable" not in ground.fields_of(manifest, "limpet")
    event = ground.role.apply(manifest, how="look")
    assert (event["event"], event["outcome"]) == ("done", "unchanged"), event
    assert re.search("cannot be taken over: .*immutable", event["message"]), event
    assert ground.role.apply(manifest)["event"] == "done", "nothing stands in the way of the next"


# --- an object that asks for reports alone --------------------------------------------------


def test_an_object_that_asks_for_reports_alone_is_left_as_it_is(ground):
    manifest = ground.config_map()
    ground.role.apply(manifest)
    ground.kubectl("annotate", "configmap", "till", f"{DRIFT}=report")
    ground.patch("configmap", {"data": {"a": "three"}})
    edited = ground.live(manifest)
    event = ground.role.apply(manifest, how="look", once=True)
    assert (event["event"], event["outcome"]) == ("done", "kept"), event
    assert DRIFT in event["message"] and "kubectl-patch changed data.a" in event["message"]
    assert event["live"]["version"] == edited["metadata"]["resourceVersion"]
    assert ground.live(manifest) == edited
    dry = ground.role.apply(manifest, how="dry")
    assert (dry["outcome"], dry["manager"]) == ("configured", "kubectl-patch"), dry
    assert ground.live(manifest) == edited
    manifest["metadata"]["annotations"] = {DRIFT: "heal"}
    event = ground.role.apply(manifest, how="look")
    assert event["outcome"] == "configured", event
    assert ground.live(manifest)["data"] == manifest["data"]


def test_what_is_gone_is_made_again_and_a_dry_run_only_says_so(ground):
    manifest = ground.config_map()
    dry = ground.role.apply(manifest, how="dry")
    assert (dry["outcome"], dry["message"]) == ("configured", "it is not there"), dry
    assert ground.live(manifest) is None
    assert ground.role.apply(manifest, how="look")["outcome"] == "created"
    assert ground.live(manifest)["data"] == manifest["data"]


# --- fields that others may own ---------------------------------------------------------------


class Watch:
    """What `kubectl get -w` shows of one field, from the first value on."""

    def __init__(self, ground, kind, path):
        env = {**os.environ, "KUBECONFIG": str(ground.cluster.kubeconfig), "KUBERC": "off"}
        self._popen = subprocess.Popen(
            [ground.cluster.programs / "kubectl", "get", kind, "till", "-n", ground.namespace, "-w",
             "-o", f"jsonpath={{{path}}}{{'\\n'}}"], env=env, text=True, stdout=subprocess.PIPE)
        self.seen = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        wait_until(lambda: self.seen, "the watch to begin")

    def _read(self):
        for line in self._popen.stdout:
            self.seen.append(line.strip())

    def close(self):
        """Ends it; all values, in order."""
        self._popen.terminate()
        self._popen.wait()
        self._reader.join(timeout=10)
        self._popen.stdout.close()
        return self.seen


def without_replicas(ground):
    """The Deployment whose replicas an HPA sets."""
    manifest = ground.deployment()
    del manifest["spec"]["replicas"]
    return manifest


@pytest.mark.parametrize("how", ["plain", "look"])
def test_replicas_that_stop_being_ours_stay_at_five_at_every_moment(ground, how):
    five = ground.deployment()
    five["spec"]["replicas"] = 5
    ground.role.apply(five)
    watch = Watch(ground, "deployment", ".spec.replicas")
    less = without_replicas(ground)
    event = ground.role.apply(less, how=how, handed="/spec/replicas")
    assert (event["event"], event["outcome"]) == ("done", "configured"), event
    assert event["message"] == "handed over what others may own"
    assert ground.fields_of(less, HANDED) == {"f:spec": {"f:replicas": {}}}
    version = ground.settle(less)
    event = ground.role.apply(less, how=how, handed="/spec/replicas")
    assert (event["outcome"], event["live"]["version"]) == ("unchanged", version), event

    ground.kubectl("scale", "deployment/till", "--replicas=7")
    for body in (less, five):  # whether the manifest says a number or not
        event = ground.role.apply(body, how=how, handed="/spec/replicas")
        assert (event["event"], event["outcome"]) == ("done", "unchanged"), event
        assert event["message"] == ""
    ground.settle(less)
    seen = watch.close()
    assert set(seen) == {"5", "7"} and seen == sorted(seen), seen


def test_a_scale_between_the_last_apply_and_the_handover_is_kept(ground):
    five = ground.deployment()
    five["spec"]["replicas"] = 5
    ground.role.apply(five)
    ground.kubectl("scale", "deployment/till", "--replicas=7")
    event = ground.role.apply(without_replicas(ground), how="look", handed="/spec/replicas")
    assert (event["event"], event["outcome"]) == ("done", "unchanged"), event
    assert ground.live(five)["spec"]["replicas"] == 7
    # an edit by kubectl is taken over and handed over in one
    ground.patch("deployment", {"spec": {"replicas": 8}})
    dry = ground.role.apply(without_replicas(ground), how="dry", handed="/spec/replicas")
    assert dry["outcome"] == "unchanged", "nobody's change"
    ground.role.apply(without_replicas(ground), how="look", handed="/spec/replicas")
    assert ground.live(five)["spec"]["replicas"] == 8
    assert ground.fields_of(five, HANDED) == {"f:spec": {"f:replicas": {}}}
    # and when it is ours again, it is as we say
    event = ground.role.apply(five, how="look")
    assert event["outcome"] == "configured" and ground.live(five)["spec"]["replicas"] == 5


def test_what_is_ours_again_goes_when_the_manifest_drops_it(ground):
    five = ground.deployment()
    five["spec"]["replicas"] = 5
    ground.role.apply(five, how="look", handed="/spec/replicas")
    assert ground.fields_of(five, HANDED) == {"f:spec": {"f:replicas": {}}}
    ground.role.apply(five, how="look")
    assert ground.fields_of(five, HANDED) is None, "the same value, and ours alone"
    version = ground.settle(five)
    event = ground.role.apply(five, how="look")
    assert (event["outcome"], event["live"]["version"]) == ("unchanged", version)
    assert ground.role.apply(without_replicas(ground))["outcome"] == "configured"
    assert ground.live(five)["spec"]["replicas"] == 1


def test_a_field_of_a_lists_item_is_handed_over_by_its_key(ground):
    manifest = ground.deployment()
    manifest["spec"]["template"]["spec"]["containers"].insert(0, {"name": "side", "image": "side:1"})
    pointer = "/spec/template/spec/containers/1/image"
    event = ground.role.apply(manifest, how="look", handed=pointer)
    assert event["outcome"] == "created", "all of it is sent when it is made"
    key = 'k:{"name":"till"}'
    path = {"f:spec": {"f:template": {"f:spec": {"f:containers": {key: {"f:image": {}}}}}}}
    assert ground.fields_of(manifest, HANDED) == path, "and handed over at once"
    ground.kubectl("set", "image", "deployment/till", "till=till:9", "side=side:9")

    def images():
        pod = ground.live(manifest)["spec"]["template"]["spec"]
        return {c["name"]: c["image"] for c in pod["containers"]}

    event = ground.role.apply(manifest, how="look", handed=pointer)
    assert event["outcome"] == "configured" and images() == {"side": "side:1", "till": "till:9"}
    assert event["message"] == f"kubectl-set changed {TEMPLATE}.containers[side].image"
    assert ground.fields_of(manifest, HANDED) == path
    version = ground.settle(manifest)
    event = ground.role.apply(manifest, how="look", handed=pointer)
    assert (event["outcome"], event["live"]["version"]) == ("unchanged", version)


def test_an_item_goes_though_a_field_of_it_was_handed_over(ground):
    manifest = ground.deployment()
    manifest["spec"]["template"]["spec"]["containers"].append({"name": "side", "image": "side:1"})
    ground.role.apply(manifest, how="look", handed="/spec/template/spec/containers/1/image")
    less = ground.deployment()
    event = ground.role.apply(less, how="look", handed="/spec/template/spec/containers/1/image")
    assert event["event"] == "done", event
    pod = ground.live(less)["spec"]["template"]["spec"]
    assert [c["name"] for c in pod["containers"]] == ["till"]
    assert ground.fields_of(less, HANDED) is None


def test_an_item_goes_by_a_plain_apply_too(ground):
    manifest = ground.deployment()
    manifest["spec"]["template"]["spec"]["containers"].append({"name": "side", "image": "side:1"})
    ground.role.apply(manifest, how="look", handed="/spec/template/spec/containers/1/image")
    event = ground.role.apply(ground.deployment())
    assert (event["event"], event["outcome"]) == ("done", "configured"), event
    pod = ground.live(manifest)["spec"]["template"]["spec"]
    assert [c["name"] for c in pod["containers"]] == ["till"]
    assert ground.fields_of(manifest, HANDED) is None
    version = ground.settle(manifest)
    event = ground.role.apply(ground.deployment(), known=event["live"])
    assert (event["outcome"], event["live"]["version"]) == ("unchanged", version)


def test_a_key_of_a_secret_is_handed_over(ground):
    manifest = ground.secret()
    ground.role.apply(manifest)
    event = ground.role.apply(manifest, how="plain", handed="/data/x")
    assert event["outcome"] == "configured", event
    ground.patch("secret", {"data": {"a": "c2l4", "x": "c2l4"}}, "rotator")
    event = ground.role.apply(manifest, how="look", handed="/data/x")
    assert (event["outcome"], event["message"]) == ("configured", "rotator changed data.a"), event
    assert ground.live(manifest)["data"] == {"a": "b25l", "x": "c2l4"}


def test_a_part_of_a_list_that_is_one_value_stays_ours(ground):
    manifest = ground.deployment()
    ground.role.apply(manifest)
    pointer = "/spec/template/spec/containers/0/args/0"
    event = ground.role.apply(manifest, how="look", handed=pointer)
    assert event["outcome"] == "unchanged", event
    assert event["message"] == (
        f"{pointer} stays ours: it is in a value that is only written as a whole")
    assert ground.fields_of(manifest, HANDED) is None


def test_no_pointer_is_told_and_writes_nothing(ground):
    manifest = ground.config_map()
    ground.role.apply(manifest)
    before = ground.live(manifest)
    event = ground.role.apply(manifest, how="look", handed="data/a")
    assert (event["event"], event["code"]) == ("failed", "rejected"), event
    assert '"data/a" is no JSON pointer' in event["message"]
    assert ground.live(manifest) == before


# --- with others at work ------------------------------------------------------------------------


class Writer:
    """Another manager that writes one more annotation over and over."""

    def __init__(self, ground, pause):
        self.count = 0
        self._api = KubeApi(ground.cluster.kubeconfig)
        self._ground, self._pause = ground, pause
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._write, daemon=True)
        self._thread.start()
        wait_until(lambda: self.count, "the first write")

    def _write(self):
        while not self._over.wait(self._pause):
            self._api.patch("configmap", "till", {"metadata": {"annotations": {
                f"n-{self.count + 1}": "x"}}}, self._ground.namespace, "operator")
            self.count += 1

    def close(self):
        """Ends it."""
        self._over.set()
        self._thread.join(timeout=30)
        self._api.close()


@pytest.mark.parametrize("pause", [0.0, 0.02], ids=["without a pause", "50 a second"])
def test_a_takeover_among_other_writers_loses_no_field(ground, pause):
    manifest = ground.config_map()
    ground.role.apply(manifest)
    ended = []
    writer = Writer(ground, pause)
    try:
        for i in range(8):
            ground.patch("configmap", {"data": {"a": f"edit-{i}", "c": str(i)}})
            event = ground.role.apply(manifest, how="look", timeout_ms=20000)
            ended.append(event["event"] if event["event"] == "retry" else event["outcome"])
            live = ground.live(manifest)
            if event["event"] == "done":
                assert event["outcome"] == "configured", event
                assert live["data"] == manifest["data"]
            else:
                assert (event["event"], event["code"]) == ("retry", "conflict"), event
    finally:
        writer.close()
    assert set(ended) <= {"configured", "retry"}, ended
    assert pause == 0.0 or "configured" in ended, ended
    event = ground.role.apply(manifest, how="look")
    assert event["event"] == "done", event
    live = ground.live(manifest)
    assert live["data"] == manifest["data"]
    written = {f"n-{i + 1}" for i in range(writer.count)}
    assert set(live["metadata"]["annotations"]) == written
    owned = ground.fields_of(manifest, "operator")["f:metadata"]["f:annotations"]
    assert {f"f:{key}" for key in written} == set(owned) - {"."}, "whose they are is not lost"
