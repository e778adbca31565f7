"""Changes of the firewall: checked, applied, confirmed, taken back; and what a start does.

There is no systemd here, so a stand-in reads the units: it waits until the test says that the
minute of the timer is over, and runs what the service says."""

import json
import os
import stat
import subprocess
import sys

import pytest

from home import PROGRAMS, ROOT
from waiting import until

# No test takes longer; then the stand-in gives up.
SECONDS_MAX = 300

SYSTEMCTL = """#!{python}
import os, re, shlex, signal, subprocess, sys, time
folder, programs, config, units = {folder!r}, {programs!r}, {config!r}, {units!r}
verb, timer = sys.argv[1:]
assert timer == "snug-firewall-rollback.timer", timer
if os.path.exists(folder + "/no-systemd"):
    sys.exit("System has not been booted with systemd as init system")
armed = folder + "/armed"
try:
    with open(armed) as file:
        pid = int(file.read())
    os.remove(armed)
    os.kill(pid, signal.SIGKILL)
except (OSError, ValueError):
    pass
if verb == "restart":
    assert re.search(r"^OnActiveSec=60$", open(units + "/" + timer).read(), re.M)
    lines = open(units + "/snug-firewall-rollback.service").read().splitlines()
    commands = [line.split("=", 1)[1].lstrip("-") for line in lines if line.startswith("ExecStart")]
    pid = os.fork()
    if pid:
        with open(armed, "w") as file:
            file.write(str(pid))
        sys.exit(0)
    os.setsid()
    for fd in (0, 1, 2):
        os.dup2(os.open(os.devnull, os.O_RDWR), fd)
    for _ in range({seconds} * 20):
        time.sleep(0.05)
        if os.path.exists(folder + "/minute-over"):
            break
    else:
        sys.exit("nobody waited for the timer")
    os.remove(armed)
    for command in commands:
        words = shlex.split(command.replace("/var/lib/snug-firewall", folder + "/state"))
        if words[0] == "/usr/bin/snug":
            words = [programs + "/snug", "--config", config, *words[1:]]
        subprocess.run(words)
"""

# Refuses rules that hold the word in the file beside it.
NFT = """#!{python}
import os, subprocess, sys
rules = sys.stdin.read() if "-" in sys.argv else ""
refused = open({folder!r} + "/refused").read().split(",")
if any(word and word in rules for word in refused):
    sys.exit("/dev/stdin:1:1-4: Error: not today")
sys.exit(subprocess.run(["/usr/sbin/nft", *sys.argv[1:]], input=rules, text=True).returncode)
"""


class Box:
    """The box with its firewall."""

    def __init__(self, world, folder):
        self.world, self.folder = world, folder
        self.config = folder / "snug.toml"
        for name in ("bin", "state", "run", "data/firewall"):
            (folder / name).mkdir(parents=True)
        values = {"python": sys.executable, "folder": str(folder), "programs": str(PROGRAMS),
                  "config": str(self.config), "units": str(ROOT / "systemd"), "seconds": SECONDS_MAX}
        for name, text in (("systemctl", SYSTEMCTL), ("nft", NFT)):
            file = folder / "bin" / name
            file.write_text(text.format(**values))
            file.chmod(file.stat().st_mode | stat.S_IXUSR)
        self.refuse("")
        self.settings("")

    def refuse(self, words):
        """From now on nftables refuses rules with one of these words."""
        (self.folder / "refused").write_text(words)

    def settings(self, text):
        """Writes the settings."""
        self.config.write_text(f'[server]\ndata_dir = "{self.folder}/data"\n{text}')

    def snug(self, *words, code=0):
        """Runs `snug firewall`; what it said."""
        env = {**os.environ, "PATH": f"{self.folder}/bin:{os.environ['PATH']}:/usr/sbin",
               "STATE_DIRECTORY": f"{self.folder}/state", "RUNTIME_DIRECTORY": f"{self.folder}/run"}
        words = self.world.words("box", PROGRAMS / "snug", "--config", self.config, "firewall",
                                 *words)
        done = subprocess.run(words, capture_output=True, text=True, env=env, timeout=60)
        assert done.returncode == code, done.stderr or done.stdout
        return done.stdout + done.stderr

    def is_taken_back(self):
        """The minute passes."""
        (self.folder / "minute-over").touch()
        until("the change to be taken back", lambda: self.status()["state"] == "rolled-back", 60)

    def status(self):
        """What the health page reads."""
        lines = (self.folder / "run" / "status").read_text().splitlines()
        return dict(line.split(" ", 1) for line in lines)

    def open(self):
        """Ports that the home can reach."""
        ports = self.world.probe("lan", do="tcp", to="10.20.0.2", ports=[22, 443, 5222, 9999])
        return set(ports)

    def rules(self):
        """What is in force, without counters."""
        return self.world.inside("box", "/usr/sbin/nft", "--stateless", "list", "ruleset")


