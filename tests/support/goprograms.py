# SPDX-License-Identifier: Apache-2.0
"""Builds the control plane's programs from pinned Go modules, once, into the cache.

tests/controlplane/go.mod and go.sum (and kwok/'s own) pin every byte of source. The
folder in the cache is named by a hash over those, this recipe and Go's version; a
MANIFEST in it, in the format of sha256sum, is checked before a program is used.
"""

import functools
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import NamedTuple

from support.cache import cache_root, locked, sha256_of
from support.progress import progress

MODULE = Path(__file__).resolve().parent.parent / "controlplane"
KUBERNETES = "v1.36.3"


class Program(NamedTuple):
    """How one program is built."""
    name: str
    package: str
    seconds: int        # cold, on two cores, in the order of PROGRAMS
    module: str = "."   # folder of its go.mod, under tests/controlplane
    cgo: bool = False
    ldflags: str = "-s -w"


# Without a version the programs call themselves v0.0.0-master, which kubectl cannot parse.
_VERSION = "k8s.io/component-base/version"
_KUBE = (f"-s -w -X {_VERSION}.gitVersion={KUBERNETES}"
         f" -X {_VERSION}.gitMajor=1 -X {_VERSION}.gitMinor={KUBERNETES.split('.')[1]}")

PROGRAMS = (
    Program("kube-apiserver", "k8s.io/kubernetes/cmd/kube-apiserver", 250, ldflags=_KUBE),
    Program("kube-controller-manager", "k8s.io/kubernetes/cmd/kube-controller-manager", 60,
            ldflags=_KUBE),
    Program("kube-scheduler", "k8s.io/kubernetes/cmd/kube-scheduler", 10, ldflags=_KUBE),
    Program("kubectl", "k8s.io/kubernetes/cmd/kubectl", 25, ldflags=_KUBE),
    Program("kine", "github.com/k3s-io/kine", 100, cgo=True),
    Program("kwok", "sigs.k8s.io/kwok/cmd/kwok", 60, module="kwok"),
)


class BuildFailed(RuntimeError):
    """A program could not be built, or is not what it was when it was built."""


def _go():
    go = shutil.which("go") or shutil.which("/usr/local/go/bin/go")
    if go is None:
        raise BuildFailed(
            "Go is missing: it builds the control plane for the tests; see https://go.dev/doc/install")
    return go


def _environment(program):
    """Go's own caches go beside the programs, so that nothing is left anywhere else."""
    settings = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    own = {"GOCACHE": str(cache_root() / "go" / "build"),
           "GOMODCACHE": str(cache_root() / "go" / "mod"),
           "GOENV": str(settings / "go" / "env")}
    # There it would keep its telemetry; what the user has set by `go env -w` stays as it is.
    env = {**own, **os.environ, "XDG_CONFIG_HOME": str(cache_root() / "go" / "config")}
    env.update(GOFLAGS="-mod=readonly -modcacherw", GOWORK="off", GOOS="", GOARCH="",
               CGO_ENABLED="1" if program.cgo else "0")
    return env


@functools.cache
def _recipe():
    """A hash over everything that decides what comes out of the build."""
    digest = hashlib.sha256()
    for module in sorted({program.module for program in PROGRAMS}):
        for name in ("go.mod", "go.sum"):
            digest.update((MODULE / module / name).read_bytes())
    digest.update(json.dumps(PROGRAMS).encode())
    version = subprocess.run(
        [_go(), "env", "GOVERSION", "GOHOSTOS", "GOHOSTARCH"], cwd=MODULE,
        env=_environment(PROGRAMS[0]), check=True, capture_output=True).stdout
    digest.update(version)
    return digest.hexdigest()[:16]


def _manifest(folder):
    try:
        lines = (folder / "MANIFEST").read_text().splitlines()
    except FileNotFoundError:
        return {}
    return {name: digest for digest, name in (line.split() for line in lines)}


