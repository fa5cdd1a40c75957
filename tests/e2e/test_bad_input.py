# SPDX-License-Identifier: Apache-2.0
"""Bad input gets a clear error and loses nothing: each test asserts the message, the exit code,
that cluster and store are as before, and that the next good push converges."""

import os
import resource
import shlex
import subprocess
from contextlib import contextmanager

import pytest

from support.limpet import binary
from support.processes import PYTHON
from support.sitefiles import keys, small_site, synthetic_files
from support.told import (is_applied, nothing_changes, refusal, source, wait_applied,
                          wait_idle)
from support.waiting import wait_until


def good(site, version="1", **options):
    return small_site(site.prefix, version=version, **options)


def version(site):
    return site.get("ConfigMap", "till-0")["data"]["version"]


@pytest.fixture
def device(site):
    """A site that has applied one good commit, without a daemon."""
    site.first = site.repo.publish(good(site), "Version 1")
    site.limpet.ok("sync")
    assert is_applied(site.limpet.status(), site.first)
    return site


def mend(site):
    """A good push on the last good commit converges."""
    site.repo.reset(site.first)
    commit = site.repo.publish(good(site, "mended"), "Mended")
    site.limpet.ok("sync")
    assert version(site) == "mended" and is_applied(site.limpet.status(), commit)


def refused(site, commit, verdict, *words):
    """One sync refuses the commit: exit 1, and all words are in what is said and stored."""
    result = site.limpet.run("sync")
    told = refusal(site.limpet.status(), commit)
    assert result.code == 1, result.err
    assert told and told["verdict"] == verdict, result.err
    for word in words:
        assert word in result.err and word in told["reason"], (word, result.err, told["reason"])
    assert "exit" in site.limpet.json("sync"), "the refusal is told as JSON, too"


# --- the branch -----------------------------------------------------------------------------


def could_not(site, *words):
    """One sync cannot be done: exit 2, and all words are in what is said."""
    result = site.limpet.run("sync")
    assert result.code == 2, result.err
    for word in words:
        assert word in result.err, (word, result.err)
    return result


def test_a_missing_branch_is_named_with_the_push_that_makes_it(device):
    device.repo.push("main")
    with nothing_changes(device, good(device)):
        device.remote.delete_branch(device.branch)
        could_not(device, f"no branch {device.branch}", "git push")
    mend(device)


def test_a_repository_that_was_emptied_is_said_to_be_empty(device):
    with nothing_changes(device, good(device)):
        device.remote.delete_branch(device.branch)
        could_not(device, "the repository is empty", "git push", device.branch)
    mend(device)


def test_an_empty_repository_is_said_to_be_empty(site):
    could_not(site, "the repository is empty", "git push", site.branch)

    status = site.limpet.status()
    assert source(status)["desired"] is None and status["health"] == "failed"
    commit = site.repo.publish(good(site))
    site.limpet.ok("sync")
    assert is_applied(site.limpet.status(), commit)


def test_a_path_that_is_not_there_is_named(device):
    device.limpet.source["path"] = "sites/berlin"
    device.limpet.write_config()
    with nothing_changes(device, good(device)):
        commit = device.repo.publish(good(device, "2"))
        refused(device, commit, "empty", "sites/berlin")
    del device.limpet.source["path"]
    device.limpet.write_config()
    mend(device)


def test_a_path_without_manifests_is_empty(device):
    device.limpet.source["path"] = "docs"
    device.limpet.write_config()
    with nothing_changes(device, good(device)):
        commit = device.repo.publish({"docs/read.md": "no manifest\n"})
        refused(device, commit, "empty", "docs", "*.yaml")
    del device.limpet.source["path"]
    device.limpet.write_config()
    mend(device)


def test_a_push_that_removes_all_files_is_refused_as_empty(device):
    with nothing_changes(device, good(device)):
        device.repo.clear()
        commit = device.repo.publish({"README.md": "gone\n"})
        refused(device, commit, "empty")
    mend(device)


