# SPDX-License-Identifier: Apache-2.0
"""The daemon as a service: signals, systemd, its processes, its socket, and as whom it runs."""

import os
import shlex
import shutil
import signal
import socket
import sqlite3
import subprocess
from pathlib import Path

import pytest

from support import kubeconfig as kubeconfigs
from support.kubeapi import ApiError, KubeApi
from support.limpet import Limpet, binary
from support.processes import run, scratch_folder
from support.sessions import state
from support.sitefiles import keys, small_site, synthetic_files
from support.told import is_applied, source, wait_applied, wait_idle
from support.waiting import wait_until

SOMEBODY = 61234    # a user and group that nobody is


def small(site, version="1"):
    return small_site(site.prefix, version=version)


def version(site):
    found = site.get("ConfigMap", "till-0")
    return found and found["data"]["version"]


@pytest.fixture
def device(site):
    """A site whose daemon has applied a commit and rests."""
    site.first = site.repo.publish(small(site), "Version 1")
    site.limpet.start()
    wait_applied(site, site.first)
    wait_idle(site)
    return site


# --- SIGHUP -----------------------------------------------------------------------------------


def test_sighup_rereads_the_configuration(device):
    device.repo.write(small(device, "2"))
    device.repo.commit("On another branch")
    second = device.repo.push("site/other")
    device.limpet.source["branch"] = "site/other"
    device.limpet.write_config()

    device.limpet.daemon.signal(signal.SIGHUP)

    device.limpet.wait_log("event=reloaded")
    status = wait_applied(device, second)
    assert source(status)["branch"] == "site/other"


@pytest.mark.parametrize("text, said", [
    ("site: [\n", "config.yaml:"),
    ("site: demo\nsuorces: []\n", "suorces"),
    (None, "No such file"),
], ids=["not-yaml", "unknown-key", "gone"])
def test_a_broken_configuration_is_refused_and_the_old_one_holds(device, text, said):
    if text is None:
        device.limpet.config_file.unlink()
    else:
        device.limpet.write_config(text)

    device.limpet.daemon.signal(signal.SIGHUP)

    device.limpet.wait_log(f"event=reload-failed .*{said}.*the old configuration holds")
    device.limpet.write_config()
    second = device.repo.publish(small(device, "2"))
    wait_applied(device, second)
    assert "event=reloaded" not in device.limpet.log()


def test_the_state_folder_does_not_change_while_it_runs(device):
    device.limpet.config["stateDir"] = str(device.folder / "elsewhere")
    device.limpet.write_config()

    device.limpet.daemon.signal(signal.SIGHUP)

    device.limpet.wait_log("event=reload-failed .*stateDir.*restart")
    assert not (device.folder / "elsewhere").exists()


def test_sighup_in_the_middle_of_an_apply_loses_nothing(site):
    files = {**small(site), **big(site)}
    first = site.repo.publish(files)
    site.limpet.start()
    wait_until(lambda: "event=created" in site.limpet.log(), "the apply to begin", 30, 0.005)

    site.limpet.daemon.signal(signal.SIGHUP)

    site.limpet.wait_log("event=reloaded")
    wait_applied(site, first, 60)
    assert site.missing(keys(files)) == []


# --- SIGTERM ----------------------------------------------------------------------------------


def big(site, revision=0):
    return synthetic_files(150, site.prefix, revision=revision, namespace=site.namespace,
                           with_namespace=False)


def is_sound(database, folder):
    """Whether SQLite finds nothing wrong with a copy of a store that nobody has open."""
    copy = Path(folder) / "copy.db"
    for suffix in ("", "-wal"):
        if Path(f"{database}{suffix}").exists():
            shutil.copy(f"{database}{suffix}", f"{copy}{suffix}")
    with sqlite3.connect(copy) as connection:
        answer = connection.execute("PRAGMA integrity_check").fetchall()
        answer += connection.execute("PRAGMA foreign_key_check").fetchall()
    connection.close()
    copy.unlink()
    return answer == [("ok",)]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_sigterm_in_the_middle_of_an_apply_ends_cleanly(site, number):
    files = {**small(site), **big(site)}
    first = site.repo.publish(files)
    site.limpet.start()
    wait_until(lambda: "event=created" in site.limpet.log(), "the apply to begin", 30, 0.005)
    family = site.limpet.pids()
    daemon, site.limpet.daemon = site.limpet.daemon, None

    daemon.signal(number)
    code = daemon.wait(20)

    assert code == 0
    assert all(state(pid) in (None, "Z") for pid in family), "no role outlives the daemon"
    assert not Path(site.limpet.config["socket"]).exists()
    assert is_sound(site.limpet.state_dir / "limpet.db", site.folder)
    assert not is_applied(site.limpet.status(), first)
    site.limpet.ok("sync")
    assert is_applied(site.limpet.status(), first) and site.missing(keys(files)) == []


