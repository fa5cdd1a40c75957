# SPDX-License-Identifier: Apache-2.0
"""What cannot be changed in place is deleted and made anew, where its annotation asks for it."""

import json
import time

import pytest

from support.sitefiles import publish
from support.told import events, source, wait_applied, wait_idle, wait_refused, watched
from support.waiting import always, wait_until

ASKS = {"limpet.dev/recreate": "enabled"}
FLUX = "kustomize.toolkit.fluxcd.io/force"
ARGO = "argocd.argoproj.io/sync-options"


def file_of(site, kind, version, spec, annotations, **content):
    """One object named till."""
    return {f"{kind}.yaml": json.dumps({
        "apiVersion": version, "kind": kind,
        "metadata": {"name": "till", "namespace": site.namespace, "annotations": annotations},
        **({"spec": spec} if spec else {}), **content})}


def pod(labels, image="till:1", **spec):
    return {"metadata": {"labels": labels},
            "spec": {"containers": [{"name": "till", "image": image}], **spec}}


def job(site, number, annotations):
    """Its template cannot change."""
    return file_of(site, "Job", "batch/v1", {
        "template": pod({"app": "till"}, f"till:{number}", restartPolicy="Never")}, annotations)


def deployment(site, number, annotations):
    """Its selector cannot change."""
    labels = {"app": f"till-{number}"}
    return file_of(site, "Deployment", "apps/v1", {
        "replicas": 1, "selector": {"matchLabels": labels}, "template": pod(labels)}, annotations)


def stateful_set(site, number, annotations, **spec):
    """Its volumeClaimTemplates cannot change."""
    labels = {"app": "till"}
    claim = {"metadata": {"name": "data"}, "spec": {
        "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": f"{number}Gi"}}}}
    return file_of(site, "StatefulSet", "apps/v1", {
        "replicas": 1, "serviceName": "till", "selector": {"matchLabels": labels},
        "template": pod(labels), "volumeClaimTemplates": [claim], **spec}, annotations)


def config_map(site, value, annotations):
    return file_of(site, "ConfigMap", "v1", None, annotations, data={"a": value})


KINDS = [("Job", job), ("Deployment", deployment), ("StatefulSet", stateful_set)]


def incomplete(site, commit):
    """Waits until the commit is applied but for what was refused; returns what is told of it."""
    def state(status):
        now = source(status)["applied"]
        return now and now["commit"] == commit and now["state"] == "incomplete"

    site.limpet.wait_status(state, f"{commit} to be incomplete")
    return next(e["message"] for e in reversed(events(site)) if e["kind"] == "incomplete")


def uid(site, kind):
    found = site.get(kind, "till")
    return found and found["metadata"]["uid"]


@pytest.mark.parametrize("kind,make,annotations", [
    *((kind, make, ASKS) for kind, make in KINDS),
    ("Job", job, {FLUX: "Enabled"}), ("Job", job, {ARGO: "Prune=false,Force=true"})],
    ids=["Job", "Deployment", "StatefulSet", "in Flux's words", "in Argo CD's words"])
def test_what_asks_for_it_is_deleted_once_and_made_anew(site, kind, make, annotations):
    site.limpet.start()
    watched(site, publish(site, make(site, 1, annotations)))
    before = uid(site, kind)

    watched(site, publish(site, make(site, 2, annotations)))

    after = uid(site, kind)
    assert after and after != before
    told = events(site, "recreated")
    assert len(told) == 1 and told[0]["count"] == 1
    assert told[0]["object"].endswith(f"{site.namespace}/till")
    assert next(iter(annotations)) in told[0]["message"] and kind in told[0]["message"]
    assert not events(site, "detected"), "its own delete is no foreign edit"
    site.limpet.ok("sync")
    assert uid(site, kind) == after


@pytest.mark.parametrize("kind,make", KINDS)
def test_what_does_not_ask_for_it_is_refused_with_the_way_out_and_stays(site, kind, make):
    site.limpet.start()
    watched(site, publish(site, make(site, 1, {})))
    before = uid(site, kind)

    told = incomplete(site, publish(site, make(site, 2, {ARGO: "Replace=true"})))

    assert f"{kind}.yaml:1" in told and "limpet.dev/recreate: enabled" in told
    assert uid(site, kind) == before and not events(site, "recreated")
    watched(site, publish(site, make(site, 2, ASKS)))
    assert uid(site, kind) != before and len(events(site, "recreated")) == 1