def test_a_push_that_removes_all_files_prunes_all_when_that_is_allowed(device):
    device.limpet.source["allowEmpty"] = True
    device.limpet.write_config()
    device.repo.clear()
    commit = device.repo.publish({"README.md": "gone\n"})

    device.limpet.ok("sync")

    assert is_applied(device.limpet.status(), commit)
    assert device.get("ConfigMap", "till-0") is None


# --- files that nobody should push ------------------------------------------------------------

HEAD = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: bad\n"
BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join(['*' + old] * 10)}]\n"
    for old, new in zip("abcdefgh", "bcdefghi")) + HEAD

BAD_FILES = {
    "5-mb": (HEAD + "data:\n" + f"  a: {'x' * 50}\n" * 90_000, ["bad.yaml", "bytes", "split"]),
    "10000-deep": (HEAD + "data: " + "[" * 10_000 + "]" * 10_000 + "\n", ["bad.yaml:5", "deep"]),
    "1500-deep-block": (HEAD + "data:\n" + "".join(" " * (n + 1) + "a:\n" for n in range(1500)),
                         ["bad.yaml:", "deep"]),
    "alias-bomb": (BOMB, ["bad.yaml:", "alias"]),
    "invalid-utf-8": (HEAD.encode() + b"data:\n  a: \"\xff\xfe\"\n", ["bad.yaml:6", "UTF-8"]),
    "tab": (HEAD + "data:\n\ta: b\n", ["bad.yaml:6", "tab"]),
    "duplicate-key": (HEAD + "data:\n  a: b\n  a: c\n", ["bad.yaml:7", "a"]),
    "no-kind": ("apiVersion: v1\nmetadata:\n  name: bad\n", ["bad.yaml:1", "kind", "missing"]),
    "kustomization": ("resources: []\n", ["kustomiz", "yet"]),
    "helm": ("name: chart\n", ["Helm", "yet"]),
}
NAMES = {"kustomization": "kustomization.yaml", "helm": "Chart.yaml"}


@pytest.mark.parametrize("case", BAD_FILES)
def test_a_bad_file_is_refused_with_its_place(device, case):
    content, words = BAD_FILES[case]
    with nothing_changes(device, good(device)):
        commit = device.repo.publish({**good(device, "2"), NAMES.get(case, "bad.yaml"): content})
        refused(device, commit, "invalid", *words)
    mend(device)


def test_a_20_mb_file_is_not_even_inflated(device):
    with nothing_changes(device, good(device)):
        huge = HEAD + "data:\n" + "".join(f"  key-{n:06}: {'x' * 180}\n" for n in range(105_000))
        commit = device.repo.publish({**good(device, "2"), "bad.yaml": huge})
        refused(device, commit, "too-large", str(len(huge)), "8388608", "split it",
                "git ls-tree -rl")
    mend(device)


def test_all_problems_of_a_revision_are_told_in_one_pass(device):
    with nothing_changes(device, good(device)):
        commit = device.repo.publish({
            **good(device, "2"),
            "one.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: UPPER\n",
            "two.yaml": "kind: ConfigMap\nmetadata:\n  name: x\n",
            "three.yaml": HEAD + "---\n" + HEAD})
        result = device.limpet.run("sync")
    assert result.code == 1 and refusal(device.limpet.status(), commit)["verdict"] == "invalid"
    for words in ("one.yaml:4: metadata.name", "two.yaml:1: apiVersion",
                  "already defined at three.yaml:1"):
        assert words in result.err, (words, result.err)


def publish_tree(site, tree, message="An odd tree"):
    """A signed commit of a tree that git's own commands would not make."""
    commit = site.repo.git("-c", f"user.signingkey={site.key.path}", "commit-tree", "-S",
                           "-p", "HEAD", "-m", message, tree)
    site.repo.git("push", "-q", "-f", site.remote.path, f"{commit}:refs/heads/{site.branch}")
    return commit


