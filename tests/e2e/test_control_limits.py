# SPDX-License-Identifier: Apache-2.0
"""What the control socket takes, and from how many; past it, it goes on for the others."""

import os
import shutil
import socket
import sqlite3
from contextlib import closing

import pytest

from support.limits import limit
from support.limpet import binary
from support.processes import run, scratch_folder
from support.sitefiles import small_site
from support.told import source, wait_applied, wait_idle
from support.waiting import wait_until

SOMEBODY = 61234    # a user and group that nobody is


@pytest.fixture
def device(site):
    """A site whose daemon has applied a commit, and whose subject is longer than what is kept."""
    site.subject = "s" * (limit("LP_SUBJECT_TEXT") + 20)
    first = site.repo.publish(small_site(site.prefix, version="1"), site.subject)
    site.limpet.start()
    wait_applied(site, first)
    wait_idle(site)
    return site


def connect(device):
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(20)
    connection.connect(device.limpet.config["socket"])
    return connection


def ask(device, data):
    """The whole answer to data; nothing when the daemon hangs up."""
    with connect(device) as connection:
        answer = b""
        try:
            connection.sendall(data)
            while more := connection.recv(65536):
                answer += more
        except (BrokenPipeError, ConnectionResetError):
            pass        # hung up before all of ours was sent or read
        return answer


def test_a_long_subject_is_cut(device):
    kept = limit("LP_SUBJECT_TEXT") - 1
    assert source(device.limpet.status())["applied"]["subject"] == device.subject[:kept]


def test_a_request_past_its_limit_is_hung_up_on(device):
    request = b'{"command":"nonsense"}'
    padding = b" " * (limit("LP_CONTROL_REQUEST") - len(request) - 1)
    assert b"unknown command" in ask(device, request + padding + b"\n")
    assert ask(device, request + padding + b" \n") == b""
    assert not source(device.limpet.status())["suspended"]


def test_a_client_too_many_is_hung_up_on_and_the_others_are_heard(device):
    idle = [connect(device) for _ in range(limit("LP_CONTROL_CLIENTS") - 1)]
    assert b"unknown command" in ask(device, b'{"command":"nonsense"}\n')
    idle.append(connect(device))
    assert ask(device, b'{"command":"nonsense"}\n') == b""
    idle[0].sendall(b'{"command":"nonsense"}\n')
    assert b"unknown command" in idle[0].recv(65536)
    for connection in idle:
        connection.close()
    assert device.limpet.status()


def follow(device):
    connection = connect(device)
    connection.sendall(b'{"command":"events","follow":true,"count":0}\n')
    return connection, connection.makefile("r")


def test_one_that_follows_too_many_is_refused_and_others_can_ask(device):
    first = [follow(device) for _ in range(limit("LP_CONTROL_FOLLOW"))]
    assert all("seen" in lines.readline() for _, lines in first)

    _, lines = follow(device)
    assert "too many follow already" in lines.readline() and lines.readline() == ""

    assert device.limpet.json("events")["events"]
    device.limpet.ok("suspend")
    assert all('"kind":"suspended"' in lines.readline() for _, lines in first)
    first[0][1].close()
    first[0][0].close()
    _, lines = wait_until(lambda: (f := follow(device)) and "seen" in f[1].readline() and f,
                          "a place")
    device.limpet.ok("resume")
    assert '"kind":"resumed"' in lines.readline()


def test_one_that_follows_and_does_not_read_is_hung_up_on(device):
    device.limpet.stop()
    rows = limit("LP_HAPPENINGS_KEPT")
    with closing(sqlite3.connect(device.limpet.state_dir / "limpet.db")) as db:
        db.executemany("INSERT INTO happening (source, at_s, last_s, count, kind, object, revision,"
                       " by_whom, message) VALUES ('site', 1, 1, 1, 1, ?, 0, '', ?)",
                       ((f"ConfigMap shop/{i}", "x" * 500) for i in range(rows)))
        db.execute("DELETE FROM happening WHERE id <= (SELECT max(id) FROM happening) - ?", [rows])
        db.commit()
    assert rows * 500 > limit("LP_CONTROL_BEHIND") + 2**17, "more than it may be behind"
    device.limpet.start()
    wait_idle(device)
    reads, deaf = connect(device), connect(device)
    for connection in (reads, deaf):
        connection.sendall(b'{"command":"events","follow":true}\n')
    lines = reads.makefile("r")
    assert all('"event"' in lines.readline() for _ in range(rows)) and "seen" in lines.readline()

    device.limpet.ok("suspend")

    assert '"kind":"suspended"' in lines.readline()
    heard = deaf.makefile("r").read()
    assert "seen" not in heard and "suspended" not in heard, "hung up on before it had all"
    assert source(device.limpet.status())["suspended"]


def test_who_is_in_too_many_groups_is_refused(device):
    folder = scratch_folder("limpet-g")
    folder.chmod(0o755)
    shutil.copy(binary()[-1], folder / "limpet")
    device.limpet.stop()
    device.limpet.config["socket"] = str(folder / "limpet.sock")
    device.limpet.write_config()
    (folder / "config.yaml").write_text(device.limpet.config_file.read_text())
    device.limpet.start()
    wait_idle(device)

    def status(count):
        """As a user who is in so many groups, that of the service among them."""
        groups = ",".join(map(str, [0, *range(SOMEBODY + 1, SOMEBODY + count)]))
        who = ["setpriv", f"--reuid={SOMEBODY}", f"--regid={SOMEBODY}", f"--groups={groups}"]
        done = run([*who, folder / "limpet", "status", "--config", folder / "config.yaml"],
                   folder=folder, env={"PATH": os.environ["PATH"], "HOME": "/"})
        return done.returncode, done.stdout + done.stderr

    most = limit("LP_CONTROL_GROUPS")
    assert status(most)[0] == 0
    code, said = status(most + 1)
    assert code == 2 and "only root and the group of the service may ask" in said
