# SPDX-License-Identifier: Apache-2.0
"""How fast 400 new objects are applied, against a bare libcurl client that sends the same
PATCHes at the same concurrency. Both are timed by the API server's own audit log, from the
first PATCH to the last answer, alternating, in fresh namespaces, medians."""

import json
import shutil
import statistics
import subprocess
from datetime import datetime

from figures import ROOT, figure, wait_applied
from support.sitefiles import synthetic, synthetic_files

OBJECTS = 400
CONCURRENCY = 2
RUNS = 5
BARE = ROOT / "build" / "dev" / "tests" / "bench" / "apply_bare"
RESOURCES = {"ConfigMap": "api/v1/namespaces/{ns}/configmaps", "Secret": "api/v1/namespaces/{ns}/secrets",
             "Service": "api/v1/namespaces/{ns}/services",
             "Role": "apis/rbac.authorization.k8s.io/v1/namespaces/{ns}/roles",
             "Deployment": "apis/apps/v1/namespaces/{ns}/deployments"}


def when(stamp):
    return datetime.fromisoformat(stamp.replace("Z", "+00:00")).timestamp()


def seconds_in(cluster, namespace):
    """From the first PATCH in the namespace to the last answer, by the audit log."""
    events = [event for event in cluster.audit_events()
              if event["verb"] == "patch" and event.get("objectRef", {}).get("namespace") == namespace
              and event["objectRef"]["resource"] in ("configmaps", "secrets", "services", "roles", "deployments")
              and not event["objectRef"].get("subresource") and "fieldManager=limpet" in event["requestURI"]]
    ends = [event for event in events if event["stage"] == "ResponseComplete"]
    assert len(ends) >= OBJECTS, f"{len(ends)} PATCHes in {namespace}"
    return max(when(e["stageTimestamp"]) for e in ends) - min(when(e["requestReceivedTimestamp"]) for e in ends)


def by_limpet(site, namespace):
    """A first sync on an empty state, into a namespace that is there."""
    site.cluster.kubectl("create", "namespace", namespace)
    site.repo.clear()
    site.limpet.config["cluster"].update(concurrency=CONCURRENCY, namespace=f"{namespace}-limpet")
    site.limpet.source["poll"] = "300s"
    site.limpet.write_config()
    shutil.rmtree(site.limpet.state_dir)
    site.limpet.state_dir.mkdir()
    commit = site.repo.publish(synthetic_files(OBJECTS, site.prefix, namespace=namespace, with_namespace=False),
                               "Many objects")
    site.limpet.start()
    wait_applied(site.limpet, commit)
    site.limpet.stop()
    return seconds_in(site.cluster, namespace)


def by_the_bare_client(site, namespace, folder):
    site.cluster.kubectl("create", "namespace", namespace)
    folder.mkdir()
    for number, manifest in enumerate(synthetic(OBJECTS, site.prefix, namespace=namespace, with_namespace=False)):
        manifest["metadata"].setdefault("labels", {})["applyset.kubernetes.io/part-of"] = \
            "applyset-0eFHV8ySqp7XoShsGvyWFQD3s96yqwHmzc4e0HR1dsY-v1"
        path = f"/{RESOURCES[manifest['kind']].format(ns=namespace)}/{manifest['metadata']['name']}"
        (folder / f"{number:05}").write_text(f"{path}\n{json.dumps(manifest, separators=(',', ':'))}")
    subprocess.run([BARE, site.cluster.kubeconfig, str(CONCURRENCY), folder], check=True, capture_output=True)
    return seconds_in(site.cluster, namespace)


def test_applying_400_objects_takes_little_more_than_sending_them(site_on_own_cluster, tmp_path):
    site, ours, bare = site_on_own_cluster, [], []
    for run in range(RUNS):
        ours.append(by_limpet(site, f"{site.prefix}-ours-{run}"))
        bare.append(by_the_bare_client(site, f"{site.prefix}-bare-{run}", tmp_path / f"bodies-{run}"))
        print(f"\nrun {run + 1}: limpet {ours[-1]:.2f} s, bare client {bare[-1]:.2f} s", flush=True)

    figure(f"apply of {OBJECTS} objects, concurrency {CONCURRENCY}, against a bare client",
           statistics.median(ours) / statistics.median(bare), 1.5, "x",
           f"medians {statistics.median(ours):.2f} s and {statistics.median(bare):.2f} s")