@pytest.fixture(scope="module", autouse=True)
def listeners(world):
    """Something to reach."""
    world.listen("box", tcp=[22, 443, 5222, 9999])


@pytest.fixture
def box(world, tmp_path):
    """A box without rules, as it is before its first start."""
    world.inside("box", "/usr/sbin/nft", "flush", "ruleset")
    box = Box(world, tmp_path)
    yield box
    box.snug("confirm")  # ends the stand-in


SSH = "[firewall]\nssh = true\n"
USUAL = {443, 5222}


def test_a_change_that_nobody_confirms_is_taken_back(box):
    """The real timer's command does it; a connection that is up stays up."""
    box.snug("start")
    assert box.status()["state"] == "in-force" and box.open() == USUAL
    before = box.rules()
    box.settings(SSH)
    assert "minute" in box.snug("apply")
    assert box.open() == USUAL | {22} and box.status()["state"] == "waiting"
    assert json.loads(box.snug("confirm", "--reached", "/nowhere", "--json"))["state"] == "waiting"
    box.is_taken_back()
    assert box.open() == USUAL and box.rules() == before
    assert not (box.folder / "run" / "waiting.nft").exists()


def test_a_change_that_is_confirmed_stays(box):
    """By hand, and by the panel's word about this change and no other."""
    box.snug("start")
    box.settings(SSH)
    box.snug("apply")
    assert (box.folder / "armed").exists()
    box.snug("confirm")
    assert box.status()["state"] == "in-force" and not (box.folder / "armed").exists()
    assert box.open() == USUAL | {22}
    assert "No change" in box.snug("confirm")
    box.settings("")
    box.snug("apply")
    reached = box.folder / "reached"
    reached.write_text("1")
    assert "not after this change" in box.snug("confirm", "--reached", reached)
    reached.write_text(box.status()["at"])
    assert "Confirmed" in box.snug("confirm", "--reached", reached)
    assert box.open() == USUAL and not (box.folder / "armed").exists()
    # The same again is no change.
    assert "in force" in box.snug("apply") and not (box.folder / "armed").exists()


def test_the_first_change_can_be_taken_back_too(box):
    """To what was before: no rules of ours."""
    box.snug("apply")
    assert box.open() == USUAL
    box.is_taken_back()
    assert box.open() == USUAL | {22, 9999}


def test_mistakes_change_nothing(box):
    """Settings that cannot be read, rules that nftables refuses, nobody to take back."""
    box.snug("start")
    before = box.rules()
    box.settings("[firewall]\nchat_from = [\"the moon\"]\n")
    assert "chat_from" in box.snug("apply", code=2)
    assert box.status()["state"] == "broken" and "chat_from" in box.status()["fault"]
    box.settings(SSH)
    box.refuse("in_ssh")
    assert "not today" in box.snug("check", code=2)
    assert "not today" in box.snug("apply", code=2)
    assert "not today" in box.status()["fault"]
    box.refuse("")
    (box.folder / "no-systemd").touch()
    assert "nothing was changed" in box.snug("apply", code=2)
    assert box.rules() == before
    assert "in force" in box.snug("apply", "--confirm")
    assert box.open() == USUAL | {22}


