# SPDX-License-Identifier: Apache-2.0
"""OpenPGP from both ends: `limpet keys` reads what gpg exports, and `limpet verify --keys`
judges commits that git and gpg sign now, with `git verify-commit` as the other judge. limpet
accepts every honest one, and never an altered one that git refuses."""

import base64
import json
import os
import random
import shutil
import subprocess
import time
from collections import Counter

import pytest

from support.gitserver import git_environment
from support.limpet import binary

MUTATIONS = 5_000 if os.environ.get("LIMPET_LONG") else 300
SEED = 20261121
BEGIN, END = b"-----BEGIN PGP SIGNATURE-----", b"-----END PGP SIGNATURE-----"

# Lines of a parameter file for gpg --generate-key, and the algorithm as limpet calls it.
RSA, ECDSA = "Key-Type: RSA\nKey-Length: {}", "Key-Type: ECDSA\nKey-Curve: nistp{}"
EDDSA = "Key-Type: EDDSA\nKey-Curve: ed25519"
SUB = "{}\nKey-Usage: cert\n{}\nSubkey-Usage: sign"
KEYS = {
    "rsa2048": (RSA.format(2048), "rsa"),
    "rsa3072": (RSA.format(3072), "rsa"),
    "rsa4096": (RSA.format(4096), "rsa"),
    "p256": (ECDSA.format(256), "ecdsa-p256"),
    "p384": (ECDSA.format(384), "ecdsa-p384"),
    "p521": (ECDSA.format(521), "ecdsa-p521"),
    "ed25519": (EDDSA, "eddsa"),
    "ed25519-sub": (SUB.format(EDDSA, "Subkey-Type: EDDSA\nSubkey-Curve: ed25519"), "eddsa"),
    "rsa-sub-p384": (SUB.format(RSA.format(2048), "Subkey-Type: ECDSA\nSubkey-Curve: nistp384"),
                     "ecdsa-p384"),
    "p256-sub-rsa": (SUB.format(ECDSA.format(256), "Subkey-Type: RSA\nSubkey-Length: 3072"), "rsa"),
}


def run_limpet(*words):
    return subprocess.run([*binary(), *map(str, words)], capture_output=True, text=True)


class Home:
    """A throwaway GnuPG home and a repository beside it."""

    def __init__(self, folder):
        self.folder = folder
        self.gnupg = folder / "g"
        self.gnupg.mkdir(mode=0o700)
        self.repo = folder / "repo"
        self.repo.mkdir()
        self.env = {**git_environment(folder), "GNUPGHOME": str(self.gnupg)}
        self.git("init", "-q", "-b", "main")
        for setting, value in {"user.name": "Ann", "user.email": "ann@example.com",
                               "gpg.format": "openpgp", "gc.auto": "0"}.items():
            self.git("config", setting, value)
        self.keys = folder / "openpgp.keys"

    def close(self):
        subprocess.run(["gpgconf", "--kill", "all"], env=self.env, check=True)

    def gpg(self, *words, input=None, check=True):
        done = subprocess.run(["gpg", "--batch", "--yes", "--quiet", "--no-tty",
                               "--pinentry-mode", "loopback", "--passphrase", "",
                               *map(str, words)], env=self.env, input=input, capture_output=True)
        assert not check or done.returncode == 0, done.stderr.decode()
        return done.stdout

    def make(self, name, lines, *options, expires="0"):
        """A key pair for name@example.com; the fingerprint of the primary key."""
        parameters = self.folder / "parameters"
        parameters.write_text(f"{lines}\nName-Real: {name}\nName-Email: {name}@example.com\n"
                              f"Expire-Date: {expires}\n%no-protection\n%commit\n")
        self.gpg(*options, "--generate-key", parameters)
        return self.fingerprints(name)[0]

    def fingerprints(self, name):
        listed = self.gpg("--with-colons", "--list-keys", f"={name} <{name}@example.com>")
        return [line.split(":")[9] for line in listed.decode().splitlines()
                if line.startswith("fpr:")]

    def export(self, name, *options):
        file = self.folder / f"{name}.asc"
        file.write_bytes(self.gpg("--armor", *options, "--export", f"={name} <{name}@example.com>"))
        return file

    def limpet_import(self, name, *words):
        """`limpet keys import --to` of a fresh export: the result, and its keys as JSON."""
        done = run_limpet("keys", "import", self.export(name), "--to", self.keys, "-o", "json",
                          *words)
        assert done.returncode in (0, 1), done.stderr
        return done, json.loads(done.stdout)["keys"]

    def program(self, *options):
        """A gpg for git with options of its own."""
        file = self.folder / "gpg-with-options"
        file.write_text(f'#!/bin/sh\nexec gpg {" ".join(options)} "$@"\n')
        file.chmod(0o755)
        return file

    def git(self, *words, input=None, check=True, env=None):
        return subprocess.run(["git", *map(str, words)], cwd=self.repo, input=input, check=check,
                              env={**self.env, **(env or {})}, capture_output=True)

    def commit(self, who, *gpg_options, date=None, message="a message\n\nof two parts"):
        """A commit on HEAD, signed by gpg; its id."""
        dates = {"GIT_COMMITTER_DATE": date, "GIT_AUTHOR_DATE": date} if date else {}
        program = self.program(*gpg_options) if gpg_options else "gpg"
        self.git("-c", f"gpg.program={program}", "-c", f"user.signingkey={who}@example.com",
                 "commit", "-q", "-S", "--allow-empty", "-m", message, env=dates)
        return self.git("rev-parse", "HEAD").stdout.decode().strip()

    def content(self, commit):
        return self.git("cat-file", "commit", commit).stdout

    def store(self, content):
        return self.git("hash-object", "-t", "commit", "--literally", "-w", "--stdin",
                        input=content).stdout.decode().strip()

    def git_accepts(self, commit):
        return self.git("verify-commit", commit, check=False).returncode == 0

    def limpet(self, commit, *words):
        done = run_limpet("verify", "--repo", self.repo, commit, "--keys", self.keys, *words)
        assert done.returncode in (0, 1), done.stderr
        judged = json.loads(done.stdout)
        assert (judged["verdict"] == "accepted") == (done.returncode == 0)
        return judged


