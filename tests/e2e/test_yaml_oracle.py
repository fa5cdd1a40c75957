# SPDX-License-Identifier: Apache-2.0
"""What the unit tests of YAML expect is what Kubernetes' own library says today."""

import os
import shutil
import subprocess
from pathlib import Path

from support.cache import cache_root

FOLDER = Path(__file__).resolve().parent.parent / "unit" / "json"


def test_the_expectations_are_those_of_the_library_that_is_pinned(tmp_path):
    copy = tmp_path / "json"
    shutil.copytree(FOLDER, copy)
    for made in [copy / "scalars.json", *(copy / "documents").glob("*.json")]:
        made.unlink()
    go = shutil.which("go") or "/usr/local/go/bin/go"
    env = {**os.environ, "GOFLAGS": "-mod=readonly -modcacherw", "GOWORK": "off",
           "GOCACHE": str(cache_root() / "go" / "build"),
           "GOMODCACHE": str(cache_root() / "go" / "mod"),
           "XDG_CONFIG_HOME": str(cache_root() / "go" / "config")}
    subprocess.run([go, "run", ".", ".."], cwd=copy / "oracle", env=env, check=True)

    wanted = sorted(FOLDER.glob("documents/*.json"))
    assert len(wanted) > 50
    assert {file.name for file in wanted} == {file.name for file in copy.glob("documents/*.json")}
    for file in [FOLDER / "scalars.json", *wanted]:
        assert (copy / file.relative_to(FOLDER)).read_bytes() == file.read_bytes(), file.name