def test_a_finished_job_is_run_anew(site):
    site.limpet.start()
    watched(site, publish(site, job(site, 1, ASKS)))
    site.cluster.kubectl("patch", "job", "till", "-n", site.namespace, "--type=merge", "-p",
                         json.dumps({"metadata": {"labels": {"seen": "yes"}}}))
    wait_until(lambda: site.get("Job", "till")["status"].get("succeeded") or
               site.get("Job", "till")["status"].get("active"), "the Job to have a pod")
    pods = {p["metadata"]["uid"] for p in site.cluster.api.list("Pod", site.namespace)}

    watched(site, publish(site, job(site, 2, ASKS)))

    def now():
        return {p["metadata"]["uid"]: p["spec"]["containers"][0]["image"]
                for p in site.cluster.api.list("Pod", site.namespace)
                if not p["metadata"].get("deletionTimestamp")}
    wait_until(lambda: now() and not pods & set(now()) and set(now().values()) == {"till:2"},
               "the pods of the first to be gone")


def test_a_mistake_beside_the_field_that_cannot_change_deletes_nothing(site):
    site.limpet.start()
    watched(site, publish(site, job(site, 1, ASKS)))
    before = uid(site, "Job")
    bad = json.loads(job(site, 2, ASKS)["Job.yaml"])
    bad["spec"]["template"]["spec"]["restartPolicy"] = "Always"

    told = incomplete(site, publish(site, {"Job.yaml": json.dumps(bad)}))

    assert "restartPolicy" in told
    assert uid(site, "Job") == before and not events(site, "recreated")


def test_a_plain_mistake_deletes_nothing(site):
    site.limpet.start()
    watched(site, publish(site, deployment(site, 1, ASKS)))
    before = uid(site, "Deployment")
    bad = json.loads(deployment(site, 1, ASKS)["Deployment.yaml"])
    bad["spec"]["template"]["spec"]["containers"][0]["image"] = ""

    incomplete(site, publish(site, {"Deployment.yaml": json.dumps(bad)}))

    assert uid(site, "Deployment") == before and not events(site, "recreated")


@pytest.mark.parametrize("labelled", [False, True], ids=["without", "with our label"])
def test_what_is_somebody_elses_is_never_deleted(site, labelled):
    site.limpet.start()
    watched(site, publish(site, deployment(site, 1, ASKS)))
    mine = site.get("Deployment", "till")["metadata"]["labels"]
    theirs = json.loads(job(site, 1, {})["Job.yaml"])
    theirs["metadata"]["labels"] = mine if labelled else {}
    site.cluster.kubectl("create", "-f", "-", input=json.dumps(theirs))
    before = uid(site, "Job")

    commit = publish(site, deployment(site, 1, ASKS), job(site, 2, ASKS))

    # not by the first try, if the Job's controller writes just then
    told = wait_until(lambda: "not deleted and made anew, as limpet.dev/recreate asks" in
                      incomplete(site, commit) and incomplete(site, commit), "the refusal", 60)
    says = ["nothing in it says that limpet has applied it", "limpet has not applied it before"]
    assert any(text in told for text in (says if labelled else ["it is not ours"]))
    assert uid(site, "Job") == before and not events(site, "recreated")
    assert site.get("Job", "till")["spec"]["template"]["spec"]["containers"][0]["image"] == "till:1"


def test_what_only_looks_as_if_limpet_had_applied_it_is_never_deleted(site):
    """It carries our label and an entry of our name: as a takeover leaves it that was cut off."""
    site.limpet.start()
    watched(site, publish(site, deployment(site, 1, ASKS)))
    theirs = json.loads(job(site, 1, {})["Job.yaml"])
    theirs["metadata"]["labels"] = site.get("Deployment", "till")["metadata"]["labels"]
    site.cluster.kubectl("apply", "--server-side", "--field-manager=limpet", "-f", "-",
                         input=json.dumps(theirs))
    before = uid(site, "Job")

    told = incomplete(site, publish(site, deployment(site, 1, ASKS), job(site, 2, ASKS)))

    assert "limpet has not applied it before" in told
    assert uid(site, "Job") == before and not events(site, "recreated")


def test_a_stateful_set_whose_claims_would_go_along_stays(site):
    keeps = {"persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Delete"}}
    site.limpet.start()
    watched(site, publish(site, stateful_set(site, 1, ASKS, **keeps)))
    before = uid(site, "StatefulSet")

    told = incomplete(site, publish(site, stateful_set(site, 2, ASKS)))

    assert "would delete its claims" in told
    assert uid(site, "StatefulSet") == before and not events(site, "recreated")


