"""An XMPP client that sends exactly the bytes it is told to, over TLS that it verifies.

The protocol tests use it where a finished library is too well behaved.
"""

import base64
import hashlib
import itertools
import socket
import ssl
import time
import xml.etree.ElementTree as ET

from clients.scram import Scram, b64
from waiting import until

CLIENT = "jabber:client"
STREAMS = "http://etherx.jabber.org/streams"
STREAM_ERRORS = "urn:ietf:params:xml:ns:xmpp-streams"
STANZA_ERRORS = "urn:ietf:params:xml:ns:xmpp-stanzas"
TLS = "urn:ietf:params:xml:ns:xmpp-tls"
SASL = "urn:ietf:params:xml:ns:xmpp-sasl"
BIND = "urn:ietf:params:xml:ns:xmpp-bind"
ROSTER = "jabber:iq:roster"
PING = "urn:xmpp:ping"

READ_BYTES = 65536


class Gone(AssertionError):
    """The connection ended while something was awaited."""


class Silent(AssertionError):
    """Nothing came before the deadline."""


class Closed(AssertionError):
    """The peer closed the stream while a stanza was awaited."""


def trusting(authority):
    """TLS settings that trust `authority` (a PEM file) and nobody else."""
    context = ssl.create_default_context(cafile=str(authority))
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def error_condition(element, namespace):
    """The condition named in an error element, or None."""
    names = [child.tag for child in element.iter()
             if child is not element and child.tag.startswith(f"{{{namespace}}}")]
    names = [name.split("}")[1] for name in names]
    return next((name for name in names if name != "text"), None)


