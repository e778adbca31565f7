"""The panel as a family meets it: set-up, people, fingerprints, health; in a real browser.

The tests of this file are one story and run in order, in one home. Pictures of every page are
kept in tests/output/e2e/test_panel.
"""

import json
import re
import ssl
import urllib.error
import urllib.request

import pytest

from clients.browser import Browser, visible_text
from clients.wire import Wire
from home import ADMIN_PASSWORD, DOMAIN
from waiting import until

HEX = "a1b2c3d4e5f60718293a4b5c6d7e8f9001234567"
GROUPS = "A1B2C3D4 E5F60718 293A4B5C 6D7E8F90 01234567"
# The beginning of a file as Pidgin writes it; the numbers are made up.
PRIVATE_KEY = """(privkeys
 (account
(name "bob@home.test/desk")
(protocol prpl-jabber)
(private-key
 (dsa
  (p #00FC07ABCF0DC916AFF6E9A450#)
  (x #5EC4E7ABCDEF0123456789#)
  ))))"""
SECRET_PART = "5EC4E7ABCDEF0123456789"
PAGES = ["/", "/people", "/people/add", "/person/ann", "/person/bob", "/person/bob/delete",
         "/push/bob",
         "/fingerprints", "/fingerprints/ann", "/fingerprints/bob", "/keyring/bob", "/sheet",
         "/clients", "/devices", "/encryption", "/firewall",
         "/health", "/ca", "/privacy", "/sign-out"]
OPEN_PAGES = ["/", "/sign-in", "/health", "/ca", "/privacy", "/setup"]


@pytest.fixture(scope="module")
def pictures(output):
    """Where the pictures are kept."""
    return output / "pictures"


@pytest.fixture(scope="module")
def home(make_home):
    """A home nobody has set up."""
    return make_home("story").start_daemon().start_panel()


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """A browser."""
    made = Browser(tmp_path_factory.mktemp("browser"))
    yield made
    made.stop()


@pytest.fixture(scope="module")
def cookies(home, browser):
    """Ann signed in once: the panel lets nobody try as often as there are tests here."""
    with browser.visit(home.panel_url) as window:
        sign_in(window, home)
        return window.cookies()


@pytest.fixture
def ann(home, browser, cookies):
    """Ann's window, signed in."""
    with browser.visit(home.panel_url, cookies=cookies) as window:
        yield window


def sign_in(window, home):
    """As the administrator."""
    window.go("/sign-in")
    window.field("Your name or chat address").fill("ann")
    window.field("Password").fill(home.passwords["ann"])
    window.press("Sign in")
    assert window.title().startswith("Hello"), window.title()


def fill_set_up(window, domain=DOMAIN):
    """What the first person types."""
    window.field("Name of the home").fill(domain)
    window.field("Your chat name").fill("ann")
    window.field("Name shown to people").fill("Ann")
    window.field("Password").fill(ADMIN_PASSWORD)
    window.field("The same password again").fill(ADMIN_PASSWORD)


def test_before_set_up_there_is_only_set_up(home, browser, pictures):
    """No default password, and nothing to see without the code."""
    with browser.visit(home.panel_url, trusting=False) as window:
        window.go("/")
        assert "set up" in visible_text(window.page).lower()
        window.picture(pictures / "not-set-up.png")
        window.assert_accessible()
        window.go("/setup")
        window.field("Set-up code").fill("guessed")
        window.press("Go on")
        window.says("This set-up code does not work")
        window.go("/people")
        assert "Ann" not in visible_text(window.page)


