"""Profanity in a tmux of its own: typed into like a person does, read from the screen.

Every instance has its own XDG folders. The certificate is verified: `tls.policy=force` and
`tls.certpath` name a folder with the home's authority in it, or an empty one.
"""

import os
import re
import shutil
import subprocess

from waiting import until

SCREEN_COLUMNS = 180
SCREEN_LINES = 50


class Profanity:
    """One running Profanity."""

    def __init__(self, folder, jid, password, host, port, authority=None):
        """Prepares the folders; `authority` is a PEM file to trust, or None to trust nobody."""
        self.folder, self.jid = folder, jid
        self.tmux_socket = folder / "tmux"
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
            f"[connection]\ntls.certpath={self.trusted}\n[otr]\npolicy=manual\n"
            "[notifications]\ntyping=false\n[ui]\nsplash=false\nbeep=false\n"
        )
        (data / "accounts").write_text(
            f"[{jid}]\nenabled=true\njid={jid}\nresource=profanity\nserver={host}\nport={port}\n"
            f"password={password}\ntls.policy=force\npresence.last=online\n"
            "presence.login=online\npriority.online=0\n"
        )
        (data / "accounts").chmod(0o600)

    def _tmux(self, *words):
        done = subprocess.run(
            ["tmux", "-f", "/dev/null", "-S", str(self.tmux_socket), *words],
            capture_output=True, text=True, check=True,
        )
        return done.stdout

    def start(self):
        """Starts the program; it connects by itself."""
        environment = {
            "XDG_CONFIG_HOME": self.folder / "config", "XDG_DATA_HOME": self.folder / "data",
            "HOME": self.folder, "TERM": "screen-256color", "LANG": "C.UTF-8",
        }
        words = " ".join(f"{name}={value}" for name, value in environment.items())
        log = self.folder / "log.txt"
        self._tmux(
            "new-session", "-d", "-x", str(SCREEN_COLUMNS), "-y", str(SCREEN_LINES),
            f"env -u DISPLAY -u DBUS_SESSION_BUS_ADDRESS {words} "
            f"profanity -l DEBUG -f {log} -a {self.jid}",
        )
        return self

    def screen(self):
        """What the person sees, wrapped lines joined."""
        return self._tmux("capture-pane", "-p", "-J")

    def log(self):
        """What the program noted of its work, stanzas included."""
        return "".join(p.read_text(errors="replace") for p in self.folder.glob("log*.txt"))

    def type(self, line):
        """Types one line and Return."""
        self._tmux("send-keys", "-l", line)
        self._tmux("send-keys", "Enter")

    def see(self, pattern, seconds=20.0):
        """Waits until the screen matches `pattern` and returns the match."""
        return until(
            f"{self.jid} to see /{pattern}/",
            lambda: re.search(pattern, self.screen()) or (False, self.screen()),
            seconds,
        )

    def sees(self, pattern):
        """Does the screen match now?"""
        return re.search(pattern, self.screen()) is not None

    def wait_logged_in(self):
        """Waits until the log-in is through."""
        self.see(rf"{re.escape(self.jid)} logged in successfully|logged in successfully")

    def stop(self):
        """Keeps the last screen beside the log, then ends the program and its tmux."""
        try:
            (self.folder / "last-screen.txt").write_text(self.screen())
            self.type("/quit")
            until("Profanity to quit", lambda: not self._alive(), 5)
        except (subprocess.CalledProcessError, AssertionError):
            pass
        finally:
            if self._alive():
                self._tmux("kill-server")

    def _alive(self):
        probe = subprocess.run(
            ["tmux", "-S", str(self.tmux_socket), "list-sessions"], capture_output=True
        )
        return probe.returncode == 0 and os.path.exists(self.tmux_socket)
