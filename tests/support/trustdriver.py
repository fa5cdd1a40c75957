# SPDX-License-Identifier: Apache-2.0
"""Many commits at once before the two judges: limpet's by tests/e2e/trust/driver.c, and git's
by `git verify-commit` in a repository of bytes that say whatever they say."""

import hashlib
import os
import subprocess
import zlib
from collections import namedtuple
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from support.gitserver import git_environment

ROOT = Path(__file__).resolve().parent.parent.parent
UNREADABLE = 3  # the driver's exit code

Judged = namedtuple("Judged", "verdict payload signer key reason")
Verified = namedtuple("Verified", "verdict signs namespace key reason")


def driver(name="trust_driver"):
    """A driver that belongs to the build under test: LIMPET_BUILD, or preset `dev`."""
    build = Path(os.environ.get("LIMPET_BUILD") or ROOT / "build" / "dev")
    path = build / "tests" / "e2e" / name
    if not path.exists():
        raise FileNotFoundError(f"{path} is missing: build it (cmake --preset dev &&"
                                " cmake --build build/dev), or name a build in LIMPET_BUILD")
    return path


def judge(objects, *, signers=None, keys=None, revoked=None):
    """limpet's judgement of each object (bytes); None when it cannot read one of the files."""
    words = []
    for option, path in (("--signers", signers), ("--keys", keys), ("--revoked", revoked)):
        words += [option, str(path)] if path else []
    lines = _ask(words, objects)
    if lines is None:
        return None
    assert len(lines) == len(objects), (len(lines), len(objects))
    return [Judged(*line.split("\t", 4)) for line in lines]


def verify(pairs):
    """Of each (SSH signature as ssh-keygen writes it, message): whether limpet reads the one and
    it signs the other."""
    pieces = [piece for armor, message in pairs
              for piece in (armor.rstrip(b"\n").replace(b"\n", b"\n "), message)]
    lines = _ask(["--sshsig"], pieces)
    assert len(lines) == len(pairs), (len(lines), len(pairs))
    return [Verified(*line.split("\t", 4)) for line in lines]


def _ask(words, objects):
    """The lines that the driver prints; None when it cannot read one of its files."""
    stdin = b"".join(b"%d\n%s" % (len(data), data) for data in objects)
    done = subprocess.run([str(driver()), *words], input=stdin, capture_output=True)
    if done.returncode == UNREADABLE:
        return None
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    return done.stdout.decode(errors="replace").split("\n")[:-1]


class GitJudge:
    """A repository of its own, into which any bytes go as a commit."""

    def __init__(self, folder):
        self.repo = Path(folder)
        self.repo.mkdir(parents=True)
        self.env = git_environment(self.repo)
        subprocess.run(["git", "init", "-q", "--bare", "."], cwd=self.repo, env=self.env,
                       check=True)

    def store(self, data):
        """Puts bytes into the repository as a commit; the id."""
        raw = b"commit %d\0%s" % (len(data), data)
        name = hashlib.sha1(raw).hexdigest()
        path = self.repo / "objects" / name[:2] / name[2:]
        path.parent.mkdir(exist_ok=True)
        if not path.exists():
            path.write_bytes(zlib.compress(raw, 1))
        return name

    def accepts(self, data, *settings):
        """Whether `git verify-commit` does; settings are git's, as NAME=VALUE."""
        words = [word for setting in settings for word in ("-c", setting)]
        done = subprocess.run(["git", *words, "verify-commit", self.store(data)], cwd=self.repo,
                              env=self.env, capture_output=True)
        assert done.returncode in (0, 1, 128), done
        return done.returncode == 0

    def accepts_each(self, questions):
        """The answers to (data, settings), two asked at a time."""
        with ThreadPoolExecutor(os.cpu_count() or 2) as pool:
            return list(pool.map(lambda question: self.accepts(question[0], *question[1]),
                                 questions))