def test_set_up_from_the_printed_link(home, browser, pictures):
    """`snug setup link` prints it; two fields and a password; then the first page."""
    printed = home.snug("setup", "link", "--panel-url", home.panel_url,
                        "--domain", "suggested.test", "--admin", "ann").stdout
    link = re.search(r"https://\S+code=\S+", printed).group(0)
    assert any(block in printed for block in "█▀▄"), "a QR code for the phone"
    with browser.visit(home.panel_url, trusting=False) as window:
        window.go(link)
        assert window.field("Name of the home").input_value() == "suggested.test"
        assert window.field("Your chat name").input_value() == "ann"
        window.picture(pictures / "set-up.png")
        window.assert_accessible()
        fill_set_up(window, "not a name")
        window.press("Finish")
        window.picture(pictures / "set-up-wrong.png")
        window.assert_accessible()
        fill_set_up(window)
        window.press("Finish")
        until("the first page", lambda: "Hello" in visible_text(window.page)
              or "ready" in visible_text(window.page) or (False, visible_text(window.page)))
        window.picture(pictures / "set-up-done.png")
        window.assert_accessible()
        (cookie,) = [c for c in window.cookies() if c["httpOnly"]]
        assert cookie["secure"] and cookie["sameSite"] in ("Strict", "Lax")
        window.go(link)
        assert "set up" in visible_text(window.page), "the link works once"
    home.passwords["ann"] = ADMIN_PASSWORD


def test_the_certificate_from_the_panel_makes_the_warning_go_away(home, browser, pictures):
    """/ca.crt, installed as a person would; every later test of this file verifies."""
    with pytest.raises(Exception, match="ERR_CERT_AUTHORITY_INVALID"):
        with browser.visit(home.panel_url) as window:
            window.go("/sign-in")
    status, body, _ = home.fetch("/ca.crt", verify=False)
    assert status == 200 and body.startswith(b"-----BEGIN CERTIFICATE-----")
    home.authority.write_bytes(body)
    assert body.decode().strip() == home.call("tls-authority")["pem"].strip()
    browser.trust(home.authority)
    with browser.visit(home.panel_url) as window:
        assert window.go("/ca") == 200
        shown = re.sub(r"[^0-9A-Fa-f]", "", window.page.locator("#sha256").inner_text())
        assert shown.lower() == home.call("tls-authority")["sha256"]


def test_signing_in_with_a_wrong_password(home, browser, pictures):
    """Refused in words, and no session."""
    with browser.visit(home.panel_url) as window:
        window.go("/people")
        assert "/sign-in" in window.page.url
        window.field("Your name or chat address").fill("ann")
        window.field("Password").fill("certainly wrong")
        window.press("Sign in")
        assert window.page.get_by_role("alert").count() == 1
        window.picture(pictures / "sign-in-wrong.png")
        window.assert_accessible()
        window.field("Password").fill(home.passwords["ann"])
        window.press("Sign in")
        assert window.title() == "People", "back to what was asked for"


def test_two_people_move_in(home, ann, pictures):
    """One with a password made for him, one with her own; both can log in at once."""
    ann.go("/people/add")
    ann.field("Chat name").fill("bob")
    ann.field("Name shown to people").fill("Bob")
    ann.press("Add")
    ann.says("Bob is part of your home")
    password = ann.page.locator("#secret").inner_text()
    ann.picture(pictures / "bob-is-here.png")
    ann.assert_accessible()
    assert len(password) >= 12
    home.passwords["bob"] = password

    ann.go("/people/add")
    ann.field("Chat name").fill("cid")
    ann.page.get_by_label("I will type one").check()
    ann.field("Password").fill("cids very own words")
    ann.field("The same password again").fill("cids very own words")
    ann.press("Add")
    assert ann.page.locator("#secret").count() == 0, "a typed password is not shown"
    home.passwords["cid"] = "cids very own words"
    for name in ("bob", "cid"):
        with Wire(home) as wire:
            wire.login(name, home.passwords[name], "first").ping()
    ann.go("/people")
    text = visible_text(ann.page)
    assert "bob@home.test" in text and "cid@home.test" in text
    ann.go("/people/add")
    ann.field("Chat name").fill("bob")
    ann.press("Add")
    assert ann.page.locator(".error, [role=alert]").count() >= 1, "there is a bob already"
    ann.picture(pictures / "bob-again.png")
    ann.assert_accessible()