def test_a_sync_that_is_interrupted_does_not_say_that_it_is_done(site):
    first = site.repo.publish({**small(site), **big(site)})
    sync = site.limpet.begin("sync", "-o", "json")
    wait_until(lambda: site.get("Namespace", site.namespace), "the apply to begin", 30, 0.005)

    sync.signal(signal.SIGTERM)

    assert sync.wait(20) == 2
    assert '"exit": 2' in sync.log_text() and "interrupted" in sync.log_text()
    assert not is_applied(site.limpet.status(), first)
    site.limpet.ok("sync")
    assert is_applied(site.limpet.status(), first)


# --- systemd ----------------------------------------------------------------------------------


@pytest.fixture
def manager(site):
    """A socket as systemd's, and what was said on it."""
    path = site.limpet.folder / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(path))
        listener.setblocking(False)
        said = []

        def hear():
            try:
                while True:
                    said.extend(listener.recv(4096).decode().splitlines())
            except BlockingIOError:
                return said

        hear.environment = {"NOTIFY_SOCKET": str(path)}
        yield hear


def test_systemd_is_told_ready_stopping_and_what_runs(site, manager):
    commit = site.repo.publish(small(site))
    site.limpet.start(env=manager.environment)
    wait_until(lambda: "READY=1" in manager(), "READY=1")
    wait_applied(site, commit)
    wait_until(lambda: any(line.startswith("STATUS=") and commit[:12] in line
                           for line in manager()), "STATUS= to name the commit")
    assert "STOPPING=1" not in manager()

    assert site.limpet.stop() == 0

    assert "STOPPING=1" in manager()
    assert not any(line.startswith("WATCHDOG=") for line in manager()), "nobody watches"


def test_a_reload_is_told_from_its_beginning_to_its_end(site, manager):
    site.repo.publish(small(site))
    site.limpet.start(env=manager.environment)
    wait_until(lambda: "READY=1" in manager(), "READY=1")

    site.limpet.daemon.signal(signal.SIGHUP)

    wait_until(lambda: manager().count("READY=1") == 2, "the second READY=1")
    said = manager()
    at = said.index("RELOADING=1")
    assert said.index("READY=1") < at and "READY=1" in said[at:]
    assert any(line.startswith("MONOTONIC_USEC=") for line in said)


def test_the_watchdog_is_fed_also_while_the_git_server_hangs(site, manager):
    site.server.freeze()
    site.limpet.start(env={**manager.environment, "WATCHDOG_USEC": "400000"})

    wait_until(lambda: manager().count("WATCHDOG=1") >= 5, "the watchdog to be fed", 10)


def test_a_stopped_daemon_does_not_feed_the_watchdog(site, manager):
    site.limpet.start(env={**manager.environment, "WATCHDOG_USEC": "400000"})
    wait_until(lambda: "WATCHDOG=1" in manager(), "the watchdog to be fed", 10)
    site.limpet.daemon.freeze()
    count = manager().count("WATCHDOG=1")
    with pytest.raises(AssertionError):
        wait_until(lambda: manager().count("WATCHDOG=1") > count + 1, "more food", 1)


def test_without_systemd_nobody_is_told_and_all_works(device):
    assert is_applied(device.limpet.status(), device.first)


# --- its processes ----------------------------------------------------------------------------


def roles(site):
    """{name: process number} of the roles that run now, as `ps` shows them."""
    found = {}
    for pid in site.limpet.pids():
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"role" in words:
            found[words[words.index(b"role") + 1].decode()] = pid
    return found


