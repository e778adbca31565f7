"""XEP-0077: a slixmpp client changes its password and deletes its account; strangers get nothing."""

import asyncio
import xml.etree.ElementTree as ET

import pytest

from clients.person import LogInFailed, Person, people
from clients.wire import STANZA_ERRORS, Wire, error_condition

REGISTER = "jabber:iq:register"
FEATURE = "http://jabber.org/features/iq-register"


def query(**children):
    """A request with these children."""
    element = ET.Element(f"{{{REGISTER}}}query")
    for name, text in children.items():
        ET.SubElement(element, f"{{{REGISTER}}}{name}").text = text
    return element


async def ask(person, **children):
    """Sends a request to the server and waits for its result."""
    iq = person.make_iq_set(ito=person.home.domain)
    iq.append(query(**children))
    return await iq.send(timeout=30)


def test_a_new_password_counts_from_then_on(home):
    """The client stays connected; the old password is worth nothing any more."""
    async def story():
        bob = Person(home, "bob", "phone")
        async with people(bob):
            await ask(bob, username="bob", password="a brand new password")
            await bob.settled()
        with pytest.raises(LogInFailed):
            await Person(home, "bob", "old").online()
        new = Person(home, "bob", "new", password="a brand new password")
        async with people(new):
            pass
    asyncio.run(story())
    assert "brand new" not in home.log()


def test_a_deleted_account_can_be_brought_back_in_the_panel(home):
    """Two weeks, as if an administrator had deleted it."""
    async def story():
        cid = Person(home, "cid", "phone")
        await cid.online()
        await ask(cid, remove=None)
        await cid.see("disconnected")
        cid.abort_reconnect = True
        with pytest.raises(LogInFailed):
            await Person(home, "cid", "again").online()
    asyncio.run(story())
    account = home.snug_json("account", "show", "cid")
    assert "deleted" in str(account["state"])
    home.snug("account", "restore", "cid")

    async def back():
        async with people(Person(home, "cid", "back")):
            pass
    asyncio.run(back())


def test_nobody_registers_in_band(home):
    """The stream does not offer it, and a stranger who asks anyway is sent away."""
    wire = Wire(home, direct=True)
    try:
        wire.open()
        assert wire.features.find(f"{{{FEATURE}}}register") is None
        wire.send("<iq type='get' id='1'><query xmlns='jabber:iq:register'/></iq>")
        assert error_condition(wire.stanza(), STANZA_ERRORS) == "not-allowed"
        wire.ends_with("not-authorized")
    finally:
        wire.close()
    names = {a["jid"] for a in home.snug_json("account", "list")}
    assert names == {home.jid(n) for n in ("ann", "bob", "cid")}
