# SPDX-License-Identifier: Apache-2.0
"""OpenPGP: packets taken apart and put together, a throwaway home for the real gpg, and keys that
say of themselves whatever a test wants, signed by openssl."""

import base64
import hashlib
import subprocess
from pathlib import Path

from support.gitserver import git_environment

BEGIN, END = b"-----BEGIN PGP SIGNATURE-----", b"-----END PGP SIGNATURE-----"
SIGNATURE, PUBLIC_KEY, MARKER, TRUST, USER_ID, PUBLIC_SUBKEY = 2, 6, 10, 12, 13, 14
CREATED, EXPIRES, KEY_EXPIRES, ISSUER, FLAGS, EMBEDDED, ISSUER_FINGERPRINT = 2, 3, 9, 16, 27, 32, 33
OVER_UID, BINDS, BACK, OVER_KEY, REVOKES, REVOKES_SUBKEY = 0x13, 0x18, 0x19, 0x1f, 0x20, 0x28
EDDSA_LEGACY, ED25519 = 22, 27
HASHES = {2: "sha1", 8: "sha256", 9: "sha384", 10: "sha512"}

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


# --- packets ------------------------------------------------------------------------------


def packet(tag, body):
    """A packet of the old format, as gpg 2.2 writes it."""
    if len(body) < 256:
        return bytes([0x80 | tag << 2, len(body)]) + body
    return bytes([0x81 | tag << 2]) + len(body).to_bytes(2, "big") + body


def packets(data):
    """(tag, body) of each packet that gpg wrote."""
    found = []
    while data:
        assert data[0] & 0xc0 == 0x80 and data[0] & 3 < 2
        head = 2 + (data[0] & 3)
        size = int.from_bytes(data[1:head], "big")
        found.append((data[0] >> 2 & 15, data[head:head + size]))
        data = data[head + size:]
    return found


def joined(parts):
    return b"".join(packet(tag, body) for tag, body in parts)


def sub(kind, body, critical=False):
    """A subpacket of a signature."""
    size = len(body) + 1
    head = bytes([size]) if size < 192 else bytes([(size - 192 >> 8) + 192, size - 192 & 255])
    return head + bytes([kind | critical << 7]) + body


def date(kind, seconds):
    return sub(kind, seconds.to_bytes(4, "big"))


def area(data):
    return len(data).to_bytes(2, "big") + data


def with_unhashed(body, change):
    """A signature's body with the area that is not signed changed."""
    at = 6 + int.from_bytes(body[4:6], "big")
    end = at + 2 + int.from_bytes(body[at:at + 2], "big")
    return body[:at] + area(change(body[at + 2:end])) + body[end:]


def mpi(data):
    data = data.lstrip(b"\0")
    return (int.from_bytes(data, "big").bit_length()).to_bytes(2, "big") + data


def key_part(body):
    """A key as signatures have it, and as its fingerprint does."""
    return b"\x99" + area(body)


def uid_part(uid):
    return b"\xb4" + len(uid).to_bytes(4, "big") + uid


# --- armor --------------------------------------------------------------------------------


def crc24(data):
    crc = 0xB704CE
    for byte in data:
        crc ^= byte << 16
        for _ in range(8):
            crc = crc << 1 ^ (0x1864CFB if crc & 0x800000 else 0)
    return (crc & 0xFFFFFF).to_bytes(3, "big")


def armor_lines(raw):
    text = base64.b64encode(raw)
    lines = [text[at:at + 64] for at in range(0, len(text), 64)]
    return [b"", *lines, b"=" + base64.b64encode(crc24(raw))]


def header(raw):
    """The gpgsig header of a signature's packets, as git and gpg write it, without its LF."""
    return b"gpgsig " + b"\n ".join([BEGIN, *armor_lines(raw), END])


def split(commit):
    """(before, signature packets, after) of a signed commit."""
    start, end = commit.index(b"gpgsig "), commit.index(END) + len(END)
    lines = commit[start:end].split(b"\n ")
    return commit[:start], base64.b64decode(b"".join(lines[2:-2])), commit[end:]


