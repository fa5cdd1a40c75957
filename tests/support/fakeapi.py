# SPDX-License-Identifier: Apache-2.0
"""An API server that answers whatever it is told to, for what no real one can be made to say."""

import json

from support.fakeserver import FakeServer

VERBS = ["create", "delete", "get", "list", "patch", "watch"]


def aggregated(version, group, *resources):
    """An APIGroupDiscoveryList of one group."""
    return {"kind": "APIGroupDiscoveryList", "apiVersion": f"apidiscovery.k8s.io/{version}",
            "metadata": {}, "items": [{"metadata": {"name": group} if group else {}, "versions": [{
                "version": "v1", "resources": [
                    {"resource": plural, "scope": "Namespaced", "verbs": VERBS,
                     "responseKind": {"group": group, "version": "v1", "kind": kind}}
                    for plural, kind in resources]}]}]}


NEW = {"/api": aggregated("v2", "", ("configmaps", "ConfigMap")),
       "/apis": aggregated("v2", "batch", ("jobs", "Job"))}

OURS = {"manager": "limpet", "operation": "Apply", "apiVersion": "v1",
        "time": "2026-11-21T08:00:00Z", "fieldsType": "FieldsV1", "fieldsV1": {"f:data": {}}}


def applied(name, namespace, **metadata):
    """The answer to an apply of a ConfigMap."""
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": {
        "name": name, "namespace": namespace, "uid": "u-1", "resourceVersion": "7",
        "managedFields": [OURS], **metadata}}


class FakeApi(FakeServer):
    """Answers each path by `answers`: a body, or (status, body, headers), or a function of
    the number of times it was asked. What was asked is in `requests`."""

    def __init__(self, folder):
        self.answers = dict(NEW)
        self.requests = []
        self.targets = []       # of all requests, with their queries
        super().__init__(folder)

    def reply(self, handler, path):
        """Sends the answer of a path."""
        body = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        self.targets.append(handler.path)
        asked = self.count(path)
        self.requests.append((handler.command, path, dict(handler.headers), body))
        answer = self.answers.get(path, (404, "404 page not found\n", {}))
        if callable(answer):
            answer = answer(asked)
        status, content, headers = answer if isinstance(answer, tuple) else (200, answer, {})
        data = content if isinstance(content, bytes) else (
            content.encode() if isinstance(content, str) else json.dumps(content).encode())
        handler.send_response(status)
        for name, value in {"Content-Type": "application/json",
                            "Content-Length": str(len(data)), **headers}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(data)
        if int(headers.get("Content-Length", len(data))) != len(data):
            handler.close_connection = True

    def count(self, path):
        """How often a path was asked."""
        return sum(1 for _, p, _, _ in self.requests if p == path)
