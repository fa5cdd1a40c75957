# SPDX-License-Identifier: Apache-2.0
"""The size of the binary, stripped, on each target."""

import subprocess

import pytest
from figures import figure, release

STRIP = {"x86_64": "strip", "aarch64": "aarch64-linux-gnu-strip", "armv7l": "arm-linux-gnueabihf-strip"}


@pytest.mark.parametrize("machine", STRIP)
def test_the_stripped_binary_is_small(machine, tmp_path):
    stripped = tmp_path / "limpet"
    subprocess.run([STRIP[machine], "-o", stripped, release(machine)], check=True)

    figure(f"binary, {machine}, stripped", stripped.stat().st_size / 1e6, 3.0, "MB")