@pytest.mark.parametrize("form", [
    GROUPS, GROUPS.lower(), HEX, HEX.upper(), f"  {GROUPS}  ",
    ":".join(HEX[i:i + 2] for i in range(0, 40, 2)), GROUPS.replace(" ", "-"),
], ids=["groups", "lower-groups", "hex", "upper-hex", "blanks", "colons", "dashes"])
def test_fingerprints_in_any_usual_form(home, ann, form, pictures):
    """Normalised and shown in five groups, with a QR code; removed, and undone."""
    ann.go("/fingerprints/bob")
    ann.field("Fingerprint").fill(form)
    ann.field("Device or app").fill("Pidgin on the desk")
    ann.press("Add")
    shown = ann.page.locator(f"#print-{HEX}")
    assert shown.inner_text().split() == GROUPS.split()
    (entry,) = home.call("fingerprint-list", {"name": "bob"})
    assert entry["fingerprint"] == HEX and entry["state"] == "declared"
    assert entry["changed_by"] == home.jid("ann") and entry["device"] == "Pidgin on the desk"
    assert ann.page.locator("figure:has(svg)", has_text="Scan to compare").count() == 1
    ann.page.locator("summary", has_text="Change or remove").click()
    ann.page.locator("#state-1").select_option("compared-in-person")
    ann.press("Save")
    (entry,) = home.call("fingerprint-list", {"name": "bob"})
    assert entry["state"] == "compared-in-person"
    ann.picture(pictures / "fingerprint.png")
    ann.assert_accessible()
    ann.page.locator("summary", has_text="Change or remove").click()
    ann.press("Remove this fingerprint")
    assert home.call("fingerprint-list", {"name": "bob"}) == []
    ann.press("Undo")
    assert len(home.call("fingerprint-list", {"name": "bob"})) == 1
    ann.page.locator("summary", has_text="Change or remove").click()
    ann.press("Remove this fingerprint")
    history = visible_text(ann.page)
    assert "What happened" in history and "ann" in history.lower()


@pytest.mark.parametrize("wrong", ["", "A1B2C3D4", HEX + "00", "z" * 40, "bob@home.test"])
def test_what_is_no_fingerprint_is_said_so(home, ann, wrong):
    """The field is marked, with words; nothing is kept."""
    ann.go("/fingerprints/bob")
    ann.field("Fingerprint").fill(wrong)
    ann.press("Add")
    assert ann.page.locator("#fingerprint[aria-invalid=true]").count() == 1
    assert home.call("fingerprint-list", {"name": "bob"}) == []


@pytest.mark.parametrize("place", ["fingerprint", "label", "device"])
def test_a_private_key_is_refused_and_forgotten(home, ann, place, pictures):
    """In whichever field it is pasted; explained; in no log and in no file."""
    ann.go("/fingerprints/bob")
    if place != "fingerprint":
        ann.field("Fingerprint").fill(GROUPS)
    ann.page.locator(f"#{place}").first.evaluate(
        "(input, text) => { input.removeAttribute('maxlength'); input.value = text }", PRIVATE_KEY)
    ann.press("Add")
    assert ann.title() == "That was a private key"
    assert SECRET_PART not in ann.page.content()
    ann.picture(pictures / "private-key.png")
    ann.assert_accessible()
    assert home.call("fingerprint-list", {"name": "bob"}) == []
    kept = [p for folder in (home.folder, home.kept) for p in folder.rglob("*") if p.is_file()]
    assert len(kept) >= 4
    for path in kept:
        content = path.read_bytes()
        assert SECRET_PART.encode() not in content, path


