"""What the server does with input that no honest client sends.

Each case: the defined error, a counter that grew, and two people who chat on undisturbed.
"""

import concurrent.futures
import contextlib
import os
import random
import socket
import ssl
import time

import pytest

from clients.scram import Scram, b64
from clients.wire import (CLIENT, SASL, STANZA_ERRORS, STREAM_ERRORS, STREAMS, TLS, Closed, Gone, Silent,
                          Wire, error_condition)
from waiting import until

# Shared with limits.rs of the server: what a stranger, a stanza and a silent write may cost.
HALF_OPEN_PER_ADDRESS = 50
LOGIN_SECONDS, STANZA_SECONDS = 60, 60
HALF_OPEN_TRIES, HALF_OPEN_BATCH = 10_000, 250


@pytest.fixture(scope="module")
def bystanders(home):
    """Ann and Bob, logged in for the whole module."""
    ann, bob = Wire(home), Wire(home)
    for wire, name in ((ann, "ann"), (bob, "bob")):
        wire.login(name, home.passwords[name], "bystander").presence()
        wire.ping()
        wire.events.clear()
    yield ann, bob
    ann.close()
    bob.close()


@pytest.fixture(autouse=True)
def undisturbed(bystanders):
    """After each case the bystanders still reach each other, quickly."""
    yield
    ann, bob = bystanders
    for here, there in ((ann, bob), (bob, ann)):
        text = f"all quiet {random.random()}"
        started = time.monotonic()
        here.message(there.jid, text)
        there.await_message(text)
        assert time.monotonic() - started < 5, "a chat message took more than five seconds"


@contextlib.contextmanager
def counted(home, *names):
    """Asserts that each of the counters grew."""
    before = home.counters()
    yield
    def grown():
        after = home.counters()
        missing = [n for n in names if after.get(n, 0) <= before.get(n, 0)]
        return not missing or (False, f"did not grow: {missing} in {after}")
    until("the counters", grown, 5)


def elsewhere():
    """A loopback address that nothing was sent from before: wrong passwords slow an address
    down, and the cases here shall not slow each other down."""
    elsewhere.count = getattr(elsewhere, "count", 0) + 1
    return f"127.7.{elsewhere.count // 250}.{elsewhere.count % 250 + 1}"


def states(home, state):
    """A connection in one of the three states in which input is read."""
    wire = Wire(home)
    if state == "plain":
        wire.open()
    elif state == "tls":
        wire.secure()
    else:
        wire.login("cid", home.passwords["cid"])
    return wire


EVERYWHERE = pytest.mark.parametrize("state", ["plain", "tls", "bound"])


# --- not XML, or XML that XMPP forbids

@pytest.mark.parametrize("data, condition", [
    (b"GET / HTTP/1.1\r\nHost: home.test\r\n\r\n", "not-well-formed"),
    (b"EHLO home.test\r\n", "not-well-formed"),
    (b"\x00\x01\x02\x03", "not-well-formed"),
    (b"<" * 300, "not-well-formed"),
    (b"\xff\xfe<\x00s\x00", "not-well-formed"),
    (b"<\xff\xfe\x00s\x00>", "unsupported-encoding"),
], ids=["http", "smtp", "zeros", "brackets", "utf-16", "latin"])
def test_bytes_that_are_not_xml(home, data, condition):
    """RFC 6120 §4.9.3.13 and §11.6; the server opens its stream first (§4.9.1.2)."""
    with counted(home, f"stream-error.{condition}"):
        wire = Wire(home)
        wire.send(data)
        wire.ends_with(condition)


def test_noise_ends_the_stream(home):
    """Whatever the bytes are, the stream ends with one of the conditions for bad XML."""
    noise = random.Random(6120)
    for _ in range(50):
        wire = Wire(home)
        with contextlib.suppress(ConnectionError):
            wire.send(noise.randbytes(200) + b"\x00<>")
        wire.ends_with_one_of("not-well-formed", "unsupported-encoding", "bad-format",
                              "restricted-xml", "bad-namespace-prefix", "invalid-namespace")


