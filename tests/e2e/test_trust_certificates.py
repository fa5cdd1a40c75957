# SPDX-License-Identifier: Apache-2.0
"""SSH certificates, security keys and revocation: `limpet verify` against `git verify-commit`
with the same allowed signers and the same revocation file."""

import json
import os
import random
import subprocess
from collections import Counter

import pytest

from support.limpet import binary
from support.sshkeys import (SecurityKey, blob_of, certify, put, recertified, ssh_keygen, text_of,
                             with_signature)
from support.words import filled
from test_trust_oracle import (Workshop, add_header, cut, double_line, drop_line, flip, insert,
                               move_signature, swap_lines)

KEYS = {"ed25519": ["ed25519"], "ecdsa256": ["ecdsa", "-b", "256"],
        "ecdsa384": ["ecdsa", "-b", "384"], "ecdsa521": ["ecdsa", "-b", "521"],
        "rsa3072": ["rsa", "-b", "3072"]}
MUTATIONS = 5_000 if os.environ.get("LIMPET_LONG") else 250
SEED = 20261121
DATED = "20250615150640Z"  # what the commits bear, in the clock of ssh-keygen -V


class Bench(Workshop):
    """A workshop with authorities, one key of each type that has a certificate, security keys."""

    def __init__(self, folder):
        super().__init__(folder)
        for name, options in KEYS.items():
            ssh_keygen("-q", "-t", *options, "-N", "", "-C", "", "-f", folder / f"ca-{name}")
        self.security = {kind: SecurityKey(folder, kind) for kind in ("ed25519", "ecdsa")}
        for kind, key in self.security.items():
            (folder / f"sk-{kind}.pub").write_text(text_of(key.blob) + "\n")
        self.git("commit", "-q", "--allow-empty", "--no-gpg-sign", "-m", "by a security key")
        self.payload = self.content("HEAD")
        self.made = 0

    def authority(self, name="ca-ed25519", who="*@example.com"):
        """The line of allowed_signers."""
        return f"{who} cert-authority {self.public(name)}"

    def certificate(self, key="ed25519", by="ca-ed25519", **more):
        """A certificate's name in the folder: what git signs with."""
        self.made += 1
        name = f"made-{self.made}"
        certify(self.folder / by, self.folder / f"{key}.pub", self.folder, name, **more)
        return f"{name}-cert"

    def certified(self, **more):
        """A commit signed with a new certificate; its id."""
        return self.commit(self.certificate(**more))

    def words(self, cert):
        """What the words of a revocation file stand for."""
        return {"KEY": self.public("ed25519"), "OTHER": self.public("ecdsa256"),
                "CA": self.public("ca-ed25519"), "CERT": self.public(cert)}

    def write(self, name, text):
        path = self.folder / name
        path.write_bytes(text) if isinstance(text, bytes) else path.write_text(text)
        return path

    def both(self, commit, lines, revoked=None):
        """What limpet says of a commit by these allowed signers; git agrees whether it is good."""
        judged, theirs = self.ask(commit, lines, revoked)
        assert (judged["verdict"] == "accepted") == theirs, judged
        return judged["reason"] or judged["verdict"]

    def ask(self, commit, lines, revoked=None):
        signers = self.write("lines", lines + "\n")
        words = ["verify", "--repo", self.repo, commit, "--signers", signers]
        git = ["-c", f"gpg.ssh.allowedSignersFile={signers}"]
        if revoked:
            words += ["--revoked", revoked]
            git += ["-c", f"gpg.ssh.revocationFile={revoked}"]
        done = subprocess.run([*binary(), *map(str, words)], capture_output=True, text=True)
        assert done.returncode in (0, 1), done.stderr
        judged = json.loads(done.stdout)
        return judged, self.git(*git, "verify-commit", commit, check=False).returncode == 0


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    return Bench(tmp_path_factory.mktemp("bench"))


@pytest.mark.parametrize("key", KEYS)
def test_a_certificate_of_each_key_type_is_accepted(bench, key):
    commit = bench.certified(key=key)
    assert bench.both(commit, bench.authority()) == "accepted"
    judged, _ = bench.ask(commit, bench.authority())
    assert judged["signer"] == "ann@example.com"
    printed = ssh_keygen("-l", "-f", bench.folder / f"{key}.pub").stdout.decode()
    assert judged["key"] == printed.split()[1]


