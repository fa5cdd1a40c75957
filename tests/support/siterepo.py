# SPDX-License-Identifier: Apache-2.0
"""A site's repository as its people have it: a work tree, keys of ssh-keygen, and
commits signed by the real git."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from support.gitserver import git_environment

KEY_TYPES = {
    "ed25519": ["-t", "ed25519"],
    "ecdsa256": ["-t", "ecdsa", "-b", "256"],
    "ecdsa384": ["-t", "ecdsa", "-b", "384"],
    "ecdsa521": ["-t", "ecdsa", "-b", "521"],
    "rsa3072": ["-t", "rsa", "-b", "3072"],
}


@dataclass(frozen=True)
class SigningKey:
    """A key pair of ssh-keygen. `principal` is its owner's name in allowed_signers."""
    principal: str
    path: Path

    @property
    def public(self):
        """The public key's type and base64, as allowed_signers wants them."""
        return " ".join(Path(f"{self.path}.pub").read_text().split()[:2])

    @property
    def fingerprint(self):
        """As `ssh-keygen -l` prints it: SHA256:..."""
        done = subprocess.run(["ssh-keygen", "-l", "-f", f"{self.path}.pub"], check=True,
                              capture_output=True, text=True)
        return done.stdout.split()[1]


def make_key(folder, principal, kind="ed25519"):
    """A new key without a passphrase; `kind` is one of KEY_TYPES."""
    path = Path(folder) / f"{principal.replace('/', '_')}-{kind}"
    path.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["ssh-keygen", "-q", *KEY_TYPES[kind], "-N", "", "-C", principal,
                    "-f", str(path)], check=True, stdin=subprocess.DEVNULL)
    return SigningKey(principal, path)


def write_allowed_signers(path, *keys, options='namespaces="git"'):
    """Writes an allowed_signers file: a line for each key with its principal.

    An entry may also be a string, which is written as it is. Returns the path.
    """
    lines = [key if isinstance(key, str) else
             " ".join(filter(None, [key.principal, options, key.public])) for key in keys]
    Path(path).write_text("".join(line + "\n" for line in lines))
    return Path(path)


class SiteRepo:
    """A work tree whose branches are pushed to a Repository of the GitServer.

    `key` signs by default. `root` is the work tree.
    """

    def __init__(self, folder, remote, branch="site/demo", key=None):
        self.root = Path(folder) / "work"
        self.home = Path(folder) / "home"
        self.remote = remote
        self.branch = branch
        self.key = key or make_key(Path(folder) / "keys", "ops@example.com")
        self._planted = set()
        self.root.mkdir(parents=True)
        self.home.mkdir(exist_ok=True)
        self.git("init", "-q", "-b", branch)
        for setting, value in {"user.name": "Site Operator", "user.email": self.key.principal,
                               "gpg.format": "ssh", "gc.auto": "0",
                               "core.quotePath": "false"}.items():
            self.git("config", setting, value)

    def git(self, *args, input=None, env=None):
        """Runs git in the work tree; returns its output."""
        done = subprocess.run(
            ["git", *map(str, args)], cwd=self.root, env=env or git_environment(self.home),
            input=input, stdin=subprocess.DEVNULL if input is None else None, capture_output=True)
        if done.returncode != 0:
            raise RuntimeError(f"git {' '.join(map(str, args))}: "
                               f"{done.stderr.decode(errors='replace').strip()}")
        return done.stdout.decode(errors="surrogateescape").strip()

    # --- files ------------------------------------------------------------------------

    def write(self, files):
        """Writes {path: text or bytes} into the work tree."""
        for name, content in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())

    def read(self, name):
        """The text of a file of the work tree."""
        return (self.root / name).read_text()

    def edit(self, name, old, new):
        """Replaces every `old` in a file, which must be there."""
        text = self.read(name)
        assert old in text, f"{name} does not hold {old!r}"
        self.write({name: text.replace(old, new)})

    def remove(self, name):
        """Removes a file or a folder from the work tree."""
        path = self.root / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()

    def clear(self):
        """Removes every file from the work tree."""
        for path in self.root.iterdir():
            if path.name != ".git":
                self.remove(path.name)

    # --- commits and pushes -----------------------------------------------------------

    def commit(self, message="Change the site", key=None, sign=True, unix_s=None):
        """Commits the work tree as it is, signed by `key`; returns the commit's id.

        With `unix_s` the committer says that it was then."""
        key = key or self.key
        dated = {} if unix_s is None else {"GIT_COMMITTER_DATE": f"{unix_s} +0000"}
        self.git("add", "-A", ".")
        self.git("-c", f"user.signingkey={key.path}", "commit", "-q", "--allow-empty",
                 "-m", message, "-S" if sign else "--no-gpg-sign",
                 env={**git_environment(self.home), **dated})
        return self.tip()

    def tip(self):
        """The id of the newest commit."""
        return self.git("rev-parse", "HEAD")

    def reset(self, revision):
        """Goes back to an earlier commit, work tree and branch."""
        self.git("reset", "-q", "--hard", revision)

    def push(self, branch=None, over_tls=False):
        """Pushes HEAD to the branch, by force; returns the commit's id.

        Straight into the server's folder by default: that works while the server is
        stopped, and leaves no line in its access log.
        """
        branch = branch or self.branch
        if branch in self._planted:
            self._planted.remove(branch)
            self.remote.unset_branch(branch)
        target = self.remote.url if over_tls else self.remote.path
        env = self.remote.server.client_environment(self.home) if over_tls else None
        self.git("push", "-q", "-f", target, f"HEAD:refs/heads/{branch}", env=env)
        return self.tip()

    def publish(self, files=None, message="Change the site", **commit):
        """write, commit and push in one; returns the commit's id."""
        self.write(files or {})
        self.commit(message, **commit)
        return self.push()

    def commit_object(self, revision="HEAD"):
        """The raw bytes of a commit."""
        done = subprocess.run(["git", "cat-file", "commit", revision], cwd=self.root,
                              env=git_environment(self.home), check=True, capture_output=True)
        return done.stdout

    def commit_raw(self, data, branch=None):
        """Puts a hand-made commit object on the server's branch; returns its id.

        Its tree and parents must have been pushed before. The work tree stays as it is.
        """
        oid = self.remote.plant("commit", data)
        self.remote.set_branch(branch or self.branch, oid)
        self._planted.add(branch or self.branch)
        return oid

    def write_allowed_signers(self, path, *keys):
        """An allowed_signers file for `keys`, by default the key of this repository."""
        return write_allowed_signers(path, *(keys or (self.key,)))
