# SPDX-License-Identifier: Apache-2.0
"""What a revision waits for, and what it is told not to wait for."""

import json

from support.sitefiles import small_site
from support.told import source, wait_applied


def crd(site, plural, annotations=None):
    """A definition of the kind Till: the API server accepts that name once."""
    group = f"{site.prefix}.example"
    return {f"{plural}.yaml": json.dumps({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}", "annotations": annotations or {}},
        "spec": {"group": group, "scope": "Namespaced",
                 "names": {"plural": plural, "kind": "Till"},
                 "versions": [{"name": "v1", "served": True, "storage": True,
                               "schema": {"openAPIV3Schema": {"type": "object"}}}]}})}


def till(site):
    return {"till.yaml": json.dumps({
        "apiVersion": f"{site.prefix}.example/v1", "kind": "Till",
        "metadata": {"name": "till", "namespace": site.namespace}})}


def publish(site, *files, tills=3):
    parts = small_site(site.prefix, tills=tills)
    for part in files:
        parts.update(part)
    site.repo.clear()
    return site.repo.publish(parts)


def state(status, commit):
    now = source(status)["applied"]
    return now and now["commit"] == commit and now["state"]


def is_served(site, plural):
    """Whether the API server has accepted the names of the definition."""
    found = site.cluster.api.get("CustomResourceDefinition", f"{plural}.{site.prefix}.example", None)
    return any(condition["type"] == "Established" and condition["status"] == "True"
               for condition in found["status"]["conditions"])


def test_nothing_waits_for_a_definition_that_says_so_and_else_all_does(site):
    site.limpet.start()
    wait_applied(site, publish(site, crd(site, "tills")))
    assert is_served(site, "tills")

    waits = publish(site, crd(site, "tills"), crd(site, "registers"), till(site), tills=2)
    site.limpet.wait_status(lambda s: state(s, waits) == "incomplete", "it to be incomplete")
    assert not is_served(site, "registers")
    told = [e for e in site.limpet.json("events")["events"] if e["kind"] == "incomplete"]
    assert "registers.yaml:1" in told[-1]["message"]
    assert "does not accept its names" in told[-1]["message"]
    assert site.get("ConfigMap", "till-2"), "nothing is pruned of what is incomplete"

    goes_on = publish(site, crd(site, "tills"), till(site), crd(
        site, "registers", {"limpet.dev/wait": "off"}), tills=2)
    wait_applied(site, goes_on)
    assert not [e for e in site.limpet.json("events")["events"]
                if e["kind"] == "incomplete" and goes_on[:12] in e["message"]], "not at first either"
    assert not is_served(site, "registers")
    assert site.get("ConfigMap", "till-2") is None and site.get("Till", "till")
