"""A terminal (tmux) of its own for one program: typed into like a person does, read from the
screen."""

import contextlib
import os
import re
import shlex
import signal
import subprocess

from waiting import until

SCREEN_COLUMNS = 180
SCREEN_LINES = 50
QUIT_SECONDS = 5


class Terminal:
    """One tmux with one program."""

    def __init__(self, socket):
        """`socket` is the path of tmux's socket: short."""
        self.socket = socket

    def _tmux(self, *words):
        done = subprocess.run(["tmux", "-f", "/dev/null", "-S", str(self.socket), *words],
                              capture_output=True, text=True, check=True)
        return done.stdout

    def start(self, command, environment):
        """Starts `command`, a list of words, with nothing but `environment`."""
        words = ["env", "-i", *(f"{name}={value}" for name, value in environment.items()),
                 *(str(word) for word in command)]
        self._tmux("new-session", "-d", "-x", str(SCREEN_COLUMNS), "-y", str(SCREEN_LINES),
                   shlex.join(words))
        self.program = int(self._tmux("display-message", "-p", "#{pane_pid}"))

    def screen(self):
        """What the person sees, wrapped lines joined."""
        return self._tmux("capture-pane", "-p", "-J")

    def type(self, line):
        """Types one line and Return."""
        self._tmux("send-keys", "-l", line)
        self.key("Enter")

    def key(self, *names):
        """Presses keys, by tmux's names."""
        self._tmux("send-keys", *names)

    def see(self, pattern, seconds=20.0):
        """Waits until the screen matches `pattern` and returns the match."""
        return until(f"the screen to show /{pattern}/",
                     lambda: re.search(pattern, self.screen()) or (False, self.screen()), seconds)

    def sees(self, pattern):
        """Does the screen match now?"""
        return re.search(pattern, self.screen()) is not None

    def alive(self):
        """Does the program run?"""
        probe = subprocess.run(["tmux", "-S", str(self.socket), "list-sessions"],
                               capture_output=True)
        return probe.returncode == 0 and os.path.exists(self.socket)

    def stop(self, last_words, keep):
        """Keeps the last screen in the file `keep`, types `last_words`, and ends the program and
        its tmux if that does not end them. A program may outlive its terminal, and then do
        nothing but look for it."""
        try:
            keep.write_text(self.screen())
            if last_words:
                self.type(last_words)
            until("the program to quit", lambda: not self.alive(), QUIT_SECONDS)
        except (subprocess.CalledProcessError, AssertionError):
            pass
        finally:
            if self.alive():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self.program, signal.SIGKILL)
                with contextlib.suppress(subprocess.CalledProcessError):
                    self._tmux("kill-server")
