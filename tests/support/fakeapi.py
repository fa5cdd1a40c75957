# SPDX-License-Identifier: Apache-2.0
"""An API server that answers whatever it is told to, for what no real one can be made to say."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from support.kubeconfig import write_kubeconfig

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


class FakeApi:
    """Answers each path by `answers`: a body, or (status, body, headers), or a function of
    the number of times it was asked. What was asked is in `requests`."""

    def __init__(self, folder):
        self.answers = dict(NEW)
        self.requests = []
        self.targets = []       # of all requests, with their queries
        fake = self

        class Handler(BaseHTTPRequestHandler):
            """One connection."""

            protocol_version = "HTTP/1.1"

            def answer(self):
                """Whatever the method."""
                length = int(self.headers.get("Content-Length", 0))
                body = self.rfile.read(length)
                fake.targets.append(self.path)
                fake.reply(self, self.path.partition("?")[0], body)

            do_GET = do_PATCH = do_POST = do_DELETE = answer

            def log_message(self, *_):
                """Nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.handle_error = lambda *_: None  # the role hangs up on answers without end
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        ca = folder / "ca.crt"
        ca.write_text("")
        self.kubeconfig = folder / "kubeconfig"
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        write_kubeconfig(self.kubeconfig, self.url, ca, token="t", embed=False)
        text = self.kubeconfig.read_text()
        self.kubeconfig.write_text(text.replace(f"certificate-authority: {ca}", "x: y"))

    def reply(self, handler, path, body):
        """Sends the answer of a path."""
        asked = sum(1 for method, p, _, _ in self.requests if p == path)
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

    def close(self):
        """Ends the server."""
        self.server.shutdown()
        self.server.server_close()
