# SPDX-License-Identifier: Apache-2.0
"""The cluster role against a server that answers what no real one can be made to answer:
old, busy, broken and hostile."""

import json
import time

import pytest

from support.clusterrole import ClusterRole
from support.fakeapi import NEW, OURS, VERBS, FakeApi, aggregated, applied
from support.limits import limit

CONFIG_MAP = {"apiVersion": "v1", "kind": "ConfigMap",
              "metadata": {"name": "till", "namespace": "shop"}, "data": {"a": "1"}}
APPLIED = applied("till", "shop")


def old_resources(group_version, plural, kind):
    """An APIResourceList."""
    return {"kind": "APIResourceList", "groupVersion": group_version, "resources": [
        {"name": plural, "kind": kind, "namespaced": True, "verbs": VERBS},
        {"name": f"{plural}/status", "kind": kind, "namespaced": True, "verbs": ["get"]}]}


PATH = "/api/v1/namespaces/shop/configmaps/till"


@pytest.fixture
def fake(tmp_path):
    """A FakeApi with today's discovery."""
    fake = FakeApi(tmp_path)
    yield fake
    fake.close()


@pytest.fixture
def role(fake):
    """A role at the fake, not connected."""
    with ClusterRole(fake.kubeconfig, "site", request_ms=5000) as role:
        yield role


def status(code, message, reason="", **details):
    """A metav1.Status as an answer."""
    return code, {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message,
                  "reason": reason, "code": code, "details": details}, {}


# --- discovery --------------------------------------------------------------------------


def test_the_beta_of_older_servers_is_understood(fake, role):
    fake.answers["/api"] = aggregated("v2beta1", "", ("configmaps", "ConfigMap"))
    fake.answers["/apis"] = aggregated("v2beta1", "batch", ("jobs", "Job"))
    assert {e["key"]["kind"] for e in role.connect()["told"]} == {"ConfigMap", "Job"}
    accept = fake.requests[0][2]["Accept"]
    assert accept.index("v=v2;") < accept.index("v=v2beta1;") < accept.rindex("application/json")


def test_an_old_server_is_asked_group_by_group(fake, role):
    fake.answers = {
        "/api": {"kind": "APIVersions", "versions": ["v1"]},
        "/apis": {"kind": "APIGroupList", "groups": [
            {"name": "batch", "versions": [{"version": "v1beta1"}, {"version": "v1"}],
             "preferredVersion": {"version": "v1"}},
            {"name": "dead.example", "versions": [{"version": "v1"}]}]},
        "/api/v1": old_resources("v1", "configmaps", "ConfigMap"),
        "/apis/batch/v1": old_resources("batch/v1", "jobs", "Job"),
        "/apis/batch/v1beta1": old_resources("batch/v1beta1", "cronjobs", "CronJob"),
        "/apis/dead.example/v1": (503, "service unavailable", {"Retry-After": "1"}),
    }
    event = role.connect()
    assert event["event"] == "retry", "a server that is busy is asked again"
    del fake.answers["/apis/dead.example/v1"]
    event = role.connect()
    assert event["event"] == "done", event
    assert [(e["key"]["group"], e["key"]["version"], e["key"]["kind"], e["preferred"])
            for e in event["told"]] == [("", "v1", "ConfigMap", True), ("batch", "v1", "Job", True),
                                        ("batch", "v1beta1", "CronJob", False)]


@pytest.mark.parametrize("answer, code", [
    ("<html>welcome to the hotel</html>", "rejected"),
    ("{", "rejected"),
    ({"kind": "Status"}, "rejected"),
    ((302, "", {"Location": "http://127.0.0.1:1/"}), "rejected"),
    ((403, "no", {}), "config"),
])
def test_what_is_no_discovery_is_told(fake, role, answer, code):
    fake.answers["/apis"] = answer
    event = role.connect()
    assert (event["event"], event["code"]) == ("failed", code), event
    fake.answers["/apis"] = NEW["/apis"]
    assert role.connect()["event"] == "done"


