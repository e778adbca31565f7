"""A home: the real snugd and snug-admin on loopback, with a data folder of their own."""

import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import urllib.request
from pathlib import Path

import admin_socket
from waiting import until

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = Path(os.environ.get("SNUG_PROGRAMS", ROOT / "target" / "debug"))
DOMAIN = "home.test"
ADMIN, ADMIN_PASSWORD = "ann", "correct horse battery"
HOST = "127.0.0.1"

CONFIG = """
[server]
data_dir = "{folder}/data"
[c2s]
starttls = ["{host}:{port}"]
direct_tls = ["{host}:{direct_port}"]
plain = {plain}
[admin]
socket = "{socket}"
panel_user = "{user}"
[panel]
listen = ["{host}:{panel_port}"]
data_dir = "{folder}/panel"
[components]
listen = {components_listen}
secrets = "{folder}/components"
[limits]
sessions_per_account = {sessions}
connections_per_address = {connections}
offline_messages = {offline}
[log]
level = "debug"
"""


def free_ports(count):
    """Ports that are free now. All are held until all are chosen, so that they differ."""
    held = []
    for _ in range(count):
        sock = socket.socket()
        sock.bind((HOST, 0))
        held.append(sock)
    ports = [sock.getsockname()[1] for sock in held]
    for sock in held:
        sock.close()
    return ports


class Home:
    """snugd, and snug-admin if wanted. Paths and ports stay the same over restarts."""

    host, domain = HOST, DOMAIN

    def __init__(self, kept, plain=False, connections=1000, offline=100, sessions=10,
                 components=None):
        """Writes the configuration. `kept` is where logs go when the home is given up;
        `components` are names of components with their secrets."""
        self.kept = Path(kept)
        self.kept.mkdir(parents=True, exist_ok=True)
        # Short, because the path of a unix socket may have 100 bytes only.
        self.folder = Path(tempfile.mkdtemp(prefix="snug-"))
        for name in ("data", "panel"):
            (self.folder / name).mkdir(mode=0o700)
        self.port, self.direct_port, self.panel_port, self.component_port = free_ports(4)
        self.socket = self.folder / "admin.sock"
        self.config = self.folder / "snug.toml"
        secrets = self.folder / "components"
        secrets.touch(mode=0o600)
        secrets.write_text("".join(f"{n} {s}\n" for n, s in (components or {}).items()))
        user = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True)
        self.config.write_text(CONFIG.format(
            folder=self.folder, host=HOST, port=self.port, direct_port=self.direct_port,
            socket=self.socket, panel_port=self.panel_port, user=user.stdout.strip(),
            plain=str(plain).lower(),
            components_listen=json.dumps([f"{HOST}:{self.component_port}"] if components else []),
            connections=connections, offline=offline, sessions=sessions))
        self.authority = self.folder / "ca.crt"
        self.panel_url = f"https://{HOST}:{self.panel_port}"
        self.daemon = self.panel = None
        self.passwords = {}

    # --- processes

    def _spawn(self, program):
        log = open(self.kept / f"{program}.log", "ab")
        with log:
            return subprocess.Popen(
                [PROGRAMS / program, "--config", self.config],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL)

    def log(self, program="snugd"):
        """What the program logged so far."""
        path = self.kept / f"{program}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def start_daemon(self):
        """Starts snugd and waits until it accepts connections."""
        self.daemon = self._spawn("snugd")
        until("snugd to listen", self._listens, 30, step=0.01)
        return self

    def _listens(self):
        assert self.daemon.poll() is None, f"snugd ended:\n{self.log()[-3000:]}"
        try:
            socket.create_connection((HOST, self.port), timeout=1).close()
            return self.socket.exists()
        except OSError:
            return False

    def start_panel(self):
        """Starts snug-admin and waits until its page answers."""
        self.panel = self._spawn("snug-admin")
        until("the panel to answer", self._panel_answers, 30)
        return self

    def _panel_answers(self):
        assert self.panel.poll() is None, f"snug-admin ended:\n{self.log('snug-admin')[-3000:]}"
        try:
            return self.fetch("/health", verify=False)[0]
        except OSError:
            return False

    def stop_daemon(self, how=signal.SIGTERM):
        """Stops snugd; returns its exit code."""
        daemon, self.daemon = self.daemon, None
        daemon.send_signal(how)
        return daemon.wait(20)

    def give_up(self):
        """Stops everything and removes the folder."""
        for program in (self.panel, self.daemon):
            if program is not None and program.poll() is None:
                program.terminate()
                try:
                    program.wait(20)
                except subprocess.TimeoutExpired:
                    program.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    # --- administration

    def call(self, name, arguments=None, **more):
        """A call on the admin socket."""
        return admin_socket.call(self.socket, name, arguments, **more)

    def set_up(self):
        """Finishes set-up as the panel would, and keeps the authority's certificate."""
        code = self.call("setup-code")["code"]
        self.call("setup-finish", {
            "code": code, "domain": DOMAIN, "name": ADMIN, "display_name": "Ann",
            "password": ADMIN_PASSWORD, "address": HOST, "agent": "end-to-end tests"},
            role="panel")
        self.passwords[ADMIN] = ADMIN_PASSWORD
        self.keep_authority()
        return self

    def keep_authority(self):
        """Writes the certificate of the home's authority to a file for clients."""
        self.authority.write_text(self.call("tls-authority")["pem"])

    def add(self, *names):
        """Adds people with passwords of their own."""
        for name in names:
            if name not in self.passwords:
                self.passwords[name] = f"{name} and a long word"
                self.call("account-add", {"name": name, "password": self.passwords[name]})
        return self

    def jid(self, name):
        """The bare JID of a person."""
        return f"{name}@{DOMAIN}"

    def counters(self):
        """The daemon's counters."""
        return self.call("daemon-status")["counters"]

    def snug(self, *words, check=True, **more):
        """Runs the command line; `--config` is added."""
        done = subprocess.run(
            [PROGRAMS / "snug", "--config", self.config, *words],
            capture_output=True, text=True, timeout=120, **more)
        if check:
            assert done.returncode == 0, f"snug {words}: {done.stdout}{done.stderr}"
        return done

    def snug_json(self, *words, **more):
        """Runs the command line with --json and returns what it answered."""
        return json.loads(self.snug("--json", *words, **more).stdout)

    def fetch(self, path, verify=True):
        """GETs a page of the panel: (status, body, headers)."""
        if verify:
            context = ssl.create_default_context(cafile=str(self.authority))
        else:
            context = ssl._create_unverified_context()
        request = urllib.request.Request(self.panel_url + path)
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
        try:
            with opener.open(request, timeout=20) as answer:
                return answer.status, answer.read(), dict(answer.headers)
        except urllib.error.HTTPError as answer:
            return answer.code, answer.read(), dict(answer.headers)
