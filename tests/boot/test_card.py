"""The card as a family meets it: switched on, set up, talked over, switched off the wrong way.

One story, in order, with one device; every start is a start of the card that was built. What it
took is in tests/output/boot/figures.txt.
"""

import asyncio
import re
import threading
import time

import pytest

import machine as machines
from clients.person import Person, people
from clients.wire import Gone, Silent, Wire
from test_kill9 import archived
from waiting import until

# Who may reach what from the home's network. Everything else is closed.
OPEN_TCP = {443, 5222, 5223}
OPEN_UDP = {5353}

MEMORY_KB_MAX = 200 * 1024

# A file as Windows writes it, with a mistake in its third line.
WRONG_FILE = "\ufeff[home]\r\nhostname = \"attic\"\r\ncolour = \"red\"\r\n".encode()
RIGHT_FILE = b'[home]\r\nhostname = "attic"\r\nname = "other.example"\r\ntimezone = "Europe/Berlin"\r\n'

# What was acknowledged to ann before the power failed.
ACKNOWLEDGED_MIN = 200


@pytest.fixture(scope="session")
def figures(output):
    """Notes a figure for people."""
    lines = []

    def note(line):
        lines.append(line)
        (output / "figures.txt").write_text("".join(f"{line}\n" for line in lines))
    return note


def await_panel(machine, family):
    """Waits until the panel answers at the address that the screen shows."""
    found = machine.await_screen(r"https://(192\.168\.77\.\d+)", "an address on the screen")
    family.host = found[1]
    until("the panel to answer", family.answers, machines.START_SECONDS, step=0.5)


def report(machine):
    """How the machine feels, told after now."""
    before = machine.probe.read_bytes().count(b"end") if machine.probe.exists() else 0
    until("two reports of the machine",
          lambda: machine.probe.exists() and machine.probe.read_bytes().count(b"end") > before + 1,
          machines.START_SECONDS, step=0.5)
    return machine.feels()


def test_it_starts_with_a_wrong_file_and_a_wrong_clock(machine, family, figures):
    """By DHCP, although the clock shows 1970 and the set-up file has a mistake."""
    machine.put("snug-setup.toml", WRONG_FILE)
    began = time.monotonic()
    machine.start(clock="1970-01-02T00:00:00")
    await_panel(machine, family)
    took = time.monotonic() - began
    machine.await_screen(r"snug-setup\.toml, line 3: ", "the mistake on the screen")
    assert "snug-setup.toml, line 3: " in family.page("/health", verify=False)[1]
    feels = report(machine)
    figures(f"first start: the panel answered {took:.0f} s after power-on (emulated)")
    assert feels["failed"] == [], machine.shows()[-3000:]
    assert feels["now"] > 1_700_000_000, "a clock from before this card was made"
    grown = feels["data_bytes"]
    assert grown > 1_000_000_000, f"the data partition has {grown} bytes"


def test_its_name_is_found(machine, lan, family):
    """RFC 6762: snug.local, from any device at home."""
    assert until("snug.local", lambda: lan.called("snug.local"), 120) == family.host


def test_the_link_on_the_screen_sets_the_home_up(machine, family):
    """No password is on the card; the link works once, and the authority's fingerprint follows."""
    link = machine.await_screen(r"https://\S+/setup\?code=\S+", "the link on the screen")
    until("a QR code for the phone", lambda: re.search("[█▀▄]", machine.shows()), 60)
    family.set_up(link[0])
    shown = machine.await_screen(r"SHA-256 ([0-9A-Fa-f: ]+)", "the fingerprint on the screen")
    digits = re.sub(r"[^0-9a-f]", "", shown[1].lower())
    assert digits == family.fingerprint()
    status, text = family.page("/health")
    assert status == 200, text[:3000]
    family.add("bob")


