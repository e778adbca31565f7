"""Profanity and Pidgin, seated in the matrix by the drivers of the private conversation."""

import contextlib
import sqlite3

from clients.client import REFUSAL_SECONDS, Client
from clients.pidgin import Pidgin
from clients.profanity import Profanity
from waiting import until

CONNECTION = """reconnect=1
carbons=true
mam=true
receipts.send=false
receipts.request=false
"""


KEYS_SECONDS = 120


class SeatedProfanity(Client):
    """Profanity; looked at in the database in which it logs conversations as it shows them."""

    title, resource = "Profanity", "profanity"

    def __init__(self, seat):
        """Prepares its folders once; they outlive a restart."""
        super().__init__(seat)
        self.driver = Profanity(
            self.home / "p", self.jid, seat.password, self.relay.host, self.relay.port,
            self.enclosure.folder / "certs" / "home.pem", connection=CONNECTION,
            socket=self.enclosure.folder / "tmux")

    def start(self):
        """Starts it; it connects by itself."""
        self.enclosure.settle()
        self.driver.start()
        return self

    def send(self, jid, text):
        """Opens a conversation and writes into it."""
        self.driver.type(f"/msg {jid} {text}")

    def block(self, jid):
        """Blocks an address."""
        self.driver.type(f"/blocked add {jid}")

    def await_refusal(self):
        """Profanity asks what to do, and sends nothing before it has an answer."""
        self.driver.see("TLS certificate verification failed", REFUSAL_SECONDS)

    def kept(self, name):
        """What it keeps of OMEMO in a file."""
        return "".join(path.read_text() for path in self.home.rglob(name))

    def make_keys(self):
        """It makes none by itself; and the person would have to approve each key of others."""
        self.driver.type("/omemo trustmode blind")
        self.driver.type("/omemo gen")
        until("Profanity to have keys", lambda: self.kept("identity.txt"), KEYS_SECONDS)

    def encrypt(self, jid):
        """Starts, and waits until it has the other's keys."""
        self.driver.type(f"/msg {jid}")
        self.driver.type(f"/omemo start {jid}")
        until("Profanity to have keys of the other",
              lambda: f"[{jid}]" in self.kept("sessions.txt") or (False, self.report()),
              KEYS_SECONDS)

    def look_for_picture(self, jid):
        """Asks for it."""
        self.driver.type(f"/avatar get {jid}")

    def open_history(self, jid):
        """Profanity asks the archive when a conversation is opened."""
        self.driver.type(f"/msg {jid}")

    def texts(self):
        """All conversations."""
        found = []
        for path in self.home.rglob("chatlog.db"):
            with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as base:
                with contextlib.suppress(sqlite3.OperationalError):
                    found += [row[0] or "" for row in base.execute("SELECT message FROM ChatLogs")]
        return found

    def report(self):
        """The screen and what it notes of its work."""
        return f"{self.driver.screen()}\n{self.driver.log()[-3000:]}"

    def quit(self):
        """Ends it."""
        self.driver.stop()


class SeatedPidgin(Client):
    """Pidgin; looked at in its windows."""

    title, resource, has_archive = "Pidgin", "desk", False

    def __init__(self, seat):
        """Prepares its folder once."""
        super().__init__(seat)
        self.driver = Pidgin(
            self.home / "p", self.jid, seat.password, self.relay.host, self.relay.port,
            self.enclosure.folder / "certs" / "home.pem")
        self.correspondents = set()

    def start(self):
        """Starts it; it connects by itself."""
        self.driver.start()
        return self

    def send(self, jid, text):
        """Opens a conversation and writes into it."""
        self.correspondents.add(jid)
        self.driver.say(jid, text)

    def block(self, jid):
        """Blocks an address, as the menu of a contact does."""
        bus = self.driver.bus
        connection = bus.purple("PurpleAccountGetConnection", "i", self.driver.account())
        bus.purple("ServAddDeny", "is", connection, jid)

    def await_refusal(self):
        """Pidgin asks what to do, and sends nothing before it has an answer."""
        self.driver.display.window("SSL Certificate Verification", REFUSAL_SECONDS)

    def texts(self):
        """All conversations with the people of the tests."""
        domain = self.seat.domain
        people = self.correspondents | {f"{name}@{domain}" for name in self.seat.home.passwords}
        return [line for jid in people for line in self.driver.history(jid)]

    def report(self):
        """What it tells of its work."""
        return self.driver.debug()[-3000:]

    def quit(self):
        """Ends it."""
        self.driver.stop()
