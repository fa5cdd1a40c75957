# SPDX-License-Identifier: Apache-2.0
"""The cluster role alone, by the program tests/e2e/cluster/driver.c: steps in, events out."""

import json
import os
import queue
import subprocess
import threading
from pathlib import Path

from support.waiting import TimedOut, wait_until

ROOT = Path(__file__).resolve().parent.parent.parent
PARENT_NAMESPACE = "limpet-system"


def driver():
    """The driver that belongs to the build under test: LIMPET_BUILD, or preset `dev`."""
    build = Path(os.environ.get("LIMPET_BUILD") or ROOT / "build" / "dev")
    path = build / "tests" / "e2e" / "cluster_driver"
    if not path.exists():
        raise FileNotFoundError(f"{path} is missing: build it (cmake --preset dev &&"
                                " cmake --build build/dev), or name a build in LIMPET_BUILD")
    return path


def key_of(manifest):
    """The key of an object, as its step carries it."""
    group, _, version = manifest["apiVersion"].rpartition("/")
    meta = manifest["metadata"]
    return {"group": group, "version": version, "kind": manifest["kind"],
            "namespace": meta.get("namespace", ""), "name": meta["name"]}


def canonical(manifest):
    """The JSON that the store holds of an object."""
    return json.dumps(manifest, separators=(",", ":"), sort_keys=True, ensure_ascii=False)


class ClusterRole:
    """A running role; a context manager. `source` is the one of every step."""

    def __init__(self, kubeconfig, source, *, context="", namespace=PARENT_NAMESPACE,
                 concurrency=2, request_ms=40000):
        self.source = source
        self._popen = subprocess.Popen(
            [str(driver()), str(kubeconfig), context, namespace, str(concurrency), str(request_ms)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.pid = json.loads(self._popen.stdout.readline())["pid"]
        self._id = 0
        self._said = {}
        self._ended = queue.Queue()
        self.sightings = []     # all so far, oldest first; only ever appended to
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        code = self.close()
        if kind is None and code != 0:
            raise RuntimeError(f"the role ended with {code}")

    def close(self):
        """Ends the role as the supervisor does; returns its exit code."""
        if not self._popen.stdin.closed:
            self._popen.stdin.close()
        code = self._popen.wait(timeout=30)
        self._reader.join(timeout=10)
        self._popen.stdout.close()
        return code

    def _read(self):
        for line in self._popen.stdout:
            event = json.loads(line)
            if event["event"] == "sighting":
                self.sightings.append(event)
            elif event["event"] in ("kind", "found", "deleted"):
                self._said.setdefault(event["id"], []).append(event)
            else:
                event["told"] = self._said.pop(event["id"], [])
                self._ended.put(event)
        self._ended.put(None)

    def _write(self, line):
        self._popen.stdin.write(json.dumps(line) + "\n")
        self._popen.stdin.flush()

    def send(self, step, **fields):
        """Sends a step and does not wait; returns its id."""
        self._id += 1
        self._write({"id": self._id, "step": step, "source": self.source, **fields})
        return self._id

    def watch(self, *kinds, sources=None, timeout_ms=0, silence_ms=0):
        """Orders these kinds ("Deployment.apps", "Secret") to be watched, and no others; returns
        how many sightings there were before."""
        mark = len(self.sightings)
        named = [kind.partition(".") for kind in kinds]
        self._write({"command": "watch", "sources": sources or [self.source],
                     "kinds": [{"kind": kind, "group": group} for kind, _, group in named],
                     "timeout_ms": timeout_ms, "silence_ms": silence_ms})
        return mark

    def pause(self, ms):
        """Nothing is read from the role for so long."""
        self._write({"command": "pause", "pause_ms": ms})

    def seen(self, mark=0, **like):
        """The sightings since `mark` that are like this: sighting="there", name="till", kind=..."""
        return [s for s in self.sightings[mark:] if all(
            s["key"][k] == v if k in s["key"] else s[k] == v for k, v in like.items())]

    def wait_seen(self, mark=0, count=1, timeout=20.0, **like):
        """Waits for `count` sightings like this since `mark`; returns the last of them."""
        try:
            wait_until(lambda: len(self.seen(mark, **like)) >= count, f"{like}", timeout)
        except TimedOut as error:
            raise TimedOut(f"{error}; the last sightings: {self.sightings[mark:][-8:]}") from None
        return self.seen(mark, **like)[count - 1]

    def take(self, timeout=60):
        """The next event that ends a step; what was told before is its "told"."""
        event = self._ended.get(timeout=timeout)
        if event is None:
            raise RuntimeError(f"the role has ended with {self._popen.wait()}")
        return event

    def step(self, step, timeout=60, **fields):
        """Sends a step and waits for its end."""
        sent = self.send(step, **fields)
        event = self.take(timeout)
        assert event["id"] == sent, event
        return event

    def connect(self, **fields):
        """STEP_CONNECT; what it told are the kinds."""
        return self.step("connect", **fields)

    def apply(self, manifest, **fields):
        """STEP_APPLY of one object; a look is at what was applied before."""
        fields.setdefault("once", "how" in fields and fields["how"] != "plain")
        return self.step("apply", key=key_of(manifest), body=canonical(manifest), **fields)

    def prune(self, manifest, uid="", **fields):
        """STEP_PRUNE of one object."""
        return self.step("prune", key=key_of(manifest), uid=uid, **fields)

    def wait(self, crd, **fields):
        """STEP_WAIT for a CRD."""
        return self.step("wait", key=key_of(crd), **fields)

    def lease(self, holder="node-a_0123456789abcdef", instance="1", version="", duration_s=900, **order):
        """STEP_LEASE; over the `version` that the caller knows."""
        return self.step("lease", known={"version": version},
                         lease={"holder": holder, "instance": instance, "duration_s": duration_s, **order})

    def parent(self, manifests, exact=False):
        """STEP_KINDS of each object, then STEP_PARENT."""
        for manifest in manifests:
            event = self.step("kinds", key=key_of(manifest))
            assert event["event"] == "done", event
        return self.step("parent", exact=exact)
