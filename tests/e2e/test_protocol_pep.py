"""Publishing under one's own address: XEP-0163, 0060, 0222, 0223 and 0384, as slixmpp does it."""

import asyncio
import types
import xml.etree.ElementTree as ET

import pytest
from slixmpp.exceptions import IqError

from clients.person import Person, people

NICK = "http://jabber.org/protocol/nick"
PUBSUB = "http://jabber.org/protocol/pubsub"
ERRORS = "{http://jabber.org/protocol/pubsub#errors}"
DEVICES = "eu.siacs.conversations.axolotl.devicelist"
NODES_MAX = 256


class Publisher(Person):
    """A person whose client publishes, and hears of these nodes."""

    def __init__(self, home, name, resource, *wanted):
        super().__init__(home, name, resource)
        for plugin in ("xep_0004", "xep_0059", "xep_0060", "xep_0163", "xep_0222", "xep_0223"):
            self.register_plugin(plugin)
        for node in wanted:
            self["xep_0163"].add_interest(node)
        for kind in ("publish", "retract", "purge", "delete"):
            self.add_event_handler(f"pubsub_{kind}", lambda m, kind=kind: self._hear(kind, m))

    def _hear(self, kind, message):
        self.seen.append((kind, message))
        self.news.set()

    async def hears_of(self, node, kind="publish"):
        """Waits for news of `node`; gives the message."""
        where = "items" if kind in ("publish", "retract") else kind
        return await self.see(kind, lambda m: m["pubsub_event"][where]["node"] == node)

    def options(self, **fields):
        """Publishing options."""
        form = self["xep_0004"].make_form(ftype="submit")
        form.add_field(var="FORM_TYPE", ftype="hidden", value=f"{PUBSUB}#publish-options")
        for name, value in fields.items():
            form.add_field(var=f"pubsub#{name}", value=value)
        return form


def element(name, ns, text=""):
    """`<name xmlns=ns>text</name>`"""
    made = ET.Element(f"{{{ns}}}{name}")
    made.text = text
    return made


def stanza(*what):
    """The same as slixmpp's plugins want it."""
    return types.SimpleNamespace(xml=element(*what))


def payloads(iq):
    """Names and texts of the items in an answer."""
    items = iq.xml.iter(f"{{{PUBSUB}}}item")
    return [(item.get("id"), item[0].text) for item in items]


async def befriend(one, other):
    """Both see each other's presence."""
    for asks, asked in ((one, other), (other, one)):
        asks.send_presence_subscription(pto=asked.boundjid.bare)
        await asked.see("presence", lambda p: p["type"] == "subscribe")
        asked.send_presence(pto=asks.boundjid.bare, ptype="subscribed")
        await asks.see("presence", lambda p: p["type"] == "subscribed")


async def refused(answer, condition, app=None):
    """The answer is this error."""
    with pytest.raises(IqError) as caught:
        await answer
    error = caught.value.iq["error"]
    assert error["condition"] == condition, error
    if app:
        assert error.xml.find(ERRORS + app) is not None, error


def test_devices_and_contacts_hear_of_news(home):
    """XEP-0163 §4: those that want it, live and when they come online."""
    home.add("pepann", "pepbob", "pepcid")

    async def story():
        ann = Publisher(home, "pepann", "phone", NICK)
        tv = Publisher(home, "pepann", "tv")
        bob, cid = Publisher(home, "pepbob", "desk", NICK), Publisher(home, "pepcid", "pc", NICK)
        async with people(ann, tv, bob, cid):
            await befriend(ann, bob)
            # Published last, so that the interest of all is known by then.
            await ann["xep_0163"].publish(stanza("nick", NICK, "Ann"), node=NICK)
            for client in (ann, bob):
                news = await client.hears_of(NICK)
                assert news["from"] == ann.boundjid.bare and news["to"] == client.boundjid
                assert news["type"] == "headline"
                assert payloads_of(news) == [("current", "Ann")]
            for client in (tv, cid):
                await client.settled()
                assert not client.has_seen("publish"), client.boundjid
            late = Publisher(home, "pepbob", "tablet", NICK)
            async with people(late):
                news = await late.hears_of(NICK)
                assert payloads_of(news) == [("current", "Ann")] and news["delay"]["stamp"]
                await ann["xep_0060"].retract(None, NICK, "current", notify=True)
                for client in (ann, bob, late):
                    await client.hears_of(NICK, "retract")
    asyncio.run(story())


def payloads_of(message):
    """Names and texts of the items in an event."""
    items = message.xml.iter(f"{{{PUBSUB}#event}}item")
    return [(item.get("id"), item[0].text) for item in items]