def test_a_discovery_without_end_is_cut_off(fake, role):
    fake.answers["/apis"] = b" " * (limit("LP_DISCOVERY_BYTES") + 1)
    event = role.connect()
    assert (event["event"], event["code"]) == ("failed", "limit"), event
    document = json.dumps(NEW["/apis"]).encode()
    fake.answers["/apis"] = document + b" " * (limit("LP_DISCOVERY_BYTES") - len(document))
    assert role.connect()["event"] == "done"


def test_unknown_kinds_ask_again_only_once_in_a_while(fake, role):
    role.connect()
    till = {"apiVersion": "shop.example/v1", "kind": "Till", "metadata": {"name": "x"}}
    time.sleep(5.1)
    for _ in range(5):
        assert role.apply(till)["code"] == "not-found"
    assert fake.count("/apis") == 2


# --- apply ------------------------------------------------------------------------------


def test_what_is_sent_is_what_the_reference_says(fake, role):
    fake.answers[PATH] = APPLIED
    role.connect()
    assert role.apply(CONFIG_MAP)["event"] == "done"
    method, _, headers, body = fake.requests[-1]
    assert method == "PATCH"
    assert headers["Content-Type"] == "application/apply-patch+yaml"
    assert headers["Accept"] == "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
    assert headers["Authorization"] == "Bearer t"
    assert "Accept-Encoding" not in headers and "Expect" not in headers
    sent = json.loads(body)
    assert sent["metadata"].pop("labels")["applyset.kubernetes.io/part-of"].endswith("-v1")
    assert sent == CONFIG_MAP


def test_a_conflict_is_tried_once_more(fake, role):
    role.connect()
    fake.answers[PATH] = lambda asked: status(409, "conflict", "Conflict") if asked < 1 else APPLIED
    assert role.apply(CONFIG_MAP)["event"] == "done"
    fake.answers[PATH] = status(409, "conflict", "Conflict")
    event = role.apply(CONFIG_MAP)
    assert (event["event"], event["code"], event["status"]) == ("retry", "conflict", 409)
    assert [method for method, path, _, _ in fake.requests if path == PATH][2:] == [
        "PATCH", "PATCH", "GET"], "once more, and a look whether kubectl is in the way"


@pytest.mark.parametrize("code", [429, 503])
def test_retry_after_is_passed_on(fake, role, code):
    role.connect()
    fake.answers[PATH] = (code, "busy", {"Retry-After": "17"})
    event = role.apply(CONFIG_MAP)
    assert (event["event"], event["status"], event["retry_after_ms"]) == ("retry", code, 17000)


def test_a_refusal_of_our_name_is_asked_only_once(fake, role):
    role.connect()
    fake.answers[PATH] = status(401, "Unauthorized", "Unauthorized")
    event = role.apply(CONFIG_MAP)
    assert (event["event"], event["code"], event["status"]) == ("retry", "config", 401)
    assert fake.count(PATH) == 1, "nothing has changed: the same would be answered"


@pytest.mark.parametrize("answer", [
    "", "<html>", "{}", {"metadata": {"uid": ""}}, b"\xff\xfe", b"[" * 5000, {"metadata": []}])
def test_a_success_that_is_no_object_is_not_believed(fake, role, answer):
    role.connect()
    fake.answers[PATH] = (200, answer, {})
    event = role.apply(CONFIG_MAP)
    assert (event["event"], event["code"]) == ("retry", "transient")
    assert "is no object" in event["message"]


def test_an_answer_that_is_cut_in_the_middle_is_tried_again(fake, role):
    role.connect()
    cut = json.dumps(APPLIED)[:40]
    fake.answers[PATH] = (200, cut, {"Content-Length": "400"})
    event = role.apply(CONFIG_MAP)
    assert (event["event"], event["code"], event["status"]) == ("retry", "transient", 200)
    fake.answers[PATH] = APPLIED
    assert role.apply(CONFIG_MAP)["event"] == "done"


