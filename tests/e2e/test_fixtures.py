# SPDX-License-Identifier: Apache-2.0
"""The fixtures themselves: what the other tests take for granted."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from support.gitserver import GitServer
from support.goprograms import BuildFailed, programs
from support.processes import end_recorded, record, spawn
from support.pss import family, measured
from support.sessions import is_running, start_time
from support.sitefiles import demo_site, keys, objects, synthetic, synthetic_files
from support.siterepo import KEY_TYPES, make_key, write_allowed_signers
from support.waiting import wait_until
from support.wire import Wire

TESTS = Path(__file__).resolve().parent.parent


def ls_remote(site):
    return subprocess.run(
        ["git", "ls-remote", site.remote.url, f"refs/heads/{site.branch}"], text=True,
        env=site.server.client_environment(site.folder), capture_output=True)


def test_a_signed_commit_pushed_over_tls_is_seen_by_git(site):
    site.repo.write(site.demo_files())
    site.repo.commit("Open the shop")
    tip = site.repo.push(over_tls=True)
    assert ls_remote(site).stdout == f"{tip}\trefs/heads/{site.branch}\n"
    assert {r.user for r in site.server.requests(site.remote) if r.status == 200} == {"limpet"}


@pytest.mark.parametrize("kind", KEY_TYPES)
def test_git_itself_accepts_the_signature_of_every_kind_of_key(site, kind, tmp_path):
    key = make_key(tmp_path, "ops@example.com", kind)
    signers = write_allowed_signers(tmp_path / "signers", key)
    site.repo.commit(key=key)
    site.repo.git("-c", f"gpg.ssh.allowedSignersFile={signers}", "verify-commit", "HEAD")


def test_git_itself_refuses_a_strangers_signature(site):
    site.repo.commit(key=site.stranger())
    with pytest.raises(RuntimeError):
        site.repo.git("-c", f"gpg.ssh.allowedSignersFile={site.signers}", "verify-commit", "HEAD")


def test_an_unsigned_commit_has_no_signature(site):
    site.repo.commit(sign=False)
    assert b"gpgsig" not in site.repo.commit_object()


def test_the_users_own_git_settings_change_nothing(site, tmp_path, monkeypatch):
    settings = tmp_path / "gitconfig"
    settings.write_text("[commit]\n\tgpgsign = true\n[gpg]\n\tformat = x509\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(settings))
    monkeypatch.setenv("GIT_SSL_NO_VERIFY", "1")
    site.repo.commit(sign=False)
    assert b"gpgsig" not in site.repo.commit_object()


def test_a_hand_made_commit_reaches_the_branch_and_the_next_push_replaces_it(site):
    site.repo.publish({"a.yaml": "a: 1\n"})
    raw = site.repo.commit_object().replace(b"Change the site", b"Changed by hand")
    oid = site.repo.commit_raw(raw)
    assert site.remote.tip(site.branch) == oid != site.repo.tip()
    site.repo.commit_raw(b"no commit at all")
    assert site.repo.push() == site.remote.tip(site.branch)


@pytest.mark.parametrize("change, complaint", [
    ({"certificate": "expired"}, "certificate"),
    ({"certificate": "other-ca"}, "certificate"),
    ({"certificate": "other-host"}, "does not match"),
    ({"unavailable": True}, "503"),
])
def test_git_complains_of_every_fault_of_the_server_until_it_is_taken_back(site, change, complaint):
    site.server.configure(**change)
    assert complaint in ls_remote(site).stderr
    site.server.reset()
    assert ls_remote(site).returncode == 0


def test_a_changed_password_is_refused_on_a_kept_connection_too(site):
    env = site.server.client_environment(site.folder)
    site.server.configure(password="another")
    done = subprocess.run(["git", "ls-remote", site.remote.url], env=env, capture_output=True)
    assert b"Authentication failed" in done.stderr


def test_a_stopped_and_a_frozen_server_come_back(site):
    site.server.stop()
    assert "Couldn't connect" in ls_remote(site).stderr
    site.server.start()
    site.server.freeze()
    with pytest.raises(subprocess.TimeoutExpired):
        subprocess.run(["git", "ls-remote", site.remote.url], timeout=0.5, capture_output=True,
                       env=site.server.client_environment(site.folder))
    site.server.thaw()
    assert ls_remote(site).returncode == 0


def test_503_says_when_to_come_again(site):
    site.server.configure(retry_after="7")
    done = subprocess.run(["git", "ls-remote", site.remote.url], text=True, capture_output=True,
                          env={**site.server.client_environment(site.folder), "GIT_TRACE_CURL": "1"})
    assert re.search("retry-after: 7", done.stderr, re.IGNORECASE)


def test_rsa_http1_and_protocol_v0_work(tmp_path):
    with GitServer(tmp_path / "g", key="rsa", http2=False, protocol_v2=False) as server:
        repo = server.create_repo("r")
        done = subprocess.run(
            ["git", "ls-remote", repo.url], text=True, capture_output=True,
            env={**server.client_environment(tmp_path), "GIT_TRACE_PACKET": "1"})
        assert done.returncode == 0 and "version 2" not in done.stderr
        assert server.requests(repo)[-1].protocol == "HTTP/1.1"
        assert "Public-Key: (2048 bit)" in subprocess.run(
            ["openssl", "x509", "-noout", "-text", "-in", server.folder / "pki/server-good-rsa.crt"],
            capture_output=True, text=True).stdout


def test_the_filter_capability_is_said_only_when_allowed(site):
    def capabilities():
        env = {**site.server.client_environment(site.folder), "GIT_TRACE_PACKET": "1"}
        return subprocess.run(["git", "ls-remote", site.remote.url], env=env, text=True,
                              capture_output=True).stderr
    assert "filter" not in capabilities()
    site.remote.allow_filter()
    assert "filter" in capabilities()


def test_a_crowd_of_branches_is_there(site):
    site.repo.publish()
    site.remote.crowd(500, site.repo.tip())
    assert len(site.remote.git("for-each-ref").splitlines()) == 501


def test_the_wire_counts_and_cuts(site):
    def ask(url):
        env = site.server.client_environment(site.folder)
        env["GIT_CONFIG_KEY_1"] = "credential.helper"    # whatever the port
        return subprocess.run(["git", "ls-remote", url], env=env, capture_output=True, text=True)

    site.repo.publish()
    with Wire(site.server.port) as wire:
        url = site.remote.url.replace(site.server.url, wire.url)
        assert ask(url).stdout == ask(site.remote.url).stdout != ""
        requests = site.server.requests(site.remote)
        inside = sum(r.sent for r in requests[:len(requests) // 2])
        assert wire.connections >= 1 and inside < wire.received < inside + 4000
        before = wire.quiet_total()
        wire.unplug()
        assert ask(url).returncode != 0 and wire.total == before
        wire.plug()
        wire.cut_after(1000)
        received = wire.received
        assert ask(url).returncode != 0 and wire.received - received == 1000
        wire.plug()
        assert ask(url).returncode == 0


def test_kubectl_sees_the_node(own_controlplane):
    assert re.search(r"^edge-0 +Ready ", own_controlplane.kubectl("get", "nodes"), re.MULTILINE)


def test_the_demo_site_is_applied_and_comes_up(site):
    files = demo_site(site.prefix)
    assert len(keys(files)) >= 25 and len({key.kind for key in keys(files)}) >= 10
    for manifest in objects(files):
        if manifest["kind"] == "Camera":
            site.cluster.wait_for("crd", f"cameras.{site.prefix}.example.com",
                                  condition=lambda crd: any(
                                      c["type"] == "Established" and c["status"] == "True"
                                      for c in crd["status"].get("conditions", [])))
        site.cluster.api.apply(manifest)
    assert site.missing(keys(files)) == []
    if site.cluster.can_restart:
        site.cluster.wait_for("deployment", "pos", site.namespace,
                              lambda d: d["status"].get("availableReplicas") == 2)
        site.cluster.wait_for("job", "load-catalogue", site.namespace,
                              lambda job: job["status"].get("succeeded") == 1)
        site.cluster.wait_for("pvc", "pos-journal", site.namespace,
                              lambda claim: claim["status"].get("phase") == "Bound")


def test_what_a_site_leaves_in_the_cluster_is_removed(site):
    for manifest in objects(demo_site(site.prefix))[:6]:
        site.cluster.api.apply(manifest)
    kinds = {resource.kind for resource, _ in site.cluster.leftovers(site.prefix)}
    assert kinds == {"Namespace", "PriorityClass", "CustomResourceDefinition", "ClusterRole",
                     "ClusterRoleBinding"}
    # A namespace takes half a minute to go, as on k3s: it is enough to see that it goes.
    site.cluster.remove_all(site.prefix, wait=False)
    wait_until(lambda: {r.kind for r, _ in site.cluster.leftovers(site.prefix)} <= {"Namespace"},
               "everything but the namespaces to be gone")
    namespace = site.get("namespace", site.namespace)
    assert namespace is None or namespace["status"]["phase"] == "Terminating"


def test_an_image_tagged_broken_never_becomes_ready(own_controlplane):
    own_controlplane.kubectl("create", "deployment", "bad", "--image=shop:broken")
    wait_until(lambda: "ImagePullBackOff" in own_controlplane.kubectl("get", "pods"), "the pod")
    assert not own_controlplane.api.get("deployment", "bad")["status"].get("availableReplicas")
    own_controlplane.kubectl("delete", "deployment", "bad")


def test_synthetic_objects_have_the_promised_sizes_and_are_accepted(site):
    made = synthetic(100, site.prefix)
    sizes = [len(json.dumps(manifest)) for manifest in made[1:]]
    assert 500 <= min(sizes) and max(sizes) <= 4096 and len({m["kind"] for m in made[1:]}) == 5
    assert objects(synthetic_files(100, site.prefix)) == made
    assert all(a != b for a, b in zip(made[1:], synthetic(100, site.prefix, revision=1)[1:]))
    for manifest in made[:6]:
        site.cluster.api.apply(manifest)


def test_a_user_may_do_what_a_role_says_and_nothing_else(own_controlplane):
    kubeconfig = own_controlplane.make_user("joe", ["shop"])
    denied = own_controlplane.kubectl("get", "pods", kubeconfig=kubeconfig, check=False)
    assert 'User "joe" cannot list' in denied.stderr
    own_controlplane.kubectl("create", "rolebinding", "joe", "--clusterrole=view", "--group=shop")
    own_controlplane.kubectl("get", "pods", kubeconfig=kubeconfig)
    assert own_controlplane.audit_events("joe")
    token = own_controlplane.make_token_user("default/default", own_controlplane.folder / "token",
                                             in_file=True)
    assert "default:default" in own_controlplane.kubectl("auth", "whoami", kubeconfig=token)


@pytest.mark.parametrize("hard", [False, True])
def test_the_api_server_comes_back_with_what_it_knew(own_controlplane, hard):
    uid = own_controlplane.api.get("node", "edge-0")["metadata"]["uid"]
    own_controlplane.stop_apiserver(hard)
    with pytest.raises(OSError):
        own_controlplane.api.request("GET", "/readyz")
    own_controlplane.start_apiserver()
    assert own_controlplane.api.get("node", "edge-0")["metadata"]["uid"] == uid


def test_memory_is_measured_from_the_first_instruction_on(tmp_path):
    process = spawn(["/usr/bin/python3", "-Sc", "x = bytearray(50 << 20)"], name="fifty",
                    folder=tmp_path, held=True)
    with measured(process.pid) as report:
        process.release()
        assert process.wait() == 0
    assert report.peak_kib > 50 * 1024 and max(report.high_water.values()) > 50 * 1024


def test_down_ends_what_up_recorded_and_no_stranger(tmp_path):
    ours = spawn(["sleep", "100"], name="ours", folder=tmp_path, detached=True)
    foreign = spawn(["sleep", "100"], name="foreign", folder=tmp_path, detached=True)
    # As if the number had been given to another process since.
    foreign.leader = foreign.leader._replace(start=foreign.leader.start - 1, folder="/nowhere")
    record([ours, foreign], tmp_path / "processes.json")
    end_recorded(tmp_path / "processes.json")
    assert ours.wait(5) == -signal.SIGKILL
    assert foreign.is_running()
    foreign.leader = foreign.leader._replace(start=start_time(foreign.pid))
    foreign.kill()


@pytest.mark.parametrize("harm, complaint", [
    (lambda path: path.write_bytes(path.read_bytes()[:-1] + b"!"), "is not what was built"),
    (lambda path: path.unlink(), "is missing"),
])
def test_a_harmed_program_in_the_cache_is_named_and_not_run(tmp_path, monkeypatch, harm, complaint):
    built = programs(["kubectl"])
    copy = tmp_path / "controlplane" / built.name
    copy.mkdir(parents=True)
    for name in ("kubectl", "MANIFEST"):
        shutil.copy(built / name, copy)
    harm(copy / "kubectl")
    monkeypatch.setenv("LIMPET_CACHE", str(tmp_path))
    with pytest.raises(BuildFailed, match=f"{copy}/kubectl {complaint}.*remove the folder"):
        programs(["kubectl"])


def test_the_git_server_goes_up_and_down_by_hand(tmp_path):
    up = subprocess.run([TESTS / "gitserver/up", tmp_path / "g"], capture_output=True, text=True)
    assert "https://127.0.0.1:" in up.stdout, up.stderr
    down = subprocess.run([TESTS / "gitserver/down", tmp_path / "g"], capture_output=True, text=True)
    assert down.stdout == "ended: fcgiwrap, nginx\n" and not (tmp_path / "g").exists()
    again = subprocess.run([TESTS / "gitserver/down", tmp_path / "g"], capture_output=True, text=True)
    assert again.returncode == 1 and "nothing was started" in again.stderr


@pytest.mark.parametrize("number, fixtures", [
    (signal.SIGKILL, "own_controlplane gitserver"),
    (signal.SIGTERM, "gitserver"),
    (signal.SIGINT, "own_controlplane gitserver"),
])
def test_nothing_is_left_of_a_killed_test_run(tmp_path, number, fixtures):
    ready, started = tmp_path / "ready", {}
    env = {**os.environ, "KILLED_RUN_READY": str(ready), "KILLED_RUN_FIXTURES": fixtures}
    env.pop("LIMPET_TEST_KEEP", None)
    with open(tmp_path / "out", "wb") as out:
        tests = subprocess.Popen(
            [sys.executable, "-m", "pytest", "-q", TESTS / "e2e" / "killed_run.py"], env=env,
            stdout=out, stderr=out, stdin=subprocess.DEVNULL, start_new_session=True,
            preexec_fn=_hear_the_terminal)
    try:
        wait_until(ready.exists, "the inner run", 120, abort=lambda: _still_runs(tests, tmp_path))
        scratch = Path(ready.read_text())
        started.update((pid, start_time(pid)) for pid in family(tests.pid))
        assert len(started) >= (12 if "control" in fixtures else 8) and scratch.exists()
        # As the terminal does it at Ctrl-C: to the whole group.
        os.killpg(tests.pid, number)
        _wait_for_end(tests, tmp_path)
        wait_until(lambda: not any(is_running(*one) for one in started.items()),
                   "every process of the run to end", 10)
        wait_until(lambda: not scratch.exists(), "its folder to be removed", 10)
    finally:
        tests.kill()
        for pid, start in started.items():
            if is_running(pid, start):
                os.kill(pid, signal.SIGKILL)


def _hear_the_terminal():
    """A job that a shell started with & ignores SIGINT, and hands that on to its children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _wait_for_end(tests, folder):
    try:
        tests.wait(60)
    except subprocess.TimeoutExpired:
        tests.send_signal(signal.SIGABRT)               # pytest's faulthandler says where it is
        tests.wait(10)
        raise AssertionError((folder / "out").read_text()) from None


def _still_runs(tests, folder):
    assert tests.poll() is None, (folder / "out").read_text()
