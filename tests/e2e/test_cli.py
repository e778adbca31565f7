"""The command line from end to end: people, sessions, fingerprints, import and export."""

import json
import subprocess
import time
import xml.etree.ElementTree as ET

import pytest

from clients.wire import Wire
from home import PROGRAMS

PIE = "{urn:xmpp:pie:0}"
FINGERPRINT = "A1B2C3D4 E5F60718 293A4B5C 6D7E8F90 01234567"
BULK = 2_000


def refused(home, *words):
    """The command fails and says why; returns what it said."""
    done = home.snug(*words, check=False)
    assert done.returncode != 0, f"snug {words} should fail: {done.stdout}"
    assert done.stderr.strip(), "a failure says why"
    return done.stderr


def jids(home):
    """All accounts by name."""
    return [a["jid"] for a in home.snug_json("account", "list")]


def test_a_person_from_add_to_delete_and_back(home):
    """`snug account`."""
    added = home.snug_json("account", "add", "hal", "--generate")
    password = added["generated_password"]
    assert len(password) >= 12 and added["account"]["jid"] == home.jid("hal")
    assert home.jid("hal") in jids(home)
    with Wire(home) as wire:
        wire.login("hal", password, "cli")
        shown = home.snug_json("account", "show", "hal")
        assert shown["sessions"] == 1
        home.snug("account", "lock", "hal")
        wire.ends_with("not-authorized")
    assert home.snug_json("account", "show", "hal")["state"]["is"] == "locked"
    home.snug("account", "unlock", "hal")
    home.snug("account", "delete", "hal", "--yes")
    assert home.snug_json("account", "show", "hal")["state"]["is"] == "deleted"
    home.snug("account", "restore", "hal")
    with Wire(home) as wire:
        wire.login("hal", password, "back")
    assert "hal" in home.snug("account", "list").stdout, "people get a table"


def test_mistakes_are_explained(home):
    """Exit code, words, and nothing changed."""
    before = jids(home)
    assert "bob" in refused(home, "account", "add", "bob", "--generate")
    refused(home, "account", "show", "nobody-here")
    assert "administrator" in refused(home, "account", "delete", "ann", "--yes")
    refused(home, "fingerprint", "add", "bob", "not-a-fingerprint")
    refused(home, "account", "frobnicate")
    assert jids(home) == before


def test_no_daemon_is_explained(make_home):
    """The daemon is not running: which socket, and what to do."""
    home = make_home("asleep")
    assert str(home.socket) in refused(home, "account", "list")


def test_sessions_are_listed_and_closed(home):
    """`snug session`."""
    with Wire(home) as wire:
        wire.login("bob", home.passwords["bob"], "listed")
        rows = home.snug_json("session", "list")
        assert wire.jid in [row["jid"] for row in rows]
        home.snug("session", "kick", wire.jid)
        wire.ends_with("policy-violation")


@pytest.mark.parametrize("form", [
    FINGERPRINT, FINGERPRINT.lower(), FINGERPRINT.replace(" ", ""),
    FINGERPRINT.replace(" ", "").lower(), f"  {FINGERPRINT}\n"])
def test_fingerprints_in_every_usual_form(home, form):
    """`snug fingerprint`."""
    home.snug("fingerprint", "add", "bob", form, "--label", "laptop")
    (entry,) = home.snug_json("fingerprint", "list", "bob")
    assert entry["fingerprint"] == FINGERPRINT.replace(" ", "").lower()
    assert entry["label"] == "laptop" and entry["changed_by"] == "operator"
    home.snug("fingerprint", "verify", "bob", form)
    (entry,) = home.snug_json("fingerprint", "list", "bob")
    assert entry["state"] == "compared-in-person"
    home.snug("fingerprint", "remove", "bob", form)
    assert home.snug_json("fingerprint", "list", "bob") == []


def test_health_for_people_and_programs(home):
    """`snug health`."""
    words = home.snug("health", check=False).stdout
    assert len(words.splitlines()) >= 5
    report = json.loads(home.snug("--json", "health", check=False).stdout)
    text = json.dumps(report)
    assert "certificate" in text, text
    assert "bob" not in text and "@" not in text, "no personal data"


