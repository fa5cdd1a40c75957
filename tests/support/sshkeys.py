# SPDX-License-Identifier: Apache-2.0
"""SSH keys and certificates by ssh-keygen, and what it cannot make here: signatures of security
keys, without one. Such a signature is an ordinary one over 69 bytes, which openssl makes;
ssh-keygen verifies it like any other."""

import base64
import hashlib
import subprocess
from pathlib import Path

MAGIC = b"SSHSIG"
BEGIN, END = "-----BEGIN SSH SIGNATURE-----", "-----END SSH SIGNATURE-----"
TOUCHED = 0x01


def put(data):
    """A string of SSH's wire format."""
    return len(data).to_bytes(4, "big") + data


def number(value):
    return put(value.to_bytes(value.bit_length() // 8 + 1, "big"))


def strings(data):
    """The strings that `data` consists of."""
    found = []
    while data:
        n = int.from_bytes(data[:4], "big")
        found.append(data[4:4 + n])
        data = data[4 + n:]
    return found


def blob_of(public):
    """The bytes of a key or a certificate, from the text of its .pub file."""
    return base64.b64decode(public.split()[1])


def text_of(blob):
    """Its type and base64, as a .pub file has them."""
    return f"{strings(blob[:4 + int.from_bytes(blob[:4], 'big')])[0].decode()} " \
           f"{base64.b64encode(blob).decode()}"


def header(raw):
    """A signature as the gpgsig header of a commit."""
    text = base64.b64encode(raw).decode()
    lines = [BEGIN, *(text[i:i + 70] for i in range(0, len(text), 70)), END]
    return ("gpgsig " + "\n ".join(lines) + "\n").encode()


def with_signature(payload, raw):
    """An unsigned commit with a signature after its committer line."""
    at = payload.index(b"\n", payload.index(b"\ncommitter ") + 1) + 1
    return payload[:at] + header(raw) + payload[at:]


def to_be_signed(payload, namespace=b"git"):
    return MAGIC + put(namespace) + put(b"") + put(b"sha512") + put(hashlib.sha512(payload).digest())


def sshsig(key, signature, namespace=b"git"):
    """An SSHSIG blob: `key` is a key's or a certificate's blob."""
    return MAGIC + b"\0\0\0\1" + b"".join(map(put, (key, namespace, b"", b"sha512", signature)))


def ssh_keygen(*words, **more):
    return subprocess.run(["ssh-keygen", *map(str, words)], check=True, capture_output=True,
                          stdin=subprocess.DEVNULL, **more)


def certify(authority, public, folder, name, *, identity="id", principals="ann@example.com",
            options=()):
    """A certificate by the private key `authority` for the file `public`; its text.

    It lies in folder/name-cert.pub, with a copy of the key beside it, so that git can sign
    with it.
    """
    key = Path(folder) / name
    key.with_suffix(".pub").write_text(Path(public).read_text())
    if Path(public).with_suffix("").exists():
        key.write_bytes(Path(public).with_suffix("").read_bytes())
        key.chmod(0o600)
    who = ["-n", principals] if principals else []
    ssh_keygen("-q", "-s", authority, "-I", identity, *who, *options, key.with_suffix(".pub"))
    return (Path(folder) / f"{name}-cert.pub").read_text()


# What follows the fields of the key: numbers by their bytes, strings as 0.
AFTER_KEY = [8, 4, 0, 0, 8, 8, 0, 0, 0]
KEY_STRINGS = {"ssh-ed25519": 1, "ssh-rsa": 2, "ecdsa-sha2": 2, "sk-ssh-ed25519": 2,
               "sk-ecdsa-sha2": 3}


def recertified(cert, authority, sign):
    """A certificate under another authority: its key's blob, and how that signs."""
    name = cert[4:4 + int.from_bytes(cert[:4], "big")].decode()
    key = next(n for prefix, n in KEY_STRINGS.items() if name.startswith(prefix))
    at = 0
    for size in [0] * (2 + key) + AFTER_KEY:
        at += size or 4 + int.from_bytes(cert[at:at + 4], "big")
    body = cert[:at] + put(authority)
    return body + put(sign(body))


class SecurityKey:
    """A key as a security key would have it, in a file of openssl's. `kind`: ed25519, ecdsa."""

    OPTIONS = {"ed25519": ["-algorithm", "ed25519"],
               "ecdsa": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]}

    def __init__(self, folder, kind, application=b"ssh:"):
        self.kind, self.application, self.counter = kind, application, 7
        self.path = Path(folder) / f"sk-{kind}.pem"
        self.openssl("genpkey", *self.OPTIONS[kind], "-out", self.path)
        raw = self.openssl("pkey", "-in", self.path, "-pubout", "-outform", "DER")
        if kind == "ed25519":
            self.name, point = b"sk-ssh-ed25519@openssh.com", put(raw[-32:])
        else:
            self.name = b"sk-ecdsa-sha2-nistp256@openssh.com"
            point = put(b"nistp256") + put(raw[-65:])
        self.blob = put(self.name) + point + put(application)

    @staticmethod
    def openssl(*words, data=None):
        return subprocess.run(["openssl", *map(str, words)], input=data, check=True,
                              capture_output=True).stdout

    def _sign(self, data):
        if self.kind == "ed25519":
            message = self.path.with_suffix(".message")
            message.write_bytes(data)
            return self.openssl("pkeyutl", "-sign", "-rawin", "-inkey", self.path, "-in", message)
        der = self.openssl("dgst", "-sha256", "-sign", self.path, data=data)
        values, rest = [], der[2:]
        while rest:
            values.append(int.from_bytes(rest[2:2 + rest[1]], "big"))
            rest = rest[2 + rest[1]:]
        return b"".join(map(number, values))

    def sign(self, message, flags=TOUCHED):
        """The signature field over `message`, with the flags that it claims."""
        self.counter += 1
        claim = bytes([flags]) + self.counter.to_bytes(4, "big")
        signed = self._sign(hashlib.sha256(self.application).digest() + claim
                            + hashlib.sha256(message).digest())
        return put(self.name) + put(signed) + claim

    def commit(self, payload, flags=TOUCHED, cert=None):
        """An unsigned commit, signed; with a certificate's blob in the key's place."""
        return with_signature(payload, sshsig(cert or self.blob,
                                              self.sign(to_be_signed(payload), flags)))
