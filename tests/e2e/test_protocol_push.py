"""XEP-0357: an app server written with slixmpp wakes a device of a slixmpp client."""

import asyncio
import xml.etree.ElementTree as ET

import pytest
from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import MatchXPath

from clients.gateway import Gateway, connected
from clients.person import Person, people
from waiting import until

NAME, SECRET = "push.home.test", "a-long-secret-of-a-push-service"
PUSH, PUBSUB, DATA = "urn:xmpp:push:0", "http://jabber.org/protocol/pubsub", "jabber:x:data"
OPTIONS = "http://jabber.org/protocol/pubsub#publish-options"


class AppServer(Gateway):
    """Notes each push; answers with a result, or with an error if told to."""

    def __init__(self, home):
        super().__init__(home, NAME, SECRET)
        self.refuse = None
        self["xep_0030"].add_identity(category="pubsub", itype="push")
        self.register_handler(Callback(
            "push", MatchXPath(f"{{jabber:component:accept}}iq/{{{PUBSUB}}}pubsub"), self._push))

    def _push(self, iq):
        self._note(iq)
        answer = iq.reply()
        if self.refuse:
            answer["type"] = "error"
            answer["error"]["type"], answer["error"]["condition"] = self.refuse
        answer.send()

    async def pushed(self, count):
        """The fields that the push number `count` told, its node and its options."""
        def nth(_):
            return len(self.seen) >= count
        await self.wait_for(nth)
        pubsub = self.seen[count - 1].xml.find(f"{{{PUBSUB}}}pubsub")
        publish = pubsub.find(f"{{{PUBSUB}}}publish")
        form = publish.find(f".//{{{PUSH}}}notification/{{{DATA}}}x")
        options = pubsub.find(f"{{{PUBSUB}}}publish-options/{{{DATA}}}x")
        return publish.get("node"), fields(form), fields(options)


def fields(form):
    """A data form as a dictionary."""
    if form is None:
        return {}
    return {f.get("var"): f.findtext(f"{{{DATA}}}value") for f in form}


async def enable(person, node, secret=None):
    """Registers the person's device."""
    request = ET.Element(f"{{{PUSH}}}enable", jid=NAME, node=node)
    if secret:
        form = ET.SubElement(request, f"{{{DATA}}}x", type="submit")
        for var, value in (("FORM_TYPE", OPTIONS), ("secret", secret)):
            ET.SubElement(ET.SubElement(form, f"{{{DATA}}}field", var=var),
                          f"{{{DATA}}}value").text = value
    iq = person.make_iq_set()
    iq.append(request)
    await iq.send(timeout=20)


@pytest.fixture
def home(make_home, request):
    """A home with a push service, new for each story: pushes to one device are apart in time."""
    home = make_home(request.node.name, components={NAME: SECRET})
    home.start_daemon().set_up()
    home.add("bob")
    return home


def story_of_a_push(home, told):
    """Bob's phone is registered and leaves; Ann writes. What the app server is told."""
    async def story():
        server = AppServer(home)
        async with connected(server):
            bob = Person(home, "bob", "phone")
            async with people(bob):
                info = await bob["xep_0030"].get_info(jid=bob.boundjid.bare)
                assert PUSH in info["disco_info"]["features"]
                await enable(bob, "node-of-bob", "eruio234")
            ann = Person(home, "ann", "desk")
            async with people(ann):
                ann.send_message(mto=home.jid("bob"), mbody="dinner is ready", mtype="chat")
                node, form, options = await server.pushed(1)
                assert node == "node-of-bob"
                assert form.pop("FORM_TYPE") == "urn:xmpp:push:summary"
                assert form == told
                assert options["secret"] == "eruio234"
                assert str(server.seen[0]["from"]) == home.domain, "it does not tell whose it is"
            async with people(bob):
                await bob.hears("dinner is ready")
    asyncio.run(story())


def test_a_push_tells_the_number_of_messages_and_nothing_else(home):
    """By default."""
    story_of_a_push(home, {"message-count": "1"})
    assert "eruio234" not in home.log() and "dinner" not in home.log()
    listed = home.snug_json("push", "list", "bob")
    assert [(d["service"], d["node"], d["failing"]) for d in listed] == [(NAME, "node-of-bob", False)]
    home.snug("push", "off", "bob", NAME)
    assert home.snug_json("push", "list") == []


def test_a_push_tells_more_if_somebody_chose_so(home):
    """Out of band only: by the command line or the panel."""
    home.snug("push", "preview", "bob", "text")
    story_of_a_push(home, {
        "message-count": "1", "last-message-sender": home.jid("ann"),
        "last-message-body": "dinner is ready"})


@pytest.mark.parametrize("kind, condition, stays", [
    ("cancel", "item-not-found", False), ("wait", "resource-constraint", True)])
def test_errors_end_a_registration_or_let_it_wait(home, kind, condition, stays):
    """XEP-0357 §7.1; nobody is told but the list."""
    async def story():
        server = AppServer(home)
        server.refuse = (kind, condition)
        async with connected(server):
            bob, ann = Person(home, "bob", "phone"), Person(home, "ann", "desk")
            async with people(bob):
                await enable(bob, "n")
            async with people(ann):
                ann.send_message(mto=home.jid("bob"), mbody="hello", mtype="chat")
                await server.pushed(1)
                await ann.settled()
                assert not ann.has_seen("message"), "Ann hears nothing of it"
    asyncio.run(story())

    def settled():
        left = home.snug_json("push", "list")
        return [d["failing"] for d in left] == ([True] if stays else [])
    until("the list to say so", settled)
