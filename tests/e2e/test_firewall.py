"""The firewall: rules loaded into a box between a home and the internet, and then probed.

What passes is compared with docs/firewall.md."""

import json
import pwd
import re
from concurrent.futures import ThreadPoolExecutor

import pytest

import netns
from home import PROGRAMS, ROOT

# Ports on which something listens in the box, so that closed means closed by the rules.
TCP = [21, 22, 23, 25, 53, 80, 139, 443, 445, 631, 3000, 5222, 5223, 5269, 5280, 5347, 8080, 8443]
UDP = [53, 67, 68, 123, 161, 443, 546, 1900, 5222, 5353, 5355]
BOX = {"lan": ["10.20.0.2", "fd20::2"], "net": ["203.0.113.2", "2001:db8:99::2"]}


@pytest.fixture(scope="module", autouse=True)
def listeners(world):
    """In the box and on the internet."""
    world.listen("box", tcp=TCP, udp=UDP)
    world.listen("net", tcp=[53, 80, 443, 5269, 8080], udp=[53, 123, 4000])


@pytest.fixture
def snug(world, tmp_path):
    """Runs `snug firewall` in the box, with these settings and this choice."""
    def call(*words, settings="", choice=None, check=True):
        (tmp_path / "data" / "firewall").mkdir(parents=True, exist_ok=True)
        if choice:
            (tmp_path / "data" / "firewall" / "choice").write_text(choice)
        file = tmp_path / "snug.toml"
        file.write_text(f'[server]\ndata_dir = "{tmp_path}/data"\n{settings}')
        words = [PROGRAMS / "snug", "--config", file, "firewall", *words]
        if check:
            return world.inside("box", *words)
        return netns.subprocess.run(world.words("box", *words), capture_output=True, text=True)
    return call


@pytest.fixture
def load(world, snug):
    """Loads rules into the box."""
    def call(settings="", choice=None):
        snug("check", settings=settings, choice=choice)
        rules = snug("show", "--rules", settings=settings, choice=choice)
        world.inside("box", "nft", "-f", "-", input=rules)
    return call


def documented():
    """The table "In" of docs/firewall.md: ports by kind and place."""
    page = (ROOT / "docs" / "firewall.md").read_text()
    table = page.split("\n## In\n")[1].split("\n## ")[0]
    found = {("TCP", "home"): set(), ("TCP", "anywhere"): set(),
             ("UDP", "home"): set(), ("UDP", "anywhere"): set()}
    rows = [line.split(" | ") for line in table.splitlines() if line.startswith("| ")][1:]
    assert len(rows) > 5
    for _, what, place, *_ in rows:
        for part in what.split("; "):
            kind, _, ports = part.partition(" ")
            if kind in ("TCP", "UDP"):
                found[(kind, place)] |= {int(n) for n in re.findall(r"\b\d+\b", ports)}
    return found


def reached(world, place, kind, ports):
    """Ports of the box that are open from a place; the same by IPv4 and IPv6."""
    four, six = (world.probe(place, do=kind, to=box, ports=ports) for box in BOX[place])
    assert four == six, f"{place}: IPv4 {four}, IPv6 {six}"
    return set(four)


def test_a_scan_finds_what_the_document_says(world, load):
    """All TCP ports by nmap, and those where something listens by hand; the UDP ports by hand."""
    assert reached(world, "net", "tcp", TCP) == set(TCP), "without rules all is open"
    assert reached(world, "net", "udp", UDP) == set(UDP)
    load()
    table = documented()
    # What DHCP needs is open only between its own ports, which the next test looks at.
    dhcp = {68, 546}
    for place in ("lan", "net"):
        tcp = table["TCP", "anywhere"] | (table["TCP", "home"] if place == "lan" else set())
        udp = table["UDP", "anywhere"] | (table["UDP", "home"] if place == "lan" else set())
        for box in BOX[place]:
            assert world.scan(place, box) == sorted(tcp), f"{place} {box}"
        assert reached(world, place, "tcp", TCP) == tcp, place
        assert reached(world, place, "udp", UDP) == udp - dhcp, place
    assert table["TCP", "home"] == {443, 5222, 5223} and not table["TCP", "anywhere"]


def test_dhcp_only_from_the_port_of_a_server(world, load):
    """RFC 2131 §4.1, RFC 8415 §7.2."""
    load()
    assert world.probe("lan", do="udp", to="10.20.0.2", ports=[68], from_port=67) == [68]
    assert world.probe("lan", do="udp", to="10.20.0.2", ports=[68]) == []
    assert world.probe("net", do="udp", to="203.0.113.2", ports=[53], from_port=67) == []


