# SPDX-License-Identifier: Apache-2.0
"""`limpet events`: what happened on a device, in its order, with a daemon and without."""

import json
import signal
import sqlite3
import time
from contextlib import closing

import pytest

from support.sitefiles import small_site
from support.told import source, wait_applied, wait_idle, wait_refused
from support.waiting import always, wait_until


def small(site, version="1"):
    return small_site(site.prefix, version=version)


def events(site, *words):
    """The events as `-o json` tells them, without what depends on how fast a cluster starts."""
    return [event for event in site.limpet.json("events", *words)["events"]
            if not event["kind"].startswith("api-server")]


def kinds(site, *words):
    return [event["kind"] for event in events(site, *words)]


@pytest.fixture
def device(site):
    """A site whose daemon has applied a commit and rests."""
    site.first = site.repo.publish(small(site), "Version 1")
    site.limpet.start()
    wait_applied(site, site.first)
    wait_idle(site)
    return site


def follow(site, *words):
    """`limpet events -f -o json` in the background; calls give its events so far."""
    process = site.limpet.begin("events", "-f", "-o", "json", *words)

    def seen():
        lines = process.log_text().split("\n")[:-1]
        return [json.loads(line) for line in lines if line.startswith("{")]

    return process, seen


def test_a_push_is_accepted_and_applied(device):
    accepted, applied = events(device)

    assert (accepted["kind"], applied["kind"]) == ("accepted", "applied")
    assert accepted["by"] == device.key.principal
    assert accepted["message"] == f"{device.first[:12]}: Version 1"
    assert accepted["revision"] == applied["revision"] == 1
    assert applied["message"].startswith(f"{device.first[:12]}: ")
    assert accepted["id"] < applied["id"] and accepted["count"] == applied["count"] == 1
    assert accepted["source"] == "site" and accepted["at"] == accepted["last"]
    assert time.strptime(accepted["at"], "%Y-%m-%dT%H:%M:%SZ")


def test_each_transition_is_one_event_and_they_are_in_their_order(device):
    refused = device.repo.publish(small(device, "evil"), sign=False)
    wait_refused(device, refused)
    device.repo.reset(device.first)
    device.repo.remove(next(name for name in small(device) if "till-1" in device.repo.read(name)))
    second = device.repo.publish({}, "Version 2")
    wait_applied(device, second)
    device.limpet.ok("rollback")
    wait_applied(device, device.first)
    device.limpet.ok("resume")
    wait_applied(device, second)
    device.limpet.ok("suspend")
    device.limpet.ok("suspend")
    device.limpet.ok("resume")
    wait_idle(device)

    told = events(device)
    pruned = [event for event in told if event["kind"] == "pruned"]
    rest = [event for event in told if event["kind"] != "pruned"]
    assert [event["kind"] for event in rest] == [
        "accepted", "applied", "refused", "accepted", "applied", "rolled-back", "applied",
        "resumed", "applied", "suspended", "resumed"]
    assert len(pruned) == 2 and all("till-1" in event["object"] for event in pruned)
    assert rest[2]["message"].startswith(f"{refused[:12]}: unsigned: ")
    assert rest[5]["message"] == f"to {device.first[:12]}: Version 1"
    assert (rest[7]["message"], rest[10]["message"]) == (
        "the pin is ended", "the suspension is ended")
    assert [event["id"] for event in told] == sorted(event["id"] for event in told)

    lines = device.limpet.ok("events").out.splitlines()
    assert lines[0].split() == ["TIME", "KIND", "REV", "OBJECT", "MESSAGE"]
    assert [line.split()[1] for line in lines[1:] if "api-server" not in line] == [
        event["kind"] for event in told]
    assert any(line.split()[1] == "accepted" and device.key.principal in line for line in lines)

    device.limpet.kill()
    assert events(device) == told, "the store alone tells the same"
    assert device.limpet.ok("events").out.splitlines() == lines


