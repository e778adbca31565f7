"""Dino with its OMEMO plugin: typed into on a screen of its own, looked at in its database."""

import contextlib
import os
import sqlite3
import subprocess
from pathlib import Path

from clients.bus import Bus, Refused
from clients.client import Client
from clients.display import Display
from waiting import until

QUIT_SECONDS = 10
START_SECONDS = 60
# Where things stand in its windows: from the left or right edge, from the top or the foot.
MENU_FROM_RIGHT, MENU_FROM_TOP = 142, 28
BLOCK_FROM_RIGHT, BLOCK_FROM_FOOT = 147, 32
OMEMO = 2  # in its table of conversations
FONT = "[Settings]\ngtk-font-name=DejaVu Sans 10\n"


class Dino(Client):
    """One running Dino."""

    title, resource = "Dino", "dino"

    def __init__(self, seat):
        """Lets Dino make its database, and enters the account there as its dialog does."""
        super().__init__(seat)
        self.data = self.home / ".local/share/dino"
        self.bus = self.display = self.process = None

    def environment(self):
        """Its own screen and bus."""
        return self.enclosure.environment(
            DISPLAY=self.display.name, DBUS_SESSION_BUS_ADDRESS=self.bus.address,
            GDK_BACKEND="x11", GSK_RENDERER="cairo", GTK_A11Y="none")

    def start(self):
        """Starts it; it connects by itself."""
        self.bus, self.display = Bus(self.enclosure.folder / "run"), Display(self.home)
        if not (self.data / "dino.db").exists():
            looks = self.home / ".config/gtk-4.0/settings.ini"
            looks.parent.mkdir(parents=True)
            looks.write_text(FONT)
            self.run()
            until("Dino's database", self.has_tables, START_SECONDS)
            self.end()
            self.add_account()
        self.run()
        return self

    def run(self, *words):
        """Starts the program."""
        with open(self.home / "dino.log", "ab") as log:
            process = subprocess.Popen(
                self.enclosure.command("dino-im", *(words or ["--print-xmpp=all"])),
                env=self.environment(), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        if words:
            process.wait(START_SECONDS)
        else:
            self.process = process

    def end(self):
        """Ends the program as its menu does, so that it says goodbye."""
        try:
            self.bus.activate("im.dino.Dino", "/im/dino/Dino", "quit")
            self.process.wait(QUIT_SECONDS)
        except (Refused, subprocess.TimeoutExpired):
            self.process.terminate()
            self.process.wait(QUIT_SECONDS)

    def database(self, name="dino.db"):
        """A database of Dino's, to read."""
        return contextlib.closing(
            sqlite3.connect(f"file:{self.data / name}?mode=ro", uri=True))

    def has_tables(self):
        """Is the database complete?"""
        if not (self.data / "dino.db").exists():
            return False
        with self.database() as base, contextlib.suppress(sqlite3.OperationalError):
            return base.execute("SELECT int_val FROM _meta WHERE name = 'version'").fetchone()

    def add_account(self):
        """What its dialog does."""
        with contextlib.closing(sqlite3.connect(self.data / "dino.db")) as base, base:
            base.execute(
                "INSERT INTO account (bare_jid, resourcepart, password, alias, enabled) "
                "VALUES (?, 'dino', ?, '', 1)", (self.jid, self.seat.password))

    def texts(self):
        """All conversations."""
        with self.database() as base:
            return [row[0] or "" for row in base.execute("SELECT body FROM message")]

    def open(self, jid):
        """Opens the conversation; the line to write into has the focus then."""
        self.run(f"xmpp:{jid}?message")
        window = self.display.window("^Dino$", START_SECONDS)
        self.display.tool("windowactivate", "--sync", window)
        return window

    def send(self, jid, text):
        """Opens the conversation and types."""
        self.open(jid)
        self.display.tool("type", text)
        self.display.tool("key", "Return")

    def encrypt(self, jid):
        """Opens the conversation, and chooses OMEMO for it in the database, as its menu does."""
        self.open(jid)
        until("Dino to have the conversation", lambda: self.conversation(jid), START_SECONDS)
        number = self.conversation(jid)
        self.end()
        with contextlib.closing(sqlite3.connect(self.data / "dino.db")) as base, base:
            base.execute("UPDATE conversation SET encryption = ? WHERE id = ?", (OMEMO, number))
        self.run()
        self.await_online()

    def conversation(self, jid):
        """The number of a conversation."""
        with self.database() as base:
            row = base.execute(
                "SELECT conversation.id FROM conversation JOIN jid ON jid.id = jid_id "
                "WHERE bare_jid = ?", (jid,)).fetchone()
            return row and row[0]

    def look_for_picture(self, jid):
        """Dino fetches a picture when it is to be shown."""
        self.open(jid)

    def block(self, jid):
        """Moves the switch in the details of the contact."""
        window = self.open(jid)

        def details():
            self.click(window, MENU_FROM_RIGHT, top=MENU_FROM_TOP)
            self.display.tool("key", "Down", "Return")
            with contextlib.suppress(AssertionError):
                return self.display.window("^Contact Details$", 2)
        shown = until("the details of the contact", details)
        self.display.tool("windowactivate", "--sync", shown)
        self.click(shown, BLOCK_FROM_RIGHT, foot=BLOCK_FROM_FOOT)
        self.display.picture(self.home / "blocked.png")
        self.display.tool("key", "Escape")

    def click(self, window, right, top=None, foot=None):
        """Clicks at a place measured from the edges of a window."""
        size = self.display.tool("getwindowgeometry", window).split("Geometry: ")[1].split()[0]
        width, height = (int(number) for number in size.split("x"))
        down = top if foot is None else height - foot
        self.display.tool("mousemove", "--window", window, str(width - right), str(down),
                          "click", "1")

    def report(self):
        """What it tells of its work."""
        return self.noted("dino.log")

    def quit(self):
        """Ends it."""
        with contextlib.suppress(Exception):
            self.display.picture(self.home / "last-screen.png")
        self.end()
        self.display.stop()
        self.bus.stop()