@pytest.mark.parametrize("authority", KEYS)
def test_an_authority_of_each_key_type_is_accepted(bench, authority):
    commit = bench.certified(by=f"ca-{authority}")
    assert bench.both(commit, bench.authority(f"ca-{authority}")) == "accepted"


# What the certificate says, the line of its authority (CA stands for the key), and the verdict.
CASES = {
    "plain": ({}, "*@example.com cert-authority CA", "accepted"),
    "the principal itself": ({}, "ann@example.com cert-authority CA", "accepted"),
    "one of several": ({"principals": "root,ann@example.com"}, "ann* cert-authority CA",
                       "accepted"),
    "another principal": ({}, "bob@example.com cert-authority CA", "unknown-signer"),
    "a refused principal": ({}, "*@example.com,!ann@* cert-authority CA", "unknown-signer"),
    "no principal": ({"principals": ""}, "* cert-authority CA", "unknown-signer"),
    "a pattern in the certificate": ({"principals": "*"}, "ann cert-authority CA",
                                     "unknown-signer"),
    "not an authority": ({}, "*@example.com CA", "unknown-signer"),
    "another authority": ({"by": "ca-ecdsa256"}, "*@example.com cert-authority CA",
                          "unknown-signer"),
    "for git": ({}, '* cert-authority,namespaces="git" CA', "accepted"),
    "for files": ({}, '* cert-authority,namespaces="file" CA', "unknown-signer"),
    "a second line": ({}, "bob cert-authority CA\nann* cert-authority CA", "accepted"),
    "a host's": ({"options": ["-h"]}, "* cert-authority CA", "unsupported-key"),
    "valid": ({"options": ["-V", "20250601Z:20250701Z"]}, "* cert-authority CA", "accepted"),
    "to the second": ({"options": ["-V", f"{DATED}:20250701Z"]}, "* cert-authority CA", "accepted"),
    "too early": ({"options": ["-V", "20250615150641Z:20250701Z"]}, "* cert-authority CA",
                  "not-yet-valid-key"),
    "its last second": ({"options": ["-V", "20250601Z:20250615150641Z"]}, "* cert-authority CA",
                        "accepted"),
    "too late": ({"options": ["-V", f"20250601Z:{DATED}"]}, "* cert-authority CA", "expired-key"),
    "authority too late": ({}, '* cert-authority,valid-before="20250601Z" CA', "expired-key"),
    "authority too early": ({}, '* cert-authority,valid-after="20250701Z" CA', "not-yet-valid-key"),
    "an extension": ({"options": ["-O", "extension:note@example.com=x"]}, "* cert-authority CA",
                     "accepted"),
}


@pytest.mark.parametrize("name", CASES)
def test_a_certificate_means_what_it_means_to_git(bench, name):
    certificate, lines, verdict = CASES[name]
    lines = lines.replace("CA", bench.public("ca-ed25519"))
    assert bench.both(bench.certified(**certificate), lines) == verdict


def test_a_certified_key_does_not_sign_by_its_own_line(bench):
    commit = bench.certified()
    assert bench.both(commit, f"ann {bench.public('ed25519')}") == "unknown-signer"


def test_a_critical_option_is_refused_although_git_does_not_look(bench):
    for option in ("force-command=true", "critical:other@example.com=x"):
        commit = bench.certified(options=["-O", option])
        judged, theirs = bench.ask(commit, bench.authority())
        assert theirs and judged["reason"] == "unsupported-key"
        assert "critical option" in judged["detail"]


def altered(bench, change):
    """A commit with a certificate whose bytes are changed after the authority signed it."""
    signer = bench.security["ed25519"]
    mine = bench.certificate(key="sk-ed25519")
    cert = blob_of((bench.folder / f"{mine}.pub").read_text())
    return bench.store(signer.commit(bench.payload, cert=change(cert)))


