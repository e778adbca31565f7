"""Gajim with its OMEMO plugin: told what to do through a plugin of the tests, looked at in the
database of its history."""

import contextlib
import json
import shutil
import sqlite3
from pathlib import Path

from clients.client import Client
from clients.library import Library
from waiting import until

AGENTS = Path(__file__).resolve().parent / "agents"
SETTINGS_VERSION = 5
TABLES = """
CREATE TABLE settings (name TEXT UNIQUE, settings TEXT);
CREATE TABLE account_settings (account TEXT UNIQUE, settings TEXT);
"""
ACCOUNT = "home"
KEYS_SECONDS = 120


class Gajim(Library):
    """One running Gajim."""

    title, resource, refuses_root = "Gajim", "gajim", True

    def __init__(self, seat):
        """Writes the settings as the assistant for new accounts does."""
        super().__init__(seat)
        plugins = self.home / ".local/share/gajim/plugins"
        shutil.copytree(AGENTS / "gajim_plugin", plugins / "hands")
        shutil.copy(AGENTS / "talk.py", plugins / "hands")
        settings = self.home / ".config/gajim/settings.sqlite"
        settings.parent.mkdir(parents=True)
        name, _, domain = self.jid.partition("@")
        account = {"account": {
            "name": name, "hostname": domain, "password": seat.password, "active": True,
            "resource": "gajim"}, "contact": {}, "group_chat": {}}
        chapters = {
            "app": {"use_keyring": False, "plugins_update_check": False,
                    "show_main_window": "always", "trayicon": "never"},
            "soundevents": {}, "status_presets": {}, "proxies": {},
            "plugins": {"omemo": {"active": True}, "hands": {"active": True}},
            "workspaces": {"0": {"name": "Family", "chats": []}},
        }
        with contextlib.closing(sqlite3.connect(settings)) as base, base:
            base.executescript(TABLES)
            for row in chapters.items():
                base.execute("INSERT INTO settings VALUES (?, ?)", (row[0], json.dumps(row[1])))
            base.execute("INSERT INTO account_settings VALUES (?, ?)",
                         (ACCOUNT, json.dumps(account)))
            base.execute(f"PRAGMA user_version = {SETTINGS_VERSION}")

    def words(self):
        """A bus of its own, too."""
        return ["dbus-run-session", "--", "gajim", "--verbose"]

    def arguments(self):
        """All is in the settings."""
        return []

    def environment(self):
        """On the screen of the tests."""
        return self.enclosure.environment(
            DISPLAY=self.seat.screen.name, GDK_BACKEND="x11", NO_AT_BRIDGE="1",
            PYTHONDONTWRITEBYTECODE="1")

    def texts(self):
        """All conversations, as its history has them."""
        history = self.home / ".local/share/gajim/logs.db"
        if not history.exists():
            return []
        with contextlib.closing(sqlite3.connect(f"file:{history}?mode=ro", uri=True)) as base:
            return [row[0] or "" for row in base.execute("SELECT message FROM logs")]

    def has_picture(self, picture):
        """Gajim keeps pictures as files."""
        return Client.has_picture(self, picture)

    def encrypt(self, jid):
        """Asks until Gajim has the other's keys; then it encrypts."""
        def ready():
            try:
                self.tell("encrypt", jid=jid)
                return True
            except AssertionError as e:
                return (False, str(e))
        until("Gajim to have keys", ready, KEYS_SECONDS, step=0.3)

    def open_history(self, jid):
        """Gajim asks the archive by itself."""
