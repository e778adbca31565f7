"""A client written with nbxmpp. Its authorities are the machine's (GLib asks GnuTLS)."""

import os

from gi.repository import GLib
from nbxmpp.client import Client
from nbxmpp.const import ConnectionProtocol, ConnectionType, Mode
from nbxmpp.namespaces import Namespace
from nbxmpp.protocol import JID, Iq, Message, Presence
from nbxmpp.structs import DiscoIdentity, StanzaHandler
from talk import listen, settings, tell

AGAIN_MS = 500
IDENTITIES = [DiscoIdentity(category="client", type="bot", name="nbxmpp")]
FEATURES = [Namespace.DISCO_INFO, Namespace.CAPS, Namespace.AVATAR_METADATA + "+notify"]


class Agent:
    """One client."""

    def __init__(self, jid, password, host, port):
        """Connects at once."""
        self.password = password
        user, _, domain = jid.partition("@")
        self.client = Client(log_context=jid)
        self.client.set_username(user)
        self.client.set_domain(domain)
        self.client.set_password(password)
        self.client.set_resource("nbxmpp")
        self.client.set_mode(Mode.CLIENT)
        self.client.set_protocols([ConnectionProtocol.TCP])
        self.client.set_custom_host(
            f"{host}:{port}", ConnectionProtocol.TCP, ConnectionType.START_TLS)
        for signal, slot in (("connected", self.logged_in), ("disconnected", self.lost),
                             ("connection-failed", self.lost),
                             ("resume-successful", lambda *_: tell("resumed"))):
            self.client.subscribe(signal, slot)
        self.client.get_module("EntityCaps").set_caps(IDENTITIES, FEATURES, "https://nbxmpp.test")
        # After the library's own handlers, which take a message out of its wrapping.
        self.client.register_handler(
            StanzaHandler(name="message", callback=self.message, priority=60))
        self.client.connect()

    def logged_in(self, *_):
        """The log-in is through, and no session was resumed."""
        enable = Iq(typ="set")
        enable.addChild("enable", namespace=Namespace.CARBONS)
        self.client.send_stanza(enable, callback=self.greeted)

    def greeted(self, _client, answer):
        """Copies are on their way."""
        if answer.getType() != "result":
            tell("failed", why=str(answer))
        presence, caps = Presence(), self.client.get_module("EntityCaps").caps
        presence.setTag("c", namespace=Namespace.CAPS, attrs=caps._asdict())
        self.client.send_stanza(presence)
        tell("online")

    def lost(self, *_):
        """nbxmpp leaves it to its user to connect again."""
        error, text, _ = self.client.get_error()
        tell("disconnected", why=f"{error} {text}")
        GLib.timeout_add(AGAIN_MS, self.again)

    def again(self):
        """Connects again."""
        self.client.connect()
        return GLib.SOURCE_REMOVE

    def message(self, _client, _stanza, properties):
        """A message came, unwrapped by the library; its properties tell how."""
        if properties.body:
            how = ("archive" if properties.is_mam_message else
                   "carbon" if properties.is_carbon_message else "live")
            tell("message", text=properties.body, how=how)
        if properties.is_pubsub_event and properties.pubsub_event.node == Namespace.AVATAR_METADATA:
            self.avatar(properties)

    def avatar(self, properties):
        """Somebody has a new picture."""
        metadata, jid = properties.pubsub_event.data, properties.jid
        for hash_ in metadata.avatar_shas if metadata else ():
            # The library keeps weak references only to those whom it calls back.
            self.client.get_module("UserAvatar").request_avatar_data(
                hash_, jid=jid, callback=self.fetched, user_data=jid)

    def fetched(self, task):
        """The picture itself."""
        picture = task.finish()
        tell("avatar", jid=task.get_user_data().bare, hash=picture.sha, bytes=len(picture.data))

    def obey(self, order):
        """Does what the tests want, and tells how it went."""
        try:
            self.carry_out(order)
        except Exception as e:
            tell("failed", why=repr(e))
        return GLib.SOURCE_REMOVE

    def carry_out(self, order):
        """Does it."""
        if order["do"] == "send":
            self.client.send_stanza(Message(to=order["to"], body=order["text"], typ="chat"))
            tell("done")
        elif order["do"] == "block":
            self.client.get_module("Blocking").block(
                [JID.from_string(order["jid"])], callback=finished)
        elif order["do"] == "history":
            own = self.client.get_bound_jid().new_as_bare()
            self.client.get_module("MAM").make_query(own, queryid="all", callback=finished)
        elif order["do"] == "quit":
            os._exit(0)


def finished(task):
    """An order that the server had to answer is through."""
    try:
        task.finish()
        tell("done")
    except Exception as e:
        tell("failed", why=repr(e))


if __name__ == "__main__":
    agent = Agent(*settings())
    listen(lambda order: GLib.idle_add(agent.obey, order))
    GLib.MainLoop().run()
