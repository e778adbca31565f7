"""Contacts: the roster and the subscription states of RFC 6121 §2 and §3, and presence (§4)."""

import asyncio
import xml.etree.ElementTree as ET

import pytest

from clients.person import Person, people
from clients.wire import CLIENT, ROSTER, Wire

VERSIONING = "urn:xmpp:features:rosterver"
PRE_APPROVAL = "urn:xmpp:features:pre-approval"


@pytest.fixture
def fresh(home):
    """Names of people nobody has talked with yet."""
    fresh.count = getattr(fresh, "count", 0) + 1
    names = [f"{name}{fresh.count}" for name in ("dora", "emil")]
    home.add(*names)
    return names


def item(person, jid):
    """(subscription, pending) of a contact in what slixmpp believes the roster is."""
    entry = person.client_roster[jid]
    return entry["subscription"], bool(entry["pending_out"])


def pushed(jid, **wanted):
    """Matches a roster push for `jid` with these attributes."""
    def matches(iq):
        found = iq["roster"]["items"].get(jid)
        return found is not None and all(found[k] == v for k, v in wanted.items())
    return matches


def test_contacts_are_kept_and_pushed_to_all_clients(home, fresh):
    """RFC 6121 §2.3 to §2.5."""
    me, _ = fresh

    async def story():
        one, two = Person(home, me, "one"), Person(home, me, "two")
        async with people(one, two):
            await one.update_roster("friend@elsewhere.test", name="A & B <friend>", groups=["Far"])
            for client in (one, two):
                push = await client.see("roster_update", pushed("friend@elsewhere.test"))
                entry = push["roster"]["items"]["friend@elsewhere.test"]
                assert entry["name"] == "A & B <friend>" and entry["groups"] == ["Far"]
                assert entry["subscription"] == "none"
            await two.update_roster("friend@elsewhere.test", name="F", groups=["Far", "Near"])
            await one.see("roster_update", pushed("friend@elsewhere.test", name="F"))
            await one.del_roster_item("friend@elsewhere.test")
            await two.see("roster_update",
                          pushed("friend@elsewhere.test", subscription="remove"))
        later = Person(home, me, "later")
        async with people(later):
            assert "friend@elsewhere.test" not in later.client_roster.keys()
    asyncio.run(story())


def test_two_people_become_contacts_and_part(home, fresh):
    """RFC 6121 §3.1 to §3.3: ask, agree, ask back, agree; then cancel and unsubscribe."""
    dora_name, emil_name = fresh

    async def story():
        dora, emil = Person(home, dora_name, "d"), Person(home, emil_name, "e")
        dora_jid, emil_jid = home.jid(dora_name), home.jid(emil_name)
        async with people(dora, emil):
            dora.send_presence_subscription(pto=emil_jid, ptype="subscribe")
            await dora.see("roster_update", pushed(emil_jid, subscription="none"))
            asked = await emil.see("presence", lambda p: p["type"] == "subscribe")
            assert asked["from"] == dora_jid, "the request comes from the bare JID"
            assert not emil.has_seen("roster_update"), "a request is no contact yet"

            emil.send_presence_subscription(pto=dora_jid, ptype="subscribed")
            await emil.see("roster_update", pushed(dora_jid, subscription="from"))
            await dora.see("roster_update", pushed(emil_jid, subscription="to"))
            await dora.see("presence", lambda p: p["type"] == "subscribed")
            online = await dora.see(
                "presence", lambda p: p["type"] == "available" and p["from"].bare == emil_jid)
            assert online["from"] == emil.boundjid

            emil.send_presence_subscription(pto=dora_jid, ptype="subscribe")
            await dora.see("presence", lambda p: p["type"] == "subscribe")
            dora.send_presence_subscription(pto=emil_jid, ptype="subscribed")
            await emil.see("roster_update", pushed(dora_jid, subscription="both"))
            await dora.see("roster_update", pushed(emil_jid, subscription="both"))
            await emil.see(
                "presence", lambda p: p["type"] == "available" and p["from"] == dora.boundjid)

            dora.send_presence(pshow="away", pstatus="tea")
            away = await emil.see(
                "presence", lambda p: p["from"] == dora.boundjid and p["show"] == "away")
            assert away["status"] == "tea"

            dora.send_presence_subscription(pto=emil_jid, ptype="unsubscribed")
            await emil.see("presence", lambda p: p["type"] == "unsubscribed")
            await emil.see("roster_update", pushed(dora_jid, subscription="from"))
            await emil.see("presence", lambda p: p["type"] == "unavailable"
                           and p["from"] == dora.boundjid)
            await dora.del_roster_item(emil_jid)
            await emil.see("roster_update", pushed(dora_jid, subscription="none"))
    asyncio.run(story())


