# SPDX-License-Identifier: Apache-2.0
"""A cable between limpet and a server: counts what goes through it, and can be cut.

It forwards TCP payload as it is, TLS included, so that the figures are the bytes on the
wire without TCP's own headers. Certificates for 127.0.0.1 hold at any port.
"""

import contextlib
import socket
import threading
import time


class Wire:
    """Forwards connections from a port of its own to `port`; a context manager.

    `sent` and `received` count bytes as the client sees them, `connections` those made.
    """

    def __init__(self, port, host="127.0.0.1"):
        self._target = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._lock = threading.Lock()
        self._open = set()
        self._lost = set()      # those of _open whose bytes go nowhere for good
        self._up = True
        self._cut_after = None
        self._dead = False
        self.port = self._listener.getsockname()[1]
        self.delay_s = 0.0      # before each piece is passed on, in each direction
        self.sent = self.received = self.connections = 0

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    @property
    def url(self):
        """The https address of the near end."""
        return f"https://127.0.0.1:{self.port}"

    @property
    def total(self):
        """Bytes in both directions so far."""
        with self._lock:
            return self.sent + self.received

    def quiet_total(self, seconds=0.2):
        """`total`, once nothing has moved for `seconds`."""
        while True:
            before = self.total
            time.sleep(seconds)
            if self.total == before:
                return before

    def cut(self):
        """Ends every connection that goes through it now, in the middle of what it says."""
        with self._lock:
            ends, self._open = self._open, set()
        for end in ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def unplug(self):
        """Cuts, and closes new connections at once until `plug`."""
        self._up = False
        self.cut()

    def swallow(self):
        """From now on nothing arrives anywhere, and nobody is told: also on new connections."""
        self._dead = True

    def plug(self):
        """Undoes unplug, cut_after and, for new connections, swallow: the old stay dead."""
        self._up = True
        self._cut_after = None
        with self._lock:
            self._lost |= self._open if self._dead else set()
        self._dead = False

    def cut_after(self, received_bytes):
        """Cuts and stays unplugged once the client has received so many bytes more."""
        with self._lock:
            self._cut_after = self.received + received_bytes

    def _accept(self):
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(near,), daemon=True).start()

    def _serve(self, near):
        try:
            if not self._up:
                raise ConnectionError
            far = socket.create_connection(self._target, 10)
        except OSError:
            near.close()
            return
        far.settimeout(None)
        for end in (near, far):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self._lock:
            self.connections += 1
            self._open |= {near, far}
        back = threading.Thread(target=self._pass, args=(far, near, "received"), daemon=True)
        back.start()
        self._pass(near, far, "sent")
        back.join()
        with self._lock:
            self._open -= {near, far}
            self._lost -= {near, far}
        near.close()
        far.close()

    def _pass(self, source, sink, counter):
        """Passes on until the source ends; then so does its half of the sink."""
        try:
            while data := source.recv(65536):
                if self.delay_s:
                    time.sleep(self.delay_s)
                if self._dead or source in self._lost:
                    continue
                data, last = self._count(data, counter)
                sink.sendall(data)
                if last:
                    self.unplug()
                    return
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            # A reset on one side is passed on to the other.
            with contextlib.suppress(OSError):
                sink.shutdown(socket.SHUT_RDWR)

    def _count(self, data, counter):
        with self._lock:
            last = False
            if counter == "received" and self._cut_after is not None:
                left = self._cut_after - self.received
                last = len(data) >= left
                data = data[:left] if last else data
            setattr(self, counter, getattr(self, counter) + len(data))
        return data, last