def test_precious_kinds_cannot_ask_for_it(site):
    site.limpet.start()
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    good = publish(site, file_of(site, "PersistentVolumeClaim", "v1", claim, {FLUX: "enabled"}))
    watched(site, good)
    before = uid(site, "PersistentVolumeClaim")

    bad = publish(site, file_of(site, "PersistentVolumeClaim", "v1", claim, ASKS))
    told = json.dumps(wait_refused(site, bad))
    assert "PersistentVolumeClaim.yaml:1: metadata.annotations.limpet.dev/recreate" in told
    assert "limpet deletes no PersistentVolumeClaim" in told
    bad = publish(site, file_of(site, "PersistentVolumeClaim", "v1", claim,
                                {"limpet.dev/recreate": "true"}))
    assert 'expected \\"enabled\\"' in json.dumps(wait_refused(site, bad))

    other = {**claim, "accessModes": ["ReadOnlyMany"]}
    told = incomplete(site, publish(site, file_of(site, "PersistentVolumeClaim", "v1", other,
                                                  {FLUX: "enabled"})))
    assert "limpet.dev/recreate" not in told
    assert uid(site, "PersistentVolumeClaim") == before and not events(site, "recreated")


def freeze(site, **content):
    """Somebody changes the ConfigMap and makes it immutable."""
    site.cluster.kubectl("patch", "configmap", "till", "-n", site.namespace, "--type=merge", "-p",
                         json.dumps({"immutable": True, **content}))


def test_a_heal_of_what_was_made_immutable_deletes_it(site):
    site.limpet.start()
    watched(site, publish(site, config_map(site, "1", ASKS)))
    before = uid(site, "ConfigMap")

    freeze(site, data={"a": "666"})

    wait_until(lambda: (found := site.get("ConfigMap", "till")) and found["data"] == {"a": "1"},
               "the heal")
    wait_idle(site)
    found = site.get("ConfigMap", "till")
    assert found["metadata"]["uid"] != before and "immutable" not in found
    wait_until(lambda: events(site, "healed"), "it to be told")
    assert len(events(site, "recreated")) == 1
    assert [event["message"] for event in events(site, "healed")] == ["made again"]


def test_drift_that_is_only_reported_deletes_nothing(site):
    site.limpet.start()
    watched(site, publish(site, config_map(site, "1", {**ASKS, "limpet.dev/drift": "report"})))
    before = uid(site, "ConfigMap")

    freeze(site, data={"a": "666"})
    site.limpet.ok("sync")

    always(lambda: uid(site, "ConfigMap") == before, "nothing to be deleted", 2)
    assert not events(site, "recreated")


def hold(site):
    """A finalizer keeps the Job from going."""
    site.cluster.kubectl("patch", "job", "till", "-n", site.namespace, "--type=merge", "-p",
                         json.dumps({"metadata": {"finalizers": ["example.com/hold"]}}),
                         "--field-manager=holder")


def release(site):
    site.cluster.kubectl("patch", "job", "till", "-n", site.namespace, "--type=json", "-p",
                         json.dumps([{"op": "remove", "path": "/metadata/finalizers"}]))


def test_what_a_finalizer_holds_is_waited_for_and_then_made(site):
    site.limpet.start()
    watched(site, publish(site, job(site, 1, ASKS)))
    before = uid(site, "Job")
    hold(site)

    commit = publish(site, job(site, 2, ASKS))
    wait_until(lambda: site.get("Job", "till")["metadata"].get("deletionTimestamp"), "the delete")
    site.limpet.wait_log("it is being deleted, and is applied again", 40)
    assert uid(site, "Job") == before
    release(site)

    wait_applied(site, commit, 60)
    assert uid(site, "Job") not in (None, before) and len(events(site, "recreated")) == 1


@pytest.mark.parametrize("held", [False, True], ids=["gone", "going"])
def test_a_kill_between_delete_and_create_ends_converged(site, held):
    """A finalizer makes the moment long enough to be met."""
    site.limpet.start()
    watched(site, publish(site, job(site, 1, ASKS)))
    before = uid(site, "Job")
    hold(site)
    commit = publish(site, job(site, 2, ASKS))
    wait_until(lambda: site.get("Job", "till")["metadata"].get("deletionTimestamp"), "the delete")

    site.limpet.kill()
    if not held:
        release(site)
        site.cluster.wait_gone("Job", "till", site.namespace)
    site.limpet.start()
    if held:
        time.sleep(2)
        assert uid(site, "Job") == before
        release(site)

    wait_applied(site, commit, 60)
    found = site.get("Job", "till")
    assert found["metadata"]["uid"] != before
    assert found["spec"]["template"]["spec"]["containers"][0]["image"] == "till:2"
