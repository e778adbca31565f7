"""What the server answers by itself: discovery, ping, version, time, last activity, contacts."""

import asyncio
import xml.etree.ElementTree as ET
from datetime import datetime, timedelta, timezone

import pytest

from clients.person import Person, people
from clients.wire import CLIENT, STANZA_ERRORS, Wire, error_condition

DISCO_INFO = "http://jabber.org/protocol/disco#info"
DISCO_ITEMS = "http://jabber.org/protocol/disco#items"
CAPS = "http://jabber.org/protocol/caps"
STREAM_LIMITS = "urn:xmpp:stream-limits:0"


def test_slixmpp_asks_everything(home):
    """XEP-0030, 0199, 0092, 0202, 0012, as a library asks them."""
    async def story():
        ann = Person(home, "ann", "asks")
        async with people(ann):
            info = (await ann["xep_0030"].get_info(jid=home.domain))["disco_info"]
            assert ("server", "im") in {(i[0], i[1]) for i in info["identities"]}
            features = set(info["features"])
            assert {DISCO_INFO, DISCO_ITEMS, "urn:xmpp:ping", "jabber:iq:version",
                    "urn:xmpp:time", "jabber:iq:last"} <= features, features
            items = (await ann["xep_0030"].get_items(jid=home.domain))["disco_items"]
            assert items["items"] is not None
            account = (await ann["xep_0030"].get_info(jid=ann.boundjid.bare))["disco_info"]
            assert ("account", "registered") in {(i[0], i[1]) for i in account["identities"]}
            assert await ann["xep_0199"].ping(home.domain, timeout=10) < 10
            version = (await ann["xep_0092"].get_version(home.domain))["software_version"]
            assert version["name"] and version["version"]
            time = (await ann["xep_0202"].get_entity_time(home.domain))["entity_time"]
            # Not by slixmpp's own reading, which adds a second Z and trips over it.
            utc = datetime.fromisoformat(
                time.xml.findtext("{urn:xmpp:time}utc").replace("Z", "+00:00"))
            assert abs(utc - datetime.now(timezone.utc)) < timedelta(seconds=5)
            assert time.xml.findtext("{urn:xmpp:time}tzo") in ("Z", "+00:00")
            last = (await ann["xep_0012"].get_last_activity(home.domain))["last_activity"]
            assert 0 <= last["seconds"] < 3600, "the server's time since its start"
    asyncio.run(story())


def test_the_server_pings_and_people_answer_each_other(home):
    """XEP-0199 between two clients, through the server."""
    async def story():
        ann, bob = Person(home, "ann", "p"), Person(home, "bob", "p")
        async with people(ann, bob):
            assert await ann["xep_0199"].ping(bob.boundjid, timeout=10) < 10
            version = await ann["xep_0092"].get_version(bob.boundjid)
            assert version["software_version"]["name"]
    asyncio.run(story())


def test_contact_addresses_are_told(make_home):
    """XEP-0157: as configured."""
    home = make_home("contacts")
    text = home.config.read_text().replace(
        "[limits]", '[contact]\nadmin = ["mailto:ann@home.test", "xmpp:ann@home.test"]\n[limits]')
    home.config.write_text(text)
    home.start_daemon().set_up()

    async def story():
        ann = Person(home, "ann", "c")
        async with people(ann):
            info = await ann["xep_0030"].get_info(jid=home.domain)
            text = str(info)
            assert "mailto:ann@home.test" in text and "xmpp:ann@home.test" in text, text
            assert "http://jabber.org/network/serverinfo" in text
    asyncio.run(story())


def test_stream_limits_and_caps_are_in_the_features(log_in):
    """XEP-0478 and XEP-0115 §6.3."""
    wire = log_in("ann", "limits")
    limits = wire.features.find(f"{{{STREAM_LIMITS}}}limits")
    assert int(limits.findtext(f"{{{STREAM_LIMITS}}}max-bytes")) >= 10_000
    caps = wire.features.find(f"{{{CAPS}}}c")
    assert caps.get("hash") == "sha-1" and caps.get("ver") and caps.get("node")


