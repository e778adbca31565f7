"""A private D-Bus session bus and Pidgin's calls on it."""

import subprocess
from pathlib import Path

from jeepney import DBusAddress, new_method_call
from jeepney.io.blocking import open_dbus_connection

PURPLE = DBusAddress(
    "/im/pidgin/purple/PurpleObject",
    bus_name="im.pidgin.purple.PurpleService",
    interface="im.pidgin.purple.PurpleInterface",
)
CALL_SECONDS = 20


class Refused(AssertionError):
    """Pidgin answered a call with an error."""


class Bus:
    """A message bus of its own, so that no desktop of the person who tests is touched."""

    def __init__(self, folder):
        """Starts the bus with its socket in `folder`."""
        Path(folder, "bus").unlink(missing_ok=True)
        self.address = f"unix:path={folder}/bus"
        self.daemon = subprocess.Popen(
            ["dbus-daemon", "--session", "--nofork", "--nopidfile", f"--address={self.address}",
             "--print-address"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )
        self.daemon.stdout.readline()
        self.connection = open_dbus_connection(self.address)

    def purple(self, method, signature="", *values):
        """Calls `method` of Pidgin and returns its one result (or None)."""
        call = new_method_call(PURPLE, method, signature or None, values)
        answer = self.connection.send_and_get_reply(call, timeout=CALL_SECONDS)
        if answer.header.message_type.name == "error":
            raise Refused(f"{method}{values}: {answer.body}")
        return answer.body[0] if answer.body else None

    def activate(self, name, path, action):
        """Activates an action of a GTK program, as its menu does."""
        program = DBusAddress(path, bus_name=name, interface="org.gtk.Actions")
        call = new_method_call(program, "Activate", "sava{sv}", (action, [], {}))
        answer = self.connection.send_and_get_reply(call, timeout=CALL_SECONDS)
        if answer.header.message_type.name == "error":
            raise Refused(f"{name} {action}: {answer.body}")

    def has_pidgin(self):
        """Is Pidgin on the bus?"""
        try:
            self.purple("PurpleAccountsGetAll")
            return True
        except Refused:
            return False

    def stop(self):
        """Ends the bus."""
        self.connection.close()
        self.daemon.terminate()
        self.daemon.wait(10)
