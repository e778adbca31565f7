"""Profanity in a terminal of its own: typed into like a person does, read from the screen.

Every instance has its own XDG folders. The certificate is verified: `tls.policy=force` and
`tls.certpath` name a folder with the home's authority in it, or an empty one.
"""

import os
import re
import shutil
import subprocess

from clients.terminal import Terminal

SETTINGS = """[connection]
tls.certpath={trusted}
{connection}
[otr]
policy=manual
[notifications]
typing=false
[ui]
splash=false
beep=false
"""
ACCOUNT = """[{jid}]
enabled=true
jid={jid}
resource=profanity
server={host}
port={port}
password={password}
tls.policy=force
presence.last=online
presence.login=online
priority.online=0
"""


class Profanity(Terminal):
    """One running Profanity."""

    def __init__(self, folder, jid, password, host, port, authority=None, connection="",
                 socket=None):
        """Prepares the folders; `authority` is a PEM file to trust, or None to trust nobody.
        `connection`: further settings of that chapter."""
        super().__init__(socket or folder / "tmux")
        self.folder, self.jid = folder, jid
        self.trusted = folder / "trusted"
        self.trusted.mkdir(parents=True)
        if authority is not None:
            shutil.copy(authority, self.trusted / "home.pem")
            subprocess.run(["openssl", "rehash", self.trusted], check=True)
        config = folder / "config" / "profanity"
        data = folder / "data" / "profanity"
        config.mkdir(parents=True)
        data.mkdir(parents=True)
        (config / "profrc").write_text(
            SETTINGS.format(trusted=self.trusted, connection=connection))
        (data / "accounts").write_text(
            ACCOUNT.format(jid=jid, host=host, port=port, password=password))
        (data / "accounts").chmod(0o600)

    def start(self):
        """Starts the program; it connects by itself."""
        words = ["profanity", "-l", "DEBUG", "-f", self.folder / "log.txt", "-a", self.jid]
        super().start(words, self.environment())
        return self

    def environment(self):
        """The environment of the program."""
        return {
            "PATH": os.environ["PATH"], "HOME": self.folder,
            "XDG_CONFIG_HOME": self.folder / "config", "XDG_DATA_HOME": self.folder / "data",
            "TERM": "screen-256color", "LANG": "C.UTF-8",
        }

    def log(self):
        """What the program noted of its work, stanzas included."""
        return "".join(p.read_text(errors="replace") for p in self.folder.glob("log*.txt"))

    def wait_logged_in(self):
        """Waits until the log-in is through."""
        self.see(rf"{re.escape(self.jid)} logged in successfully|logged in successfully")

    def stop(self):
        """Keeps the last screen beside the log and ends the program."""
        super().stop("/quit", self.folder / "last-screen.txt")
