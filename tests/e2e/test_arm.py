# SPDX-License-Identifier: Apache-2.0
"""The ARM binaries do the whole job: one sync to the real API server, under qemu-user."""

from pathlib import Path

import pytest
from support.emulator import emulated
from support.sitefiles import keys

BUILD = Path(__file__).resolve().parent.parent.parent / "build"


@pytest.mark.parametrize("machine, preset", [("aarch64", "release-arm64"), ("arm", "release-armhf")])
def test_a_whole_sync_by_an_arm_binary(site, machine, preset, monkeypatch):
    monkeypatch.setenv("LIMPET_BIN", str(BUILD / preset / "limpet"))
    commit = site.publish_demo()

    with emulated(machine):
        result = site.limpet.run("sync", timeout=240)
        status = site.limpet.status()

    assert result.code == 0, result.err
    assert site.missing(keys(site.demo_files())) == []
    assert status["sources"][0]["applied"]["commit"] == commit
    assert status["sources"][0]["applied"]["state"] == "applied"