def test_a_request_waits_for_who_is_away_and_may_be_declined(home, fresh):
    """RFC 6121 §3.1.3: the request is kept, delivered at log-in, and again until answered."""
    dora_name, emil_name = fresh

    async def story():
        dora = Person(home, dora_name, "d")
        async with people(dora):
            dora.send_presence_subscription(
                pto=home.jid(emil_name), ptype="subscribe", pfrom=None)
            await dora.see("roster_update", pushed(home.jid(emil_name), subscription="none"))
            for resource in ("first", "second"):
                emil = Person(home, emil_name, resource)
                async with people(emil):
                    asked = await emil.see("presence", lambda p: p["type"] == "subscribe")
                    assert asked["from"] == home.jid(dora_name)
                    if resource == "second":
                        emil.send_presence_subscription(
                            pto=home.jid(dora_name), ptype="unsubscribed")
                        await dora.see("presence", lambda p: p["type"] == "unsubscribed")
            third = Person(home, emil_name, "third")
            async with people(third):
                await third.settled()
                assert not third.has_seen("presence", lambda p: p["type"] == "subscribe")
    asyncio.run(story())


def test_presence_of_a_lost_connection_ends(home, fresh):
    """RFC 6121 §4.5: unavailable is sent on behalf of a client that vanished."""
    dora_name, emil_name = fresh
    befriend(home, dora_name, emil_name)

    async def story():
        dora, emil = Person(home, dora_name, "d"), Person(home, emil_name, "e")
        async with people(dora, emil):
            await dora.see("presence", lambda p: p["from"] == emil.boundjid
                           and p["type"] == "available")
            emil.vanish()
            await dora.see("presence", lambda p: p["from"].bare == home.jid(emil_name)
                           and p["type"] == "unavailable")
    asyncio.run(story())


def befriend(home, one, other):
    """Both are contacts of each other afterwards."""
    with Wire(home) as a, Wire(home) as b:
        for wire, name in ((a, one), (b, other)):
            wire.login(name, home.passwords[name], "befriend")
            wire.iq("get", f"<query xmlns='{ROSTER}'/>")
            wire.presence()
        for here, there, of_here, of_there in ((a, b, one, other), (b, a, other, one)):
            here.presence(to=home.jid(of_there), type="subscribe")
            there.await_presence(type="subscribe", **{"from": home.jid(of_here)})
            there.presence(to=home.jid(of_here), type="subscribed")
            here.await_presence(type="subscribed")
        for wire, name in ((a, other), (b, one)):
            roster = wire.iq("get", f"<query xmlns='{ROSTER}'/>")
            (entry,) = [i for i in roster.iter(f"{{{ROSTER}}}item") if i.get("jid") == home.jid(name)]
            assert entry.get("subscription") == "both", ET.tostring(entry)


def test_probes_tell_a_new_client_who_is_there(home, fresh):
    """RFC 6121 §4.3: initial presence brings the presence of each contact's clients."""
    dora_name, emil_name = fresh
    befriend(home, dora_name, emil_name)
    with Wire(home) as first, Wire(home) as second, Wire(home) as late:
        first.login(dora_name, home.passwords[dora_name], "phone")
        first.presence("<show>dnd</show><priority>3</priority>")
        second.login(dora_name, home.passwords[dora_name], "desk").presence()
        second.ping()
        late.login(emil_name, home.passwords[emil_name], "e").presence()
        phone = late.await_presence(**{"from": first.jid})
        assert phone.findtext(f"{{{CLIENT}}}show") == "dnd"
        late.await_presence(**{"from": second.jid})


