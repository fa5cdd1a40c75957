# SPDX-License-Identifier: Apache-2.0
"""The attacks that a Git server, or whoever may push to it, can try with commits alone: the real
server serves what an attacker would, each is refused by name, nothing changes, and the next
honest push is accepted. Those on limpet.yaml are in test_binding.py."""

import base64
import hashlib
import shutil
import subprocess

import pytest

from support.attack import (P256_ORDER, accepted, begin, good, not_fetched, publish, re_signed,
                            refused, serve, signed, take_up, taken_apart, trust, with_header)
from support.gitserver import git_environment
from support.limits import limit
from support.siterepo import make_key, write_allowed_signers
from support.sshkeys import (SecurityKey, number, put, ssh_keygen, sshsig, strings,
                             text_of, with_signature)
from support.told import (judged, nothing_changes, refusal, source, wait_applied,
                          wait_refused)
from support.waiting import wait_until
from test_keys import EDDSA, Home


@pytest.fixture
def device(site):
    """A device that has applied two honest commits."""
    return begin(site)


def honest(site):
    """The next honest push, on the last honest commit, is accepted."""
    site.repo.reset(site.second)
    publish(site, "honest")


# --- an old tip, and another one ------------------------------------------------------------------


def test_an_old_tip_that_was_accepted_before_is_a_rollback(device):
    with nothing_changes(device, good(device, "2")):
        refused(device, serve(device, device.first), "rollback", "accepted before")
    honest(device)


@pytest.mark.parametrize("filter_allowed", [True, False], ids=["filter", "no-filter"])
@pytest.mark.parametrize("age", [1, 3, 5], ids=lambda age: f"{age}-before")
def test_an_ancestor_that_this_device_never_saw_is_a_rollback(site, age, filter_allowed):
    """The device began when the branch had a history: old commits are good, and new to it."""
    site.remote.allow_filter(filter_allowed)
    for number in range(6):
        site.repo.publish(good(site, f"old-{number}"), "Before this device")
    site.second = publish(site, "2")
    old = site.repo.git("rev-parse", f"HEAD~{age}")
    with nothing_changes(site, good(site, "2")):
        refused(site, serve(site, old), "rollback", site.second)
    honest(site)


def test_a_signed_sibling_of_the_accepted_tip_has_diverged(device):
    device.repo.reset(device.first)
    with nothing_changes(device, good(device, "2")):
        sibling = device.repo.publish(good(device, "evil"), "Instead of version 2")
        refused(device, sibling, "diverged", device.second)
    honest(device)


def test_a_frozen_tip_brings_no_news_and_no_harm(device):
    """The server shows the same for ever: nothing tells that from a quiet week but `expires`."""
    newer = device.repo.publish(good(device, "3"), "What the attacker keeps back")
    serve(device, device.second)
    with nothing_changes(device, good(device, "2")):
        device.limpet.ok("sync")
    serve(device, newer)
    accepted(device, newer)


# --- twins: the same payload under another object id ----------------------------------------------


@pytest.fixture
def ecdsa(site):
    """A device whose operator has an ECDSA key: anybody can make a second good signature of one."""
    site.repo.key = make_key(site.folder / "keys", "ecdsa@example.com", "ecdsa256")
    write_allowed_signers(site.signers, site.repo.key)
    return begin(site)


def fields(raw):
    """An SSHSIG blob: what comes before its strings, and those."""
    return raw[:10], strings(raw[10:])


def mirrored(data):
    """(r, n-s) instead of (r, s): as good as the operator's own."""
    head, (*rest, signature) = fields(taken_apart(data)[1])
    kind, values = strings(signature)
    r, s = strings(values)
    mirror = put(r) + number(P256_ORDER - int.from_bytes(s, "big"))
    return re_signed(data, head + b"".join(map(put, (*rest, put(kind) + put(mirror)))))


def reserved(data):
    """Bytes in the field that nothing signs."""
    head, (key, namespace, _, *rest) = fields(taken_apart(data)[1])
    return re_signed(data, head + b"".join(map(put, (key, namespace, b"twin", *rest))))


def wrapped(data):
    """The armor at 64 columns: the same bytes."""
    text = base64.b64encode(taken_apart(data)[1]).decode()
    lines = "".join(f"\n {text[i:i + 64]}" for i in range(0, len(text), 64)).encode()
    begin, end = data.index(b"SIGNATURE-----") + 14, data.index(b"\n -----END")
    return data[:begin] + lines + data[end:]