def tree_with(site, mode, name, oid):
    """The tree of HEAD with one entry more, written byte for byte; its id."""
    entries = [(b"100644", line.split("\t")[1].encode(), line.split()[2])
               for line in site.repo.git("ls-tree", "HEAD").splitlines()]
    entries.append((mode.encode(), name.encode(), oid))
    data = b"".join(m + b" " + n + b"\0" + bytes.fromhex(o)
                    for m, n, o in sorted(entries, key=lambda entry: entry[1]))
    return site.repo.git("hash-object", "-w", "--literally", "-t", "tree", "--stdin", input=data)


def test_a_symlink_is_refused_and_never_followed(device):
    with nothing_changes(device, good(device)):
        (device.repo.root / "shadow.yaml").symlink_to("/etc/shadow")
        commit = device.repo.publish(good(device, "2"))
        refused(device, commit, "invalid", "shadow.yaml", "symlink")
    mend(device)


def test_a_submodule_is_refused(device):
    with nothing_changes(device, good(device)):
        commit = publish_tree(device, tree_with(device, "160000", "vendor", device.first))
        refused(device, commit, "invalid", "vendor", "submodule")
    mend(device)


@pytest.mark.parametrize("name", [".git", ".GIT", "git~1"])
def test_a_file_called_dotgit_in_the_tree_is_refused(device, name):
    """Where limpet.yaml would be it is met before anything is rendered: malformed, not invalid."""
    with nothing_changes(device, good(device)):
        blob = device.repo.git("hash-object", "-w", "--stdin", input=b"[core]\n")
        commit = publish_tree(device, tree_with(device, "100644", name, blob))
        refused(device, commit, "malformed", name, ".git")
    mend(device)


# --- what the cluster does not take -------------------------------------------------------------


def widget(site):
    return {"widget.yaml": f"apiVersion: {site.prefix}.example.com/v1\nkind: Widget\nmetadata:\n"
                           f"  name: first\n  namespace: {site.namespace}\nspec: {{}}\n"}


def widget_crd(site):
    group = f"{site.prefix}.example.com"
    return {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": f"widgets.{group}"},
            "spec": {"group": group, "scope": "Namespaced",
                     "names": {"kind": "Widget", "plural": "widgets"},
                     "versions": [{"name": "v1", "served": True, "storage": True, "schema": {
                         "openAPIV3Schema": {
                             "type": "object", "x-kubernetes-preserve-unknown-fields": True}}}]}}


def incomplete(site, commit, result, *words):
    """The revision is incomplete: exit 1, good objects applied, nothing pruned."""
    assert result.code == 1, result.err
    for word in words:
        assert word in result.err, (word, result.err)
    status = site.limpet.status()
    now = source(status)["applied"] or {}
    assert (now.get("commit"), now.get("state")) == (commit, "incomplete"), status
    assert status["health"] == "degraded"
    assert version(site) == "2", "the good objects are applied"
    assert site.get("ConfigMap", "till-2"), "nothing is pruned while something is missing"


def test_an_unknown_kind_is_named_and_applied_when_it_appears(device):
    site = device
    site.repo.remove("till-2.yaml")
    commit = site.repo.publish({**good(site, "2", tills=2), **widget(site)}, "With a widget")

    incomplete(site, commit, site.limpet.run("sync"), "widget.yaml:1", "Widget",
               f"{site.prefix}.example.com/v1", "CRD")

    site.limpet.config["cluster"]["reconcile"] = "1s"
    site.limpet.write_config()
    site.limpet.start()
    site.cluster.api.apply(widget_crd(site))
    wait_applied(site, commit)
    name = f"widgets.{site.prefix}.example.com"
    assert site.cluster.api.get(name, "first", site.namespace)
    wait_until(lambda: site.get("ConfigMap", "till-2") is None, "the removed till to be pruned")