class Wire:
    """One connection."""

    ids = itertools.count(1)

    def __init__(self, home, direct=False, context=None, seconds=20, source=None):
        """Connects by TCP (from the loopback address `source`), and by TLS at once if `direct`."""
        self.home, self.seconds = home, seconds
        self.context = context or trusting(home.authority)
        port = home.direct_port if direct else home.port
        self.sock = socket.create_connection(
            (home.host, port), timeout=seconds, source_address=source and (source, 0))
        self.features = self.jid = self.header = None
        self.encrypted = False
        self._fresh()
        if direct:
            self.context.set_alpn_protocols(["xmpp-client"])
            self._wrap()

    def _fresh(self):
        self.parser = ET.XMLPullParser(events=("start", "end"))
        self.depth, self.root, self.events = 0, None, []

    def _wrap(self):
        self.sock = self.wrap(self.sock)
        self.encrypted = True

    def wrap(self, sock):
        """Shakes hands."""
        return self.context.wrap_socket(sock, server_hostname=self.home.domain)

    # --- bytes

    def send(self, data):
        """Sends text or bytes as they are."""
        self.sock.sendall(data.encode() if isinstance(data, str) else data)

    def _fill(self, deadline):
        self.sock.settimeout(max(0.01, deadline - time.monotonic()))
        try:
            data = self.sock.recv(READ_BYTES)
        except (TimeoutError, ssl.SSLWantReadError):
            raise Silent("nothing came") from None
        except (ConnectionError, ssl.SSLError, OSError) as e:
            raise Gone(f"the connection broke: {e}") from None
        if not data:
            raise Gone("the connection was closed")
        self.parser.feed(data)
        for event, element in self.parser.read_events():
            self._note(event, element)

    def _note(self, event, element):
        if event == "start":
            self.depth += 1
            if self.depth == 1:
                self.root = element
                self.events.append(("open", element))
            return
        self.depth -= 1
        if self.depth == 1:
            self.root.remove(element)
            self.events.append(("stanza", element))
        elif self.depth == 0:
            self.events.append(("close", None))

    def event(self, seconds=None):
        """The next event of the stream: ("open" | "stanza" | "close", element)."""
        deadline = time.monotonic() + (self.seconds if seconds is None else seconds)
        while not self.events:
            if time.monotonic() > deadline:
                raise Silent("nothing came")
            self._fill(deadline)
        return self.events.pop(0)

    def stanza(self, seconds=None):
        """The next element directly in the stream."""
        kind, element = self.event(seconds)
        if kind == "close":
            raise Closed("the peer closed the stream")
        assert kind == "stanza", f"a stream opened where a stanza was awaited: {element.attrib}"
        return element

    def await_stanza(self, wanted, seconds=None):
        """The next element for which `wanted(element)` holds; others stay to be read."""
        deadline = time.monotonic() + (self.seconds if seconds is None else seconds)
        passed = []
        try:
            while True:
                element = self.stanza(deadline - time.monotonic())
                if wanted(element):
                    return element
                passed.append(("stanza", element))
        finally:
            self.events = passed + self.events

    def ends_with(self, condition, seconds=None):
        """Asserts that the stream ends with the stream error `condition` and is closed."""
        self.ends_with_one_of(condition, seconds=seconds)

    def ends_with_one_of(self, *conditions, seconds=None):
        """Asserts that the stream ends with one of these stream errors and is closed."""
        seen = None
        try:
            while True:
                kind, element = self.event(seconds)
                if kind == "stanza" and element.tag == f"{{{STREAMS}}}error":
                    seen = error_condition(element, STREAM_ERRORS)
        except Gone:
            pass
        assert seen in conditions, f"expected {conditions}, got {seen}"

    # --- negotiation

    def stream_header(self, to=None):
        """A correct stream header."""
        return (f"<?xml version='1.0'?><stream:stream to='{to or self.home.domain}' "
                f"version='1.0' xml:lang='en' xmlns='{CLIENT}' xmlns:stream='{STREAMS}'>")

    def open(self):
        """Opens a stream and returns the features."""
        self._fresh()
        self.send(self.stream_header())
        kind, self.header = self.event()
        assert kind == "open", f"expected a stream header, got {kind}"
        self.features = self.stanza()
        assert self.features.tag == f"{{{STREAMS}}}features", ET.tostring(self.features)
        return self.features

    def starttls(self):
        """Turns TLS on and opens the stream again."""
        self.send(f"<starttls xmlns='{TLS}'/>")
        answer = self.stanza()
        assert answer.tag == f"{{{TLS}}}proceed", ET.tostring(answer)
        self._wrap()
        return self.open()

    def secure(self):
        """From a fresh connection to an encrypted stream."""
        self.open()
        if not self.encrypted:
            self.starttls()
        return self

    def mechanisms(self):
        """SASL mechanisms on offer."""
        return [m.text for m in self.features.iter(f"{{{SASL}}}mechanism")]

    def end_point(self):
        """RFC 5929 §4: channel-binding data of the type tls-server-end-point."""
        return ("tls-server-end-point",
                hashlib.sha256(self.sock.getpeercert(binary_form=True)).digest())

    def auth_first(self, mechanism, scram):
        """Sends <auth/> and returns the answer: challenge or failure."""
        self.send(f"<auth xmlns='{SASL}' mechanism='{mechanism}'>"
                  f"{b64(scram.first().encode())}</auth>")
        return self.stanza()

    def auth_final(self, scram, challenge, **lies):
        """Answers a challenge and returns what comes: success or failure."""
        text = base64.b64decode(challenge.text).decode()
        final = scram.final(text, **lies)
        self.send(f"<response xmlns='{SASL}'>{b64(final.encode())}</response>")
        return self.stanza()

    def authenticate(self, user, password, mechanism="SCRAM-SHA-256", binding=None):
        """Logs in or fails the test; opens the stream again."""
        if mechanism.endswith("-PLUS") and binding is None:
            binding = self.end_point()
        scram = Scram(mechanism, user, password, binding)
        challenge = self.auth_first(mechanism, scram)
        assert challenge.tag == f"{{{SASL}}}challenge", ET.tostring(challenge)
        answer = self.auth_final(scram, challenge)
        assert answer.tag == f"{{{SASL}}}success", ET.tostring(answer)
        assert scram.server_is_right(base64.b64decode(answer.text).decode()), "server's proof"
        return self.open()

    def bind(self, resource=None):
        """Binds a resource and returns the full JID."""
        wish = f"<resource>{resource}</resource>" if resource else ""
        answer = self.iq("set", f"<bind xmlns='{BIND}'>{wish}</bind>")
        self.jid = answer.find(f"{{{BIND}}}bind/{{{BIND}}}jid").text
        return self.jid

    def login(self, user, password, resource=None, mechanism="SCRAM-SHA-256"):
        """All of it, up to the bound resource; no presence is sent."""
        self.secure()
        self.authenticate(user, password, mechanism)
        self.bind(resource)
        return self

    # --- stanzas

    def iq(self, kind, payload, to=None, seconds=None, check=True):
        """Sends an IQ and returns the answer; with `check` it has to be a result."""
        number = f"w{next(self.ids)}"
        address = f" to='{to}'" if to else ""
        self.send(f"<iq type='{kind}' id='{number}'{address}>{payload}</iq>")
        kept, answer = [], None
        while answer is None:
            element = self.stanza(seconds)
            if element.tag == f"{{{CLIENT}}}iq" and element.get("id") == number \
                    and element.get("type") in ("result", "error"):
                answer = element
            else:
                kept.append(("stanza", element))
        self.events = kept + self.events
        if check:
            assert answer.get("type") == "result", ET.tostring(answer)
        return answer

    def ping(self, to=None):
        """A round trip to the server. What came before its answer stays to be read."""
        return self.iq("get", f"<ping xmlns='{PING}'/>", to)

    def presence(self, inner="", **attributes):
        """Sends presence."""
        words = "".join(f" {k}='{v}'" for k, v in attributes.items())
        self.send(f"<presence{words}>{inner}</presence>")

    def message(self, to, body, kind="chat", extra=""):
        """Sends a message; returns its id."""
        number = f"m{next(self.ids)}"
        self.send(f"<message to='{to}' type='{kind}' id='{number}'>"
                  f"<body>{body}</body>{extra}</message>")
        return number

    def await_message(self, body=None, seconds=None):
        """The next message (with this body)."""
        def wanted(element):
            return element.tag == f"{{{CLIENT}}}message" and (
                body is None or element.findtext(f"{{{CLIENT}}}body") == body)
        return self.await_stanza(wanted, seconds)

    def await_presence(self, **attributes):
        """The next presence with these attributes; `type=None` = available."""
        def wanted(element):
            return element.tag == f"{{{CLIENT}}}presence" and all(
                element.get(k) == v for k, v in attributes.items())
        return self.await_stanza(wanted)

    def close(self):
        """Closes the stream as RFC 6120 §4.4 wants it, then the connection."""
        try:
            self.send("</stream:stream>")
            while self.event(5)[0] != "close":
                pass
        except (Gone, Silent, Closed, OSError):
            pass
        self.sock.close()

    def vanish(self):
        """Drops the connection without a word."""
        self.sock.close()

    def __enter__(self):
        """For `with`."""
        return self

    def __exit__(self, *_):
        self.close()


def befriend(home, one, other):
    """Makes two people contacts of each other."""
    wires = []
    for name in (one, other):
        wire = Wire(home)
        wire.login(name, home.passwords[name])
        wire.presence()
        wires.append(wire)
    for wire, name in ((wires[0], other), (wires[1], one)):
        wire.presence(type="subscribe", to=home.jid(name))
        wire.presence(type="subscribed", to=home.jid(name))

    def friends(wire):
        answer = wire.iq("get", f"<query xmlns='{ROSTER}'/>")
        return any(item.get("subscription") == "both"
                   for item in answer.iter(f"{{{ROSTER}}}item"))
    for wire in wires:
        until("them to be contacts", lambda wire=wire: friends(wire))
        wire.close()
