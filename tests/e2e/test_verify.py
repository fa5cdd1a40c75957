# SPDX-License-Identifier: Apache-2.0
"""`limpet verify`: what a person sees, and the exit code: 0 accepted, 1 refused, 2 not judged."""

import json
import subprocess

import pytest

from support.attack import REPO_ID, limpet_yaml, signed, with_header
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

    def content(self, commit):
        return subprocess.run(["git", "cat-file", "commit", commit], cwd=self.repo, check=True,
                              env=git_environment(self.folder), capture_output=True).stdout

    def store(self, data):
        """Puts bytes into the repository as a commit, whatever they say; its id."""
        words = ["hash-object", "-t", "commit", "--literally", "-w", "--stdin"]
        return subprocess.run(["git", *words], cwd=self.repo, env=git_environment(self.folder),
                              check=True, input=data, capture_output=True).stdout.decode().strip()

    def bound(self, text, path="."):
        """A signed commit with this limpet.yaml; its id."""
        (self.repo / path).mkdir(parents=True, exist_ok=True)
        (self.repo / path / "limpet.yaml").write_text(text)
        self.git("add", "-A")
        self.git("commit", "-q", "-S", "-m", "bound")
        return self.git("rev-parse", "HEAD").strip()

    def config(self, **trust):
        """A device's configuration: site demo of group till-2, with these settings of trust."""
        (self.folder / "credentials").touch(mode=0o600)
        file = self.folder / "config.yaml"
        told = ", ".join(f"{key}: {value}" for key, value in trust.items())
        file.write_text(f"""site: demo
groups: [till-2]
sources:
- name: site
  url: https://git.example.com/site.git
  trust: {{signers: {self.signers}, {told}}}
cluster: {{kubeconfig: /etc/kubeconfig}}
""")
        return file

    def judged(self, commit, *words):
        """What it prints of a commit as JSON, when it is judged at all; the exit code fits."""
        signers = not {"--config", "--signers", "--keys"} & set(words)
        done = self.verify("--repo", self.repo, commit, *words, signers=signers)
        judged = json.loads(done.stdout)
        assert done.returncode == (0 if judged["verdict"] == "accepted" else 1), done.stderr
        return judged

    def object(self, commit):
        file = self.folder / f"object-{commit[:8]}"
        file.write_bytes(self.content(commit))
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
    by_object = json.loads(bench.verify("--object", bench.object(bench.signed)).stdout)
    assert "has no tree" in by_object.pop("notJudged")
    for rev in ("site/berlin", "refs/heads/site/berlin", "v1", "HEAD", bench.signed):
        by_name = bench.judged(rev)
        assert "--config" in by_name.pop("notJudged")
        assert by_name == by_object, rev
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
    config = bench.config(rsaBits=3072)
    words = ["--repo", bench.repo, bench.signed, "--config"]
    done = bench.verify(*words, config, signers=False)
    assert done.returncode == 0, done.stderr
    done = bench.verify(*words, bench.folder / "missing.yaml", signers=False)
    assert done.returncode == 2 and "missing.yaml" in done.stderr and "--signers" in done.stderr


# --- every verdict that can be had by hand --------------------------------------------------------


def stranger(bench):
    bench.signers = write_allowed_signers(bench.folder / "signers",
                                          make_key(bench.folder / "keys", "bob@example.com"))
    return bench.signed


def dated(option):
    def key(bench):
        write_allowed_signers(bench.signers, bench.key, options=f'namespaces="git",{option}')
        return bench.signed
    return key


def altered(bench):
    return bench.store(bench.content(bench.signed).replace(b"\n\nsigned", b"\n\naltered"))


def of_another_kind(bench):
    x509 = b"gpgsig -----BEGIN SIGNED MESSAGE-----\n MIIB\n -----END SIGNED MESSAGE-----"
    return bench.store(with_header(bench.content("HEAD"), x509))


def too_large(bench):
    message = b"x" * 64 * 1024
    return bench.store(signed(bench.content("HEAD") + message, bench.key))


def twice(bench):
    return bench.store(bench.content(bench.signed).replace(b"\ncommitter ", b"\nauthor ", 1))


BY_SIGNATURE = {
    "unsigned": lambda bench: "HEAD",
    "unknown-signer": stranger,
    "bad-signature": altered,
    "expired-key": dated('valid-before="20200101Z"'),
    "not-yet-valid-key": dated('valid-after="20990101Z"'),
    "unsupported-key": of_another_kind,
    "malformed": twice,
    "too-large": too_large,
}


@pytest.mark.parametrize("verdict", BY_SIGNATURE)
def test_a_signature_is_refused_by_each_of_its_names(bench, verdict):
    judged = bench.judged(BY_SIGNATURE[verdict](bench))
    assert judged["reason"] == verdict and judged["detail"] and judged["wayOut"], judged
    assert judged["notJudged"] is None