def test_keys_of_omemo_reach_strangers(home):
    """XEP-0384 as deployed: what is open is for everybody, whatever their presence."""
    async def story():
        ann, cid = Publisher(home, "ann", "omemo"), Publisher(home, "cid", "omemo")
        async with people(ann, cid):
            devices = element("list", "eu.siacs.conversations.axolotl", "4711")
            closed = element("list", "eu.siacs.conversations.axolotl", "0")
            pubsub = ann["xep_0060"]
            await pubsub.publish(None, DEVICES, id="current", payload=closed)
            asks = cid["xep_0060"].get_items(ann.boundjid.bare, DEVICES)
            await refused(asks, "not-authorized", "presence-subscription-required")
            # The node is as an old client left it; the new one repairs it.
            open_to_all = ann.options(access_model="open", persist_items="true")
            publish = pubsub.publish(
                None, DEVICES, id="current", payload=devices, options=open_to_all)
            await refused(publish, "conflict", "precondition-not-met")
            config = await pubsub.get_node_config(None, DEVICES)
            config = config["pubsub_owner"]["configure"]["form"]
            config["type"] = "submit"
            config.set_values({"pubsub#access_model": "open"})
            await pubsub.set_node_config(None, DEVICES, config)
            await pubsub.publish(None, DEVICES, id="current", payload=devices, options=open_to_all)
            found = await cid["xep_0060"].get_items(ann.boundjid.bare, DEVICES, max_items=1)
            assert payloads(found) == [("current", "4711")]
            missing = cid["xep_0060"].get_items(home.jid("bob"), DEVICES)
            await refused(missing, "item-not-found")
    asyncio.run(story())


def test_private_and_public_data(home):
    """XEP-0223 and XEP-0222 with slixmpp's own plugins."""
    async def story():
        ann, bob = Publisher(home, "ann", "private"), Publisher(home, "bob", "private")
        async with people(ann, bob):
            note, word = stanza("note", "urn:example:note", "mine"), stanza("w", "urn:x:w", "all")
            await ann["xep_0223"].store(note, node="urn:example:note", id="current")
            await ann["xep_0222"].store(
                word, node="urn:x:w", id="current", options=ann.options(access_model="open"))
            mine = await ann["xep_0223"].retrieve("urn:example:note")
            assert payloads(mine) == [("current", "mine")]
            asks = bob["xep_0060"].get_items(ann.boundjid.bare, "urn:example:note")
            await refused(asks, "not-allowed", "closed-node")
            seen = await bob["xep_0060"].get_items(ann.boundjid.bare, "urn:x:w")
            assert payloads(seen) == [("current", "all")]
            items = await bob["xep_0030"].get_items(jid=ann.boundjid.bare)
            nodes = {node for _, node, _ in items["disco_items"]["items"]}
            assert "urn:x:w" in nodes and "urn:example:note" not in nodes
    asyncio.run(story())


def test_nodes_are_managed(home):
    """XEP-0060 §8: create, configure, read in pages, purge, delete."""
    async def story():
        ann = Publisher(home, "ann", "manage")
        async with people(ann):
            info = await ann["xep_0030"].get_info(jid=ann.boundjid.bare)
            identities = {(i[0], i[1]) for i in info["disco_info"]["identities"]}
            assert ("pubsub", "pep") in identities
            assert f"{PUBSUB}#publish-options" in info["disco_info"]["features"]
            pubsub = ann["xep_0060"]
            form = ann["xep_0004"].make_form(ftype="submit")
            form.add_field(var="FORM_TYPE", ftype="hidden", value=f"{PUBSUB}#node_config")
            form.add_field(var="pubsub#max_items", value="max")
            await pubsub.create_node(None, "posts", config=form)
            await refused(pubsub.create_node(None, "posts"), "conflict")
            for number in range(5):
                post = element("p", "urn:example:post", str(number))
                await pubsub.publish(None, "posts", id=f"p{number}", payload=post)
            found = await pubsub.get_items(None, "posts", max_items=2)
            assert payloads(found) == [("p3", "3"), ("p4", "4")]
            one = await pubsub.get_item(None, "posts", "p1")
            assert payloads(one) == [("p1", "1")]
            await pubsub.purge(None, "posts")
            assert payloads(await pubsub.get_items(None, "posts")) == []
            await pubsub.delete_node(None, "posts")
            await refused(pubsub.get_items(None, "posts"), "item-not-found")
    asyncio.run(story())


def test_too_much_is_refused_and_nobody_else_notices(home):
    """Nodes beyond the limit, items too large; other people publish on."""
    home.add("greedy")

    async def story():
        greedy, bob = Publisher(home, "greedy", "pc"), Publisher(home, "bob", "calm")
        async with people(greedy, bob):
            pubsub = greedy["xep_0060"]
            for number in range(NODES_MAX):
                await pubsub.create_node(None, f"n{number}")
            for number in range(20):
                more = pubsub.create_node(None, f"more{number}")
                await refused(more, "resource-constraint", "max-nodes-exceeded")
            large = element("a", "urn:example:a", "x" * 200_000)
            publish = pubsub.publish(None, "n0", payload=large)
            await refused(publish, "not-acceptable", "payload-too-big")
            await pubsub.publish(None, "n0", payload=element("a", "urn:example:a", "small"))
            await bob["xep_0163"].publish(stanza("nick", NICK, "Bob"), node=NICK)
            found = await bob["xep_0060"].get_items(None, NICK)
            assert [text for _, text in payloads(found)] == ["Bob"]
    asyncio.run(story())
