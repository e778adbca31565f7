"""Members sign in to the panel: what they see, what they can say about keys, and what is shut.

The tests of this file are one story and run in order, in one home, in a real browser.
"""

import pytest

from clients.browser import Browser, visible_text
from clients.wire import Wire

HEX = "a1b2c3d4e5f60718293a4b5c6d7e8f9001234567"
SHUT = ["/people", "/people/add", "/person/bob", "/person/ann", "/clients", "/protection",
        "/history", "/push/bob"]


@pytest.fixture(scope="module")
def home(make_home):
    """Ann looks after it, bob does not."""
    made = make_home("members").start_daemon().set_up().add("bob").start_panel()
    made.call("fingerprint-add", {"name": "ann", "fingerprint": HEX, "label": "laptop"})
    return made


@pytest.fixture(scope="module")
def browser(home, tmp_path_factory):
    """A browser that trusts the home."""
    made = Browser(tmp_path_factory.mktemp("browser"))
    made.trust(home.authority)
    yield made
    made.stop()


@pytest.fixture(scope="module")
def pictures(output):
    """Where the pictures are kept."""
    return output / "pictures"


def sign_in(window, home, name):
    """With the address and the password of the chat account."""
    window.go("/sign-in")
    window.field("Your name or chat address").fill(home.jid(name))
    window.field("Password").fill(home.passwords[name])
    window.press("Sign in")
    assert window.title().startswith("Hello"), window.title()


@pytest.fixture(scope="module")
def cookies(home, browser):
    """Bob signed in once."""
    with browser.visit(home.panel_url) as window:
        sign_in(window, home, "bob")
        return window.cookies()


@pytest.fixture
def bob(home, browser, cookies):
    """Bob's window, signed in."""
    with browser.visit(home.panel_url, cookies=cookies) as window:
        yield window


def test_what_a_member_sees(home, bob, pictures):
    """Their own and the family's keys, no page for administrators; nothing for axe-core."""
    with Wire(home) as wire:
        wire.login("bob", home.passwords["bob"], "phone").ping()
        for path in ["/", "/fingerprints", "/fingerprints/ann", "/fingerprints/bob",
                     "/encryption", "/devices", "/sign-out", "/health", "/privacy"]:
            assert bob.go(path) == 200, path
            bob.picture(pictures / f"{path.strip('/').replace('/', '-') or 'start'}.png")
            bob.assert_accessible()
            bob.assert_fits()
        bob.go("/devices")
        assert "phone" in visible_text(bob.page)
    for path in SHUT:
        assert bob.go(path) == 403, path
        assert "Only administrators" in visible_text(bob.page)
    bob.assert_accessible()


def test_a_member_compares_a_key(home, bob, pictures):
    """With the mark of who did it, in the history too; and takes it back."""
    bob.go("/fingerprints/ann")
    bob.press("We compared it face to face")
    bob.says("Compared face to face by bob.")
    bob.picture(pictures / "compared.png")
    bob.assert_accessible()
    (entry,) = home.call("fingerprint-list", {"name": "ann"})
    assert entry["state"] == "compared-in-person"
    assert entry["compared"]["by"] == home.jid("bob")
    bob.press("We did not compare it")
    (entry,) = home.call("fingerprint-list", {"name": "ann"})
    assert entry["state"] == "declared" and entry["compared"] is None


def test_a_new_password_ends_what_was_signed_in(home, browser, bob):
    """And the new one opens again."""
    home.passwords["bob"] = "another long word of bob"
    home.call("account-password", {"name": "bob", "password": home.passwords["bob"]})
    bob.go("/fingerprints")
    assert "/sign-in" in bob.page.url
    with browser.visit(home.panel_url) as window:
        sign_in(window, home, "bob")
        window.go("/sign-out")
        window.press("Sign out", within=window.page.locator("main"))
        window.go("/devices")
        assert "/sign-in" in window.page.url