def test_roles_are_processes_of_their_own_and_status_names_them(device):
    wait_until(lambda: {"fetch", "cluster"} <= set(roles(device)), "the roles that stay")
    told = device.limpet.status()["daemon"]["roles"]
    assert told == roles(device) and "render" not in told, "render ends with its revision"
    for name, pid in told.items():
        assert Path(f"/proc/{pid}/comm").read_text().strip() == f"limpet:{name}"
        words = Path(f"/proc/{pid}/cmdline").read_bytes()
        assert words.startswith(b"limpet\0role\0") or b"limpet role" in words, words


def test_the_render_role_appears_for_each_revision(site):
    site.repo.publish({**small(site), **big(site)})
    site.limpet.start()
    wait_until(lambda: "render" in roles(site), "the render role", 20, 0.002)
    wait_until(lambda: "render" not in roles(site), "the render role to end")


def test_roles_die_with_a_supervisor_that_is_killed(device):
    wait_until(lambda: len(roles(device)) >= 2, "the roles")
    device.limpet.kill_daemon_only()        # raises when a role outlives it
    device.limpet.start()
    second = device.repo.publish(small(device, "2"))
    wait_applied(device, second)


@pytest.mark.parametrize("name", ["fetch", "cluster"])
def test_a_role_that_is_killed_costs_one_cycle(device, name):
    device.limpet.config["cluster"]["reconcile"] = "1s"
    device.limpet.write_config()
    device.limpet.daemon.signal(signal.SIGHUP)
    device.limpet.wait_log("event=reloaded")
    wait_until(lambda: name in roles(device), "the role", 10, 0.01)
    daemon = device.limpet.daemon.pid

    os.kill(roles(device)[name], signal.SIGKILL)

    second = device.repo.publish(small(device, "2"))
    wait_applied(device, second)
    assert device.limpet.daemon.pid == daemon and device.limpet.daemon.is_running()


# --- what a poll without news writes ------------------------------------------------------------


def written(site):
    """The state folder's files with size and time, and what each process had written to disk."""
    files = {path: (path.stat().st_size, path.stat().st_mtime_ns)
             for path in site.limpet.state_dir.rglob("*")}
    counters = {}
    for pid in site.limpet.pids():
        lines = Path(f"/proc/{pid}/io").read_text().splitlines()
        counters[pid] = next(int(line.split()[1]) for line in lines if "write_bytes" in line)
    return files, counters


@pytest.mark.parametrize("tip", ["accepted", "refused"])
def test_a_poll_without_news_writes_nothing(device, tip):
    if tip == "refused":
        device.repo.publish(small(device, "evil"), sign=False)
        device.limpet.wait_status(lambda s: source(s)["refused"], "the refusal")

    def polls():
        return source(wait_idle(device))["traffic"]["polls"]

    settled = polls()
    wait_until(lambda: polls() >= settled + 2, "two polls")
    before, count = written(device), polls()

    wait_until(lambda: polls() >= count + 5, "five polls")

    assert written(device) == before


# --- who may ask --------------------------------------------------------------------------------


@pytest.fixture
def open_folder():
    """A folder that every user can enter, with a copy of the binary."""
    folder = scratch_folder("limpet-u")
    folder.chmod(0o755)
    shutil.copy(binary()[-1], folder / "limpet")
    yield folder
    shutil.rmtree(folder)


def as_user(folder, config_file, *words, gid=SOMEBODY, groups=()):
    """Runs a subcommand as somebody; (exit code, what it said)."""
    who = ["setpriv", f"--reuid={SOMEBODY}", f"--regid={gid}",
           f"--groups={','.join(map(str, groups))}" if groups else "--clear-groups"]
    done = run([*who, folder / "limpet", words[0], "--config", config_file, *words[1:]],
               folder=folder, env={"PATH": os.environ["PATH"], "HOME": "/"})
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def asked(device, open_folder):
    """The device with a socket that other users can find."""
    device.limpet.stop()
    device.limpet.config["socket"] = str(open_folder / "limpet.sock")
    device.limpet.write_config()
    config = open_folder / "config.yaml"
    config.write_text(device.limpet.config_file.read_text())
    device.limpet.start()
    wait_idle(device)
    device.ask = lambda *words, **who: as_user(open_folder, config, *words, **who)
    return device


