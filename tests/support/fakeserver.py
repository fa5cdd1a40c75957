# SPDX-License-Identifier: Apache-2.0
"""What the fake API servers are: an HTTP/1.1 server on loopback, and the kubeconfig for it."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from support.kubeconfig import write_kubeconfig


class FakeServer:
    """Serves until close. A subclass has reply(handler, path), which sends the answer to a
    request; it is called in a thread of the connection's own."""

    def __init__(self, folder):
        fake = self

        class Handler(BaseHTTPRequestHandler):
            """One connection."""

            protocol_version = "HTTP/1.1"

            def answer(self):
                """Whatever the method."""
                fake.reply(self, self.path.partition("?")[0])

            do_GET = do_PATCH = do_POST = do_DELETE = answer

            def log_message(self, *_):
                """Nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.handle_error = lambda *_: None  # the role hangs up on what it cannot read
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self.kubeconfig = folder / "kubeconfig"
        self.credential("t")
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def credential(self, token):
        """Writes the kubeconfig with this token."""
        write_kubeconfig(self.kubeconfig, self.url, None, token=token)

    def reply(self, handler, path):
        """Sends the answer to a request."""
        raise NotImplementedError

    def close(self):
        """Ends the server."""
        self._server.shutdown()
        self._server.server_close()
