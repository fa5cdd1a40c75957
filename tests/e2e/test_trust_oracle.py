# SPDX-License-Identifier: Apache-2.0
"""`limpet verify` against `git verify-commit` with the same allowed signers, on commits that
the real git and ssh-keygen make now: limpet accepts every honest one, and never an altered one
that git refuses. It is stricter on purpose, so the other direction is told, not demanded."""

import json
import os
import random
import subprocess
from collections import Counter

import pytest

from support.gitserver import git_environment
from support.limpet import binary
from support.mutations import double_line, drop_line, swap_lines
from support.siterepo import KEY_TYPES
from support.words import filled

KEYS = {**KEY_TYPES, "rsa2048": ["-t", "rsa", "-b", "2048"], "rsa4096": ["-t", "rsa", "-b", "4096"],
        "stranger": ["-t", "ed25519"]}
MUTATIONS = 20_000 if os.environ.get("LIMPET_LONG") else 250
SEED = 20261121
EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"


class Workshop:
    """A repository, keys of every type, and the two judges."""

    def __init__(self, folder):
        self.folder = folder
        self.repo = folder / "repo"
        self.repo.mkdir()
        for name, options in KEYS.items():
            subprocess.run(["ssh-keygen", "-q", *options, "-N", "", "-C", "", "-f", folder / name],
                           check=True)
        self.git("init", "-q", "-b", "main")
        for setting, value in {"user.name": "Ann", "user.email": "ann@example.com",
                               "gpg.format": "ssh", "gc.auto": "0"}.items():
            self.git("config", setting, value)
        self.signers = folder / "signers"
        self.signers.write_text("".join(f"{name}@example.com {self.public(name)}\n"
                                        for name in KEYS if name != "stranger"))

    def public(self, name):
        return " ".join((self.folder / f"{name}.pub").read_text().split()[:2])

    def git(self, *words, input=None, check=True, date="1750000000 +0000"):
        env = {**git_environment(self.folder), "GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date}
        return subprocess.run(["git", *map(str, words)], cwd=self.repo, env=env, input=input,
                              check=check, capture_output=True)

    def commit(self, key, *options, message="a message\n\nof two parts", **more):
        """A signed commit on HEAD; its id."""
        self.git("-c", f"user.signingkey={self.folder / key}.pub", "commit", "-q", "-S",
                 "--allow-empty", *options, "-m", message, **more)
        return self.git("rev-parse", "HEAD").stdout.decode().strip()

    def content(self, commit):
        return self.git("cat-file", "commit", commit).stdout

    def store(self, content):
        """Puts bytes into the repository as a commit, whatever they say; the id."""
        return self.git("hash-object", "-t", "commit", "--literally", "-w", "--stdin",
                        input=content).stdout.decode().strip()

    def git_accepts(self, commit, signers=None):
        return self.git("-c", f"gpg.ssh.allowedSignersFile={signers or self.signers}",
                        "verify-commit", commit, check=False).returncode == 0

    def limpet(self, commit, signers=None):
        """limpet's judgement, parsed; its exit code fits."""
        done = subprocess.run([*binary(), "verify", "--repo", self.repo, commit, "--signers",
                               signers or self.signers], capture_output=True, text=True)
        assert done.returncode in (0, 1), done.stderr
        judged = json.loads(done.stdout)
        assert (judged["verdict"] == "accepted") == (done.returncode == 0)
        return judged


@pytest.fixture(scope="module")
def workshop(tmp_path_factory):
    return Workshop(tmp_path_factory.mktemp("oracle"))


@pytest.mark.parametrize("key", [key for key in KEYS if key != "stranger"])
def test_what_git_signs_is_accepted(workshop, key):
    commit = workshop.commit(key)
    judged = workshop.limpet(commit)
    assert workshop.git_accepts(commit)
    assert (judged["verdict"], judged["signer"]) == ("accepted", f"{key}@example.com")
    printed = subprocess.run(["ssh-keygen", "-l", "-f", workshop.folder / f"{key}.pub"],
                             capture_output=True, text=True, check=True).stdout
    assert judged["key"] == printed.split()[1]


def test_a_strangers_commit_and_an_unsigned_one_are_refused_by_both(workshop):
    stranger = workshop.commit("stranger")
    workshop.git("commit", "-q", "--allow-empty", "--no-gpg-sign", "-m", "unsigned")
    unsigned = workshop.git("rev-parse", "HEAD").stdout.decode().strip()
    assert not workshop.git_accepts(stranger) and not workshop.git_accepts(unsigned)
    assert workshop.limpet(stranger)["reason"] == "unknown-signer"
    assert workshop.limpet(unsigned)["reason"] == "unsigned"


# A line of allowed_signers (KEY stands for the key), and the verdict on a commit of 2025-06-15.
LINES = {
    "plain": ("ann@example.com KEY", "accepted"),
    "comment": ("ann@example.com KEY ann's laptop", "accepted"),
    "several principals": ("ann@example.com,bob@example.com KEY", "accepted"),
    "principal pattern": ("*@example.com KEY", "accepted"),
    "namespace": ('ann@example.com namespaces="git" KEY', "accepted"),
    "namespace pattern": ('ann@example.com namespaces="file,g*" KEY', "accepted"),
    "another namespace": ('ann@example.com namespaces="file" KEY', "unknown-signer"),
    "refused namespace": ('ann@example.com namespaces="*,!git" KEY', "unknown-signer"),
    "valid": ('ann@example.com valid-after="20250601Z",valid-before="20250701Z" KEY', "accepted"),
    "to the second": ('ann@example.com valid-after="20250615150640Z" KEY', "accepted"),
    "too early": ('ann@example.com valid-after="20250615150641Z" KEY', "not-yet-valid-key"),
    "too late": ('ann@example.com valid-before="20250615150639Z" KEY', "expired-key"),
    "just in time": ('ann@example.com valid-before="20250615150640Z" KEY', "accepted"),
    "a refusal alone": ("!ann@example.com KEY\nbob@example.com OTHER", "unknown-signer"),
    "its own refusal": ("ann@example.com,!ann* KEY\nbob@example.com OTHER", "unknown-signer"),
    "a refusal of one": ("ann@example.com,bob@example.com,!bob* KEY", "accepted"),
    "an authority": ("ann@example.com cert-authority KEY", "unsupported-key"),
}


@pytest.mark.parametrize("name", LINES)
def test_a_line_means_what_it_means_to_git(workshop, name):
    line, verdict = LINES[name]
    commit = workshop.commit("ed25519")
    signers = workshop.folder / "one-line"
    signers.write_text(filled(line, {"KEY": workshop.public("ed25519"),
                                     "OTHER": workshop.public("stranger")}) + "\n")
    judged = workshop.limpet(commit, signers)
    assert (judged["reason"] or judged["verdict"]) == verdict
    assert workshop.git_accepts(commit, signers) == (verdict == "accepted")


def test_merges_tags_encodings_and_unknown_headers_are_accepted_as_by_git(workshop):
    base = workshop.commit("ed25519", message="base")
    workshop.git("checkout", "-q", "-b", "side")
    workshop.commit("ecdsa256", message="side")
    workshop.git("-c", f"user.signingkey={workshop.folder}/ed25519.pub", "tag", "-s", "-m", "tag",
                 "v1")
    workshop.git("checkout", "-q", "main")
    workshop.commit("ed25519", message="main")
    workshop.git("-c", f"user.signingkey={workshop.folder}/ed25519.pub", "merge", "-q", "--no-ff",
                 "-S", "-m", "merge", "v1")
    merge = workshop.git("rev-parse", "HEAD").stdout.decode().strip()
    assert b"\nmergetag object " in workshop.content(merge)
    latin = workshop.folder / "latin"
    latin.write_bytes("übersetzt\n".encode("latin-1"))
    workshop.git("-c", "i18n.commitEncoding=ISO-8859-1", "-c",
                 f"user.signingkey={workshop.folder}/rsa3072.pub", "commit", "-q", "-S",
                 "--allow-empty", "-F", latin)
    encoded = workshop.git("rev-parse", "HEAD").stdout.decode().strip()
    assert b"\nencoding ISO-8859-1\n" in workshop.content(encoded)
    for commit in (base, merge, encoded):
        assert workshop.git_accepts(commit)
        assert workshop.limpet(commit)["verdict"] == "accepted"


def flip(data, rng):
    at = rng.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1:]


