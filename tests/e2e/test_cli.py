# SPDX-License-Identifier: Apache-2.0
"""The subcommands as a person meets them: words, help, JSON, exit codes, and what doctor finds."""

import json
import signal

import pytest

from support.sitefiles import small_site
from support.told import is_applied, nothing_changes, source, wait_applied, wait_idle
from support.waiting import wait_until

COMMANDS = ["run", "sync", "status", "history", "events", "rollback", "resume", "suspend", "build",
            "verify", "keys", "release", "trust", "doctor", "version", "help"]


@pytest.fixture
def device(site):
    """A site that has applied two commits, without a daemon."""
    site.first = site.repo.publish(small_site(site.prefix), "Version 1")
    site.limpet.ok("sync")
    site.second = site.repo.publish(small_site(site.prefix, version="2"), "Version 2")
    site.limpet.ok("sync")
    return site


# --- words ------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [("help",), ("--help",), ("-h",), ()])
def test_help_lists_every_subcommand(site, words):
    result = site.limpet.run(*words, config=False)
    assert result.code == 0
    for command in COMMANDS:
        assert f"\n  {command} " in result.out


@pytest.mark.parametrize("command", COMMANDS)
def test_every_subcommand_has_help_with_examples(site, command):
    result = site.limpet.run(command, "--help", config=False)
    assert result.code == 0 and result.err == ""
    assert result.out.startswith(f"Usage: limpet {command}")
    examples = result.out.partition("Examples:")[2]
    assert f"limpet {command}" in examples
    assert site.limpet.run("help", command, config=False).out == result.out


def test_help_config_lists_every_key_with_its_default(site):
    out = site.limpet.ok("help", "config", config=False).out
    for word in ("site", "sources", "kubeconfig", "signers", "300s", "site/${site}", "stateDir"):
        assert word in out


def test_help_annotations_lists_what_an_object_can_ask_for(site):
    out = site.limpet.ok("help", "annotations", config=False).out
    assert "`limpet.dev/drift: report`" in out and "Prune=false" in out
    told = json.loads(site.limpet.ok("help", "annotations", "-o", "json", config=False).out)
    kept = [row for row in told["annotations"] if row["key"] == "limpet.dev/prune"]
    assert {peer["by"] for peer in kept[0]["same"]} == {"Flux", "Argo CD"}


def test_help_is_told_as_json_too(site):
    def told(*words):
        return json.loads(site.limpet.ok(*words, config=False).out)

    assert [command["name"] for command in told("help", "-o", "json")["commands"]] == COMMANDS
    rollback = told("help", "rollback", "-o", "json")
    assert rollback == told("rollback", "--help=json")
    assert rollback["usage"].startswith("limpet rollback")
    assert {"name": "config", "letter": "c", "value": "FILE"}.items() <= (
        rollback["options"][0].items())
    keys = {key["key"]: key for key in told("help", "config", "-o", "json")["keys"]}
    assert keys["sources[].poll"]["default"] == "300s" and keys["site"]["required"]


@pytest.mark.parametrize("words, said", [
    (("statsu",), 'did you mean "limpet status"'),
    (("status", "-xo", "json"), "no option -x"),
    (("status", "--help=yaml"), "--help=json"),
    (("frobnicate",), "limpet help lists all"),
    (("help", "frobnicate"), "limpet help lists all"),
    (("status", "--nope"), "--nope"),
    (("status", "-o", "yaml"), "text|json"),
    (("sync", "now"), '"now"'),
    (("rollback", "1", "2"), '"2"'),
    (("history", "--config"), "needs a value"),
    (("verify",), "--object FILE"),
    (("verify", "--repo", "."), "needs a REV"),
    (("build", "/nowhere"), "/nowhere"),
])
def test_a_wrong_word_gets_a_clear_error(site, words, said):
    result = site.limpet.run(*words, config=False)
    assert result.code == 2 and said in result.err and result.out == ""