def test_lock_and_unlock(home, ann, pictures):
    """A connected client goes; the person stays outside until unlocked."""
    wire = Wire(home).login("bob", home.passwords["bob"], "phone")
    ann.go("/clients")
    assert "phone" in visible_text(ann.page)
    ann.picture(pictures / "clients.png")
    ann.assert_accessible()
    ann.go("/person/bob")
    ann.press("Lock the account")
    wire.ends_with("not-authorized")
    ann.says("This account is locked")
    ann.picture(pictures / "locked.png")
    ann.assert_accessible()
    ann.press("Unlock the account")
    with Wire(home) as again:
        again.login("bob", home.passwords["bob"], "phone")


def test_delete_and_undo(home, ann, pictures):
    """Asked once more; undone with one press; then everything is as before."""
    ann.go("/person/cid")
    ann.press("Delete the account…")
    ann.assert_accessible()
    ann.press("Delete")
    assert home.call("account-show", {"name": "cid"})["state"]["is"] == "deleted"
    ann.picture(pictures / "deleted.png")
    ann.assert_accessible()
    ann.press("Undo")
    assert home.call("account-show", {"name": "cid"})["state"]["is"] == "active"
    with Wire(home) as wire:
        wire.login("cid", home.passwords["cid"], "back")


def test_the_last_administrator_stays(home, ann):
    """Neither deleted nor made a member."""
    ann.go("/person/ann")
    ann.press("Make a member")
    assert ann.page.get_by_role("alert").count() == 1
    assert home.call("account-show", {"name": "ann"})["role"] == "admin"


def test_a_new_password(home, ann):
    """The old one stops working."""
    ann.go("/person/bob")
    ann.press("Set the password")
    password = ann.page.locator("#secret").inner_text()
    assert password != home.passwords["bob"]
    home.passwords["bob"] = password
    with Wire(home) as wire:
        wire.login("bob", password, "new")


def test_sessions_are_listed_and_ended(home, ann, browser, pictures):
    """Another browser is signed out from here, and comes back and signs out itself."""
    with browser.visit(home.panel_url) as other:
        sign_in(other, home)
        ann.go("/devices")
        ann.picture(pictures / "devices.png")
        ann.assert_accessible()
        assert "this one" in visible_text(ann.page)
        ann.press("Sign out all others")
        other.go("/people")
        assert "/sign-in" in other.page.url
        sign_in(other, home)
        other.go("/sign-out")
        old = other.cookies()
        other.press("Sign out", within=other.page.locator("main"))
        other.go("/people")
        assert "/sign-in" in other.page.url
    with browser.visit(home.panel_url, cookies=old) as thief:
        thief.go("/people")
        assert "/sign-in" in thief.page.url, "a copied cookie is worth nothing after signing out"
    ann.go("/people")
    assert ann.title() == "People"


def test_health_for_everybody_at_home(home, browser, pictures):
    """Without sign-in: sentences, JSON; nothing about people."""
    with browser.visit(home.panel_url) as window:
        assert window.go("/health") == 200
        text = visible_text(window.page)
        assert window.page.locator(".checks li").count() >= 10
        assert "ann" not in re.findall(r"\w+", text.lower()) and "bob" not in text.lower()
        window.picture(pictures / "health.png")
        window.assert_accessible()
    status, body, headers = home.fetch("/health.json")
    report = json.loads(body)
    assert status == 200 and "application/json" in headers["content-type"]
    text = json.dumps(report).lower()
    assert "certificate" in text and "bob" not in text
    status, body, _ = home.fetch("/metrics")
    if status == 200:
        assert re.search(rb"^snug_\w+(\{[^}]*\})? [0-9.]+$", body, re.MULTILINE)
    else:
        assert status in (401, 403), status


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("phone", [False, True], ids=["desk", "phone"])
def test_every_page_is_accessible_and_fits(home, browser, cookies, pictures, dark, phone):
    """axe-core finds nothing; nothing sticks out; light and dark, desk and phone."""
    look = f"{'dark' if dark else 'light'}-{'phone' if phone else 'desk'}"
    home.call("fingerprint-add", {"name": "ann", "fingerprint": GROUPS, "label": "laptop"})
    with browser.visit(home.panel_url, dark=dark, phone=phone) as window:
        for path in OPEN_PAGES:
            window.go(path)
            judge(window, pictures / look / f"open-{path.strip('/') or 'start'}.png")
    with browser.visit(home.panel_url, dark=dark, phone=phone, cookies=cookies) as window:
        for path in PAGES:
            assert window.go(path) == 200, path
            name = path.strip("/").replace("/", "-") or "start"
            judge(window, pictures / look / f"{name}.png")
        assert window.go("/no-such-page") == 404
        judge(window, pictures / look / "not-found.png")
    home.call("fingerprint-remove", {"name": "ann", "fingerprint": GROUPS})


