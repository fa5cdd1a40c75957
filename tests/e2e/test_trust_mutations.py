# SPDX-License-Identifier: Apache-2.0
"""Commits of every kind of SSH key, by the real git and ssh-keygen, and tens of thousands of
alterations of them, before limpet and `git verify-commit` with the same files: limpet never
accepts what git refuses, and accepts what git made. So with altered files of who may sign. Where limpet alone refuses, the reason is
one of those in STRICTER."""

import hashlib
import os
import random
import re
import subprocess
from collections import Counter, defaultdict, namedtuple
from concurrent.futures import ThreadPoolExecutor

import pytest

from support import mutations
from support.gitserver import git_environment
from support.sshkeys import (SecurityKey, blob_of, certify, put, recertified, ssh_keygen, sshsig,
                             text_of, to_be_signed, with_signature)
from support.trustdriver import GitJudge, judge

LONG = 10 if os.environ.get("LIMPET_LONG") else 1
MUTATIONS = 22_400 * LONG
FILE_MUTATIONS = 800 * LONG
ASKED = 2 * LONG  # of what limpet refuses, a kind of alteration and a reason: shown to git too
SEED = int(os.environ.get("LIMPET_SEED") or random.randrange(1 << 32))
TIME = 1_750_000_000  # 2025-06-15T15:06:40Z, the date of the commits
EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
KEYS = {"ed25519": ["ed25519"], "ecdsa256": ["ecdsa", "-b", "256"],
        "ecdsa384": ["ecdsa", "-b", "384"], "ecdsa521": ["ecdsa", "-b", "521"],
        "rsa2048": ["rsa", "-b", "2048", "-m", "PEM"], "rsa3072": ["rsa", "-b", "3072", "-m", "PEM"],
        "rsa4096": ["rsa", "-b", "4096", "-m", "PEM"]}
AUTHORITIES = ["ed25519", "ecdsa256", "ecdsa384", "ecdsa521", "rsa2048", "rsa4096"]
VALID = ["-V", "20250601Z:20250701Z"]
# What certificates of the Ed25519 key say, besides one of each key by each authority.
CERTIFICATES = {
    "dated": {"options": VALID},
    "expired": {"options": ["-V", "20250101Z:20250201Z"]},
    "ending": {"options": ["-V", "always:20250701Z"]},
    "early": {"options": ["-V", "20250701Z:20250801Z"]},
    "first second": {"options": ["-V", "20250615150640Z:20250701Z"]},
    "last second": {"options": ["-V", "20250601Z:20250615150641Z"]},
    "numbered": {"options": ["-z", "7"], "identity": "ann's"},
    "several": {"principals": "root,bob@example.com,ann@example.com"},
    "nobody": {"principals": ""},
    "elsewhere": {"principals": "eve@elsewhere.example"},
    "refused": {"principals": "mallory@example.com"},
    "host": {"options": ["-h"]},
    "command": {"options": ["-O", "force-command=true"]},
    "critical": {"options": ["-O", "critical:note@example.com=x"]},
    "extension": {"options": ["-O", "extension:note@example.com=x"]},
    "bare": {"options": ["-O", "clear"]},
    "stranger": {"by": "stranger"},
}

Signed = namedtuple("Signed", "name data")
World = namedtuple("World", "name signers revoked")


# --- what is made ---

