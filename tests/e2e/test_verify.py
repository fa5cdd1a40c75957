# SPDX-License-Identifier: Apache-2.0
"""`limpet verify`: what a person sees, and the exit code: 0 accepted, 1 refused, 2 could not judge."""

import json
import subprocess

import pytest

from support.gitserver import git_environment
from support.limpet import binary
from support.siterepo import make_key, write_allowed_signers


class Bench:
    """A repository with one signed commit, and one unsigned on top of it."""

    def __init__(self, folder, *init):
        self.folder = folder
        self.repo = folder / "repo"
        self.repo.mkdir()
        self.key = make_key(folder / "keys", "ann@example.com")
        self.signers = write_allowed_signers(folder / "signers", self.key)
        self.git("init", "-q", "-b", "main", *init)
        self.git("config", "user.name", "Ann")
        self.git("config", "user.email", "ann@example.com")
        self.git("config", "gpg.format", "ssh")
        self.git("config", "user.signingkey", f"{self.key.path}.pub")
        self.git("commit", "-q", "--allow-empty", "-S", "-m", "signed")
        self.signed = self.git("rev-parse", "HEAD").strip()
        self.git("commit", "-q", "--allow-empty", "--no-gpg-sign", "-m", "unsigned")

    def git(self, *words):
        return subprocess.run(["git", *words], cwd=self.repo, env=git_environment(self.folder),
                              check=True, capture_output=True, text=True).stdout

    def object(self, commit):
        file = self.folder / f"object-{commit[:8]}"
        file.write_bytes(subprocess.run(["git", "cat-file", "commit", commit], cwd=self.repo,
                                        env=git_environment(self.folder), check=True,
                                        capture_output=True).stdout)
        return file

    def verify(self, *words, signers=True):
        extra = ["--signers", self.signers] if signers else []
        return subprocess.run([*binary(), "verify", *map(str, words), *map(str, extra)],
                              capture_output=True, text=True, cwd=self.folder)


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path)


def test_an_accepted_commit_is_one_line_of_json_and_exit_code_0(bench):
    done = bench.verify("--object", bench.object(bench.signed))
    assert done.returncode == 0 and done.stdout.count("\n") == 1
    judged = json.loads(done.stdout)
    assert judged["verdict"] == "accepted" and judged["reason"] is None
    assert judged["signer"] == "ann@example.com" and judged["key"] == bench.key.fingerprint
    assert judged["payload"].startswith("sha256:") and len(judged["payload"]) == 71


def test_a_refused_commit_is_told_with_its_reason_and_the_way_out(bench):
    done = bench.verify("--repo", bench.repo, "HEAD")
    assert done.returncode == 1
    judged = json.loads(done.stdout)
    assert (judged["verdict"], judged["reason"]) == ("refused", "unsigned")
    assert judged["signer"] is None and "git commit" in judged["wayOut"]
    text = bench.verify("--repo", bench.repo, "HEAD", "-o", "text")
    assert text.returncode == 1
    assert text.stdout.startswith("refused as unsigned: the commit has no signature\n")


@pytest.mark.parametrize("packed", [False, True])
def test_a_commit_is_found_by_branch_tag_head_and_id(bench, packed):
    bench.git("branch", "site/berlin", bench.signed)
    bench.git("tag", "v1", bench.signed)
    bench.git("checkout", "-q", "site/berlin")
    if packed:
        bench.git("pack-refs", "--all")
        bench.git("gc", "-q")
    by_object = bench.verify("--object", bench.object(bench.signed)).stdout
    for rev in ("site/berlin", "refs/heads/site/berlin", "v1", "HEAD", bench.signed):
        done = bench.verify("--repo", bench.repo, rev)
        assert (done.returncode, done.stdout) == (0, by_object), (rev, done.stderr)
    assert bench.verify("--repo", bench.repo, "main").returncode == 1


def test_a_bare_repository_is_read_too(bench, tmp_path):
    bench.git("clone", "-q", "--bare", str(bench.repo), str(tmp_path / "bare.git"))
    assert bench.verify("--repo", tmp_path / "bare.git", bench.signed).returncode == 0


@pytest.mark.parametrize("rev", ["nowhere", "0" * 40, "main~1", "../../etc/passwd", "", "refs"])
def test_a_revision_that_is_not_there_is_not_judged(bench, rev):
    done = bench.verify("--repo", bench.repo, rev)
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith("limpet: ") and len(done.stderr.splitlines()) == 1


def test_a_tree_or_an_annotated_tag_is_no_commit(bench):
    bench.git("tag", "-a", "-m", "a tag", "annotated", bench.signed)
    tree = bench.git("rev-parse", "HEAD^{tree}").strip()
    for rev in ("annotated", tree):
        done = bench.verify("--repo", bench.repo, rev)
        assert done.returncode == 2 and "limpet: " in done.stderr and done.stdout == ""


def test_a_repository_with_sha256_ids_has_its_own_verdict(tmp_path):
    bench = Bench(tmp_path, "--object-format=sha256")
    for words in (["--repo", bench.repo, "HEAD"], ["--object", bench.object(bench.signed)]):
        done = bench.verify(*words)
        assert done.returncode == 1
        assert json.loads(done.stdout)["reason"] == "unsupported-format"


def test_a_commit_that_is_too_large_or_no_commit_is_refused(bench):
    file = bench.folder / "object"
    file.write_bytes(b"x" * (64 * 1024 + 1))
    assert json.loads(bench.verify("--object", file).stdout)["reason"] == "too-large"
    file.write_bytes(b"x" * (64 * 1024))
    assert json.loads(bench.verify("--object", file).stdout)["reason"] == "malformed"
    file.write_bytes(b"")
    assert json.loads(bench.verify("--object", file).stdout)["reason"] == "malformed"


@pytest.mark.parametrize("words, message", [
    ([], "give --object FILE, or --repo DIR and REV"),
    (["--object", "a", "--repo", "b", "HEAD"], "give --object FILE, or --repo DIR and REV"),
    (["--repo", "b"], "needs a REV"),
    (["--object", "a", "HEAD"], "goes with --repo"),
    (["--object", "missing"], "missing"),
    (["--repo", "missing", "0" * 40], "missing"),
    (["--object", "."], "limpet: "),
])
def test_wrong_words_are_not_judged(bench, words, message):
    done = bench.verify(*words)
    assert done.returncode == 2 and message in done.stderr and done.stdout == ""


def test_signers_that_cannot_be_read_are_named_with_their_line(bench):
    bench.signers.write_text("# who may sign\nann@example.com ssh-ed25519\n")
    done = bench.verify("--repo", bench.repo, "HEAD")
    assert done.returncode == 2 and f"{bench.signers}:2: expected a key" in done.stderr
    bench.signers.unlink()
    done = bench.verify("--repo", bench.repo, "HEAD")
    assert done.returncode == 2 and str(bench.signers) in done.stderr


def test_without_signers_the_configurations_are_taken(bench):
    config = bench.folder / "config.yaml"
    (bench.folder / "credentials").touch(mode=0o600)
    config.write_text(f"""site: demo
sources:
- name: site
  url: https://git.example.com/site.git
  trust: {{signers: {bench.signers}, rsaBits: 3072}}
cluster: {{kubeconfig: /etc/kubeconfig}}
""")
    words = ["--repo", bench.repo, bench.signed, "--config"]
    done = bench.verify(*words, config, signers=False)
    assert done.returncode == 0, done.stderr
    done = bench.verify(*words, bench.folder / "missing.yaml", signers=False)
    assert done.returncode == 2 and "missing.yaml" in done.stderr and "--signers" in done.stderr