def test_the_owner_chooses_who_may_chat(world, load):
    """The panel's choice, and networks in the settings."""
    chat = [443, 5222, 5223]
    load(choice="everywhere\n")
    assert reached(world, "net", "tcp", chat) == {5222, 5223}
    assert reached(world, "lan", "tcp", chat) == set(chat)
    load(choice="lan\n")
    assert reached(world, "net", "tcp", chat) == set()
    load('[firewall]\nchat_from = ["203.0.113.8/29"]\n', choice="everywhere\n")
    assert world.probe("net", do="tcp", to="203.0.113.2", ports=chat) == [5222, 5223]
    assert world.probe("net", do="tcp", to="2001:db8:99::2", ports=chat) == []
    assert reached(world, "lan", "tcp", chat) == set(chat)
    load('[firewall]\nhome = ["203.0.113.0/24", "10.20.0.0/24", "2001:db8:99::/64"]\nssh = true\n')
    assert reached(world, "net", "tcp", [22, *chat]) == {22, *chat}
    load('[panel]\nlan_only = false\nlisten = ["[::]:8443"]\n'
         '[c2s]\nstarttls = ["127.0.0.1:5222"]\n', choice="lan\n")
    assert reached(world, "net", "tcp", TCP) == {8443}
    assert reached(world, "lan", "tcp", TCP) == {8443, 5223}


def test_ping_and_neighbours_work(world, load):
    """ICMP and ICMPv6; a fresh neighbour is found, which needs ICMPv6 itself."""
    load()
    for place in ("lan", "net"):
        netns.run("ip", "-n", world.names["box"], "neigh", "flush", "all")
        netns.run("ip", "-n", world.names[place], "neigh", "flush", "all")
        for box in BOX[place]:
            world.inside(place, "ping", "-c", "1", "-W", "5", box)


def test_nothing_goes_through(world, load, snug):
    """The box forwards, and the rules do not let it."""
    assert world.probe("lan", do="tcp", to="203.0.113.9", ports=[80, 443]) in ([], [80, 443])
    load()
    assert world.probe("lan", do="tcp", to="203.0.113.9", ports=[80, 443]) == []
    assert json.loads(snug("show", "--json"))["dropped"]["through"] > 0


def test_what_leaves_is_what_the_document_says(world, load, snug):
    """By user: Snug's own go nowhere, the system's to what each is for."""
    load()
    tcp, udp = [53, 80, 443, 5269, 8080], [53, 123, 4000]
    users = {"snug": (set(), set()), "snug-admin": (set(), set()), "nobody": (set(), set()),
             "_apt": ({53, 80, 443}, {53}), "root": ({53, 80, 443}, {53})}
    if any(user.pw_name == "systemd-timesync" for user in pwd.getpwall()):
        users["systemd-timesync"] = ({53}, {53, 123})

    def probe(order):
        user, do, far = order
        uid = netns.USERS.get(user)
        uid = pwd.getpwnam(user).pw_uid if uid is None else uid
        return set(world.probe("box", do=do, to=far, ports=tcp if do == "tcp" else udp, uid=uid))

    asked = [(user, do, far) for user in users for do in ("tcp", "udp")
             for far in ("203.0.113.9", "2001:db8:99::9")]
    with ThreadPoolExecutor(6) as pool:
        for order, found in zip(asked, pool.map(probe, asked)):
            user, do, _ = order
            assert found == users[user][do == "udp"], order
    for user in netns.USERS.values():
        home = world.probe("box", do="tcp", to="127.0.0.1", ports=[5222], uid=user)
        assert home == [5222], "what stays within the machine"
    shown = json.loads(snug("show", "--json"))
    assert shown["dropped"]["own"] > 0
    assert next(r for r in shown["rows"] if r["id"] == "out_updates")["passed"] > 0


def test_who_comes_too_often_waits_and_nobody_else(world, load, snug):
    """100 new chat connections at once, then one a second (docs/firewall.md)."""
    load()
    for source, to in (("10.20.0.9", "10.20.0.2"), ("fd20::9", "fd20::2")):
        order = {"do": "tcp", "to": to, "ports": [5222], "from": source, "wait": 0.9}
        assert 100 <= len(world.probe("lan", times=150, **order)) < 110, source
    other = {"do": "tcp", "to": "10.20.0.2", "ports": [5222], "from": "10.20.0.10"}
    assert world.probe("lan", **other) == [5222]
    assert json.loads(snug("show", "--json"))["dropped"]["too_many"] > 50


def test_a_choice_that_is_no_choice_is_the_home(world, load, snug, tmp_path):
    """The file belongs to the daemon's user; whatever it holds, it cannot write rules."""
    load(choice="everywhere; tcp dport 22 accept\n")
    assert reached(world, "net", "tcp", TCP) == set()
    choice = tmp_path / "data" / "firewall" / "choice"
    choice.unlink()
    secret = tmp_path / "secret"
    secret.write_text("everywhere")
    choice.symlink_to(secret)
    done = snug("show", "--rules", check=False)
    assert done.returncode == 1 and "choice" in done.stderr