@pytest.fixture(scope="module")
def workshop(tmp_path_factory):
    """Keys of every kind, imported."""
    home = Home(tmp_path_factory.mktemp("w"))
    try:
        for name, (lines, _) in KEYS.items():
            home.make(name, lines)
            home.limpet_import(name)
        home.make("stranger", EDDSA)
        yield home
    finally:
        home.close()


@pytest.fixture
def home(tmp_path):
    home = Home(tmp_path)
    yield home
    home.close()


# --- commits ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", KEYS)
def test_what_gpg_signs_is_accepted_by_limpet_as_by_git(workshop, name):
    commit = workshop.commit(name)
    judged = workshop.limpet(commit)
    assert workshop.git_accepts(commit)
    assert (judged["verdict"], judged["signer"]) == ("accepted", f"{name}@example.com")
    assert judged["key"] == workshop.fingerprints(name)[-1]


@pytest.mark.parametrize("digest", ["SHA256", "SHA384", "SHA512"])
@pytest.mark.parametrize("name", ["rsa2048", "p256", "ed25519"])
def test_each_hash_goes_with_each_algorithm(workshop, name, digest):
    commit = workshop.commit(name, "--digest-algo", digest)
    assert workshop.git_accepts(commit)
    assert workshop.limpet(commit)["verdict"] == "accepted"


@pytest.mark.parametrize("options, reason, told", [
    (["--digest-algo", "SHA1"], "unsupported-key", "SHA-1"),
    (["--digest-algo", "RIPEMD160"], "unsupported-key", "RIPEMD-160"),
    (["--digest-algo", "SHA224"], "unsupported-key", "another hash (11)"),
    (["--comment", "hello"], "malformed", "Comment"),
    (["--emit-version"], "malformed", "Version"),
    (["--sig-notation", "!note@example.com=x"], "malformed", "type 20 must be understood"),
    (["--textmode"], "malformed", "0x01"),
])
def test_what_is_outside_our_subset_is_refused_by_name(workshop, options, reason, told):
    judged = workshop.limpet(workshop.commit("rsa2048", *options))
    assert judged["reason"] == reason and told in judged["detail"]


def test_a_notation_that_may_be_passed_over_is(workshop):
    commit = workshop.commit("ed25519", "--sig-notation", "note@example.com=x")
    assert workshop.git_accepts(commit)
    assert workshop.limpet(commit)["verdict"] == "accepted"


