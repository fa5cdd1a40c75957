# SPDX-License-Identifier: Apache-2.0
"""Public test vectors: OpenSSH's signatures of a file before what reads those of commits, and
Wycheproof's signatures before platform/crypto.h. support/vectors.py fetches them."""

import json
import re
import shutil
import subprocess
from collections import Counter

import pytest

from support import vectors
from support.sshkeys import ssh_keygen
from support.trustdriver import driver, verify

# What OpenSSH's data has and limpet does not verify.
UNSUPPORTED = {"dsa": "ssh-dss", "ecdsa_sk_webauthn": "webauthn-sk-ecdsa-sha2-nistp256@openssh.com"}
CURVES = {256: "secp256r1", 384: "secp384r1", 521: "secp521r1"}
HASHES = {256: 256, 384: 384, 521: 512}  # the hash that SSH has for each curve
RSA = [(2048, 256), (2048, 512), (3072, 256), (3072, 512), (4096, 256), (4096, 512)]
NOTHING = "-"


# --- OpenSSH ---

@pytest.fixture(scope="module")
def openssh():
    return vectors.openssh()


def signed(openssh):
    """Names of the signatures there."""
    return sorted(name.removesuffix(".sig") for name in openssh if name.endswith(".sig"))


def test_each_signature_of_openssh_is_read_as_it_was_meant(openssh, tmp_path):
    names = signed(openssh)
    message, namespace = openssh["signed-data"], openssh["namespace"].decode().strip()
    altered = message[:-1] + b"!"
    good = verify([(openssh[f"{name}.sig"], message) for name in names])
    bad = verify([(openssh[f"{name}.sig"], altered) for name in names])
    assert {"rsa", "ecdsa", "ed25519", "ed25519_sk", "ecdsa_sk", *UNSUPPORTED} == set(names)
    for name, one, other in zip(names, good, bad):
        assert one.signs == ("no" if name in UNSUPPORTED else "yes"), (name, one)
        assert other.signs == "no", (name, other)
        if name in UNSUPPORTED:
            assert one.verdict == "unsupported-key", (name, one)
            continue
        public = tmp_path / f"{name}.pub"
        public.write_bytes(openssh[f"{name}.pub"])
        printed = ssh_keygen("-l", "-f", public).stdout.decode().split()[1]
        assert (one.verdict, one.namespace, one.key) == ("accepted", namespace, printed), name
    print(f"{len(names)} signatures of OpenSSH, {len(UNSUPPORTED)} of them unsupported")


def test_every_flipped_bit_of_openssh_s_signatures_is_noticed(openssh):
    """In the armor's base64: none leaves a signature good."""
    for name in signed(openssh):
        armor = openssh[f"{name}.sig"]
        pairs = [(armor[:at] + bytes([armor[at] ^ 1 << bit]) + armor[at + 1:], openssh["signed-data"])
                 for at in range(armor.index(b"\n") + 1, armor.rindex(b"\n-----END")) for bit in range(7)]
        assert {one.signs for one in verify(pairs)} == {"no"}, name


def test_an_altered_archive_of_openssh_is_refused_by_name(tmp_path, monkeypatch):
    archive = next((vectors.cache_root() / "src").glob("openssh_*.orig.tar.gz"))
    monkeypatch.setenv("LIMPET_CACHE", str(tmp_path))
    (tmp_path / "src").mkdir()
    copy = tmp_path / "src" / archive.name
    copy.write_bytes(archive.read_bytes()[:-1] + b"x")
    with pytest.raises(vectors.Missing, match=f"{copy} is not the file that .*openssh.lock names"):
        vectors.openssh()


# --- Wycheproof ---

@pytest.fixture(scope="module")
def wycheproof():
    return vectors.wycheproof()


def cases_in(folder, name):
    """(group, test) of a file."""
    for group in json.loads((folder / name).read_text())["testGroups"]:
        for test in group["tests"]:
            yield group, test


