# SPDX-License-Identifier: Apache-2.0
"""The cluster role alone against a real API server: what each step does, and what it tells."""

import json
import re
import secrets
import time

import pytest

from support.clusterrole import ClusterRole, key_of
from support.kubeconfig import write_kubeconfig
from support.pki import Authority
from support.waiting import wait_until

PART_OF = "applyset.kubernetes.io/part-of"


class Ground:
    """A test's own corner of a cluster: a namespace, and a role that applies into it."""

    def __init__(self, cluster, folder):
        self.cluster, self.folder = cluster, folder
        self.prefix = f"e2e-{secrets.token_hex(3)}"
        self.namespace = f"{self.prefix}-shop"
        self.system = f"{self.prefix}-limpet"
        self.roles = []
        cluster.api.apply(self.manifest("Namespace", self.namespace, "", version="v1"))

    def role(self, kubeconfig=None, **options):
        """A running role, not connected yet."""
        role = ClusterRole(kubeconfig or self.cluster.kubeconfig, self.prefix,
                           namespace=self.system, **options)
        self.roles.append(role)
        return role

    def connected(self, **options):
        """A running role that is connected."""
        role = self.role(**options)
        assert role.connect()["event"] == "done"
        return role

    def manifest(self, kind, name, namespace=None, *, version="v1", **content):
        """An object; in the ground's namespace unless another or none ("") is named."""
        namespace = self.namespace if namespace is None else namespace
        meta = {"name": name, **({"namespace": namespace} if namespace else {}),
                **content.pop("metadata", {})}
        return {"apiVersion": version, "kind": kind, "metadata": meta, **content}

    def config_map(self, name="till", **data):
        """A ConfigMap with these data."""
        return self.manifest("ConfigMap", name, data=data or {"a": "1"})

    def crd(self, kind="Till"):
        """A CRD of this test's own, and what its kind's group is."""
        group = f"{self.prefix}.example"
        plural = kind.lower() + "s"
        schema = {"type": "object", "properties": {
            "spec": {"type": "object", "properties": {"drawer": {"type": "string"}}}}}
        return self.manifest(
            "CustomResourceDefinition", f"{plural}.{group}", "",
            version="apiextensions.k8s.io/v1",
            spec={"group": group, "scope": "Namespaced", "names": {"plural": plural, "kind": kind},
                  "versions": [{"name": "v1", "served": True, "storage": True,
                                "schema": {"openAPIV3Schema": schema}}]})

    def till(self, name="till", kind="Till"):
        """An object of the CRD's kind."""
        return self.manifest(kind, name, version=f"{self.prefix}.example/v1",
                             spec={"drawer": "left"})

    def job(self, image="a"):
        """A Job, whose template cannot be changed."""
        return self.manifest(
            "Job", "migrate", version="batch/v1",
            spec={"template": {"spec": {"restartPolicy": "Never",
                                        "containers": [{"name": "m", "image": image}]}}})

    def live(self, manifest):
        """The object as it is in the cluster, or None."""
        key = key_of(manifest)
        return self.cluster.api.get(key["kind"], key["name"], key["namespace"] or "default")

    def close(self):
        codes = [role.close() for role in self.roles]
        self.cluster.remove_all(self.prefix, wait=not self.cluster.can_restart)
        assert set(codes) <= {0}, codes


@pytest.fixture
def ground(controlplane, tmp_path):
    """A fresh Ground on the session's cluster."""
    ground = Ground(controlplane, tmp_path)
    yield ground
    ground.close()


@pytest.fixture
def own_ground(own_controlplane, tmp_path):
    """A fresh Ground on a control plane of our own, which the test may restart."""
    ground = Ground(own_controlplane, tmp_path)
    yield ground
    ground.close()


# --- connect ----------------------------------------------------------------------------


def test_connect_tells_every_kind_that_the_server_has(ground):
    event = ground.role().connect()
    told = {(e["key"]["group"], e["key"]["version"], e["key"]["kind"]): e for e in event["told"]}
    assert event["event"] == "done"
    assert set(told) == {(r.group, r.version, r.kind) for r in ground.cluster.api.resources()}
    deployment = told["apps", "v1", "Deployment"]
    assert deployment["resource"] == "deployments"
    assert deployment["namespaced"] and deployment["preferred"]
    assert not told["", "v1", "Node"]["namespaced"]