def test_what_the_api_server_refuses_is_passed_on_with_its_place(device):
    site = device
    site.repo.remove("till-2.yaml")
    bad = ("---\napiVersion: v1\nkind: Service\nmetadata:\n  name: web\n"
           f"  namespace: {site.namespace}\nspec:\n  ports:\n  - port: 99999\n")
    commit = site.repo.publish({**good(site, "2", tills=2), "web.yaml": bad}, "A bad port")

    incomplete(site, commit, site.limpet.run("sync"), "web.yaml:2", "Service", "99999", "65535")

    mended = site.repo.publish({"web.yaml": bad.replace("99999", "80")}, "A good port")
    site.limpet.ok("sync")
    assert is_applied(site.limpet.status(), mended)
    assert site.get("Service", "web") and site.get("ConfigMap", "till-2") is None


# --- an API server that goes away ---------------------------------------------------------------


def big(site, revision=0):
    return synthetic_files(150, site.prefix, revision=revision, namespace=site.namespace,
                           with_namespace=False)


@contextmanager
def without_apiserver(site):
    """The API server is killed at once, and back after the block."""
    site.cluster.stop_apiserver(hard=True)
    try:
        yield
    finally:
        site.cluster.start_apiserver()


def test_an_api_server_that_dies_in_the_middle_of_an_apply_is_waited_for(site_on_own_cluster):
    site = site_on_own_cluster
    first = site.repo.publish({**big(site), **good(site)}, "Version 1")
    site.limpet.config["cluster"]["reconcile"] = "2s"
    site.limpet.write_config()
    site.limpet.start()
    wait_until(lambda: "event=created" in site.limpet.log(), "the apply to begin", 30, 0.005)
    with without_apiserver(site):
        status = site.limpet.wait_status(lambda s: not s["cluster"]["reached"], "it to be missed")
        assert not is_applied(status, first)
    wait_applied(site, first, 90)
    assert site.missing(keys({**big(site), **good(site)})) == []

    # The same with something to prune: it goes only after everything else is there.
    site.repo.remove("till-2.yaml")
    mark = len(site.limpet.log())
    second = site.repo.publish({**big(site, revision=1), **good(site, "2", tills=2)}, "Version 2")
    wait_until(lambda: "event=configured" in site.limpet.log()[mark:], "the apply to begin", 30,
               0.005)
    with without_apiserver(site):
        site.limpet.wait_status(lambda s: not s["cluster"]["reached"], "it to be missed")
        assert "event=pruned" not in site.limpet.log()
    wait_applied(site, second, 90)
    wait_until(lambda: site.get("ConfigMap", "till-2") is None, "the removed till to be pruned")
    assert site.missing(keys({**big(site), **good(site, tills=2)})) == []
    assert site.limpet.log().count("event=pruned") == 1


def test_a_sync_without_an_api_server_keeps_the_revision_for_the_next(site_on_own_cluster):
    site = site_on_own_cluster
    first = site.repo.publish(good(site))
    site.limpet.ok("sync")
    with without_apiserver(site):
        second = site.repo.publish(good(site, "2"))
        result = site.limpet.run("sync", timeout=60)
        assert result.code == 2 and "API server" in result.err
        status = site.limpet.status()
        assert source(status)["desired"]["commit"] == second and is_applied(status, first)
    assert version(site) == "1"
    site.limpet.ok("sync")
    assert version(site) == "2" and is_applied(site.limpet.status(), second)


# --- a Git server that is not the one ------------------------------------------------------------


