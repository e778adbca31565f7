"""mcabber with OTR, straight at the home: told what to do through its named pipe, read from the
screen. The certificate is not verified here; that is test_clients.py's to see."""

from clients import otr_key
from clients.terminal import Terminal
from waiting import until

SETTINGS = """set jid = {jid}
set password = "{password}"
set server = {host}
set port = {port}
set resource = mcabber
set disable_random_resource = 1
set tls = 1
set ssl_ignore_checks = 1
set otr = 1
otrpolicy default manual
module load fifo
set fifo_name = {folder}/fifo
"""


class OtrMcabber(Terminal):
    """One running mcabber with a key."""

    def __init__(self, folder, jid, password, host, port, _authority=None):
        """Prepares the folder, with a key made by libotr."""
        super().__init__(folder / "tmux")
        self.folder, self.jid = folder, jid
        self.keys = folder / ".mcabber" / "otr"
        self.keys.mkdir(parents=True)
        for private in (folder, folder / ".mcabber", self.keys):
            private.chmod(0o700)
        rc = folder / ".mcabber" / "mcabberrc"
        rc.write_text(SETTINGS.format(
            jid=jid, password=password, host=host, port=port, folder=folder))
        rc.chmod(0o600)
        self.fingerprint = otr_key.make(self.keys / f"{jid}.key", jid, "jabber")

    def start(self):
        """Starts the program; it connects by itself."""
        super().start(["mcabber"], {
            "HOME": self.folder, "PATH": "/usr/bin:/bin", "TERM": "screen-256color",
            "LANG": "C.UTF-8"})
        until("mcabber's pipe", lambda: (self.folder / "fifo").exists() or (False, self.screen()))
        return self

    def wait_logged_in(self):
        """Waits until the log-in is through."""
        self.see("Your status has been set")

    def tell(self, line):
        """Gives it a command."""
        with open(self.folder / "fifo", "w", encoding="utf-8") as fifo:
            fifo.write(line + "\n")

    def stop(self):
        """Keeps the last screen and ends the program."""
        super().stop("/quit", self.folder / "last-screen.txt")
