# SPDX-License-Identifier: Apache-2.0
"""Kinds that go, come back or change their version under a limpet that watches them."""

import json

from support.sitefiles import small_site
from support.told import events, source, wait_applied, wait_idle
from support.waiting import wait_until


def crd(site, served=("v1",)):
    """A CRD; its first version is the stored one."""
    group = f"{site.prefix}.example"
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    return {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": f"drawers.{group}"}, "spec": {
                "group": group, "scope": "Namespaced",
                "names": {"plural": "drawers", "kind": "Drawer"},
                "versions": [{"name": version, "served": version in served,
                              "storage": version == "v1", "schema": schema}
                             for version in ("v1", "v2")]}}


def drawer(site):
    return {"apiVersion": f"{site.prefix}.example/v1", "kind": "Drawer",
            "metadata": {"name": "left", "namespace": site.namespace}, "spec": {"coins": 3}}


def live_drawer(site):
    path = f"/apis/{site.prefix}.example/v1/namespaces/{site.namespace}/drawers/left"
    return site.cluster.api.request("GET", path)


def edit_is_healed(site):
    site.cluster.kubectl("patch", f"drawers.{site.prefix}.example", "left", "-n", site.namespace,
                         "--type=merge", "-p", '{"spec":{"coins":0}}')
    wait_until(lambda: live_drawer(site)["spec"]["coins"] == 3, "the heal", 10)


def watching(site, yes=True, timeout=30):
    site.limpet.wait_status(lambda s: source(s)["drift"]["watching"] == yes,
                            f"watching to be {yes}", timeout)


def converged(site, *objects):
    """A daemon that watches what it has applied."""
    site.limpet.start()
    files = {f"{n}.json": json.dumps(item) for n, item in enumerate(objects)}
    wait_applied(site, site.repo.publish({**small_site(site.prefix), **files}))
    watching(site)


def test_a_crd_that_is_deleted_by_hand_comes_back_with_its_objects(site):
    converged(site, crd(site), drawer(site))
    before = live_drawer(site)["metadata"]["uid"]

    site.cluster.api.delete("CustomResourceDefinition", crd(site)["metadata"]["name"])

    wait_until(lambda: live_drawer(site)["metadata"]["uid"] != before, "another drawer", 40)
    watching(site)
    edit_is_healed(site)


def test_a_version_that_is_taken_from_service_is_left_for_another(site):
    site.cluster.api.apply(crd(site, ("v1", "v2")))
    converged(site, drawer(site))

    mark = len(site.limpet.log())
    site.cluster.api.apply(crd(site, ("v1",)))

    site.limpet.wait_log("event=watch kind=Drawer is=lost", 10, since=mark)
    watching(site, timeout=10)
    edit_is_healed(site)


def test_a_foreign_crd_that_goes_and_comes_back_is_watched_again(site):
    site.cluster.api.apply(crd(site))
    converged(site, drawer(site))
    name = crd(site)["metadata"]["name"]

    site.cluster.api.delete("CustomResourceDefinition", name)
    site.cluster.wait_gone("CustomResourceDefinition", name)
    watching(site, False, 10)
    site.cluster.api.apply(crd(site))

    wait_until(lambda: live_drawer(site)["spec"] == {"coins": 3}, "the drawer", 60)
    watching(site, timeout=30)


def test_an_object_that_was_rendered_before_its_kind_was_there_is_watched_and_healed(site):
    """Its manifest names no namespace: what that is can be said only once the kind is known."""
    site.limpet.start()
    manifest = drawer(site)
    del manifest["metadata"]["namespace"]
    commit = site.repo.publish({**small_site(site.prefix), "drawer.json": json.dumps(manifest)})
    site.limpet.wait_log("event=incomplete", 30)
    site.cluster.api.apply(crd(site))
    wait_applied(site, commit, 60)
    watching(site)

    edit_is_healed(site)
    wait_idle(site)
    assert [event["object"] for event in events(site, "healed")] == [
        f"Drawer.{site.prefix}.example {site.namespace}/left"]
    site.repo.edit("till-1.yaml", 'version: "1"', 'version: "2"')
    wait_applied(site, site.repo.publish(message="Another till"))
    assert not events(site, "adopted")


def test_what_differs_while_suspended_is_known_though_a_watched_kind_goes(site):
    converged(site, crd(site), drawer(site))
    site.limpet.ok("suspend")
    site.cluster.kubectl("patch", "configmap", "till-1", "-n", site.namespace, "--type=merge", "-p",
                         '{"data":{"version":"666"}}')
    site.limpet.wait_status(lambda s: source(s)["drift"]["differs"] == 1, "the report", 10)

    site.cluster.api.delete("CustomResourceDefinition", crd(site)["metadata"]["name"])
    site.limpet.wait_status(lambda s: "lost" in source(s)["drift"], "the watch to be lost", 20)
    wait_idle(site)
    assert source(site.limpet.status())["drift"]["differs"] >= 2
    site.limpet.ok("resume")

    wait_until(lambda: site.get("ConfigMap", "till-1")["data"] == {"version": "1"}, "the heal", 20)
