# SPDX-License-Identifier: Apache-2.0
"""Starting servers that never outlive the tests, however these end.

Two nets, because each has a hole: the kernel kills a child when its parent dies
(PR_SET_PDEATHSIG), but not the child's own children; and the keeper process ends whole
sessions, but only those it has been told of.
"""

import atexit
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from support.sessions import Leader, is_running, kill_sessions, signal_session, start_time, state
from support.waiting import TimedOut, wait_until

PYTHON = "/usr/bin/python3"


class Keeper:
    """The test run's end of the pipe to its keeper process (keeper.py)."""

    def __init__(self):
        self._popen = subprocess.Popen(
            [PYTHON, str(Path(__file__).with_name("keeper.py"))],
            stdin=subprocess.PIPE, start_new_session=True, cwd="/", text=True)
        self.pid = self._popen.pid

    def _tell(self, **message):
        self._popen.stdin.write(json.dumps(message) + "\n")
        self._popen.stdin.flush()

    def watch(self, leader):
        """The session is to be ended when this process ends."""
        self._tell(watch=list(leader))

    def forget(self, leader):
        """The session has ended."""
        self._tell(forget=leader.pid)

    def remove(self, folder):
        """The folder is to be removed when this process ends."""
        self._tell(remove=str(folder))

    def spare(self):
        """Everything that was told before lives on."""
        self._tell(spare=True)

    def close(self):
        """Has everything tidied up now, and waits for it."""
        if not self._popen.stdin.closed:
            self._popen.stdin.close()
            self._popen.wait(timeout=60)


_keeper = None


def keeper():
    """The keeper of this process, started when first asked for."""
    global _keeper
    if _keeper is None:
        _keeper = Keeper()
        atexit.register(_keeper.close)
    return _keeper


def scratch_folder(prefix="limpet-"):
    """A new short-named folder that is removed when this process ends.

    Short, because the path of a Unix socket is limited to 107 bytes. With
    LIMPET_TEST_KEEP set in the environment the folder stays, to look into.
    """
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir="/tmp"))
    if os.environ.get("LIMPET_TEST_KEEP"):
        print(f"LIMPET_TEST_KEEP: {folder} stays", file=sys.stderr)
    else:
        keeper().remove(folder)
    return folder


class Process:
    """A server or a daemon: the leader of a session of its own, with a log file."""

    def __init__(self, name, popen, leader, log, detached):
        self.name = name
        self.log = log
        self.leader = leader
        self._popen = popen
        self._detached = detached

    @property
    def pid(self):
        """Its process number."""
        return self.leader.pid

    def poll(self):
        """Its exit code (negative: a signal), or None while it runs."""
        return self._popen.poll()

    def is_running(self):
        """Whether it runs."""
        return self.poll() is None

    def wait(self, timeout=30.0):
        """Waits for its end and returns the exit code; what it left behind is killed."""
        code = self._popen.wait(timeout)
        self._bury()
        return code

    def signal(self, number):
        """Sends a signal to it alone."""
        self._popen.send_signal(number)

    def release(self):
        """Lets a process that was spawned `held` begin."""
        wait_until(lambda: state(self.pid) == "T", f"{self.name} to be held", 10, 0.001)
        self.signal(signal.SIGCONT)

    def freeze(self):
        """Stops it and its children from running, without ending them."""
        signal_session(self.leader, signal.SIGSTOP)

    def thaw(self):
        """Undoes freeze."""
        signal_session(self.leader, signal.SIGCONT)

    def stop(self, grace=5.0):
        """SIGTERM, `grace` seconds, then SIGKILL to it and its children; the exit code."""
        if self.is_running():
            self._popen.terminate()
            try:
                self._popen.wait(grace)
            except subprocess.TimeoutExpired:
                pass
        return self.kill()

    def kill(self):
        """SIGKILL to it and all its children at once; the exit code."""
        # The leader is reaped last: as long as it is a zombie, its number stays its own.
        kill_sessions([self.leader])
        code = self._popen.wait(10)
        self._bury()
        return code

    def _bury(self):
        kill_sessions([self.leader])
        if not self._detached:
            keeper().forget(self.leader)

    def log_text(self):
        """All that it has written so far."""
        return Path(self.log).read_text(errors="replace")

    def log_tail(self, lines=25):
        """The last lines of it."""
        return "\n".join(self.log_text().splitlines()[-lines:])

    def check(self):
        """Raises, with the end of the log, when the process has ended."""
        code = self.poll()
        if code is not None:
            raise ProcessEnded(f"{self.name} ended with {code}; {self.log}:\n{self.log_tail()}")


