"""The client's side of SCRAM (RFC 5802, RFC 7677), with places to lie."""

import base64
import hashlib
import hmac
import secrets

HASHES = {"SCRAM-SHA-1": "sha1", "SCRAM-SHA-256": "sha256", "SCRAM-SHA-512": "sha512"}


def b64(data):
    """Bytes as base64 text."""
    return base64.b64encode(data).decode()


class Scram:
    """One exchange. `binding` is a pair (type, data), or None; `flag` overrides the GS2 flag."""

    def __init__(self, mechanism, user, password, binding=None, flag=None):
        """Chooses a nonce."""
        self.hash = HASHES[mechanism.removesuffix("-PLUS")]
        self.user, self.password = user, password
        plus = mechanism.endswith("-PLUS")
        chosen = f"p={binding[0]}" if plus else "n"
        self.header = f"{flag or chosen},,"
        self.bound = binding[1] if plus else b""
        self.nonce = secrets.token_urlsafe(18)
        self.bare = f"n={user.replace('=', '=3D').replace(',', '=2C')},r={self.nonce}"
        self.expected = None

    def first(self):
        """The client's first message."""
        return self.header + self.bare

    def _hmac(self, key, text):
        return hmac.digest(key, text, self.hash)

    def final(self, challenge, nonce=None, proof=None, bound=None):
        """The client's final message for the server's first; the rest tells lies."""
        fields = dict(part.split("=", 1) for part in challenge.split(","))
        assert fields["r"].startswith(self.nonce) and fields["r"] != self.nonce, "server's nonce"
        salt, rounds = base64.b64decode(fields["s"]), int(fields["i"])
        salted = hashlib.pbkdf2_hmac(self.hash, self.password.encode(), salt, rounds)
        client_key = self._hmac(salted, b"Client Key")
        stored_key = hashlib.new(self.hash, client_key).digest()
        data = self.bound if bound is None else bound
        without = f"c={b64(self.header.encode() + data)},r={nonce or fields['r']}"
        auth = f"{self.bare},{challenge},{without}".encode()
        signature = self._hmac(stored_key, auth)
        honest = bytes(a ^ b for a, b in zip(client_key, signature))
        self.expected = self._hmac(self._hmac(salted, b"Server Key"), auth)
        return f"{without},p={b64(honest if proof is None else proof)}"

    def server_is_right(self, final):
        """Does the server's final message prove that it knows the password's keys?"""
        return final.startswith("v=") and base64.b64decode(final[2:]) == self.expected
