# SPDX-License-Identifier: Apache-2.0
"""The watches of the cluster role against a server that answers what no real one can be made to
answer: busy, broken and hostile."""

import json
import time

import pytest

from support.clusterrole import ClusterRole
from support.fakewatch import FakeWatch, bookmark, failure, thing
from support.limits import limit
from support.waiting import always, wait_until

MAPS, SECRETS = "/api/v1/configmaps", "/api/v1/secrets"


@pytest.fixture
def fake(tmp_path):
    """A FakeWatch."""
    with FakeWatch(tmp_path) as fake:
        yield fake


@pytest.fixture
def role(fake):
    """A connected role."""
    with ClusterRole(fake.kubeconfig, "site", request_ms=5000) as role:
        assert role.connect()["event"] == "done"
        yield role


def test_another_order_ends_what_it_does_not_name_and_keeps_what_it_does(fake, role):
    role.watch("ConfigMap", "Secret", timeout_ms=3000)
    role.wait_seen(sighting="end", kind="ConfigMap")
    role.wait_seen(sighting="end", kind="Secret")
    maps, secrets = len(fake.of(MAPS)), len(fake.of(SECRETS))
    mark = role.watch("Secret", timeout_ms=3000)
    wait_until(lambda: len(fake.of(SECRETS)) == secrets + 2, "two renewals")

    assert len(fake.of(MAPS)) == maps, "it is not watched any more"
    assert not any(a.fills for a in fake.of(SECRETS)[secrets:]) and not role.seen(mark), "it went on"


def test_orders_of_other_kinds_again_and_again_need_no_more_room(role):
    most = limit("LP_WATCHES_MAX")
    for n in range(4):
        role.watch(*(f"Kind{n}.g{i}.example" for i in range(most - 1)), "Secret")
    role.wait_seen(sighting="end", kind="Secret")
    assert role.connect()["event"] == "done"


def once(script, then=lambda asked: asked.peace()):
    """A script for the first request; the others are answered in peace."""
    return lambda asked: (script if asked.number == 1 else then)(asked)


# --- how a watch begins and goes on -----------------------------------------------------


def test_a_watch_begins_with_what_is_there_and_goes_on_where_it_ended(fake, role):
    def script(asked):
        if asked.number > 2:
            return asked.peace()
        if asked.fills:
            asked.fill(thing("a", 7), thing("b", 8), version=100)
        else:
            asked.begin()
            asked.event("DELETED", thing("b", 110))
        asked.event("MODIFIED", thing("a", 100 + asked.number))
        asked.event("BOOKMARK", bookmark(120 + asked.number))
        asked.hold(1.1)
        return asked.end()

    fake.scripts[MAPS] = script
    role.watch("ConfigMap", timeout_ms=60000)
    wait_until(lambda: len(fake.of()) == 3, "two renewals")
    assert [s["sighting"] for s in role.sightings] == [
        "begin", "there", "there", "end", "there", "gone", "there"]
    assert [a.query.get("resourceVersion") for a in fake.of()] == [None, "121", "122"]
    assert all(48 <= int(a.query["timeoutSeconds"]) <= 60 for a in fake.of())
    assert role.seen(sighting="end")[0]["live"]["version"] == "100"


@pytest.mark.parametrize("kinds", [("ConfigMap",), ("ConfigMap", "Secret")])
def test_a_server_that_cannot_fill_a_watch_is_listed(fake, role, kinds):
    def script(asked):
        if asked.fills:
            return asked.answer(422, failure(422, "sendInitialEvents is forbidden"))
        return asked.peace()

    fake.objects = [thing("a", 7)]
    fake.scripts = {MAPS: script, SECRETS: script}
    role.watch(*kinds)
    for kind in kinds:
        role.wait_seen(sighting="end", kind=kind)
        role.wait_seen(sighting="there", kind=kind)
    wait_until(lambda: all(a.watches and not a.fills for a in (fake.of()[-1],)), "a watch")
    assert not role.seen(sighting="lost")
    assert int(fake.of()[1].query["limit"]) == limit("LP_WATCH_PAGE_OBJECTS")