def test_an_answer_without_end_is_cut_off_and_costs_no_memory(fake, role):
    role.connect()
    fake.answers[PATH] = (200, b"x" * (40 << 20), {})
    event = role.apply(CONFIG_MAP)
    assert (event["event"], event["code"]) == ("failed", "limit")
    with open(f"/proc/{role.pid}/status", encoding="ascii") as file:
        peak = int(next(line for line in file if line.startswith("VmHWM")).split()[1])
    assert peak < 64 * 1024, f"{peak} KiB"


def test_an_answer_is_read_up_to_its_limit(fake, role):
    role.connect()
    answer = json.dumps(APPLIED).encode()
    padding = b" " * (limit("LP_ANSWER_BYTES") - len(answer))
    fake.answers[PATH] = answer + padding
    assert role.apply(CONFIG_MAP)["event"] == "done"
    fake.answers[PATH] = answer + padding + b" "
    event = role.apply(CONFIG_MAP)
    assert (event["event"], event["code"]) == ("failed", "limit"), event


def test_an_endpoint_that_vanishes_is_looked_for_once(fake, role):
    role.connect()
    event = role.apply(CONFIG_MAP)
    assert (event["event"], event["code"]) == ("failed", "not-found")
    assert fake.count(PATH) == 2 and fake.count("/apis") == 2


@pytest.mark.parametrize("more, code", [(0, "rejected"), (1, "limit")])
def test_a_crd_is_read_up_to_its_limit(fake, role, more, code):
    role.connect()
    crd = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
           "metadata": {"name": "tills.shop.example"}}
    answer = json.dumps({**crd, "status": {"conditions": [
        {"type": "NamesAccepted", "status": "False", "message": "taken"}]}}).encode()
    fake.answers["/apis/apiextensions.k8s.io/v1/customresourcedefinitions/tills.shop.example"] = (
        answer + b" " * (limit("LP_CRD_BYTES") + more - len(answer)))
    event = role.wait(crd)
    assert (event["event"], event["code"]) == ("failed", code), event


# --- prune and recover ------------------------------------------------------------------


def test_a_delete_names_the_uid_and_the_version_that_were_judged(fake, role):
    role.connect()
    fake.answers[PATH] = APPLIED
    role.apply(CONFIG_MAP)
    part_of = json.loads(fake.requests[-1][3])["metadata"]["labels"]
    live = json.loads(json.dumps(APPLIED))
    live["metadata"]["labels"] = part_of
    fake.answers[PATH] = live
    assert role.prune(CONFIG_MAP, "u-1")["outcome"] == "pruned"
    method, _, _, body = fake.requests[-1]
    assert method == "DELETE"
    assert json.loads(body) == {"apiVersion": "v1", "kind": "DeleteOptions",
                                "preconditions": {"uid": "u-1", "resourceVersion": "7"},
                                "propagationPolicy": "Background"}


def test_an_object_that_is_to_be_kept_since_the_look_is_not_deleted(fake, role):
    live = labelled(fake, role)
    kept = live(annotations={"limpet.dev/prune": "disabled"})
    gets = [live(), kept]
    fake.answers[PATH] = by_method(fake, GET=lambda _: gets.pop(0),
                                   DELETE=status(409, "changed", "Conflict"))
    assert role.prune(CONFIG_MAP, "u-1")["outcome"] == "kept"
    assert methods(fake) == ["GET", "DELETE", "GET"]


def test_an_object_that_others_keep_writing_is_pruned_later(fake, role):
    live = labelled(fake, role)
    fake.answers[PATH] = by_method(fake, GET=live(), DELETE=status(409, "changed", "Conflict"))
    event = role.prune(CONFIG_MAP, "u-1")
    assert (event["event"], event["code"]) == ("retry", "conflict"), event
    assert methods(fake).count("DELETE") == limit("LP_LOOKS_MAX")


NOT_SERVED = (404, "404 page not found\n", {})