@pytest.mark.parametrize("words", [("status",), ("suspend",), ("rollback", "1"), ("sync",)])
def test_the_control_socket_refuses_other_users(asked, words):
    assert Path(asked.limpet.config["socket"]).stat().st_mode & 0o777 == 0o660
    code, said = asked.ask(*words)
    assert code == 2 and "only root and the service's group may ask" in said
    status = asked.limpet.status()
    assert not source(status)["suspended"] and source(status)["pinned"] is None


def test_the_control_socket_refuses_other_users_also_when_its_mode_lets_them_in(asked):
    os.chmod(asked.limpet.config["socket"], 0o666)
    for _ in range(20):     # whoever is faster, the daemon's refusal or the question
        code, said = asked.ask("suspend")
        assert code == 2 and "only root and the group of the service may ask" in said
    assert not source(asked.limpet.status())["suspended"]


@pytest.mark.parametrize("who", [{"gid": 0}, {"groups": [0]}], ids=["group", "second-group"])
def test_the_services_group_may_ask(asked, who):
    code, said = asked.ask("status", "-o", "json", **who)
    assert code == 0 and asked.first in said


# --- as whom it runs, and how it reads k3s's kubeconfig ---------------------------------------


@pytest.fixture
def service(site_on_own_cluster, open_folder, monkeypatch):
    """A limpet as the unit runs it: a user of its own with CAP_DAC_READ_SEARCH and nothing else,
    and a kubeconfig that is root's, mode 0600, as k3s writes it."""
    site = site_on_own_cluster
    home = open_folder / "home"
    limpet = Limpet(home, {**site.limpet.config, "stateDir": str(home / "state"),
                           "socket": str(home / "limpet.sock")})
    credentials = home / "credentials"
    credentials.write_text(Path(limpet.source["credentials"]).read_text())
    credentials.chmod(0o600)
    shutil.copy(site.server.ca_file, open_folder / "ca.crt")
    shutil.copy(site.signers, open_folder / "signers")
    limpet.source.update(ca=str(open_folder / "ca.crt"), credentials=str(credentials),
                         trust={"signers": str(open_folder / "signers")})
    site.kubeconfig = open_folder / "k3s.yaml"
    limpet.config["cluster"]["kubeconfig"] = str(site.kubeconfig)
    limpet.write_config()
    subprocess.run(["chown", "-R", f"{SOMEBODY}:{SOMEBODY}", home], check=True)
    rights = ["--inh-caps=-all,+dac_read_search", "--ambient-caps=-all,+dac_read_search",
              "--bounding-set=-all,+dac_read_search"]
    monkeypatch.setenv("LIMPET_BIN", shlex.join(
        ["setpriv", f"--reuid={SOMEBODY}", f"--regid={SOMEBODY}", "--clear-groups", *rights,
         str(open_folder / "limpet")]))
    site.limpet = limpet
    yield site
    limpet.close()


@pytest.mark.parametrize("words", [("sync",), ("rollback",), ("suspend",), ("run",)],
                         ids=lambda words: words[0])
def test_root_is_sent_to_the_user_whose_state_it_is(service, monkeypatch, open_folder, words):
    site = service
    site.repo.publish(small(site))
    monkeypatch.setenv("LIMPET_BIN", str(open_folder / "limpet"))
    result = site.limpet.run(*words)
    assert result.code == 2 and "belongs to user" in result.err and "sudo -u" in result.err
    assert list(site.limpet.state_dir.iterdir()) == []


def make_account(site, name):
    """A service account that may do everything."""
    site.cluster.kubectl("create", "serviceaccount", name, "-n", "default")
    site.cluster.kubectl("create", "clusterrolebinding", f"{site.prefix}-{name}",
                         "--clusterrole=cluster-admin", f"--serviceaccount=default:{name}")
    return f"default/{name}"


def end_account(site, name, path):
    """Deletes the service account and waits until its token, which is in the kubeconfig at
    `path`, is worth nothing: the API server remembers for ten seconds that it was good."""
    api = KubeApi(path)
    site.cluster.api.delete("ServiceAccount", name)

    def is_refused():
        try:
            api.request("GET", "/api/v1/namespaces/default")
        except ApiError as error:
            return error.code == 401
        return False

    wait_until(is_refused, "the old token to be refused", 30, 0.3)