@pytest.mark.parametrize("name", ["fetch", "render", "cluster"])
def test_a_role_is_nothing_that_a_person_can_start(site, name):
    result = site.limpet.run("role", name, config=False)
    assert result.code == 2 and result.err


# --- configuration ----------------------------------------------------------------------------


CONFIGS = {
    "unknown-key": ("suorces: []\n", ["config.yaml:1", "suorces", 'did you mean "sources"']),
    "wrong-type": ("site: demo\ncluster:\n  concurrency: many\n",
                   ["config.yaml:3", "cluster.concurrency", "number"]),
    "two-sources": ("site: demo\nsources:\n" + 2 * (
        "- url: https://git.example.com/x.git\n  trust:\n    signers: /etc/signers\n"),
        ["sources", "yet"]),
    "not-yaml": ("site: [\n", ["config.yaml:"]),
    "no-https": ("site: demo\nsources:\n- url: http://git.example.com/x.git\n"
                 "  trust: {signers: /etc/signers}\n", ["config.yaml:3", "url", "https"]),
    "missing": ("site: demo\n", ["sources", "missing"]),
}


@pytest.mark.parametrize("case", CONFIGS)
@pytest.mark.parametrize("command", ["run", "sync", "status", "doctor"])
def test_a_wrong_configuration_is_refused_with_its_place(site, case, command):
    text, words = CONFIGS[case]
    site.limpet.write_config(text)
    result = site.limpet.run(command)
    assert result.code == 2 and result.out == ""
    for word in words:
        assert word in result.err, (word, result.err)
    assert list(site.limpet.state_dir.iterdir()) == []


@pytest.mark.parametrize("command", [("sync",), ("status",), ("history",), ("suspend",),
                                     ("doctor",), ("rollback",)], ids=lambda words: words[0])
def test_a_wrong_configuration_is_told_as_json_too(site, command):
    site.limpet.write_config("suorces: []\n")
    result = site.limpet.run(*command, "-o", "json")
    told = json.loads(result.out)
    assert told["exit"] == result.code == 2 and "suorces" in told["text"]


def break_files(site):
    """Names three files that are not there; returns the words that tell of them."""
    missing = {"ca": "/nowhere/ca", "credentials": "/nowhere/password"}
    site.limpet.source.update(missing)
    site.limpet.source["trust"]["signers"] = "/nowhere/signers"
    site.limpet.write_config()
    lines = site.limpet.config_file.read_text().splitlines()

    def line_of(path):
        return next(n for n, line in enumerate(lines, 1) if path in line)

    return [f"config.yaml:{line_of(path)}: sources[0].{key}: {path}: No such file" for key, path in
            {**missing, "trust.signers": "/nowhere/signers"}.items()]


def test_files_that_cannot_be_read_are_all_told_with_their_place(device):
    said = break_files(device)
    with nothing_changes(device, small_site(device.prefix, version="2")):
        sync = device.limpet.run("sync")
        doctor = device.limpet.run("doctor")
    assert sync.code == 2 and doctor.code == 1
    for words in said:
        assert words in sync.err and words in doctor.out, (words, sync.err)


def test_a_daemon_tells_of_unreadable_files_and_keeps_what_it_has_running(device):
    said = break_files(device)
    device.cluster.api.delete("ConfigMap", "till-1", device.namespace)
    device.limpet.start()
    wait_until(lambda: device.get("ConfigMap", "till-1"), "the stored revision to be applied")
    for words in said:
        assert words in device.limpet.log()


def test_a_reload_that_names_an_unreadable_file_is_refused(device):
    device.limpet.start()
    wait_applied(device, device.second)
    said = break_files(device)
    device.limpet.daemon.signal(signal.SIGHUP)
    device.limpet.wait_log("event=reload-failed")
    for words in said:
        assert words in device.limpet.log()
    assert is_applied(device.limpet.status(), device.second)


