# SPDX-License-Identifier: Apache-2.0
"""`limpet release`: in a checkout, with the real git and ssh-keygen, on a workstation."""

import json
import os
import re
import subprocess
import time

import pytest

from support.gitserver import git_environment
from support.limpet import binary
from support.siterepo import make_key, write_allowed_signers

PATH = "sites/berlin"
FILE = f"{PATH}/limpet.yaml"


class Workstation:
    """A checkout with one commit, whose git signs by an SSH key."""

    def __init__(self, folder):
        self.folder = folder
        self.repo = folder / "repo"
        self.key = make_key(folder / "keys", "ann@example.com")
        self.signers = write_allowed_signers(folder / "signers", self.key)
        (self.repo / PATH).mkdir(parents=True)
        self.git("init", "-q", "-b", "site/berlin")
        for setting, value in {"user.name": "Ann", "user.email": "ann@example.com",
                               "gpg.format": "ssh", "user.signingkey": f"{self.key.path}.pub",
                               "gpg.ssh.allowedSignersFile": str(self.signers)}.items():
            self.git("config", setting, value)
        self.write(f"{PATH}/till.yaml", "version: 1\n")
        self.git("add", ".")
        self.git("commit", "-q", "-S", "-m", "First")

    def environment(self, **extra):
        return {**git_environment(self.folder), **extra}

    def git(self, *words, check=True):
        return subprocess.run(["git", *map(str, words)], cwd=self.repo, env=self.environment(),
                              check=check, capture_output=True, text=True).stdout

    def write(self, name, text):
        (self.repo / name).write_text(text)

    def read(self, name=FILE):
        return (self.repo / name).read_text()

    def run(self, *words, cwd=None, **environment):
        return subprocess.run([*binary(), "release", *map(str, words)], cwd=cwd or self.repo,
                              env=self.environment(**environment), capture_output=True, text=True,
                              stdin=subprocess.DEVNULL)

    def ok(self, *words, cwd=None):
        """What it prints with -o json; for the path, unless another or a folder is named."""
        place = [] if cwd or "--path" in words else ["--path", PATH]
        done = self.run(*words, *place, "-o", "json", cwd=cwd)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def init(self, *words):
        return self.ok("--init", "--audience", "site/berlin", *words)

    def refused(self, *words, said, **environment):
        """Refused with these words, and nothing has changed: no file, no index, no commit."""
        before = self.state()
        done = self.run(*words, "--path", PATH, **environment)
        assert done.returncode == 2 and done.stdout == "", (done.stdout, done.stderr)
        assert said in done.stderr
        assert self.state() == before
        return done

    def state(self):
        files = {str(path): path.read_bytes() for path in self.repo.rglob("*.yaml")}
        return files, self.git("ls-files", "-s"), self.git("rev-parse", "HEAD")

    def verify(self, revision="HEAD"):
        done = subprocess.run([*binary(), "verify", "--repo", str(self.repo), revision,
                               "--signers", str(self.signers)], capture_output=True, text=True,
                              cwd=self.folder)
        return json.loads(done.stdout)


@pytest.fixture
def work(tmp_path):
    return Workstation(tmp_path)


# --- init -------------------------------------------------------------------------------------


def test_init_writes_a_file_with_a_new_id_and_says_what_devices_need(work):
    done = work.run("--init", "--path", PATH, "--audience", "site/berlin,group/pilot", "-a",
                    "group/retail-*")
    assert done.returncode == 0 and done.stderr == ""
    repo = re.search(r'^repo: "([0-9a-f]{32})"$', work.read(), re.MULTILINE)[1]
    assert f"      repo: {repo}\n" in done.stdout and "trust" in done.stdout
    assert "audience:\n- site/berlin\n- group/pilot\n- group/retail-*\n" in work.read()
    assert work.git("status", "--porcelain") == f"?? {FILE}\n"


def test_each_repository_gets_an_id_of_its_own(tmp_path):
    repos = {Workstation(tmp_path / name).init()["repo"] for name in "abc"}
    assert len(repos) == 3