def test_an_object_whose_path_is_not_served_is_not_taken_for_gone(fake, role):
    role.connect()
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "m", "namespace": "shop"}}
    moved = json.loads(json.dumps(NEW["/apis"]))
    moved["items"][0]["versions"][0]["version"] = "v2"
    fake.answers["/apis"] = moved
    fake.answers["/apis/batch/v2/namespaces/shop/jobs/m"] = status(404, "no", "NotFound", name="m")
    assert role.prune(job)["outcome"] == "gone"
    assert fake.count("/apis/batch/v1/namespaces/shop/jobs/m") == 1
    fake.answers["/apis/batch/v2/namespaces/shop/jobs/m"] = NOT_SERVED
    event = role.prune(job)
    assert (event["event"], event["code"]) == ("retry", "transient"), event


@pytest.mark.parametrize("freshness, ends", [("Stale", "retry"), ("Current", "done")])
def test_a_kind_that_is_not_told_is_gone_unless_its_group_is_stale(fake, role, freshness, ends):
    role.connect()
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "m", "namespace": "shop"}}
    without = aggregated("v2", "batch")
    without["items"][0]["versions"][0]["freshness"] = freshness
    fake.answers["/apis"] = without
    event = role.prune(job)
    assert event["event"] == ends and (ends == "retry" or event["outcome"] == "gone"), event


def test_a_page_whose_token_is_too_old_begins_the_kind_again(fake, role):
    role.connect()
    name = "/api/v1/namespaces/limpet-system/configmaps/limpet-site"
    fake.answers[name] = {"metadata": {"name": "limpet-site", "uid": "p", "annotations": {
        "applyset.kubernetes.io/tooling": "limpet/v0.0.1",
        "applyset.kubernetes.io/contains-group-kinds": "ConfigMap"}}}

    def item(n):
        return {"metadata": {"name": f"c{n}", "namespace": "shop", "uid": f"u{n}",
                             "managedFields": [OURS]}}

    pages = [{"metadata": {"continue": "a b&c"}, "items": [item(1)]}, status(410, "old", "Expired"),
             {"metadata": {"continue": "x"}, "items": [item(1)]}, {"metadata": {}, "items": [item(2)]}]
    fake.answers["/api/v1/configmaps"] = lambda asked: pages[asked]
    event = role.step("recover")
    assert event["event"] == "done", event
    assert [e["key"]["name"] for e in event["told"]] == ["c1", "c1", "c2"]


PARENT = {"metadata": {"name": "limpet-site", "uid": "p", "annotations": {
    "applyset.kubernetes.io/tooling": "limpet/v0.0.1",
    "applyset.kubernetes.io/contains-group-kinds": "ConfigMap"}}}


@pytest.fixture
def listed(fake, role):
    """Recovers from these pages of ConfigMaps."""
    role.connect()
    fake.answers["/api/v1/namespaces/limpet-system/configmaps/limpet-site"] = PARENT

    def recover(*pages):
        left = list(pages)
        fake.answers["/api/v1/configmaps"] = lambda asked: left.pop(0)
        return role.step("recover")
    return recover


LAST = {"metadata": {}, "items": [{"metadata": {
    "name": "c", "namespace": "shop", "uid": "u", "managedFields": [OURS]}}]}


def test_a_list_is_read_in_pages_of_so_many_objects(fake, listed):
    event = listed(LAST)
    assert [e["key"]["name"] for e in event["told"]] == ["c"], event
    assert f"?limit={limit('LP_PAGE_OBJECTS')}&" in fake.targets[-1]


@pytest.mark.parametrize("more, code", [(0, "ok"), (1, "limit")])
def test_a_page_is_read_up_to_its_limit(listed, more, code):
    page = json.dumps(LAST).encode()
    event = listed(page + b" " * (limit("LP_PAGE_BYTES") + more - len(page)))
    assert (event["event"], event["code"]) == ("failed" if more else "done", code), event


@pytest.mark.parametrize("more, code", [(-1, "ok"), (0, "limit")])
def test_a_token_that_is_too_long_never_ends_a_list_early(listed, more, code):
    most = limit("LP_CONTINUE_BYTES")       # with its NUL
    event = listed({"metadata": {"continue": "x" * (most + more)}, "items": []}, LAST)
    assert (event["event"], event["code"]) == ("failed" if code == "limit" else "done", code), event
    assert [e["key"]["name"] for e in event["told"]] == ([] if code == "limit" else ["c"])
    assert code == "ok" or f"more than {most - 1} bytes" in event["message"]


