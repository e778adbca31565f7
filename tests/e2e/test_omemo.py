"""OMEMO keys of a real client in the directory and in the panel, and the doctor's repairs.

Profanity makes and publishes its keys; what the panel shows is what Profanity itself shows. The
tests are one story and run in order, in one home, in a real browser.
"""

import re

import pytest

from clients.browser import Browser, visible_text
from clients.profanity import Profanity
from clients.wire import Wire
from waiting import until

LIST = "eu.siacs.conversations.axolotl.devicelist"
PUBSUB = "http://jabber.org/protocol/pubsub"
FINGERPRINT = r"(?:[0-9a-f]{8}[ -]?){7}[0-9a-f]{8}"


@pytest.fixture(scope="module")
def home(make_home):
    """Ann looks after it; bob chats."""
    return make_home("omemo").start_daemon().set_up().add("bob").start_panel()


@pytest.fixture(scope="module")
def browser(home, tmp_path_factory):
    """A browser that trusts the home."""
    made = Browser(tmp_path_factory.mktemp("browser"))
    made.trust(home.authority)
    yield made
    made.stop()


@pytest.fixture(scope="module")
def cookies(home, browser):
    """Bob signed in once, as the member that he is."""
    with browser.visit(home.panel_url) as window:
        window.go("/sign-in")
        window.field("Your name or chat address").fill(home.jid("bob"))
        window.field("Password").fill(home.passwords["bob"])
        window.press("Sign in")
        assert window.title().startswith("Hello"), window.title()
        return window.cookies()


@pytest.fixture
def bob(home, browser, cookies):
    """Bob's window, signed in."""
    with browser.visit(home.panel_url, cookies=cookies) as window:
        yield window


@pytest.fixture(scope="module")
def profanity(home, output):
    """Bob's chat client, whose keys are made by itself."""
    made = Profanity(output / "profanity", home.jid("bob"), home.passwords["bob"], home.host,
                     home.port, home.authority)
    made.start().wait_logged_in()
    yield made
    made.stop()


def keys(home):
    """Bob's keys in the directory."""
    return home.snug_json("fingerprint", "list", "bob")


def test_the_panel_shows_what_the_client_shows(home, bob, profanity, output):
    """Published, it is declared; the digits are the client's own."""
    profanity.type("/omemo gen")
    entry, = until("the key in the directory", lambda: keys(home), 60)
    assert entry["state"] == "declared" and entry["omemo"]["versions"] == ["legacy"]
    profanity.type("/omemo fingerprint")
    shown = until("its own fingerprint", lambda: re.search(FINGERPRINT, profanity.screen()), 30)
    digits = re.sub(r"[ -]", "", shown.group(0))
    assert digits == entry["fingerprint"]
    bob.go("/fingerprints/bob")
    assert digits in re.sub(r"\s", "", visible_text(bob.page))
    bob.picture(output / "pictures" / "fingerprints.png")
    bob.assert_accessible()
    bob.assert_fits()
    bob.press("This key is mine")
    bob.says("You said just now that this key is yours.")
    assert "OMEMO" in home.snug("fingerprint", "list").stdout


def test_the_doctor_mends(home, bob, profanity, output):
    """A second device without keys: found, removed with one press, taken back, removed again."""
    entry, = keys(home)
    own = entry["omemo"]["device"]
    with Wire(home) as wire:
        wire.login("bob", home.passwords["bob"], "other")
        wire.iq("set", f"<pubsub xmlns='{PUBSUB}'><publish node='{LIST}'><item id='current'>"
                       f"<list xmlns='eu.siacs.conversations.axolotl'><device id='{own}'/>"
                       "<device id='4711'/></list></item></publish></pubsub>")
    bob.go("/omemo")
    bob.says("Device 4711 has no keys that can be used.")
    bob.picture(output / "pictures" / "doctor.png")
    bob.assert_accessible()
    bob.assert_fits()
    # The panel shows for some seconds again what it gathered before.
    health = until("the health page to say so", lambda: next(
        (text for _, text, _ in [home.fetch("/health.json")]
         if b"others cannot encrypt with OMEMO" in text), None), 60)
    assert b"bob" not in health
    bob.page.get_by_role("button", name="Remove the device").first.click()
    bob.says("It is repaired.")
    bob.says("Device 4711 is removed.")
    bob.picture(output / "pictures" / "repaired.png")
    bob.assert_accessible()
    bob.page.get_by_role("button", name="Undo").first.click()
    bob.says("It is as before.")
    bob.says("Device 4711 has no keys that can be used.")
    bob.page.get_by_role("button", name="Remove the device").first.click()
    bob.says("others can encrypt for all your devices")
    assert re.search(rf"id=.{own}.", profanity.log()), "its client saw the list"


def test_another_key_of_the_same_device_is_an_alarm(home):
    """Said to bob and to ann by the concierge."""
    entry = next(e for e in keys(home) if e["omemo"]["gone"] is None)
    node = f"eu.siacs.conversations.axolotl.bundles:{entry['omemo']['device']}"
    before = home.counters().get("directory.alarms", 0)
    with Wire(home) as ann, Wire(home) as wire:
        ann.login("ann", home.passwords["ann"], "desk").send("<presence/>")
        wire.login("bob", home.passwords["bob"], "thief")
        wire.iq("set", f"<pubsub xmlns='{PUBSUB}'><publish node='{node}'><item id='current'>"
                       "<bundle xmlns='eu.siacs.conversations.axolotl'><identityKey>"
                       "BaGhoaGhoaGhoaGhoaGhoaGhoaGhoaGhoaGhoaGhoaGh</identityKey></bundle>"
                       "</item></publish></pubsub>")
        told = ann.await_stanza(lambda s: s.tag.endswith("message")
                                and s.get("from", "").startswith("concierge@"))
        assert "Attention" in "".join(told.itertext())
    assert home.counters()["directory.alarms"] == before + 1
    assert [e["omemo"]["gone"] is None for e in keys(home)].count(True) == 1
