"""A peer that speaks OTR version 2 through python-potr, driven over standard input: see peer.c for
the commands and answers.

Usage: peer.py KEYFILE ACCOUNT PROTOCOL VERSIONS

The library stands on a Python cryptography toolkit that is gone; the three primitives that its
successor does otherwise (the counter of AES, signing, verifying) are given to it here.
"""

import re
import secrets
import sys

import potr.context
import potr.crypt
import potr.proto
from Crypto.Cipher import AES
from potr.compatcrypto import pycrypto
from potr.compatcrypto.common import PK


def aes_ctr(key, counter=0):
    """AES in counter mode; the upper half of the counter is given."""
    top = counter if isinstance(counter, int) else counter.prefix
    return AES.new(key, AES.MODE_CTR, nonce=top.to_bytes(8, "big"), initial_value=0)


class Key(PK):
    """A DSA key. What is signed is the whole number, as everywhere in OTR."""

    keyType = 0x0000

    def __init__(self, numbers, x=None):
        self.numbers, self.x = numbers, x

    def getPublicPayload(self):
        return self.numbers

    def getPrivatePayload(self):
        return (*self.numbers, self.x)

    def fingerprint(self):
        return pycrypto.SHA1(self.getSerializedPublicPayload())

    def sign(self, data):
        p, q, g, _ = self.numbers
        while True:
            k = 1 + secrets.randbelow(q - 1)
            r = pow(g, k, p) % q
            s = pow(k, -1, q) * (int.from_bytes(data, "big") + self.x * r) % q
            if r and s:
                return r.to_bytes(20, "big") + s.to_bytes(20, "big")

    def verify(self, data, signature):
        p, q, g, y = self.numbers
        r, s = (int.from_bytes(half, "big") for half in (signature[:20], signature[20:]))
        if not (0 < r < q and 0 < s < q):
            return False
        w = pow(s, -1, q)
        return pow(g, int.from_bytes(data, "big") * w % q, p) * pow(y, r * w % q, p) % p % q == r

    @classmethod
    def parsePayload(cls, data, private=False):
        numbers = []
        for _ in range(4):
            number, data = potr.utils.read_mpi(data)
            numbers.append(number)
        return cls(tuple(numbers)), data

    @classmethod
    def read(cls, path):
        """The first key of a file of libotr."""
        text = open(path, encoding="ascii").read()
        found = dict(re.findall(r"\(([pqgyx])\s+#([0-9A-Fa-f]+)#\)", text))
        p, q, g, y, x = (int(found[name], 16) for name in "pqgyx")
        return cls((p, q, g, y), x)


for module in (potr.crypt, potr.proto, pycrypto):
    if hasattr(module, "AESCTR"):
        module.AESCTR = aes_ctr
potr.compatcrypto.common.pkTypes[Key.keyType] = Key


def say(*words):
    print(*words)


class Account(potr.context.Account):
    """Bob, with a key from a file."""

    def __init__(self, name, protocol, key):
        super().__init__(name, protocol, 0)
        self.key = key

    def loadPrivkey(self):
        return self.key

    def savePrivkey(self):
        pass

    def saveTrusts(self):
        pass


class Context(potr.context.Context):
    """The conversation; tells what happens."""

    def getPolicy(self, key):
        return key == "ALLOW_V2"

    def inject(self, msg, appdata=None):
        say("inject", bytes(msg).hex())

    def setState(self, newstate):
        before = self.state
        super().setState(newstate)
        if newstate == potr.context.STATE_ENCRYPTED:
            session = self.crypto.sessionId
            say("event", "secure", session.hex())
        elif newstate == potr.context.STATE_FINISHED:
            say("event", "disconnected")
        elif before == potr.context.STATE_ENCRYPTED:
            say("event", "insecure")


def tell_verification(context, tlvs):
    """The library tells of a verification by the records it has read."""
    proto = potr.proto
    for tlv in tlvs:
        if isinstance(tlv, proto.SMP1QTLV):
            say("event", "smp-question", tlv.msg.hex())
        elif isinstance(tlv, proto.SMP1TLV):
            say("event", "smp-ask")
        elif isinstance(tlv, (proto.SMP3TLV, proto.SMP4TLV)):
            say("event", "smp-same" if context.smpIsSuccess() else "smp-different")
        elif isinstance(tlv, proto.SMPABORTTLV):
            say("event", "smp-aborted")


def receive(context, message):
    """One message from the other side."""
    try:
        text, tlvs = context.receiveMessage(message)
    except (potr.context.NotOTRMessage, potr.context.UnencryptedMessage) as plain:
        text = plain.args[0]
        say("show", "plain", (text if isinstance(text, bytes) else bytes(text)).hex())
        return
    except potr.context.ErrorReceived:
        say("event", "error")
        return
    except (potr.context.NotEncryptedError, potr.crypt.InvalidParameterError):
        say("event", "unreadable")
        return
    tell_verification(context, tlvs)
    if text:
        say("show", "private", text.hex())


def obey(context, command, first=b"", second=None):
    """One command; False ends."""
    if command == "recv":
        receive(context, first)
    elif command == "send":
        try:
            out = context.sendMessage(potr.context.FRAGMENT_SEND_ALL, first)
            if out is not None:
                say("inject", bytes(out).hex())
        except potr.context.NotEncryptedError:
            say("event", "cannot-send")
    elif command == "query":
        say("inject", context.user.getDefaultQueryMessage(context.getPolicy).hex())
    elif command == "end":
        context.disconnect()
    elif command == "smp":
        context.smpInit(first, question=second)
    elif command == "answer":
        context.smpGotSecret(first)
    else:
        return False
    return True


def main():
    """Reads commands until there are none."""
    _, key_file, name, protocol, versions = sys.argv
    assert versions == "2", "it speaks version 2 alone"
    context = Context(Account(name, protocol, Key.read(key_file)), "peer@home.test")
    for line in sys.stdin:
        command, *values = line.split()
        more = obey(context, command, *map(bytes.fromhex, values))
        print("done", flush=True)
        if not more:
            return


main()