def test_a_second_connect_costs_two_answers_without_a_body(own_ground):
    user = f"{own_ground.prefix}-reader"
    kubeconfig = own_ground.cluster.make_user(user, ["system:masters"],
                                              path=own_ground.folder / "kubeconfig")
    role = own_ground.role(kubeconfig)
    first, second = role.connect(), role.connect()
    assert len(second["told"]) == len(first["told"])
    codes = [(e["requestURI"], e["responseStatus"]["code"])
             for e in own_ground.cluster.audit_events(user)]
    assert codes == [("/api", 200), ("/apis", 200), ("/api", 304), ("/apis", 304)]


@pytest.mark.parametrize("broken, says", [
    ("current-context: nowhere\n", r"kubeconfig:1: no entry of contexts is named \"nowhere\""),
    ("a: [\n", r"kubeconfig:\d+"),
    (None, r"kubeconfig: .*No such file or directory"),
])
def test_a_kubeconfig_that_is_no_use_is_told_and_taken_up_once_it_is_mended(ground, broken, says):
    path = ground.folder / "kubeconfig"
    if broken:
        path.write_text(broken)
    role = ground.role(path)
    event = role.connect()
    assert (event["event"], event["code"]) == ("retry", "config")
    assert re.search(says, event["message"]), event["message"]
    path.write_text(ground.cluster.kubeconfig.read_text())
    assert role.connect()["event"] == "done"


# --- apply ------------------------------------------------------------------------------


def test_an_apply_tells_created_configured_and_unchanged(ground):
    role = ground.connected()
    manifest = ground.config_map(a="1")
    assert role.apply(manifest)["outcome"] == "created"
    assert role.apply(manifest)["outcome"] == "unchanged"
    manifest["data"]["a"] = "2"
    changed = role.apply(manifest)
    assert changed["outcome"] == "configured"
    live = ground.live(manifest)
    assert live["data"] == {"a": "2"}
    assert live["metadata"]["labels"][PART_OF].startswith("applyset-")
    assert changed["uid"] == live["metadata"]["uid"]
    assert changed["live"]["version"] == live["metadata"]["resourceVersion"]


def test_what_was_remembered_tells_an_unchanged_apply_after_a_restart_and_foreign_writes(ground):
    manifest = ground.manifest(
        "Deployment", "till", version="apps/v1",
        spec={"replicas": 1, "selector": {"matchLabels": {"app": "till"}},
              "template": {"metadata": {"labels": {"app": "till"}},
                           "spec": {"containers": [{"name": "till", "image": "till:1"}]}}})
    applied = ground.connected().apply(manifest)
    ground.cluster.wait_for("deployment", "till", ground.namespace, lambda o: o.get(
        "status", {}).get("availableReplicas") == 1)
    role = ground.connected()
    again = role.apply(manifest, known=applied["live"])
    assert again["live"]["version"] != applied["live"]["version"], "the status was written"
    assert again["outcome"] == "unchanged"
    ground.cluster.api.patch("deployment", "till", {"spec": {"replicas": 2}}, ground.namespace)
    healed = role.apply(manifest, known=again["live"])
    assert healed["outcome"] == "configured"
    assert ground.live(manifest)["spec"]["replicas"] == 1


def test_without_anything_remembered_an_old_object_is_unchanged_too(ground):
    manifest = ground.config_map()
    ground.connected().apply(manifest)
    time.sleep(2.1)  # the time of our entry is told to the second
    assert ground.connected().apply(manifest)["outcome"] == "unchanged"


def test_an_immutable_field_is_told_as_that(ground):
    role = ground.connected()
    assert role.apply(ground.job("a"))["outcome"] == "created"
    event = role.apply(ground.job("b"))
    assert (event["event"], event["code"], event["status"]) == ("failed", "rejected", 422)
    assert "field is immutable" in event["message"]
    assert "delete the object by hand, or give it a new name" in event["message"]


