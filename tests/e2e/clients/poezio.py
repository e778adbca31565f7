"""poezio in a terminal of its own: typed into, looked at in the files in which it logs
conversations as it shows them."""

import contextlib
import re
import subprocess

from clients.client import Client
from clients.terminal import Terminal

SETTINGS = """[Poezio]
jid = {jid}/poezio
password = {password}
custom_host = {host}
custom_port = {port}
enable_smacks = true
log_dir = {home}/logs
save_status = false
send_chat_states = false
request_message_receipts = false
"""


# Over TLS 1.3 the slixmpp of Debian 12 binds its log-in to tls-unique, which TLS 1.3 does not have,
# and no setting of poezio's changes that. Over TLS 1.2 it logs in without.
OLD_TLS = """openssl_conf = start
[start]
ssl_conf = ssl
[ssl]
system_default = defaults
[defaults]
MaxProtocol = TLSv1.2
"""
QUIT_SECONDS = 3


class Poezio(Client):
    """One running poezio."""

    title, resource, refuses_root = "poezio", "poezio", True
    old_tls, extra = True, {}
    hopeless = "Authentication failed"

    def start(self):
        """Starts it; it connects by itself."""
        folder = self.home / ".config" / "poezio"
        folder.mkdir(parents=True, exist_ok=True)
        (self.home / "logs").mkdir(exist_ok=True)
        (folder / "poezio.cfg").write_text(SETTINGS.format(
            jid=self.jid, password=self.seat.password, host=self.relay.host,
            port=self.relay.port, home=self.home))
        if self.old_tls:
            (self.home / "openssl.cnf").write_text(OLD_TLS)
            self.extra = {"OPENSSL_CONF": str(self.home / "openssl.cnf")}
        self.enclosure.settle()
        self.terminal = Terminal(self.enclosure.folder / "tmux")
        self.terminal.start(
            self.enclosure.command("poezio", "--debug", self.home / "debug.log"),
            self.enclosure.environment(TERM="screen-256color", **self.extra))
        return self

    def send(self, jid, text):
        """Opens a conversation and writes into it."""
        self.type(f'/message {jid} "{text}"')

    def type(self, line, seconds=20):
        """Types a command. What comes in one piece poezio takes for pasted text, so the slash,
        which opens the line for commands, and Return have to come alone."""
        self.terminal.key("/")
        self.terminal.see(r"│/\s*$", seconds)
        self.terminal.key("-l", line[1:])
        self.terminal.see(re.escape(line[-20:]), seconds)
        self.terminal.key("Enter")

    def block(self, jid):
        """Blocks an address."""
        self.type(f"/block {jid}")

    def texts(self):
        """All conversations."""
        return "".join(path.read_text(errors="replace")
                       for path in (self.home / "logs").rglob("*") if path.is_file())

    def report(self):
        """The screen and what it notes of its work."""
        return f"{self.terminal.screen()}\n{self.noted('debug.log')}"

    def quit(self):
        """Ends it."""
        with contextlib.suppress(AssertionError, subprocess.CalledProcessError):
            self.type("/quit", QUIT_SECONDS)
        self.terminal.stop(None, self.home / "last-screen.txt")
