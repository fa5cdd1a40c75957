# SPDX-License-Identifier: Apache-2.0
"""Kinds that go, come back or change their version under a limpet that watches them."""

import json

from support.sitefiles import small_site
from support.told import source, wait_applied
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