def test_a_second_path_of_the_repository_gets_its_id(work):
    repo = work.init()["repo"]
    (work.repo / "sites/munich").mkdir()
    second = work.ok("--init", "--path", "sites/munich", "--audience", "site/munich")
    assert second["repo"] == repo
    (work.repo / "sites/oslo").mkdir()
    named = work.ok("--init", "--path", "sites/oslo", "--audience", "site/oslo", "--repo", "ab" * 16)
    assert named["repo"] == "ab" * 16
    (work.repo / "sites/rome").mkdir()
    done = work.run("--init", "--path", "sites/rome", "--audience", "site/rome")
    assert done.returncode == 2 and "--repo ID" in done.stderr
    assert not (work.repo / "sites/rome/limpet.yaml").exists()


def test_init_does_not_write_over_a_file(work):
    work.init()
    work.refused("--init", "--audience", "site/x", said="is there already")


@pytest.mark.parametrize("words, said", [
    ([], "give --audience"),
    (["--audience", "berlin"], "expected site/NAME or group/NAME"),
    (["--audience", "site/berlin,"], "expected site/NAME or group/NAME"),
    (["--audience", "site/Berlin"], "expected a-z"),
    (["--audience", "site/" + "a" * 64], "too long"),
    (["--audience", "site/x", "--repo", "6f1c"], "expected 32 hex digits"),
    (["--audience", "site/x", "--expires", "soon"], "expected 90d"),
    (["--audience", "site/x", "-m", "no"], "makes no commit"),
    (["--audience", ",".join(f"site/s{n}" for n in range(129))], "at most 128"),
    (33 * ["--audience", "site/x"], "no more than 32 times"),
])
def test_init_with_wrong_words_writes_nothing(work, words, said):
    work.refused("--init", *words, said=said)
    assert not (work.repo / FILE).exists()


# --- release ----------------------------------------------------------------------------------


def test_a_release_raises_the_sequence_and_its_commit_verifies(work):
    repo = work.init()["repo"]
    for sequence in (1, 2, 3):
        told = work.ok("-m", f"Till {sequence}")
        assert (told["sequence"], told["previous"]) == (sequence, sequence - 1)
        assert told["repo"] == repo and told["audience"] == ["site/berlin"]
        assert told["commit"] == work.git("rev-parse", "HEAD").strip()
        assert work.git("log", "-1", "--format=%s") == f"Till {sequence}\n"
        assert f"\nsequence: {sequence}\n" in work.git("show", f"HEAD:{FILE}")
        work.git("verify-commit", "HEAD")
        judged = work.verify()
        assert judged["verdict"] == "accepted" and judged["key"] == work.key.fingerprint
    assert work.git("status", "--porcelain") == ""


def test_a_release_is_told_in_words(work):
    work.init()
    done = work.run("--path", PATH)
    head = work.git("rev-parse", "HEAD").strip()
    assert done.stdout == (f"released sequence 1 (was 0) as commit {head}\n"
                           "audience: site/berlin\nexpires:  never (--expires sets it)\n"
                           "push it:  git push -u origin site/berlin\n")
    assert done.stderr == "" and work.git("log", "-1", "--format=%s") == "Release 1\n"


def test_the_path_may_be_the_root_or_where_one_stands(work):
    root = work.ok("--init", "--audience", "site/x", cwd=work.repo)
    assert root["file"] == "limpet.yaml"
    assert work.ok(cwd=work.repo)["sequence"] == 1
    work.ok("--init", "--audience", "site/x", cwd=work.repo / PATH)
    assert work.ok(cwd=work.repo / PATH)["sequence"] == 1
    assert work.git("show", "--stat", "--format=", "--name-only", "HEAD") == f"{FILE}\n"


