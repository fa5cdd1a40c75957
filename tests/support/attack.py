# SPDX-License-Identifier: Apache-2.0
"""What the tests of attacks share: a device that is asked once at a time, by `limpet sync`, what
it makes of the tip that the server shows it."""

import base64
import re
import subprocess

from support.sitefiles import small_site
from support.sshkeys import header, with_signature
from support.told import is_applied, judged, refusal, source

REPO_ID = "6f1c0a52b3d94e7f8a1b2c3d4e5f6071"
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
GPGSIG = re.compile(rb"gpgsig -----BEGIN SSH SIGNATURE-----\n((?: .*\n)+?)"
                    rb" -----END SSH SIGNATURE-----\n")


def good(site, version, **binding):
    """The files of a small site; with arguments also a limpet.yaml that says so."""
    files = small_site(site.prefix, version=version)
    return {**files, "limpet.yaml": limpet_yaml(**binding)} if binding else files


def limpet_yaml(repo=REPO_ID, audience="[site/demo]", **more):
    """A limpet.yaml; what is None is left out."""
    said = {"apiVersion": "limpet.dev/v1", "repo": repo and f'"{repo}"', "audience": audience,
            **more}
    return "".join(f"{key}: {value}\n" for key, value in said.items() if value is not None)


def trust(site, **settings):
    """Changes the source's trust in the configuration; None takes a setting away."""
    now = {**site.limpet.source["trust"], **settings}
    site.limpet.source["trust"] = {key: value for key, value in now.items() if value is not None}
    site.limpet.write_config()


def accepted(site, commit):
    """One sync accepts the commit and applies it."""
    site.limpet.ok("sync")
    status = site.limpet.status()
    assert is_applied(status, commit), source(status)
    assert refusal(status, commit) is None
    return status


def publish(site, version, message="An honest change", key=None, **binding):
    """An honest commit on what is checked out, which the device accepts; its id."""
    commit = site.repo.publish(good(site, version, **binding), message, key=key)
    accepted(site, commit)
    return commit


def begin(site, **binding):
    """A device that has applied two honest commits: site.first and site.second."""
    site.first = publish(site, "1", "Version 1", **binding)
    site.second = publish(site, "2", "Version 2", **binding)
    return site


def refused(site, commit, verdict, *words):
    """One sync refuses the tip by that name, in what is said, logged and stored, with all words
    in the reason and a way out, and counts that; what is told of it."""
    before = judged(site, verdict)
    result = site.limpet.run("sync")
    assert result.code == 1, (result.code, result.err)
    logged = next((line for line in result.err.splitlines() if "event=refused" in line), "")
    assert f" tip={commit} verdict={verdict} " in logged and " way-out=" in logged, result.err
    assert f"{commit[:12]} is refused: {verdict}: " in result.err
    status = site.limpet.status()
    told = refusal(status, commit)
    assert told and told["verdict"] == verdict and told["tip"], told
    for word in words:
        assert word in told["reason"], (word, told["reason"])
    assert status["health"] == "degraded" and judged(site, verdict) == before + 1
    assert any(f"refused: {verdict}: " in reason for reason in status["reasons"])
    return told


def not_fetched(site, verdict, *words):
    """One sync cannot even look at the tip, says why with the verdict's name and all words, and
    counts that: exit code 2."""
    before = judged(site, verdict)
    result = site.limpet.run("sync")
    assert result.code == 2, (result.code, result.err)
    for word in (f"{verdict}: ", *words):
        assert word in result.err and word in source(site.limpet.status())["error"], result.err
    assert judged(site, verdict) == before + 1


def serve(site, commit):
    """The attacker shows this commit, which is on the server, as the tip of the branch."""
    site.remote.git("update-ref", f"refs/heads/{site.branch}", commit)
    return commit


def take_up(site):
    """Whoever pushes next has what the server shows now, and builds on it."""
    site.repo.git("fetch", "-q", site.remote.path, site.branch)
    site.repo.reset("FETCH_HEAD")


# --- commits as bytes ---------------------------------------------------------------------------


def taken_apart(data):
    """A commit signed by an SSH key: its payload, and the signature's bytes."""
    armor = GPGSIG.search(data)
    raw = base64.b64decode(armor[1].replace(b"\n ", b"").strip())
    return data[:armor.start()] + data[armor.end():], raw


def re_signed(data, raw):
    """The same commit with another signature in its place, spelled as git spells it."""
    return GPGSIG.sub(lambda _: header(raw), data, count=1)


def with_header(data, line):
    """The same commit with one header more, before its message."""
    return data.replace(b"\n\n", b"\n" + line + b"\n\n", 1)


def signed(payload, key, namespace="git"):
    """An unsigned commit, signed by the real ssh-keygen."""
    done = subprocess.run(["ssh-keygen", "-q", "-Y", "sign", "-n", namespace, "-f", key.path],
                          input=payload, capture_output=True, check=True)
    return with_signature(payload, base64.b64decode(b"".join(done.stdout.splitlines()[1:-1])))