@pytest.mark.parametrize("change, words", [
    ({"certificate": "other-ca"}, ["certificate", "CA", "`ca`"]),
    ({"certificate": "expired"}, ["certificate", "has expired"]),
    ({"certificate": "other-host"}, ["certificate", "another host"]),
    ({"password": "changed"}, ["401", "credentials"]),
    ({"unavailable": True}, ["503"]),
], ids=["wrong-ca", "expired-certificate", "wrong-host", "wrong-password", "unavailable"])
def test_a_git_server_that_cannot_be_used_is_told_and_nothing_changes(device, change, words):
    site = device
    with nothing_changes(site, good(site)):
        second = site.repo.publish(good(site, "2"))
        site.server.configure(**change)
        could_not(site, *words)
        status = site.limpet.status()
        assert words[0] in source(status)["error"] and source(status)["failedPolls"] == 1
    site.server.reset()
    site.limpet.ok("sync")
    assert version(site) == "2" and is_applied(site.limpet.status(), second)


def test_a_password_is_never_told(device):
    device.server.configure(password="another-one")
    result = device.limpet.run("sync")
    said = result.out + result.err + device.limpet.run("status").out + device.limpet.log()
    assert result.code == 2
    assert "ghp_" not in said and "another-one" not in said


# --- the device's own disk -----------------------------------------------------------------------


class SmallDisk:
    """A file system of its own for the state folder; only root can make one."""
    word = "No space left"

    def __init__(self, site):
        self.folder = site.limpet.state_dir
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m,mode=0700", "limpet-e2e",
                        self.folder], check=True, capture_output=True)

    def fill(self):
        """Leaves not one block free."""
        with open(self.folder / "filler", "wb", buffering=0) as file:
            try:
                while True:
                    file.write(b"x" * 4096)
            except OSError:
                pass

    def free(self):
        """There is room again."""
        (self.folder / "filler").unlink()

    def close(self):
        """Takes the file system away."""
        subprocess.run(["umount", "-l", self.folder], check=True)


LIMITED = """\
import os, resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
if os.path.exists(sys.argv[1]):
    resource.setrlimit(resource.RLIMIT_FSIZE, (8192, resource.RLIM_INFINITY))
os.execv(sys.argv[2], sys.argv[2:])
"""


class SmallFiles:
    """What comes nearest to a full disk for who is not root: no file can grow any more."""
    word = "File too large"

    def __init__(self, site):
        self.limpet = site.limpet
        self.full = site.folder / "full"
        script = site.folder / "limited.py"
        script.write_text(LIMITED)
        self.before = os.environ.get("LIMPET_BIN")
        os.environ["LIMPET_BIN"] = shlex.join([PYTHON, str(script), str(self.full), *binary()])

    def _limit(self, size):
        if self.limpet.daemon is not None:
            resource.prlimit(self.limpet.daemon.pid, resource.RLIMIT_FSIZE,
                             (size, resource.RLIM_INFINITY))

    def fill(self):
        """No file can grow past two blocks."""
        self.full.touch()
        self._limit(8192)

    def free(self):
        """Files can grow again."""
        self.full.unlink()
        self._limit(resource.RLIM_INFINITY)

    def close(self):
        """The binary runs as before."""
        os.environ.pop("LIMPET_BIN")
        if self.before is not None:
            os.environ["LIMPET_BIN"] = self.before


@pytest.fixture
def disk(site):
    """The disk under the state folder."""
    disk = (SmallDisk if os.getuid() == 0 else SmallFiles)(site)
    yield disk
    site.limpet.close()
    disk.close()


def test_a_full_disk_is_told_and_the_next_sync_converges(site, disk):
    site.repo.publish(good(site))
    site.limpet.ok("sync")
    with nothing_changes(site, good(site)):
        second = site.repo.publish({**good(site, "2"), **synthetic_files(
            60, site.prefix, namespace=site.namespace, with_namespace=False)})
        disk.fill()
        could_not(site, disk.word)
    disk.free()
    site.limpet.ok("sync")
    assert version(site) == "2" and is_applied(site.limpet.status(), second)


