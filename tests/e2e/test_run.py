"""`./just run` on a desk: what it prints, that Ctrl-C stops it, that a second run keeps the data."""

import os
import re
import signal
import socket
import subprocess

import pytest

import admin_socket
from home import ADMIN_PASSWORD, PROGRAMS, ROOT
from waiting import until

DOMAIN = "desk.test"


class Desk:
    """The script that the recipe calls, in a process group of its own like a terminal's."""

    def __init__(self, folder, log):
        """Starts it."""
        self.log = log
        with open(log, "wb") as out:
            self.process = subprocess.Popen(
                ["sh", ROOT / "systemd" / "run-desk.sh", PROGRAMS, folder],
                stdout=out, stderr=out, stdin=subprocess.DEVNULL, start_new_session=True)

    def printed(self):
        """What the person sees."""
        return self.log.read_text(errors="replace")

    def await_text(self, pattern):
        """Waits until the terminal shows it."""
        return until(f"/{pattern}/", lambda: re.search(pattern, self.printed())
                     or (False, self.printed()), 40)

    def control_c(self):
        """As the terminal does it: a signal to everybody in the group."""
        os.killpg(self.process.pid, signal.SIGINT)
        return self.process.wait(30)


def number(config, key):
    """A port of the configuration that was written."""
    return int(re.search(rf'^{key} = \[".*:(\d+)"\]', config, re.MULTILINE).group(1))


@pytest.fixture
def desk(tmp_path, output):
    """Starts desks with one folder; ends what is left."""
    made = []

    def start(name):
        made.append(Desk(tmp_path / "data", output / f"{name}.txt"))
        return made[-1]

    yield start
    for one in made:
        if one.process.poll() is None:
            one.control_c()


def test_first_run_second_run(desk, tmp_path):
    """The set-up link and a QR code first; afterwards the panel's address; nothing is lost."""
    first = desk("first-run")
    first.await_text("Ctrl-C")
    text = first.printed()
    code = re.search(r"https://\S+/setup\?code=(\S+)", text).group(1)
    assert "▄" in text and "Pidgin" in text and "Connect port" in text
    config = (tmp_path / "data" / "snug.toml").read_text()
    ports = [number(config, key) for key in ("starttls", "direct_tls", "listen")]
    for port in ports:
        socket.create_connection(("127.0.0.1", port), 5).close()
    path = tmp_path / "data" / "admin.sock"
    admin_socket.call(path, "setup-finish", {
        "code": code, "domain": DOMAIN, "name": "ann", "password": ADMIN_PASSWORD,
        "address": "127.0.0.1", "agent": "end-to-end tests"}, role="panel")

    busy = desk("busy")
    assert busy.process.wait(30) != 0
    assert "in use already" in busy.printed()

    assert first.control_c() == 0
    for port in ports:
        with pytest.raises(OSError):
            socket.create_connection(("127.0.0.1", port), 5).close()

    second = desk("second-run")
    second.await_text("Ctrl-C")
    text = second.printed()
    assert f"The panel of {DOMAIN}" in text and "setup?code" not in text
    assert [a["jid"] for a in admin_socket.call(path, "account-list")] == [f"ann@{DOMAIN}"]
    assert second.control_c() == 0
