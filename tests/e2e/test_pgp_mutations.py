# SPDX-License-Identifier: Apache-2.0
"""Commits by the real git and gpg, of every kind of key and option that limpet reads, and
thousands of alterations of them, before limpet and `git verify-commit` with the same keys: limpet
accepts each that git made, and never accepts an altered one that git refuses. Where limpet alone
refuses, the reason is one of those in STRICTER."""

import hashlib
import os
import random
import re
import subprocess
from collections import Counter, defaultdict, namedtuple

import pytest

from support import mutations, pgpmutations
from support.limpet import binary
from support.pgp import END, KEYS, Home
from support.trustdriver import GitJudge, judge

LONG = 10 if os.environ.get("LIMPET_LONG") else 1
MUTATIONS = 12_000 * LONG
ASKED = 2 * LONG  # of what limpet refuses, a kind of alteration and a reason: shown to git too
SEED = int(os.environ.get("LIMPET_SEED") or random.randrange(1 << 32))
# What gpg is told beside the key, and which keys it is tried with (ECDSA wants a hash as wide).
OPTIONS = {
    "": list(KEYS),
    "--digest-algo SHA256": [name for name in KEYS if name not in ("p384", "p521", "rsa-sub-p384")],
    "--digest-algo SHA384": [name for name in KEYS if name != "p521"],
    "--digest-algo SHA512": list(KEYS),
    "--sig-notation note@example.com=x": ["ed25519", "rsa2048"],
    "--default-sig-expire 2y": ["ed25519", "p256"],
    "--sig-policy-url https://example.com": ["ed25519"],
    "--sig-keyserver-url https://example.com": ["rsa3072"],
    "--sender ed25519@example.com": ["ed25519"],
}

Signed = namedtuple("Signed", "name data")

# What limpet refuses and git accepts: the verdict, what the reason says, and why.
STRICTER = [
    ("bad-signature", "does not fit what", "gpg does not look at the digest's first bytes"),
    ("unsupported-key", "an OpenPGP signature$", "git takes any armor of OpenPGP for a signature"),
    ("malformed", "the OpenPGP armor is malformed", "gpg reads other spellings of an armor, and text about it"),
    ("malformed", "neither an SSH nor an OpenPGP|begins with neither|does not begin",
     "gpg passes over text before an armor"),
    ("malformed", "not a signature packet", "gpg reads other spellings of a length, and markers"),
    ("malformed", "something follows it", "gpg reads more than one packet"),
    ("malformed", "unsigned subpacket", "gpg passes over what nobody signed"),
    ("malformed", "its subpackets", "gpg reads other spellings of a length in what nobody signed"),
    ("malformed", "it names two keys", "gpg tries the key that it finds"),
    ("malformed", "its numbers are not those", "gpg reads other spellings of a number, and what follows"),
    ("malformed", "does not say which key", "gpg tries the key that it finds"),
    ("unknown-signer", "which no line", "gpg tries the key that it finds"),
    ("malformed", "a second gpgsig header", "git joins signatures, and gpg reads the first"),
    ("malformed", "only looks like gpgsig", "git leaves gpgsig... headers out of what is signed"),
    ("malformed", "carriage return in a header", "gpg reads other line ends"),
    ("malformed", "line [0-9]+: expected", "git reads headers in another order, or without a value"),
    ("malformed", "", "another spelling that git or gpg reads"),
]


class Forge(Home):
    """Keys of every kind, their lines for a device, and commits by each."""

    def __init__(self, folder):
        super().__init__(folder)
        self.keys = folder / "openpgp.keys"
        for name, (lines, _) in KEYS.items():
            self.make(name, lines)
            certificate = folder / f"{name}.asc"
            certificate.write_bytes(self.public(name, "--armor"))
            subprocess.run([*binary(), "keys", "import", certificate, "--to", self.keys], check=True,
                           capture_output=True)
        self.make("stranger", KEYS["ed25519"][0])

    def commits(self):
        found = [self._commit(f"{name} {option}", name, *option.split())
                 for option, names in OPTIONS.items() for name in names]
        return [*found, *self._shapes()]

    def _commit(self, what, who, *options, **how):
        return Signed(what, self.content(self.commit(who, *options, **how)))

    def _shapes(self):
        """What a commit may look like; each is a child of the last."""
        shapes = {
            "one line": {"message": "x"},
            "long": {"message": "subject\n\n" + "a line of it\n" * 500},
            "quoting": {"message": f"fix\n\ngpgsig is a header\n{END.decode()}\nquoted"},
        }
        found = [self._commit(f"{shape} by {who}", who, **how)
                 for shape, how in shapes.items() for who in ("ed25519", "p521", "rsa2048")]
        self.git("checkout", "-q", "-b", "side", "HEAD~2")
        self.commit("p256")
        self.git("checkout", "-q", "main")
        self.git("-c", "user.signingkey=ed25519@example.com", "tag", "-s", "-m", "tag", "v1", "side")
        self.git("-c", "user.signingkey=rsa2048@example.com", "merge", "-q", "--no-ff", "-S", "-m",
                 "merge", "v1")
        found.append(Signed("merge of a tag", self.content("HEAD")))
        latin = self.folder / "latin"
        latin.write_bytes("übersetzt\n".encode("latin-1"))
        self.git("-c", "i18n.commitEncoding=ISO-8859-1", "-c", "user.signingkey=p384@example.com",
                 "commit", "-q", "-S", "--allow-empty", "-F", latin)
        return [*found, Signed("latin", self.content("HEAD"))]