def test_directed_presence_reaches_a_stranger_and_ends_with_the_session(home, fresh):
    """RFC 6121 §4.6."""
    dora_name, emil_name = fresh
    with Wire(home) as emil:
        emil.login(emil_name, home.passwords[emil_name], "e").presence()
        with Wire(home) as dora:
            dora.login(dora_name, home.passwords[dora_name], "d").presence()
            dora.presence("<status>only for you</status>", to=emil.jid)
            seen = emil.await_presence(**{"from": dora.jid})
            assert seen.findtext(f"{{{CLIENT}}}status") == "only for you"
        emil.await_presence(type="unavailable", **{"from": dora.jid})


def test_the_roster_is_sent_only_when_it_changed(home, log_in):
    """RFC 6121 §2.6."""
    wire = log_in("bob", "versions")
    assert wire.features.find(f"{{{VERSIONING}}}ver") is not None
    first = wire.iq("get", f"<query xmlns='{ROSTER}' ver=''/>")
    version = first.find(f"{{{ROSTER}}}query").get("ver")
    assert version
    again = wire.iq("get", f"<query xmlns='{ROSTER}' ver='{version}'/>")
    assert again.find(f"{{{ROSTER}}}query") is None, "nothing changed, nothing is sent"
    wire.iq("set", f"<query xmlns='{ROSTER}'><item jid='v@elsewhere.test'/></query>")
    push = wire.await_stanza(lambda e: e.find(f"{{{ROSTER}}}query") is not None)
    assert push.get("type") == "set"
    newer = push.find(f"{{{ROSTER}}}query").get("ver")
    assert newer and newer != version
    current = wire.iq("get", f"<query xmlns='{ROSTER}' ver='{newer}'/>")
    assert current.find(f"{{{ROSTER}}}query") is None


@pytest.mark.parametrize("payload, condition", [
    ("<item jid='a@b.test'/><item jid='c@d.test'/>", "bad-request"),
    ("", "bad-request"),
    ("<item/>", "bad-request"),
    ("<item jid='a@b.test'><group></group></item>", "not-acceptable"),
    ("<item jid='a@b.test'><group>x</group><group>x</group></item>", "bad-request"),
    ("<item jid='nobody@b.test' subscription='remove'/>", "item-not-found"),
    (f"<item jid='a@b.test' name='{'n' * 2000}'/>", "not-acceptable"),
])
def test_wrong_roster_sets_are_refused(log_in, payload, condition):
    """RFC 6121 §2.3.3, §2.5.3."""
    wire = log_in("bob", "wrong-sets")
    answer = wire.iq("set", f"<query xmlns='{ROSTER}'>{payload}</query>", check=False)
    names = [e.tag.split("}")[1] for e in answer.find(f"{{{CLIENT}}}error")]
    assert answer.get("type") == "error" and condition in names, ET.tostring(answer)


def test_approval_ahead_of_the_request(home, fresh):
    """RFC 6121 §3.4: who is approved beforehand is not asked about."""
    dora_name, emil_name = fresh
    with Wire(home) as dora, Wire(home) as emil:
        dora.login(dora_name, home.passwords[dora_name], "d").presence()
        assert dora.features.find(f"{{{PRE_APPROVAL}}}sub") is not None
        dora.iq("get", f"<query xmlns='{ROSTER}'/>")
        dora.presence(to=home.jid(emil_name), type="subscribed")
        push = dora.await_stanza(lambda e: e.find(f"{{{ROSTER}}}query") is not None)
        assert push.find(f"{{{ROSTER}}}query")[0].get("approved") in ("true", "1")
        emil.login(emil_name, home.passwords[emil_name], "e").presence()
        # RFC 6121 §3.1.6: "subscribed" is for clients that asked for the roster.
        emil.iq("get", f"<query xmlns='{ROSTER}'/>")
        emil.presence(to=home.jid(dora_name), type="subscribe")
        emil.await_presence(type="subscribed", **{"from": home.jid(dora_name)})
        emil.await_presence(**{"from": dora.jid})
        dora.ping()
        kinds = [e.get("type") for k, e in dora.events if e.tag == f"{{{CLIENT}}}presence"]
        assert "subscribe" not in kinds, "the person is not asked"