def test_a_store_that_cannot_tell_its_progress_is_listed(fake, role):
    def script(asked):
        if asked.fills:
            asked.begin()
            asked.event("ERROR", failure(500, "RequestWatchProgress is disabled"))
            return asked.end()
        return asked.peace()

    fake.scripts[MAPS] = script
    role.watch("ConfigMap")
    role.wait_seen(sighting="end")
    assert not role.seen(sighting="lost")


@pytest.mark.parametrize("lists", [False, True], ids=["filled", "listed"])
def test_an_object_with_a_name_that_we_do_not_take_hides_no_other(fake, role, lists):
    """RBAC allows nearly any name, and anybody may copy our label."""
    odd = [thing("a b", 7, uid="u-1"), thing("n" * 300, 8, uid="u-2"), thing("..", 9), thing("b", 10)]

    def script(asked):
        if asked.fills and not lists:
            asked.fill(*odd, version=100)
        elif asked.fills:
            return asked.answer(422, failure(422))
        elif not asked.watches:
            return asked.list(*odd)
        else:
            asked.begin()
        for n in range(3):
            asked.event("MODIFIED", thing("a b\n", 110 + n, uid="u-3"))
        asked.event("MODIFIED", thing("c", 120))
        return asked.hold()

    fake.scripts[MAPS] = script
    role.watch("ConfigMap", timeout_ms=60000)
    role.wait_seen(sighting="there", name="c")

    assert [s["key"]["name"] for s in role.seen(sighting="there")] == ["b", "c"]
    assert not role.seen(sighting="lost") and len(fake.of()) == (3 if lists else 1)


def test_a_watch_that_never_comes_to_the_end_of_what_is_there_is_listed(fake):
    def script(asked):
        if not asked.fills:
            return asked.peace()
        asked.begin()
        while not fake.ended.wait(0.2):
            asked.event("BOOKMARK", bookmark(100))

    fake.scripts[MAPS] = script
    with ClusterRole(fake.kubeconfig, "site", request_ms=1500) as role:
        role.connect()
        role.watch("ConfigMap")
        role.wait_seen(sighting="end")
        wait_until(lambda: [a.fills for a in fake.of()] == [True, False, False], "the next watch")


def test_a_list_goes_on_page_by_page_and_no_further_than_its_limit(fake, role):
    def script(asked):
        if asked.fills:
            return asked.answer(422, failure(422))
        return asked.list(thing(f"a-{asked.number}", 7), **{"continue": f"p{asked.number}/+="})

    fake.scripts[MAPS] = script
    role.watch("ConfigMap")
    lost = role.wait_seen(sighting="lost")
    assert "does not end" in lost["message"]
    assert len(role.seen(sighting="there")) == limit("LP_WATCH_PAGES") == len(fake.of()) - 1
    assert fake.of()[2].query["continue"] == "p2/+="
    always(lambda: len(fake.of()) == limit("LP_WATCH_PAGES") + 1, "it is left alone", 1)


# --- what is refused --------------------------------------------------------------------


def test_history_that_is_gone_is_told_and_listed(fake, role):
    def stream(asked):
        if asked.number == 3:
            return asked.peace()
        asked.fill(thing("a", 7))
        if asked.number == 1:
            asked.event("ERROR", failure(410, "too old resource version", "Expired"))
        asked.hold(1.1)
        return asked.end()

    fake.scripts[MAPS] = stream
    role.watch("ConfigMap")
    role.wait_seen(sighting="end", count=2)
    assert [s["sighting"] for s in role.sightings] == [
        "begin", "there", "end", "lost", "back", "begin", "there", "end"]


def test_an_answer_410_to_a_renewal_is_told_and_listed(fake, role):
    def script(asked):
        if asked.number == 2:
            return asked.answer(410, failure(410, "too old", "Expired"))
        if asked.number > 2:
            return asked.peace()
        asked.fill(thing("a", 7))
        asked.hold(1.1)
        return asked.end()

    fake.scripts[MAPS] = script
    role.watch("ConfigMap")
    role.wait_seen(sighting="end", count=2)
    assert len(role.seen(sighting="back")) == 1
    assert [a.fills for a in fake.of()] == [True, False, True]


