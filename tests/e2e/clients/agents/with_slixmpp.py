"""A client written with slixmpp. Its authorities are the machine's."""

import asyncio
import base64
import hashlib
import os
from pathlib import Path

import slixmpp
from talk import listen, settings, tell

PLUGINS = ("xep_0030", "xep_0115", "xep_0191", "xep_0198", "xep_0199", "xep_0280", "xep_0313",
           "xep_0084", "xep_0153")
AGAIN_SECONDS = 0.5
AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")


class Agent(slixmpp.ClientXMPP):
    """One client."""

    def __init__(self, jid, password):
        """Settings only."""
        super().__init__(f"{jid}/slixmpp", password)
        self.ca_certs = AUTHORITIES
        self.ssl_context.check_hostname = True
        self.enable_direct_tls, self.enable_plaintext = False, False
        for plugin in PLUGINS:
            self.register_plugin(plugin)
        self.add_event_handler("session_start", self.started)
        self.add_event_handler("session_resumed", lambda _: tell("resumed"))
        self.add_event_handler("message", lambda m: self.saw(m, "live"))
        for kind in ("received", "sent"):
            self.add_event_handler(
                f"carbon_{kind}", lambda m, kind=f"carbon_{kind}": self.saw(m[kind], "carbon"))
        self.add_event_handler("avatar_metadata_publish", self.avatar)
        self.add_event_handler("disconnected", self.again)

    def saw(self, message, how):
        """A message came, in whatever wrapping."""
        if message["body"]:
            tell("message", text=message["body"], how=how)

    async def started(self, _):
        """The log-in is through, and no session was resumed."""
        await self["xep_0280"].enable()
        await self.get_roster()
        self.send_presence()
        tell("online")

    def again(self, _):
        """slixmpp leaves it to its user to connect again."""
        tell("disconnected")
        self.loop.call_later(AGAIN_SECONDS, self.connect, self.host, self.port_number)

    async def avatar(self, message):
        """Somebody has a new picture."""
        for item in message["pubsub_event"]["items"]:
            hash_ = item["avatar_metadata"]["items"][0]["id"]
            data = await self["xep_0084"].retrieve_avatar(message["from"], hash_)
            picture = data["pubsub"]["items"]["item"]["avatar_data"]["value"]
            tell("avatar", jid=message["from"].bare, hash=hash_, bytes=len(picture))

    async def carry_out(self, order):
        """Does what the tests want."""
        if order["do"] == "send":
            self.send_message(order["to"], order["text"], mtype="chat")
        elif order["do"] == "block":
            await self["xep_0191"].block(slixmpp.JID(order["jid"]))
        elif order["do"] == "settle":
            await self["xep_0199"].send_ping(self.boundjid.domain)
        elif order["do"] == "picture":
            data = base64.b64decode(order["data"])
            await self["xep_0084"].publish_avatar(data)
            await self["xep_0084"].publish_avatar_metadata([{
                "id": hashlib.sha1(data).hexdigest(), "type": "image/png", "bytes": str(len(data)),
                "width": str(order["width"]), "height": str(order["width"])}])
        elif order["do"] == "history":
            async for result in self["xep_0313"].iterate():
                self.saw(result["mam_result"]["forwarded"]["stanza"], "archive")

    async def obey(self, order):
        """Does it, and tells how it went."""
        if order["do"] == "quit":
            await self.disconnect(wait=1)
            os._exit(0)
        try:
            await self.carry_out(order)
            tell("done")
        except Exception as e:
            tell("failed", why=repr(e))


async def main():
    """Connects and obeys."""
    jid, password, host, port = settings()
    agent = Agent(jid, password)
    agent.host, agent.port_number = host, port
    loop = asyncio.get_running_loop()
    listen(lambda order: asyncio.run_coroutine_threadsafe(agent.obey(order), loop))
    agent.connect(host, port)
    await asyncio.Event().wait()


asyncio.run(main())
