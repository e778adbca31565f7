"""The clients of the matrix, all of them devices of one person, and what becomes of them all
together: coming online, being away, losing their connections."""

import itertools
from concurrent.futures import ThreadPoolExecutor

from clients.client import Seat
from clients.matrix import MATRIX
from clients.wire import Wire
from waiting import until


def side_by_side(act, things):
    """Does it with all of them at once; fails when all are through."""
    with ThreadPoolExecutor(len(things)) as pool:
        list(pool.map(act, things))


class Crew:
    """They start when the first test asks, all at once: they log in side by side."""

    def __init__(self, home, output, authority, name, screen):
        """Starts them."""
        self.home, self.numbers = home, itertools.count(1)
        self.seat = lambda name, place: Seat(home, name, output / place, authority, screen)
        self.name, self.clients, self.failures = name, {}, {}
        self.cut, self.missed, self.waited = {}, (), {}
        for kind in MATRIX:
            self.clients[kind] = kind(self.seat(name, f"{name}-{kind.resource}"))
            self.attempt(kind, self.clients[kind].start)

    def attempt(self, kind, act):
        """Does something with one of them; the tests of this one fail if it fails."""
        try:
            return act()
        except Exception as e:
            self.failures[kind] = e

    def running(self):
        """Those that started."""
        return [kind for kind in MATRIX if kind not in self.failures]

    def get(self, kind):
        """A client, whether it is online or not."""
        if kind in self.failures:
            raise self.failures[kind]
        return self.clients[kind]

    def online(self, kind):
        """A client that is online."""
        client = self.get(kind)
        client.await_online()
        return client

    def another(self, kind):
        """Some other client of the account that is online."""
        kinds = list(MATRIX)
        turned = kinds[kinds.index(kind) + 1:] + kinds[:kinds.index(kind)]
        ready = [k for k in turned if k not in self.failures and self.clients[k].is_online()]
        assert ready, "no other client is online"
        return self.online(ready[0])

    def absence(self, peer):
        """Ends all clients at once, lets a deputy of theirs receive and send, and starts them
        again. Returns what they missed."""
        if self.missed:
            return self.missed
        clients = [self.clients[kind] for kind in self.running()]
        side_by_side(lambda client: client.quit(), clients)
        side_by_side(lambda client: client.await_gone(), clients)
        self.missed = self.words("while all were away, received"), self.words("and sent")
        # Without stream management, because what a deputy did not acknowledge in time would be
        # delivered once more.
        with Wire(self.home) as deputy:
            deputy.login(self.name, self.home.passwords[self.name], "deputy")
            deputy.presence()
            deputy.ping()
            peer.send(deputy.jid, self.missed[0])
            deputy.await_message(self.missed[0])
            deputy.message(peer.jid, self.missed[1])
            peer.await_text(self.missed[1])
        for kind in self.running():
            self.attempt(kind, self.clients[kind].start)
        # Before anything new is said: some ask the archive only when a conversation begins.
        for kind in self.running():
            self.attempt(kind, lambda client=self.clients[kind]: (
                client.await_online(), client.open_history(peer.jid)))
        return self.missed

    def waiting(self, peer):
        """For the clients that have no archive, each as the only one of somebody: ends them, lets
        somebody write, and starts them again. Returns client -> (the client, the message)."""
        if not self.waited:
            kinds = [kind for kind in MATRIX if not kind.has_archive]
            made = []
            for kind in kinds:
                name = f"only-{kind.resource}"
                self.home.add(name)
                made.append(kind(self.seat(name, name)))
                made[-1].start()
            for client in made:
                client.await_online()
            side_by_side(lambda client: client.quit(), made)
            side_by_side(lambda client: client.await_gone(), made)
            for kind, client in zip(kinds, made):
                self.waited[kind] = client, self.words(f"waiting for {kind.resource}")
                peer.send(client.jid, self.waited[kind][1])
            peer.settle()
            for client in made:
                client.start()
        return self.waited

    def gap(self, peer):
        """Cuts all connections at once, because some clients take a minute to come back, and sends
        each client a message. Each relay stays closed until the test of its client. Returns
        client -> the message; None if the server kept no session."""
        if not self.cut:
            addresses = {}
            for kind in self.running():
                addresses[kind] = self.clients[kind].sessions()[0]["jid"]
                assert self.clients[kind].relay.cut() == 1, kind.title
            for kind, address in addresses.items():
                self.cut[kind] = None
                if until("the server to notice", self.clients[kind].noticed_cut) == "asleep":
                    self.cut[kind] = self.words(f"in the gap of {kind.resource}")
                    peer.send(address, self.cut[kind])
            peer.settle()
        return self.cut

    def words(self, about):
        """A text that nobody wrote yet."""
        return f"{about} number {next(self.numbers)}"

    def stop(self):
        """Ends them, side by side."""
        more = [client for client, _ in self.waited.values()]
        side_by_side(lambda client: client.stop(), [*self.clients.values(), *more])