@pytest.mark.parametrize("content, status, says", [
    ({"dota": {}}, 500, ".dota: field not declared in schema"),
    ({"data": 3}, 500, ".data: expected map"),
    ({"metadata": {"annotations": {"a": 1}}}, 500, "annotations"),
])
def test_a_bad_manifest_is_refused_in_the_servers_own_words(ground, content, status, says):
    event = ground.connected().apply(ground.manifest("ConfigMap", "bad", **content))
    assert (event["event"], event["code"], event["status"]) == ("failed", "rejected", status)
    assert says in event["message"]
    assert ground.cluster.api.get("configmap", "bad", ground.namespace) is None


def test_every_mistake_of_an_object_is_told_at_once(ground):
    service = ground.manifest("Service", "s", spec={"ports": [{"port": 99999}, {"port": -1, "name": "x"}]})
    event = ground.connected().apply(service)
    assert (event["event"], event["status"]) == ("failed", 422)
    assert "spec.ports[0].port" in event["message"] and "spec.ports[1].port" in event["message"]


def test_an_object_with_a_part_of_label_of_its_own_is_refused(ground):
    manifest = ground.config_map()
    manifest["metadata"]["labels"] = {PART_OF: "mine"}
    event = ground.connected().apply(manifest)
    assert event["event"] == "failed" and "which limpet sets itself" in event["message"]
    assert ground.live(manifest) is None


def test_an_unknown_kind_is_named_with_what_is_missing(ground):
    event = ground.connected().apply(ground.till())
    assert (event["event"], event["code"]) == ("failed", "not-found")
    assert event["message"] == (f"no kind Till in {ground.prefix}.example/v1: its CRD is neither"
                                " in the revision nor in the cluster")


def test_a_version_that_is_not_served_is_named_with_the_one_that_is(ground):
    manifest = ground.manifest("CronJob", "x", version="batch/v1beta1", spec={})
    event = ground.connected().apply(manifest)
    assert event["code"] == "not-found"
    assert event["message"] == "no version v1beta1 of CronJob in batch: the cluster serves v1"


def test_a_missing_namespace_is_told(ground):
    event = ground.connected().apply(ground.manifest("ConfigMap", "a", f"{ground.prefix}-none"))
    assert (event["event"], event["code"], event["status"]) == ("failed", "conflict", 404)
    assert "neither in the revision nor in the cluster" in event["message"]


def test_a_namespaced_object_without_one_goes_to_the_default(ground):
    role = ground.connected()
    manifest = ground.manifest("ConfigMap", "till", "")
    event = role.apply(manifest, default_ns=ground.namespace)
    assert event["outcome"] == "created"
    assert event["key"]["namespace"] == ground.namespace
    event = role.apply(manifest)
    assert event["event"] == "failed" and "no namespace is named" in event["message"]
    event = role.apply(ground.manifest("ClusterRole", ground.prefix,
                                       version="rbac.authorization.k8s.io/v1"))
    assert event["event"] == "failed" and "remove metadata.namespace" in event["message"]


def test_a_kind_without_patch_is_told(ground):
    event = ground.connected().apply(ground.manifest(
        "TokenReview", "x", "", version="authentication.k8s.io/v1", spec={}))
    assert event["event"] == "failed" and "cannot be applied" in event["message"]


def test_an_object_as_large_as_the_server_stores_is_applied_and_a_larger_one_told(ground):
    role = ground.connected()
    assert role.apply(ground.config_map("large", a="x" * 1_000_000))["outcome"] == "created"
    event = role.apply(ground.config_map("larger", a="x" * 1_200_000))
    assert event["event"] == "failed" and "Too long" in event["message"]
    assert len(event["message"]) < 1024


def test_a_crd_and_its_object_go_in_one_run(ground):
    role = ground.connected()
    crd = ground.crd()
    assert role.apply(crd)["outcome"] == "created"
    event = role.wait(crd, timeout_ms=30000)
    assert event["event"] == "done", event
    assert [(e["key"]["kind"], e["namespaced"]) for e in event["told"]] == [("Till", True)]
    assert role.apply(ground.till())["outcome"] == "created"
    assert ground.live(ground.till())["spec"] == {"drawer": "left"}


