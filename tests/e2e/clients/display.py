"""A screen without a monitor: Xvfb, a window manager, and pictures of it."""

import os
import subprocess

from waiting import until

SIZE = "1280x900x24"
START_SECONDS = 60


class Display:
    """One Xvfb with openbox."""

    def __init__(self, folder, open_to_all=False):
        """Starts both; `folder` takes the log. `open_to_all`: programs of other users may show
        themselves on it."""
        read_end, write_end = os.pipe()
        self.log = open(folder / "display.log", "wb")
        self.server = subprocess.Popen(
            ["Xvfb", "-displayfd", str(write_end), "-screen", "0", SIZE, "-nolisten", "tcp",
             *(["-ac"] if open_to_all else [])],
            pass_fds=[write_end], stdout=self.log, stderr=self.log,
        )
        os.close(write_end)
        with os.fdopen(read_end) as number:
            self.name = ":" + number.readline().strip()
        self.manager = subprocess.Popen(
            ["openbox", "--sm-disable"], env=self.environment(), stdout=self.log, stderr=self.log
        )
        until("the window manager", lambda: self.tool("getwindowfocus", check=False) is not None,
              START_SECONDS)

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
