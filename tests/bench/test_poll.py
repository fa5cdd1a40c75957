# SPDX-License-Identifier: Apache-2.0
"""What a poll without news costs: bytes on the wire, bytes on the flash."""

import os
import signal
import time
from pathlib import Path

import pytest
from figures import figure, wait_applied
from support.sitefiles import synthetic_files
from support.waiting import wait_until
from support.wire import Wire

POLLS = 10
BRANCHES = 5000
NEW_ROLES = 40


def behind_a_wire(site, wire):
    """Points the device at the near end of the wire."""
    url = site.remote.url.replace(f"https://127.0.0.1:{site.server.port}", wire.url)
    assert url != site.remote.url
    site.limpet.source["url"] = url


def polls(site):
    return site.limpet.status()["sources"][0]["traffic"]["polls"]


def bytes_a_poll(site, wire, count):
    """Mean bytes of the next `count` polls, which the schedule makes."""
    first = polls(site)
    wait_until(lambda: polls(site) > first, "a poll", 30)
    before, start = wire.quiet_total(0.1), polls(site)
    wait_until(lambda: polls(site) >= start + count, f"{count} polls", 10 * count)
    return (wire.quiet_total(0.1) - before) / (polls(site) - start)


def bytes_a_new_connection(site, wire, count):
    """Mean bytes of polls that each make a connection of their own: limpet sync asks for them."""
    total = 0
    for _ in range(count):
        before, connections = wire.quiet_total(), wire.connections
        assert site.limpet.run("sync").code == 0
        total += wire.quiet_total() - before
        assert wire.connections == connections + 1
    return total / count


def crowd(site):
    site.remote.crowd(BRANCHES - 1, site.remote.tip(site.branch))


@pytest.mark.parametrize("branches", [1, BRANCHES])
def test_a_poll_on_a_kept_connection_is_small(site, branches):
    commit = site.repo.publish(synthetic_files(5, site.prefix), "A few objects")
    if branches > 1:
        crowd(site)
    with Wire(site.server.port) as wire:
        behind_a_wire(site, wire)
        site.limpet.write_config()
        site.limpet.start()
        wait_applied(site.limpet, commit)
        figure(f"poll, kept connection, {branches} branches",
               bytes_a_poll(site, wire, POLLS), 1000, "bytes")
        site.limpet.stop()


@pytest.mark.parametrize("key", ["ecdsa", "rsa"])
@pytest.mark.parametrize("branches", [1, BRANCHES])
def test_a_poll_on_a_new_connection_is_small(site, branches, key):
    site.server.configure(key=key)
    commit = site.repo.publish(synthetic_files(5, site.prefix), "A few objects")
    if branches > 1:
        crowd(site)
    with Wire(site.server.port) as wire:
        behind_a_wire(site, wire)
        site.limpet.source["poll"] = "300s"
        site.limpet.write_config()
        site.limpet.start()
        wait_applied(site.limpet, commit)
        mean = bytes_a_new_connection(site, wire, 3)
        site.limpet.stop()
    if key == "rsa":
        print(f"\nFIGURE poll, new connection, RSA-2048, {branches} branches: {mean:,.0f} bytes (no bar)")
    else:
        figure(f"poll, new connection, {branches} branches", mean, 2500, "bytes")


def written(pids):
    """Bytes that the processes have caused to be written to storage so far."""
    total = 0
    for pid in pids:
        with open(f"/proc/{pid}/io") as io:
            total += sum(int(line.split()[1]) for line in io if line.startswith("write_bytes"))
    return total


def stamps(folder):
    """(size, time of change) of every file below folder."""
    return {str(path): (path.stat().st_size, path.stat().st_mtime_ns)
            for path in folder.rglob("*") if path.is_file()}


def at_rest(site):
    """Starts a daemon that has applied a few objects and goes on polling; the written bytes can
    be trusted: they have counted those of its first sync, roles that have ended included."""
    commit = site.repo.publish(synthetic_files(5, site.prefix), "A few objects")
    site.limpet.config["cluster"]["reconcile"] = "7d"
    site.limpet.write_config()
    site.limpet.start()
    wait_applied(site.limpet, commit)
    time.sleep(0.5)
    assert written(site.limpet.pids()) > 0, f"{site.limpet.state_dir} is on no disk whose writes are counted"


def test_100_polls_without_news_write_nothing(site):
    at_rest(site)
    start = polls(site)
    wait_until(lambda: polls(site) > start, "a first poll", 30)
    time.sleep(0.5)
    pids = site.limpet.pids()
    before, files, start = written(pids), stamps(site.limpet.state_dir), polls(site)
    wait_until(lambda: polls(site) >= start + 100, "100 polls", 200)

    assert site.limpet.pids() == pids
    assert stamps(site.limpet.state_dir) == files
    figure("bytes written by 100 polls without news", written(pids) - before, 0, "bytes",
           "by one kept fetch role")
    assert os.path.exists(site.limpet.state_dir / "limpet.db")
    site.limpet.stop()


def fetch_role(site):
    """The process of the fetch role that waits for the next poll."""
    return next(pid for pid in site.limpet.pids() if b"\0fetch\0" in Path(f"/proc/{pid}/cmdline").read_bytes())


def next_poll(site):
    """Waits until one more poll was made."""
    start = polls(site)
    wait_until(lambda: polls(site) > start, "a poll", 30)


def test_polls_that_each_start_a_fetch_role_write_nothing(site):
    """At the default interval the fetch role ends after its poll and the next poll starts another.
    Polls are made each second here, so the test ends the role that would be kept. What a role has
    written is its parent's when it has ended: Linux adds it up at the wait."""
    at_rest(site)
    next_poll(site)
    stayed = set(site.limpet.pids()) - {fetch_role(site)}
    before, files, roles = written(site.limpet.pids()), stamps(site.limpet.state_dir), set()
    for _ in range(NEW_ROLES):
        next_poll(site)
        roles.add(role := fetch_role(site))
        os.kill(role, signal.SIGKILL)
        wait_until(lambda: set(site.limpet.pids()) == stayed, "the fetch role to be gone", 5, 0.005)

    assert len(roles) == NEW_ROLES
    assert stamps(site.limpet.state_dir) == files
    figure(f"bytes written by {NEW_ROLES} polls without news, a new fetch role for each",
           written(stayed) - before, 0, "bytes")
    site.limpet.stop()