def test_a_refused_tip_that_is_judged_again_raises_its_count(device):
    refused = device.repo.publish(small(device, "evil"), sign=False)
    wait_refused(device, refused)
    for _ in range(3):
        assert device.limpet.run("sync").code == 1

    wait_idle(device)
    last = events(device)[-1]
    # a poll that was under way judges it, too
    assert last["kind"] == "refused" and last["count"] >= 4 and last["last"] >= last["at"]
    assert f"({last['count']} times, last " in device.limpet.ok("events").out
    before = kinds(device)
    device.limpet.stop()        # writes what was held
    assert events(device)[-1] == last
    device.limpet.start()
    wait_idle(device)
    assert kinds(device) == before, "a restart that changes nothing is no event"


def test_what_was_not_written_of_a_count_is_all_that_a_kill_loses(device):
    refused = device.repo.publish(small(device, "evil"), sign=False)
    wait_refused(device, refused)
    device.limpet.run("sync")
    before = events(device)
    device.limpet.kill()

    after = events(device)

    assert [event["id"] for event in after] == [event["id"] for event in before]
    assert before[-1]["count"] >= 2 and after[-1]["count"] == 1


def test_a_kill_in_the_middle_of_a_prune_loses_and_doubles_no_event(device):
    pile = {f"pile/{i}.yaml": "apiVersion: v1\nkind: ConfigMap\n"
                              f"metadata: {{name: pile-{i}}}\n" for i in range(100)}
    second = device.repo.publish(pile, "Pile up")
    wait_applied(device, second)
    device.repo.remove("pile")
    third = device.repo.publish({}, "Clear up")
    wait_until(lambda: device.limpet.log().count("event=pruned") > 3, "the prune", 20, 0.002)
    device.limpet.kill()
    assert device.limpet.log().count("event=applied") == 2, "in the middle"

    device.limpet.start()
    wait_applied(device, third)
    wait_idle(device)

    told = events(device, "-n", "1000")
    pruned = [event["object"].rpartition("/")[2] for event in told if event["kind"] == "pruned"]
    assert sorted(pruned) == sorted(f"pile-{i}" for i in range(100))
    assert [event["kind"] for event in told if event["kind"] != "pruned"] == 3 * [
        "accepted", "applied"]
    assert all(event["count"] == 1 for event in told)


def test_an_idle_device_has_no_events_and_writes_none(device):
    device.limpet.config["cluster"]["reconcile"] = "1s"
    device.limpet.write_config()
    device.limpet.daemon.signal(signal.SIGHUP)
    device.limpet.wait_log("event=reloaded")
    before = device.limpet.json("events")

    always(lambda: device.limpet.json("events") == before, "no event", 4)

    assert device.limpet.log().count("event=applied") > 2, "it was applied again meanwhile"


def test_follow_shows_what_happens_and_ends_on_an_interrupt(device):
    process, seen = follow(device, "-n", "1")
    wait_until(lambda: len(seen()) == 1, "the newest one")
    assert seen()[0]["kind"] == "applied"

    device.limpet.ok("suspend")

    wait_until(lambda: [event["kind"] for event in seen()] == ["applied", "suspended"],
               "the suspension", 2, 0.05)
    process.signal(signal.SIGINT)
    assert process.wait(5) == 0
    assert len(process.log_text().splitlines()) == 2, "no word but the events"


def test_follow_goes_on_over_a_restart_of_the_daemon_and_without_one(device):
    process, seen = follow(device, "-n", "0")
    time.sleep(0.5)
    device.limpet.ok("suspend")
    wait_until(lambda: len(seen()) == 1, "the suspension")
    device.limpet.kill()

    device.limpet.ok("resume")          # without a daemon, into the store
    wait_until(lambda: len(seen()) == 2, "the end of the suspension", 5)
    device.limpet.start()
    wait_idle(device)
    time.sleep(1.5)
    device.limpet.ok("suspend")
    wait_until(lambda: len(seen()) == 3, "the second suspension", 5)

    assert [event["kind"] for event in seen()] == ["suspended", "resumed", "suspended"]
    process.signal(signal.SIGTERM)
    assert process.wait(5) == 0


