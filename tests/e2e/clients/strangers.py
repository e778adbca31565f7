"""People who share no presence, each with one client, and keys for OMEMO (XEP-0384)."""

import xml.etree.ElementTree as ET

from clients.dino import Dino
from clients.gajim import Gajim
from clients.seated import SeatedProfanity
from clients.wire import ROSTER, Wire
from waiting import until

# Who writes to whom first.
PARTNERS = {Gajim: Dino, Dino: Gajim, SeatedProfanity: Gajim}
OMEMO = "eu.siacs.conversations.axolotl"
PUBSUB = "http://jabber.org/protocol/pubsub"
ARCHIVE = "urn:xmpp:mam:2"


def has(element, name):
    """Is there an element of OMEMO's in this one?"""
    return next(element.iter(f"{{{OMEMO}}}{name}"), None) is not None


class Strangers:
    """One client each."""

    def __init__(self, home, seat):
        """Starts them; `seat` makes a seat from a name and a place for what is kept. Ends when all
        have published their keys."""
        self.home, self.clients = home, {}
        for kind in PARTNERS:
            name = f"far-{kind.resource}"
            home.add(name)
            self.clients[kind] = kind(seat(name, name))
            self.clients[kind].start()
        for kind, client in self.clients.items():
            client.await_online()
            client.make_keys()
        for kind, client in self.clients.items():
            until(f"the keys of {kind.title}",
                  lambda jid=client.jid: self.published(jid) or (False, self.report()), 120)

    def published(self, jid):
        """May somebody else read a list of devices, and a bundle for each?"""
        with Wire(self.home) as wire:
            wire.login("ann", self.home.passwords["ann"])

            def items(node):
                answer = wire.iq(
                    "get", f"<pubsub xmlns='{PUBSUB}'><items node='{node}'/></pubsub>", jid,
                    check=False)
                return answer if answer.get("type") == "result" else ()
            devices = [device.get("id") for item in items(f"{OMEMO}.devicelist")
                       for device in item.iter(f"{{{OMEMO}}}device")]
            return devices and all(
                has(item, "identityKey")
                for number in devices for item in items(f"{OMEMO}.bundles:{number}"))

    def archive(self, kind):
        """All that the server keeps of what one of them wrote and got, and the contacts."""
        name = self.clients[kind].seat.name
        with Wire(self.home) as wire:
            wire.login(name, self.home.passwords[name])
            contacts = wire.iq("get", f"<query xmlns='{ROSTER}'/>").iter(f"{{{ROSTER}}}item")
            wire.iq("set", f"<query xmlns='{ARCHIVE}'/>")
            kept = [element for event, element in wire.events if event == "stanza"]
            return kept, [contact.get("jid") for contact in contacts]

    def report(self):
        """What they tell of themselves."""
        return "\n".join(f"{c.title}: {c.report()}" for c in self.clients.values())

    def talk(self, kind, patience, words):
        """One of them writes to the partner, who answers. `words` makes a text. The server must
        have seen both messages, and none of the words."""
        one, other = self.clients[kind], self.clients[PARTNERS[kind]]
        there, back = words("a secret to"), words("a secret from")
        one.encrypt(other.jid)
        one.send(other.jid, there)
        other.await_text(there, patience)
        other.encrypt(one.jid)
        other.send(one.jid, back)
        one.await_text(back, patience)
        assert one.count(back) == other.count(there) == 1
        kept, contacts = self.archive(kind)
        assert all(jid.startswith("concierge@") for jid in contacts), contacts
        told = [ET.tostring(element, encoding="unicode") for element in kept]
        assert not any(there in text or back in text for text in told), told
        assert sum(has(element, "payload") for element in kept) >= 2, told

    def stop(self):
        """Ends them."""
        for client in self.clients.values():
            client.stop()