def with_signature(payload, raw):
    """An unsigned commit with a signature after its committer line."""
    at = payload.index(b"\n", payload.index(b"\ncommitter ") + 1) + 1
    return payload[:at] + header(raw) + b"\n" + payload[at:]


# --- keys of our own ------------------------------------------------------------------------


def openssl(*words):
    return subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True).stdout


class Key:
    """A key of Ed25519 in a file of openssl's. It signs what it is told to."""

    def __init__(self, folder, name, created, algorithm=EDDSA_LEGACY):
        self.path, self.created, self.algorithm = Path(folder) / f"{name}.pem", created, algorithm
        openssl("genpkey", "-algorithm", "ed25519", "-out", self.path)
        raw = openssl("pkey", "-in", self.path, "-pubout", "-outform", "DER")[-32:]
        self.body = b"\4" + created.to_bytes(4, "big") + bytes([algorithm])
        if algorithm == EDDSA_LEGACY:
            self.body += bytes.fromhex("092b06010401da470f01") + mpi(b"\x40" + raw)
        else:
            self.body += raw
        self.fingerprint = hashlib.sha1(key_part(self.body)).digest()

    def _numbers(self, digest):
        message = self.path.with_suffix(".message")
        message.write_bytes(digest)
        raw = openssl("pkeyutl", "-sign", "-rawin", "-inkey", self.path, "-in", message)
        return raw if self.algorithm == ED25519 else mpi(raw[:32]) + mpi(raw[32:])

    def says(self, kind, data, *hashed, created=None, unhashed=b"", digest=8, dated=True):
        """The body of a signature over `data`, with subpackets beside its date and issuer."""
        at = self.created if created is None else created
        signed = bytes([4, kind, self.algorithm, digest]) + area(
            sub(ISSUER_FINGERPRINT, b"\4" + self.fingerprint)
            + (date(CREATED, at) if dated else b"") + b"".join(hashed))
        ready = hashlib.new(HASHES[digest], data + signed + b"\4\xff"
                            + len(signed).to_bytes(4, "big")).digest()
        return (signed + area(sub(ISSUER, self.fingerprint[-8:]) + unhashed) + ready[:2]
                + self._numbers(ready))

    def over_uid(self, uid, *hashed, **more):
        return SIGNATURE, self.says(OVER_UID, key_part(self.body) + uid_part(uid), *hashed, **more)

    def over_itself(self, *hashed, kind=OVER_KEY, **more):
        return SIGNATURE, self.says(kind, key_part(self.body), *hashed, **more)

    def binds(self, other, *hashed, kind=BINDS, **more):
        return SIGNATURE, self.says(kind, key_part(self.body) + key_part(other.body), *hashed,
                                    **more)

    def back(self, primary, *hashed, **more):
        """A subkey's back-signature, to be embedded."""
        return sub(EMBEDDED, self.says(BACK, key_part(primary.body) + key_part(self.body), *hashed,
                                       **more))

    def commit(self, payload, *hashed, **more):
        return with_signature(payload, packet(SIGNATURE, self.says(0, payload, *hashed, **more)))


# --- gpg ----------------------------------------------------------------------------------


class Home:
    """A throwaway GnuPG home and a repository beside it."""

    def __init__(self, folder):
        self.folder = folder
        self.gnupg = folder / "g"
        self.folder.mkdir(exist_ok=True)
        self.gnupg.mkdir(mode=0o700)
        self.repo = folder / "repo"
        self.repo.mkdir()
        self.env = {**git_environment(folder), "GNUPGHOME": str(self.gnupg)}
        self.git("init", "-q", "-b", "main")
        for setting, value in {"user.name": "Ann", "user.email": "ann@example.com",
                               "gpg.format": "openpgp", "gc.auto": "0"}.items():
            self.git("config", setting, value)

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

    def public(self, name, *options):
        """The certificate of name@example.com."""
        return self.gpg(*options, "--export", f"={name} <{name}@example.com>")

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