def test_a_certificate_that_its_authority_did_not_sign_is_refused(bench):
    mine = blob_of(bench.public("ca-ed25519"))
    assert bench.both(altered(bench, lambda cert: cert), bench.authority()) == "accepted"
    assert bench.both(altered(bench, lambda cert: cert.replace(b"ann@", b"eve@")),
                      bench.authority()) == "bad-signature"
    stranger = SecurityKey(bench.folder / "repo", "ed25519")
    claimed = altered(bench, lambda cert: recertified(
        cert, mine, lambda data: put(b"ssh-ed25519") + put(bytes(64))))
    assert bench.both(claimed, bench.authority()) == "bad-signature"
    other = altered(bench, lambda cert: recertified(cert, stranger.blob, stranger.sign))
    assert bench.both(other, bench.authority()) == "unknown-signer"


def test_an_authority_may_be_a_security_key_but_no_certificate(bench):
    key = bench.security["ecdsa"]
    commit = altered(bench, lambda cert: recertified(cert, key.blob, key.sign))
    assert bench.both(commit, f"* cert-authority {text_of(key.blob)}") == "accepted"
    above = blob_of((bench.folder / f"{bench.certificate(key='sk-ecdsa')}.pub").read_text())
    commit = altered(bench, lambda cert: recertified(cert, above, key.sign))
    assert bench.both(commit, f"* cert-authority {text_of(key.blob)}\n{bench.authority()}") \
        == "unsupported-key"


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa"])
def test_a_security_key_signs_when_it_was_touched(bench, kind):
    key = bench.security[kind]
    lines = f"ann@example.com {text_of(key.blob)}"
    assert bench.both(bench.store(key.commit(bench.payload)), lines) == "accepted"
    assert bench.both(bench.store(key.commit(bench.payload, flags=0x05)), lines) == "accepted"
    other = bench.payload.replace(b"by a", b"by no")
    signed = key.commit(bench.payload)
    assert bench.both(bench.store(signed.replace(b"by a", b"by no")), lines) == "bad-signature"
    assert bench.both(bench.store(key.commit(other)), lines) == "accepted"
    untouched, theirs = bench.ask(bench.store(key.commit(bench.payload, flags=0)), lines)
    assert theirs and untouched["reason"] == "bad-signature"  # git does not ask for the touch
    mine = bench.certificate(key=f"sk-{kind}")
    cert = blob_of((bench.folder / f"{mine}.pub").read_text())
    commit = bench.store(key.commit(bench.payload, cert=cert))
    assert bench.both(commit, bench.authority()) == "accepted"


# What ssh-keygen -k is told, and whether the certificate (serial 7, "ann's") and its plain key,
# both of one authority, are revoked by it.
LISTS = {
    "a serial number": ("serial: 7", True, False),
    "another serial number": ("serial: 8", False, False),
    "a range": ("serial: 5-9", True, False),
    "another range": ("serial: 8-9", False, False),
    "a bitmap": ("serial: 1\nserial: 3\nserial: 7\nserial: 12\nserial: 14", True, False),
    "another bitmap": ("serial: 1\nserial: 3\nserial: 8\nserial: 12\nserial: 14", False, False),
    "many": ("\n".join(f"serial: {n}" for n in (*range(7, 3000, 3), 1 << 63, (1 << 64) - 1)),
             True, False),
    "its id": ("id: ann's", True, False),
    "another id": ("id: bob's", False, False),
    "its key": ("KEY", True, True),
    "its key as such": ("key: KEY", True, True),
    "its key by SHA-1": ("sha1: KEY", True, True),
    "its key by SHA-256": ("sha256: KEY", True, True),
    "its key by its fingerprint": ("hash: FINGERPRINT", True, True),
    "the authority": ("CA", True, False),
    "another key": ("OTHER", False, False),
    "the certificate": ("CERT", True, False),
    "nothing": ("", False, False),
}