def test_a_list_whose_pages_never_end_is_given_up(fake, role):
    role.connect()
    name = "/api/v1/namespaces/limpet-system/configmaps/limpet-site"
    fake.answers[name] = {"metadata": {"name": "limpet-site", "uid": "p", "annotations": {
        "applyset.kubernetes.io/tooling": "limpet/v0.0.1",
        "applyset.kubernetes.io/contains-group-kinds": "ConfigMap"}}}
    fake.answers["/api/v1/configmaps"] = {"metadata": {"continue": "x"}, "items": []}
    event = role.step("recover", timeout_ms=3000)
    assert (event["event"], event["code"]) == ("retry", "transient")


# --- applies that look first ------------------------------------------------------------


def edited(entry=OURS, version="7"):
    """What a GET shows of an object that somebody has edited with kubectl."""
    kubectl = {**OURS, "manager": "kubectl-edit", "operation": "Update"}
    return {**APPLIED, "metadata": {**APPLIED["metadata"], "resourceVersion": version,
                                    "managedFields": [entry, kubectl]}}


def by_method(fake, **answers):
    """An answer that depends on the method; of PATCH, JSON's and the apply's are told apart."""
    def answer(_):
        method, _, headers, body = fake.requests[-1]
        if method == "PATCH" and headers["Content-Type"] == "application/json-patch+json":
            method = "JSON"
        given = answers[method]
        return given(json.loads(body or "null")) if callable(given) else given
    return answer


def methods(fake):
    """What was asked of the object."""
    return [method if "json-patch" not in headers.get("Content-Type", "") else "JSON"
            for method, path, headers, _ in fake.requests if path == PATH]


def test_a_takeover_between_writes_without_end_is_put_off(fake, role):
    role.connect()
    conflict = status(409, "the object has been modified", "Conflict")
    fake.answers[PATH] = by_method(fake, GET=edited(), JSON=conflict, PATCH=APPLIED)
    event = role.apply(CONFIG_MAP, how="look")
    assert (event["event"], event["code"]) == ("retry", "conflict"), event
    assert methods(fake) == ["GET", "JSON"] * limit("LP_LOOKS_MAX"), "nothing was applied"


def test_a_takeover_that_comes_too_late_looks_again(fake, role):
    role.connect()
    versions = iter("789")

    def take_over(patch):
        assert patch[0]["path"] == "/metadata/resourceVersion"
        return APPLIED if patch[0]["value"] == "9" else status(409, "modified", "Conflict")

    fake.answers[PATH] = by_method(
        fake, GET=lambda _: edited(version=next(versions)), JSON=take_over, PATCH=APPLIED)
    event = role.apply(CONFIG_MAP, how="look")
    assert (event["event"], event["outcome"]) == ("done", "configured"), event
    assert methods(fake) == ["GET", "JSON"] * 3 + ["PATCH"]


@pytest.mark.parametrize("how", ["plain", "look"])
def test_entries_of_an_older_version_are_rewritten_once(fake, role, how):
    role.connect()
    undeclared = status(500, ".spec.mode: field not declared in schema", "InternalError")
    renewed = []

    def renew(patch):
        renewed.extend(entry["apiVersion"] for entry in patch[1]["value"])
        return APPLIED

    old = {**OURS, "apiVersion": "v1beta1"}
    there = {**APPLIED, "metadata": {**APPLIED["metadata"], "managedFields": [old, old]}}
    fake.answers[PATH] = by_method(fake, GET=there, JSON=renew,
                                   PATCH=lambda _: APPLIED if renewed else undeclared)
    event = role.apply(CONFIG_MAP, how=how)
    assert (event["event"], event["outcome"]) == ("done", "configured"), event
    assert renewed == ["v1", "v1"]
    # when that does not help, it is said as it is
    fake.requests.clear()
    fake.answers[PATH] = by_method(fake, GET=there, JSON=renew, PATCH=undeclared)
    event = role.apply(CONFIG_MAP, how=how)
    assert (event["event"], event["code"]) == ("failed", "rejected"), event
    assert "field not declared in schema" in event["message"]
    assert methods(fake).count("JSON") == 1 and methods(fake).count("PATCH") == 2


