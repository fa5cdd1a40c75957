# SPDX-License-Identifier: Apache-2.0
"""A branch that is held back, or simply quiet: what runs goes on running, and the device says how
old it is, by the time that it knows to have passed."""

import datetime
import re
import sqlite3
import time
from contextlib import closing

import pytest

from support.attack import accepted, begin, good, publish, refused, trust
from support.fakeclock import DAY, FakeClock
from support.siterepo import write_allowed_signers
from support.told import nothing_changes, source, wait_applied, wait_idle, wait_refused

VERDICTS = {"accepted", "unsigned", "unknown-signer", "bad-signature", "expired-key",
            "not-yet-valid-key", "revoked-key", "unsupported-key", "malformed", "rollback",
            "diverged", "equivocation", "unbound", "wrong-repo", "wrong-audience", "expired",
            "too-large", "unsupported-format"}


def in_days(days):
    then = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=days)
    return then.strftime("%Y-%m-%dT%H:%M:%SZ")


def seconds(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


@pytest.fixture
def clock(tmp_path):
    return FakeClock(tmp_path / "clock", synced=True)


@pytest.fixture
def device(site, clock):
    """A device whose wall clock is the test's, and synchronised; not started."""
    site.limpet.start_now = lambda: site.limpet.start(env=clock.env)
    return site


def running(site, **binding):
    """Its daemon has applied one commit that says this; returns the commit's id."""
    commit = site.repo.publish(good(site, "1", **binding), "Version 1")
    site.limpet.start_now()
    wait_applied(site, commit)
    wait_idle(site)
    return commit


def wait_state(site, state):
    status = site.limpet.wait_status(lambda status: source(status)["state"] == state,
                                     f"the state {state}")
    return status, {c["type"]: c for c in source(status)["conditions"]}



def stored(site, statement):
    """What a stopped daemon has left in its store."""
    with closing(sqlite3.connect(site.limpet.state_dir / "limpet.db")) as db, db:
        return db.execute(statement).fetchall()


def stored_time_floor(site):
    return stored(site, "SELECT max(floor_s) FROM clock")[0][0]


# --- past its own end ---------------------------------------------------------------------------


def test_a_running_revision_past_its_own_end_is_stale_and_goes_on_running(device, clock):
    site, end = device, in_days(1)
    running(site, sequence=1, expires=end)
    status = site.limpet.status()
    assert source(status)["state"] == "current" and not source(status)["conditions"]
    assert status["health"] == "ok"

    with nothing_changes(site, good(site, "1")):
        clock.set(2, synced=True)
        status, told = wait_state(site, "stale")
        assert end in told["stale"]["text"] and "limpet release" in told["stale"]["wayOut"]
        assert status["health"] == "degraded" and end in " ".join(status["reasons"])
        assert site.limpet.run("status").code == 1
        site.limpet.wait_log(r"stale .*revision=1 .*way-out=")
        before = source(status)["traffic"]["polls"]
        site.limpet.wait_status(lambda s: source(s)["traffic"]["polls"] > before + 2, "polls")
        assert len(re.findall(r"\bstale source=", site.limpet.log())) == 1
    assert set(told) == {"stale"}

    commit = site.repo.publish(good(site, "2", sequence=2, expires=in_days(9)), "Version 2")
    wait_applied(site, commit)
    status, _ = wait_state(site, "current")
    assert status["health"] == "ok"


def test_a_clock_that_nobody_set_makes_nothing_stale(device, clock):
    site = device
    running(site, sequence=1, expires=in_days(1))
    clock.set(2)
    before = source(site.limpet.status())["traffic"]["polls"]
    status = site.limpet.wait_status(lambda s: source(s)["traffic"]["polls"] > before + 1, "polls")
    assert source(status)["state"] == "current" and not status["clock"]["synchronised"]


def test_a_server_that_is_away_is_unreachable_and_not_stale(device, clock):
    site = device
    commit = site.repo.publish(good(site, "1", sequence=1, expires=in_days(1)), "Version 1")
    site.limpet.ok("sync", env=clock.env)
    site.server.configure(unavailable=True)
    for _ in range(4):
        assert site.limpet.run("sync", env=clock.env).code == 2
    status, told = wait_state(site, "unreachable")
    assert set(told) == {"unreachable"} and "503" in told["unreachable"]["text"]

    clock.set(2, synced=True)
    assert site.limpet.run("sync", env=clock.env).code == 2
    status = site.limpet.json("status", env=clock.env)
    assert source(status)["state"] == "stale"
    assert [c["type"] for c in source(status)["conditions"]] == ["stale", "unreachable"]
    assert source(status)["applied"]["commit"] == commit


# --- no news ------------------------------------------------------------------------------------


def test_no_news_for_too_long_are_told_once_until_some_come(device):
    site = device
    trust(site, newsWithin="4s")
    running(site)
    status, told = wait_state(site, "no-news")
    assert "of uptime" in told["no-news"]["text"] and "newsWithin" in told["no-news"]["wayOut"]
    assert source(status)["quietSeconds"] >= 4 and status["health"] == "degraded"
    before = source(status)["traffic"]["polls"]
    site.limpet.wait_status(lambda s: source(s)["traffic"]["polls"] > before + 2, "polls")
    assert len(re.findall(r"\bno-news source=", site.limpet.log())) == 1

    commit = site.repo.publish(good(site, "2"), "Version 2")
    status = wait_applied(site, commit)
    assert source(status)["quietSeconds"] <= 4
    wait_state(site, "no-news")
    site.limpet.wait_status(lambda _: len(re.findall(r"\bno-news source=", site.limpet.log())) == 2,
                            "a second line")


def test_quiet_uptime_is_summed_over_restarts_and_boots(device, clock):
    site = device
    running(site)
    assert site.limpet.stop() == 0
    time.sleep(2)
    assert source(site.limpet.status())["quietSeconds"] >= 2
    # As if it had been stored by another boot, which was up for longer than this one.
    stored(site, f"UPDATE clock SET quiet_s = 1000000, uptime_s = {2**40}")
    uptime = time.clock_gettime(time.CLOCK_BOOTTIME)
    for _ in range(2):
        quiet = source(site.limpet.status())["quietSeconds"]
        assert uptime + 1000000 - 1 <= quiet <= uptime + 1000000 + 60
        site.limpet.start_now()
        wait_idle(site)
        assert site.limpet.stop() == 0
    trust(site, newsWithin="11d")
    wait_state(site, "no-news")


def test_a_device_that_never_accepted_anything_has_no_news_to_miss(device):
    site = device
    trust(site, newsWithin="1s")
    site.limpet.start_now()
    time.sleep(2)
    status = site.limpet.status()
    assert source(status)["state"] == "new" and not source(status)["conditions"]


def test_news_may_be_as_old_as_they_like_when_nobody_minds(device):
    site = device
    trust(site, newsWithin="0s")
    running(site)
    assert site.limpet.stop() == 0
    stored(site, "UPDATE clock SET quiet_s = 1000000000")
    assert source(site.limpet.status())["state"] == "current"


# --- the floor of time --------------------------------------------------------------------------


def test_a_boot_in_1970_knows_what_time_it_was(device, clock):
    """An expired key is refused and a good one taken, though the device has no clock."""
    site = device
    first = running(site, sequence=1, expires=in_days(1))
    clock.set(3, synced=True)
    wait_state(site, "stale")
    assert site.limpet.stop() == 0
    assert abs(stored_time_floor(site) - time.time() - 3 * DAY) < 60

    clock.set_1970()
    status = site.limpet.json("status", env=clock.env)
    assert source(status)["state"] == "stale"
    assert seconds(status["clock"]["floor"]) > time.time() + 2 * DAY
    thief = site.stranger("thief@example.com")
    until = in_days(2).replace("-", "").replace(":", "").replace("T", "")
    write_allowed_signers(site.signers, site.key,
                          f'thief@example.com valid-before="{until}" {thief.public}')
    site.limpet.start_now()
    site.limpet.wait_status(lambda told: "sources" in told, "an answer")
    with nothing_changes(site, good(site, "1")):
        commit = site.repo.publish(good(site, "evil"), key=thief)
        assert wait_refused(site, commit)["verdict"] == "expired-key"
    site.repo.reset(first)
    wait_applied(site, site.repo.publish(good(site, "2", sequence=2), "Version 2"))


@pytest.mark.parametrize("daemon", [True, False], ids=["daemon", "store"])
def test_verify_and_doctor_know_what_time_it_was_too(device, clock, daemon):
    site = device
    running(site)
    clock.set(3, synced=True)
    assert check_clock(site, clock).endswith("synchronised")
    polls = source(site.limpet.status())["traffic"]["polls"]
    site.limpet.wait_status(lambda s: source(s)["traffic"]["polls"] > polls + 1, "polls")
    if not daemon:
        assert site.limpet.stop() == 0
    clock.set_1970()
    assert "is behind what is known to have passed" in check_clock(site, clock)
    site.repo.write(good(site, "2", sequence=2, expires=in_days(2)))
    site.repo.commit("Too late")
    verdict = site.limpet.json("verify", "--repo", str(site.repo.root), "HEAD", env=clock.env)
    assert verdict["reason"] == "expired"
    clock.set(0)
    assert "is behind" in check_clock(site, clock)
    clock.set(4)
    assert "nobody keeps it right" in check_clock(site, clock)


def check_clock(site, clock):
    told = site.limpet.json("doctor", env=clock.env)["checks"]
    return next(check["text"] for check in told if check["check"] == "clock")


def test_a_commit_that_was_accepted_tells_a_device_without_a_clock_the_time(device, clock):
    site = device
    clock.set_1970()
    site.repo.write(good(site, "1"))
    then = int(time.time()) + 20 * DAY
    site.repo.commit("Version 1", unix_s=then)
    site.repo.push()
    site.limpet.ok("sync", env=clock.env)
    assert stored_time_floor(site) == then


@pytest.mark.parametrize("days", [27000, 2], ids=["2099", "tomorrow"])
def test_a_clock_that_nobody_set_never_raises_the_floor(device, clock, days):
    site = device
    clock.set(days)
    running(site)
    assert site.limpet.stop() == 0
    assert stored_time_floor(site) < time.time() + 60


def test_a_synchronised_clock_that_is_too_far_ahead_is_told_and_not_believed(device, clock):
    site = device
    running(site)
    clock.set(500, synced=True)
    site.limpet.wait_log(r"clock-far .*way-out=")
    assert site.limpet.stop() == 0
    assert stored_time_floor(site) < time.time() + 60
    assert site.limpet.log().count("clock-far") == 1


# --- what is told -------------------------------------------------------------------------------


def test_status_and_history_tell_sequence_end_signer_and_key(site):
    end = in_days(30)
    publish(site, "1")
    publish(site, "2", sequence=7, expires=end)
    applied = source(site.limpet.status())["applied"]
    assert applied["sequence"] == 7 and applied["expires"] == end
    assert applied["signer"] == "ops@example.com" and applied["key"] == site.key.fingerprint
    newest, oldest = site.limpet.json("history")["revisions"]
    assert newest["sequence"] == 7 and newest["expires"] == end
    assert "sequence" not in oldest and "expires" not in oldest
    assert oldest["key"] == newest["key"] == site.key.fingerprint
    text = site.limpet.run("status").out
    for word in ("sequence 7", end, "ops@example.com", site.key.fingerprint, "current"):
        assert word in text
    lines = site.limpet.ok("history").out.splitlines()
    assert lines[0].split()[5:9] == ["SEQUENCE", "EXPIRES", "SIGNER", "KEY"]
    assert lines[1].split()[5:9] == ["7", end, "ops@example.com", site.key.fingerprint]
    assert lines[2].split()[5:9] == ["-", "-", "ops@example.com", site.key.fingerprint]


def test_every_verdict_has_a_counter_that_outlives_a_restart(site):
    begin(site)
    commit = site.repo.publish(good(site, "evil"), sign=False)
    told = refused(site, commit, "unsigned")
    assert "git commit --amend -S" in told["wayOut"]
    assert "-> sign it (git commit --amend -S)" in site.limpet.run("status").out
    site.limpet.run("sync")  # a person asks: it is judged again
    site.repo.reset(site.second)
    site.repo.publish({"bad.yaml": "kind: [\n"}, "Broken")
    assert site.limpet.run("sync").code == 1
    site.repo.reset(site.second)
    accepted(site, site.repo.publish(good(site, "3"), "Version 3"))

    told = source(site.limpet.status())
    assert set(told["verdicts"]) == VERDICTS
    assert {name: n for name, n in told["verdicts"].items() if n} == {"accepted": 3, "unsigned": 2}
    assert told["renderRefusals"] == {"empty": 0, "invalid": 1}
    site.limpet.start()
    wait_idle(site)
    again = source(site.limpet.status())
    assert [again[key] for key in ("verdicts", "renderRefusals")] == [
        told["verdicts"], told["renderRefusals"]]
