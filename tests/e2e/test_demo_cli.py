# SPDX-License-Identifier: Apache-2.0
"""tests/demo before and after the story: its words, how it looks, and that it ends exactly
what it has left. The story itself is tests/demo."""

import io
import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from story import kept, needed
from story.teller import Teller
from support.processes import record, spawn
from support.waiting import wait_until

DEMO = Path(__file__).resolve().parent.parent / "demo"


def demo(*words, **environment):
    return subprocess.run([DEMO, *map(str, words)], capture_output=True, text=True, timeout=60,
                          stdin=subprocess.DEVNULL, env={**os.environ, **environment})


def test_help_has_examples_and_starts_nothing():
    done = demo("--help")
    assert done.returncode == 0 and done.stderr == ""
    for word in ("--keep", "--kubeconfig FILE", "--end FOLDER", "examples:", "LIMPET_CACHE"):
        assert word in done.stdout


@pytest.mark.parametrize("words, message", [
    (["--kepp"], "unrecognized arguments: --kepp"),
    (["now"], "unrecognized arguments: now"),
    (["--kubeconfig"], "expected one argument"),
    (["--kubeconfig", "/nowhere/config"], "/nowhere/config cannot be read"),
    (["--end", "/tmp", "--keep"], "--end stands alone"),
])
def test_a_wrong_word_is_named_and_nothing_is_started(words, message):
    done = demo(*words)
    assert done.returncode == 2 and done.stdout == ""
    assert message in done.stderr and "usage: tests/demo" in done.stderr


def test_a_folder_of_others_is_not_ended(tmp_path):
    (tmp_path / "precious").touch()
    done = demo("--end", tmp_path)
    assert done.returncode == 2 and f"{tmp_path} was not made by tests/demo --keep" in done.stdout
    assert (tmp_path / "precious").exists()


def test_end_ends_what_was_recorded_and_nothing_else(tmp_path):
    folder = tmp_path / "demo"
    ours = spawn(["sleep", "100"], name="ours", folder=folder / "device")
    stranger = spawn(["sleep", "100"], name="stranger", folder=folder / "device")
    record([ours], folder / "device" / "processes.json")
    (folder / kept.RECORD).write_text(json.dumps({"prefix": "demo", "kubeconfig": None}))

    done = demo("--end", folder)

    assert done.returncode == 0 and "ended: ours" in done.stdout
    wait_until(lambda: not ours.is_running(), "ours to end", 5)
    assert stranger.is_running() and not folder.exists()
    stranger.kill()


@pytest.mark.parametrize("version, good", [
    ("go version go1.19.8 linux/amd64", False), ("go version go1.26.0 linux/amd64", True),
    ("go version go2.0 linux/arm64", True), ("not Go at all", False)])
def test_an_old_go_is_named_before_anything_is_built(tmp_path, monkeypatch, version, good):
    (tmp_path / "go").write_text(f"#!/bin/sh\necho {version}\n")
    (tmp_path / "go").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    teller = Teller(io.StringIO())
    if good:
        needed.go(teller)
        return
    with pytest.raises(needed.CannotGoOn, match=re.escape(version)):
        needed.go(teller)


def test_how_far_a_build_is_comes_from_its_log(tmp_path):
    log = tmp_path / "log"
    assert needed._how_far(log) == ""
    log.write_text("cross/build: fetching 20 source files\n....")
    assert needed._how_far(log) == "fetching 20 source files"
    log.write_text("cross/build: building\n[3/10] zlib 1.3 ... 4 s\n[4/10] curl 8.14 ... 60 s\n")
    assert needed._how_far(log) == "4 of 10 done"
    with log.open("a") as more:
        more.write("cross/build: host is ready: /somewhere\n")
    assert needed._how_far(log) == "host is ready: /somewhere"


def test_a_build_that_fails_is_told_with_the_end_of_its_log(tmp_path):
    log, stream = tmp_path / "log", io.StringIO()
    with pytest.raises(needed.CannotGoOn) as told:
        needed._make(Teller(stream), "a step", log, ["sh", "-c", "echo no such header; exit 3"])
    assert stream.getvalue().startswith("  --  a step")
    assert f"ended with 3; all of it is in {log}" in str(told.value)
    assert "no such header" in str(told.value)


def test_a_log_holds_no_control_characters_and_each_step_once():
    stream = io.StringIO()
    teller = Teller(stream)
    teller.chapter("A chapter")
    with teller.step("a step") as step:
        step.label = "a step that has found 3 things"
    with pytest.raises(ValueError), teller.step("a step that fails"):
        raise ValueError
    teller.table("The end")
    lines = stream.getvalue().splitlines()
    assert "\033" not in stream.getvalue() and "\r" not in stream.getvalue()
    assert sum(line.startswith("  ok  a step that has found 3 things ..") for line in lines) == 1
    assert sum(line.startswith("  --  a step that fails ..") for line in lines) == 1
    assert lines[-2].startswith("  A chapter ..") and lines[-1].startswith("  together ..")
