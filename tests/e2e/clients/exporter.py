"""A TLS connection that can export keying material, which Python's own ssl module cannot."""

from OpenSSL import SSL

LABEL, SECRET_BYTES = b"EXPORTER-Channel-Binding", 32


class ExportingSocket:
    """As much of a socket as `Wire` needs. Blocking: the test's own deadline bounds it."""

    def __init__(self, sock, authority, name):
        """Shakes hands; the peer's chain has to lead to `authority`."""
        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        context.load_verify_locations(str(authority))
        context.set_verify(SSL.VERIFY_PEER, lambda *about: bool(about[-1]))
        sock.settimeout(None)
        self.connection = SSL.Connection(context, sock)
        self.connection.set_tlsext_host_name(name.encode())
        self.connection.set_connect_state()
        self.connection.do_handshake()

    def binding(self):
        """RFC 9266 §2: channel-binding data of the type tls-exporter."""
        return ("tls-exporter", self.connection.export_keying_material(LABEL, SECRET_BYTES, b""))

    def settimeout(self, _seconds):
        """Not supported, and not needed."""

    def sendall(self, data):
        """Sends all of it."""
        self.connection.sendall(data)

    def recv(self, size):
        """Some bytes; none at the end."""
        try:
            return self.connection.recv(size)
        except (SSL.ZeroReturnError, SSL.SysCallError):
            return b""

    def close(self):
        """Closes the connection."""
        self.connection.close()
