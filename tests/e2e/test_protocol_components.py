"""XEP-0114: components written with slixmpp, and bad ones over a plain socket."""

import asyncio
import hashlib
import re
import socket
import subprocess

import pytest

from clients.gateway import Gateway, connected
from clients.person import Person, people
from home import PROGRAMS

SECRET = "a-long-secret-of-a-gateway"
NAME = "gate.home.test"


@pytest.fixture(scope="module")
def home(make_home):
    """A home with one component."""
    home = make_home(components={NAME: SECRET})
    home.start_daemon().set_up()
    home.add("bob")
    return home


def test_a_gateway_and_a_person_talk(home):
    """Both ways, with discovery, ping, presence and an answer to a stranger."""
    async def story():
        bob, gate = Person(home, "bob", "talk"), Gateway(home, NAME, SECRET)
        async with connected(gate):
            async with people(bob):
                items = await bob["xep_0030"].get_items(jid=home.domain)
                assert NAME in {str(i[0]) for i in items["disco_items"]["items"]}
                assert await bob["xep_0199"].ping(NAME, timeout=10) < 10
                assert await gate["xep_0199"].ping(home.domain, ifrom=NAME, timeout=10) < 10
                bob.send_message(mto=f"carl@{NAME}", mbody="over there", mtype="chat")
                got = await gate.wait_for(lambda s: s.xml.tag.endswith("}message"))
                assert got["body"] == "over there"
                assert str(got["from"]) == str(bob.boundjid)
                gate.send_message(mto=home.jid("bob"), mfrom=f"carl@{NAME}/phone",
                                  mbody="and back", mtype="chat")
                got = await bob.hears("and back")
                assert str(got["from"]) == f"carl@{NAME}/phone"
                bob.send_presence(pto=f"carl@{NAME}")
                await gate.wait_for(lambda s: s["type"] == "available")
            await gate.wait_for(lambda s: s["type"] == "unavailable")
    asyncio.run(story())


def open_stream(home, to=NAME):
    """A plain connection after the server's header, and the identifier of the stream."""
    link = socket.create_connection((home.host, home.component_port), timeout=20)
    link.sendall(
        f"<stream:stream xmlns='jabber:component:accept' to='{to}' "
        "xmlns:stream='http://etherx.jabber.org/streams'>".encode())
    got = b""
    while b">" not in got.partition(b"<stream:stream")[2]:
        got += link.recv(4096)
    return link, re.search(rb" id='([^']+)'", got).group(1).decode(), got


def rest_of(link):
    """What comes until the server closes the connection."""
    got = b""
    while more := link.recv(4096):
        got += more
    link.close()
    return got


def proof(identifier, secret=SECRET):
    """The handshake of the specification."""
    return hashlib.sha1((identifier + secret).encode()).hexdigest()


def test_bad_components_get_nowhere(home):
    """Wrong secret, somebody else's name, no proof at all, a person's stream."""
    link, identifier, _ = open_stream(home)
    link.sendall(f"<handshake>{proof(identifier, 'guess')}</handshake>".encode())
    assert b"<not-authorized" in rest_of(link)
    link, identifier, _ = open_stream(home)
    link.sendall(f"<iq type='get' id='1' from='{NAME}' to='{home.domain}'/>".encode())
    assert b"<not-authorized" in rest_of(link)
    for to in ("other.test", home.domain):
        link, _, got = open_stream(home, to)
        assert b"<host-unknown" in got + rest_of(link)
    assert SECRET not in home.log(), "no secret in the log"


def test_a_gateway_cannot_pose_as_a_person(home):
    """XEP-0114 §3: `from` is within its own domain."""
    link, identifier, _ = open_stream(home)
    link.sendall(f"<handshake>{proof(identifier)}</handshake>".encode())
    link.sendall(
        f"<message from='{home.jid('ann')}' to='{home.jid('bob')}'><body>x</body></message>"
        .encode())
    assert b"<invalid-from" in rest_of(link)


def test_a_listener_that_others_reach_is_refused(home):
    """Unless somebody says so: the stream is not encrypted."""
    config = home.folder / "open.toml"
    config.write_text('[components]\nlisten = ["0.0.0.0:5347"]\n')
    done = subprocess.run([PROGRAMS / "snug", "--config", config, "config", "check"],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode != 0
    assert "components.listen" in done.stdout + done.stderr