def test_follow_prints_a_table_too(device):
    process = device.limpet.begin("events", "--follow")
    wait_until(lambda: "applied" in process.log_text(), "the first lines")
    device.limpet.ok("suspend")
    wait_until(lambda: "  suspended  " in process.log_text(), "the suspension", 2, 0.05)
    process.signal(signal.SIGINT)
    assert process.wait(5) == 0 and process.log_text().startswith("TIME ")


def test_since_and_lines_and_source_choose(device):
    told = events(device)
    assert kinds(device, "-n", "1") == ["applied"]
    assert kinds(device, "-n", "0") == []
    assert events(device, "--since", "1h") == events(device, "--since", "2020-01-01") == told
    assert events(device, "--since", told[0]["at"]) == told
    assert kinds(device, "--since", "1h", "-n", "1") == ["applied"]
    assert kinds(device, "--since", "2037-01-01T00:00:00Z") == []
    assert events(device, "--source", "site") == told and events(device, "--source", "x") == []
    time.sleep(2.1)
    assert kinds(device, "--since", "1s") == []
    device.limpet.ok("suspend")
    assert kinds(device, "--since", "1s") == ["suspended"]
    device.limpet.kill()
    assert kinds(device, "--since", "1h", "-n", "1") == ["suspended"]
    assert kinds(device, "--source", "x") == []


@pytest.mark.parametrize("words, said", [
    (("-n", "many"), "a number from 0 to 1000"),
    (("-n", "1001"), "a number from 0 to 1000"),
    (("--since", "yesterday"), "30m"),
    (("now",), '"now"'),
])
def test_a_wrong_word_is_refused_with_what_was_expected(site, words, said):
    result = site.limpet.run("events", *words)
    assert result.code == 2 and said in result.err and result.out == ""


def test_a_device_that_never_ran_has_nothing_to_tell(site):
    result = site.limpet.run("events")
    assert result.code == 2 and "limpet did not run here" in result.err and result.out == ""


def test_a_store_that_had_to_be_made_anew_says_so_first(device):
    device.limpet.stop()
    (device.limpet.state_dir / "limpet.db").write_bytes(b"no database" * 1000)

    device.limpet.start()
    wait_applied(device, device.first)

    told = events(device)
    assert [event["kind"] for event in told] == ["store-lost", "accepted", "applied"]
    assert (told[0]["id"], told[0]["source"]) == (1, "site") and "damaged" in told[0]["message"]


def test_status_tells_what_was_healed_last(device):
    assert source(device.limpet.status())["drift"]["lastHeal"] is None
    device.limpet.stop()
    with closing(sqlite3.connect(device.limpet.state_dir / "limpet.db")) as db:
        db.execute("INSERT INTO happening (source, at_s, last_s, count, kind, object, revision,"
                   " by_whom, message) VALUES ('site', 1795255200, 1795255260, 2, 2,"
                   " 'ConfigMap shop/till', 1, 'kubectl-edit', '.data')")
        db.commit()
    told = {"lastHeal": "2026-11-21T10:01:00Z", "lastHealed": "ConfigMap shop/till"}
    assert told.items() <= source(device.limpet.status())["drift"].items()
    device.limpet.start()
    assert told.items() <= source(wait_idle(device))["drift"].items()
    assert "last 2026-11-21T10:01:00Z" in device.limpet.run("status").out


def test_an_api_server_that_goes_away_and_comes_back_is_told_once_each(site_on_own_cluster):
    site = site_on_own_cluster
    site.limpet.config["cluster"]["reconcile"] = "1s"
    site.limpet.write_config()
    commit = site.repo.publish(small(site))
    site.limpet.start()
    wait_applied(site, commit)
    wait_idle(site)
    before = site.limpet.json("events")["events"][-1]["id"]

    def told():
        return [event["kind"] for event in site.limpet.json("events")["events"]
                if event["id"] > before]

    site.cluster.stop_apiserver(hard=True)
    wait_until(lambda: told() == ["api-server-away"], "the API server to be away")
    always(lambda: told() == ["api-server-away"], "no event for each try", 5)
    site.cluster.start_apiserver()
    wait_until(lambda: told() == ["api-server-away", "api-server-back"], "it to be back", 90)
    assert source(site.limpet.status())["applied"]["commit"] == commit