def test_comments_order_and_permissions_stay(work):
    work.write(FILE, f'# till\nsequence: 41 # by limpet\nrepo: "{"ab" * 16}"\n\n'
               "apiVersion: limpet.dev/v1\naudience: [site/berlin]   # one\n")
    (work.repo / FILE).chmod(0o640)
    work.ok()
    assert work.read() == (f'# till\nsequence: 42 # by limpet\nrepo: "{"ab" * 16}"\n\n'
                           "apiVersion: limpet.dev/v1\naudience: [site/berlin]   # one\n")
    assert (work.repo / FILE).stat().st_mode & 0o777 == 0o640


def test_expires_is_set_by_duration_day_and_time(work):
    work.init("--expires", "2100-01-31")
    assert "\nexpires: 2100-01-31T00:00:00Z\n" in work.read()
    assert work.ok()["expires"] == "2100-01-31T00:00:00Z"
    now = time.time()
    told = work.ok("--expires", "90d")["expires"]
    expires = time.mktime(time.strptime(told, "%Y-%m-%dT%H:%M:%SZ")) - time.timezone
    assert abs(expires - now - 90 * 86400) < 3700  # an hour of summer time is not ours
    assert work.ok("--expires", "2100-02-01T12:30:00Z")["expires"] == "2100-02-01T12:30:00Z"
    assert work.ok()["expires"] == "2100-02-01T12:30:00Z"
    assert work.read().count("expires:") == 1


@pytest.mark.parametrize("expires", ["2020-01-31", "2020-01-31T12:00:00Z", "2100-02-30", "90",
                                     "0s", "2100-01-31T12:00:00+01:00", ""])
def test_an_expiry_that_is_none_or_has_passed_is_refused(work, expires):
    work.init()
    work.refused("--expires", expires, said=f"--expires {expires}: ")


def test_what_has_expired_is_not_released_again_as_it_is(work):
    work.init()
    work.write(FILE, work.read() + "expires: 2020-01-31T12:00:00Z\n")
    work.refused(said="expired at 2020-01-31T12:00:00Z")
    assert work.ok("--expires", "1d")["sequence"] == 1


def test_the_audience_is_replaced(work):
    work.init()
    work.ok()
    told = work.ok("--audience", "site/munich", "--audience", "group/a,group/b")
    assert told["audience"] == ["site/munich", "group/a", "group/b"]
    assert "audience:\n- site/munich\n- group/a\n- group/b\nsequence: 2\n" in work.read()


def test_the_sequence_passes_the_highest_of_the_file_head_and_upstream(work, tmp_path):
    work.init()
    for _ in range(3):
        work.ok()
    work.git("init", "-q", "--bare", str(tmp_path / "origin.git"))
    work.git("remote", "add", "origin", str(tmp_path / "origin.git"))
    work.git("push", "-q", "-u", "origin", "site/berlin")
    # an older file over a newer HEAD
    work.write(FILE, work.read().replace("sequence: 3", "sequence: 1"))
    assert work.ok()["sequence"] == 4
    # a newer file
    work.write(FILE, work.read().replace("sequence: 4", "sequence: 7"))
    told = work.ok()
    assert (told["sequence"], told["push"]) == (8, "git push")
    # a branch that was set back behind what was pushed
    work.git("push", "-q")
    work.git("reset", "-q", "--hard", "HEAD~3")  # behind 3, 4 and 8
    assert "sequence: 2\n" in work.read()
    assert work.ok()["sequence"] == 9


def test_no_sequence_passes_the_last_one(work):
    work.init()
    work.write(FILE, work.read() + f"sequence: {2 ** 53}\n")
    work.refused(said="no sequence is higher than 9007199254740992")


def test_a_dry_run_changes_nothing(work):
    work.init()
    before = work.state()
    told = work.ok("-n", "--expires", "2100-01-31")
    assert (told["sequence"], told["commit"], told["dryRun"]) == (1, None, True)
    assert told["expires"] == "2100-01-31T00:00:00Z"
    assert work.run("--dry-run", "--path", PATH).stdout.startswith("would release sequence 1 ")
    (work.repo / "sites/oslo").mkdir()
    assert work.ok("-n", "--init", "--path", "sites/oslo", "--audience", "site/oslo")["dryRun"]
    assert work.state() == before