def _build(program, folder, label):
    """Builds one program beside its final name, and only then names it in the MANIFEST."""
    temporary, log = folder / f"{program.name}.new", folder / f"{program.name}.log"
    argv = ["setpriv", "--pdeathsig", "TERM", "nice", _go(), "build", "-p", "2", "-trimpath",
            "-buildvcs=false", "-ldflags", program.ldflags, "-o", str(temporary),
            program.package]

    def fetched():
        count = log.read_text(errors="replace").count("go: downloading")
        return f"{count} modules fetched" if count else ""

    with open(log, "wb") as out, progress(f"{label} (about {program.seconds} s)", fetched):
        code = _run(argv, program, out)
    if code != 0:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
        raise BuildFailed(f"{program.name} does not build; all of it is in {log}, the end:\n{tail}")
    known = _manifest(folder)
    known[program.name] = sha256_of(temporary)
    temporary.rename(folder / program.name)
    lines = "".join(f"{digest}  {name}\n" for name, digest in sorted(known.items()))
    (folder / "MANIFEST.new").write_text(lines)
    (folder / "MANIFEST.new").rename(folder / "MANIFEST")
    log.unlink()


def _run(argv, program, out):
    """Runs go in a session of its own; an interrupt ends all of it, and it leaves no file."""
    parent = cache_root() / "go"
    parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=parent, ignore_cleanup_errors=True) as temporary:
        popen = subprocess.Popen(
            argv, cwd=MODULE / program.module, env={**_environment(program), "GOTMPDIR": temporary},
            stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True)
        try:
            return popen.wait()
        except BaseException:
            os.killpg(popen.pid, signal.SIGINT)
            popen.wait()
            raise


def _verify(folder, name, digest):
    path = folder / name
    if not path.exists():
        raise BuildFailed(f"{path} is missing though the MANIFEST beside it names it:"
                          f" remove the folder {folder} and run this again")
    if sha256_of(path) != digest:
        raise BuildFailed(f"{path} is not what was built (its SHA-256 differs from the MANIFEST):"
                          f" remove the folder {folder} and run this again")


def need_go():
    """Raises BuildFailed when there is no Go, or one that is too old; returns its version."""
    wanted = re.search(r"^go (\d+)\.(\d+)", (MODULE / "go.mod").read_text(), re.MULTILINE)
    text = subprocess.run([_go(), "version"], cwd=MODULE, env=_environment(PROGRAMS[0]),
                          capture_output=True, text=True).stdout.strip()
    found = re.search(r"go(\d+)\.(\d+)", text)
    if not found or _numbers(found) < _numbers(wanted):
        raise BuildFailed(f"{_go()} says {text!r}; the control plane needs"
                          f" Go {'.'.join(wanted.groups())} or newer: see https://go.dev/doc/install")
    return found.group()


def _numbers(match):
    return tuple(map(int, match.groups()))


def missing():
    """The names of the programs that are not built yet."""
    known = _manifest(cache_root() / "controlplane" / _recipe())
    return [program.name for program in PROGRAMS if program.name not in known]


_verified = set()


def programs(names=None):
    """The folder that holds the named programs (all by default), built and verified.

    Each program is verified once in the life of the process.
    """
    wanted = [p for p in PROGRAMS if names is None or p.name in names]
    folder = cache_root() / "controlplane" / _recipe()
    if all((folder, program.name) in _verified for program in wanted):
        return folder
    with locked(folder):
        known = _manifest(folder)
        missing = [p for p in wanted if p.name not in known]
        for number, program in enumerate(missing, 1):
            _build(program, folder, f"[{number}/{len(missing)}] building {program.name}")
        known = _manifest(folder)
        if missing and len(known) == len(PROGRAMS):
            # 3 GB that only a change of version would use again.
            shutil.rmtree(cache_root() / "go" / "build", ignore_errors=True)
        for program in wanted:
            if (folder, program.name) not in _verified:
                _verify(folder, program.name, known[program.name])
                _verified.add((folder, program.name))
    return folder