def test_a_crd_whose_names_are_taken_is_told_by_the_servers_words(ground):
    role = ground.connected()
    crd = ground.crd()
    role.apply(crd)
    assert role.wait(crd)["event"] == "done"
    other = ground.crd("Register")
    other["spec"]["names"]["kind"] = "Till"
    assert role.apply(other)["outcome"] == "created"
    event = role.wait(other, timeout_ms=30000)
    assert (event["event"], event["code"]) == ("failed", "rejected")
    assert "does not accept its names" in event["message"]
    assert "is already in use" in event["message"]


def test_a_wait_for_a_crd_that_never_comes_ends_in_its_time(ground):
    role = ground.connected()
    began = time.monotonic()
    event = role.wait(ground.crd(), timeout_ms=1500)
    assert event["event"] == "retry" and "not Established" in event["message"]
    assert 0.4 < time.monotonic() - began < 5


def test_a_new_version_of_a_crd_is_served_before_its_objects_fail(ground):
    role = ground.connected()
    crd = ground.crd()
    role.apply(crd)
    assert role.wait(crd)["event"] == "done"
    second = {**crd["spec"]["versions"][0], "name": "v2", "storage": False}
    crd["spec"]["versions"].append(second)
    assert role.apply(crd)["outcome"] == "configured"
    assert role.wait(crd)["event"] == "done"
    till = ground.till()
    till["apiVersion"] = f"{ground.prefix}.example/v2"
    assert role.apply(till)["outcome"] == "created"


def test_steps_run_at_once_and_each_is_answered(ground):
    role = ground.connected(concurrency=4)
    sent = {role.send("apply", key=key_of(m), body=json.dumps(m))
            for m in (ground.config_map(f"c{i}", a="x" * 500) for i in range(40))}
    events = [role.take() for _ in sent]
    assert {e["id"] for e in events} == sent
    assert {e["outcome"] for e in events} == {"created"}


# --- who we are -------------------------------------------------------------------------


def _limited(ground, name="limited"):
    """A service account that may do nothing yet."""
    ground.cluster.kubectl("create", "serviceaccount", name, "-n", ground.namespace)
    return f"{ground.namespace}/{name}"


def _token_kubeconfig(ground, account, path, **options):
    """A kubeconfig with a service account's token, on whosever cluster."""
    api = ground.cluster.api
    ca = ground.folder / "ca.crt"
    ca.write_text(api.get("configmap", "kube-root-ca.crt", "default")["data"]["ca.crt"])
    token = ground.cluster.make_token(account)
    if options.pop("in_file", False):
        file = path.with_name(path.name + ".token")
        file.write_text(token)
        options["token_file"] = file
    else:
        options["token"] = token
    return write_kubeconfig(path, api._url.geturl(), ca, **options)


def _allow(ground, account, *verbs):
    ground.cluster.kubectl("create", "role", "applier", "-n", ground.namespace,
                           "--resource=configmaps", *(f"--verb={v}" for v in verbs))
    ground.cluster.kubectl("create", "rolebinding", "applier", "-n", ground.namespace,
                           "--role=applier", f"--serviceaccount={account.replace('/', ':')}")


@pytest.mark.parametrize("in_file", [False, True])
def test_a_token_in_the_kubeconfig_or_in_a_file_is_who_we_are(ground, in_file):
    account = _limited(ground)
    _allow(ground, account, "patch", "create")
    kubeconfig = _token_kubeconfig(ground, account, ground.folder / "kubeconfig", in_file=in_file)
    role = ground.connected(kubeconfig=kubeconfig)
    wait_until(lambda: role.apply(ground.config_map())["event"] == "done", "the rights", 10)


def test_a_limited_user_is_told_which_verbs_it_lacks_and_where(ground):
    account = _limited(ground)
    kubeconfig = _token_kubeconfig(ground, account, ground.folder / "kubeconfig")
    event = ground.connected(kubeconfig=kubeconfig).apply(ground.config_map())
    assert (event["event"], event["code"], event["status"]) == ("failed", "config", 403)
    assert 'cannot patch resource "configmaps"' in event["message"]
    assert f'in the namespace "{ground.namespace}"' in event["message"]
    assert "limpet's user needs the verbs patch and create there" in event["message"]