def test_the_caps_hash_is_the_hash_of_what_disco_says(home):
    """XEP-0115 §5.1: slixmpp computes the same."""
    async def story():
        ann = Person(home, "ann", "caps")
        async with people(ann):
            info = (await ann["xep_0030"].get_info(jid=home.domain))["disco_info"]
            return ann["xep_0115"].generate_verstring(info, "sha-1")
    computed = asyncio.run(story())
    with Wire(home) as wire:
        wire.login("ann", home.passwords["ann"], "caps")
        assert wire.features.find(f"{{{CAPS}}}c").get("ver") == computed


def test_last_activity_of_a_contact_only(home, log_in):
    """XEP-0012 §4: for those who may see the presence; nobody else."""
    ann, cid = log_in("ann", "last"), log_in("cid", "last")
    own = ann.iq("get", "<query xmlns='jabber:iq:last'/>", to=home.jid("ann"))
    assert own.find("{jabber:iq:last}query") is not None
    other = cid.iq("get", "<query xmlns='jabber:iq:last'/>", to=home.jid("ann"), check=False)
    assert other.get("type") == "error", ET.tostring(other)
    assert error_condition(other, STANZA_ERRORS) in (
        "forbidden", "service-unavailable", "subscription-required")


@pytest.mark.parametrize("kind", ["get", "set"])
@pytest.mark.parametrize("target", ["domain", "own", "none", "nobody", "stranger-gone"])
def test_unknown_questions_are_answered_with_an_error(home, log_in, kind, target):
    """RFC 6120 §8.4, RFC 6121 §8.5: every IQ get and set has an answer."""
    wire = log_in("ann", "unknown")
    to = {"domain": home.domain, "own": home.jid("ann"), "none": None,
          "nobody": home.jid("nobody-here"), "stranger-gone": f"{home.jid('bob')}/gone"}[target]
    answer = wire.iq(kind, "<query xmlns='urn:example:unknown'/>", to=to, check=False)
    assert answer.get("type") == "error"
    assert error_condition(answer, STANZA_ERRORS) == "service-unavailable", ET.tostring(answer)


@pytest.mark.parametrize("stanza, condition", [
    ("<iq type='get' id='q'/>", "bad-request"),
    ("<iq type='get' id='q'><a xmlns='u:a'/><b xmlns='u:b'/></iq>", "bad-request"),
    ("<iq type='odd' id='q'><a xmlns='u:a'/></iq>", "bad-request"),
    ("<message to='@home.test' id='q'><body>x</body></message>", "jid-malformed"),
    ("<presence to='a@b@c' id='q' type='subscribe'/>", "jid-malformed"),
])
def test_malformed_stanzas_are_answered(log_in, stanza, condition):
    """RFC 6120 §8.2.3, §8.1.1.1: an error for the stanza, and the stream goes on."""
    wire = log_in("ann", "malformed")
    wire.send(stanza)
    answer = wire.await_stanza(lambda e: e.get("id") == "q")
    assert answer.get("type") == "error"
    assert error_condition(answer, STANZA_ERRORS) == condition, ET.tostring(answer)
    wire.ping()


def test_results_nobody_asked_for_are_swallowed(home, log_in):
    """RFC 6120 §8.2.3: no answer to an answer."""
    wire = log_in("ann", "results")
    wire.send(f"<iq type='result' id='never-asked' to='{home.domain}'/>")
    wire.send(f"<iq type='error' id='never-asked' to='{home.domain}'/>")
    wire.send(f"<iq type='result' id='never-asked' to='{home.jid('bob')}/gone'/>")
    wire.ping()
    assert [e for _, e in wire.events if e.tag == f"{{{CLIENT}}}iq"] == []