def test_a_tls_greeting_on_the_plain_port(home):
    """Somebody configured the wrong port."""
    with counted(home, "stream-error.not-well-formed"):
        with pytest.raises((ssl.SSLError, ConnectionError, TimeoutError)):
            wire = Wire(home)
            wire.sock.settimeout(5)
            wire._wrap()


@EVERYWHERE
@pytest.mark.parametrize("data, condition", [
    ("<!DOCTYPE x [<!ENTITY a 'aaaa'>]><message/>", "restricted-xml"),
    ("<!-- hidden -->", "restricted-xml"),
    ("<?php echo 1 ?>", "restricted-xml"),
    ("<message><body>&nbsp;</body></message>", "restricted-xml"),
    ("<message to='a' to='b'/>", "not-well-formed"),
    ("<message><body></message></body>", "not-well-formed"),
    ("<x:message/>", "bad-namespace-prefix"),
    ("<message><body>&#0;</body></message>", "not-well-formed"),
    ("<message><body>\x01</body></message>", "not-well-formed"),
    ("<message a=b/>", "not-well-formed"),
    ("text between stanzas", "bad-format"),
], ids=["dtd", "comment", "pi", "entity", "twice", "crossed", "prefix", "nul", "control",
        "unquoted", "text"])
def test_xml_that_xmpp_forbids(home, state, data, condition):
    """RFC 6120 §11.1 and §11.3, in every state."""
    wire = states(home, state)
    with counted(home, f"stream-error.{condition}"):
        wire.send(data)
        wire.ends_with(condition)


@EVERYWHERE
@pytest.mark.parametrize("data", [
    b"\xc0\xbc/body>", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82", b"\xef\xbf\xbe", b"\x80",
    b"\xf8\x88\x80\x80\x80",
], ids=["overlong", "surrogate", "too-high", "cut", "fffe", "alone", "five-bytes"])
def test_utf8_that_hides_something(home, state, data):
    """RFC 6120 §11.6: a stanza cannot be smuggled through another reading of the bytes."""
    wire = states(home, state)
    condition = "not-well-formed" if data == b"\xef\xbf\xbe" else "unsupported-encoding"
    with counted(home, f"stream-error.{condition}"):
        wire.send(b"<message><body>" + data + b"</body></message>")
        wire.ends_with(condition)


def test_text_that_looks_like_a_stanza_stays_text(home, bystanders):
    """References and CDATA are text for the reader at the other end, and only text."""
    ann, bob = bystanders
    trick = "</body></message><message from='admin@home.test'><body>pay"
    quoted = trick.replace("&", "&amp;").replace("<", "&#x3c;").replace(">", "&#62;")
    ann.message(bob.jid, quoted)
    assert bob.await_message().findtext(f"{{{CLIENT}}}body") == trick
    ann.message(bob.jid, f"<![CDATA[{trick}]]>")
    assert bob.await_message().findtext(f"{{{CLIENT}}}body") == trick
    bob.ping()
    assert [e for _, e in bob.events if e.tag == f"{{{CLIENT}}}message"] == []


@pytest.mark.parametrize("to", [
    "ann\uff20home.test", "\u200b@home.test", "a\u202eb@", "an n@home.test", "ann@home.test/\u0000",
    "ann@" + "x" * 2000, "a" * 1024 + "@home.test", "ann@home..test", "@", "/",
], ids=repr)
def test_addresses_that_pretend(home, to):
    """RFC 7622 §3: malformed addresses are an error for the stanza, or for the XML."""
    wire = states(home, "bound")
    name = to.replace("\u0000", "&#0;")
    wire.send(f"<message to='{name}' id='trick'><body>x</body></message>")
    if "\u0000" in to:
        wire.ends_with("not-well-formed")
        return
    answer = wire.await_stanza(lambda e: e.get("id") == "trick")
    assert answer.get("type") == "error"
    assert error_condition(answer, STANZA_ERRORS) in (
        "jid-malformed", "service-unavailable", "remote-server-not-found", "item-not-found")
    wire.close()


# --- too much