class ProcessEnded(RuntimeError):
    """A process that should run has ended."""


def spawn(argv, *, name, folder, log=None, env=None, detached=False, held=False):
    """Starts a program in `folder` and returns its Process.

    Its output is appended to `log` (by default NAME.log in `folder`). It is killed when
    this process ends, or, to be exact, when the thread that calls this ends; a
    `detached` one lives on and is ended by `end_recorded`. A `held` one does not begin
    before `release`, so that a measurement can be there first.
    """
    argv = [str(word) for word in argv]
    program = shutil.which(argv[0])
    if program is None:
        raise FileNotFoundError(f"no program {argv[0]}")
    folder = Path(folder).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    log = Path(log or folder / f"{name}.log")
    launcher = [] if detached else ["setpriv", "--pdeathsig", "KILL"]
    if held:
        launcher += ["/bin/sh", "-c", 'kill -STOP $$; exec "$@"', "held"]
    with open(log, "ab") as out:
        popen = subprocess.Popen(
            [*launcher, program, *argv[1:]], stdin=subprocess.DEVNULL, stdout=out,
            stderr=subprocess.STDOUT, cwd=folder, env=env, start_new_session=True)
    leader = Leader(popen.pid, start_time(popen.pid), str(folder))
    if not detached:
        keeper().watch(leader)
    return Process(name, popen, leader, log, detached)


def run(argv, *, folder, env=None, input=None, timeout=60.0):
    """Runs a program to its end; a CompletedProcess with text. It, and what it started, is
    killed after `timeout` seconds (TimedOut is raised) and when this process ends."""
    popen = subprocess.Popen(
        ["setpriv", "--pdeathsig", "KILL", *map(str, argv)], text=True, errors="replace",
        cwd=folder, env=env, start_new_session=True, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, stdin=subprocess.DEVNULL if input is None else subprocess.PIPE)
    leader = Leader(popen.pid, start_time(popen.pid), str(Path(folder).resolve()))
    keeper().watch(leader)
    try:
        out, err = popen.communicate(input, timeout)
    except BaseException as error:
        kill_sessions([leader])
        out, err = popen.communicate()
        if isinstance(error, subprocess.TimeoutExpired):
            raise TimedOut(f"{' '.join(map(str, argv))} has not ended after {timeout:g} s;"
                           f" it wrote:\n{out}\n{err}") from None
        raise
    finally:
        keeper().forget(leader)
    return subprocess.CompletedProcess(argv, popen.returncode, out, err)


def record(processes, file):
    """Writes down detached processes, for `end_recorded` in another process."""
    entries = [{"name": p.name, **p.leader._asdict()} for p in processes]
    temporary = Path(f"{file}.new")
    temporary.write_text(json.dumps(entries, indent=1) + "\n")
    temporary.rename(file)


def recorded_alive(file):
    """The names of the recorded processes that still run."""
    entries = json.loads(Path(file).read_text())
    return [e["name"] for e in entries if is_running(e["pid"], e["start"])]


def end_recorded(file):
    """Ends the recorded processes and their children, and nobody else."""
    entries = json.loads(Path(file).read_text())
    kill_sessions([Leader(e["pid"], e["start"], e["folder"]) for e in entries])


def free_port():
    """A TCP port of 127.0.0.1 that nobody uses.

    From below the range that the kernel gives to outgoing connections, so that none of
    those takes it before the server does.
    """
    while True:
        port = 15000 + (int.from_bytes(os.urandom(2), "big") + time.monotonic_ns()) % 15000
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
