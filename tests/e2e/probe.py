"""Listens and probes inside a network namespace; see netns.py. Its order is a JSON argument."""

import json
import os
import selectors
import socket
import sys
import time

WAIT_SECONDS = 1.5


def family(address):
    """IPv4 or IPv6."""
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def listen(order):
    """Accepts on TCP ports, and sends back what comes to UDP ports, until the input ends."""
    chooser = selectors.DefaultSelector()
    for kind, ports in ((socket.SOCK_STREAM, order.get("tcp", [])),
                        (socket.SOCK_DGRAM, order.get("udp", []))):
        for port in ports:
            sock = socket.socket(socket.AF_INET6, kind)
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(("::", port))
            if kind == socket.SOCK_STREAM:
                sock.listen(1024)
            chooser.register(sock, selectors.EVENT_READ, kind)
    print("ready", flush=True)
    kept = []
    while True:
        for key, _ in chooser.select():
            if key.data == socket.SOCK_STREAM:
                kept.append(key.fileobj.accept())
            else:
                data, peer = key.fileobj.recvfrom(100)
                key.fileobj.sendto(data, peer)


def tcp(order):
    """Which of the ports take a connection? One try each, or `times` at once, to count."""
    to, times = order["to"], order.get("times", 1)
    chooser = selectors.DefaultSelector()
    for port in order["ports"] * times:
        sock = socket.socket(family(to), socket.SOCK_STREAM)
        sock.setblocking(False)
        if "from" in order:
            sock.bind((order["from"], 0))
        sock.connect_ex((to, port))
        chooser.register(sock, selectors.EVENT_WRITE, port)
    open_ports, until = [], time.monotonic() + order.get("wait", WAIT_SECONDS)
    while time.monotonic() < until and chooser.get_map():
        for key, _ in chooser.select(until - time.monotonic()):
            chooser.unregister(key.fileobj)
            if key.fileobj.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0:
                open_ports.append(key.data)
    return sorted(open_ports)


def udp(order):
    """From which of the ports does what was sent come back?"""
    to, ports = order["to"], order["ports"]
    socks = {}
    for port in ports:
        sock = socket.socket(family(to), socket.SOCK_DGRAM)
        sock.setblocking(False)
        if "from_port" in order:
            sock.bind(("", order["from_port"]))
        socks[port] = sock
    answered = set()
    for _ in range(3):
        for port, sock in socks.items():
            try:
                sock.sendto(b"?", (to, port))
            except PermissionError:
                pass  # the firewall of this machine says no
        time.sleep(WAIT_SECONDS / 3)
        for port, sock in socks.items():
            try:
                answered.add(port) if sock.recv(100) else None
            except OSError:
                pass
    return sorted(answered)


def main():
    """Does what the argument says."""
    order = json.loads(sys.argv[1])
    if "uid" in order:
        os.setgroups([])
        os.setresuid(order["uid"], order["uid"], order["uid"])
    if order["do"] == "listen":
        listen(order)
    print(json.dumps({"tcp": tcp, "udp": udp}[order["do"]](order)))


main()
