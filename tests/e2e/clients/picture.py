"""A picture for somebody to put up."""

import base64
import os
import struct
import zlib

PIXELS = 64


def _chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png():
    """A PNG of random grey dots, so that nobody has it already."""
    head = struct.pack(">IIBBBBB", PIXELS, PIXELS, 8, 0, 0, 0, 0)
    rows = b"".join(b"\0" + os.urandom(PIXELS) for _ in range(PIXELS))
    return (b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", zlib.compress(rows))
            + _chunk(b"IEND", b""))


def put_up(client, picture):
    """Lets an agent publish it (XEP-0084)."""
    client.tell("picture", data=base64.b64encode(picture).decode(), width=PIXELS)
