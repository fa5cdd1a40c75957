# SPDX-License-Identifier: Apache-2.0
"""An API server whose watches say what no real one can be made to say.

It serves ConfigMap and Secret. What it answers to a request for one of them is up to a script,
a function that is given the request; without one, it lists `objects` and watches in peace.
"""

import json
import threading
import time
import urllib.parse

from support.fakeapi import aggregated
from support.fakeserver import FakeServer

KINDS = {"/api/v1/configmaps": "ConfigMap", "/api/v1/secrets": "Secret"}
API = aggregated("v2", "", *((path.rpartition("/")[2], kind) for path, kind in KINDS.items()))


def thing(name, version, **meta):
    """An object as a watch tells it."""
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": {
        "name": name, "namespace": "shop", "uid": f"u-{name}", "resourceVersion": str(version),
        **meta}}


def failure(code, message="no", reason=""):
    """A metav1.Status."""
    return {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message,
            "reason": reason, "code": code}


def bookmark(version, end=False):
    """The object of a BOOKMARK."""
    annotations = {"annotations": {"k8s.io/initial-events-end": "true"}} if end else {}
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1",
            "metadata": {"resourceVersion": str(version), "creationTimestamp": None, **annotations}}


class Asked:
    """One request for a kind, and how to answer it. `number` counts those for its kind from 1."""

    def __init__(self, fake, handler, path, number):
        self.fake, self.path, self.number = fake, path, number
        self._handler = handler
        self.query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(handler.path).query))
        self.bearer = handler.headers.get("Authorization", "")
        self.at = time.monotonic()

    @property
    def fills(self):
        """Whether it asks for a watch that begins with all that is there."""
        return self.query.get("sendInitialEvents") == "true"

    @property
    def watches(self):
        """Whether it asks for a watch."""
        return self.query.get("watch") == "true"

    def answer(self, status, body, **headers):
        """A whole answer."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self._handler.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(data)),
                            **headers}.items():
            self._handler.send_header(name.replace("_", "-"), value)
        self._handler.end_headers()
        self._handler.wfile.write(data)

    def list(self, *objects, version=100, **meta):
        """A whole list."""
        self.answer(200, {"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1",
                          "metadata": {"resourceVersion": str(version), **meta},
                          "items": list(objects)})

    def begin(self):
        """Begins a stream."""
        self._handler.send_response(200)
        self._handler.send_header("Content-Type", "application/json")
        self._handler.send_header("Transfer-Encoding", "chunked")
        self._handler.end_headers()

    def raw(self, data):
        """A piece of the stream."""
        self._handler.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

    def event(self, kind, item):
        """An event, whole."""
        self.raw(json.dumps({"type": kind, "object": item}).encode() + b"\n")

    def fill(self, *objects, version=100):
        """Begins a stream with all that is there."""
        self.begin()
        for item in objects:
            self.event("ADDED", item)
        self.event("BOOKMARK", bookmark(version, end=True))

    def hold(self, seconds=60.0):
        """Says nothing for so long, or until the fake ends."""
        self.fake.ended.wait(seconds)

    def end(self):
        """Ends the stream in order."""
        self._handler.wfile.write(b"0\r\n\r\n")

    def cut(self):
        """Ends the connection in the middle of the stream."""
        self._handler.close_connection = True

    def peace(self):
        """Answers as a server without faults does, with the fake's objects."""
        if not self.watches:
            self.list(*self.fake.objects, version=self.fake.version)
            return
        if self.fills:
            self.fill(*self.fake.objects, version=self.fake.version)
        else:
            self.begin()
        self.hold(float(self.query["timeoutSeconds"]))
        self.end()


class FakeWatch(FakeServer):
    """The server; a context manager. `scripts` has a function of an Asked for each path."""

    def __init__(self, folder):
        self.scripts = {}
        self.objects, self.version = [], 100
        self.asked = []         # every Asked, oldest first
        self.ended = threading.Event()
        self._lock = threading.Lock()
        super().__init__(folder)

    def reply(self, handler, path):
        """Runs the script of a path; discovery is always there."""
        if path not in KINDS:
            body = API if path == "/api" else {**API, "items": []}
            Asked(self, handler, path, 0).answer(200, body)
            return
        with self._lock:
            asked = Asked(self, handler, path, len(self.of(path)) + 1)
            self.asked.append(asked)
        self.scripts.get(path, Asked.peace)(asked)

    def of(self, path="/api/v1/configmaps"):
        """The requests for one kind."""
        return [a for a in self.asked if a.path == path]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.close()