def judge(window, path):
    """One page."""
    window.picture(path)
    window.assert_accessible()
    window.assert_fits()
    assert window.page.title(), "a title for the tab"
    assert window.page.get_by_role("heading", level=1).count() == 1


def test_without_javascript(make_home, browser):
    """Set-up, a person, a fingerprint, lock: the same pages, no script."""
    home = make_home("no-script").start_daemon().start_panel()
    code = home.call("setup-code")["code"]
    with browser.visit(home.panel_url, script=False, trusting=False) as window:
        window.go(f"/setup?code={code}")
        fill_set_up(window)
        window.press("Finish")
        window.go("/people/add")
        window.field("Chat name").fill("bob")
        window.press("Add")
        password = window.page.locator("#secret").inner_text()
        window.go("/fingerprints/bob")
        window.field("Fingerprint").fill(GROUPS)
        window.press("Add")
        window.go("/person/bob")
        window.press("Lock the account")
        window.press("Unlock the account")
        window.go("/sign-out")
        window.press("Sign out", within=window.page.locator("main"))
    home.keep_authority()
    assert [e["fingerprint"] for e in home.call("fingerprint-list", {"name": "bob"})] == [HEX]
    with Wire(home) as wire:
        wire.login("bob", password, "x")


def focused(window):
    """Name of the element that has the focus, as assistive technology says it."""
    return window.page.evaluate("""() => {
        const e = document.activeElement;
        const label = e.labels && e.labels.length ? e.labels[0].innerText : '';
        return (label || e.getAttribute('aria-label') || e.innerText || e.value || '').trim();
    }""")


def tab_to(window, words, at_most=40):
    """Tab until the focus is on what begins with `words`; it has to be visible there."""
    for _ in range(at_most):
        window.page.keyboard.press("Tab")
        if focused(window).startswith(words):
            outline = window.page.evaluate(
                "() => { const s = getComputedStyle(document.activeElement);"
                " return s.outlineStyle !== 'none' || s.boxShadow !== 'none' }")
            assert outline, f"the focus on {words!r} cannot be seen"
            return
    raise AssertionError(f"Tab does not reach {words!r}")


def test_with_the_keyboard_alone(home, browser):
    """Sign in, add a person, lock and unlock: Tab, letters, blank and Return."""
    with browser.visit(home.panel_url) as window:
        keys = window.page.keyboard
        window.go("/sign-in")
        window.page.keyboard.press("Tab")
        assert focused(window) == "Skip to the content"
        tab_to(window, "Your name")
        keys.type("ann")
        tab_to(window, "Password")
        keys.type(home.passwords["ann"])
        keys.press("Enter")
        window.page.wait_for_url(home.panel_url + "/")
        tab_to(window, "People")
        keys.press("Enter")
        window.page.wait_for_url("**/people")
        tab_to(window, "Add somebody")
        keys.press("Enter")
        window.page.wait_for_url("**/people/add")
        tab_to(window, "Chat name")
        keys.type("kay")
        keys.press("Enter")
        window.says("kay is part of your home")
        window.go("/person/kay")
        tab_to(window, "Lock the account")
        keys.press("Space")
        window.says("This account is locked")
        tab_to(window, "Unlock the account")
        keys.press("Enter")
        until("kay to be unlocked", lambda:
              home.call("account-show", {"name": "kay"})["state"]["is"] == "active")
    home.call("account-delete", {"name": "kay", "grace_days": 0})