def rewrite(site, **user):
    """Writes the kubeconfig as k3s does at its start: a new file, root's, 0600."""
    kubeconfigs.write_kubeconfig(site.kubeconfig, site.cluster.url, site.cluster.ca_file, **user)
    found = site.kubeconfig.stat()
    assert (found.st_uid, found.st_gid, found.st_mode & 0o777) == (0, 0, 0o600)


def users_since(site, mark):
    """Who wrote to the API server since the audit log had so many events."""
    return {event["user"]["username"] for event in site.cluster.audit_events()[mark:]
            if event["verb"] == "patch" and site.prefix in event["requestURI"]}


def test_roots_kubeconfig_is_read_by_another_user_and_taken_up_when_it_is_rewritten(service):
    site = service
    name = f"k3s-{site.prefix}"
    account = make_account(site, name)
    rewrite(site, token=site.cluster.make_token(account))
    first = site.repo.publish(small(site))
    site.limpet.start()
    wait_applied(site, first)
    daemon = site.limpet.daemon.pid
    status = Path(f"/proc/{daemon}/status").read_text()
    assert f"Uid:\t{SOMEBODY}\t{SOMEBODY}" in status
    assert "CapEff:\t0000000000000000" in status, "out of effect in the supervisor"

    # k3s starts anew: the old credentials are worth nothing, the file has others.
    mark = len(site.cluster.audit_events())
    end_account(site, name, site.kubeconfig)
    rewrite(site, certificate=site.cluster._authority.issue(
        f"user-new-{site.prefix}", f"new-{site.prefix}", organisations=["system:masters"]))
    second = site.repo.publish(small(site, "2"))

    wait_applied(site, second, 60)
    assert version(site) == "2"
    assert site.limpet.daemon.pid == daemon and site.limpet.daemon.is_running()
    assert f"new-{site.prefix}" in users_since(site, mark)
    assert site.limpet.stop() == 0


def test_a_kubeconfig_that_is_wrong_at_first_is_taken_up_when_it_is_mended(service):
    site = service
    site.kubeconfig.write_text("not a kubeconfig\n")
    site.kubeconfig.chmod(0o600)
    site.limpet.config["cluster"]["reconcile"] = "1s"
    site.limpet.write_config()
    first = site.repo.publish(small(site))
    site.limpet.start()
    status = site.limpet.wait_status(
        lambda s: str(site.kubeconfig) in s["cluster"].get("error", ""), "it to be named")
    assert not is_applied(status, first)

    rewrite(site, certificate=site.cluster._authority.issue(
        f"user-late-{site.prefix}", f"late-{site.prefix}", organisations=["system:masters"]))

    wait_applied(site, first, 60)


@pytest.mark.parametrize("in_file", [False, True], ids=["token", "token-file"])
def test_a_token_is_taken_from_the_kubeconfig_or_from_a_file_that_changes(site_on_own_cluster,
                                                                         in_file):
    site = site_on_own_cluster
    old, new = (make_account(site, f"{word}-{site.prefix}") for word in ("old", "new"))
    path, probe = site.folder / "kubeconfig", site.folder / "probe"
    token_file = Path(f"{path}.token")

    def give(token):
        user = {"token": token}
        if in_file:
            token_file.write_text(token + "\n")
            user = {"token_file": token_file}
        if not (in_file and path.exists()):
            kubeconfigs.write_kubeconfig(path, site.cluster.url, site.cluster.ca_file, **user)
        kubeconfigs.write_kubeconfig(probe, site.cluster.url, site.cluster.ca_file, token=token)

    give(site.cluster.make_token(old))
    site.limpet.config["cluster"]["kubeconfig"] = str(path)
    site.limpet.write_config()
    first = site.repo.publish(small(site))
    site.limpet.start()
    wait_applied(site, first)

    mark = len(site.cluster.audit_events())
    end_account(site, old.partition("/")[2], probe)
    give(site.cluster.make_token(new))
    second = site.repo.publish(small(site, "2"))

    wait_applied(site, second, 60)
    assert f"system:serviceaccount:{new.replace('/', ':')}" in users_since(site, mark)