def oversize(home, state):
    """A stanza over the limit of the state."""
    limit = 16 * 1024 if state != "bound" else 256 * 1024
    return "<message><body>" + "x" * (limit + 4096) + "</body></message>"


MONSTERS = {
    "oversize": oversize,
    "endless-name": lambda home, state: "<" + "n" * 300_000,
    "endless-attribute": lambda home, state: "<message id='" + "x" * 2_000_000,
    "deep": lambda home, state: "<message>" + "<d>" * 1_500,
    "wide": lambda home, state: "<message>" + "<w/>" * 250_000 + "</message>",
    "attributes": lambda home, state:
        "<message " + " ".join(f"a{n}=''" for n in range(1_500)) + "/>",
}


@EVERYWHERE
@pytest.mark.parametrize("monster", list(MONSTERS))
def test_stanzas_that_are_too_large(home, state, monster):
    """RFC 6120 §4.9.3.14, XEP-0478 §3: policy-violation, before the memory is spent."""
    wire = states(home, state)
    memory = resident(home)
    with counted(home, "stream-error.policy-violation"):
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            wire.send(MONSTERS[monster](home, state))
        wire.ends_with("policy-violation")
    assert resident(home) - memory < 8 * 1024, "kB kept for somebody who is gone"


def resident(home):
    """Resident memory of the daemon in kB."""
    with open(f"/proc/{home.daemon.pid}/status") as status:
        line = next(line for line in status if line.startswith("VmRSS"))
    return int(line.split()[1])


# --- negotiation

@pytest.mark.parametrize("header, condition", [
    ("<stream:stream xmlns='jabber:client' xmlns:stream='urn:wrong' to='home.test' "
     "version='1.0'>", "invalid-namespace"),
    (f"<stream:stream xmlns='urn:wrong' xmlns:stream='{STREAMS}' to='home.test' version='1.0'>",
     "invalid-namespace"),
    (f"<stream:stream xmlns='{CLIENT}' xmlns:stream='{STREAMS}' to='elsewhere.test' "
     "version='1.0'>", "host-unknown"),
    (f"<stream:stream xmlns='{CLIENT}' xmlns:stream='{STREAMS}' to='home.test'>",
     "unsupported-version"),
    (f"<stream:stream xmlns='{CLIENT}' xmlns:stream='{STREAMS}' to='home.test' version='0.9'>",
     "unsupported-version"),
    (f"<?xml version='1.0' encoding='ISO-8859-1'?><stream:stream xmlns='{CLIENT}' "
     f"xmlns:stream='{STREAMS}' to='home.test' version='1.0'>", "unsupported-encoding"),
    (f"<stream:other xmlns='{CLIENT}' xmlns:stream='{STREAMS}' to='home.test' version='1.0'>",
     "bad-format"),
    ("<message/>", "invalid-namespace"),
], ids=["stream-ns", "content-ns", "host", "no-version", "old-version", "encoding", "name",
        "no-stream"])
def test_wrong_stream_headers(home, header, condition):
    """RFC 6120 §4.7 to §4.9."""
    with counted(home, f"stream-error.{condition}"):
        wire = Wire(home)
        wire.send(header)
        wire.ends_with(condition)


@pytest.mark.parametrize("injected", [
    f"<auth xmlns='{SASL}' mechanism='PLAIN'>AGFubgBwYXNz</auth>",
    "<iq type='get' id='injected'><ping xmlns='urn:xmpp:ping'/></iq>",
    "<?xml version='1.0'?><stream:stream to='home.test' version='1.0' xmlns='jabber:client' "
    "xmlns:stream='http://etherx.jabber.org/streams'>",
], ids=["auth", "iq", "stream"])
def test_plain_text_behind_starttls_is_never_taken_as_encrypted(home, injected):
    """RFC 6120 §5.4.3.3: bytes after <starttls/> that were not encrypted do not count."""
    wire = Wire(home)
    wire.open()
    with counted(home, "stream-error.policy-violation"):
        wire.send(f"<starttls xmlns='{TLS}'/>" + injected)
        assert wire.stanza().tag == f"{{{TLS}}}failure", "RFC 6120 §5.4.2.2"
        assert wire.event()[0] == "close"
        with pytest.raises(Gone):
            wire.event()