class Forge:
    """Keys, certificates, and the commits that they sign."""

    def __init__(self, folder):
        self.folder, self.repo = folder, folder / "repo"
        self.repo.mkdir()
        self.git("init", "-q", "-b", "main")
        for setting, value in {"user.name": "Ann", "user.email": "ann@example.com",
                               "gpg.format": "ssh", "gc.auto": "0"}.items():
            self.git("config", setting, value)
        self._in_parallel(self._key, [(name, options) for prefix in ("", "ca-")
                                      for name, options in KEYS.items()
                                      for name in [prefix + name]] + [("stranger", ["ed25519"])])
        self.security = {kind: SecurityKey(folder, kind) for kind in ("ed25519", "ecdsa")}
        for kind, key in self.security.items():
            (folder / f"sk-{kind}.pub").write_text(text_of(key.blob) + "\n")
        self.signing = [*KEYS, *self._certificates()]
        self.shapes = self._shapes()

    @staticmethod
    def _in_parallel(call, arguments):
        with ThreadPoolExecutor(os.cpu_count() or 2) as pool:
            return list(pool.map(lambda words: call(*words), arguments))

    def _key(self, name, options):
        ssh_keygen("-q", "-t", *options, "-N", "", "-C", "", "-f", self.folder / name)

    def public(self, name):
        return " ".join((self.folder / f"{name}.pub").read_text().split()[:2])

    def git(self, *words, input=None, date=f"{TIME} +0000"):
        env = {**git_environment(self.folder), "GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date}
        return subprocess.run(["git", *map(str, words)], cwd=self.repo, env=env, input=input,
                              check=True, capture_output=True).stdout

    def _certificates(self):
        """Their names, by which git signs with them."""
        more = [(f"{key}-by-{by}", {"key": key, "by": f"ca-{by}"})
                for key in KEYS for by in AUTHORITIES]
        more += [(name.replace(" ", "-"), options) for name, options in CERTIFICATES.items()]

        def make(name, options):
            options = dict(options)
            key, by = options.pop("key", "ed25519"), options.pop("by", "ca-ed25519")
            certify(self.folder / by, self.folder / f"{key}.pub", self.folder, name, **options)
            return f"{name}-cert"

        return self._in_parallel(make, more)

    def _commit(self, signing, *words, message="a message\n\nof two parts\n", **how):
        """A commit that git makes and signs; its bytes. `signing` None: unsigned."""
        sign = ["-c", f"user.signingkey={self.folder / signing}.pub"] if signing else []
        made = self.git(*sign, *how.pop("settings", []), "commit-tree", *(["-S"] if signing else []),
                        *words, EMPTY_TREE, input=message if isinstance(message, bytes)
                        else message.encode(), **how).decode().strip()
        return self.git("cat-file", "commit", made)

    def _shapes(self):
        """What a commit may look like: the words and the message for git."""
        self.git("hash-object", "-t", "tree", "-w", "--stdin", input=b"")
        base = [self.git("commit-tree", EMPTY_TREE, input=b"base %d\n" % i).decode().strip()
                for i in range(16)]
        parents = [word for commit in base for word in ("-p", commit)]
        return {
            "root": {"words": []},
            "child": {"words": parents[:2]},
            "merge": {"words": parents[:4]},
            "octopus": {"words": parents},
            "no message": {"words": [], "message": ""},
            "one line": {"words": [], "message": "no line end"},
            "long": {"words": parents[:2], "message": "subject\n\n" + "a line of it\n" * 2000},
            "latin": {"words": [], "message": "übersetzt\n".encode("latin-1"),
                      "settings": ["-c", "i18n.commitEncoding=ISO-8859-1"]},
            "carriage returns": {"words": [], "message": "one\r\n\r\ntwo\r\n"},
            "far": {"words": [], "date": "1750000000 +1345"},
            "trailers": {"words": [], "message": "fix\n\nSigned-off-by: Ann <ann@example.com>\n"
                                                 "-----BEGIN SSH SIGNATURE-----\nquoted\n"},
            "headers": {"words": parents[:2], "message": "tree 1\nparent 2\ngpgsig is a header\n"},
        }

    def commits(self):
        """All of them. Every key signs every shape, every certificate two; what git cannot be
        made to write or to sign with, openssl signs."""
        jobs = [(signing, shape) for i, signing in enumerate(self.signing)
                for j, shape in enumerate(self.shapes) if i < len(KEYS) or i % len(self.shapes) == j
                or shape == "root"]
        made = self._in_parallel(self._by_git, jobs)
        return [*made, *self._by_openssl(), *self._rare()]

    def _by_git(self, signing, shape):
        how = dict(self.shapes[shape])
        return Signed(f"{shape} by {signing}", self._commit(signing, *how.pop("words"), **how))

    def _payload(self, shape):
        how = dict(self.shapes[shape])
        return self._commit(None, *how.pop("words"), **how)

    def _by_openssl(self):
        """By security keys, alone and certified, and by RSA over SHA-256."""
        found = []
        for shape in ("root", "merge", "latin", "long"):
            payload = self._payload(shape)
            for kind, key in self.security.items():
                certify(self.folder / "ca-ecdsa384", self.folder / f"sk-{kind}.pub", self.folder,
                        f"of-sk-{kind}")
                cert = blob_of((self.folder / f"of-sk-{kind}-cert.pub").read_text())
                by_sk = recertified(cert, self.security["ecdsa"].blob, self.security["ecdsa"].sign)
                found += [Signed(f"{shape} by sk-{kind}", key.commit(payload)),
                          Signed(f"{shape} by sk-{kind}, untouched", key.commit(payload, flags=0)),
                          Signed(f"{shape} by sk-{kind}, verified", key.commit(payload, flags=5)),
                          Signed(f"{shape} by sk-{kind}-cert", key.commit(payload, cert=cert)),
                          Signed(f"{shape} by sk-{kind}-cert by sk", key.commit(payload, cert=by_sk))]
            for name in (name for name in KEYS if name.startswith("rsa")):
                for bits in (256, 512):
                    found.append(Signed(f"{shape} by {name} over {bits}",
                                        self._by_rsa(payload, name, bits)))
        return found

    def _by_rsa(self, payload, name, bits):
        raw = SecurityKey.openssl("dgst", f"-sha{bits}", "-sign", self.folder / name,
                                  data=to_be_signed(payload))
        signature = put(b"rsa-sha2-%d" % bits) + put(raw)
        return with_signature(payload, sshsig(blob_of(self.public(name)), signature))

    def _rare(self):
        """Headers that git writes of a merge of a tag, or that other tools write; a namespace
        that is not git's; a hash that git does not choose; a key that nobody knows."""
        tag = self._commit("ed25519").replace(b"\n", b"\n ").rstrip()
        root = self._payload("root")
        at = root.index(b"\n\n")
        payloads = {
            "mergetag": root[:at] + b"\nmergetag object " + tag + root[at:],
            "two mergetags": root[:at] + b"\nmergetag object " + tag + b"\nmergetag object x" + root[at:],
            "change-id": root[:at] + b"\nchange-id kxqzmnop" + root[at:],
            "no name": root.replace(b"author Ann <", b"author <").replace(b"committer Ann <",
                                                                           b"committer <"),
            "1970": root.replace(b"1750000000", b"0"),
            "2100": root.replace(b"1750000000", b"4102444800"),
        }
        found = [Signed(f"{name} by {key}", with_signature(payload, self._keygen(payload, key)))
                 for name, payload in payloads.items() for key in ("ed25519", "dated-cert", "ending-cert")]
        for key in ("ed25519", "ecdsa256", "rsa3072"):
            for options in (["-n", "file"], ["-n", "git", "-O", "hashalg=sha256"]):
                found.append(Signed(f"root by {key}, {' '.join(options)}", with_signature(
                    root, self._keygen(root, key, *options))))
        found.append(Signed("root by a stranger", with_signature(root, self._keygen(root, "stranger"))))
        return [*found, Signed("unsigned", root)]

    def _keygen(self, payload, key, *options):
        done = subprocess.run(["ssh-keygen", "-Y", "sign", *(options or ["-n", "git"]), "-f",
                               str(self.folder / f"{key}.pub"), "-"], input=payload, check=True,
                              capture_output=True)
        return blob_of("x " + b"".join(done.stdout.split(b"\n")[1:-2]).decode())

    # --- what is trusted ---

    def write(self, name, text):
        path = self.folder / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    def lines(self, of_key="", of_authority="", who="*@example.com,!mallory@*"):
        keys = [*KEYS, *(f"sk-{kind}" for kind in self.security)]
        return [*(f"{key}@example.com {of_key} {self.public(key)}" for key in keys),
                *(f"{who} cert-authority{of_authority} {self.public(f'ca-{by}')}" for by in KEYS),
                f"{who} cert-authority{of_authority} {self.public('sk-ecdsa')}"]

    def worlds(self):
        """Allowed signers and a revocation file, by which everything is judged once."""
        def world(name, lines, revoked=None):
            return World(name, self.write(f"signers-{len(made)}", "\n".join(lines) + "\n"), revoked)

        made = []
        made.append(world("everybody", self.lines()))
        made.append(world("dated", self.lines('valid-after="20250601Z",valid-before="20250701Z"',
                                              ',valid-before="202507010000Z"')))
        made.append(world("late", self.lines('valid-before="20250615150639Z"',
                                             ',valid-after="20250615150641Z"')))
        made.append(world("quoted", ["# who may", "", *self.lines('namespaces="file,g*"',
                                                                   ',namespaces="git"',
                                                                   '"ann@example.com"')]))
        made.append(world("files only", self.lines('namespaces="*,!git"', ',namespaces="file"')))
        made.append(world("some", ["ann@example.com,!bob* " + self.public("ed25519") + " ann's",
                                   "eve*,!eve* " + self.public("ecdsa256"),
                                   "root cert-authority " + self.public("ca-ed25519"),
                                   "\tbob?example.com cert-authority " + self.public("ca-rsa4096")]))
        made.append(world("a KRL", self.lines(), self._krl(
            f"serial: 7\nserial: 9-12\nid: ann's\nsha256: {self.public('ecdsa384')}\n"
            f"key: {self.public('rsa2048')}\n")))
        made.append(world("a list", self.lines(), self.write("list", "# gone\n" + "\n".join(
            [self.public("ecdsa521"), self.public("sk-ed25519"), self.public("ca-ecdsa256")]) + "\n")))
        return made

    def _krl(self, text):
        spec = self.write("spec", text)
        ssh_keygen("-q", "-k", "-f", self.folder / "krl", "-s", self.folder / "ca-ed25519.pub", "-z", "3",
                   spec)
        return self.folder / "krl"


@pytest.fixture(scope="module")
def forge(tmp_path_factory):
    return Forge(tmp_path_factory.mktemp("forge"))


@pytest.fixture(scope="module")
def commits(forge):
    return forge.commits()


@pytest.fixture(scope="module")
def git(tmp_path_factory):
    return GitJudge(tmp_path_factory.mktemp("judge") / "repo.git")


def settings(world):
    found = [f"gpg.ssh.allowedSignersFile={world.signers}"]
    return found + ([f"gpg.ssh.revocationFile={world.revoked}"] if world.revoked else [])


# --- what limpet refuses and git accepts: the verdict, what the reason says, and why ---

SPELLING = "ssh-keygen reads other spellings of an armor, and text about it"
TO_NUL = "ssh-keygen reads names up to their first NUL"
STRICTER = [
    ("bad-signature", "nobody touched", "git does not ask a security key whether it was touched"),
    ("unsupported-key", "critical option", "git does not look at a certificate's critical options"),
    ("bad-signature", "for namespace", TO_NUL),
    ("bad-signature", "does not fit what", "ssh-keygen takes S + L for S in Ed25519"),
    ("malformed", "its hash is neither|its algorithm is not", TO_NUL),
    ("malformed", "not two positive numbers of ECDSA", "ssh-keygen reads numbers with more zeros"),
    ("malformed", "a second gpgsig header", "git joins signatures, and ssh-keygen reads the first"),
    ("malformed", "only looks like gpgsig", "git leaves gpgsig... headers out of what is signed"),
    ("malformed", "reserved field", "ssh-keygen does not look at the reserved field"),
    ("malformed", "SSHSIG and version 1", "ssh-keygen reads version 0, too"),
    ("not-yet-valid-key", "dated 0", "git does not tell ssh-keygen of a date that is 0"),
    ("malformed", "the armor|the signature does not begin|carriage return in a header", SPELLING),
    ("malformed", "a NUL byte", SPELLING),  # behind the armor; anywhere else git, too, refuses
    ("malformed", "line [0-9]+: expected", "git reads headers in another order, or without a value"),
]


def why(judged, data):
    """Why git accepts what limpet refuses; None when it is not known."""
    for verdict, reason, says in STRICTER:
        if judged.verdict == verdict and re.search(reason, judged.reason):
            return says if "S + L" not in says or mutations.has_large_s(data) else None
    return None


def kind_of(judged):
    """The refusal without names and numbers of one commit."""
    return f"{judged.verdict}: " + re.sub(r"SHA256:\S+|\d+|\"[^\"]*\"|\S+@\S+", "_", judged.reason)[:70]


def table(title, told):
    print(f"{title}: {sum(told.values())}")
    for what, times in sorted(told.items(), key=lambda item: (-item[1], str(item[0]))):
        print(f"{times:7} {what}")


def hold_to_git(git, cases):
    """Cases are (what, world, data, judged): git must accept what limpet accepts. Returns what git
    alone accepts, by reason; one that is not in STRICTER fails."""
    answers = git.accepts_each([(data, settings(world)) for _, world, data, _ in cases])
    stricter, wrong = Counter(), []
    for case, theirs in zip(cases, answers):
        judged = case[3]
        if theirs and judged.verdict != "accepted" and why(judged, case[2]):
            stricter[f"{judged.verdict}: {why(judged, case[2])}"] += 1
        elif theirs != (judged.verdict == "accepted"):
            wrong.append(case)
    table("git says otherwise", Counter((name, kind_of(judged)) for name, _, _, judged in wrong))
    assert not wrong, f"LIMPET_SEED={SEED}: {wrong[0][:2]} {wrong[0][3]}: {wrong[0][2].hex()}"
    return stricter


# --- tests ---

@pytest.fixture(scope="module", autouse=True)
def seed():
    print(f"LIMPET_SEED={SEED}")


def honest_cases(forge, commits):
    """Each commit by everybody's keys, and a part of them in each of the other worlds."""
    for i, world in enumerate(forge.worlds()):
        mine = [commit for j, commit in enumerate(commits) if LONG > 1 or not i or (i + j) % 3 == 0
                or commit.name.startswith(("1970", "2100"))]
        judged = judge([commit.data for commit in mine], signers=world.signers,
                       revoked=world.revoked)
        yield from ((commit.name, world, commit.data, one) for commit, one in zip(mine, judged))


def test_what_git_makes_is_judged_as_git_judges_it(forge, commits, git):
    cases = list(honest_cases(forge, commits))
    stricter = hold_to_git(git, cases)
    assert set(stricter) == {f"{verdict}: {reason}" for verdict, _, reason in STRICTER[:2]}
    print(f"{len(commits)} commits")
    table("judged", Counter(f"{one.verdict} in {world.name}" for _, world, _, one in cases))
    table("git accepts, limpet refuses", stricter)


def altered(rng, commits, count):
    """(name, bytes) of `count` mutations."""
    ways = [*mutations.WHOLE, *mutations.ARMOR * 2, *mutations.BLOB * 2, *mutations.SPLICE * 2]
    made = mutations.mutate(rng, [commit.data for commit in commits], ways)
    return [next(made) for _ in range(count)]


def shown_to_git(rng, cases):
    """All that limpet accepts, and some of each kind of refusal."""
    kinds = defaultdict(list)
    for case in cases:
        if case[3].verdict != "accepted":
            kinds[case[0].split("+")[0], kind_of(case[3])].append(case)
    sample = [case for kind in kinds.values() for case in rng.sample(kind, min(ASKED, len(kind)))]
    return [case for case in cases if case[3].verdict == "accepted"] + sample


def test_no_altered_commit_is_accepted_that_git_refuses(forge, commits, git):
    """What is accepted has a payload that was signed, so that it is the same commit to limpet,
    and its signature is spelled in the one way."""
    rng = random.Random(SEED)
    cases = []
    for world in forge.worlds():
        part = altered(rng, commits, MUTATIONS // (2 if world.name == "everybody" else 14))
        judged = judge([data for _, data in part], signers=world.signers, revoked=world.revoked)
        cases += [(way, world, data, one) for (way, data), one in zip(part, judged)]
    payloads = payloads_of(commits)
    for case in cases:
        if case[3].verdict == "accepted":
            assert case[3].payload in payloads and mutations.is_canonical(case[2]), case
    asked = shown_to_git(rng, cases)
    stricter = hold_to_git(git, asked)
    ways = Counter(name for case in cases for name in case[0].split("+"))
    assert set(ways) == {way.__name__ for group in ("WHOLE", "ARMOR", "BLOB", "SPLICE")
                         for way in getattr(mutations, group)}, "a way that alters nothing"
    table("alterations", ways)
    table("judged", Counter(one.verdict for _, _, _, one in cases))
    table("accepted by both", Counter(case[0] for case in cases if case[3].verdict == "accepted"))
    print(f"{len(asked)} were shown to git")
    table("git accepts, limpet refuses", stricter)


def payloads_of(commits):
    """The identities of what was signed."""
    return {"sha256:" + hashlib.sha256(re.sub(rb"\ngpgsig [^\n]*(\n [^\n]*)*", b"", commit.data, 1))
            .hexdigest() for commit in commits}


# --- the files that say who may sign ---

WORDS = [b'"', b",", b"!", b"*", b"?", b"#", b"\\", b" ", b"\t", b"\r", b"\n", b"\0", b"=", b"@",
         b"cert-authority ", b'namespaces="git" ', b'namespaces="file" ', b'valid-after="20250601Z",',
         b'valid-before="20250601Z" ', b'valid-before="20250601" ', b'valid-before="2025" ', b"!*,",
         b'valid-after="99991231Z" ', b"ann@example.com,", b'namespaces="",', b"CERT-AUTHORITY ",
         b'valid-before="20250615150640Z" ', b'valid-after="20250615150641Z" ', b"*,!ann*", b"\xc2\xad"]

SIGNERS = {f"root by {key}": f"{key}@example.com" for key in KEYS}
REVOKED = {"a KRL": ["root by numbered-cert", "root by ecdsa384", "root by rsa2048"],
           "a list": ["root by ecdsa521", "root by ed25519-by-ecdsa256-cert"]}


def insert_words(data, rng):
    at = rng.randrange(len(data) + 1)
    if rng.randrange(8):  # at the border of two words
        at = rng.choice([i for i, byte in enumerate(data) if byte in b" ,\n"] or [at]) + rng.randrange(2)
    return data[:at] + rng.choice(WORDS) + data[at:]


def altered_bytes(rng, data, ways):
    for _ in range(rng.choice([1, 1, 2])):
        data = rng.choice(ways)(data, rng) or data
    return data


def ask_by_files(git, cases):
    """Cases are (world, commits): git must accept whichever of them limpet accepts."""
    told, accepted = Counter(), []
    for world, some in cases:
        judged = judge([commit.data for commit in some], signers=world.signers, revoked=world.revoked)
        told["unreadable" if judged is None else "readable"] += 1
        for commit, one in zip(some, judged or []):
            told[one.verdict] += 1
            if one.verdict == "accepted":
                accepted.append((commit.name, world, commit.data, one))
    hold_to_git(git, accepted)
    return told


def test_no_altered_allowed_signers_let_more_sign_than_for_git(forge, commits, git):
    rng = random.Random(SEED)
    ways = [*mutations.ANY, mutations.double_line, mutations.drop_line] + [insert_words] * 20
    known = [(line, commit) for world in forge.worlds() for line in world.signers.read_bytes().splitlines()
             for commit in commits if commit.name in SIGNERS and SIGNERS[commit.name].encode() in line.split()
             or commit.name == "root by several-cert" and b"cert-authority" in line]
    cases = []
    for i in range(FILE_MUTATIONS):
        picked = rng.sample(known, 2)
        text = altered_bytes(rng, b"\n".join(line for line, _ in picked) + b"\n", ways)
        world = World(f"signers {text!r}", forge.write(f"altered-signers-{i}", text), None)
        cases.append((world, [commit for _, commit in picked]))
    told = ask_by_files(git, cases)
    table("altered allowed signers", told)
    assert min(told["unreadable"], told["readable"], told["accepted"], told["unknown-signer"],
               told["expired-key"]) > 0  # of these about 14 in 800, by chance


def test_no_altered_revocation_file_lets_more_sign_than_for_git(forge, commits, git):
    rng = random.Random(SEED)
    ways = [*mutations.ANY, insert_words]
    worlds = [world for world in forge.worlds() if world.revoked]
    cases = []
    for i in range(FILE_MUTATIONS):
        world = rng.choice(worlds)
        content = altered_bytes(rng, world.revoked.read_bytes(), ways)
        revoked = forge.write(f"altered-revoked-{i}", content)
        cases.append((World(f"revoked {content.hex()}", world.signers, revoked),
                      [commit for commit in commits if commit.name in REVOKED[world.name]]))
    told = ask_by_files(git, cases)
    table("altered revocation files", told)
    assert min(told["unreadable"], told["readable"], told["accepted"], told["revoked-key"]) > 0