def insert(data, rng):
    at = rng.randrange(len(data) + 1)
    piece = rng.choice([b"\0", b"\r", b"\n", b" ", b"\n ", b"=", b"A", b"\xc2\xad", b"gpgsig "])
    return data[:at] + piece + data[at:]


def cut(data, rng):
    at = rng.randrange(len(data))
    return data[:at] + data[at + rng.randrange(1, 5):]


def add_header(data, rng):
    header = rng.choice([b"gpgsigx y", b"gpgsig y", b"gpgsig-sha256 y", b"tree " + b"0" * 40,
                         b"parent " + EMPTY_TREE.encode(), b"change-id y", b"encoding UTF-8"])
    lines = data.split(b"\n")
    lines.insert(rng.randrange(1, max(2, lines.index(b"") if b"" in lines else 2)), header)
    return b"\n".join(lines)


def move_signature(data, rng):
    """The gpgsig header at the end of the message, or before another header."""
    lines = data.split(b"\n")
    start = next(i for i, line in enumerate(lines) if line.startswith(b"gpgsig "))
    end = next(i for i, line in enumerate(lines) if line.endswith(b"END SSH SIGNATURE-----")) + 1
    block = lines[start:end]
    rest = lines[:start] + lines[end:]
    at = rng.randrange(len(rest) + 1)
    return b"\n".join(rest[:at] + block + rest[at:])


def test_no_altered_commit_is_accepted_that_git_refuses(workshop):
    """What both accept has the payload that was signed."""
    rng = random.Random(SEED)
    originals = [workshop.content(workshop.commit(key, message=f"by {key}"))
                 for key in KEYS if key != "stranger"]
    payloads = {workshop.limpet(workshop.store(data))["payload"] for data in originals}
    ways = [flip, insert, cut, double_line, drop_line, swap_lines, add_header, move_signature]
    told = Counter()
    for _ in range(MUTATIONS):
        way = rng.choice(ways)
        data = way(rng.choice(originals), rng)
        if data in originals:
            continue
        commit = workshop.store(data)
        judged = workshop.limpet(commit)
        theirs = workshop.git_accepts(commit)
        if judged["verdict"] == "accepted":
            assert theirs, (way.__name__, data)
            assert judged["payload"] in payloads, (way.__name__, data)
        elif theirs:
            told[f"{way.__name__}: {judged['reason']}: {judged['detail'][:60]}"] += 1
    print("git accepts, limpet refuses:")
    for what, times in told.most_common():
        print(f"{times:6} {what}")
    assert all(": malformed: " in what for what in told)