@pytest.mark.parametrize("kind", ["settings", "rules"])
def test_a_start_with_broken_rules_loads_the_last_good_ones(box, kind):
    """Broken settings, and rules that this nftables does not know."""
    box.settings(SSH)
    box.snug("apply", "--confirm")
    good = box.rules()
    box.world.inside("box", "/usr/sbin/nft", "flush", "ruleset")
    if kind == "settings":
        box.settings("[firewal]\n")
    else:
        box.settings("[firewall]\nhome = [\"203.0.113.0/24\"]\n")
        box.refuse("203.0.113.0/24")
    box.snug("start", code=2)
    assert box.rules() == good and box.open() == USUAL | {22}
    assert box.status()["state"] == "broken"


def test_a_start_without_good_rules_is_not_left_open(box):
    """The usual rules; the bare ones; and if nftables does nothing at all, the page says so."""
    box.settings("[firewal]\n")
    box.snug("start", code=2)
    assert box.open() == USUAL and "in_panel" in box.rules()
    box.refuse("limit rate")
    box.snug("start", code=2)
    assert box.open() == USUAL and "in_panel" not in box.rules()
    assert box.world.probe("net", do="tcp", to="203.0.113.2", ports=[22, 443, 5222]) == []
    assert box.status()["state"] == "broken"
    box.refuse("table")
    box.snug("start", code=2)
    assert box.status()["state"] == "none"


def test_settings_that_changed_while_the_machine_was_off_are_told(box):
    """They hold, and wait to be confirmed without being taken back."""
    box.snug("start")
    box.settings(SSH)
    box.snug("start")
    status = box.status()
    assert status["state"] == "waiting" and "until" not in status
    assert box.open() == USUAL | {22} and not (box.folder / "armed").exists()
    box.snug("confirm")
    assert box.status()["state"] == "in-force"
    box.snug("start")
    assert box.status()["state"] == "in-force"


def test_going_back_by_hand(box):
    """`snug firewall rollback`."""
    box.snug("rollback", code=2)
    box.snug("start")
    box.settings(SSH)
    box.snug("apply")
    box.snug("rollback")
    assert box.open() == USUAL and not (box.folder / "armed").exists()
    assert box.status()["state"] == "rolled-back"


def test_the_panel_reached_from_home_confirms_a_change(box, output):
    """The real panel in the box; a device at home looks at it, and the unit's command confirms."""
    box.snug("start")
    box.settings(SSH + f'[panel]\nlisten = ["[::]:8443"]\ndata_dir = "{box.folder}/data"\n'
                 f'[admin]\nsocket = "{box.folder}/none.sock"\n')
    word = box.folder / "word"
    word.mkdir()
    # The panel reads how the firewall is where the unit leaves it: in /run.
    place = (f"mount -t tmpfs none /run && mkdir /run/snug-firewall && "
             f"mount --bind {box.folder}/run /run/snug-firewall && exec \"$@\"")
    command = box.world.words("box", "sh", "-c", place, "panel", PROGRAMS / "snug-admin",
                              "--config", box.config)
    with open(output / "snug-admin.log", "ab") as log:
        panel = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                 env={**os.environ, "RUNTIME_DIRECTORY": str(word)})
    reached = word / "firewall-reached"
    try:
        inside = {"do": "tcp", "to": "10.20.0.2", "ports": [8443]}
        until("the panel to listen", lambda: box.world.probe("box", **inside), 60)
        box.snug("apply")
        look = ["curl", "--silent", "--insecure", "--max-time", "60", "--output", "/dev/null"]
        box.world.inside("box", *look, "https://10.20.0.2:8443/health")
        assert not reached.exists(), "the machine itself shows nothing"
        box.world.inside("lan", *look, "https://10.20.0.2:8443/health")
        until("word of the panel", reached.exists, 10)
    finally:
        panel.kill()
        panel.wait()
    assert reached.read_text().strip() == box.status()["at"]
    assert "Confirmed" in box.snug("confirm", "--reached", reached)
    assert box.status()["state"] == "in-force" and not (box.folder / "armed").exists()
