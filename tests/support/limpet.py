# SPDX-License-Identifier: Apache-2.0
"""Running the limpet binary: its configuration, its subcommands, its daemon."""

import json
import os
import re
import shlex
import signal
from dataclasses import dataclass
from pathlib import Path

import yaml

from support import pss
from support.processes import run, spawn
from support.sessions import state
from support.waiting import wait_until

ROOT = Path(__file__).resolve().parent.parent.parent


def binary():
    """The command of the binary under test: LIMPET_BIN, or the one of preset `dev`.

    LIMPET_BIN may be several words, such as an emulator before the binary.
    """
    words = shlex.split(os.environ.get("LIMPET_BIN") or str(ROOT / "build" / "dev" / "limpet"))
    if not Path(words[-1]).exists():
        raise FileNotFoundError(f"{words[-1]} is missing: build it (cmake --preset dev &&"
                                " cmake --build build/dev), or name another in LIMPET_BIN")
    return [*words[:-1], str(Path(words[-1]).resolve())]


def site_config(folder, *, repo, kubeconfig, signers, site="demo", branch=None, path=None,
                namespace=None, poll="1s"):
    """A configuration for the site whose Repository is `repo`, as the dict that becomes YAML.

    Everything that limpet writes lies in `folder`. None leaves a key to its default.
    Tests change the dict as they like: this function is the only place that knows the keys.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    server = repo.server
    credentials = folder / "credentials"
    credentials.touch(mode=0o600)
    credentials.write_text(f"{server.user}:{server.password}\n")
    source = {"name": "site", "url": repo.url, "branch": branch, "path": path,
              "namespace": namespace, "ca": str(server.ca_file), "credentials": str(credentials),
              "poll": poll, "trust": {"signers": str(signers)}}
    return {
        "site": site,
        "stateDir": str(folder / "state"),
        "socket": str(folder / "limpet.sock"),
        "sources": [{key: value for key, value in source.items() if value is not None}],
        "cluster": {"kubeconfig": str(kubeconfig)},
    }


@dataclass(frozen=True)
class Result:
    """What a subcommand did."""
    code: int
    out: str
    err: str

    def json(self):
        """Its output, parsed."""
        return json.loads(self.out)


class Limpet:
    """One device: a configuration, a state folder, and at most one daemon.

    `config` is the dict that `write_config` writes; `folder` holds everything of it.
    """

    def __init__(self, folder, config, env=None):
        self.folder = Path(folder)
        self.config = config
        self.config_file = self.folder / "config.yaml"
        self.daemon = None
        self._env = {**_environment(self.folder), **(env or {})}
        self.folder.mkdir(parents=True, exist_ok=True)
        self.state_dir.mkdir(exist_ok=True)
        self.write_config()

    @property
    def state_dir(self):
        """Where it keeps its state."""
        return Path(self.config["stateDir"])

    @property
    def source(self):
        """The one source of the configuration, to change before `write_config`."""
        return self.config["sources"][0]

    def write_config(self, text=None):
        """Writes the configuration, or `text` as it is, where the subcommands read it."""
        self.config_file.write_text(yaml.safe_dump(self.config, sort_keys=False)
                                    if text is None else text)
        return self.config_file

    def write_password(self, user, password):
        """Changes the credentials file."""
        Path(self.source["credentials"]).write_text(f"{user}:{password}\n")

    # --- subcommands ------------------------------------------------------------------

    def run(self, *words, input=None, timeout=60.0, config=True, env=None):
        """Runs a subcommand to its end; a Result, whatever the exit code.

        The option for the configuration file is put after the first word, unless `config`
        is false. After `timeout` it is killed with all its roles, and TimedOut is raised.
        """
        words = [str(word) for word in words]
        if config:
            words[1:1] = ["--config", str(self.config_file)]
        done = run([*binary(), *words], folder=self.folder, input=input, timeout=timeout,
                   env={**self._env, **(env or {})})
        return Result(done.returncode, done.stdout, done.stderr)

    def begin(self, *words):
        """Begins a subcommand in the background: a Process whose log has all that it prints."""
        return spawn([*binary(), words[0], "--config", self.config_file, *words[1:]],
                     name=words[0], folder=self.folder, env=self._env)

    def ok(self, *words, **options):
        """Runs a subcommand that must succeed."""
        result = self.run(*words, **options)
        assert result.code == 0, f"limpet {' '.join(words)}: exit {result.code}\n{result.err}"
        return result

    def json(self, *words, **options):
        """Runs a subcommand with `-o json` and returns its output parsed, whatever the exit code."""
        result = self.run(*words, "-o", "json", **options)
        try:
            return result.json()
        except ValueError:
            raise AssertionError(f"limpet {' '.join(words)} -o json: exit {result.code},"
                                 f" no JSON: {result.out!r}\n{result.err}") from None

    def status(self):
        """`limpet status -o json`."""
        return self.json("status")

    def wait_status(self, condition, what, timeout=30.0):
        """Waits until `condition(status)` holds; returns that status."""
        def holds():
            status = self.status()
            return status if condition(status) else None

        return wait_until(holds, what, timeout, 0.1, self._check)

    # --- the daemon ---------------------------------------------------------------------

    def start(self, *words, env=None, detached=False, held=False):
        """Starts `limpet run` in the background; its log goes to daemon.log. Returns itself.

        A `held` one begins with `release`, inside `measured`.
        """
        assert self.daemon is None, "the daemon runs already"
        self.daemon = spawn([*binary(), "run", "--config", self.config_file, *words],
                            name="daemon", folder=self.folder, detached=detached, held=held,
                            env={**self._env, **(env or {})})
        return self

    def release(self):
        """Lets a daemon that was started `held` begin."""
        self.daemon.release()

    def stop(self, timeout=20.0):
        """SIGTERM; returns the exit code. Killed, with an error, when it takes longer."""
        daemon, self.daemon = self.daemon, None
        daemon.signal(signal.SIGTERM)
        try:
            return daemon.wait(timeout)
        except Exception:
            daemon.kill()
            raise

    def kill(self):
        """SIGKILL to the daemon and all its roles at once, as by a power cut."""
        daemon, self.daemon = self.daemon, None
        daemon.kill()

    def kill_daemon_only(self, timeout=10.0):
        """SIGKILL to the supervisor alone; its roles must end by themselves in time."""
        daemon, self.daemon = self.daemon, None
        roles = set(pss.family(daemon.pid)) - {daemon.pid}
        daemon.signal(signal.SIGKILL)
        try:
            wait_until(lambda: all(state(pid) in (None, "Z", "X") for pid in roles), f"roles {roles} to end", timeout, 0.01)
        finally:
            daemon.kill()

    def close(self):
        """Ends the daemon, if it runs, in whatever way: for fixtures."""
        if self.daemon is not None:
            self.kill()

    def pids(self):
        """The daemon and its roles that run now."""
        return pss.family(self.daemon.pid)

    def log(self):
        """All that the daemons have logged so far."""
        path = self.folder / "daemon.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def wait_log(self, pattern, timeout=30.0, since=0):
        """Waits for a line that the regular expression matches, past the first `since`
        characters of the log; returns the match."""
        expression = re.compile(pattern, re.MULTILINE)
        return wait_until(lambda: expression.search(self.log(), since),
                          f"{pattern!r} in the log", timeout, 0.05, self._check)

    def _check(self):
        if self.daemon is not None:
            self.daemon.check()

    # --- memory ---------------------------------------------------------------------------

    def measured(self, interval_ms=2.0):
        """Measures the daemon and its roles while the `with` block runs: a pss.Report."""
        return pss.measured(self.daemon.pid, interval_ms)

    def measured_run(self, *words, timeout=120.0, interval_ms=2.0):
        """Runs a subcommand to its end and measures it; (exit code, pss.Report)."""
        process = spawn([*binary(), words[0], "--config", self.config_file, *words[1:]],
                        name="measured", folder=self.folder, env=self._env, held=True)
        with pss.measured(process.pid, interval_ms) as report:
            process.release()
            code = process.wait(timeout)
        return code, report


def _environment(home):
    """Little of the caller's environment: no proxy, no KUBECONFIG, no socket of systemd."""
    kept = {name: os.environ[name] for name in os.environ
            if name in ("PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS", "LLVM_PROFILE_FILE")}
    return {**kept, "HOME": str(home), "LC_ALL": "C.UTF-8"}