@pytest.mark.parametrize("code, reason, message, event, asked", [
    (422, "Invalid", "spec.ports[1].name: Duplicate value", "failed", ["PATCH", "GET"]),
    (409, "Conflict", "modified", "retry", ["PATCH", "PATCH", "GET"]),
    (500, "InternalError", ".spec.x: field not declared in schema", "failed", ["PATCH", "GET"]),
])
def test_a_refusal_is_told_as_it_was_when_there_is_nothing_to_take_over(
        fake, role, code, reason, message, event, asked):
    role.connect()
    fake.answers[PATH] = by_method(fake, GET=APPLIED, PATCH=status(code, message, reason))
    told = role.apply(CONFIG_MAP)
    assert (told["event"], told["status"]) == (event, code), told
    assert message in told["message"]
    assert methods(fake) == asked


def test_a_refusal_is_tried_again_with_what_kubectl_had_taken_over(fake, role):
    role.connect()
    taken = []
    fake.answers[PATH] = by_method(
        fake, GET=edited(), JSON=lambda patch: taken.append(patch) or APPLIED,
        PATCH=lambda _: APPLIED if taken else status(422, "Duplicate value", "Invalid"))
    event = role.apply(CONFIG_MAP)
    assert (event["event"], event["outcome"]) == ("done", "configured"), event
    assert [entry["manager"] for entry in taken[0][1]["value"]] == ["limpet"]
    assert methods(fake) == ["PATCH", "GET", "JSON", "PATCH"]


def test_managed_fields_of_a_megabyte_are_taken_over(fake, role):
    role.connect()
    large = edited()
    large["metadata"]["managedFields"][1] = {
        **large["metadata"]["managedFields"][1],
        "fieldsV1": {"f:data": {f"f:{i:x}": {} for i in range(80000)}}}
    assert len(json.dumps(large)) > 1 << 20
    fake.answers[PATH] = by_method(fake, GET=large, JSON=APPLIED, PATCH=APPLIED)
    event = role.apply(CONFIG_MAP, how="look")
    assert (event["event"], event["outcome"]) == ("done", "configured"), event
    assert event["manager"] == "kubectl-edit"


@pytest.mark.parametrize("fields", [
    "[1]", '{"a": 1}', '[{"a": 1, "a": 2}]', '"', '[{"fieldsV1": ' + '{"f:a":' * 200])
def test_broken_managed_fields_are_told_and_nothing_is_written(fake, role, fields):
    role.connect()
    fake.answers[PATH] = ('{"metadata": {"name": "till", "uid": "u-1", "resourceVersion": "7", '
                          f'"managedFields": {fields}}}}}')
    event = role.apply(CONFIG_MAP, how="look")
    assert event["event"] in ("failed", "retry"), event
    assert set(methods(fake)) == {"GET"}


def test_a_refusal_is_told_as_it_was_when_we_may_not_look(fake, role):
    role.connect()
    fake.answers[PATH] = by_method(fake, GET=status(403, "forbidden", "Forbidden"),
                                   PATCH=status(422, "Duplicate value", "Invalid"))
    event = role.apply(CONFIG_MAP)
    assert (event["event"], event["status"]) == ("failed", 422), event
    event = role.apply(CONFIG_MAP, how="look")
    assert (event["event"], event["code"], event["status"]) == ("failed", "config", 403), event
    assert "needs the verbs get, patch and create" in event["message"]


# --- what is made anew ------------------------------------------------------------------


ASKS = {**CONFIG_MAP, "metadata": {**CONFIG_MAP["metadata"],
                                   "annotations": {"limpet.dev/recreate": "enabled"}}}