def test_all_errors_of_a_configuration_are_told_at_once(site):
    site.limpet.write_config("stie: demo\ncluster: {concurrency: many}\nlog: loud\n")
    result = site.limpet.run("status")
    assert result.code == 2
    for word in ("stie", "concurrency", "log", "sources"):
        assert word in result.err


def test_a_configuration_that_cannot_be_read_is_named(site):
    result = site.limpet.run("status", "--config", "/nowhere/config.yaml", config=False)
    assert result.code == 2 and "/nowhere/config.yaml" in result.err


# --- what is told -----------------------------------------------------------------------------


def test_everything_is_told_as_json_too(device):
    limpet = device.limpet
    assert limpet.json("status")["site"] == "demo"
    assert [r["commit"] for r in limpet.json("history")["revisions"]] == [device.second,
                                                                         device.first]
    assert limpet.json("sync")["exit"] == 0
    assert limpet.json("rollback")["exit"] == 0
    assert limpet.json("resume")["exit"] == 0
    assert limpet.json("suspend")["exit"] == 0
    assert limpet.json("resume")["exit"] == 0
    assert {check["check"] for check in limpet.json("doctor")["checks"]} >= {
        "clock", "state", "signers", "git", "api"}
    version = json.loads(limpet.ok("version", "-o", "json", config=False).out)
    assert version["version"] and version["commit"] and "curl" in version["libraries"]
    verdict = limpet.json("verify", "--repo", device.repo.root, "HEAD")
    assert (verdict["verdict"], verdict["reason"]) == ("accepted", None)


def test_everything_is_told_as_json_by_a_daemon_too(device):
    limpet = device.limpet
    limpet.start()
    wait_idle(device)
    assert limpet.json("status")["daemon"]["pid"] == limpet.daemon.pid
    assert len(limpet.json("history")["revisions"]) == 2
    for words in (("sync",), ("rollback",), ("resume",), ("suspend",), ("resume",)):
        assert limpet.json(*words)["exit"] == 0, words
    assert any(check["check"] == "daemon" and check["result"] == "ok"
               for check in limpet.json("doctor")["checks"])


def test_an_error_is_told_as_json_with_its_exit_code(device):
    device.server.stop()
    result = device.limpet.run("sync", "-o", "json")
    assert result.code == 2 and json.loads(result.out)["exit"] == 2
    assert json.loads(result.out)["text"]
    result = device.limpet.run("rollback", "deadbeef", "-o", "json")
    assert result.code == json.loads(result.out)["exit"] != 0


def test_status_tells_a_person_what_runs(device):
    device.limpet.start()
    wait_idle(device)
    result = device.limpet.ok("status")
    for word in ("site demo", "ok", f"process {device.limpet.daemon.pid}", device.second[:12],
                 "Version 2", "ops@example.com", device.branch, device.remote.url):
        assert word in result.out, (word, result.out)
    assert "\033" not in result.out, "colour is for terminals"


def test_status_answers_from_the_store_when_no_daemon_runs(device):
    result = device.limpet.run("status")
    assert result.code == 0 and "not running" in result.out and device.second[:12] in result.out
    status = device.limpet.status()
    assert "daemon" not in status and is_applied(status, device.second)
    assert source(status)["inventory"] == 4


def test_status_and_history_of_a_device_that_never_ran_say_so(site):
    for command in ("status", "history"):
        result = site.limpet.run(command)
        assert result.code == 2 and "did not run here" in result.err
        assert str(site.limpet.state_dir) in result.err


def test_history_shows_each_revision_and_which_is_applied(device):
    out = device.limpet.ok("history").out
    lines = out.splitlines()
    assert lines[0].split()[:2] == ["ID", "COMMIT"]
    assert device.second[:12] in lines[1] and "<- applied" in lines[1]
    assert device.first[:12] in lines[2] and "Version 1" in lines[2]