def test_authentication_before_tls(home):
    """RFC 6120 §5.3.1: refused, and the password's proof is not looked at."""
    wire = Wire(home)
    wire.open()
    with counted(home, "stream-error.policy-violation"):
        wire.send(f"<auth xmlns='{SASL}' mechanism='PLAIN'>AGFubgBwYXNz</auth>")
        failure = wire.stanza()
        assert failure.tag == f"{{{SASL}}}failure"
        assert error_condition(failure, SASL) == "encryption-required"
        wire.ends_with("policy-violation")


@pytest.mark.parametrize("stanza", [
    "<message to='bob@home.test'><body>x</body></message>", "<presence/>",
    "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>",
    "<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>",
], ids=["message", "presence", "bind", "roster"])
@pytest.mark.parametrize("state", ["plain", "tls"])
def test_stanzas_before_authentication(home, state, stanza):
    """RFC 6120 §7.1: not-authorized."""
    wire = states(home, state)
    with counted(home, "stream-error.not-authorized"):
        wire.send(stanza)
        wire.ends_with("not-authorized")


# --- SCRAM

LIES = {
    "nonce": {"nonce": "somebody-elses-nonce"},
    "proof": {"proof": b"\x00" * 32},
    "short-proof": {"proof": b"\x00"},
    "empty-proof": {"proof": b""},
    "binding": {"bound": b"another channel"},
}


@pytest.mark.parametrize("lie", list(LIES))
@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"])
def test_lies_in_scram(home, mechanism, lie):
    """RFC 5802 §5.1 and §7: with the right password, and one thing wrong."""
    wire = Wire(home, source=elsewhere()).secure()
    binding = wire.end_point() if mechanism.endswith("-PLUS") else None
    scram = Scram(mechanism, "cid", home.passwords["cid"], binding)
    challenge = wire.auth_first(mechanism, scram)
    with counted(home, "login.failed"):
        failure = wire.auth_final(scram, challenge, **LIES[lie])
        assert failure.tag == f"{{{SASL}}}failure"
        assert error_condition(failure, SASL) in ("not-authorized", "malformed-request")
    wire.close()


@pytest.mark.parametrize("mechanism, flag, binding", [
    ("SCRAM-SHA-256", "y", None),
    ("SCRAM-SHA-256", "p=tls-server-end-point", None),
    ("SCRAM-SHA-256-PLUS", "n", "end-point"),
    ("SCRAM-SHA-256-PLUS", "p=tls-unique", "end-point"),
    ("SCRAM-SHA-256-PLUS", "p=made-up", "end-point"),
], ids=["stripped-plus", "binding-without-plus", "plus-without-binding", "tls-unique", "made-up"])
def test_downgrades_are_noticed(home, mechanism, flag, binding):
    """RFC 5802 §6: "y" says that somebody removed the -PLUS mechanisms from the list."""
    wire = Wire(home, source=elsewhere()).secure()
    bound = wire.end_point() if binding else None
    scram = Scram(mechanism, "cid", home.passwords["cid"], bound, flag=flag)
    answer = wire.auth_first(mechanism, scram)
    if answer.tag == f"{{{SASL}}}challenge":
        answer = wire.auth_final(scram, answer)
    assert answer.tag == f"{{{SASL}}}failure"
    assert error_condition(answer, SASL) in ("not-authorized", "malformed-request")
    wire.close()


