"""A screen without a monitor: Xvfb, a window manager, and pictures of it."""

import os
import random
import subprocess

from waiting import until

SIZE = "1280x900x24"
START_SECONDS = 60
# Programs find a screen by its number alone, through a socket that even a changed root does not
# keep apart from those of others. So the numbers are rolled, far from those that people use.
NUMBERS = range(1000, 60000)
NUMBERS_TRIED = 20


class Display:
    """One Xvfb with openbox."""

    def __init__(self, folder, open_to_all=False):
        """Starts both; `folder` takes the log. `open_to_all`: programs of other users may show
        themselves on it."""
        self.log = open(folder / "display.log", "wb")
        for number in random.SystemRandom().sample(NUMBERS, NUMBERS_TRIED):
            if self._start_server(number, open_to_all):
                break
        else:
            raise AssertionError(f"no screen, see {folder / 'display.log'}")
        self.manager = subprocess.Popen(
            ["openbox", "--sm-disable"], env=self.environment(), stdout=self.log, stderr=self.log
        )
        # What only a window manager can answer.
        until("the window manager", self._is_managed, START_SECONDS)

    def _start_server(self, number, open_to_all):
        """Starts Xvfb with this number; it ends at once if somebody has the number already."""
        self.name = f":{number}"
        read_end, write_end = os.pipe()
        self.server = subprocess.Popen(
            # It would start anew when the last program leaves, and turn away who comes meanwhile.
            ["Xvfb", self.name, "-displayfd", str(write_end), "-screen", "0", SIZE, "-noreset",
             "-nolisten", "tcp", *(["-ac"] if open_to_all else [])],
            pass_fds=[write_end], stdout=self.log, stderr=self.log,
        )
        os.close(write_end)
        with os.fdopen(read_end) as ready:
            if ready.readline().strip():
                return True
        self.server.wait()
        return False

    def _is_managed(self):
        """Does a window manager answer?"""
        assert self.manager.poll() is None, f"openbox ended, see {self.log.name}"
        return self.tool("get_num_desktops", check=False)

    def environment(self):
        """The environment for a program on this screen."""
        return {**os.environ, "DISPLAY": self.name}

    def tool(self, *words, check=True):
        """Runs xdotool; returns what it printed, or None if it failed and `check` is off."""
        done = subprocess.run(
            ["xdotool", *words], env=self.environment(), capture_output=True, text=True
        )
        if done.returncode != 0:
            if check:
                raise AssertionError(f"xdotool {words}: {done.stderr}")
            return None
        return done.stdout.strip()

    def window(self, title, seconds=20):
        """Waits for a visible window whose title matches `title`; returns its number."""
        def look():
            found = self.tool("search", "--onlyvisible", "--name", title, check=False)
            return found.splitlines()[-1] if found else None
        return until(f"a window titled {title!r}", look, seconds)

    def picture(self, path):
        """Keeps a picture of the screen."""
        path.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            ["scrot", "--overwrite", str(path)], env=self.environment(), check=True
        )

    def stop(self):
        """Ends both programs."""
        for program in (self.manager, self.server):
            program.terminate()
            program.wait(10)
        self.log.close()
