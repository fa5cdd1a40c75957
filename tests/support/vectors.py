# SPDX-License-Identifier: Apache-2.0
"""Public test vectors, fetched into the cache and checked against tests/vectors: OpenSSH's by
cross/, as the libraries are; Wycheproof's as a Go module."""

import contextlib
import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

from support.cache import cache_root
from support.goprograms import need_go

TESTS = Path(__file__).resolve().parent.parent
VECTORS = TESTS / "vectors"
WYCHEPROOF = "github.com/c2sp/wycheproof"
OPENSSH_DATA = "/regress/unittests/sshsig/testdata/"

sys.path.insert(0, str(TESTS.parent / "cross" / "lib"))
import sources  # noqa: E402


class Missing(RuntimeError):
    """Vectors could not be fetched, or are not those that are pinned."""


@contextlib.contextmanager
def _locked_by(lock):
    """cross/'s fetcher, by another lock than that of the libraries."""
    usual, sources.LOCK = sources.LOCK, lock
    try:
        yield sources.read_lock()[0]
    except sources.Failure as failure:
        raise Missing(str(failure)) from None
    finally:
        sources.LOCK = usual


def openssh(lock=VECTORS / "openssh.lock"):
    """OpenSSH's test data of SSH signatures: bytes by file name."""
    with _locked_by(lock) as packages:
        sources.fetch(packages)
        archive = sources.path(packages["openssh"].orig)
    with tarfile.open(archive) as files:
        found = {Path(file.name).name: files.extractfile(file).read() for file in files
                 if file.isfile() and OPENSSH_DATA in file.name}
    if not found:
        raise Missing(f"{archive} has no files in {OPENSSH_DATA}")
    return found


def wycheproof(module=VECTORS):
    """The folder with Wycheproof's vectors, as they were when go.sum was written."""
    need_go()
    found = json.loads(_go(module, "mod", "download", "-json", WYCHEPROOF))
    _go(module, "mod", "verify")
    return Path(found["Dir"]) / "testvectors_v1"


def _go(module, *words):
    settings = {"GOMODCACHE": str(cache_root() / "go" / "mod"), "GOWORK": "off",
                "GOFLAGS": "-mod=readonly -modcacherw",
                "XDG_CONFIG_HOME": str(cache_root() / "go" / "config"),
                "GOCACHE": str(cache_root() / "go" / "build")}
    env = {"GOENV": str(Path.home() / ".config" / "go" / "env"), **os.environ, **settings}
    env["PATH"] = env.get("PATH", "") + ":/usr/local/go/bin"
    done = subprocess.run(["go", *words], cwd=module, env=env, capture_output=True, text=True)
    if done.returncode != 0:
        raise Missing(f"go {' '.join(words)}: {done.stderr.strip() or done.stdout.strip()}\n"
                      f"  pinned by {module}/go.sum; kept in {settings['GOMODCACHE']}, where"
                      " `go clean -modcache` would drop what was altered")
    return done.stdout