@pytest.mark.parametrize("mechanism, data, condition", [
    ("SCRAM-MD5", "biws", "invalid-mechanism"),
    ("PLAIN", "AGFubgBwYXNz", "invalid-mechanism"),
    ("SCRAM-SHA-256", "%%%", "incorrect-encoding"),
    ("SCRAM-SHA-256", b64(b"nonsense"), "malformed-request"),
    ("SCRAM-SHA-256", b64(b"n,,n=ann"), "malformed-request"),
    ("SCRAM-SHA-256", b64(b"n,,m=ext,n=ann,r=abcdefgh"), "malformed-request"),
    ("SCRAM-SHA-256", b64(b"n,a=bob,n=cid,r=abcdefgh"), "invalid-authzid"),
    ("SCRAM-SHA-256", b64(b"n,,n=ann\xff,r=abcdefgh"), "malformed-request"),
], ids=["md5", "plain", "base64", "nonsense", "no-nonce", "extension", "authzid", "utf8"])
def test_wrong_sasl(home, mechanism, data, condition):
    """RFC 6120 §6.5."""
    wire = Wire(home, source=elsewhere()).secure()
    with counted(home, "login.failed"):
        wire.send(f"<auth xmlns='{SASL}' mechanism='{mechanism}'>{data}</auth>")
        failure = wire.stanza()
        assert failure.tag == f"{{{SASL}}}failure"
        assert error_condition(failure, SASL) == condition
    wire.close()


def test_a_stream_has_few_tries(home):
    """RFC 6120 §6.4.5: after some failures the stream ends."""
    wire = Wire(home, source=elsewhere()).secure()
    with counted(home, "stream-error.policy-violation"):
        for _ in range(20):
            try:
                wire.send(f"<auth xmlns='{SASL}' mechanism='NONE'>biws</auth>")
                element = wire.stanza()
            except (Gone, Closed, ConnectionError, ssl.SSLError):
                break
            if element.tag == f"{{{STREAMS}}}error":
                break
        else:
            raise AssertionError("twenty failures and the stream is still open")


# --- pretending to be somebody

@pytest.mark.parametrize("sender", ["ann@home.test", "ann@home.test/bystander", "home.test",
                                    "cid@elsewhere.test", "cid@home.test/other"])
def test_a_spoofed_sender(home, bystanders, sender):
    """RFC 6120 §8.1.2.1: invalid-from, and the message goes nowhere."""
    wire = states(home, "bound")
    _, bob = bystanders
    with counted(home, "stream-error.invalid-from"):
        wire.send(f"<message from='{sender}' to='{bob.jid}'><body>it is me</body></message>")
        wire.ends_with("invalid-from")
    bob.ping()
    assert not [e for _, e in bob.events if e.findtext(f"{{{CLIENT}}}body") == "it is me"]


def test_ones_own_address_is_no_lie(home, bystanders):
    """Bare or full, as RFC 6120 §8.1.2.1 allows; what arrives has the full one."""
    _, bob = bystanders
    wire = states(home, "bound")
    for sender in (wire.jid, home.jid("cid")):
        wire.send(f"<message from='{sender}' to='{bob.jid}' type='chat'>"
                  f"<body>truly {sender}</body></message>")
        assert bob.await_message(f"truly {sender}").get("from") == wire.jid
    wire.close()


# --- too slow, too many, too stubborn

def drip(wire, first, rest, seconds):
    """Sends `first`, then a byte of `rest` each half second; returns seconds until the end."""
    started = time.monotonic()
    wire.send(first)
    while time.monotonic() - started < seconds:
        try:
            wire.send(rest)
            kind, element = wire.event(0.5)
        except Silent:
            continue
        except (Gone, ConnectionError, ssl.SSLError):
            return None, time.monotonic() - started
        if kind == "stanza" and element.tag == f"{{{STREAMS}}}error":
            return error_condition(element, STREAM_ERRORS), time.monotonic() - started
    raise AssertionError(f"still connected after {seconds} s")


@pytest.mark.timeout(180)
def test_slow_loris_before_and_after_log_in(home):
    """A byte now and then keeps no connection alive for longer than its limit."""
    with counted(home, "login.timed-out", "stream-error.policy-violation"), \
            concurrent.futures.ThreadPoolExecutor(4) as pool:
        cases = [
            pool.submit(drip, Wire(home), "<?xml version='1.0'?>", " ", LOGIN_SECONDS + 15),
            pool.submit(drip, states(home, "tls"), "", " ", LOGIN_SECONDS + 15),
            pool.submit(drip, states(home, "bound"), "<message><body>", "x", STANZA_SECONDS + 15),
        ]
        for case in cases:
            condition, seconds = case.result()
            assert condition in ("connection-timeout", "policy-violation"), condition
            assert seconds < 75


