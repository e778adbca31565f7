"""Members show the concierge their keys: Profanity (OTR version 2) and Pidgin (version 3) enrol, the
panel shows both keys as attested, and a key that was not known raises the alarm."""

import pytest

from clients.browser import Browser
from clients.pidgin import Pidgin
from clients.profanity import Profanity
from waiting import until


@pytest.fixture(scope="module")
def home(make_home):
    """A home with its panel; ann looks after it, bob does not."""
    home = make_home().start_daemon().start_panel().set_up().add("bob")
    status, body, _ = home.fetch("/ca.crt", verify=False)
    assert status == 200
    home.authority.write_bytes(body)
    return home


@pytest.fixture
def panel(home, tmp_path):
    """Ann at the panel."""
    browser = Browser(tmp_path)
    browser.trust(home.authority)
    with browser.visit(home.panel_url) as window:
        window.go("/sign-in")
        window.field("Your name or chat address").fill("ann")
        window.field("Password").fill(home.passwords["ann"])
        window.press("Sign in")
        yield window
    browser.stop()


@pytest.fixture
def start(output, home):
    """Starts clients that are stopped at the end."""
    made = []

    def make(kind, name, label):
        folder = output / f"{kind.__name__.lower()}-{label}"
        made.append(kind(
            folder, home.jid(name), home.passwords[name], home.host, home.port, home.authority))
        made[-1].start().wait_logged_in()
        return made[-1]

    yield make
    for client in made:
        client.stop()


def concierge(home):
    """Its address."""
    return home.jid("concierge")


def known(home, name):
    """The keys of `name` in the directory, by fingerprint."""
    return {e["fingerprint"]: e for e in home.snug_json("fingerprint", "list", name)}


def verified_by_the_export(home, ann, bob):
    """With the directory in its file, Pidgin shows Ann as verified without a step by hand."""
    bob.stop()
    path = bob.config / "otr.fingerprints"
    assert ann.jid not in bob.fingerprints()
    merged = home.snug("fingerprint", "merge", path, "--for", "bob", "--account", bob.account_name)
    path.write_text(merged.stdout)
    bob.start().wait_logged_in()
    bob.say(ann.jid, "?OTR?")
    bob.see(ann.jid, "Private conversation with .* started", 60)
    assert not [line for line in bob.history(ann.jid) if "Unverified" in line]
    bob.display.picture(bob.folder / "verified.png")
    assert bob.fingerprints()[ann.jid][1] == "attested"


def test_two_clients_enrol_and_a_new_key_raises_the_alarm(home, panel, start):
    """The story."""
    ann = start(Profanity, "ann", "ann")
    bob = start(Pidgin, "bob", "bob")
    friend = concierge(home)

    ann.type("/otr gen")
    ann.see("Private key generation complete")
    ann.type(f"/msg {friend}")
    ann.type("/otr start")
    ann.see("OTR session started")
    ann.see("attested")
    ann.type("/otr myfp")
    of_ann = ann.see(r"Your OTR fingerprint: ((?:[0-9A-F]{8} ?){5})").group(1)
    ann.type("help")
    ann.see("revoke ACEFB4D6")

    bob.say(friend, "?OTR?")
    bob.see(friend, "I see that your account uses this key", 60)
    bob.say(friend, "name the old laptop")
    bob.see(friend, "is called")

    (hers,) = known(home, "ann").values()
    assert hers["state"] == "attested" and "OTR 2" in hers["device"]
    assert hers["fingerprint"] == of_ann.replace(" ", "").lower()
    (his,) = known(home, "bob").values()
    assert his["state"] == "attested" and his["device"] == "the old laptop"
    assert his["fingerprint"] == bob.fingerprint.replace(" ", "").lower()
    panel.go("/fingerprints")
    assert panel.page.locator(".badge", has_text="attested").count() == 2
    panel.picture(bob.folder / "attested.png")
    home.snug("fingerprint", "check")

    verified_by_the_export(home, ann, bob)

    # Bob's account with a key that nobody knows.
    other = start(Pidgin, "bob", "bob-elsewhere")
    other.say(friend, "?OTR?")
    other.see(friend, "I see that your account uses this key", 60)
    ann.see("A key that I did not know spoke for bob")
    until("two keys of bob", lambda: len(known(home, "bob")) == 2)
    checks = home.snug_json("health", check=False)["checks"]
    (keys,) = [f for f in checks if f["id"] == "keys"]
    assert keys["status"] == "warn"

    for path in (home.folder / "data").rglob("*"):
        assert not path.is_file() or b"?OTR:" not in path.read_bytes(), path