FIXED = status(422, 'ConfigMap "till" is invalid', "Invalid", causes=[
    {"reason": "FieldValueForbidden", "field": "data",
     "message": "Forbidden: field is immutable when `immutable` is set"}])
NOT_FOUND = status(404, "not found", "NotFound", name="till", kind="configmaps")


def labelled(fake, role):
    """A function that makes our object of a uid and a version, as a GET answers it."""
    role.connect()
    fake.answers[PATH] = APPLIED
    role.apply(ASKS)
    labels = json.loads(fake.requests[-1][3])["metadata"]["labels"]
    fake.requests.clear()

    def live(uid="u-1", version="7", **more):
        return {**APPLIED, "metadata": {**APPLIED["metadata"], "uid": uid, "labels": labels,
                                        "resourceVersion": version, **more}}
    return live


def in_turn(fake, *answers):
    """Each answer once; each names its method, which must be asked for."""
    def answer(asked):
        method, what = answers[asked]
        assert fake.requests[-1][0] == method, (asked, methods(fake))
        return what
    fake.answers[PATH] = answer


def made(version="9"):
    return 201, {**APPLIED, "metadata": {**APPLIED["metadata"], "uid": "u-2",
                                         "resourceVersion": version}}, {}


def test_what_is_deleted_is_exactly_what_was_looked_at(fake, role):
    """Somebody writes between the look and the delete; the object takes its time to go."""
    live = labelled(fake, role)
    in_turn(fake, ("PATCH", FIXED), ("GET", live()), ("GET", live()),
            ("DELETE", status(409, "changed", "Conflict")), ("GET", live(version="8")),
            ("DELETE", live(version="8")), ("GET", live(deletionTimestamp="2026-11-21T08:00:00Z")),
            ("GET", NOT_FOUND), ("PATCH", made()))

    event = role.apply(ASKS)

    assert (event["event"], event["outcome"], event["uid"]) == ("done", "created", "u-2"), event
    assert [e["event"] for e in event["told"]] == ["deleted"]
    assert [json.loads(body) for method, _, _, body in fake.requests if method == "DELETE"] == [
        {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background",
         "preconditions": {"uid": "u-1", "resourceVersion": version}} for version in "78"]


def test_what_somebody_made_meanwhile_is_not_deleted_again(fake, role):
    live = labelled(fake, role)
    in_turn(fake, ("PATCH", FIXED), ("GET", live()), ("GET", live()), ("DELETE", live()),
            ("GET", live(uid="u-9")), ("PATCH", FIXED))

    event = role.apply(ASKS)

    assert (event["event"], event["status"]) == ("failed", 422), event
    assert methods(fake).count("DELETE") == 1


def test_without_the_right_to_delete_the_refusal_says_so(fake, role):
    live = labelled(fake, role)
    in_turn(fake, ("PATCH", FIXED), ("GET", live()), ("GET", live()),
            ("DELETE", status(403, "forbidden", "Forbidden")))

    event = role.apply(ASKS)

    assert (event["event"], event["code"], event["status"]) == ("failed", "rejected", 422), event
    assert "needs the verb delete" in event["message"] and not event["told"]


def test_others_who_keep_writing_are_given_way(fake, role):
    live = labelled(fake, role)
    fake.answers[PATH] = by_method(fake, PATCH=FIXED, GET=live(),
                                   DELETE=status(409, "changed", "Conflict"))

    event = role.apply(ASKS)

    assert event["event"] == "retry", event
    assert methods(fake).count("DELETE") == limit("LP_LOOKS_MAX") and not event["told"]


def test_a_dry_run_and_a_manifest_that_does_not_ask_delete_nothing(fake, role):
    live = labelled(fake, role)
    fake.answers[PATH] = by_method(fake, PATCH=FIXED, GET=live(), DELETE=live())

    event = role.apply(ASKS, how="dry")
    assert event["event"] == "failed", event
    live_asks = live(annotations=ASKS["metadata"]["annotations"])
    fake.answers[PATH] = by_method(fake, PATCH=FIXED, GET=live_asks, DELETE=live_asks)
    event = role.apply(CONFIG_MAP)
    assert event["event"] == "failed" and "limpet.dev/recreate: enabled" in event["message"], event

    assert "DELETE" not in methods(fake)