def open_from(address, home):
    """A TCP connection from this loopback address."""
    return socket.create_connection((home.host, home.port), 10, source_address=(address, 0))


def is_closed(sock):
    """Did the server close this connection already?"""
    sock.setblocking(False)
    try:
        return sock.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionError:
        return True


@pytest.mark.timeout(180)
def test_ten_thousand_half_open_connections(home):
    """One address gets its share; others, and whoever is logged in, notice nothing."""
    address, kept = "127.9.9.9", []
    memory = resident(home)
    with counted(home, "listener.refused-address"):
        for _ in range(HALF_OPEN_TRIES // HALF_OPEN_BATCH):
            batch = [open_from(address, home) for _ in range(HALF_OPEN_BATCH)]

            def settled(batch=batch):
                open_ones = [s for s in batch if not is_closed(s)]
                return len(kept) + len(open_ones) <= HALF_OPEN_PER_ADDRESS
            until("the surplus to be refused", settled, 10)
            for sock in batch:
                (sock.close if is_closed(sock) else lambda sock=sock: kept.append(sock))()
        assert len(kept) <= HALF_OPEN_PER_ADDRESS
        with Wire(home) as other:
            other.login("cid", home.passwords["cid"], "meanwhile")
            other.ping()
    for sock in kept:
        sock.close()
    assert resident(home) - memory < 16 * 1024, "kB spent on strangers"

    def welcome_again():
        with open_from(address, home) as sock:
            sock.settimeout(5)
            sock.sendall(Wire.stream_header(other).encode())
            return sock.recv(10)
    until("the address to be welcome again", welcome_again, 10)


@pytest.mark.timeout(180)
def test_a_client_that_never_reads(home, bystanders):
    """Its queue is bounded; it is cut off, the sender is not held up, memory comes back."""
    ann, _ = bystanders
    deaf = states(home, "bound")
    deaf.presence()
    deaf.ping()
    deaf.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    memory, text = resident(home), "x" * 8_000

    def gone():
        for _ in range(100):
            ann.message(deaf.jid, text)
        ann.ping()
        ann.events.clear()
        sessions = home.call("session-list", {"name": "cid"})
        return not any(s["jid"] == deaf.jid for s in sessions)
    with counted(home, "outbox.stalled"):
        until("the deaf client to be cut off", gone, 90)
    assert resident(home) - memory < 16 * 1024, "kB kept for somebody who does not read"
    deaf.vanish()


def test_wrong_passwords_slow_down_but_never_lock_out(home):
    """Each wrong one makes the next answer from there take longer; the person still gets in, and
    neither other people at that address nor the person elsewhere have to wait as long."""
    home.add("gus", "ivy")
    here = elsewhere()

    def attempt(name, password, source):
        started = time.monotonic()
        wire = Wire(home, source=source).secure()
        scram = Scram("SCRAM-SHA-256", name, password)
        answer = wire.auth_final(scram, wire.auth_first("SCRAM-SHA-256", scram))
        wire.sock.close()
        return answer.tag.endswith("success"), time.monotonic() - started

    times = []
    with counted(home, "login.failed", "login.slowed-down"):
        for _ in range(6):
            through, seconds = attempt("gus", "certainly wrong", here)
            assert not through
            times.append(seconds)
    assert sorted(times[:4])[2] < 0.4, f"people mistype; that costs nothing: {times}"
    assert times[4] > 0.4 and times[5] > times[4] + 0.3, times
    through, seconds = attempt("gus", home.passwords["gus"], elsewhere())
    assert through and seconds < 3, "at another address the person waits a little at most"
    through, seconds = attempt("ivy", home.passwords["ivy"], here)
    assert through and seconds < 2, "another person at the same address does not wait"
    through, seconds = attempt("gus", home.passwords["gus"], here)
    assert through and seconds < 15, "the right password gets the person in, from there too"