def test_a_stranger_is_unknown_and_without_keys_openpgp_is_not_read(workshop):
    commit = workshop.commit("stranger")
    judged = workshop.limpet(commit)
    assert judged["reason"] == "unknown-signer"
    assert judged["key"] == workshop.fingerprints("stranger")[0]
    signers = workshop.folder / "signers"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f",
                    workshop.folder / "ssh"], check=True)
    signers.write_text(f"ann {(workshop.folder / 'ssh.pub').read_text()}")
    done = run_limpet("verify", "--repo", workshop.repo, workshop.commit("ed25519"), "--signers",
                      signers)
    assert json.loads(done.stdout)["reason"] == "unsupported-key"


def test_the_dates_of_the_commit_are_held_against_those_of_the_key(workshop):
    """git looks at neither: differences that are meant."""
    commit = workshop.commit("ed25519", date="1400000000 +0000")
    assert workshop.git_accepts(commit)
    assert workshop.limpet(commit)["reason"] == "not-yet-valid-key"
    workshop.make("brief", EDDSA, expires="1y")
    workshop.limpet_import("brief")
    late = workshop.commit("brief", date=f"{int(time.time()) + 3 * 365 * 86400} +0000")
    assert workshop.git_accepts(late)
    judged = workshop.limpet(late)
    assert judged["reason"] == "expired-key" and "the commit is dated" in judged["detail"]
    assert workshop.limpet(workshop.commit("brief"))["verdict"] == "accepted"


def test_a_signature_that_has_expired_by_the_commits_date_is_refused_as_by_git(home):
    then = "20240101T000000"
    home.make("ann", EDDSA, "--faked-system-time", then)
    home.limpet_import("ann")
    commit = home.commit("ann", "--faked-system-time", then, "--default-sig-expire", "1d")
    assert not home.git_accepts(commit)
    judged = home.limpet(commit)
    assert judged["reason"] == "expired-key" and "counts until 2024-01-02" in judged["detail"]


# --- alterations --------------------------------------------------------------------------


def crc24(data):
    crc = 0xB704CE
    for byte in data:
        crc ^= byte << 16
        for _ in range(8):
            crc = crc << 1 ^ (0x1864CFB if crc & 0x800000 else 0)
    return (crc & 0xFFFFFF).to_bytes(3, "big")


def header(raw):
    """The gpgsig header of a signature's packets, as git and gpg write it."""
    text = base64.b64encode(raw)
    lines = [text[at:at + 64] for at in range(0, len(text), 64)]
    return b"gpgsig " + b"\n ".join([BEGIN, b"", *lines, b"=" + base64.b64encode(crc24(raw)), END])


def split(commit):
    """(before, signature packets, after) of a signed commit."""
    start, end = commit.index(b"gpgsig "), commit.index(END) + len(END)
    lines = commit[start:end].split(b"\n ")
    return commit[:start], base64.b64decode(b"".join(lines[2:-2])), commit[end:]


def flip(data, rng):
    at = rng.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1:]


def insert(data, rng):
    at = rng.randrange(len(data) + 1)
    piece = rng.choice([b"\0", b"\r", b"\n", b" ", b"\n ", b"=", b"A", b"Comment: x\n ", b"\t"])
    return data[:at] + piece + data[at:]


def cut(data, rng):
    at = rng.randrange(len(data))
    return data[:at] + data[at + rng.randrange(1, 5):]


def double_line(data, rng):
    lines = data.split(b"\n")
    at = rng.randrange(len(lines))
    return b"\n".join(lines[:at + 1] + lines[at:])


def drop_line(data, rng):
    lines = data.split(b"\n")
    del lines[rng.randrange(len(lines))]
    return b"\n".join(lines)


def in_packet(change):
    """A change of the signature's bytes under fresh armor."""
    def way(data, rng):
        before, raw, after = split(data)
        return before + header(change(raw, rng)) + after
    way.__name__ = f"packet_{change.__name__}"
    return way


def set_byte(raw, rng):
    at = rng.randrange(len(raw))
    return raw[:at] + bytes([rng.choice([0, 1, 2, 8, 0x7f, 0x80, 0xff])]) + raw[at + 1:]


