# SPDX-License-Identifier: Apache-2.0
"""How fast many new objects are applied, against a bare libcurl client that sends the same
PATCHes at the same concurrency. Both are timed by the API server's own audit log, from the
first PATCH to the last answer, alternating, in fresh namespaces, medians. The bare client sends
in limpet's order, and each begins when the cluster's controllers are done with what the other has
left. What limpet writes into its store and the waits between its stages are part of its time."""

import json
import shutil
import statistics
import subprocess
import time
from typing import NamedTuple

import pytest

from figures import ROOT, figure, wait_applied, when
from many import many, many_files, namespaces
from support.waiting import wait_until

CONCURRENCY = 2
RUNS = {400: 5, 2000: 3}
BARE = ROOT / "build" / "dev" / "tests" / "bench" / "apply_bare"


class Took(NamedTuple):
    """Seconds from the first PATCH to the last answer, and of them without one under way; and the
    paths that were sent, in order."""
    whole: float
    waits: float
    paths: list


def took(cluster, prefix, count):
    """How long the PATCHes of a prefix took, by the audit log."""
    there = set(namespaces(prefix))
    spans = sorted((when(event["requestReceivedTimestamp"]), when(event["stageTimestamp"]),
                    event["requestURI"].partition("?")[0])
                   for event in cluster.audit_events()
                   if event["stage"] == "ResponseComplete" and event["verb"] == "patch"
                   and event.get("objectRef", {}).get("namespace") in there
                   and not event["objectRef"].get("subresource")
                   and "fieldManager=limpet" in event["requestURI"])
    assert len(spans) >= count, f"{len(spans)} PATCHes in {prefix}"
    waits, end = 0, spans[0][0]
    for begin, answered, _ in spans:
        waits += max(0, begin - end)
        end = max(end, answered)
    return Took(end - spans[0][0], waits, [path for _, _, path in spans])


def wait_settled(cluster):
    """Waits until no namespace is going and the controllers write no more than Leases, of all that
    is in the store."""
    def look():
        found = cluster.api.request("GET", "/api/v1/namespaces")
        going = [item for item in found["items"] if "deletionTimestamp" in item["metadata"]]
        return int(found["metadata"]["resourceVersion"]), going

    def settled():
        before, going = look()
        time.sleep(1)
        return not going and look()[0] - before < 5

    wait_until(settled, "the controllers to be done", 600)


def make_namespaces(site, prefix):
    for namespace in namespaces(prefix):
        site.cluster.kubectl("create", "namespace", namespace)
    wait_settled(site.cluster)


def by_limpet(site, prefix, count):
    """A first sync on an empty state, into namespaces that are there."""
    make_namespaces(site, prefix)
    site.repo.clear()
    site.limpet.config["cluster"].update(concurrency=CONCURRENCY, namespace=f"{prefix}-limpet")
    site.limpet.source["poll"] = "300s"
    site.limpet.write_config()
    shutil.rmtree(site.limpet.state_dir)
    site.limpet.state_dir.mkdir()
    commit = site.repo.publish(many_files(count, prefix, with_namespaces=False), "Many objects")
    site.limpet.start()
    wait_applied(site.limpet, commit)
    site.limpet.stop()
    return took(site.cluster, prefix, count)


def by_the_bare_client(site, prefix, count, folder, order):
    """The same objects, in the order of the paths that limpet has sent for another prefix."""
    make_namespaces(site, prefix)
    folder.mkdir()
    files = {}
    for manifest in many(count, prefix, with_namespaces=False):
        meta = manifest["metadata"]
        meta.setdefault("labels", {})["applyset.kubernetes.io/part-of"] = \
            "applyset-0eFHV8ySqp7XoShsGvyWFQD3s96yqwHmzc4e0HR1dsY-v1"
        path = site.cluster.api.resource(manifest["kind"]).path(meta["namespace"], meta["name"])
        files[path] = f"{path}\n{json.dumps(manifest, separators=(',', ':'))}"
    assert set(files) == set(order)
    for number, path in enumerate(order):
        (folder / f"{number:05}").write_text(files[path])
    subprocess.run([BARE, site.cluster.kubeconfig, str(CONCURRENCY), folder], check=True, capture_output=True)
    return took(site.cluster, prefix, count)


@pytest.mark.parametrize("count", RUNS)
def test_applying_many_objects_takes_little_more_than_sending_them(site_on_own_cluster, tmp_path, count):
    site, ours, bare = site_on_own_cluster, [], []
    for run in range(RUNS[count]):
        prefixes = [f"{site.prefix}-{client}-{run}" for client in ("ours", "bare")]
        ours.append(by_limpet(site, prefixes[0], count))
        bare.append(by_the_bare_client(site, prefixes[1], count, tmp_path / f"bodies-{run}",
                                       [path.replace(*prefixes) for path in ours[-1].paths]))
        print(f"\nrun {run + 1}: limpet {ours[-1].whole:.2f} s, without a PATCH under way {ours[-1].waits:.2f} s;"
              f" bare client {bare[-1].whole:.2f} and {bare[-1].waits:.2f} s", flush=True)

    seconds = [statistics.median(run.whole for run in runs) for runs in (ours, bare)]
    waits = [statistics.median(run.waits for run in runs) for runs in (ours, bare)]
    figure(f"apply of {count} objects, concurrency {CONCURRENCY}, against a bare client",
           seconds[0] / seconds[1], 1.25, "x",
           f"medians {seconds[0]:.2f} s and {seconds[1]:.2f} s, of them without a PATCH under way, as between"
           f" stages: {waits[0]:.2f} s and {waits[1]:.2f} s")
