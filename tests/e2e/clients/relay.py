"""A relay between one client and the server, so that a test can cut the connection between them.

It listens on a loopback address of its own, at the port that clients take when nobody tells
them one: some clients cannot be told.
"""

import contextlib
import itertools
import os
import socket
import struct
import threading

XMPP_PORT = 5222
READ_BYTES = 65536
ADDRESSES_TRIED = 200
TLS_HANDSHAKE = 0x16  # RFC 8446 §5.1: the first byte of a ClientHello's record
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: on, 0 s: closing resets the connection


def _free_listener():
    """A listener on a loopback address that nobody uses. Which one differs from run to run."""
    start = os.getpid() * 7919
    for number in range(start, start + ADDRESSES_TRIED):
        address = f"127.{77 + number // 64000 % 100}.{number // 250 % 256}.{1 + number % 250}"
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((address, XMPP_PORT))
        except OSError:
            sock.close()
            continue
        sock.listen(16)
        return sock
    raise AssertionError(f"port {XMPP_PORT} is taken on {ADDRESSES_TRIED} loopback addresses")


class Relay:
    """Passes bytes both ways. Threads end with the sockets."""

    def __init__(self, target):
        """`target` is the server's (host, port)."""
        self.target = target
        self.listener = _free_listener()
        self.host, self.port = self.listener.getsockname()
        self.open = threading.Event()
        self.open.set()
        self.lock = threading.Lock()
        self.pairs, self.numbers = {}, itertools.count(1)
        # What a test asks: connections so far; those in which the client began TLS; and those
        # among them that the client ended.
        self.accepted, self.secured, self.left = 0, set(), set()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            number = next(self.numbers)
            self.accepted = number
            threading.Thread(target=self._serve, args=(number, client), daemon=True).start()

    def _serve(self, number, client):
        # While the relay is closed, a client waits here: to it the server is slow, not gone.
        self.open.wait()
        try:
            server = socket.create_connection(self.target, timeout=20)
        except OSError:
            client.close()
            return
        server.settimeout(None)
        with self.lock:
            self.pairs[number] = (client, server)
        back = threading.Thread(target=self._pump, args=(server, client), daemon=True)
        back.start()
        self._pump(client, server, number)
        back.join()
        with self.lock:
            self.pairs.pop(number, None)
        for sock in (client, server):
            sock.close()

    def _pump(self, source, sink, number=None):
        try:
            while data := source.recv(READ_BYTES):
                if number is not None and data[0] == TLS_HANDSHAKE:
                    self.secured.add(number)
                sink.sendall(data)
        except OSError:
            pass
        if number is not None:
            self.left.add(number)
        for sock in (source, sink):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def refused(self):
        """Did the client begin TLS, every time, and go away by itself?"""
        return self.secured and self.secured <= self.left

    def cut(self):
        """Resets what is open and lets nothing through until `mend`. Returns how many
        connections there were."""
        self.open.clear()
        with self.lock:
            pairs, self.pairs = list(self.pairs.values()), {}
        for pair in pairs:
            for sock in pair:
                with contextlib.suppress(OSError):
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                    sock.shutdown(socket.SHUT_RD)
                    sock.close()
        return len(pairs)

    def mend(self):
        """Lets the client through again."""
        self.open.set()

    def stop(self):
        """Closes everything."""
        self.cut()
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.mend()