@pytest.fixture(scope="module")
def forge(tmp_path_factory):
    forge = Forge(tmp_path_factory.mktemp("f"))
    yield forge
    forge.close()


@pytest.fixture(scope="module")
def commits(forge):
    return forge.commits()


@pytest.fixture(scope="module")
def git(forge, tmp_path_factory):
    git = GitJudge(tmp_path_factory.mktemp("judge") / "repo.git")
    git.env["GNUPGHOME"] = str(forge.gnupg)
    return git


@pytest.fixture(scope="module", autouse=True)
def seed():
    print(f"LIMPET_SEED={SEED}")


def table(title, told):
    print(f"{title}: {sum(told.values())}")
    for what, times in sorted(told.items(), key=lambda item: (-item[1], str(item[0]))):
        print(f"{times:7} {what}")


def kind_of(judged):
    """The refusal without names and numbers of one commit."""
    return f"{judged.verdict}: " + re.sub(r"[0-9A-F]{16,}|\d+|\S+@\S+", "_", judged.reason)[:70]


def why(judged):
    """Why git accepts what limpet refuses; None when it is not known."""
    return next((f"{verdict}: {says}" for verdict, reason, says in STRICTER
                 if judged.verdict == verdict and re.search(reason, judged.reason)), None)


def hold_to_git(git, cases):
    """Cases are (what, data, judged): git must accept what limpet accepts. Returns what git alone
    accepts, by reason; one that is not in STRICTER fails."""
    stricter, wrong = Counter(), []
    for case, theirs in zip(cases, git.accepts_each([(data, ()) for _, data, _ in cases])):
        judged = case[2]
        if theirs and judged.verdict != "accepted" and why(judged):
            stricter[why(judged)] += 1
        elif theirs != (judged.verdict == "accepted"):
            wrong.append(case)
    table("git says otherwise", Counter((name, kind_of(judged)) for name, _, judged in wrong))
    assert not wrong, f"LIMPET_SEED={SEED}: {wrong[0][0]} {wrong[0][2]}: {wrong[0][1].hex()}"
    return stricter


def judged_cases(forge, named):
    judged = judge([data for _, data in named], keys=forge.keys)
    return [(name, data, one) for (name, data), one in zip(named, judged)]


def test_what_git_and_gpg_make_is_accepted_by_both(forge, commits, git):
    cases = judged_cases(forge, commits)
    assert not hold_to_git(git, cases)
    assert [case[0] for case in cases if case[2].verdict != "accepted"] == []
    assert {case[2].signer for case in cases} == {f"{name}@example.com" for name in KEYS}
    print(f"{len(cases)} commits")


def test_a_stranger_is_refused_by_limpet_alone_as_gpg_knows_the_key(forge, git):
    """The other judge would say yes: its keys are more than those that limpet is given."""
    commit = forge.content(forge.commit("stranger"))
    assert git.accepts(commit)
    assert judge([commit], keys=forge.keys)[0].verdict == "unknown-signer"


def shown_to_git(rng, cases):
    """All that limpet accepts, and some of each kind of refusal."""
    kinds = defaultdict(list)
    for case in cases:
        if case[2].verdict != "accepted":
            kinds[case[0].split("+")[0], kind_of(case[2])].append(case)
    sample = [case for kind in kinds.values() for case in rng.sample(kind, min(ASKED, len(kind)))]
    return [case for case in cases if case[2].verdict == "accepted"] + sample


def payloads_of(commits):
    """The identities of what was signed."""
    return {"sha256:" + hashlib.sha256(re.sub(rb"\ngpgsig [^\n]*(\n [^\n]*)*", b"", commit.data, 1))
            .hexdigest() for commit in commits}


def test_no_altered_commit_is_accepted_that_git_refuses(forge, commits, git):
    """What is accepted has a payload that was signed: it is the same commit to limpet."""
    rng = random.Random(SEED)
    named = []
    for group in pgpmutations.GROUPS:
        made = mutations.mutate(rng, [commit.data for commit in commits], group)
        named += [next(made) for _ in range(MUTATIONS // len(pgpmutations.GROUPS))]
    cases = judged_cases(forge, named)
    payloads = payloads_of(commits)
    for case in cases:
        assert case[2].verdict != "accepted" or case[2].payload in payloads, case
    asked = shown_to_git(rng, cases)
    stricter = hold_to_git(git, asked)
    ways = Counter(name for case in cases for name in case[0].split("+"))
    assert set(ways) == {way.__name__ for group in pgpmutations.GROUPS for way in group}, \
        "a way that alters nothing"
    table("alterations", ways)
    table("judged", Counter(one.verdict for _, _, one in cases))
    table("accepted by both", Counter(name for name, _, one in cases if one.verdict == "accepted"))
    print(f"{len(asked)} were shown to git")
    table("git accepts, limpet refuses", stricter)