def test_a_token_file_that_is_rotated_is_read_again(ground):
    account = _limited(ground)
    _allow(ground, account, "patch", "create")
    kubeconfig = _token_kubeconfig(ground, account, ground.folder / "kubeconfig", in_file=True)
    file = ground.folder / "kubeconfig.token"
    good = file.read_text()
    file.write_text(good[:-8] + "AAAAAAAA")
    role = ground.role(kubeconfig)
    event = role.connect()
    assert (event["event"], event["code"], event["status"]) == ("retry", "config", 401)
    assert "does not accept the credentials of user \"default\"" in event["message"]
    file.write_text(good)
    assert role.connect()["event"] == "done"


def test_a_kubeconfig_behind_a_link_is_read_again_too(ground):
    for name in ("real", "linked"):
        (ground.folder / name).mkdir()
    real, link = (ground.folder / name / "kubeconfig" for name in ("real", "linked"))
    link.symlink_to(real)
    _token_kubeconfig(ground, _limited(ground), real)
    text = real.read_text()
    real.write_text(re.sub(r"token: .*", "token: nonsense", text))
    role = ground.role(link)
    assert role.connect()["status"] == 401
    real.with_name("new").write_text(text)
    real.with_name("new").rename(real)
    event = role.connect()
    assert event["event"] == "done", event


def test_a_wrong_authority_is_told_and_the_right_one_taken_up(ground):
    good = ground.cluster.kubeconfig.read_text()
    path = ground.folder / "kubeconfig"
    other = Authority(ground.folder / "pki", "other")
    account = _limited(ground)
    write_kubeconfig(path, ground.cluster.api._url.geturl(), other.cert,
                     token=ground.cluster.make_token(account))
    role = ground.role(path)
    event = role.connect()
    assert (event["event"], event["code"], event["status"]) == ("retry", "config", 0)
    assert "certificate" in event["message"]
    path.write_text(good)
    assert role.connect()["event"] == "done"


def test_a_kubeconfig_that_is_rewritten_is_taken_up_while_running(own_ground):
    path = own_ground.folder / "kubeconfig"
    plane = own_ground.cluster
    plane.make_user(f"{own_ground.prefix}-one", ["system:masters"], path=path)
    assert path.stat().st_mode & 0o777 == 0o600
    role = own_ground.connected(kubeconfig=path)
    role.apply(own_ground.config_map("one"))
    plane.make_user(f"{own_ground.prefix}-two", ["system:masters"], path=path)
    plane.restart_apiserver()
    _until_done(role, own_ground.config_map("two"))
    assert role.apply(own_ground.config_map("three"))["outcome"] == "created"
    by = [e["user"]["username"] for e in plane.audit_events() if e["verb"] == "patch"
          and e.get("objectRef", {}).get("name") == "three"]
    assert set(by) == {f"{own_ground.prefix}-two"}


# --- the server goes away ---------------------------------------------------------------