def test_a_daemon_outlives_a_full_disk(site, disk):
    first = site.repo.publish(good(site))
    site.limpet.start()
    wait_applied(site, first)
    disk.fill()
    second = site.repo.publish(good(site, "2"))
    site.limpet.wait_log(f"{disk.word}|disk is full")
    assert is_applied(site.limpet.status(), first) and version(site) == "1"
    disk.free()
    site.limpet.ok("sync")
    wait_applied(site, second)
    assert version(site) == "2"
    assert site.limpet.stop() == 0


def harm(database, how):
    """Damages the SQLite file of a device that does not run."""
    data = bytearray(database.read_bytes())
    if how == "header":
        data[:64] = b"\xff" * 64
    elif how == "pages":
        data[4096:] = os.urandom(len(data) - 4096)
    elif how == "cut":
        del data[len(data) // 2 // 4096 * 4096:]
    else:
        data = b"this is no database\n" * 500
    database.write_bytes(data)
    for name in ("-wal", "-shm"):
        database.with_name(database.name + name).unlink(missing_ok=True)


@pytest.mark.parametrize("how", ["header", "pages", "cut", "text"])
def test_a_corrupt_store_is_put_aside_and_rebuilt_and_nothing_is_pruned(device, how):
    site = device
    database = site.limpet.state_dir / "limpet.db"
    site.repo.remove("till-2.yaml")
    second = site.repo.publish(good(site, "2", tills=2), "Without the third till")
    harm(database, how)

    result = site.limpet.run("sync")

    assert result.code == 0, result.err
    aside = [path.name for path in site.limpet.state_dir.glob("limpet.db.corrupt-*")
             if not path.name.endswith("-wal")]
    assert len(aside) == 1 and aside[0] in result.err and "store-corrupt" in result.err
    assert version(site) == "2"
    assert site.get("ConfigMap", "till-2"), "nothing is pruned in this cycle"
    assert [r["commit"] for r in site.limpet.json("history")["revisions"]] == [second]
    assert site.limpet.status()["sources"][0]["inventory"] == 4, "taken from the cluster"

    site.limpet.ok("sync")

    assert is_applied(site.limpet.status(), second)
    assert site.get("ConfigMap", "till-2") is None, "the next cycle knows what to prune"


def test_a_store_that_is_damaged_under_a_running_daemon_is_rebuilt(device):
    site = device
    site.limpet.config["cluster"]["reconcile"] = "1s"
    site.limpet.write_config()
    site.limpet.start()
    wait_idle(site)
    database = site.limpet.state_dir / "limpet.db"
    with open(database, "r+b") as file:
        file.write(os.urandom(os.path.getsize(database)))

    site.repo.remove("till-2.yaml")
    second = site.repo.publish(good(site, "2", tills=2), "Without the third till")

    wait_until(lambda: version(site) == "2", "the next revision to be applied", 60)
    log = site.limpet.log()
    assert "event=store-corrupt" in log and "event=store-set-aside" in log
    assert "event=pruned" not in log.partition("event=store-set-aside")[2].partition(
        "event=converged")[0], "nothing is pruned in the cycle that rebuilds"
    assert [path for path in site.limpet.state_dir.glob("limpet.db.corrupt-*")]
    site.limpet.wait_status(lambda s: is_applied(s, second), "it to be stored", 60)
    wait_until(lambda: site.get("ConfigMap", "till-2") is None, "the prune of a later cycle", 60)
    assert site.limpet.stop() == 0


def test_a_second_daemon_on_the_same_state_says_who_holds_it(device):
    site = device
    site.limpet.start()
    wait_idle(site)
    daemon = site.limpet.daemon.pid

    with nothing_changes(site, good(site)):
        result = site.limpet.run("run", timeout=15)
        assert result.code == 2
        assert f"is in use by process {daemon}" in result.err
        assert str(site.limpet.state_dir) in result.err

    wait_idle(site)
    assert site.limpet.stop() == 0
    mend(site)
