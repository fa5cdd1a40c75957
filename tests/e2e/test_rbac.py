# SPDX-License-Identifier: Apache-2.0
"""Least rights: `limpet doctor --rbac` prints what is enough, and finds what of it is missing."""

import pytest
import yaml

from support.sitefiles import keys, small_site
from support.told import is_applied, wait_applied, wait_idle
from support.waiting import wait_until

ROLES = {"roles.yaml": """\
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: till, namespace: NAMESPACE}
rules: [{apiGroups: ["coordination.k8s.io"], resources: [leases], verbs: [update]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: till, namespace: NAMESPACE}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: till}
subjects: [{kind: ServiceAccount, name: default, namespace: NAMESPACE}]
"""}


def files_of(site, version="1", roles=True):
    files = {**small_site(site.prefix, version=version)}
    if roles:
        files["roles.yaml"] = ROLES["roles.yaml"].replace("NAMESPACE", site.namespace)
    return files


@pytest.fixture
def device(site_on_own_cluster):
    """A site that an agent with all rights has brought into the cluster, and has left."""
    site = site_on_own_cluster
    site.files = files_of(site)
    site.commit = site.repo.publish(site.files, "Version 1")
    site.limpet.ok("sync")
    site.system = f"{site.prefix}-limpet"
    return site


def printed(site):
    """The manifests, and as text."""
    result = site.limpet.run("doctor", "--rbac")
    return list(yaml.safe_load_all(result.out)), result


def rule_of(role, resource, name=None):
    """The verbs that a Role or ClusterRole gives on a resource."""
    return {verb for rule in role["rules"] if resource in rule["resources"]
            and rule.get("resourceNames", [None]) == [name] for verb in rule["verbs"]}


def as_least(site):
    """From now on the agent is the ServiceAccount that was printed, with exactly its rights."""
    path = site.folder / "least.kubeconfig"
    site.cluster.make_token_user(f"{site.system}/limpet-site", path)
    site.limpet.config["cluster"]["kubeconfig"] = str(path)
    site.limpet.write_config()


def apply_printed(site, drop=None):
    """kubectl apply of what is printed; `drop`: a resource that the ClusterRole does not get."""
    manifests, result = printed(site)
    for manifest in manifests:
        if manifest["kind"] == "ClusterRole" and drop:
            for rule in manifest["rules"]:
                rule["resources"] = [r for r in rule["resources"] if r != drop]
            manifest["rules"] = [rule for rule in manifest["rules"] if rule["resources"]]
    text = yaml.safe_dump_all(manifests) if drop else result.out
    site.cluster.kubectl("apply", "-f", "-", input=text)


def test_an_administrator_misses_nothing_and_the_least_is_printed(device):
    manifests, result = printed(device)
    assert (result.code, result.err) == (0, "")
    role = next(m for m in manifests if m["kind"] == "ClusterRole")
    own = next(m for m in manifests if m["kind"] == "Role")

    assert rule_of(role, "configmaps") == {"get", "list", "watch", "create", "patch", "delete"}
    assert rule_of(role, "namespaces") == {"get", "list", "watch", "create", "patch"}
    assert rule_of(role, "nodes") == {"list"}
    assert {"escalate", "bind"} <= rule_of(role, "roles")
    assert "bind" in rule_of(role, "clusterroles") and "escalate" not in rule_of(role, "clusterroles")
    assert not rule_of(role, "secrets"), "the site has none"
    assert rule_of(own, "configmaps", "limpet-site") == {"get", "create", "patch"}
    assert rule_of(own, "leases", "limpet-site") == {"get", "patch"}
    assert "can then do everything in the cluster" in " ".join(result.out.split())
    assert not any("*" in str(manifest.get("rules", "")) for manifest in manifests)


def test_an_agent_with_exactly_that_converges_prunes_and_recovers(device):
    apply_printed(device)
    as_least(device)
    assert printed(device)[1].code == 0
    files = files_of(device, "2")
    device.repo.write(files)
    device.repo.remove("roles.yaml")
    second = device.repo.publish(message="Version 2, without the roles")
    device.limpet.start()
    wait_applied(device, second)
    assert device.get("ConfigMap", "till-0")["data"]["version"] == "2"
    assert device.get("Role", "till") is None and device.get("RoleBinding", "till") is None

    # The role still allows them; with an empty store all is found again, and nothing is missing.
    assert printed(device)[1].code == 0, "asked of the daemon"
    device.limpet.stop()
    for file in device.limpet.state_dir.glob("limpet.db*"):
        file.unlink()
    device.cluster.api.delete("ConfigMap", "till-1", device.namespace)
    device.limpet.start()
    device.limpet.wait_status(lambda s: is_applied(s, second), "it to be applied")
    wait_idle(device)
    assert device.missing(keys(small_site(device.prefix))) == []
    assert "is forbidden" not in device.limpet.log()
    device.limpet.stop()


