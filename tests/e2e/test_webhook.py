# SPDX-License-Identifier: Apache-2.0
"""A webhook that nobody answers: it stops the objects that it is asked about, and no others."""

import pytest

from support.sitefiles import small_site
from support.told import is_applied, source

BOUND = """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: till-1
  namespace: {prefix}-shop
  labels:
    asks: {prefix}
data:
  version: "{version}"
"""
LATE = """\
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata:
  name: {prefix}-late
  labels:
    version: "{version}"
webhooks: []
"""


@pytest.fixture
def dead_webhook(site):
    """Where objects with the label asks=PREFIX are judged by nobody: the applied one."""
    name = f"{site.prefix}-dead"
    hook = {"apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingWebhookConfiguration", "metadata": {"name": name},
            "webhooks": [{
                "name": "dead.example.com", "failurePolicy": "Fail", "sideEffects": "None",
                "admissionReviewVersions": ["v1"], "timeoutSeconds": 5,
                "clientConfig": {"url": "https://127.0.0.1:1/"},
                "objectSelector": {"matchLabels": {"asks": site.prefix}},
                "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "resources": ["configmaps"],
                           "operations": ["CREATE", "UPDATE"]}]}]}
    yield hook
    site.cluster.api.delete("ValidatingWebhookConfiguration", name)


def files(site, version, tills):
    return {**small_site(site.prefix, tills=tills, version=version),
            "till-1.yaml": BOUND.format(prefix=site.prefix, version=version),
            "late.yaml": LATE.format(prefix=site.prefix, version=version)}


def test_a_dead_webhook_stops_its_object_alone_and_nothing_is_pruned(site, dead_webhook):
    first = site.repo.publish(files(site, "1", 3))
    site.limpet.ok("sync")
    assert is_applied(site.limpet.status(), first)
    site.cluster.api.apply(dead_webhook)
    site.repo.remove("till-2.yaml")
    second = site.repo.publish(files(site, "2", 2))

    result = site.limpet.run("sync")

    assert result.code == 1 and "till-1.yaml:1: " in result.err, result.err
    assert "failed calling webhook" in result.err and "dead.example.com" in result.err
    assert site.get("ConfigMap", "till-0")["data"]["version"] == "2"
    assert site.get("ConfigMap", "till-1")["data"]["version"] == "1"
    late = site.cluster.api.get("ValidatingWebhookConfiguration", f"{site.prefix}-late")
    assert late["metadata"]["labels"]["version"] == "2", "a later stage is applied"
    assert site.get("ConfigMap", "till-2"), "nothing is pruned"
    assert source(site.limpet.status())["applied"]["state"] == "incomplete"

    site.cluster.api.delete("ValidatingWebhookConfiguration", dead_webhook["metadata"]["name"])
    site.limpet.ok("sync")
    assert is_applied(site.limpet.status(), second)
    assert site.get("ConfigMap", "till-2") is None
