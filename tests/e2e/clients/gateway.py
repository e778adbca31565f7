"""A component (XEP-0114) written with slixmpp: a program with a domain of its own."""

import asyncio
import contextlib

from slixmpp.componentxmpp import ComponentXMPP

WAIT_SECONDS = 20


class Gateway(ComponentXMPP):
    """A component that notes every stanza it gets."""

    def __init__(self, home, name, secret):
        super().__init__(name, secret, home.host, home.component_port)
        self.register_plugin("xep_0030")
        self.register_plugin("xep_0199")
        self.seen = []
        self.news = asyncio.Event()
        for kind in ("message", "presence"):
            self.add_event_handler(kind, self._note)

    def _note(self, stanza):
        self.seen.append(stanza)
        self.news.set()

    async def wait_for(self, fits):
        """The first stanza that `fits`, of those that came or will come."""
        async def look():
            while True:
                for stanza in self.seen:
                    if fits(stanza):
                        return stanza
                self.news.clear()
                await self.news.wait()
        return await asyncio.wait_for(look(), WAIT_SECONDS)


@contextlib.asynccontextmanager
async def connected(*gateways):
    """Connects gateways, and disconnects them at the end."""
    for gateway in gateways:
        started = asyncio.get_running_loop().create_future()
        gateway.add_event_handler(
            "session_start", lambda _, f=started: f.done() or f.set_result(None))
        gateway.connect()
        await asyncio.wait_for(started, WAIT_SECONDS)
    try:
        yield gateways
    finally:
        for gateway in gateways:
            await gateway.disconnect(wait=2)
