"""Logging in: mechanisms, channel binding, TLS versions, and what a wrong password gets."""

import asyncio
import base64
import ssl

import pytest

from clients.exporter import ExportingSocket
from clients.person import LogInFailed, Person, people
from clients.scram import HASHES, Scram
from clients.wire import CLIENT, SASL, Wire, error_condition, trusting

MECHANISMS = list(HASHES)
CHANNEL_BINDING = "urn:xmpp:sasl-cb:0"


@pytest.mark.parametrize("direct", [False, True], ids=["starttls", "direct-tls"])
@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_slixmpp_logs_in_with(home, mechanism, direct):
    """Each hash, over both kinds of port."""
    async def story():
        person = Person(home, "bob", "desk", mechanism=mechanism, direct=direct)
        async with people(person):
            assert str(person.boundjid) == f"{home.jid('bob')}/desk"
            sessions = home.call("session-list", {"name": "bob"})
            assert [s["mechanism"] for s in sessions] == [mechanism]
            assert sessions[0]["tls"].startswith("TLSv1."), sessions
    asyncio.run(story())


@pytest.mark.parametrize("mechanism", [f"{name}-PLUS" for name in MECHANISMS])
def test_channel_binding_to_the_certificate(home, log_in, mechanism):
    """RFC 5929 §4, XEP-0440."""
    wire = Wire(home)
    wire.secure()
    assert mechanism in wire.mechanisms()
    offered = wire.features.find(f"{{{CHANNEL_BINDING}}}sasl-channel-binding")
    types = {c.get("type") for c in offered}
    assert {"tls-exporter", "tls-server-end-point"} <= types
    wire.authenticate("bob", home.passwords["bob"], mechanism)
    wire.bind("plus")
    (session,) = home.call("session-list", {"name": "bob"})
    assert session["mechanism"] == mechanism
    wire.close()


class ExportingWire(Wire):
    """With a TLS library that exports keying material."""

    def wrap(self, sock):
        """Shakes hands."""
        return ExportingSocket(sock, self.home.authority, self.home.domain)


@pytest.mark.timeout(30)
@pytest.mark.parametrize("lie", [False, True], ids=["honest", "another-channel"])
@pytest.mark.parametrize("mechanism", [f"{name}-PLUS" for name in MECHANISMS])
def test_channel_binding_to_the_tls_session(home, mechanism, lie):
    """RFC 9266: the exporter's secret of this connection, and of no other."""
    # Lies slow an address down; they come from one of their own.
    wire = ExportingWire(home, source="127.3.3.3" if lie else None).secure()
    kind, secret = wire.sock.binding()
    if lie:
        scram = Scram(mechanism, "bob", home.passwords["bob"], (kind, bytes(len(secret))))
        failure = wire.auth_final(scram, wire.auth_first(mechanism, scram))
        assert error_condition(failure, SASL) == "not-authorized"
    else:
        wire.authenticate("bob", home.passwords["bob"], mechanism, binding=(kind, secret))
        wire.bind("exporter")
        wire.ping()
    wire.close()


def test_only_scram_is_offered_and_only_behind_tls(home):
    """RFC 6120 §5.3.1: before TLS there is nothing but STARTTLS, and it is required."""
    wire = Wire(home)
    wire.open()
    assert wire.mechanisms() == []
    starttls = wire.features.find("{urn:ietf:params:xml:ns:xmpp-tls}starttls")
    assert starttls is not None and len(starttls) == 1, "STARTTLS is required"
    wire.starttls()
    assert sorted(wire.mechanisms()) == sorted(MECHANISMS + [f"{m}-PLUS" for m in MECHANISMS])
    wire.close()


def test_plain_only_where_the_config_says_so(make_home):
    """`c2s.plain = true`."""
    home = make_home("plain", plain=True).start_daemon().set_up()
    wire = Wire(home).secure()
    assert "PLAIN" in wire.mechanisms()
    secret = base64.b64encode(f"\0ann\0{home.passwords['ann']}".encode()).decode()
    wire.send(f"<auth xmlns='{SASL}' mechanism='PLAIN'>{secret}</auth>")
    assert wire.stanza().tag == f"{{{SASL}}}success"
    wire.open()
    wire.bind("plain")
    wire.close()


