# SPDX-License-Identifier: Apache-2.0
"""Throwaway certificate authorities, made with the openssl program."""

import datetime
import subprocess
from pathlib import Path
from typing import NamedTuple

KEYS = {
    "ecdsa": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
    "rsa": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
}


class Certificate(NamedTuple):
    """A certificate and its private key, both PEM files."""
    cert: Path
    key: Path


def _openssl(*argv):
    done = subprocess.run(["openssl", *map(str, argv)], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"openssl {argv[0]} failed: {done.stderr}")


def make_key(path, kind="ecdsa"):
    """A new private key, readable by its owner alone."""
    _openssl("genpkey", *KEYS[kind], "-out", path)
    Path(path).chmod(0o600)
    return Path(path)


def public_key(key, path):
    """Writes the public half of a private key; returns its path."""
    _openssl("pkey", "-in", key, "-pubout", "-out", path)
    return Path(path)


def _quoted(text):
    """A value for openssl's -subj, which cuts at slashes and plus signs."""
    return "".join("\\" + char if char in "\\/+=" else char for char in text)


class Authority:
    """A certificate authority that lives in a folder; what it issues lies there too."""

    def __init__(self, folder, name, kind="ecdsa"):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.name = name
        self.cert = self.folder / f"{name}.crt"
        self.key = self.folder / f"{name}.key"
        if not self.cert.exists():
            make_key(self.key, kind)
            _openssl("req", "-x509", "-new", "-key", self.key, "-out", self.cert, "-days", 30,
                     "-subj", f"/CN={_quoted(name)}",
                     "-addext", "keyUsage=critical,keyCertSign,cRLSign")

    def issue(self, file, common_name, *, organisations=(), hosts=(), kind="ecdsa",
              expired=False, future=False):
        """Issues a certificate as FILE.crt with FILE.key.

        With `hosts` ("IP:127.0.0.1", "DNS:localhost") it is a server's, otherwise a
        client's. An `expired` one was good for a day, the day before yesterday; one of the
        `future` will be, from tomorrow.
        """
        cert, key = self.folder / f"{file}.crt", self.folder / f"{file}.key"
        request, config = self.folder / f"{file}.csr", self.folder / f"{file}.cnf"
        make_key(key, kind)
        subject = "".join(f"/O={_quoted(o)}" for o in organisations) + f"/CN={_quoted(common_name)}"
        _openssl("req", "-new", "-key", key, "-subj", subject, "-out", request)
        extensions = ["basicConstraints=CA:FALSE", "authorityKeyIdentifier=keyid",
                      "keyUsage=critical,digitalSignature",
                      f"extendedKeyUsage={'serverAuth' if hosts else 'clientAuth'}"]
        if hosts:
            extensions.append(f"subjectAltName={','.join(hosts)}")
        database = self.folder / f"{self.name}.db"
        config.write_text(
            "[ca]\ndefault_ca=ca\n[ca]\nrand_serial=yes\ndefault_md=sha256\npolicy=any\n"
            f"unique_subject=no\ndatabase={database}\nnew_certs_dir={self.folder}\n"
            "[any]\norganizationName=optional\ncommonName=supplied\n"
            "[ext]\n" + "\n".join(extensions) + "\n")
        database.touch()
        dates = ["-days", 30]
        if expired:
            dates = ["-startdate", _days_ago(2), "-enddate", _days_ago(1)]
        if future:
            dates = ["-startdate", _days_ago(-1), "-enddate", _days_ago(-2)]
        _openssl("ca", "-batch", "-notext", "-preserveDN", "-config", config, "-extensions", "ext",
                 "-cert", self.cert, "-keyfile", self.key, "-in", request, "-out", cert, *dates)
        request.unlink()
        config.unlink()
        return Certificate(cert, key)


def _days_ago(days):
    then = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=days)
    return then.strftime("%Y%m%d%H%M%SZ")