def test_a_revoked_key_is_refused_by_a_file_and_by_the_configurations(bench):
    revoked = bench.folder / "revoked"
    revoked.write_text(bench.key.public + "\n")
    assert bench.judged(bench.signed, "--signers", bench.signers, "--revoked", revoked)["reason"] \
        == "revoked-key"
    assert bench.judged(bench.signed, "--config", bench.config(revoked=revoked))["reason"] \
        == "revoked-key"


FUTURE, PAST = "2099-01-01T00:00:00Z", "2020-01-01T00:00:00Z"
BY_BINDING = {
    "accepted": limpet_yaml(sequence=184, expires=FUTURE),
    "unbound": limpet_yaml(audience=None),
    "wrong-repo": limpet_yaml(repo="00" * 16),
    "wrong-audience": limpet_yaml(audience="[site/munich, group/till-1]"),
    "expired": limpet_yaml(expires=PAST),
    "malformed": limpet_yaml(expire=FUTURE),
}


@pytest.mark.parametrize("verdict", BY_BINDING)
def test_a_limpet_yaml_is_judged_by_the_configuration_of_a_device(bench, verdict):
    config = bench.config(repo=REPO_ID, binding="required")
    commit = bench.bound(BY_BINDING[verdict])
    judged = bench.judged(commit, "--config", config)
    assert (judged["reason"] or judged["verdict"]) == verdict, judged
    assert judged["notJudged"] is None
    by_hand = bench.judged(commit)
    assert by_hand["verdict"] == "accepted" and "--config" in by_hand["notJudged"]


def test_a_commit_without_limpet_yaml_is_unbound_only_where_one_is_demanded(bench):
    words = ["--config", bench.config(repo=REPO_ID, binding="required")]
    assert bench.judged(bench.signed, *words)["reason"] == "unbound"
    words = ["--config", bench.config()]
    judged = bench.judged(bench.signed, *words)
    assert judged["verdict"] == "accepted" and judged["binding"] is None
    assert judged["notJudged"] is None, "there is nothing to judge"


def test_what_limpet_yaml_says_is_told_with_every_verdict(bench):
    said = {"repo": REPO_ID, "audience": ["site/munich", "group/retail-*"], "sequence": 184,
            "expires": FUTURE}
    commit = bench.bound(limpet_yaml(audience="[site/munich, group/retail-*]", sequence=184,
                                     expires=FUTURE))
    config = bench.config(repo=REPO_ID)
    assert bench.judged(commit)["binding"] == said
    assert bench.judged(commit, "--config", config)["binding"] == said
    assert bench.judged(bench.bound(limpet_yaml()))["binding"] == {
        "repo": REPO_ID, "audience": ["site/demo"], "sequence": None, "expires": None}

    done = bench.verify("--repo", bench.repo, commit, "--config", config, "-o", "text",
                        signers=False)
    assert done.returncode == 1 and done.stdout.startswith("refused as wrong-audience: it is for ")
    for line in (f"repo: {REPO_ID}", "audience: site/munich, group/retail-*", "sequence: 184",
                 f"expires: {FUTURE}"):
        assert f"\n{line}\n" in done.stdout
    done = bench.verify("--repo", bench.repo, commit, "-o", "text")
    assert "\nsequence: 184\n" in done.stdout and "\nnot judged: for whom it is" in done.stdout
    done = bench.verify("--object", bench.object(commit), "-o", "text")
    assert "sequence" not in done.stdout and "a commit object has no tree" in done.stdout


def test_the_limpet_yaml_of_the_configurations_path_is_the_one_that_counts(bench):
    commit = bench.bound(limpet_yaml(), "sites/berlin")
    config = bench.config(repo=REPO_ID, binding="required")
    assert bench.judged(commit, "--config", config)["reason"] == "unbound"
    config.write_text(config.read_text().replace("  trust:", "  path: sites/berlin\n  trust:"))
    assert bench.judged(commit, "--config", config)["verdict"] == "accepted"


def test_named_signers_stand_in_for_the_configurations(bench):
    """Both at once: the device's rules, and the signers that a person would give it."""
    mine = bench.signers
    config = bench.config(repo=REPO_ID, binding="required")
    bench.signers.rename(bench.folder / "theirs")
    commit = bench.bound(limpet_yaml(audience="[site/munich]"))
    done = bench.verify("--repo", bench.repo, commit, "--config", config, signers=False)
    assert done.returncode == 2 and str(mine) in done.stderr
    words = ["--config", config, "--signers", bench.folder / "theirs"]
    assert bench.judged(commit, *words)["reason"] == "wrong-audience"


def test_the_key_of_a_tip_counts_by_this_machines_clock_for_a_device(bench):
    """A commit dated back into the life of an expired key, as a thief would date it."""
    dated('valid-before="20250101Z"')(bench)
    payload = bench.content("HEAD")
    date = payload.split(b"committer ")[1].split(b"> ")[1][:10]
    commit = bench.store(signed(payload.replace(date, b"1700000000"), bench.key))
    assert bench.judged(commit)["verdict"] == "accepted", "as git verify-commit does"
    assert bench.judged(commit, "--config", bench.config())["reason"] == "expired-key"