@pytest.mark.parametrize("mechanism", MECHANISMS)
@pytest.mark.parametrize("name", ["bob", "nobody-of-that-name"])
def test_a_wrong_password_and_a_wrong_name_look_alike(home, name, mechanism):
    """The same steps and the same condition; nobody learns who lives here."""
    wire = Wire(home, source="127.3.3.4").secure()
    scram = Scram(mechanism, name, "certainly wrong")
    challenge = wire.auth_first(mechanism, scram)
    assert challenge.tag == f"{{{SASL}}}challenge"
    failure = wire.auth_final(scram, challenge)
    assert failure.tag == f"{{{SASL}}}failure"
    assert error_condition(failure, SASL) == "not-authorized"
    wire.close()


def test_slixmpp_with_a_wrong_password_stays_outside(home):
    """As a person meets it."""
    with pytest.raises(LogInFailed):
        try_slixmpp(home, "cid", password="certainly wrong")


def try_slixmpp(home, name, **more):
    """Logs in once with slixmpp, and out again."""
    async def story():
        person = Person(home, name, **more)
        await person.online()
        await person.offline()
    asyncio.run(story())


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_tls_versions(home, version):
    """1.2 and 1.3."""
    context = trusting(home.authority)
    context.minimum_version = context.maximum_version = version
    wire = Wire(home, direct=True, context=context).secure()
    assert wire.sock.version() == version.name.replace("_", ".")
    assert wire.sock.selected_alpn_protocol() == "xmpp-client"
    wire.close()


def test_a_client_that_trusts_others_is_not_fooled(home):
    """The certificate is not signed by any authority that the system trusts."""
    with pytest.raises(ssl.SSLCertVerificationError):
        Wire(home, direct=True, context=ssl.create_default_context())


def test_a_certificate_for_another_name_is_refused(home):
    """The leaf names the home's domain, so that a client can check it."""
    wire = Wire(home)
    wire.open()
    wire.send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
    wire.stanza()
    with pytest.raises(ssl.SSLCertVerificationError):
        wire.context.wrap_socket(wire.sock, server_hostname="elsewhere.test")


def test_old_tls_is_refused(home):
    """TLS 1.1 and older."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, ConnectionError)):
        Wire(home, direct=True, context=context)


def test_a_made_up_resource_is_different_each_time(home, log_in):
    """RFC 6120 §7.6: the server makes one when the client asks for none."""
    first, second = log_in("bob"), log_in("bob")
    assert first.jid != second.jid
    assert first.jid.startswith(f"{home.jid('bob')}/") and len(first.jid.split("/")[1]) >= 8


def test_a_locked_person_stays_outside_and_comes_back(home, log_in):
    """Lock: connected clients go, new ones are refused, nothing is lost."""
    wire = log_in("cid", "desk")
    home.call("account-lock", {"name": "cid", "locked": True})
    wire.ends_with("not-authorized")
    with pytest.raises(LogInFailed):
        try_slixmpp(home, "cid")
    home.call("account-lock", {"name": "cid", "locked": False})
    log_in("cid", "desk").ping()


def test_nothing_but_bind_is_served_before_a_resource_is_bound(home):
    """RFC 6120 §7.1: a stanza before binding ends in not-authorized."""
    wire = Wire(home).secure()
    wire.authenticate("bob", home.passwords["bob"])
    wire.send(f"<message to='{home.jid('ann')}'><body>too early</body></message>")
    wire.ends_with("not-authorized")


def test_the_answer_comes_from_the_right_stream(home):
    """RFC 6120 §4.7: from, id, version and language of the answer."""
    wire = Wire(home)
    wire.open()
    first = wire.header.attrib
    assert first["from"] == home.domain and first["version"] == "1.0" and len(first["id"]) >= 16
    wire.starttls()
    second = wire.header.attrib
    assert second["id"] != first["id"], "each stream has an id of its own"
    assert wire.features.find(f"{{{CLIENT}}}bind") is None
    wire.close()