def unhashed(raw, rng):
    """Something more in the part of the signature that is not signed."""
    body = raw[2:] if raw[0] == 0x88 else raw[3:]
    at = 6 + int.from_bytes(body[4:6], "big")
    length = int.from_bytes(body[at:at + 2], "big")
    more = rng.choice([b"\x05\x02\0\0\0\0", b"\x05\x83\0\0\0\1", b"\x02\x19\1", b"\x09\x10" + bytes(8),
                       b"\x16\x21\4" + bytes(20), b"\x02\x7f\0", b"\0"])
    body = (body[:at] + (length + len(more)).to_bytes(2, "big") + body[at + 2:at + 2 + length]
            + more + body[at + 2 + length:])
    return b"\x89" + len(body).to_bytes(2, "big") + body


def twice(raw, rng):
    return raw + raw


WAYS = [flip, insert, cut, double_line, drop_line,
        *map(in_packet, (flip, set_byte, cut, insert, unhashed, twice))]


def test_the_armor_is_made_here_as_gpg_makes_it(workshop):
    for name in ("rsa2048", "ed25519"):
        data = workshop.content(workshop.commit(name))
        before, raw, after = split(data)
        assert before + header(raw) + after == data


def test_no_altered_commit_is_accepted_that_git_refuses(workshop):
    """What both accept has the payload that was signed."""
    rng = random.Random(SEED)
    originals = [workshop.content(workshop.commit(name, message=f"by {name}")) for name in KEYS]
    payloads = {workshop.limpet(workshop.store(data))["payload"] for data in originals}
    told = Counter()
    for _ in range(MUTATIONS):
        way = rng.choice(WAYS)
        data = way(rng.choice(originals), rng)
        if data in originals:
            continue
        commit = workshop.store(data)
        judged, theirs = workshop.limpet(commit), workshop.git_accepts(commit)
        if judged["verdict"] == "accepted":
            assert theirs, (way.__name__, data)
            assert judged["payload"] in payloads, (way.__name__, data)
        elif theirs:
            told[f"{way.__name__}: {judged['reason']}: {judged['detail'][:60]}"] += 1
    print("git accepts, limpet refuses:")
    for what, times in told.most_common():
        print(f"{times:6} {what}")
    assert all(": malformed: " in what or ": unknown-signer: " in what for what in told)


# --- import -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", KEYS)
def test_an_import_says_of_each_key_what_came_of_it(workshop, name):
    keys = workshop.limpet_import(name)[1]
    prints = workshop.fingerprints(name)
    assert [key["fingerprint"] for key in keys] == prints
    assert [key["taken"] for key in keys] == [False] * (len(prints) - 1) + [True]
    assert keys[-1]["algorithm"] == KEYS[name][1]
    assert keys[-1]["label"] == f"{name} <{name}@example.com>"
    if len(keys) > 1:
        assert keys[0]["reason"] == "it is not for signing" and keys[0]["primary"]


def test_armored_and_binary_exports_are_read_alike(home):
    home.make("ann", EDDSA)
    binary_file = home.folder / "ann.gpg"
    binary_file.write_bytes(home.gpg("--export", "ann@example.com"))
    armored = run_limpet("keys", "import", home.export("ann"))
    plain = run_limpet("keys", "import", binary_file)
    assert armored.returncode == plain.returncode == 0
    assert armored.stdout == plain.stdout and armored.stdout.count("\n") == 1
    assert "taken for ann <ann@example.com>, expires: never" in armored.stderr


def test_several_certificates_in_one_file_are_all_read(home):
    for name in ("ann", "bob"):
        home.make(name, EDDSA)
    both = home.folder / "both.asc"
    both.write_bytes(home.export("ann").read_bytes() + b"and\n" + home.export("bob").read_bytes())
    done = run_limpet("keys", "import", both)
    assert done.returncode == 0 and done.stdout.count("\n") == 2


def test_an_import_adds_once_and_moves_an_expiry(home):
    print_ = home.make("ann", EDDSA)
    home.keys.write_text("# ours")
    home.limpet_import("ann")
    first = home.keys.read_text()
    assert first.startswith("# ours\neddsa ") and first.count("\n") == 2
    home.limpet_import("ann")
    assert home.keys.read_text() == first
    home.gpg("--quick-set-expire", print_, "1y")
    home.limpet_import("ann")
    moved = home.keys.read_text()
    assert moved.count("\n") == 2 and moved != first
    listed = json.loads(run_limpet("keys", "list", home.keys, "-o", "json").stdout)
    assert listed["format"] == "openpgp" and listed["keys"][0]["expires"]