def test_two_clients_talk(machine, family, figures):
    """slixmpp, both ways of TLS, verified against the certificate from the panel."""
    async def story():
        ann = Person(family, "ann", "a")
        bob = Person(family, "bob", "b", direct=True)
        async with people(ann, bob):
            ann.send_message(mto=bob.boundjid.bare, mbody="the first word", mtype="chat")
            await bob.hears("the first word", 120)
            bob.send_message(mto=ann.boundjid.bare, mbody="the second", mtype="chat")
            await ann.hears("the second", 120)
    asyncio.run(story())
    feels = report(machine)
    figures(f"memory in use with everything running: {feels['used_kb'] / 1024:.0f} MB")
    assert feels["used_kb"] <= MEMORY_KB_MAX


def test_only_the_intended_ports_are_open(machine, family, figures):
    """All 65,535 of TCP, and the ones of UDP that devices like to have open."""
    def scan(*words):
        text = machine.chroot.run(
            ["nmap", "-n", "-Pn", "--open", "-oG", "-", *words, family.host],
            machine.output / "tools.log", wanted=True)
        return {int(port) for port, state in re.findall(r"(\d+)/(open)/", text)}

    began = time.monotonic()
    assert scan("-sS", "-p-", "--min-rate", "2000", "--max-retries", "2") == OPEN_TCP
    # What answers; "open or filtered" is silence. Multicast DNS answers to its own kind only.
    assert scan("-sU", "-p", "22,53,67,68,69,111,123,137,161,500,1900,5222,5355") <= OPEN_UDP
    figures(f"port scan: TCP {sorted(OPEN_TCP)}, in {time.monotonic() - began:.0f} s")


def test_a_restart_takes_the_corrected_file_over(machine, lan, family):
    """Off by the button; the file is corrected on a computer; the words are still there."""
    machine.shut_down()
    told = machine.get("snug-setup-result.txt")
    assert "NOT taken over" in told and "line 3" in told, told
    assert family.host in machine.get("snug-address.txt")
    machine.put("snug-setup.toml", RIGHT_FILE)
    machine.start()
    await_panel(machine, family)
    assert until("attic.local", lambda: lan.called("attic.local"), 300) == family.host
    with Wire(family, seconds=120) as wire:
        wire.login("ann", family.passwords["ann"])
        kept = archived(wire, Ledger(), "ann")
    assert kept == ["the first word", "the second"]


class Ledger:
    """Where reading of the archives begins."""

    def __init__(self):
        """At their start."""
        self.archive_ends = {}


def test_the_power_fails_amid_traffic(machine, family, figures):
    """Everything that was acknowledged is there after the next start, and once."""
    acknowledged, sent, stop = [], [], threading.Event()

    def write():
        wire = Wire(family, seconds=120).login("ann", family.passwords["ann"])
        try:
            while not stop.is_set():
                batch = [f"word {len(sent) + n}" for n in range(10)]
                sent.extend(batch)
                for body in batch:
                    wire.message(family.jid("bob"), body)
                wire.ping()
                acknowledged.extend(batch)
        except (Gone, Silent, OSError):
            pass  # the power failed

    thread = threading.Thread(target=write)
    thread.start()
    try:
        until("enough traffic", lambda: len(acknowledged) >= ACKNOWLEDGED_MIN, 900)
        machine.cut()
    finally:
        stop.set()
    thread.join(300)
    assert not thread.is_alive() and len(sent) > len(acknowledged), "cut amid traffic"
    machine.start()
    await_panel(machine, family)
    assert report(machine)["failed"] == []
    with Wire(family, seconds=120) as wire:
        wire.login("bob", family.passwords["bob"])
        kept = archived(wire, Ledger(), "bob")
    lost = set(acknowledged) - set(kept)
    assert not lost, f"{len(lost)} acknowledged messages are missing: {sorted(lost)[:5]}"
    assert len(kept) == len(set(kept))
    figures(f"power cut: {len(acknowledged)} acknowledged messages, all there")
    machine.cut()
    assert machine.get("snug-setup.toml") is None, "a file is taken over once"
    assert "was taken over" in machine.get("snug-setup-result.txt")
    assert machine.get("snug-setup.done.toml") is not None
