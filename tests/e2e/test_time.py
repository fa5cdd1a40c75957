# SPDX-License-Identifier: Apache-2.0
"""A device that may have no clock: what its clock can prove, and what it cannot."""

import time

import pytest

from support.fakeclock import DAY, FakeClock
from support.fetchrole import FetchRole
from support.siterepo import SiteRepo, make_key

# --- the certificates of a server ----------------------------------------------------------


@pytest.fixture
def clock(tmp_path):
    return FakeClock(tmp_path / "clock")


@pytest.fixture
def role(tmp_path, gitserver, clock, request):
    """A fetch role whose wall clock is the test's, and a branch with one commit."""
    remote = gitserver.create_repo(f"time-{tmp_path.name}")
    repo = SiteRepo(tmp_path / "repo", remote, "site/demo",
                    make_key(tmp_path / "keys", "ops@example.com"))
    repo.publish({"a.yaml": "a: 1\n"})
    with FetchRole(tmp_path / "role", remote, env=clock.env) as role:
        yield role
    gitserver.reset()


def refused(role, *words, **changes):
    answer = role.fetch(**changes)
    assert answer["code"] == "config", answer
    for word in words:
        assert word in answer["message"], answer
    return answer


def taken(role, **changes):
    answer = role.fetch(**changes)
    assert answer["code"] == "ok", answer
    return role.log().count("certificate-dates")


def test_a_boot_in_1970_refuses_no_good_certificate_and_says_so_once(role, clock, gitserver):
    gitserver.configure(certificate="future")
    clock.set_1970()
    assert taken(role) == 1
    assert taken(role) == 1
    assert "synchronise the clock" in role.log()


def test_a_certificate_of_tomorrow_is_refused_by_a_synchronised_clock(role, clock, gitserver):
    gitserver.configure(certificate="future")
    clock.set(0, synced=True)
    refused(role, "is not valid yet", "clock")
    clock.set(1.5, synced=True)
    assert taken(role) == 0


def test_a_certificate_of_the_systems_authorities_is_judged_by_the_clock_alone(
        tmp_path, role, clock, gitserver):
    """The server's authority in the place of the system's bundle, for one role only."""
    system = ["unshare", "--mount", "sh", "-c",
              f'mount --bind {gitserver.ca_file} /etc/ssl/certs/ca-certificates.crt && exec "$@"', "-"]
    with FetchRole(tmp_path / "system", role.remote, env=clock.env, before=system) as other:
        assert taken(other, ca_file="") == 0
        gitserver.configure(certificate="future")
        clock.set_1970()
        refused(other, "is not valid yet", ca_file="")
    assert taken(role) == 1


def test_a_clock_that_runs_ahead_refuses_no_good_certificate(role, clock):
    clock.set(20000)
    assert taken(role) == 1


def test_a_synchronised_clock_that_runs_ahead_is_believed(role, clock):
    clock.set(20000, synced=True)
    refused(role, "has expired", "clock")


@pytest.mark.parametrize("days", [None, 40], ids=["1970", "ahead"])
def test_what_has_expired_by_the_time_floor_is_refused_whatever_the_clock_says(role, clock, days,
                                                                             gitserver):
    clock.set_1970() if days is None else clock.set(days)
    taken(role)
    gitserver.configure(certificate="good")  # closes the kept connection
    refused(role, "has expired", floor_s=int(time.time()) + 31 * DAY)


def test_nothing_but_dates_is_forgiven(role, clock, gitserver):
    clock.set_1970()
    gitserver.configure(certificate="other-ca")
    refused(role, "is not signed by a CA that is trusted here")
    gitserver.configure(certificate="other-host")
    refused(role, "is for another host name")
