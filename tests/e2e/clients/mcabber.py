"""mcabber in a terminal of its own: told what to do through the named pipe of its module "fifo",
looked at in the files in which it logs conversations as it shows them."""

from clients.client import Client
from clients.terminal import Terminal

SETTINGS = """set jid = {jid}
set password = "{password}"
set server = {host}
set port = {port}
set resource = mcabber
set disable_random_resource = 1
set tls = 1
set carbons = 1
set logging = 1
set logging_dir = {home}/histo/
set tracelog_level = 3
set tracelog_file = {home}/trace.log
module load fifo
set fifo_name = {home}/fifo
"""


class Mcabber(Client):
    """One running mcabber."""

    title = resource = "mcabber"
    has_archive = False
    hopeless = "no supported SASL auth mechanisms found"

    def start(self):
        """Starts it; it connects by itself."""
        rc = self.home / "mcabberrc"
        rc.write_text(SETTINGS.format(
            jid=self.jid, password=self.seat.password, host=self.relay.host,
            port=self.relay.port, home=self.home))
        rc.chmod(0o600)
        (self.home / "histo").mkdir(mode=0o700, exist_ok=True)
        self.enclosure.settle()
        self.terminal = Terminal(self.enclosure.folder / "tmux")
        self.terminal.start(self.enclosure.command("mcabber", "-f", rc),
                            self.enclosure.environment(TERM="screen-256color"))
        return self

    def tell(self, line):
        """Gives it a command."""
        with open(self.home / "fifo", "w", encoding="utf-8") as fifo:
            fifo.write(line + "\n")

    def send(self, jid, text):
        """Sends a message."""
        self.tell(f"/say_to {jid} {text}")

    def texts(self):
        """All conversations."""
        return "".join(path.read_text(errors="replace")
                       for path in (self.home / "histo").rglob("*") if path.is_file())

    def report(self):
        """The screen and what it notes of its work."""
        return f"{self.terminal.screen()}\n{self.noted('trace.log')}"

    def quit(self):
        """Ends it."""
        self.terminal.stop("/quit", self.home / "last-screen.txt")