def test_status_exits_0_when_ok_1_when_degraded_and_2_when_failed(site):
    site.limpet.run("sync")                             # an empty repository
    assert site.limpet.run("status").code == 2
    first = site.repo.publish(small_site(site.prefix))
    site.limpet.ok("sync")
    assert site.limpet.run("status").code == 0
    site.repo.publish(small_site(site.prefix, version="2"), sign=False)
    site.limpet.run("sync")
    result = site.limpet.run("status")
    assert result.code == 1 and "unsigned" in result.out and first[:12] in result.out


def test_version_names_the_libraries_and_prints_their_licences(site):
    out = site.limpet.ok("version", config=False).out
    assert out.startswith("limpet ") and "libgit2" in out
    licences = site.limpet.ok("version", "--licences", config=False).out
    assert "Apache-2.0" in licences and "libsodium" in licences and len(licences) > 10_000


def test_build_renders_a_folder_as_the_device_would(device):
    result = device.limpet.ok("build", device.repo.root, "--namespace", device.namespace,
                              config=False)
    assert result.out.count("kind: ConfigMap") == 3 and result.out.count("kind: Namespace") == 1
    device.repo.write({"bad.yaml": "kind: ConfigMap\n"})
    result = device.limpet.run("build", device.repo.root, config=False)
    assert result.code == 1 and "bad.yaml:1: apiVersion" in result.err and result.out == ""


# --- doctor -----------------------------------------------------------------------------------


def check(site, name):
    return next(c for c in site.limpet.json("doctor")["checks"] if c["check"] == name)


def test_doctor_finds_nothing_wrong_with_a_device_that_works(device):
    device.limpet.start()
    wait_applied(device, device.second)
    result = device.limpet.run("doctor")
    assert result.code == 0, result.out
    assert "problem" not in result.out
    for name in ("clock", "state", "disk", "signers", "git", "api", "rights", "daemon"):
        assert f" {name} " in result.out


BROKEN = {
    "signers": lambda site: site.signers.write_text("nobody knows this\n"),
    "git": lambda site: site.server.configure(password="changed"),
    "api": lambda site: site.limpet.config["cluster"].update(kubeconfig="/nowhere/kubeconfig"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_doctor_finds_what_is_broken_and_says_how_to_mend_it(device, name):
    BROKEN[name](device)
    device.limpet.write_config()

    result = device.limpet.run("doctor")

    assert result.code == 1
    lines = result.out.splitlines()
    at = next(n for n, line in enumerate(lines) if line.startswith("problem ") and name in line)
    assert lines[at + 1].strip().startswith("->")
    found = check(device, name)
    assert found["result"] == "problem" and found["text"] and found["mend"]


def test_doctor_names_a_git_server_that_is_away_and_one_with_another_ca(device):
    device.server.configure(certificate="other-ca")
    assert "CA" in check(device, "git")["text"]
    device.server.stop()
    assert "127.0.0.1" in check(device, "git")["text"]


def test_doctor_warns_of_a_state_folder_that_others_can_enter(device):
    device.limpet.state_dir.chmod(0o755)
    found = check(device, "state")
    assert found["result"] == "warning" and "chmod 700" in found["mend"]


def test_doctor_names_the_rights_that_are_missing(site_on_own_cluster):
    site = site_on_own_cluster
    site.repo.publish(small_site(site.prefix))
    site.limpet.ok("sync")
    site.limpet.config["cluster"]["kubeconfig"] = str(site.cluster.make_user("nobody-much"))
    site.limpet.write_config()

    result = site.limpet.run("doctor")

    assert result.code == 1
    assert "patch configmaps" in result.out and "not allowed" in result.out


def test_doctor_changes_nothing(device):
    before = {path: path.stat().st_mtime_ns for path in device.limpet.state_dir.rglob("*")}
    device.limpet.run("doctor")
    assert {p: p.stat().st_mtime_ns for p in device.limpet.state_dir.rglob("*")} == before