def test_other_changes_are_told_and_only_staged_ones_are_committed(work):
    work.init()
    work.write(f"{PATH}/till.yaml", "version: 2\n")
    for name in "abcdefg":
        work.write(f"{PATH}/{name}.yaml", "x: 1\n")
    work.git("add", f"{PATH}/[a-g].yaml")
    work.git("mv", f"{PATH}/a.yaml", f"{PATH}/new name.yaml")
    done = work.run("--path", PATH, "-o", "json")
    told = json.loads(done.stdout)
    assert f"{PATH}/new name.yaml" in told["staged"] and len(told["staged"]) == 7
    assert told["unstaged"] == [f"{PATH}/till.yaml"]
    assert "staged and go into the commit: " in done.stderr and "and 2 more" in done.stderr
    assert f"stay out of the commit: {PATH}/till.yaml\n" in done.stderr
    assert work.git("status", "--porcelain") == f" M {PATH}/till.yaml\n"
    assert len(work.git("show", "--format=", "--name-only", "HEAD").split("\n")) == 9


def test_a_renamed_file_is_told_by_its_new_name(work):
    work.init()
    work.git("mv", f"{PATH}/till.yaml", f"{PATH}/U.yaml")
    assert work.ok()["staged"] == [f"{PATH}/U.yaml"]


def test_sync_is_kept_and_a_person_is_told_that_nobody_acts_on_it_yet(work):
    work.init()
    work.write(FILE, work.read() + "sync: {wait: true}\n")
    done = work.run("--path", PATH)
    assert done.returncode == 0 and "no device acts on it yet" in done.stderr
    assert "sync: {wait: true}\n" in work.read()


def test_the_first_commit_of_a_repository_can_be_a_release(work, tmp_path):
    work.git("checkout", "-q", "--orphan", "site/new")
    work.init()
    told = work.ok()
    assert (told["sequence"], told["branch"]) == (1, "site/new")
    work.git("verify-commit", "HEAD")


def test_a_detached_head_is_told_how_to_push(work):
    work.git("checkout", "-q", "--detach")
    work.init()
    told = work.ok()
    assert told["branch"] is None and told["push"] == "git push origin HEAD:refs/heads/BRANCH"


def test_a_branch_that_a_shell_would_read_is_not_put_into_a_command(work):
    work.git("checkout", "-q", "-b", "a$(reboot)")
    work.init()
    told = work.ok()
    assert told["branch"] == "a$(reboot)" and told["push"] == "git push origin HEAD"


# --- refusals ---------------------------------------------------------------------------------


def test_without_a_file_the_way_out_is_told(work):
    work.refused(said=f"limpet release --init --path {PATH} --audience")


def test_a_failed_release_is_told_as_json(work):
    done = work.run("--path", PATH, "-o", "json")
    assert done.returncode == 2
    told = json.loads(done.stdout)
    assert told["exit"] == 2 and "--init" in told["text"]


def test_a_wrong_file_is_refused_with_every_problem(work):
    work.init()
    work.write(FILE, work.read() + "sequnce: 3\nexpires: soon\n")
    done = work.refused(said='sequnce: unknown key; did you mean "sequence"?')
    assert f"{FILE}:6: sequnce: " in done.stderr and f"{FILE}:7: expires: " in done.stderr


@pytest.mark.parametrize("field, said", [("repo", "names no repo"), ("audience", "no audience")])
def test_a_file_that_binds_nothing_is_not_released(work, field, said):
    text = {"repo": f'repo: "{"ab" * 16}"\n', "audience": "audience: [site/x]\n"}
    del text[field]
    work.write(FILE, "apiVersion: limpet.dev/v1\n" + "".join(text.values()))
    work.refused(said=said)


def test_a_file_that_cannot_be_changed_by_lines_is_refused(work):
    work.write(FILE, f'{{apiVersion: limpet.dev/v1, repo: "{"ab" * 16}", audience: [site/x]}}\n')
    work.refused(said="put each on lines of its own")


