"""Messages: which client of a person gets which (RFC 6121 §8.5), and what waits for who is away
(XEP-0160, XEP-0203)."""

import asyncio
import xml.etree.ElementTree as ET
from datetime import datetime, timedelta, timezone

import pytest

from clients.person import Person, people
from clients.wire import CLIENT, STANZA_ERRORS, Wire, error_condition

DELAY = "{urn:xmpp:delay}delay"


@pytest.fixture
def person(home):
    """The name of somebody who has just moved in."""
    person.count = getattr(person, "count", 0) + 1
    name = f"fay{person.count}"
    home.add(name)
    return name


def bodies(wire):
    """Bodies of the messages that came, after a round trip, in order."""
    wire.ping()
    found = [e.findtext(f"{{{CLIENT}}}body") for kind, e in wire.events
             if e is not None and e.tag == f"{{{CLIENT}}}message"]
    wire.events.clear()
    return found


def bounce(wire, number):
    """The error that came back for message `number`: its condition."""
    error = wire.await_stanza(lambda e: e.get("id") == number and e.get("type") == "error")
    assert error.tag == f"{{{CLIENT}}}message", ET.tostring(error)
    return error_condition(error, STANZA_ERRORS)


def test_slixmpp_people_chat(home):
    """Both ways, with text that XML and Unicode make difficult."""
    async def story():
        ann, bob = Person(home, "ann", "a"), Person(home, "bob", "b")
        async with people(ann, bob):
            text = "<b>&amp; “ß” 家 🏡 e\u0301 \u00a0 ]]> 'single' \"double\"\nnext line"
            ann.send_message(mto=bob.boundjid.bare, mbody=text, mtype="chat")
            got = await bob.hears(text)
            assert got["from"] == ann.boundjid and got["type"] == "chat"
            got.reply("yes").send()
            await ann.hears("yes")
    asyncio.run(story())


def test_a_hundred_messages_stay_in_order(home, log_in):
    """RFC 6120 §10.1."""
    ann, bob = log_in("ann", "order", present=True), log_in("bob", "order", present=True)
    for n in range(100):
        ann.message(bob.jid, f"number {n}")
    got = [bob.await_message().findtext(f"{{{CLIENT}}}body") for _ in range(100)]
    assert got == [f"number {n}" for n in range(100)]


def test_the_bare_address_reaches_the_clients_that_want_it(home, log_in, person):
    """RFC 6121 §8.5.2.1.1: chat to the bare JID, by priority; never to a negative one."""
    ann = log_in("ann", "sender", present=True)
    clients = {}
    for name, priority in (("high", 5), ("low", 1), ("never", -1)):
        clients[name] = log_in(person, name)
        clients[name].presence(f"<priority>{priority}</priority>")
        clients[name].ping()
    silent = log_in(person, "silent")
    for wire in clients.values():
        bodies(wire)
    ann.message(home.jid(person), "to your best client")
    ann.message(f"{home.jid(person)}/low", "to this one")
    ann.message(f"{home.jid(person)}/never", "even to you")
    ann.message(home.jid(person), "news for all", kind="headline")
    ann.ping()
    high, low = bodies(clients["high"]), bodies(clients["low"])
    assert "to your best client" in high and "news for all" in high
    assert "to this one" in low and "news for all" in low
    assert bodies(clients["never"]) == ["even to you"]
    assert bodies(silent) == []


def test_a_full_address_that_is_gone_falls_back(home, log_in, person):
    """RFC 6121 §8.5.3.2.1: chat to a resource that is gone goes where the bare JID would."""
    ann, here = log_in("ann", "sender", present=True), log_in(person, "here", present=True)
    bodies(here)
    ann.message(f"{home.jid(person)}/gone", "are you somewhere?")
    here.await_message("are you somewhere?")


@pytest.mark.parametrize("kind", ["chat", "normal"])
def test_nobody_of_that_name(home, log_in, kind):
    """RFC 6121 §8.5.1."""
    ann = log_in("ann", "sender")
    assert bounce(ann, ann.message(home.jid("nobody-here"), "hello?", kind)) == \
        "service-unavailable"


def test_another_domain_cannot_be_reached(home, log_in):
    """There is no connection to other servers yet; the sender is told."""
    ann = log_in("ann", "sender")
    assert bounce(ann, ann.message("friend@elsewhere.test", "hello?")) == \
        "remote-server-not-found"


