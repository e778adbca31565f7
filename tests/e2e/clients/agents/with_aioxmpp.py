"""A client written with aioxmpp. Its authorities are the machine's."""

import asyncio
import os

import aioxmpp
import aioxmpp.carbons
from OpenSSL import SSL
from talk import listen, settings, tell

AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt"


def context():
    """TLS settings: the library's own, with the machine's authorities."""
    made = aioxmpp.security_layer.default_ssl_context()
    made.load_verify_locations(AUTHORITIES)
    return made


class Agent:
    """One client."""

    def __init__(self, jid, password, host, port):
        """Connects at once, and again when need be: the library's own doing."""
        security = aioxmpp.make_security_layer(password)._replace(ssl_context_factory=context)
        self.client = aioxmpp.PresenceManagedClient(
            aioxmpp.JID.fromstr(f"{jid}/aioxmpp"), security,
            override_peer=[(host, port, aioxmpp.connector.STARTTLSConnector())])
        self.dispatcher = self.client.summon(aioxmpp.dispatcher.SimpleMessageDispatcher)
        self.dispatcher.register_callback(aioxmpp.MessageType.CHAT, None, self.message)
        self.carbons = self.client.summon(aioxmpp.CarbonsClient)
        self.blocking = self.client.summon(aioxmpp.BlockingClient)
        self.avatars = self.client.summon(aioxmpp.AvatarService)
        self.avatars.on_metadata_changed.connect(self.avatar)
        self.client.on_stream_established.connect(self.established)
        self.client.on_stream_suspended.connect(lambda why: tell("disconnected", why=repr(why)))
        self.client.on_stream_resumed.connect(lambda: tell("resumed"))
        self.client.on_failure.connect(lambda why: tell("gave-up", why=repr(why)))

    def message(self, message):
        """A message came; a copy is wrapped in one."""
        for carbon in (message.xep0280_received, message.xep0280_sent):
            if carbon is not None and carbon.stanza is not None and carbon.stanza.body:
                tell("message", text=carbon.stanza.body.any(), how="carbon")
        if message.body:
            tell("message", text=message.body.any(), how="live")

    def established(self):
        """The log-in is through, and no session was resumed."""
        asyncio.ensure_future(self.greet())

    async def greet(self):
        """Asks for copies."""
        await self.carbons.enable()
        tell("online")

    def avatar(self, jid, metadata):
        """Somebody has a new picture."""
        asyncio.ensure_future(self.fetch(jid, metadata))

    async def fetch(self, jid, metadata):
        """Fetches it."""
        for descriptor in metadata:
            data = await descriptor.get_image_bytes()
            tell("avatar", jid=str(jid.bare()), hash=descriptor.normalized_id, bytes=len(data))

    async def carry_out(self, order):
        """Does what the tests want."""
        if order["do"] == "send":
            message = aioxmpp.Message(
                aioxmpp.MessageType.CHAT, to=aioxmpp.JID.fromstr(order["to"]))
            message.body[None] = order["text"]
            await self.client.send(message)
        elif order["do"] == "block":
            await self.blocking.block_jids([aioxmpp.JID.fromstr(order["jid"])])

    async def obey(self, order):
        """Does it, and tells how it went."""
        if order["do"] == "quit":
            os._exit(0)
        try:
            await self.carry_out(order)
            tell("done")
        except Exception as e:
            tell("failed", why=repr(e))


async def main():
    """Connects and obeys."""
    agent = Agent(*settings())
    loop = asyncio.get_running_loop()
    listen(lambda order: asyncio.run_coroutine_threadsafe(agent.obey(order), loop))
    agent.client.presence = aioxmpp.PresenceState(True)
    await asyncio.Event().wait()


asyncio.run(main())