@pytest.fixture(scope="module")
def revocable(bench):
    """A commit with a certificate and one with its key alone; the certificate's name."""
    name = bench.certificate(identity="ann's", options=["-z", "7"])
    return bench.commit(name), bench.commit("ed25519"), name


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize("authority", ["ca-ed25519", "none", "ca-ecdsa256"])
def test_a_list_of_ssh_keygen_revokes_what_it_revokes_for_git(bench, revocable, name, authority):
    certified, plain, cert = revocable
    text, revokes_cert, revokes_key = LISTS[name]
    printed = ssh_keygen("-l", "-f", bench.folder / "ed25519.pub").stdout.decode().split()[1]
    text = filled(text, bench.words(cert) | {"FINGERPRINT": printed})
    spec, krl = bench.write("spec", text + "\n"), bench.folder / "krl"
    krl.unlink(missing_ok=True)
    by = "none" if authority == "none" else bench.folder / f"{authority}.pub"
    ssh_keygen("-q", "-k", "-f", krl, "-s", by, "-z", "3", spec)
    if authority == "ca-ecdsa256" and name in ("a serial number", "a range", "a bitmap", "many",
                                               "its id"):
        revokes_cert = False  # it is another authority's
    lines = f"{bench.authority()}\nann {bench.public('ed25519')}"
    for commit, revokes in ((certified, revokes_cert), (plain, revokes_key)):
        assert bench.both(commit, lines, krl) == ("revoked-key" if revokes else "accepted")


@pytest.mark.parametrize("name, line, revokes", [
    ("the key", "KEY", (True, True)), ("the authority", "CA", (True, False)),
    ("another", "OTHER", (False, False)), ("the certificate", "CERT", (True, True)),
    ("with a comment", "# KEY\n\n  KEY ann's laptop", (True, True)),
    ("in a comment", "# KEY", (False, False)),
])
def test_a_list_of_keys_revokes_what_it_revokes_for_git(bench, revocable, name, line, revokes):
    certified, plain, cert = revocable
    revoked = bench.write("revoked", filled(line, bench.words(cert)) + "\n")
    lines = f"{bench.authority()}\nann {bench.public('ed25519')}"
    assert tuple(bench.both(commit, lines, revoked) == "revoked-key"
                 for commit in (certified, plain)) == revokes


def test_a_list_that_cannot_be_read_lets_nothing_be_judged(bench, revocable):
    revoked = bench.write("revoked", "serial: 7\n")
    done = subprocess.run([*binary(), "verify", "--repo", bench.repo, revocable[1], "--signers",
                           bench.signers, "--revoked", revoked], capture_output=True, text=True)
    assert done.returncode == 2 and f"{revoked}:1: expected a public key" in done.stderr
    assert done.stdout == ""


def test_no_altered_certificate_is_accepted_that_git_refuses(bench):
    """What both accept has the payload that was signed."""
    rng = random.Random(SEED)
    originals = [bench.content(bench.certified(key=key)) for key in KEYS]
    for kind, key in bench.security.items():
        cert = blob_of((bench.folder / f"{bench.certificate(key=f'sk-{kind}')}.pub").read_text())
        originals += [key.commit(bench.payload), key.commit(bench.payload, cert=cert)]
    lines = "\n".join([bench.authority(), *(f"sk {text_of(key.blob)}"
                                            for key in bench.security.values())])
    payloads = {bench.ask(bench.store(data), lines)[0]["payload"] for data in originals}
    ways = [flip, flip_blob, flip_blob, flip_blob, insert, cut, double_line, drop_line, swap_lines,
            add_header, move_signature]
    told = Counter()
    for _ in range(MUTATIONS):
        way = rng.choice(ways)
        data = way(rng.choice(originals), rng)
        if data in originals:
            continue
        judged, theirs = bench.ask(bench.store(data), lines)
        if judged["verdict"] == "accepted":
            assert theirs, (way.__name__, data)
            assert judged["payload"] in payloads, (way.__name__, data)
        elif theirs:
            told[f"{way.__name__}: {judged['reason']}: {judged['detail'][:60]}"] += 1
        told[f"both refuse as {judged['reason']}" if not theirs else "both accept"] += 1
    print("git accepts, limpet refuses:")
    for what, times in told.most_common():
        print(f"{times:6} {what}")


def flip_blob(data, rng):
    """A bit of the signature's bytes, in armor that is spelled as it should be."""
    lines = data.split(b"\n")
    start = next(i for i, line in enumerate(lines) if line.startswith(b"gpgsig "))
    end = next(i for i, line in enumerate(lines) if line.endswith(b"END SSH SIGNATURE-----"))
    raw = blob_of("x " + b"".join(line.strip() for line in lines[start + 1:end]).decode())
    rest = b"\n".join(lines[:start] + lines[end + 1:])
    at = rng.randrange(len(raw))
    return with_signature(rest, raw[:at] + bytes([raw[at] ^ 1 << rng.randrange(8)]) + raw[at + 1:])