def test_a_revoked_key_is_refused_and_the_line_it_has_is_told(home):
    print_ = home.make("ann", EDDSA)
    home.limpet_import("ann")
    commit = home.commit("ann")
    revocation = (home.gnupg / "openpgp-revocs.d" / f"{print_}.rev").read_text()
    home.gpg("--import", input=revocation.replace(":-----BEGIN", "-----BEGIN").encode())
    done = run_limpet("keys", "import", home.export("ann"), "--to", home.keys)
    assert done.returncode == 1 and "not taken: it is revoked" in done.stdout
    assert "line 1 of the file still has it" in done.stdout
    assert not home.git_accepts(commit)
    home.keys.write_text("")
    assert home.limpet(commit)["reason"] == "unknown-signer"


def test_a_revoked_subkey_is_refused_and_its_sister_taken(home):
    print_ = home.make("ann", KEYS["ed25519-sub"][0])
    home.gpg("--quick-add-key", print_, "ed25519", "sign")
    home.gpg("--command-fd", "0", "--edit-key", print_,
             input=b"key 1\nrevkey\ny\n0\n\ny\nsave\n")
    _, keys = home.limpet_import("ann")
    assert [(key["taken"], key["reason"]) for key in keys] == [
        (False, "it is not for signing"), (False, "it is revoked"), (True, "")]


def test_a_revoked_user_id_names_nobody(home):
    print_ = home.make("ann", EDDSA)
    home.gpg("--quick-add-uid", print_, "Ann Two <two@example.com>")
    home.gpg("--quick-revoke-uid", print_, "ann <ann@example.com>")
    file = home.folder / "ann.asc"
    file.write_bytes(home.gpg("--armor", "--export", print_))
    done = run_limpet("keys", "import", file)
    assert done.returncode == 0 and done.stdout.endswith(" Ann Two <two@example.com>\n")


@pytest.mark.parametrize("lines", [EDDSA, KEYS["ed25519-sub"][0]])
def test_an_expired_key_is_refused_with_its_date(home, lines):
    home.make("ann", lines, "--faked-system-time", "20230101T000000", expires="1y")
    done, keys = home.limpet_import("ann")
    assert done.returncode == 1 and not any(key["taken"] for key in keys)
    assert keys[0]["reason"] == "it expired at 2024-01-01T00:00:00Z"


@pytest.mark.parametrize("lines, reason", [
    (EDDSA, "the newest signature over its user id is over SHA-1, which can be forged"),
    (RSA.format(1024), "RSA of 1024 bits; at least 2048 are demanded"),
    ("Key-Type: DSA\nKey-Length: 2048", "DSA is not read; RSA, ECDSA and Ed25519 are"),
    ("Key-Type: ECDSA\nKey-Curve: brainpoolP256r1", "ECDSA on a curve other than NIST P-256, P-384"
                                                    " and P-521 is not read; RSA, ECDSA and Ed25519"
                                                    " are"),
])
def test_a_weak_key_is_refused_with_the_reason(home, lines, reason):
    options = ["--cert-digest-algo", "SHA1"] if "SHA-1" in reason else []
    home.make("ann", lines, *options)
    done, keys = home.limpet_import("ann")
    assert done.returncode == 1 and keys[0]["reason"] == reason
    assert not home.keys.exists()


def test_a_subkey_that_is_bound_over_sha1_is_refused(home):
    """gpg makes none that signs any more: this one is for encryption, and gets no further."""
    print_ = home.make("ann", RSA.format(2048))
    home.gpg("--cert-digest-algo", "SHA1", "--quick-add-key", print_, "rsa2048", "encr")
    _, keys = home.limpet_import("ann")
    assert keys[0]["taken"] and not keys[1]["taken"]
    assert keys[1]["reason"].startswith("the newest signature that binds it is over SHA-1")


