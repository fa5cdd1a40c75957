# SPDX-License-Identifier: Apache-2.0
"""The API server's store is put back to an older copy, as a power cut can do it, under a daemon
that watches or while there is none: what runs ends as the newest revision says."""

import json
import secrets

import pytest

from support.controlplane import ControlPlane
from support.site import Site
from support.sitefiles import small_site
from support.told import source, stored, wait_applied, wait_idle
from support.waiting import wait_until


@pytest.fixture(scope="module")
def spare(scratch):
    """A control plane whose store may be put back."""
    with ControlPlane(scratch / "back", audit=True) as plane:
        yield plane


@pytest.fixture
def site(tmp_path, gitserver, spare):
    """A Site on it; its limpet is a user of its own in the audit log."""
    site = Site(tmp_path, f"e2e-{secrets.token_hex(3)}", gitserver, spare)
    site.copy = tmp_path / "copy"
    site.user = f"{site.prefix}-agent"
    site.limpet.config["cluster"]["kubeconfig"] = str(spare.make_user(site.user, ["system:masters"]))
    site.limpet.write_config()
    yield site
    site.limpet.close()
    gitserver.reset()
    spare.remove_all(site.prefix, wait=False)


def config_map(site, name, version):
    return {"apiVersion": "v1", "kind": "ConfigMap", "data": {"version": version},
            "metadata": {"name": name, "namespace": site.namespace}}


def secret(site, name):
    return {"apiVersion": "v1", "kind": "Secret", "stringData": {"a": "b"},
            "metadata": {"name": name, "namespace": site.namespace}}


def role(site, name):
    return {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "rules": [],
            "metadata": {"name": name, "namespace": site.namespace}}


def job(site, name):
    return {"apiVersion": "batch/v1", "kind": "Job",
            "metadata": {"name": name, "namespace": site.namespace},
            "spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [
                {"name": "main", "image": "registry.example/job:1"}]}}}}


def push(site, *objects):
    """A commit of these objects and their namespace, which is applied."""
    site.repo.clear()
    commit = site.repo.publish({
        "namespace.yaml": small_site(site.prefix, tills=0)["namespace.yaml"],
        **{f"{n}.json": json.dumps(o) for n, o in enumerate(objects)}}, "Another one")
    wait_applied(site, commit)
    watching(site)


def watching(site):
    site.limpet.wait_status(lambda s: source(s)["drift"]["watching"] and
                            source(s)["drift"]["differs"] == 0, "all to be watched", 60)


def edit(site, name, version="666"):
    site.cluster.api.patch("ConfigMap", name, {"data": {"version": version}}, site.namespace,
                           manager="kubectl-edit")


def versions(site):
    """The ConfigMaps of the shop by name."""
    return {o["metadata"]["name"]: o["data"]["version"] for o in
            site.cluster.api.list("ConfigMap", site.namespace) if "version" in o["data"]}


def names(site, kind):
    return {o["metadata"]["name"] for o in site.cluster.api.list(kind, site.namespace)}


def wait_versions(site, wanted, timeout=40):
    wait_until(lambda: versions(site) == wanted, f"{wanted}", timeout)


def put_back(site, stopped):
    """Puts the store back, under the daemon or while there is none."""
    mark = len(site.limpet.log())
    if stopped:
        site.limpet.stop()
    site.cluster.put_store_back(site.copy)
    if stopped:
        site.limpet.start()
    else:
        site.limpet.wait_log("went back in time", 60, since=mark)


def look(site, kinds):
    """Nothing is left to do, and the inventory has what is there and no more."""
    wait_idle(site)
    watching(site)
    with stored(site) as db:
        rows = {(row["kind"], row["name"]): row["uid"] for row in db.execute("SELECT * FROM inventory")}
    there = {(o["kind"], o["metadata"]["name"]): o["metadata"]["uid"] for o in (
        site.get(kind, name) for kind, found in kinds.items() for name in found)}
    rows.pop(("Namespace", site.namespace))
    assert rows == there
    edit(site, "changed")
    wait_until(lambda: versions(site)["changed"] == "2", "a heal", 10)


@pytest.mark.parametrize("stopped", [False, True], ids=["running", "stopped"])
def test_what_an_older_copy_lacks_is_put_right(site, stopped):
    """A whole revision, a heal, and what people deleted that was made again."""
    site.limpet.start()
    push(site, *[config_map(site, name, "1") for name in ("same", "changed", "edited", "deleted", "goes")],
         secret(site, "goes"), job(site, "once"))
    uid = site.get("Job", "once")["metadata"]["uid"]
    site.limpet.daemon.freeze()
    edit(site, "edited")
    site.cluster.save_store(site.copy)
    site.limpet.daemon.thaw()
    wait_until(lambda: versions(site)["edited"] == "1", "the heal", 10)
    site.cluster.api.delete("ConfigMap", "deleted", site.namespace)
    wait_until(lambda: "deleted" in versions(site), "the other heal", 10)
    push(site, *[config_map(site, name, "1") for name in ("same", "edited", "deleted", "comes")],
         config_map(site, "changed", "2"), role(site, "comes"), job(site, "once"))
    wanted = {"same": "1", "changed": "2", "edited": "1", "deleted": "1", "comes": "1"}
    assert versions(site) == wanted and names(site, "Secret") == set()

    put_back(site, stopped)

    wait_versions(site, wanted)
    wait_until(lambda: names(site, "Secret") == set(), "the Secret to be pruned again")
    assert names(site, "Role") == {"comes"}
    assert site.get("Job", "once")["metadata"]["uid"] == uid
    look(site, {"ConfigMap": wanted, "Role": ["comes"], "Job": ["once"]})
    assert "fight" not in [e["kind"] for e in site.limpet.json("events")["events"]]


@pytest.mark.parametrize("stopped", [False, True], ids=["running", "stopped"])
def test_a_copy_from_before_the_first_apply_is_filled_again(site, stopped):
    """It has no namespace of ours either: no parent, no Lease."""
    site.cluster.save_store(site.copy)
    site.limpet.start()
    push(site, config_map(site, "changed", "2"), role(site, "there"))

    put_back(site, stopped)

    wait_versions(site, {"changed": "2"})
    assert names(site, "Role") == {"there"}
    look(site, {"ConfigMap": ["changed"], "Role": ["there"]})
    assert site.cluster.api.get("Lease", "limpet-site", f"{site.prefix}-limpet")
