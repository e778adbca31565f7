"""The daemon is killed while it writes, again and again; nothing it acknowledged is missing."""

import random
import signal
import threading
import time

import pytest

from clients.wire import CLIENT, ROSTER, Gone, Silent, Wire
from home import Home

MAM = "urn:xmpp:mam:2"
RSM = "http://jabber.org/protocol/rsm"
ROUNDS = 50
WRITES_PER_ROUND = 1_000


class Ledger:
    """What the daemon acknowledged, and what was asked of it without an answer."""

    def __init__(self):
        """Nothing yet."""
        self.lock = threading.Lock()
        self.contacts, self.people, self.messages = set(), set(), []
        # Of each person, the last message of the archive that was looked at.
        self.archive_ends = {}
        self.count, self.round = 0, 0
        self.kinds = {"roster": 0, "account": 0, "offline": 0}

    def acknowledged(self, kind):
        """Counts one."""
        self.count += 1
        self.kinds[kind] += 1


def write_roster(home, ledger, number, stop):
    """Roster sets, several in flight; each result is an acknowledgement."""
    wire = Wire(home).login("ann", home.passwords["ann"], f"roster{number}")
    serial = 0
    while not stop.is_set():
        names = {}
        for _ in range(10):
            serial += 1
            jid = f"c{number}-{ledger.round}-{serial}@elsewhere.test"
            names[f"r{serial}"] = jid
            wire.send(f"<iq type='set' id='r{serial}'><query xmlns='{ROSTER}'>"
                      f"<item jid='{jid}' name='{serial}'/></query></iq>")
        while names:
            answer = wire.await_stanza(lambda e: e.get("id") in names)
            assert answer.get("type") == "result"
            with ledger.lock:
                ledger.contacts.add(names.pop(answer.get("id")))
                ledger.acknowledged("roster")


def write_offline(home, ledger, number, stop):
    """Messages for somebody who is away; the result of a ping behind them acknowledges them."""
    wire = Wire(home).login("ann", home.passwords["ann"], f"offline{number}")
    serial = 0
    while not stop.is_set():
        sent = []
        for _ in range(10):
            serial += 1
            sent.append(f"{number}-{ledger.round}-{serial}")
            wire.message(home.jid("bob"), sent[-1])
        wire.ping()
        refused = [e for _, e in wire.events if e.get("type") == "error"]
        assert not refused
        with ledger.lock:
            ledger.messages += sent
            for _ in sent:
                ledger.acknowledged("offline")


def write_accounts(home, ledger, number, stop):
    """New people over the admin socket."""
    serial = 0
    while not stop.is_set():
        serial += 1
        name = f"n{number}x{ledger.round}x{serial}"
        home.call("account-add", {"name": name, "password": "a long enough password"})
        with ledger.lock:
            ledger.people.add(home.jid(name))
            ledger.acknowledged("account")


def one_round(home, ledger, enough):
    """Writes until about `enough` acknowledgements have come, then kills the daemon."""
    stop, target = threading.Event(), ledger.count + enough
    failures = []

    def run(work, number):
        try:
            work(home, ledger, number, stop)
        except (Gone, Silent, OSError):
            pass  # the daemon was killed under it
        except Exception as e:  # noqa: BLE001 - told to the main thread
            if not stop.is_set():
                failures.append(e)

    works = [write_roster, write_roster, write_offline, write_accounts]
    threads = [threading.Thread(target=run, args=(work, n)) for n, work in enumerate(works)]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + 60
    while ledger.count < target and time.monotonic() < deadline and not failures:
        time.sleep(0.002)
    assert home.stop_daemon(signal.SIGKILL) == -signal.SIGKILL
    stop.set()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
    assert not failures, failures
    assert ledger.count >= target, "the daemon was too slow to acknowledge the writes"


def archived(wire, ledger, name):
    """Bodies in the archive that came after the last look."""
    bodies = []
    while True:
        end = ledger.archive_ends.get(name)
        after = f"<after>{end}</after>" if end else ""
        answer = wire.iq("set", f"<query xmlns='{MAM}'><set xmlns='{RSM}'>{after}</set></query>")
        for _, element in wire.events:
            bodies += [body.text for body in element.iter(f"{{{CLIENT}}}body")]
        wire.events.clear()
        fin = answer.find(f"{{{MAM}}}fin")
        ledger.archive_ends[name] = fin.findtext(f".//{{{RSM}}}last") or end
        if fin.get("complete") == "true":
            return bodies


def check_archive(home, ledger):
    """What was acknowledged is in both archives, and once."""
    for name in ("ann", "bob"):
        with Wire(home) as wire:
            wire.login(name, home.passwords[name], "archive")
            kept = archived(wire, ledger, name)
        lost = set(ledger.messages) - set(kept)
        assert not lost, f"{len(lost)} messages are not in {name}'s archive: {sorted(lost)[:5]}"
        assert len(kept) == len(set(kept)), f"messages are in {name}'s archive twice"


def check(home, ledger):
    """Everything acknowledged is there."""
    with Wire(home) as wire:
        wire.login("ann", home.passwords["ann"], "check")
        roster = wire.iq("get", f"<query xmlns='{ROSTER}'/>", seconds=60)
        kept = {item.get("jid") for item in roster.iter(f"{{{ROSTER}}}item")}
        lost = ledger.contacts - kept
        assert not lost, f"{len(lost)} acknowledged contacts are missing: {sorted(lost)[:5]}"
        # A roster has a limit; make room for the next round.
        for number, jid in enumerate(sorted(kept)):
            wire.send(f"<iq type='set' id='x'><query xmlns='{ROSTER}'>"
                      f"<item jid='{jid}' subscription='remove'/></query></iq>")
            if number % 50 == 0:
                wire.ping()
        wire.ping()
        wire.events.clear()
        ledger.contacts.clear()
    people = {account["jid"] for account in home.call("account-list")}
    lost = ledger.people - people
    assert not lost, f"{len(lost)} acknowledged accounts are missing: {sorted(lost)[:5]}"
    check_archive(home, ledger)
    with Wire(home) as wire:
        wire.login("bob", home.passwords["bob"], "check").presence()
        wire.ping()
        waiting = {e.findtext(f"{{{CLIENT}}}body") for _, e in wire.events
                   if e.tag == f"{{{CLIENT}}}message"}
        lost = set(ledger.messages) - waiting
        assert not lost, f"{len(lost)} acknowledged messages are missing: {sorted(lost)[:5]}"
        ledger.messages.clear()


@pytest.mark.timeout(900)
def test_nothing_acknowledged_is_lost(output):
    """Fifty times, at a random moment within about a thousand acknowledged writes."""
    home = Home(output, offline=100_000)
    chance = random.Random(198)
    ledger = Ledger()
    try:
        home.start_daemon().set_up().add("bob")
        for ledger.round in range(ROUNDS):
            one_round(home, ledger, WRITES_PER_ROUND + chance.randrange(100))
            home.start_daemon()
            check(home, ledger)
        assert ledger.count >= ROUNDS * WRITES_PER_ROUND
        assert min(ledger.kinds.values()) >= ROUNDS, ledger.kinds
        (output / "kept.txt").write_text(
            f"{ledger.count} acknowledged writes {ledger.kinds}, {ROUNDS} kills, none missing\n")
    finally:
        home.give_up()