# How the twin is made, what it is refused as, and as what a commit on top of it is.
TWINS = {
    "reserved-field": (reserved, "malformed", None),
    "wrapped-armor": (wrapped, "malformed", None),
    "gpgsig-lookalike": (lambda data: with_header(data, b"gpgsigx twin"), "malformed", "malformed"),
    "another-header": (lambda data: with_header(data, b"change-id twin"), "bad-signature",
                       "diverged"),
}


def git_accepts(site, commit):
    """Whether git takes the commit on the server for one of the operator's."""
    done = subprocess.run(["git", "-C", site.remote.path, "-c", "gpg.format=ssh", "-c",
                           f"gpg.ssh.allowedSignersFile={site.signers}", "verify-commit", commit],
                          env=git_environment(site.folder), capture_output=True)
    return done.returncode == 0


@pytest.mark.parametrize("name", TWINS)
def test_a_spoilt_twin_of_the_accepted_tip_is_refused_and_wedges_nothing(device, name):
    site = device
    make, verdict, on_top = TWINS[name]
    with nothing_changes(site, good(site, "2")):
        twin = site.repo.commit_raw(make(site.repo.commit_object()))
        assert twin != site.second
        assert git_accepts(site, twin) == (verdict == "malformed"), "git takes three of them"
        refused(site, twin, verdict)
    take_up(site)
    if on_top:
        with nothing_changes(site, good(site, "2")):
            refused(site, site.repo.publish(good(site, "3"), "On the twin"), on_top)
        honest(site)
    else:
        publish(site, "3", "On the twin")       # the payload below it is the accepted one's


@pytest.mark.parametrize("base", ["the-real-one", "the-twin"])
def test_a_good_twin_is_no_news_and_what_is_built_on_either_is_accepted(ecdsa, base):
    site = ecdsa
    with nothing_changes(site, good(site, "2")):
        twin = site.repo.commit_raw(mirrored(site.repo.commit_object()))
        assert twin != site.second and git_accepts(site, twin)
        site.limpet.ok("sync")
        assert source(site.limpet.status())["refused"] == []
    if base == "the-twin":
        take_up(site)
    publish(site, "honest")


def test_a_twin_that_comes_before_the_real_one_does_not_keep_that_out(ecdsa):
    """The wedge: the device holds the twin's id, and no honest commit will ever descend from it."""
    site = ecdsa
    site.repo.write(good(site, "3"))
    real = site.repo.commit("Version 3")
    site.repo.push("elsewhere")
    accepted(site, site.repo.commit_raw(mirrored(site.repo.commit_object())))
    with nothing_changes(site, good(site, "3")):
        assert site.repo.push() == real
        site.remote.git("prune", "--expire=now")        # and nobody but the device has the twin
        site.limpet.ok("sync")
        assert source(site.limpet.status())["refused"] == []
    publish(site, "4")


# --- what lies below a good tip -------------------------------------------------------------------


def merge_of(site, **below):
    """A commit that nobody should trust, an honest step on it, and a signed merge of both: the
    bad one and the tip."""
    site.repo.git("checkout", "-q", "-b", "topic", site.first)
    site.repo.write({"smuggled.yaml": "# by whoever may push\n"})
    bad = site.repo.commit("Look away", **below)
    site.repo.write({"smuggled.yaml": "# tidied up\n"})
    site.repo.commit("Tidy up")
    site.repo.git("checkout", "-q", site.branch)
    site.repo.git("-c", f"user.signingkey={site.key.path}", "merge", "-q", "-S", "--no-ff", "-m",
                  "Merge the topic", "topic")
    return bad, site.repo.push()


@pytest.mark.parametrize("filter_allowed", [True, False], ids=["filter", "no-filter"])
@pytest.mark.parametrize("below", ["unsigned", "unknown-signer"])
def test_a_merge_of_what_nobody_signed_is_refused_and_taken_when_the_tip_alone_counts(
        device, below, filter_allowed):
    """`history: every`, the default, names the bad one; `tip` takes the tip's signer's word."""
    site = device
    site.remote.allow_filter(filter_allowed)
    signed_by = {"sign": False} if below == "unsigned" else {"key": site.stranger()}
    with nothing_changes(site, good(site, "2")):
        bad, tip = merge_of(site, **signed_by)
        refused(site, tip, below, f"commit {bad} below the tip")
        assert git_accepts(site, tip), "whoever looks at the tip alone sees nothing"
    honest(site)
    trust(site, history="tip")
    site.repo.git("-c", f"user.signingkey={site.key.path}", "merge", "-q", "-S", "--no-ff", "-m",
                  "Merge it all the same", tip)
    accepted(site, site.repo.push())


