"""What all clients of the matrix have in common: where a client sits, and what it can be told.

A driver sets `title` and `resource` and overrides what its client can do.
"""

import contextlib
from dataclasses import dataclass
from pathlib import Path

from clients.enclosure import Enclosure
from clients.relay import Relay
from waiting import until

ONLINE_SECONDS = 180
REFUSAL_SECONDS = 90
SEE_SECONDS = 60
REPORT_CHARACTERS = 3000


@dataclass(frozen=True)
class Known:
    """What is known of one cell; `note` is for people."""

    note: str = ""
    word = ""


class Works(Known):
    """The client does it."""

    word = "works"


class NotOffered(Known):
    """The client has no such thing."""

    word = "not offered"


class Fails(Known):
    """The client has it, but not so that it works; and not because of the server."""

    word = "fails"


@dataclass
class Seat:
    """Where a client sits: whose it is and what it is to connect to."""

    home: object
    name: str
    kept: Path
    authority: Path
    screen: object = None

    @property
    def jid(self):
        """The bare JID of the person."""
        return self.home.jid(self.name)

    @property
    def password(self):
        """The password of the person."""
        return self.home.passwords[self.name]

    @property
    def domain(self):
        """The home's domain."""
        return self.home.domain


def is_ready(session):
    """Is a session available and awake?"""
    return session["priority"] is not None and not session["asleep"]


class Client:
    """One client of one person, in an enclosure of its own and behind a relay of its own."""

    title = ""
    # A part of the resource that the client binds.
    resource = ""
    # Can it ask an archive (XEP-0313)?
    has_archive = True
    refuses_root = False

    def __init__(self, seat):
        """Prepares; `start` starts."""
        self.seat, self.jid = seat, seat.jid
        self.relay = Relay((seat.home.host, seat.home.port))
        self.enclosure = Enclosure(seat.kept, seat.domain, self.relay.host, seat.authority,
                                   self.refuses_root)
        self.home, self.stopped = self.enclosure.home, False

    # --- what a driver overrides

    def start(self):
        """Starts the program; it connects by itself."""
        raise NotImplementedError

    def quit(self):
        """Ends the program as a person does."""
        raise NotImplementedError

    def texts(self):
        """All that the person can see of messages, as one text or a list of texts."""
        raise NotImplementedError

    def send(self, jid, text):
        """Sends a message as a person does."""
        raise NotImplementedError

    def block(self, jid):
        """Blocks an address."""
        raise NotImplementedError

    def look_for_picture(self, jid):
        """What a person has to do to see somebody's picture. Most clients fetch it by
        themselves."""

    def has_picture(self, picture):
        """Did the client fetch and keep these very bytes?"""
        return any(path.stat().st_size == len(picture) and path.read_bytes() == picture
                   for path in self.home.rglob("*") if path.is_file() and not path.is_symlink())

    def make_keys(self):
        """What a person has to do once before OMEMO. Most clients make keys by themselves."""

    def encrypt(self, jid):
        """Switches OMEMO on for what is sent to an address."""
        raise NotImplementedError

    def await_refusal(self):
        """Waits until the client turned away from a server whose certificate it cannot verify."""
        until(f"{self.title} to refuse the certificate",
              lambda: self.relay.refused() or (False, self.report()), REFUSAL_SECONDS)

    def open_history(self, jid):
        """What a person has to do to see what was written while the client was away. Most
        clients fetch it by themselves."""

    def noted(self, name):
        """The end of a file that the client writes, if it does already."""
        path = self.home / name
        return path.read_text(errors="replace")[-REPORT_CHARACTERS:] if path.exists() else ""

    def report(self):
        """What the client tells of itself; shown when a test fails."""
        return ""

    # --- what the tests ask

    def sessions(self):
        """The sessions that the server has of this client."""
        return [s for s in self.seat.home.call("session-list", {"name": self.seat.name})
                if self.resource in s["jid"].partition("/")[2]]

    def session(self):
        """The full JID of the session once it is available."""
        ready = [s["jid"] for s in self.sessions() if is_ready(s)]
        return ready[-1] if ready else (False, self.report())

    def is_online(self):
        """Has the server an available session of this client?"""
        return any(is_ready(s) for s in self.sessions())

    def await_online(self):
        """Waits until the server has a session of this client that is available."""
        self.full_jid = until(f"{self.title} to be online", self.session, ONLINE_SECONDS)
        return self.full_jid

    def noticed_cut(self):
        """What became of the session after its connection was cut, once that is known."""
        sessions = self.sessions()
        return "gone" if not sessions else all(s["asleep"] for s in sessions) and "asleep"

    def await_gone(self):
        """Waits until the server has no session of this client. One may be kept for a client that
        left without closing its stream; the program that started it cannot come back to it."""
        until(f"{self.title} to be gone",
              lambda: all(s["asleep"] for s in self.sessions()) or (False, str(self.sessions())),
              ONLINE_SECONDS)

    def count(self, text):
        """How often the person sees `text`."""
        seen = self.texts()
        return seen.count(text) if isinstance(seen, str) else sum(text in line for line in seen)

    def await_text(self, text, seconds=SEE_SECONDS):
        """Waits until the person sees `text`."""
        until(f"{self.title} to show {text!r}",
              lambda: self.count(text) or (False, f"{self.texts()}\n{self.report()}"), seconds)

    def stop(self):
        """Ends the program and keeps what it wrote. A second time does nothing."""
        if self.stopped:
            return
        self.stopped = True
        with contextlib.suppress(Exception):
            self.quit()
        self.relay.stop()
        self.enclosure.give_up()
