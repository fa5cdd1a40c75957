# SPDX-License-Identifier: Apache-2.0
"""What judging costs: the CPU of one tip, and the memory of a walk over a long history, whose
commits all change a file: servers without filters send those, too."""

import hashlib
import os
import statistics
import subprocess
import time
import zlib

import pytest
from figures import figure, wait_applied
from support.limpet import binary
from support.sshkeys import put, sshsig, text_of, to_be_signed, with_signature
from support.trustdriver import ROOT

TIPS = 100
HISTORY = 10_000
ROLE_BAR_MIB = 6.0
TYPES = {"commit": 1, "tree": 2, "blob": 3}  # in a pack


# --- one tip ---

def cpu_of_a_run(words):
    """CPU seconds of a program, from its start to its end."""
    pid = os.posix_spawn(words[0], words, os.environ, file_actions=[
        (os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0)])
    _, status, usage = os.wait4(pid, 0)
    assert status == 0
    return usage.ru_utime + usage.ru_stime


def test_the_verification_of_a_tip_is_cheap(site, tmp_path):
    """Of the whole program, its start and the reading of the signers file included."""
    site.publish_demo()
    tip = tmp_path / "tip"
    tip.write_bytes(site.repo.commit_object())
    words = [*binary(), "verify", "--object", str(tip), "--signers", str(site.signers)]
    times_ms = sorted(1000 * cpu_of_a_run(words) for _ in range(TIPS))
    figure("verify of a tip, Ed25519, CPU", statistics.median(times_ms), 5.0, "ms",
           f"median of {TIPS} runs of limpet verify; least {times_ms[0]:.2f}, most {times_ms[-1]:.2f}")


# --- a long history ---

class Signer:
    """A key of its own, and a program that signs with it."""

    def __init__(self):
        build = os.environ.get("LIMPET_BUILD") or ROOT / "build" / "dev"
        self.popen = subprocess.Popen([f"{build}/tests/bench/bench_sign"], stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE)
        self.blob = put(b"ssh-ed25519") + put(self.popen.stdout.read(32))

    def commit(self, payload):
        self.popen.stdin.write(put(to_be_signed(payload)))
        self.popen.stdin.flush()
        raw = put(b"ssh-ed25519") + put(self.popen.stdout.read(64))
        return with_signature(payload, sshsig(self.blob, raw))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.popen.stdin.close()
        assert self.popen.wait(10) == 0
        self.popen.stdout.close()


def packed(objects):
    """A pack of (type, bytes)."""
    parts = [b"PACK" + (2).to_bytes(4, "big") + len(objects).to_bytes(4, "big")]
    for kind, data in objects:
        size, head = len(data) >> 4, [TYPES[kind] << 4 | len(data) & 15]
        while size:
            head[-1] |= 0x80
            head.append(size & 0x7f)
            size >>= 7
        parts += [bytes(head), zlib.compress(data, 1)]
    pack = b"".join(parts)
    return pack + hashlib.sha1(pack).digest()


def name_of(kind, data):
    return hashlib.sha1(b"%s %d\0%s" % (kind.encode(), len(data), data))


def history(signer, tree, parent, count):
    """Signed commits, each the parent of the next and with a file of its own in the bytes of a
    tree: all objects, and the last one's id."""
    made, start = [], int(time.time()) - count
    for number in range(count):
        note = ("blob", b"Nothing that is applied, for the %d. time\n" % number)
        whole = ("tree", tree + b"100644 zz-note.txt\0" + name_of(*note).digest())
        who = f"Site Operator <ops@example.com> {start + number} +0000"
        payload = (f"tree {name_of(*whole).hexdigest()}\nparent {parent}\nauthor {who}\n"
                   f"committer {who}\n\nChange {number} of the site\n\nA note alone.\n").encode()
        made += [note, whole, ("commit", signer.commit(payload))]
        parent = name_of(*made[-1]).hexdigest()
    return made, parent


@pytest.mark.parametrize("filtered", [True, False], ids=["commits-alone", "whole"])
@pytest.mark.parametrize("mode", ["every", "tip"])
def test_a_walk_over_a_long_history_is_small(site, mode, filtered):
    """Where the server gives commits alone, and where it does not."""
    with Signer() as signer:
        with open(site.signers, "a") as lines:
            lines.write(f"robot@example.com {text_of(signer.blob)}\n")
        site.limpet.source["trust"]["history"] = mode
        site.limpet.source["poll"] = "300s"
        site.limpet.write_config()
        first = site.publish_demo()
        site.remote.allow_filter(filtered)
        tree = subprocess.run(["git", "cat-file", "tree", "HEAD^{tree}"], cwd=site.repo.root,
                              check=True, capture_output=True).stdout
        objects, last = history(signer, tree, first, HISTORY)
    site.limpet.start()
    wait_applied(site.limpet, first)
    site.remote.git("index-pack", "--stdin", "--fix-thin", input=packed(objects))
    site.remote.git("update-ref", f"refs/heads/{site.branch}", last)
    before = time.monotonic()
    with site.limpet.measured() as report:
        assert site.limpet.run("sync", timeout=300).code == 0
        wait_applied(site.limpet, last, timeout=300)
        time.sleep(0.5)
    took_s = time.monotonic() - before
    assert site.limpet.stop() == 0
    print(f"\n{report}")
    how = "commits alone" if filtered else "without a filter"
    role, kib = max(report.highest.items(), key=lambda item: item[1])
    figure(f"walk of {HISTORY:,} commits, history {mode}, {how}, peak PSS in any one role", kib / 1024,
           ROLE_BAR_MIB, "MiB", f"by {role.split(maxsplit=1)[1]}; all together {report.peak_kib} KiB,"
           f" {took_s:.1f} s; sampled every {report.worst_gap_ms:.1f} ms or closer")
