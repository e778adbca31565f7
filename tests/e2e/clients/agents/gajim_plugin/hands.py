"""Hands for Gajim: a plugin that does what the tests ask for (see `talk.py`), through the functions
that Gajim's own windows call. Gajim itself does all of the protocol."""

import sys
from pathlib import Path

from gajim.common import app
from gajim.common.structs import OutgoingMessage
from gajim.plugins import GajimPlugin
from gi.repository import GLib
from nbxmpp.protocol import JID

sys.path.insert(0, str(Path(__file__).parent))
from talk import listen, tell  # noqa: E402


class Hands(GajimPlugin):
    """Listens from the moment it is loaded."""

    def init(self):
        """Gajim loads it."""
        self.gui_extension_points = {}
        listen(lambda order: GLib.idle_add(self.obey, order))

    def activate(self):
        """Gajim switches it on."""
        tell("ready")

    def deactivate(self):
        """Gajim switches it off."""

    def obey(self, order):
        """Does what the tests want, and tells how it went."""
        try:
            self.carry_out(order)
            tell("done")
        except Exception as e:
            tell("failed", why=repr(e))
        return GLib.SOURCE_REMOVE

    @staticmethod
    def carry_out(order):
        """Does it."""
        if order["do"] == "quit":
            app.app.start_shutdown()
            return
        account = app.settings.get_active_accounts()[0]
        client = app.get_client(account)
        jid = JID.from_string(order["to" if "to" in order else "jid"])
        contact = client.get_module("Contacts").get_contact(jid)
        if order["do"] == "send":
            client.send_message(OutgoingMessage(
                account=account, contact=contact, message=order["text"], type_="chat"))
        elif order["do"] == "encrypt":
            # What the window of a conversation does before it lets the first message go.
            omemo = client.get_module("OMEMO")
            if not omemo.backend.get_devices(str(jid), without_self=True):
                omemo.request_devicelist(str(jid))
            if omemo.are_keys_missing(str(jid)):
                raise LookupError("no keys yet")
            contact.settings.set("encryption", "OMEMO")
        elif order["do"] == "block":
            client.get_module("Blocking").block([jid])