@pytest.mark.parametrize("history", ["every", "tip"])
def test_a_malformed_commit_below_a_signed_tip_is_refused_either_way(device, history):
    site = device
    trust(site, history=history)
    twice = b"\ntree " + b"0" * 40 + b"\ncommitter "
    with nothing_changes(site, good(site, "2")):
        bad = site.repo.commit_raw(unsigned_on(site, site.second).replace(b"\ncommitter ", twice),
                                   "elsewhere-too")
        refused(site, signed_on(site, bad), "malformed", f"commit {bad} below the tip")
    honest(site)


# --- endless ones ---------------------------------------------------------------------------------


def unsigned_on(site, parent, version="evil"):
    """The bytes of an unsigned commit of the operator's files on a commit of the server's."""
    site.repo.write(good(site, version))
    site.repo.commit("On another's", sign=False)
    site.repo.push("elsewhere")
    data = site.repo.commit_object()
    site.repo.reset(site.second)
    return data.replace(b"parent " + site.second.encode(), b"parent " + parent.encode())


def signed_on(site, parent, version="evil"):
    """The same, signed by the operator; it is served."""
    return site.repo.commit_raw(signed(unsigned_on(site, parent, version), site.repo.key))


def line_on(site, count, message=lambda n: "x"):
    """So many unsigned commits on the accepted one, on the server alone; the last one's id."""
    text = "".join(f"commit refs/heads/line\ncommitter a <a@b> {n} +0000\n"
                   f"data {len(message(n))}\n{message(n)}\n"
                   + (f"from {site.second}\n" if n == 1 else "") for n in range(1, count + 1))
    site.remote.git("fast-import", "--quiet", "--force", input=text.encode())
    return site.remote.tip("line")


def refused_after(site, tip, verdict, word):
    """A daemon refuses the tip; how many bytes it has taken from the server for that. What the
    server has sent is no measure: some of it is left in the sockets."""
    site.limpet.start()
    told = wait_refused(site, tip, 60)
    assert told["verdict"] == verdict and word in told["reason"], told
    taken = source(site.limpet.status())["traffic"]["receivedBytes"]
    site.limpet.stop()
    return taken


@pytest.mark.parametrize("filter_allowed", [True, False], ids=["filter", "no-filter"])
def test_more_commits_than_trust_commits_are_too_large(device, filter_allowed):
    site = device
    site.remote.allow_filter(filter_allowed)
    trust(site, commits=20, history="tip")
    with nothing_changes(site, good(site, "2")):
        tip = signed_on(site, line_on(site, 20), "3")
        refused(site, tip, "too-large", "20 commits", site.second)
    trust(site, commits=21)
    accepted(site, tip)
    take_up(site)
    publish(site, "honest")


def test_an_endless_line_costs_few_bytes_and_is_too_large(device):
    """The default limit, and twice as many commits: most of them are never sent."""
    site = device
    site.remote.allow_filter()
    trust(site, history="tip")
    with nothing_changes(site, good(site, "2")):
        tip = signed_on(site, line_on(site, 2 * limit("LP_ANCESTRY_COMMITS")))
        most = str(limit("LP_ANCESTRY_COMMITS"))
        assert 0 < refused_after(site, tip, "too-large", most) < 1_000_000
    honest(site)


