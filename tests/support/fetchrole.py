# SPDX-License-Identifier: Apache-2.0
"""The fetch role alone, by the program tests/e2e/source/driver.c: requests in, answers out."""

import json
import os
import socket
import subprocess
import threading
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


def driver():
    """The driver that belongs to the build under test: LIMPET_BUILD, or preset `dev`."""
    build = Path(os.environ.get("LIMPET_BUILD") or ROOT / "build" / "dev")
    path = build / "tests" / "e2e" / "source_driver"
    if not path.exists():
        raise FileNotFoundError(f"{path} is missing: build it (cmake --preset dev &&"
                                " cmake --build build/dev), or name a build in LIMPET_BUILD")
    return path


class FetchRole:
    """A fetch role and an object store of its own; a context manager."""

    def __init__(self, folder, repo, branch="site/demo", url=None, env=None,
                 before=()):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.objects = self.folder / "objects"
        self.credentials = self.folder / "credentials"
        self.credentials.touch(mode=0o600)
        self.credentials.write_text(f"{repo.server.user}:{repo.server.password}\n")
        self.request = {
            "do": "fetch", "source": "site", "url": url or repo.url, "ref": f"refs/heads/{branch}",
            "ca_file": str(repo.server.ca_file), "credentials_file": str(self.credentials),
            "objects": str(self.objects), "accepted": "", "skip": "", "deadline_ms": 30000,
        }
        self.progress = []
        self.remote = repo
        self._before = before  # words of a program that starts the driver
        self._env = {**os.environ, **(env or {})}
        self._popen = None

    def __enter__(self):
        self._popen = subprocess.Popen([*self._before, str(driver())], stdin=subprocess.PIPE, text=True,
                                       stdout=subprocess.PIPE, env=self._env,
                                       stderr=open(self.folder / "log", "w"))
        return self

    def __exit__(self, *_):
        self._popen.stdin.close()
        self._popen.wait(30)
        self._popen.stdout.close()

    def _do(self, **command):
        command = {key: str(v) if isinstance(v, Path) else v for key, v in command.items()}
        self._popen.stdin.write(json.dumps(command) + "\n")
        self._popen.stdin.flush()
        while True:
            line = self._popen.stdout.readline()
            if not line:
                raise RuntimeError("the driver has ended: " + self.log())
            answer = json.loads(line)
            if "progress" not in answer:
                return answer
            self.progress.append(answer)

    def log(self):
        """What role and driver wrote to stderr."""
        return (self.folder / "log").read_text()

    def fetch(self, **changes):
        """Polls with the request as it is, but for the changes."""
        return self._do(**{**self.request, **changes})

    def accept(self):
        """Promotes what lies in quarantine, and accepts its tip."""
        answer = self._do(do="promote", objects=self.objects)
        assert answer["code"] == "ok", answer
        return answer

    def sync(self, **changes):
        """Fetches and accepts the tip; the answer to the fetch."""
        answer = self.fetch(**changes)
        assert answer["code"] == "ok", answer
        if not answer["unchanged"]:
            self.accept()
            self.request["accepted"] = answer["tip"]
        return answer

    def discard(self):
        """Discards what lies in quarantine."""
        return self._do(do="discard", objects=self.objects)

    def size(self):
        """Bytes and packs of the store."""
        return self._do(do="size", objects=self.objects)

    def walk(self, below, above, quarantine=""):
        """connected, unrelated, gap or bound."""
        answer = self._do(do="walk", objects=self.objects, quarantine=quarantine,
                          **{"from": below, "to": above})
        assert answer["code"] == "ok", answer
        return answer["ancestry"]

    def files(self, commit, quarantine=""):
        """Every file of a commit with its size; all are read."""
        return self._do(do="files", objects=self.objects, quarantine=quarantine, commit=commit)

    def raise_clock(self, unix_s):
        """Sets the floor of the role's clock; before the first fetch."""
        return self._do(do="floor", unix_s=unix_s)

    def pid(self):
        """The role's process."""
        return self._do(do="pid")["pid"]


class CountingProxy:
    """Passes TCP on to a port of loopback and counts its payload; a context manager."""

    def __init__(self, to_port, cut_after=None):
        self.to_port = to_port
        self.cut_after = cut_after      # bytes of answers after which a connection is cut
        self.sent = self.received = self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._listener.close()

    def total(self):
        """Bytes both ways so far."""
        return self.sent + self.received

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            server = socket.create_connection(("127.0.0.1", self.to_port))
            for ends in ((client, server, "sent"), (server, client, "received")):
                threading.Thread(target=self._pass, args=ends, daemon=True).start()

    def _pass(self, source, target, count):
        passed = 0
        try:
            while data := source.recv(65536):
                setattr(self, count, getattr(self, count) + len(data))
                passed += len(data)
                if count == "received" and self.cut_after and passed > self.cut_after:
                    break
                target.sendall(data)
        except OSError:
            pass
        for end in (source, target):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