def test_what_every_answer_says(home):
    """Headers: policy without exceptions, no sniffing, no framing, no referrer to others."""
    for path in ("/sign-in", "/health", "/ca.crt", "/no-such-page", "/health.json"):
        _, _, headers = home.fetch(path)
        headers = {name.lower(): value for name, value in headers.items()}
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy and "http" not in policy
        assert "frame-ancestors 'none'" in policy and "form-action 'self'" in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] in ("same-origin", "no-referrer")


def test_forms_from_elsewhere_do_nothing(home, cookies):
    """CSRF: with the cookie, but without the token, with a wrong one, from another origin."""
    before = len(home.call("account-list"))
    cookie = "; ".join(f"{c['name']}={c['value']}" for c in cookies)
    status, _ = raw(home, "GET", "/people", headers={"Cookie": cookie})
    assert status == 200, "the cookie is good"
    person = "name=mallory&password_choice=generate"
    for data, headers in ((person, {}), (person + "&form_token=guessed", {}),
                          (person, {"Origin": "https://elsewhere.test"}),
                          (person, {"Sec-Fetch-Site": "cross-site"})):
        status, _ = raw(home, "POST", "/people/add", data, {"Cookie": cookie, **headers})
        assert status in (400, 403), status
    assert len(home.call("account-list")) == before


def test_nothing_is_shown_to_who_is_not_signed_in(home):
    """Every page that needs it, and every method."""
    for path in PAGES:
        if path in OPEN_PAGES or path == "/sign-out":
            continue
        status, body = raw(home, "GET", path)
        assert status in (302, 303, 307, 401), (path, status)
        assert b"bob@" not in body
    for path in ("/people/add", "/person/bob/lock", "/fingerprints/bob/add", "/clients/kick"):
        status, _ = raw(home, "POST", path)
        assert status in (302, 303, 400, 401, 403), (path, status)
    assert home.call("account-show", {"name": "bob"})["state"]["is"] == "active"


def raw(home, method, path, data="x=1", headers=None):
    """One request, no redirect followed: status and body."""
    class Stay(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_):
            return None

    context = ssl.create_default_context(cafile=str(home.authority))
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context), Stay())
    body = data.encode() if method == "POST" else None
    request = urllib.request.Request(
        home.panel_url + path, body, headers or {}, method=method)
    try:
        with opener.open(request, timeout=20) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as answer:
        return answer.code, answer.read()


def test_guessing_passwords_is_slowed_down(home, browser):
    """After some wrong ones, sign-in is refused for a while, in words."""
    with browser.visit(home.panel_url) as window:
        for _ in range(30):
            window.go("/sign-in")
            window.field("Your name or chat address").fill("nobody-here")
            window.field("Password").fill("certainly wrong")
            window.press("Sign in")
            if re.search(r"too many|wait|later|seconds|minute", visible_text(window.page), re.I):
                return
        raise AssertionError("thirty wrong passwords and no word about it")


def test_health_works_and_says_so_when_snugd_is_down(home, browser, pictures):
    """Last in the story: the daemon stops, the page does not."""
    home.stop_daemon()
    with browser.visit(home.panel_url) as window:
        window.go("/health")
        window.page.locator(".checks li.fail").first.wait_for()
        assert "not" in visible_text(window.page)
        window.picture(pictures / "health-down.png")
        window.assert_accessible()
        window.go("/sign-in")
        window.field("Your name or chat address").fill("ann")
        window.field("Password").fill(home.passwords["ann"])
        window.press("Sign in")
        window.picture(pictures / "sign-in-down.png")
        window.assert_accessible()
    home.start_daemon()
    until("health to see snugd again", lambda: json.loads(home.fetch("/health.json")[1])
          ["status"] != "fail", 30, step=1)