@pytest.mark.parametrize("filter_allowed", [True, False], ids=["filter", "no-filter"])
def test_a_line_of_large_commits_is_too_large_within_its_bytes(device, filter_allowed):
    """A history whose deepening never ends: each commit is near the limit of one."""
    site = device
    site.remote.allow_filter(filter_allowed)
    trust(site, history="tip")

    def noise(n):
        return base64.b64encode(hashlib.shake_256(b"%d" % n).digest(45_000)).decode()

    most = limit("LP_ANCESTRY_BYTES")
    with nothing_changes(site, good(site, "2")):
        tip = signed_on(site, line_on(site, 2 * most // 45_000, noise))
        assert most // 2 < refused_after(site, tip, "too-large", "more than") < most + most // 4
    honest(site)


# --- keys -----------------------------------------------------------------------------------------


def by_another(site, key, verdict, *words, date=None):
    """A push by this key, its commit dated as it likes, is refused by that name."""
    when = {"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date} if date else {}
    with nothing_changes(site, good(site, "2")):
        site.repo.write(good(site, "evil"))
        site.repo.git("add", "-A")
        site.repo.git("-c", f"user.signingkey={key.path}", "commit", "-q", "-S", "-m", "By another",
                      env={**git_environment(site.repo.home), **when})
        refused(site, site.repo.push(), verdict, *words)
    site.repo.reset(site.second)


def test_a_revoked_key_is_refused_and_another_is_taken(device):
    """The same thief, three times: named in a list, in a KRL, and by its fingerprint in one."""
    site = device
    thief = site.stranger("thief@example.com")
    write_allowed_signers(site.signers, site.key, thief)
    revoked, spec = site.folder / "revoked", site.folder / "spec"
    trust(site, revoked=str(revoked))

    revoked.write_text(f"# stolen\n{thief.public}\n")
    by_another(site, thief, "revoked-key", thief.fingerprint)
    for line in (f"key: {thief.public}\n", f"hash: {thief.fingerprint}\n"):
        spec.write_text(line)
        revoked.unlink()
        ssh_keygen("-q", "-k", "-f", revoked, spec)
        by_another(site, thief, "revoked-key", thief.fingerprint)
    honest(site)


def test_a_refused_tip_of_a_revoked_key_is_judged_again_when_the_list_changes(device):
    site = device
    revoked = site.folder / "revoked"
    revoked.write_text(site.key.public + "\n")
    trust(site, revoked=str(revoked))
    with nothing_changes(site, good(site, "2")):
        tip = site.repo.publish(good(site, "3"))
        site.limpet.start()
        assert wait_refused(site, tip)["verdict"] == "revoked-key"
    revoked.write_text("# none\n")
    wait_applied(site, tip)


def test_an_expired_key_is_refused_also_when_the_thief_dates_back(device):
    site = device
    thief = site.stranger("thief@example.com")
    expired = f'thief@example.com valid-before="20200101Z" {thief.public}'
    write_allowed_signers(site.signers, site.key, expired)
    by_another(site, thief, "expired-key", thief.fingerprint, "2020-01-01")
    by_another(site, thief, "expired-key", "whatever date the commit bears",
               date="2019-06-01T12:00:00Z")
    honest(site)


def test_a_key_that_is_not_valid_yet_is_refused(device):
    key = device.stranger("next@example.com")
    write_allowed_signers(device.signers, device.key,
                          f'next@example.com valid-after="20990101Z" {key.public}')
    by_another(device, key, "not-yet-valid-key", key.fingerprint, "2099-01-01")
    honest(device)


def test_a_key_type_that_nobody_can_verify_here_is_refused_by_its_name(device):
    """A signature of tomorrow, a short RSA key, and one by X.509."""
    site = device
    short = make_key(site.folder / "keys", "short@example.com", "rsa3072")
    write_allowed_signers(site.signers, site.key, short)
    tomorrow = b"ssh-mldsa44-ed25519@openssh.com"
    data = unsigned_on(site, site.second)
    raw = sshsig(put(tomorrow) + put(b"x" * 1344), put(tomorrow) + put(b"x" * 2484))
    x509 = (b"gpgsig -----BEGIN SIGNED MESSAGE-----\n MIIB\n -----END SIGNED MESSAGE-----")
    with nothing_changes(site, good(site, "2")):
        for tip, word in ((with_signature(data, raw), tomorrow.decode()),
                          (with_header(data, x509), "X.509")):
            refused(site, site.repo.commit_raw(tip), "unsupported-key", word)
    trust(site, rsaBits=4096)
    by_another(site, short, "unsupported-key", "3072 bits", "4096")
    trust(site, rsaBits=None)
    publish(site, "honest", key=short)


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa"])
def test_a_security_key_that_nobody_touched_is_refused(device, kind):
    """git takes it: whoever holds the machine could sign without its owner."""
    site = device
    key = SecurityKey(site.folder, kind)
    write_allowed_signers(site.signers, site.key, f"ops@example.com {text_of(key.blob)}")
    data = unsigned_on(site, site.second, "touched")
    with nothing_changes(site, good(site, "2")):
        tip = site.repo.commit_raw(key.commit(data, flags=0))
        assert git_accepts(site, tip)
        refused(site, tip, "bad-signature", "touch")
    accepted(site, site.repo.commit_raw(key.commit(data)))


# --- OpenPGP --------------------------------------------------------------------------------------


@pytest.fixture
def gnupg(tmp_path):
    """A GnuPG home with keys of ann@ and mallory@example.com."""
    (tmp_path / "g").mkdir()
    home = Home(tmp_path / "g")
    try:
        for name in ("ann", "mallory"):
            home.make(name, EDDSA)
        yield home
    finally:
        home.close()


def openpgp(site, home, who, version):
    """A push that gpg signed; the commit's id."""
    site.repo.write(good(site, version))
    site.repo.git("add", "-A")
    site.repo.git("-c", "gpg.format=openpgp", "-c", f"user.signingkey={who}@example.com", "commit",
                  "-q", "-S", "-m", "By gpg", env={**home.env, "HOME": str(site.repo.home)})
    return site.repo.push()


def test_an_openpgp_stranger_is_refused_and_a_key_of_trust_keys_is_taken(device, gnupg):
    site = device
    with nothing_changes(site, good(site, "2")):
        refused(site, openpgp(site, gnupg, "ann", "3"), "unsupported-key", "OpenPGP")
    gnupg.limpet_import("ann")
    trust(site, keys=str(gnupg.keys))
    site.repo.reset(site.second)
    with nothing_changes(site, good(site, "2")):
        refused(site, openpgp(site, gnupg, "mallory", "evil"), "unknown-signer")
    site.repo.reset(site.second)
    status = accepted(site, openpgp(site, gnupg, "ann", "3"))
    assert source(status)["applied"]["signer"] == "ann@example.com"
    publish(site, "honest")         # the SSH key counts as before


# --- a repository of another kind -----------------------------------------------------------------


def test_a_repository_with_sha256_ids_is_refused_by_its_format(device):
    """Another repository at the same address, with ids that this device cannot tell apart."""
    site = device
    real, kept = site.remote.path, site.remote.path.with_suffix(".kept")
    with nothing_changes(site, good(site, "2")):
        real.rename(kept)
        subprocess.run(["git", "init", "-q", "--bare", "--object-format=sha256", str(real)],
                       env=git_environment(site.folder), check=True)
        tree = site.remote.git("mktree", input=b"")
        tip = site.remote.git("-c", "user.name=x", "-c", "user.email=x@y", "commit-tree",
                              "-m", "x", tree)
        serve(site, tip)
        not_fetched(site, "unsupported-format", "SHA-256")
        shutil.rmtree(real)
        kept.rename(real)
    honest(site)


def test_a_branch_that_points_at_no_commit_is_malformed(device):
    site = device
    with nothing_changes(site, good(site, "2")):
        site.remote.set_branch(site.branch, site.repo.git("rev-parse", "HEAD^{tree}"))
        not_fetched(site, "malformed", "no commit")
        site.remote.set_branch(site.branch, site.second)
    honest(site)


# --- a daemon that was attacked -------------------------------------------------------------------


def asked(site):
    """So many requests the Git server had, and so many polls the daemon counts."""
    return (len(site.server.requests(site.remote)),
            source(site.limpet.status())["traffic"]["polls"])


def quiet(site):
    """The daemon's next polls are one request each: nothing is fetched."""
    requests, polls = asked(site)
    wait_until(lambda: asked(site)[1] >= polls + 2, "two polls")
    more_requests, more_polls = asked(site)
    assert more_requests - requests <= more_polls - polls + 1


def test_no_refused_tip_is_fetched_again_whatever_it_was_refused_as(ecdsa):
    """One attack after the other on a daemon, each counted once; then again after a restart."""
    site = ecdsa
    data = site.repo.commit_object()
    site.repo.reset(site.first)
    sibling = site.repo.publish(good(site, "evil"), "Instead of version 2")
    site.repo.reset(site.second)
    trust(site, commits=20)
    long = signed_on(site, line_on(site, 21))
    tips = {"rollback": site.first, "diverged": sibling,
            "bad-signature": site.repo.commit_raw(with_header(data, b"change-id twin")),
            "too-large": long}
    twin = site.repo.commit_raw(mirrored(data))
    with nothing_changes(site, good(site, "2")):
        accepted_before = judged(site, "accepted")
        site.limpet.start()
        wait_until(lambda: judged(site, "accepted") > accepted_before, "the twin")
        quiet(site)
        assert refusal(site.limpet.status(), twin) is None
        for verdict, tip in tips.items():
            serve(site, tip)
            assert wait_refused(site, tip)["verdict"] == verdict
            quiet(site)
            assert judged(site, verdict) == 1
        for tip in [*tips.values()] * 2:  # in turn
            serve(site, tip)
            quiet(site)
        assert all(judged(site, verdict) == 1 for verdict in tips)
        site.limpet.stop()
        site.limpet.start()
        site.limpet.wait_status(lambda s: source(s)["traffic"]["polls"] >= 2, "two polls")
        assert judged(site, "too-large") == 1
    site.repo.reset(site.second)
    wait_applied(site, site.repo.publish(good(site, "honest")))
