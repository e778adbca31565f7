"""A box, a device in its home and one on the internet: network namespaces joined by veth pairs.

`probe.py` listens and probes inside them. Needs root; `refusal()` says why where it cannot be had.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

PROBE = Path(__file__).with_name("probe.py")
USERS = {"snug": 64801, "snug-admin": 64802}

# Name of the namespace, and its end of the cable to the box: addresses of both.
LINKS = {
    "lan": {"box": ["10.20.0.2/24", "fd20::2/64"], "far": ["10.20.0.9/24", "10.20.0.10/24",
                                                          "fd20::9/64"]},
    "net": {"box": ["203.0.113.2/24", "2001:db8:99::2/64"],
            "far": ["203.0.113.9/24", "2001:db8:99::9/64"]},
}


def run(*words, **more):
    """Runs a command that has to succeed."""
    done = subprocess.run([str(w) for w in words], capture_output=True, text=True, timeout=120,
                          **more)
    assert done.returncode == 0, f"{words}: {done.stderr or done.stdout}"
    return done.stdout


def refusal():
    """Why namespaces cannot be made here; `None` if they can."""
    if os.geteuid() != 0:
        return "network namespaces and nftables need root: run the tests as root once"
    name = f"snug-try-{os.getpid()}"
    done = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True)
    if done.returncode:
        return f"this machine has no network namespaces: {done.stderr.strip()}"
    run("ip", "netns", "del", name)
    return None


class World:
    """The three namespaces."""

    def __init__(self, folder):
        self.children = []
        # Users of the box, which the machine of the tests has not.
        self.users = folder / "passwd"
        with open("/etc/passwd") as passwd:
            known = passwd.read()
        self.users.write_text(known + "".join(
            f"{name}:x:{uid}:65534::/:/usr/sbin/nologin\n" for name, uid in USERS.items()))
        self.names = {n: f"snug-{n}-{os.getpid()}" for n in ("box", "lan", "net")}
        try:
            self._join()
        except BaseException:
            self.end()
            raise

    def _join(self):
        for name in self.names.values():
            run("ip", "netns", "add", name)
            run("ip", "-n", name, "link", "set", "lo", "up")
        for link, ends in LINKS.items():
            run("ip", "-n", self.names["box"], "link", "add", link, "type", "veth", "peer", "name",
                "eth0", "netns", self.names[link])
            for end, device in (("box", link), ("far", "eth0")):
                name = self.names["box" if end == "box" else link]
                for address in ends[end]:
                    nodad = ["nodad"] if ":" in address else []
                    run("ip", "-n", name, "address", "add", address, "dev", device, *nodad)
                run("ip", "-n", name, "link", "set", device, "up")
        # The box is a way between the two, if the rules let it be one.
        self.inside("box", "sysctl", "-qw", "net.ipv4.ip_forward=1")
        for here, there in (("lan", "net"), ("net", "lan")):
            via = LINKS[here]["box"][0].split("/")[0]
            run("ip", "-n", self.names[here], "route", "add", "default", "via", via)

    def words(self, where, *words):
        """A command as it is run in a namespace."""
        bind = 'mount --bind "$0" /etc/passwd && exec "$@"'
        return ["ip", "netns", "exec", self.names[where], "unshare", "--mount", "sh", "-c", bind,
                str(self.users), *map(str, words)]

    def inside(self, where, *words, **more):
        """Runs a command in a namespace."""
        return run(*self.words(where, *words), **more)

    def probe(self, where, **order):
        """Has `probe.py` do something in a namespace; its answer."""
        return json.loads(self.inside(where, sys.executable, PROBE, json.dumps(order)))

    def listen(self, where, **order):
        """Leaves listeners in a namespace until the end."""
        order = json.dumps({"do": "listen", **order})
        child = subprocess.Popen(self.words(where, sys.executable, PROBE, order),
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.children.append(child)
        assert child.stdout.readline().strip() == "ready"

    def scan(self, where, target):
        """TCP ports of 65,535 that nmap finds open."""
        family = ["-6"] if ":" in target else []
        out = self.inside(where, "nmap", *family, "-n", "-Pn", "-sS", "-p-", "--min-rate", "15000",
                          "--max-retries", "0", "-oG", "-", target)
        found = [part for line in out.splitlines() if "Ports:" in line
                 for part in line.split("Ports: ")[1].split("\t")[0].split(", ")]
        return sorted(int(part.split("/")[0]) for part in found if "/open/" in part)

    def end(self):
        """Removes what was made."""
        for child in self.children:
            child.kill()
            child.wait()
        for name in self.names.values():
            subprocess.run(["ip", "netns", "del", name], capture_output=True)