def test_config_check(home, tmp_path):
    """`snug config check`: line, key, remedy."""
    home.snug("config", "check")
    wrong = tmp_path / "wrong.toml"
    wrong.write_text("[c2s]\nstartls = []\n")
    done = subprocess.run([PROGRAMS / "snug", "--config", wrong, "config", "check"],
                          capture_output=True, text=True)
    assert done.returncode != 0
    assert "line 2" in done.stderr and "starttls" in done.stderr
    done = subprocess.run([PROGRAMS / "snugd", "--config", wrong], capture_output=True, text=True,
                          timeout=20)
    assert done.returncode != 0 and "line 2" in done.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completions(home, shell):
    """A script that the shell accepts, naming the commands."""
    script = home.snug("completions", shell).stdout
    assert "fingerprint" in script
    if shell == "bash":
        subprocess.run(["bash", "-n"], input=script, text=True, check=True)


def bulk_file(domain, count):
    """XEP-0227 with plain passwords and rosters."""
    people = [
        f"<user name='p{n:04}' password='word number {n:04}'><query xmlns='jabber:iq:roster'>"
        f"<item jid='p{(n + 1) % count:04}@{domain}' name='Next &amp; near' subscription='both'>"
        f"<group>Family</group></item></query></user>" for n in range(count)]
    return (f"<?xml version='1.0' encoding='UTF-8'?><server-data xmlns='urn:xmpp:pie:0'>"
            f"<host jid='{domain}'>{''.join(people)}</host></server-data>")


def canonical(path):
    """What the export says, independent of the order of attributes and people."""
    root = ET.parse(path).getroot()
    people = sorted(root.iter(f"{PIE}user"), key=lambda user: user.get("name"))
    return [ET.canonicalize(ET.tostring(user, encoding="unicode"), strip_text=True)
            for user in people]


@pytest.mark.timeout(240)
def test_two_thousand_people_move_in_and_out_again(make_home, tmp_path):
    """`snug import`; `snug export`; importing the export gives the same export."""
    old = make_home("old").start_daemon().set_up()
    source = tmp_path / "people.xml"
    source.write_text(bulk_file(old.domain, BULK))
    started = time.monotonic()
    old.snug("import", str(source))
    # For whoever reads the output; how busy the machine is decides, so nothing hangs on it.
    print(f"{BULK} accounts took {time.monotonic() - started:.1f} s")
    assert len(jids(old)) == BULK + 1
    with Wire(old) as wire:
        wire.login("p1234", "word number 1234", "moved")
        roster = wire.iq("get", "<query xmlns='jabber:iq:roster'/>")
        items = {i.get("jid"): i for i in roster.iter("{jabber:iq:roster}item")}
        assert set(items) == {f"p1235@{old.domain}", f"concierge@{old.domain}"}
        item = items[f"p1235@{old.domain}"]
        assert item.get("subscription") == "both"
        assert item.get("name") == "Next & near" and item[0].text == "Family"
    first, second = tmp_path / "first.xml", tmp_path / "second.xml"
    old.snug("export", str(first))
    text = first.read_text()
    assert "word number" not in text, "passwords are not kept, so they cannot be exported"
    assert first.stat().st_mode & 0o077 == 0, "keys are for the owner's eyes only"

    new = make_home("new").start_daemon().set_up()
    new.snug("import", "--existing", "replace", str(first))
    with Wire(new) as wire:
        wire.login("p0042", "word number 0042", "moved")
    new.snug("export", str(second))
    assert canonical(first) == canonical(second)


def test_an_import_that_is_wrong_changes_nothing(home, tmp_path):
    """Which person, and why."""
    before = jids(home)
    for name, text in {
        "cut": bulk_file(home.domain, 3)[:-40],
        "name": bulk_file(home.domain, 3).replace("p0001'", "p@0001'", 1),
        "domain": bulk_file("elsewhere.test", 3),
        "doctype": "<!DOCTYPE x [<!ENTITY a 'b'>]>" + bulk_file(home.domain, 1),
    }.items():
        source = tmp_path / f"{name}.xml"
        source.write_text(text)
        refused(home, "import", str(source))
        assert jids(home) == before, name