def test_a_version_that_the_server_has_not_reached_is_listed(fake, role):
    def script(asked):
        if asked.number == 2:
            return asked.answer(504, failure(504, "Too large resource version: 100", "Timeout"),
                                Retry_After="1")
        if asked.number > 2:
            fake.version = 50
            return asked.peace()
        asked.fill(thing("a", 7))
        asked.hold(1.1)
        return asked.end()

    fake.scripts[MAPS] = script
    role.watch("ConfigMap")
    role.wait_seen(sighting="end", count=2)
    assert fake.of()[2].at - fake.of()[1].at >= 1.0
    assert [s["sighting"] for s in role.sightings][3:] == ["lost", "begin", "back", "end"]


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_server_is_asked_when_it_says(fake, role, status):
    fake.scripts[MAPS] = once(
        lambda asked: asked.answer(status, failure(status, "busy"), Retry_After="2"))
    role.watch("ConfigMap")
    role.wait_seen(sighting="end")
    first, second = fake.of()
    assert 2.0 <= second.at - first.at < 3.0
    assert role.seen(sighting="lost", status=status)[0]["message"].startswith("busy")


def test_another_credential_is_used_as_soon_as_it_is_there(fake, role):
    def script(asked):
        if asked.bearer != "Bearer new":
            return asked.answer(401, failure(401, "Unauthorized"))
        return asked.peace()

    fake.scripts[MAPS] = script
    role.watch("ConfigMap")
    role.wait_seen(sighting="lost", status=401)
    always(lambda: len(fake.of()) == 1, "it is not asked with the same again", 2.5)
    fake.credential("new")
    role.wait_seen(sighting="end", timeout=5)
    assert len(fake.of()) == 2


@pytest.mark.parametrize("status", [403, 404, 406])
def test_what_only_a_person_mends_is_told_and_left_alone(fake, role, status):
    fake.scripts[MAPS] = lambda asked: asked.answer(status, failure(status, "you must not"))
    role.watch("ConfigMap")
    assert "you must not" in role.wait_seen(sighting="lost", status=status)["message"]
    always(lambda: len(fake.of()) == 1, "it is left alone", 1.5)
    assert len(role.seen(sighting="lost")) == 1


def test_a_kind_that_was_not_served_is_watched_once_discovery_finds_it(fake, role):
    fake.scripts[MAPS] = once(lambda asked: asked.answer(404, b"404 page not found\n"))
    role.watch("ConfigMap", "Till.shop.example")
    role.wait_seen(sighting="lost", kind="ConfigMap", status=404)
    role.wait_seen(sighting="lost", kind="Till", status=404)
    role.connect()
    role.wait_seen(sighting="end", kind="ConfigMap")
    assert len(role.seen(sighting="lost", kind="Till")) == 1


# --- what is broken ---------------------------------------------------------------------


def broken(data=b"", *, cut=True):
    """A stream that is well, and then is not."""
    def script(asked):
        asked.fill(thing("a", 7))
        if data:
            asked.raw(data)
        if cut:
            return asked.cut()
        return asked.hold()
    return script


@pytest.mark.parametrize("data", [
    b"", b'{"type":"MODIFIED","object":{"metadata":{"name":"a"', b"<html>", b"[]\n",
    json.dumps({"type": "MODIFIED", "object": {"metadata": {"namespace": "x"}}}).encode(),
    json.dumps({"type": "MODIFIED", "object": thing("a/../b", 9)}).encode(),
    json.dumps({"type": "SURPRISE", "object": thing("a", 9)}).encode(),
], ids=["nothing", "half", "html", "array", "nameless", "bad name", "type"])
def test_a_stream_that_breaks_is_told_and_listed(fake, role, data):
    fake.scripts[MAPS] = once(broken(data))
    role.watch("ConfigMap")
    role.wait_seen(sighting="end", count=2)
    assert [s["sighting"] for s in role.sightings][:4] == ["begin", "there", "end", "lost"]
    assert fake.of()[1].fills and not role.seen(sighting="back")


