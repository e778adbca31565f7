"""snugd's admin socket, spoken directly: four bytes of length, then JSON."""

import json
import socket
import struct

PROTOCOL = 1
CALL_SECONDS = 60


class Problem(Exception):
    """The daemon refused; `kind` is the class, the text is for people."""

    def __init__(self, kind, message):
        super().__init__(message)
        self.kind = kind


def _send(sock, value):
    body = json.dumps(value).encode()
    sock.sendall(struct.pack(">I", len(body)) + body)


def _receive(sock):
    stream = sock.makefile("rb")
    head = stream.read(4)
    if len(head) < 4:
        raise ConnectionError("the daemon closed the admin socket")
    return json.loads(stream.read(struct.unpack(">I", head)[0]))


def call(path, name, arguments=None, role="operator", token=None):
    """One call, such as call(path, "account-add", {...}); returns the reply."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(CALL_SECONDS)
        sock.connect(str(path))
        _send(sock, {"protocol": PROTOCOL, "role": role})
        welcome = _receive(sock)
        assert welcome["protocol"] == PROTOCOL, welcome
        envelope = {"request": {name: {} if arguments is None else arguments}}
        if token is not None:
            envelope["token"] = token
        _send(sock, envelope)
        reply = _receive(sock)
    if "problem" in reply:
        raise Problem(reply["problem"]["kind"], reply["problem"]["message"])
    return reply["ok"]