@pytest.mark.parametrize("labels, owner, causes, says", [
    ({"labels": {"applyset.kubernetes.io/part-of": "another"}}, OURS, [], "it is not ours"),
    ({}, {**OURS, "manager": "operator"}, [], "nothing in it says that limpet has applied it"),
    ({}, OURS, [{"reason": "FieldValueInvalid", "message": "Invalid value: 1: must be 2"}], "must be 2"),
], ids=["the label of another", "managed by another", "a mistake besides"])
def test_neither_a_strangers_object_nor_one_with_a_mistake_is_deleted(
        fake, role, labels, owner, causes, says):
    live = labelled(fake, role)(**labels, managedFields=[owner])
    refusal = json.loads(json.dumps(FIXED[1]))
    refusal["details"]["causes"] += causes
    fake.answers[PATH] = by_method(fake, PATCH=(422, refusal, {}), GET=live, DELETE=live)

    event = role.apply(ASKS)

    assert (event["event"], event["status"]) == ("failed", 422), event
    assert says in event["message"] and "DELETE" not in methods(fake)


def autoscaled(live):
    """An object whose replicas are ours and an autoscaler's, and one made anew, where only ours."""
    ours = {**OURS, "fieldsV1": {"f:spec": {"f:replicas": {}}}}
    scales = {**OURS, "manager": "kube-controller-manager", "operation": "Update",
              "subresource": "scale"}
    return live(managedFields=[ours, scales]), live(uid="u-2", managedFields=[ours])


def test_what_an_autoscaler_has_is_handed_over_anew_also_when_somebody_writes(fake, role):
    live = labelled(fake, role)
    seen, anew = autoscaled(live)
    gets = [seen, seen, NOT_FOUND, anew]
    rewrites = [seen, status(409, "changed", "Conflict"), anew]
    applies = [FIXED, (201, anew, {})]
    fake.answers[PATH] = by_method(
        fake, GET=lambda _: gets.pop(0), JSON=lambda _: rewrites.pop(0),
        PATCH=lambda _: applies.pop(0), DELETE=live())

    event = role.apply({**ASKS, "spec": {"replicas": 2}}, how="look")

    assert (event["event"], event["outcome"]) == ("done", "created"), (event, methods(fake))
    assert not gets and not rewrites
    sent = [json.loads(body).get("spec") for method, body in zip(
        methods(fake), (body for _, path, _, body in fake.requests if path == PATH), strict=True)
            if method == "PATCH"]
    assert sent == [None, {"replicas": 2}], "all of it when it is made"


def test_an_object_that_goes_between_look_and_apply_is_made_whole(fake, role):
    live = labelled(fake, role)
    seen, anew = autoscaled(live)
    applies = [(201, live(uid="u-2"), {}), anew]
    fake.answers[PATH] = by_method(fake, GET=seen, JSON=lambda _: seen if applies else anew,
                                   PATCH=lambda _: applies.pop(0))

    event = role.apply({**CONFIG_MAP, "spec": {"replicas": 2}}, how="look")

    assert (event["event"], event["outcome"]) == ("done", "created"), (event, methods(fake))
    assert methods(fake) == ["GET", "JSON", "PATCH", "PATCH", "JSON"], methods(fake)
    spec = [json.loads(body).get("spec") for _, path, _, body in fake.requests
            if path == PATH and body[:1] == b"{"]
    assert spec == [None, {"replicas": 2}]


def test_an_object_of_which_nothing_is_left_out_is_told_as_created_when_it_went(fake, role):
    live = labelled(fake, role)
    fake.answers[PATH] = by_method(fake, GET=live(), PATCH=(201, live(uid="u-2"), {}))
    event = role.apply(CONFIG_MAP, how="look")
    assert (event["event"], event["outcome"]) == ("done", "created"), event