def der_pair(data):
    """r and s of a DER sequence of two numbers; None when it is none, or spelled otherwise."""
    found = re.fullmatch(rb"\x30(?:([\x00-\x7f])|\x81([\x80-\xff]))(.*)", data, re.DOTALL)
    if not found or (found[1] or found[2])[0] != len(found[3]):
        return None
    rest, numbers = found[3], []
    for _ in range(2):
        if len(rest) < 3 or rest[0] != 2 or not 0 < rest[1] <= min(len(rest) - 2, 127):
            return None
        number, rest = rest[2:2 + rest[1]], rest[2 + rest[1]:]
        if number[0] & 0x80 or number[:1] == b"\0" and len(number) > 1 and not number[1] & 0x80:
            return None
        numbers.append(number)
    return None if rest else numbers


def raw_pair(data, bits):
    """r and s of a signature as IEEE P1363 has it; None when its length is another."""
    field = (bits + 7) // 8
    return [data[:field], data[field:]] if len(data) == 2 * field else None


def ecdsa_question(group, test, bits, raw):
    data = bytes.fromhex(test["sig"])
    pair = raw_pair(data, bits) if raw else der_pair(data)
    return pair and ["ecdsa", str(bits), group["publicKey"]["uncompressed"], test["msg"] or NOTHING,
                     *(number.hex() or NOTHING for number in pair)]


def rsa_question(group, test, bits):
    key = group["publicKey"]
    numbers = [re.sub("^(00)+", "", key[name]) for name in ("modulus", "publicExponent")]
    return ["rsa", str(bits), *numbers, test["msg"] or NOTHING, test["sig"] or NOTHING]


def ed25519_question(group, test):
    return ["ed25519", group["publicKey"]["pk"], test["msg"] or NOTHING, test["sig"] or NOTHING]


def answers(questions):
    done = subprocess.run([str(driver("crypto_driver"))], text=True, capture_output=True, check=True,
                          input="".join(" ".join(question) + "\n" for question in questions))
    lines = done.stdout.split()
    assert len(lines) == len(questions)
    return [line == "yes" for line in lines]


def hold(folder, name, question):
    """Asks about every test of a file. One that cannot be asked has no two numbers in it, and
    must not be valid."""
    known = list(cases_in(folder, name))
    asked = [(test, question(group, test)) for group, test in known]
    for test, words in asked:
        assert words or test["result"] != "valid", (name, test)
    asked = [(test, words) for test, words in asked if words]
    told = Counter(unread=len(known) - len(asked))
    for (test, _), good in zip(asked, answers([words for _, words in asked])):
        assert test["result"] == "acceptable" or good == (test["result"] == "valid"), (name, test)
        told[f"{test['result']}, {'accepted' if good else 'refused'}"] += 1
        if test["result"] == "acceptable":
            print(f"acceptable, {'accepted' if good else 'refused'}: {name} {test['tcId']} {test['comment']}")
    assert told["valid, accepted"] and told["invalid, refused"], (name, told)
    print(f"{name}: {len(known)} tests, {dict(told)}")


def test_ed25519_of_wycheproof(wycheproof):
    hold(wycheproof, "ed25519_test.json", ed25519_question)


@pytest.mark.parametrize("form", ["", "_p1363"])
@pytest.mark.parametrize("bits", CURVES)
def test_ecdsa_of_wycheproof(wycheproof, bits, form):
    hold(wycheproof, f"ecdsa_{CURVES[bits]}_sha{HASHES[bits]}{form}_test.json",
         lambda group, test: ecdsa_question(group, test, bits, form))


@pytest.mark.parametrize("modulus, bits", RSA)
def test_rsa_of_wycheproof(wycheproof, modulus, bits):
    hold(wycheproof, f"rsa_signature_{modulus}_sha{bits}_test.json",
         lambda group, test: rsa_question(group, test, bits))


def test_rsa_of_other_lengths_is_refused_whole(wycheproof):
    """8,192 bits are above what limpet reads, however good the signature."""
    asked = [rsa_question(group, test, 256)
             for group, test in cases_in(wycheproof, "rsa_signature_8192_sha256_test.json")]
    assert not any(answers(asked))


def test_another_sum_of_wycheproof_is_refused(tmp_path):
    for name in ("go.mod", "go.sum"):
        shutil.copy(vectors.VECTORS / name, tmp_path)
    sums = (tmp_path / "go.sum").read_text()
    (tmp_path / "go.sum").write_text(sums.replace("h1:p", "h1:q", 1))
    with pytest.raises(vectors.Missing, match="checksum mismatch"):
        vectors.wycheproof(tmp_path)
