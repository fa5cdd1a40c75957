# SPDX-License-Identifier: Apache-2.0
"""The class Limpet, tried on a stand-in that does as it is told: a daemon that must end
when tests end is not tested with the daemon that the tests are about."""

import signal
import time

import pytest

from support.limpet import Limpet, binary, site_config
from support.sessions import state
from support.waiting import TimedOut, wait_until

STAND_IN = """\
#!/bin/sh
case "$1" in
status) echo '{"config": "'$3'", "calls": '$(cat "$HOME/calls" 2>/dev/null || echo 0)'}' ;;
refuse) echo 'limpet: no' >&2; exit 2 ;;
hang) sleep 100 & echo begun; sleep 100 ;;
echo) cat; env ;;
run) echo 'level=info msg=started'; sleep 100 & trap 'kill $!; exit 0' TERM; wait ;;
esac
"""


@pytest.fixture
def device(site, tmp_path, monkeypatch):
    stand_in = tmp_path / "stand-in"
    stand_in.write_text(STAND_IN)
    stand_in.chmod(0o755)
    monkeypatch.setenv("LIMPET_BIN", f"/bin/sh {stand_in}")
    return site.limpet


def test_the_configuration_names_the_sites_own_parts(site):
    source = site.limpet.source
    assert source["url"] == site.remote.url and source["trust"]["signers"] == str(site.signers)
    credentials = (site.limpet.folder / "credentials")
    assert credentials.read_text() == f"{site.server.user}:{site.server.password}\n"
    assert credentials.stat().st_mode & 0o777 == 0o600
    assert len(str(site.limpet.config["socket"])) < 108


def test_another_poll_and_branch_are_written(site, tmp_path):
    config = site_config(tmp_path / "other", repo=site.remote, kubeconfig="/k", signers="/s",
                         branch="site/other", poll="300s")
    text = Limpet(tmp_path / "other", config).config_file.read_text()
    assert "branch: site/other" in text and "poll: 300s" in text and "path:" not in text


def test_a_missing_binary_is_named(monkeypatch):
    monkeypatch.setenv("LIMPET_BIN", "/nowhere/limpet")
    with pytest.raises(FileNotFoundError, match="/nowhere/limpet"):
        binary()


def test_subcommands_are_given_the_configuration_and_their_end_is_told(device):
    assert device.status()["config"] == str(device.config_file)
    result = device.run("refuse")
    assert (result.code, result.err) == (2, "limpet: no\n")
    with pytest.raises(AssertionError, match="exit 2"):
        device.ok("refuse")
    with pytest.raises(AssertionError, match="no JSON"):
        device.json("refuse")


def test_little_of_the_environment_reaches_limpet(device, monkeypatch):
    monkeypatch.setenv("KUBECONFIG", "/somebody/elses")
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:1")
    out = device.run("echo", input="hello\n", env={"MORE": "1"}).out
    assert "hello" in out and "MORE=1" in out and "KUBECONFIG" not in out and "proxy" not in out


def test_a_subcommand_that_hangs_is_killed_with_its_children(device):
    with pytest.raises(TimedOut, match="begun"):
        device.run("hang", timeout=0.5)


def test_the_daemon_runs_until_it_is_stopped(device):
    device.start()
    device.wait_log("msg=started")
    children = wait_until(lambda: len(device.pids()) == 2 and device.pids(), "the child", 5)
    assert device.stop() == 0 and device.daemon is None
    assert all(state(pid) in (None, "Z") for pid in children)


def test_sigkill_reaches_the_roles_too(device):
    device.start()
    children = wait_until(lambda: len(device.pids()) == 2 and device.pids(), "the child", 5)
    device.kill()
    assert all(state(pid) in (None, "Z") for pid in children)


def test_roles_that_outlive_their_daemon_are_an_error(device):
    device.start()
    wait_until(lambda: len(device.pids()) == 2, "the child", 5)
    with pytest.raises(TimedOut, match="to end"):
        device.kill_daemon_only(timeout=0.3)


def test_waiting_ends_early_when_the_daemon_dies(device):
    device.start()
    device.wait_log("msg=started")
    device.daemon.signal(signal.SIGTERM)
    started = time.monotonic()
    with pytest.raises(RuntimeError, match="daemon ended with 0"):
        device.wait_log("never", timeout=30)
    assert time.monotonic() - started < 5


def test_a_run_is_measured(device):
    code, report = device.measured_run("echo")
    assert code == 0 and report.samples > 0 and report.peak_kib > 100