def test_they_are_enough_to_delete_an_object_and_make_it_anew(device):
    def job(image):
        return {"job.yaml": f"""\
apiVersion: batch/v1
kind: Job
metadata: {{name: till, namespace: {device.namespace},
           annotations: {{limpet.dev/recreate: enabled}}}}
spec: {{template: {{spec: {{restartPolicy: Never, containers: [{{name: a, image: "{image}"}}]}}}}}}
"""}
    device.repo.publish(job("a:1"))
    device.limpet.ok("sync")
    before = device.get("Job", "till")["metadata"]["uid"]
    apply_printed(device)
    as_least(device)

    second = device.repo.publish(job("a:2"))
    device.limpet.start()
    wait_applied(device, second)

    assert device.get("Job", "till")["metadata"]["uid"] != before
    assert "is forbidden" not in device.limpet.log()
    device.limpet.stop()


def test_it_begins_with_the_rights_of_an_empty_device_and_then_asks_for_more(site_on_own_cluster):
    site = site_on_own_cluster
    site.system = f"{site.prefix}-limpet"
    commit = site.repo.publish(files_of(site), "Version 1")
    manifests, result = printed(site)
    assert result.code == 0 and "Nothing was accepted yet" in result.out
    apply_printed(site)
    as_least(site)

    assert site.limpet.run("sync").code == 1
    missing = site.limpet.json("doctor", "--rbac")["missing"]
    assert {"verb": "patch", "group": "", "resource": "configmaps"} in missing
    assert {"verb": "escalate", "group": "rbac.authorization.k8s.io", "resource": "roles"} in missing
    apply_printed(site)

    site.limpet.ok("sync")
    assert is_applied(site.limpet.status(), commit)
    assert site.limpet.run("doctor", "--rbac").code == 0


def test_the_demo_converges_from_nothing_by_asking_what_is_missing_and_granting_it(site_on_own_cluster):
    site = site_on_own_cluster
    site.system = f"{site.prefix}-limpet"
    commit = site.publish_demo()
    apply_printed(site)
    as_least(site)
    said = []
    for _ in range(2):
        result = site.limpet.run("sync")
        said.append(result.err)
        missing = site.limpet.json("doctor", "--rbac")["missing"]
        if missing:
            apply_printed(site)

    assert result.code == 0 and missing == [], said
    assert is_applied(site.limpet.status(), commit)
    assert site.missing(keys(site.demo_files())) == []


@pytest.mark.parametrize("drop", ["configmaps", "rolebindings"])
def test_a_rule_that_was_taken_away_is_named(device, drop):
    apply_printed(device, drop=drop)
    as_least(device)

    manifests, result = printed(device)
    told = device.limpet.json("doctor", "--rbac")

    assert result.code == 1
    lines = [line for line in result.err.splitlines() if line.startswith("missing: ")]
    assert {line.split()[2].partition(".")[0] for line in lines} == {drop}
    assert {line.split()[1] for line in lines} == {"get", "list", "watch", "create", "patch", "delete"}
    assert told["asked"] and {m["resource"] for m in told["missing"]} == {drop}
    assert next(m for m in manifests if m["kind"] == "ClusterRole"), "all is printed none the less"
    plain = device.limpet.run("doctor")
    assert plain.code == 1 and f"patch {drop}" in plain.out


def test_without_an_api_server_the_rights_are_printed_and_nothing_is_said_of_what_is_missing(device):
    device.limpet.config["cluster"]["kubeconfig"] = str(device.folder / "none")
    device.limpet.write_config()
    manifests, result = printed(device)
    assert result.code == 2 and "cannot be known" in result.err
    assert [m["kind"] for m in manifests] == ["Namespace", "ServiceAccount", "ClusterRole",
                                              "ClusterRoleBinding", "Role", "RoleBinding"]
    told = device.limpet.json("doctor", "--rbac")
    assert not told["asked"] and told["clusterRules"] and told["missing"] == []
