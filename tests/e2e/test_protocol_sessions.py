"""Several clients of one person, conflicts, and how sessions end."""

import asyncio
import signal

import pytest

from clients.person import Person, people
from clients.wire import BIND, CLIENT, STREAM_ERRORS, Closed, Gone, Wire, error_condition


def test_two_clients_with_the_same_resource(home, log_in):
    """RFC 6120 §7.7.2.2: the newer takes the place; the older is told `conflict`."""
    old = log_in("bob", "same", present=True)
    new = log_in("bob", "same")
    old.ends_with("conflict")
    assert new.jid == f"{home.jid('bob')}/same"
    new.ping()
    assert [s["jid"] for s in home.call("session-list", {"name": "bob"})] == [new.jid]


def test_the_client_that_was_replaced_does_not_disturb_the_new_one(home, log_in):
    """The end of the old session is not the end of the new one's presence."""
    ann = log_in("ann", "watch", present=True)
    old = log_in("bob", "again", present=True)
    new = log_in("bob", "again", present=True)
    old.ends_with("conflict")
    ann.message(new.jid, "still there?")
    new.await_message("still there?")


def test_slixmpp_is_told_about_the_conflict(home):
    """As a library meets it."""
    async def story():
        first, second = Person(home, "cid", "one"), Person(home, "cid", "one")
        first.abort_reconnect = True
        async with people(first, second):
            error = await first.see("stream_error")
            assert error["condition"] == "conflict"
    asyncio.run(story())


def test_no_more_sessions_than_the_limit(make_home):
    """`limits.sessions_per_account`: the next one is refused, those that are there stay."""
    home = make_home("three", sessions=3)
    home.start_daemon().set_up()
    wires = [Wire(home).login("ann", home.passwords["ann"], f"r{n}") for n in range(3)]
    extra = Wire(home).secure()
    extra.authenticate("ann", home.passwords["ann"])
    extra.send(f"<iq type='set' id='b'><bind xmlns='{BIND}'/></iq>")
    try:
        answer = extra.stanza()
        refused = answer.get("type") == "error" or answer.tag.endswith("}error")
    except (Closed, Gone):
        refused = True
    assert refused
    for wire in wires:
        wire.ping()
        wire.close()


def test_unbinding_makes_room(home, log_in):
    """A session that ends is gone from the list at once."""
    wire = log_in("bob", "short", present=True)
    wire.close()
    with Wire(home) as other:
        other.login("bob", home.passwords["bob"], "after")
        jids = [s["jid"] for s in home.call("session-list", {"name": "bob"})]
        assert jids == [other.jid]


def test_an_administrator_closes_one_session(home, log_in):
    """`snug session kick`."""
    stays, goes = log_in("bob", "stays"), log_in("bob", "goes")
    reply = home.call("session-kick", {"jid": goes.jid})
    assert reply["closed"] == [goes.jid]
    goes.ends_with("policy-violation")
    stays.ping()


def test_closing_the_stream_is_answered(log_in):
    """RFC 6120 §4.4: </stream:stream> for </stream:stream>, then the connection ends."""
    wire = log_in("bob", "polite")
    wire.send("</stream:stream>")
    assert wire.event()[0] == "close"
    with pytest.raises(Gone):
        wire.event()


def test_a_graceful_stop_tells_everybody_and_loses_nothing(home, log_in):
    """SIGTERM: `system-shutdown` for each client; what was sent before it is delivered."""
    ann, bob = log_in("ann", "stop", present=True), log_in("bob", "stop", present=True)
    for n in range(50):
        ann.message(bob.jid, f"before the end {n}")
    ann.message(home.jid("cid"), "for later")
    ann.ping()
    assert home.stop_daemon(signal.SIGTERM) == 0
    got = []
    for wire in (ann, bob):
        seen = None
        try:
            while True:
                kind, element = wire.event()
                if kind == "stanza" and element.tag == f"{{{CLIENT}}}message":
                    got.append(element.findtext(f"{{{CLIENT}}}body"))
                elif kind == "stanza" and element.tag.endswith("}error"):
                    seen = error_condition(element, STREAM_ERRORS)
        except Gone:
            assert seen == "system-shutdown"
    assert got == [f"before the end {n}" for n in range(50)]
    home.start_daemon()
    with Wire(home) as cid:
        cid.login("cid", home.passwords["cid"], "next").presence()
        cid.await_message("for later")


def test_binding_twice_is_refused(log_in):
    """RFC 6120 §7.6.2.1: one resource per stream here; the bound one goes on."""
    wire = log_in("bob", "once")
    answer = wire.iq("set", f"<bind xmlns='{BIND}'><resource>twice</resource></bind>", check=False)
    assert answer.get("type") == "error"
    wire.ping()