def test_secret_keys_are_sent_back(home):
    home.make("ann", EDDSA)
    for options in (["--armor"], []):
        file = home.folder / "secret"
        file.write_bytes(home.gpg(*options, "--export-secret-keys", "ann@example.com"))
        done = run_limpet("keys", "import", file, "--to", home.keys)
        assert done.returncode == 1 and "secret keys; export the public ones" in done.stderr
    assert not home.keys.exists()


def test_no_altered_certificate_yields_another_key(home):
    """Flipped bits: what is still taken is a key that gpg made, with dates that gpg gave it."""
    home.make("ann", KEYS["ed25519-sub"][0], expires="2y")
    raw = home.gpg("--export", "ann@example.com")
    file = home.folder / "altered"
    file.write_bytes(raw)
    honest = run_limpet("keys", "import", file).stdout
    fields = honest.split()
    rng, taken = random.Random(SEED), 0
    for _ in range(MUTATIONS):
        file.write_bytes(flip(raw, rng))
        done = run_limpet("keys", "import", file)
        assert done.returncode in (0, 1)
        if done.stdout:
            taken += 1
            assert done.stdout.split()[:5] == fields[:5], done.stderr
    assert taken < MUTATIONS / 2


# --- files ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def line(workshop):
    """A good line of a file of keys."""
    return next(text for text in workshop.keys.read_text().splitlines()
                if text.startswith("eddsa "))


def test_both_kinds_of_files_are_listed(workshop, tmp_path, line):
    file = tmp_path / "f"
    file.write_text(f"# one key\n\n{line}\n")
    told = run_limpet("keys", "list", file)
    assert told.returncode == 0 and line.split()[2] in told.stdout and "   3  eddsa" in told.stdout
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", tmp_path / "k"],
                   check=True)
    key = (tmp_path / "k.pub").read_text().strip()
    file.write_text(f'eddsa namespaces="git",valid-before="20300101Z" {key}\n')
    listed = json.loads(run_limpet("keys", "list", file, "-o", "json").stdout)
    assert listed["format"] == "allowed_signers"
    assert listed["keys"][0]["principals"] == "eddsa"
    assert listed["keys"][0]["validBefore"] == "2030-01-01T00:00:00Z"
    good = run_limpet("keys", "check", file)
    assert good.returncode == 0 and "good: 1 key of SSH" in good.stdout


@pytest.mark.parametrize("change, told", [
    (lambda words: words[:5], "expected a label"),
    (lambda words: [*words[:2], words[2].lower(), *words[3:]], "the fingerprint of this key"),
    (lambda words: [*words[:3], "2020-01-01T00:00:00Z", *words[4:]], "the fingerprint of this key"),
    (lambda words: [*words[:3], "2020-01-01", *words[4:]], "expected the date it was made"),
    (lambda words: [words[0], words[1][:-4], *words[2:]], "malformed key"),
    (lambda words: ["ed25519", *words[1:]], "malformed key"),
])
def test_a_bad_line_is_told_with_its_number(tmp_path, line, change, told):
    file = tmp_path / "f"
    file.write_text(f"{line}\n# and\n{' '.join(change(line.split()))}\n")
    for verb in ("check", "list"):
        done = run_limpet("keys", verb, file)
        assert done.returncode == 1 and f"{file}:3: " in done.stderr and told in done.stderr
    done = run_limpet("verify", "--object", file, "--keys", file)
    assert done.returncode == 2 and f"{file}:3: " in done.stderr


def test_the_words_of_the_subcommand_are_told(tmp_path):
    assert run_limpet("keys").returncode == 2
    done = run_limpet("keys", "imprt")
    assert done.returncode == 2 and 'did you mean "limpet keys import"' in done.stderr
    assert run_limpet("keys", "check", tmp_path / "nowhere").returncode == 2
    assert run_limpet("keys", "import", tmp_path / "nowhere").returncode == 2
    (tmp_path / "f").write_text("nothing\n")
    assert run_limpet("keys", "import", tmp_path / "f").returncode == 1
    assert run_limpet("keys", "check", tmp_path / "f").returncode == 1
    for words in (["keys", "--help"], ["keys", "import", "--help"], ["keys", "list", "--help"],
                  ["help", "keys"]):
        done = run_limpet(*words)
        assert done.returncode == 0 and "Examples:" in done.stdout


def test_gpg_is_there_to_judge():
    assert shutil.which("gpg") and shutil.which("gpgconf")