def test_group_chat_to_a_person_is_refused(home, log_in, person):
    """RFC 6121 §8.5.2.1.1: groupchat to a person is an error."""
    ann, _ = log_in("ann", "sender"), log_in(person, "x", present=True)
    assert bounce(ann, ann.message(home.jid(person), "hi all", "groupchat")) == \
        "service-unavailable"


def test_messages_wait_for_who_is_away_and_come_once(home, log_in, person):
    """XEP-0160 §2, XEP-0203: with the time they were sent, in order, to one client, once."""
    ann = log_in("ann", "sender", present=True)
    before = datetime.now(timezone.utc) - timedelta(seconds=1)
    for n in range(3):
        ann.message(home.jid(person), f"while you were away {n}")
    ann.message(home.jid(person), "a headline is not kept", kind="headline")
    ann.ping()
    first = log_in(person, "first", present=True)
    for n in range(3):
        message = first.await_message()
        assert message.findtext(f"{{{CLIENT}}}body") == f"while you were away {n}"
        delay = message.find(DELAY)
        stamp = datetime.fromisoformat(delay.get("stamp").replace("Z", "+00:00"))
        assert before <= stamp <= datetime.now(timezone.utc) + timedelta(seconds=1)
        assert delay.get("from") == home.domain
    second = log_in(person, "second", present=True)
    assert bodies(first) == [] and bodies(second) == []


def test_slixmpp_finds_what_waited(home, person):
    """As a library reads it, after the daemon was restarted in between."""
    async def story():
        ann = Person(home, "ann", "s")
        async with people(ann):
            ann.send_message(mto=home.jid(person), mbody="see you tomorrow", mtype="chat")
            await ann.settled()
        home.stop_daemon()
        home.start_daemon()
        fay = Person(home, person, "s")
        async with people(fay):
            message = await fay.hears("see you tomorrow")
            assert message["delay"]["stamp"] is not None
    asyncio.run(story())


def test_a_client_without_presence_or_with_negative_priority_leaves_them_waiting(
        home, log_in, person):
    """RFC 6121 §4.2.3 and XEP-0160 §2."""
    ann = log_in("ann", "sender", present=True)
    ann.message(home.jid(person), "later please")
    ann.ping()
    quiet = log_in(person, "quiet")
    quiet.presence("<priority>-1</priority>")
    assert bodies(quiet) == []
    quiet.presence("<priority>0</priority>")
    quiet.await_message("later please")


def test_the_sender_is_told_when_no_more_can_wait(make_home):
    """A limit, and an error past it; what was accepted is all delivered."""
    home = make_home("few", offline=5).start_daemon().set_up().add("bob")
    with Wire(home) as ann:
        ann.login("ann", home.passwords["ann"], "s").presence()
        ann.ping()
        numbers = [ann.message(home.jid("bob"), f"waiting {n}") for n in range(7)]
        conditions = [bounce(ann, number) for number in numbers[5:]]
        assert set(conditions) <= {"resource-constraint", "service-unavailable"}, conditions
    with Wire(home) as bob:
        bob.login("bob", home.passwords["bob"], "s").presence()
        got = [bob.await_message().findtext(f"{{{CLIENT}}}body") for _ in range(5)]
        assert got == [f"waiting {n}" for n in range(5)]
        assert bodies(bob) == []


def test_unknown_parts_of_a_message_arrive_unchanged(home, log_in):
    """What the server does not know, it carries."""
    ann, bob = log_in("ann", "x", present=True), log_in("bob", "x", present=True)
    extra = ("<thing xmlns='urn:example:a' xmlns:z='urn:example:z' z:q='1' b='&lt;&apos;'>"
             "<z:inner>text <deep xmlns=''/> tail</z:inner></thing>"
             "<request xmlns='urn:xmpp:receipts'/>")
    ann.message(bob.jid, "with more", extra=extra)
    got = bob.await_message("with more")
    thing = got.find("{urn:example:a}thing")
    assert thing.get("{urn:example:z}q") == "1" and thing.get("b") == "<'"
    inner = thing.find("{urn:example:z}inner")
    assert inner.text == "text " and inner[0].tag == "deep" and inner[0].tail == " tail"
    assert got.find("{urn:xmpp:receipts}request") is not None


def test_white_space_of_otr_tags_survives(home, log_in):
    """OTR hides a tag in spaces and tabs at the end of a body; not one may be lost."""
    ann, bob = log_in("ann", "otr", present=True), log_in("bob", "otr", present=True)
    tag = "hello \t  \t\t\t\t \t \t \t    \t\t \t "
    ann.message(bob.jid, tag)
    assert bob.await_message().findtext(f"{{{CLIENT}}}body") == tag