def _until_done(role, manifest, seconds=60):
    """Applies as the supervisor does: again after each "retry"."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        event = role.apply(manifest)
        if event["event"] != "retry":
            assert event["event"] == "done", event
            return event
        time.sleep(min(event["retry_after_ms"], 500) / 1000)
    raise AssertionError(f"still: {event}")


def test_a_server_that_is_away_is_told_with_a_growing_time_to_wait(own_ground):
    role = own_ground.connected()
    own_ground.cluster.stop_apiserver()
    try:
        events = [role.apply(own_ground.config_map()) for _ in range(6)]
    finally:
        own_ground.cluster.start_apiserver()
    assert {(e["event"], e["code"], e["status"]) for e in events} == {("retry", "transient", 0)}
    assert "onnect" in events[-1]["message"]
    assert events[-1]["retry_after_ms"] > 2000 > events[0]["retry_after_ms"] > 0
    assert _until_done(role, own_ground.config_map())["outcome"] == "created"


@pytest.mark.parametrize("hard", [False, True])
def test_a_restart_in_the_middle_loses_and_doubles_nothing(own_ground, hard):
    role = own_ground.connected()
    manifests = [own_ground.config_map(f"c{i}") for i in range(60)]
    waiting = {role.send("apply", key=key_of(m), body=json.dumps(m)): m
               for m in manifests}
    again = []
    for n in range(len(manifests)):
        event = role.take()
        assert event["event"] in ("done", "retry"), event
        if event["event"] == "retry":
            again.append(waiting[event["id"]])
        if n == 10:
            own_ground.cluster.restart_apiserver(hard)
    assert again, "the restart was not in the middle"
    for manifest in again:
        _until_done(role, manifest)
    live = own_ground.cluster.api.list("configmap", own_ground.namespace)
    assert {m["metadata"]["name"] for m in live} >= {f"c{i}" for i in range(60)}


def test_a_server_that_answers_nothing_is_given_up_in_time(own_ground):
    role = own_ground.connected(request_ms=2000)
    own_ground.cluster.freeze_apiserver()
    try:
        began = time.monotonic()
        event = role.apply(own_ground.config_map(), timeout_ms=5000)
        assert (event["event"], event["code"]) == ("retry", "transient")
        assert time.monotonic() - began < 8
    finally:
        own_ground.cluster.thaw_apiserver()
    assert _until_done(role, own_ground.config_map())["outcome"] in ("created", "unchanged")


def test_a_namespace_that_is_going_is_waited_for(ground):
    role = ground.connected()
    namespace = ground.manifest("Namespace", f"{ground.prefix}-going", "")
    role.apply(namespace)
    held = ground.manifest("ConfigMap", "held", f"{ground.prefix}-going",
                           metadata={"finalizers": ["limpet.dev/test"]})
    ground.cluster.api.apply(held)
    ground.cluster.api.delete("namespace", f"{ground.prefix}-going")
    ground.cluster.wait_for("namespace", f"{ground.prefix}-going",
                            condition=lambda o: o["metadata"].get("deletionTimestamp"))
    event = role.apply(ground.manifest("ConfigMap", "a", f"{ground.prefix}-going"))
    assert (event["event"], event["code"], event["status"]) == ("retry", "transient", 403)
    assert "is being terminated" in event["message"] and event["retry_after_ms"] == 2000
    event = role.apply(namespace)
    assert (event["event"], event["code"]) == ("retry", "conflict")
    assert "is being deleted" in event["message"]
    ground.cluster.api.patch("configmap", "held", {"metadata": {"finalizers": None}},
                             f"{ground.prefix}-going")
    ground.cluster.wait_gone("namespace", f"{ground.prefix}-going", timeout=300)
    assert role.apply(namespace)["outcome"] == "created"


def test_an_endpoint_that_goes_under_us_is_an_unknown_kind(ground):
    role = ground.connected()
    crd = ground.crd()
    role.apply(crd)
    assert role.wait(crd)["event"] == "done"
    ground.cluster.api.delete("customresourcedefinition", crd["metadata"]["name"])
    ground.cluster.wait_gone("customresourcedefinition", crd["metadata"]["name"])
    event = role.apply(ground.till(), timeout_ms=40000)
    assert (event["event"], event["code"]) == ("failed", "not-found"), event


# --- the ApplySet's parent --------------------------------------------------------------


def _parent(ground):
    return ground.cluster.api.get("configmap", f"limpet-{ground.prefix}", ground.system)


def _says(parent):
    notes = parent["metadata"]["annotations"]
    return (notes["applyset.kubernetes.io/contains-group-kinds"],
            notes["applyset.kubernetes.io/additional-namespaces"])


def test_the_parent_grows_before_and_shrinks_after(ground):
    role = ground.connected()
    config_map, job = ground.config_map(), ground.job()
    assert role.parent([config_map])["outcome"] == "created"
    assert _says(_parent(ground)) == ("ConfigMap", ground.namespace)
    assert role.parent([job])["outcome"] == "configured"
    assert _says(_parent(ground)) == ("ConfigMap,Job.batch", ground.namespace)
    assert role.parent([job])["outcome"] == "unchanged"
    assert role.parent([job], exact=True)["outcome"] == "configured"
    assert _says(_parent(ground)) == ("Job.batch", ground.namespace)
    version = _parent(ground)["metadata"]["resourceVersion"]
    assert role.parent([job], exact=True)["outcome"] == "unchanged"
    assert _parent(ground)["metadata"]["resourceVersion"] == version
    assert role.parent([], exact=True)["outcome"] == "configured"
    assert _says(_parent(ground)) == ("", "")


def test_kubectl_reads_the_parent_and_keeps_its_hands_off(ground, monkeypatch):
    role = ground.connected()
    role.parent([ground.config_map()])
    role.apply(ground.config_map())
    monkeypatch.setenv("KUBECTL_APPLYSET", "true")
    done = ground.cluster.kubectl(
        "apply", "-n", ground.system, "--prune", f"--applyset=configmap/limpet-{ground.prefix}",
        "-f", "-", input="apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n", check=False)
    assert done.returncode != 0
    assert re.search(r'is managed by tooling "limpet" instead of "kubectl"', done.stderr), done.stderr
    assert ground.live(ground.config_map()) is not None


def test_the_parent_of_another_tool_is_refused_and_left_alone(ground):
    role = ground.connected()
    ground.cluster.api.apply(ground.manifest("Namespace", ground.system, ""))
    theirs = ground.manifest(
        "ConfigMap", f"limpet-{ground.prefix}", ground.system,
        metadata={"annotations": {"applyset.kubernetes.io/tooling": "kubectl/v1.36"}})
    ground.cluster.api.apply(theirs)
    event = role.parent([ground.config_map()])
    assert (event["event"], event["code"]) == ("failed", "config")
    assert "belongs to kubectl/v1.36" in event["message"]
    assert "applyset.kubernetes.io/id" not in _parent(ground)["metadata"].get("labels", {})


# --- prune ------------------------------------------------------------------------------


def test_a_prune_deletes_what_is_ours_and_tells_what_is_gone(ground):
    role = ground.connected()
    applied = role.apply(ground.config_map())
    assert role.prune(ground.config_map(), applied["uid"])["outcome"] == "pruned"
    ground.cluster.wait_gone("configmap", "till", ground.namespace)
    assert role.prune(ground.config_map(), applied["uid"])["outcome"] == "gone"


def test_what_belongs_to_a_kind_that_is_gone_is_gone(ground):
    assert ground.connected().prune(ground.till())["outcome"] == "gone"


@pytest.mark.parametrize("edit, says", [
    ({"labels": {PART_OF: None}}, "not ours"),
    ({"labels": {PART_OF: "another"}}, "not ours"),
    ({"annotations": {"limpet.dev/prune": "disabled"}}, "limpet.dev/prune"),
    ({"annotations": {"kustomize.toolkit.fluxcd.io/prune": "Disabled"}}, "fluxcd.io/prune"),
    ({"labels": {"kustomize.toolkit.fluxcd.io/prune": "disabled"}}, "fluxcd.io/prune"),
    ({"annotations": {"argocd.argoproj.io/sync-options": "Replace=true, Prune=false"}}, "argocd"),
])
def test_what_asks_to_be_kept_is_kept(ground, edit, says):
    role = ground.connected()
    uid = role.apply(ground.config_map())["uid"]
    ground.cluster.api.patch("configmap", "till", {"metadata": edit}, ground.namespace)
    event = role.prune(ground.config_map(), uid)
    assert (event["event"], event["outcome"]) == ("done", "kept")
    assert says in event["message"]
    assert ground.live(ground.config_map())["metadata"]["uid"] == uid


def test_another_object_of_that_name_is_kept(ground):
    role = ground.connected()
    uid = role.apply(ground.config_map())["uid"]
    live = ground.live(ground.config_map())
    ground.cluster.api.delete("configmap", "till", ground.namespace)
    again = ground.manifest("ConfigMap", "till", metadata={"labels": live["metadata"]["labels"]})
    ground.cluster.api.apply(again)
    event = role.prune(ground.config_map(), uid)
    assert event["outcome"] == "kept" and "somebody has made it again" in event["message"]
    assert ground.live(again) is not None


def test_precious_kinds_are_kept_and_how_to_delete_them_is_told(ground):
    role = ground.connected()
    claim = ground.manifest("PersistentVolumeClaim", "data", spec={
        "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}})
    namespace = ground.manifest("Namespace", f"{ground.prefix}-more", "")
    for manifest, by_hand in [
            (claim, f"kubectl delete persistentvolumeclaims data -n {ground.namespace}"),
            (namespace, f"kubectl delete namespaces {ground.prefix}-more"),
            (ground.crd(), f"kubectl delete customresourcedefinitions tills.{ground.prefix}.example")]:
        uid = role.apply(manifest)["uid"]
        event = role.prune(manifest, uid)
        assert event["outcome"] == "kept", event
        assert event["message"].endswith(by_hand)
        assert not ground.live(manifest)["metadata"].get("deletionTimestamp")


def test_a_prune_keeps_what_nothing_says_is_ours_but_its_label(ground):
    role = ground.connected()
    role.apply(ground.config_map())
    part_of = ground.live(ground.config_map())["metadata"]["labels"][PART_OF]
    ground.cluster.api.apply(ground.manifest("ConfigMap", "copy", data={"a": "1"},
                                             metadata={"labels": {PART_OF: part_of}}))
    uid = role.apply(ground.config_map("stripped"))["uid"]
    ground.cluster.api.patch("ConfigMap", "stripped", {"metadata": {"managedFields": [{}]}},
                             ground.namespace)
    for name, known in ("copy", ""), ("stripped", uid):
        event = role.prune(ground.config_map(name), known)
        assert event["outcome"] == "kept" and "managedFields" in event["message"], event
        assert ground.live(ground.config_map(name))


def test_a_prune_without_the_right_is_refused_with_the_verbs(ground):
    account = _limited(ground)
    _allow(ground, account, "patch", "create")
    ground.connected().apply(ground.config_map())
    kubeconfig = _token_kubeconfig(ground, account, ground.folder / "kubeconfig")
    event = ground.connected(kubeconfig=kubeconfig).prune(ground.config_map())
    assert (event["event"], event["status"]) == ("failed", 403)
    assert "needs the verbs get and delete" in event["message"]


# --- recover ----------------------------------------------------------------------------


def test_recover_finds_everything_with_our_label_page_by_page(ground):
    role = ground.connected(concurrency=4)
    manifests = [ground.config_map(f"c{i:03}") for i in range(120)] + [ground.job()]
    role.parent(manifests)
    uids = {}
    for manifest in manifests:
        uids[key_of(manifest)["name"]] = role.apply(manifest)["uid"]
    ground.cluster.api.apply(ground.config_map("foreign"))
    event = ground.connected().step("recover")
    assert event["event"] == "done", event
    found = {e["key"]["name"]: e for e in event["told"]}
    assert set(found) == set(uids)
    assert {name: e["uid"] for name, e in found.items()} == uids
    assert found["migrate"]["key"] == {"group": "batch", "version": "v1", "kind": "Job",
                                       "namespace": ground.namespace, "name": "migrate"}
    assert found["c007"]["live"]["version"]


def test_recover_leaves_out_what_controllers_have_copied_our_label_to(ground):
    role = ground.connected()
    role.parent([ground.config_map()])
    role.apply(ground.config_map())
    part_of = ground.live(ground.config_map())["metadata"]["labels"][PART_OF]
    ground.cluster.api.apply(ground.manifest("ConfigMap", "copy", data={"a": "1"},
                                             metadata={"labels": {PART_OF: part_of}}))
    event = ground.connected().step("recover")
    assert [e["key"]["name"] for e in event["told"]] == ["till"]


def test_recover_without_a_parent_finds_nothing(ground):
    event = ground.connected().step("recover")
    assert (event["event"], event["outcome"], event["told"]) == ("done", "gone", [])


def test_recover_names_kinds_that_are_not_served(ground):
    role = ground.connected()
    role.parent([ground.config_map(), ground.till()])
    role.apply(ground.config_map())
    event = role.step("recover")
    assert event["event"] == "done" and len(event["told"]) == 1
    assert event["message"] == f"not served: Till.{ground.prefix}.example"


# --- the process ------------------------------------------------------------------------


def test_the_role_ends_cleanly_with_its_channel_also_in_the_middle_of_work(ground):
    role = ground.connected()
    for i in range(20):
        manifest = ground.config_map(f"c{i}")
        role.send("apply", key=key_of(manifest), body=json.dumps(manifest))
    assert role.close() == 0