def test_a_server_that_ends_every_watch_at_once_is_asked_less_and_less(fake, role):
    def script(asked):
        asked.fill(thing("a", 7))
        asked.end()

    fake.scripts[MAPS] = script
    role.watch("ConfigMap")
    time.sleep(5)
    assert 3 <= len(fake.of()) <= 6


def high_water(role):
    with open(f"/proc/{role.pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM"))


def test_an_event_that_never_ends_is_cut_off_and_never_kept(fake, role):
    size = limit("LP_STREAM_EVENT_BYTES")

    def endless(asked):
        asked.fill(thing("a", 7))
        asked.raw(b'{"type":"MODIFIED","object":{"metadata":{"annotations":{"a":"')
        for _ in range(size // 65536 + 2):
            asked.raw(b"x" * 65536)
        asked.hold()

    before = high_water(role)
    fake.scripts[MAPS] = once(endless)
    role.watch("ConfigMap")
    role.wait_seen(sighting="end", count=2)
    assert str(size) in role.seen(sighting="lost")[0]["message"]
    assert high_water(role) - before < 1024


def test_a_large_object_flows_by(fake, role):
    entry = {"manager": "other", "operation": "Update", "apiVersion": "v1",
             "time": "2026-11-21T08:00:00Z", "fieldsType": "FieldsV1",
             "fieldsV1": {f"f:{i}": {"f:x": {}} for i in range(60000)}}
    fake.objects = [thing("a", 7, managedFields=[entry], annotations={"a": "x" * 250000})]
    assert len(json.dumps(fake.objects)) > 1 << 20
    before = high_water(role)
    role.watch("ConfigMap")
    role.wait_seen(sighting="end")
    assert role.seen(sighting="there")[0]["manager"] == "other"
    assert high_water(role) - before < 1024


def test_events_out_of_order_are_told_as_they_come(fake, role):
    def script(asked):
        asked.fill(thing("a", 7))
        for version in (130, 110, 120):
            asked.event("MODIFIED", thing("a", version))
        asked.event("ADDED", thing("a", 110))
        asked.hold()

    fake.scripts[MAPS] = script
    role.watch("ConfigMap")
    role.wait_seen(sighting="there", count=5)
    assert [s["live"]["version"] for s in role.seen(sighting="there")] == [
        "7", "130", "110", "120", "110"]
    assert not role.seen(sighting="lost")


def test_a_bookmark_with_other_annotations_ends_nothing(fake, role):
    def script(asked):
        asked.begin()
        item = bookmark(90)
        item["metadata"]["annotations"] = {"k8s.io/initial-events-end": "false", "x": "true"}
        asked.event("BOOKMARK", item)
        asked.event("ADDED", thing("a", 7))
        asked.event("BOOKMARK", bookmark(100, end=True))
        asked.hold()

    fake.scripts[MAPS] = script
    role.watch("ConfigMap")
    role.wait_seen(sighting="end")
    assert [s["sighting"] for s in role.sightings] == ["begin", "there", "end"]


def test_a_watch_that_falls_silent_is_listed(fake, role):
    fake.scripts[MAPS] = lambda asked: (asked.fill(thing("a", 7)), asked.hold())
    role.watch("ConfigMap", silence_ms=1500)
    lost = role.wait_seen(sighting="lost")
    assert "no word" in lost["message"]
    role.wait_seen(sighting="end", count=2)
    assert fake.of()[1].at - fake.of()[0].at >= 1.5


def test_a_reader_that_waits_is_waited_for_with_little_memory(fake):
    count = 50 * limit("LP_SIGHTINGS_BYTES") // 250

    def script(asked):
        asked.begin()
        for n in range(count):
            asked.event("ADDED", thing(f"a-{n}", 7))
        asked.event("BOOKMARK", bookmark(100, end=True))
        asked.hold()

    fake.scripts[MAPS] = script
    with ClusterRole(fake.kubeconfig, "site", request_ms=3000) as role:
        role.connect()
        before = high_water(role)
        role.pause(4000)
        role.watch("ConfigMap")
        role.wait_seen(sighting="end")
        assert high_water(role) - before < 1024
    assert len(role.seen(sighting="there")) == count
    assert not role.seen(sighting="lost") and len(fake.of()) == 1, "its own time is not counted"
