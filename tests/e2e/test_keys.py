# SPDX-License-Identifier: Apache-2.0
"""OpenPGP from both ends: `limpet keys` reads what gpg exports, and `limpet verify --keys`
judges commits that git and gpg sign now, with `git verify-commit` as the other judge. limpet
accepts every honest one; altered ones are test_pgp_mutations.py's."""

import json
import os
import random
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from support import pgp
from support.limpet import binary
from support.pgp import EDDSA, KEYS, RSA

MUTATIONS = 5_000 if os.environ.get("LIMPET_LONG") else 300
SEED = 20261121
FIXTURES = Path(__file__).resolve().parent.parent / "unit" / "trust" / "data_pgp"

def run_limpet(*words):
    return subprocess.run([*binary(), *map(str, words)], capture_output=True, text=True)


class Home(pgp.Home):
    """A throwaway GnuPG home, and a file of keys for limpet."""

    def __init__(self, folder):
        super().__init__(folder)
        self.keys = folder / "openpgp.keys"

    def export(self, name, *options):
        file = self.folder / f"{name}.asc"
        file.write_bytes(self.public(name, "--armor", *options))
        return file

    def write(self, content):
        file = self.folder / "file"
        file.write_bytes(content)
        return file

    def limpet_import(self, name, *words):
        """`limpet keys import --to` of a fresh export: the result, and its keys as JSON."""
        return self.limpet_import_file(self.export(name), *words)

    def limpet_import_file(self, file, *words):
        done = run_limpet("keys", "import", file, "--to", self.keys, "-o", "json", *words)
        assert done.returncode in (0, 1), done.stderr
        return done, json.loads(done.stdout)["keys"]

    def git_accepts(self, commit):
        return self.git("verify-commit", commit, check=False).returncode == 0

    def store(self, content):
        return self.git("hash-object", "-t", "commit", "--literally", "-w", "--stdin",
                        input=content).stdout.decode().strip()

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


def test_ed25519_of_rfc9580_is_accepted_as_another_program_signs_with_it(home):
    """gpg 2.2 has none: certificate and commit are by ProtonMail's go-crypto, see
    tests/unit/trust/make-pgp-fixtures."""
    _, keys = home.limpet_import_file(FIXTURES / "vector-gocrypto-cert")
    assert [(key["algorithm"], key["taken"]) for key in keys] == [("ed25519", True), ("X25519", False)]
    commit = home.store((FIXTURES / "vector-gocrypto-commit").read_bytes())
    judged = home.limpet(commit)
    assert (judged["verdict"], judged["signer"]) == ("accepted", "gocrypto@example.com")
    assert judged["key"] == keys[0]["fingerprint"]


def test_the_armor_is_made_here_as_gpg_makes_it(workshop):
    """What test_pgp_mutations.py and the fixtures stand on."""
    for name in ("rsa2048", "ed25519"):
        data = workshop.content(workshop.commit(name))
        before, raw, after = pgp.split(data)
        assert before + pgp.header(raw) + after == data


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
    binary_file = home.write(home.public("ann"))
    armored = run_limpet("keys", "import", home.export("ann"))
    plain = run_limpet("keys", "import", binary_file)
    assert armored.returncode == plain.returncode == 0
    assert armored.stdout == plain.stdout and armored.stdout.count("\n") == 1
    assert "taken for ann <ann@example.com>, expires: never" in armored.stderr


def test_several_certificates_in_one_file_are_all_read(home):
    for name in ("ann", "bob"):
        home.make(name, EDDSA)
    both = home.write(home.public("ann", "--armor") + b"and\n" + home.public("bob", "--armor"))
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


def test_a_key_that_its_revoker_revoked_is_refused_as_by_gpg(home):
    revoker = home.make("revoker", EDDSA)
    home.make("ann", f"{EDDSA}\nRevoker: 22:{revoker}")
    commit = home.commit("ann")
    _, keys = home.limpet_import("ann")
    assert keys[0]["taken"] and home.git_accepts(commit)
    revocation = home.gpg("--no-batch", "--command-fd", "0", "--desig-revoke", "ann@example.com",
                          input=b"y\n0\n\ny\n")
    home.gpg("--import", input=revocation)
    assert not home.git_accepts(commit)
    done, keys = home.limpet_import("ann")
    assert done.returncode == 1
    assert keys[0]["reason"] == "it is revoked, by a key that it names for that"


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
    file = home.write(home.gpg("--armor", "--export", print_))
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


@pytest.mark.parametrize("change, reason", [
    (lambda unsigned: unsigned, ""),
    (lambda unsigned: unsigned[:10], "it has no back-signature over its primary key"),
    (lambda unsigned: unsigned[:-1] + bytes([unsigned[-1] ^ 1]), "its back-signature does not fit"),
])
def test_a_signing_subkey_is_taken_with_its_back_signature_alone_as_by_gpg(home, change, reason):
    """gpg puts it where nobody signs it, behind the id of the issuer."""
    home.make("ann", KEYS["ed25519-sub"][0])
    commit = home.commit("ann")
    parts = pgp.packets(home.public("ann"))
    parts[-1] = (pgp.SIGNATURE, pgp.with_unhashed(parts[-1][1], change))
    file = home.write(pgp.joined(parts))
    _, keys = home.limpet_import_file(file)
    assert (keys[1]["taken"], keys[1]["reason"]) == (not reason, reason)
    other = Home(home.folder / "other")
    try:
        other.gpg("--import", file)
        assert other.git_accepts(other.store(home.content(commit))) == (not reason)
    finally:
        other.close()


def test_secret_keys_are_sent_back(home):
    home.make("ann", EDDSA)
    for options in (["--armor"], []):
        file = home.write(home.gpg(*options, "--export-secret-keys", "ann@example.com"))
        done = run_limpet("keys", "import", file, "--to", home.keys)
        assert done.returncode == 1 and "secret keys; export the public ones" in done.stderr
    assert not home.keys.exists()


def test_no_altered_certificate_yields_another_key(home):
    """Flipped bits: what is still taken is a key that gpg made, with dates that gpg gave it."""
    home.make("ann", KEYS["ed25519-sub"][0], expires="2y")
    raw = home.public("ann")
    fields = run_limpet("keys", "import", home.write(raw)).stdout.split()
    rng, taken = random.Random(SEED), 0
    for _ in range(MUTATIONS):
        at = rng.randrange(len(raw))
        file = home.write(raw[:at] + bytes([raw[at] ^ 1 << rng.randrange(8)]) + raw[at + 1:])
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
