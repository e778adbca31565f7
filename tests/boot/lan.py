"""A home's network: one cable to the virtual machine, and a router that hands out addresses.

Lives in the network name space that run.sh made, so that nothing of it is seen outside.
"""

import re
import socket
import struct
import subprocess

ROUTER = "192.168.77.1"
CABLE = "snug0"
MDNS = "224.0.0.251"


def _run(*words):
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout


class Lan:
    """Cable and router."""

    def __init__(self, output):
        """Lays the cable; the router begins to answer."""
        self.output = output
        _run("ip", "tuntap", "add", CABLE, "mode", "tap")
        _run("ip", "addr", "add", f"{ROUTER}/24", "dev", CABLE)
        _run("ip", "link", "set", CABLE, "up")
        self.router = subprocess.Popen(
            ["dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--port=0",
             f"--interface={CABLE}", "--bind-interfaces", "--user=root",
             "--dhcp-range=192.168.77.10,192.168.77.50,1h", "--log-dhcp", "--log-facility=-",
             f"--dhcp-leasefile={output}/leases"],
            stdout=open(output / "router.log", "wb"), stderr=subprocess.STDOUT)

    def called(self, name):
        """The address that multicast DNS (RFC 6762 §6.7) knows for `name`, or None."""
        labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
        question = struct.pack(">6H", 0, 0, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">2H", 1, 1)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(ROUTER))
            sock.bind((ROUTER, 0))
            sock.settimeout(2)
            sock.sendto(question, (MDNS, 5353))
            try:
                answer = sock.recv(4096)
            except TimeoutError:
                return None
        # The first record behind the question that is an address of four bytes (RFC 1035 §4.1.3).
        found = re.search(rb"\x00\x01[\x00\x80]\x01.{4}\x00\x04(.{4})",
                          answer[len(question):], re.S)
        return socket.inet_ntoa(found[1]) if found else None

    def end(self):
        """Stops the router; the cable goes with the name space."""
        self.router.terminate()
        self.router.wait(10)