def test_a_link_is_refused(work):
    work.init()
    os.rename(work.repo / FILE, work.repo / "elsewhere.yaml")
    os.symlink(work.repo / "elsewhere.yaml", work.repo / FILE)
    work.refused(said="no regular file")


def test_unmerged_files_are_refused(work):
    work.init()
    work.ok()
    work.git("checkout", "-q", "-b", "other")
    work.write(f"{PATH}/till.yaml", "version: 2\n")
    work.git("commit", "-q", "-a", "-m", "two")
    work.git("checkout", "-q", "site/berlin")
    work.write(f"{PATH}/till.yaml", "version: 3\n")
    work.git("commit", "-q", "-a", "-m", "three")
    work.git("merge", "-q", "other", check=False)
    work.refused(said=f"{PATH}/till.yaml is not merged")
    work.write(f"{PATH}/till.yaml", "version: 4\n")
    work.git("add", f"{PATH}/till.yaml")
    work.refused(said="a merge is under way")
    work.git("merge", "--abort")
    assert work.ok()["sequence"] == 2


@pytest.mark.parametrize("command", ["merge", "cherry-pick", "revert", "rebase"])
def test_what_a_commit_would_end_is_refused(work, command):
    work.init()
    work.ok()
    work.git("update-ref", command.upper().replace("-", "_") + "_HEAD", "HEAD")
    work.refused(said=f"a {command} is under way; end it (git {command} --continue)")


@pytest.mark.parametrize("tracked", [False, True])
def test_a_commit_that_git_refuses_leaves_everything_as_it_was(work, tracked):
    work.init()
    if tracked:
        work.ok()
        work.write(FILE, work.read() + "# more\n")
    work.git("config", "user.signingkey", str(work.folder / "nowhere.pub"))
    done = work.refused(said="git made no signed commit")
    assert "nowhere.pub" in done.stderr  # git's own words


def test_a_hook_that_refuses_leaves_what_was_staged_as_it_was(work):
    work.init()
    work.git("add", FILE)
    work.write(FILE, work.read() + "# not staged\n")
    hook = work.repo / ".git/hooks/pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho the hook says no >&2\nexit 1\n")
    hook.chmod(0o755)
    done = work.refused(said="git made no signed commit")
    assert "the hook says no" in done.stderr


def test_outside_of_a_checkout_nothing_is_done(work):
    done = work.run("--path", work.folder)
    assert done.returncode == 2 and "not in a checkout of a Git repository" in done.stderr
    work.git("clone", "-q", "--bare", str(work.repo), str(work.folder / "bare.git"))
    done = work.run("--path", work.folder / "bare.git")
    assert done.returncode == 2 and "not in a checkout of a Git repository" in done.stderr
    assert work.run("--path", work.repo / "nowhere").returncode == 2


def test_a_repository_with_sha256_ids_is_refused(work):
    work.git("init", "-q", "--object-format=sha256", str(work.folder / "new"))
    done = work.run("--init", "--audience", "site/x", cwd=work.folder / "new")
    assert done.returncode == 2 and "sha256 object ids" in done.stderr


def test_without_git_it_says_so(work):
    work.init()
    work.refused(said="there is no git in PATH", PATH=str(work.folder))


def test_a_git_of_the_checkout_is_not_run(work):
    work.init()
    trap = work.repo / "git"
    trap.write_text("#!/bin/sh\ntouch trapped\n")
    trap.chmod(0o755)
    work.run("--path", PATH, PATH=f".::{os.environ['PATH']}")
    assert not (work.repo / "trapped").exists()


@pytest.mark.parametrize("words, said", [
    (["--repo", "ab" * 16], "goes with --init only"),
    (["--audience", "berlin"], "expected site/NAME"),
    (["now"], '"now"'),
    (["--sequence", "3"], "no option --sequence"),
])
def test_wrong_words_change_nothing(work, words, said):
    work.init()
    work.refused(*words, said=said)
