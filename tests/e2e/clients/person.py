"""A person whose client is written with slixmpp."""

import asyncio
import contextlib
from pathlib import Path

import slixmpp

PLUGINS = ("xep_0012", "xep_0030", "xep_0092", "xep_0115", "xep_0199", "xep_0202", "xep_0203")
WAIT_SECONDS = 20


class LogInFailed(Exception):
    """The server did not let the person in; the text is the SASL condition."""


class Person(slixmpp.ClientXMPP):
    """One client of one person."""

    def __init__(self, home, name, resource="", mechanism=None, direct=False, password=None):
        """Settings only; `online` connects."""
        full = f"{home.jid(name)}/{resource}" if resource else home.jid(name)
        super().__init__(full, password or home.passwords[name], sasl_mech=mechanism)
        self.home, self.direct = home, direct
        self.ca_certs = Path(home.authority)
        self.ssl_context.check_hostname = True
        self.enable_direct_tls, self.enable_starttls = direct, not direct
        for plugin in PLUGINS:
            self.register_plugin(plugin)
        # Each test decides about subscriptions itself.
        self.roster.auto_authorize = None
        self.roster.auto_subscribe = False
        self.seen = []
        self.news = asyncio.Event()
        for kind in ("message", "presence", "roster_update", "changed_status",
                     "stream_error", "disconnected"):
            self.add_event_handler(kind, lambda what, kind=kind: self._note(kind, what))

    def _note(self, kind, what):
        if kind in ("message", "presence", "roster_update", "stream_error", "disconnected"):
            self.seen.append((kind, what))
            self.news.set()

    async def online(self, present=True, priority=0, roster=True):
        """Connects, logs in and (if `present`) says so; then the roster is there too."""
        through = asyncio.get_running_loop().create_future()

        def settle(result):
            if not through.done():
                through.set_result(result)

        self.add_event_handler("session_start", lambda _: settle(None))
        self.add_event_handler("failed_all_auth", lambda _: settle("no mechanism worked"))
        self.add_event_handler("ssl_invalid_chain", lambda e: settle(f"certificate: {e}"))
        self.connect(self.home.host, self.home.direct_port if self.direct else self.home.port)
        failure = await asyncio.wait_for(through, WAIT_SECONDS)
        if failure:
            await self.offline()
            raise LogInFailed(failure)
        if roster:
            await self.get_roster()
            # slixmpp calls its own question an update.
            self.seen = [(kind, what) for kind, what in self.seen if kind != "roster_update"]
        if present:
            self.send_presence(ppriority=priority)
            await self.see(
                "presence", lambda p: p["from"] == self.boundjid and p["type"] == "available")
        return self

    async def see(self, kind, wanted=lambda what: True, seconds=WAIT_SECONDS):
        """Waits for an event of `kind` for which `wanted` holds, and takes it off the list."""
        async def look():
            while True:
                for index, (k, what) in enumerate(self.seen):
                    if k == kind and wanted(what):
                        del self.seen[index]
                        return what
                self.news.clear()
                await self.news.wait()
        try:
            return await asyncio.wait_for(look(), seconds)
        except asyncio.TimeoutError:
            raise AssertionError(
                f"{self.boundjid} did not see {kind}; seen: "
                f"{[(k, str(w)) for k, w in self.seen]}") from None

    async def hears(self, body, seconds=WAIT_SECONDS):
        """Waits for a message with this body."""
        return await self.see("message", lambda m: m["body"] == body, seconds)

    async def settled(self):
        """After this, everything the server had sent so far has been seen."""
        await self["xep_0199"].send_ping(self.home.domain, timeout=WAIT_SECONDS)

    def has_seen(self, kind, wanted=lambda what: True):
        """Was there such an event that nobody took?"""
        return any(k == kind and wanted(what) for k, what in self.seen)

    async def offline(self):
        """Closes the stream."""
        self.abort_reconnect = True
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(asyncio.ensure_future(self.disconnect(wait=2)), 5)

    def vanish(self):
        """Drops the connection without a word."""
        self.abort()


@contextlib.asynccontextmanager
async def people(*members, **more):
    """Brings people online one after the other, and offline at the end."""
    try:
        for member in members:
            await member.online(**more)
        yield members
    finally:
        for member in members:
            await member.offline()
