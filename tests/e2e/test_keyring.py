"""The directory on its way into chat apps, onto paper, and back from a client's file: with Pidgin
and mcabber (OTR version 3), Profanity (version 2), libotr, Chromium's printer and poppler's
reader."""

import ctypes
import re
import subprocess

import pytest

from clients.browser import Browser
from clients.mcabber_otr import OtrMcabber
from clients.otr_key import LIBRARY
from clients.pidgin import RESOURCE, Pidgin
from clients.profanity import Profanity
from waiting import until

A4_POINTS = (595, 842)
MARGIN_POINTS = 20
# Beyond the two who chat; one has two keys, so that the sheet takes more than one page.
OTHERS = ["cid", "dora", "emil", "frieda", "gustav", "hanna", "ida", "jakob", "karl", "lena"]
WORD = re.compile(
    r'<word xMin="([\d.-]+)" yMin="([\d.-]+)" xMax="([\d.-]+)" yMax="([\d.-]+)">([^<]*)</word>')


@pytest.fixture(scope="module")
def home(make_home):
    """A home with its panel; ann looks after it, the others do not."""
    # mcabber knows no other way to log in.
    home = make_home(plain=True).start_daemon().start_panel().set_up().add("bob", *OTHERS)
    status, body, _ = home.fetch("/ca.crt", verify=False)
    assert status == 200
    home.authority.write_bytes(body)
    return home


@pytest.fixture(scope="module")
def browser(home, tmp_path_factory):
    """A browser that trusts the home."""
    browser = Browser(tmp_path_factory.mktemp("browser"))
    browser.trust(home.authority)
    yield browser
    browser.stop()


@pytest.fixture(scope="module")
def panel(home, browser):
    """Ann at the panel."""
    with browser.visit(home.panel_url) as window:
        sign_in(window, home, "ann")
        yield window


def sign_in(window, home, name):
    """With the password of the chat account."""
    window.go("/sign-in")
    window.field("Your name or chat address").fill(name)
    window.field("Password").fill(home.passwords[name])
    window.press("Sign in")


@pytest.fixture(scope="module")
def people(output, home):
    """Ann's Profanity and Bob's Pidgin, each with a key that the directory knows."""
    ann, bob = (
        kind(output / kind.__name__.lower(), home.jid(name), home.passwords[name], home.host,
             home.port, home.authority)
        for kind, name in ((Profanity, "ann"), (Pidgin, "bob")))
    ann.start().wait_logged_in()
    ann.type("/otr gen")
    ann.see("Private key generation complete")
    ann.type("/otr myfp")
    ann.fingerprint = ann.see(r"Your OTR fingerprint: ((?:[0-9A-F]{8} ?){5})").group(1).strip()
    ann.stop()
    for name, key in (("ann", ann.fingerprint), ("bob", bob.fingerprint)):
        home.call("fingerprint-add", {
            "name": name, "fingerprint": key, "state": "compared-in-person"})
    yield ann, bob
    ann.stop()
    bob.stop()


def download(panel, name, client, path):
    """The panel's file for `client` of `name`; kept at `path`."""
    panel.go(f"/keyring/{name}")
    if client == "Pidgin":
        panel.field("Resource").fill(RESOURCE)
    with panel.page.expect_download() as coming:
        panel.press(f"Download for {client}")
    assert coming.value.suggested_filename == path.name
    path.parent.mkdir(parents=True, exist_ok=True)
    coming.value.save_as(path)


def test_the_panels_files_verify_without_a_step_by_hand(home, panel, browser, people):
    """Put where the page says, before the programs start; Bob, a member, takes his own."""
    ann, bob = people
    with browser.visit(home.panel_url) as window:
        sign_in(window, home, "bob")
        assert window.go("/keyring/ann") == 403
        download(window, "bob", "Pidgin", bob.config / "otr.fingerprints")
        window.picture(bob.folder / "keyring.png")
        window.assert_accessible()
    folder = ann.folder / "data" / "profanity" / "otr" / ann.jid.replace("@", "_at_")
    download(panel, "ann", "Profanity", folder / "fingerprints.txt")
    ann.start().wait_logged_in()
    bob.start().wait_logged_in()
    bob.say(ann.jid, "?OTR?")
    bob.see(ann.jid, "Private conversation with .* started", 60)
    assert not [line for line in bob.history(ann.jid) if "Unverified" in line]
    bob.display.picture(bob.folder / "verified.png")
    assert bob.fingerprints()[ann.jid] == (ann.fingerprint.replace(" ", "").lower(), "compared")
    bob.say(ann.jid, "the pot is blue")
    ann.see("the pot is blue|unread|\\(1\\)|new message|win 2")
    ann.type(f"/msg {bob.jid}")
    ann.see(r"\[OTR\] ?\[trusted\]")
    ann.type("/otr theirfp")
    ann.see(f"{bob.jid}'s OTR fingerprint: {bob.fingerprint}")


def test_mcabber_trusts_by_the_panels_file(home, panel, people, output):
    """As a third client, which names protocol and file otherwise."""
    ann, _ = people
    ann.stop()
    cid = OtrMcabber(output / "mcabber", home.jid("cid"), home.passwords["cid"], home.host,
                     home.port)
    download(panel, "cid", "mcabber", cid.keys / f"{cid.jid}.fpr")
    ann.start().wait_logged_in()
    try:
        cid.start().wait_logged_in()
        # It starts a session with those on its list only.
        cid.tell(f"/add {ann.jid}")
        cid.tell(f"/otr start {ann.jid}")
        ann.see(f"{cid.jid} started an OTR session")

        def trusted():
            cid.tell(f"/otr fingerprint {ann.jid}")
            return cid.sees(re.escape(f"{ann.jid} [{ann.fingerprint}]: trusted")) or (
                False, cid.screen())
        until("mcabber to say what it makes of the key", trusted, step=0.5)
    finally:
        cid.stop()


def test_libotr_reads_each_file_whole(home, panel, people, tmp_path):
    """As each client's library does: read, and written again by it."""
    assert people, "one key of somebody else"
    library = ctypes.CDLL(LIBRARY)
    library.otrl_userstate_create.restype = ctypes.c_void_p
    assert library.otrl_init(4, 1, 1) == 0
    protocols = {"Pidgin": "prpl-jabber", "Profanity": "xmpp", "mcabber": "jabber"}
    names = {"Pidgin": "otr.fingerprints", "Profanity": "fingerprints.txt",
             "mcabber": f"{home.jid('bob')}.fpr"}
    for client, protocol in protocols.items():
        path, again = tmp_path / names[client], tmp_path / "again"
        download(panel, "bob", client, path)
        state = ctypes.c_void_p(library.otrl_userstate_create())
        failed = library.otrl_privkey_read_fingerprints(
            state, str(path).encode(), None, None)
        assert failed == 0
        assert library.otrl_privkey_write_fingerprints(state, str(again).encode()) == 0
        library.otrl_userstate_free(state)
        lines = sorted(path.read_text().splitlines())
        assert lines and sorted(again.read_text().splitlines()) == lines, client
        told = {home.jid("ann"): "compared", home.jid("concierge"): "attested"}
        assert any(line.startswith(home.jid("ann")) for line in lines)
        for line in lines:
            peer, account, kind, _, trust = line.split("\t")
            assert (kind, trust) == (protocol, told[peer])
            assert account.split("/")[0] == home.jid("bob")
            assert ("/" in account) == (client == "Pidgin")


def test_a_clients_file_is_brought_to_the_panel(home, panel, people, output):
    """As Pidgin wrote it: compared, given back, taken over; its private keys are refused."""
    _, bob = people
    key = bob.fingerprints()[home.jid("ann")][0]
    home.call("fingerprint-update", {"name": "ann", "fingerprint": key, "state": "declared"})
    path = output / "otr.fingerprints"
    told = (bob.config / "otr.fingerprints").read_text()
    assert "\tcompared\n" in told
    path.write_text(told)
    look(panel, path)
    panel.says("because this directory said so")
    assert panel.page.get_by_role("checkbox").count() == 0, "nobody's own comparison"
    path.write_text(told.replace("\tcompared\n", "\tverified\n"))
    look(panel, path)
    panel.picture(output / "pictures" / "look.png")
    panel.assert_accessible()
    panel.assert_fits()
    panel.page.get_by_role("checkbox").check()
    panel.press("Write down what is ticked")
    panel.says("The directory knows now what was compared in person.")
    (entry,) = home.call("fingerprint-list", {"name": "ann"})
    assert entry["state"] == "compared-in-person" and entry["changed_by"] == home.jid("ann")

    panel.page.set_input_files("#file", path)
    with panel.page.expect_download() as coming:
        panel.press("for Pidgin")
    coming.value.save_as(path)
    assert set(told.replace("\tcompared\n", "\tverified\n").splitlines()) <= set(
        path.read_text().splitlines())

    look(panel, bob.config / "otr.private_key")
    assert panel.title() == "That was a private key"
    secret = re.search(r"\(x #([0-9A-F]+)", (bob.config / "otr.private_key").read_text()).group(1)
    assert secret not in panel.page.content()
    panel.assert_accessible()
    for kept in (*home.folder.rglob("*"), *home.kept.rglob("*")):
        assert not kept.is_file() or secret.encode() not in kept.read_bytes(), kept


def look(panel, path):
    """Hands a file over to be compared."""
    panel.go("/keyring/bob")
    panel.page.set_input_files("#file", path)
    panel.press("Compare it with the directory")


def test_the_sheet_for_the_fridge(home, panel, output):
    """A4; nobody's entry torn over two pages, nothing cut off; address, key, seal and code."""
    keys = {}
    for number, name in enumerate(OTHERS):
        keys[name] = [f"{number:08X}" * 5] + ([f"{number:07X}F" * 5] if name == "cid" else [])
        for key in keys[name]:
            home.call("fingerprint-add", {
                "name": name, "fingerprint": key, "device": f"{name}'s telephone in the hall"})
    revoked = "DEADBEEF" * 5
    home.call("fingerprint-add", {"name": "cid", "fingerprint": revoked, "state": "revoked"})
    panel.go("/sheet")
    panel.picture(output / "pictures" / "sheet.png")
    panel.assert_accessible()
    panel.assert_fits()
    panel.page.emulate_media(color_scheme="dark")
    path = output / "sheet.pdf"
    panel.page.pdf(path=path, prefer_css_page_size=True, print_background=True)
    panel.page.emulate_media(color_scheme="light")
    subprocess.run(["pdftoppm", "-r", "60", "-png", path, output / "pictures" / "sheet"],
                   check=True)
    text = subprocess.run(["pdftotext", "-layout", path, "-"], capture_output=True, text=True,
                          check=True).stdout
    pages = [re.sub(r"\s+", " ", page) for page in text.split("\f") if page.strip()]
    assert len(pages) == 2, f"{len(pages)} pages:\n{text}"
    assert "Main" not in text and "Print" not in text and revoked[:8] not in text
    for name in OTHERS:
        (page,) = [page for page in pages if home.jid(name) in page]
        newest = home.call("fingerprint-history", {"name": name})[0]
        seal = " ".join(newest["seal"][at:at + 4] for at in range(0, 16, 4))
        groups = [" ".join(key[at:at + 8] for at in range(0, 40, 8)) for key in keys[name]]
        for words in (*groups, f"line {newest['number']}: {seal}", f"{name}'s telephone"):
            assert words in page, f"{words} of {name}:\n{text}"
    boxes = subprocess.run(["pdftotext", "-bbox", path, "-"], capture_output=True, text=True,
                           check=True).stdout
    sizes = re.findall(r'<page width="([\d.]+)" height="([\d.]+)">', boxes)
    assert [tuple(round(float(n)) for n in size) for size in sizes] == [A4_POINTS] * len(pages)
    words = WORD.findall(boxes)
    assert len(words) > 100
    for left, top, right, foot, word in words:
        inside = (float(left) > MARGIN_POINTS and float(right) < A4_POINTS[0] - MARGIN_POINTS
                  and float(top) > MARGIN_POINTS and float(foot) < A4_POINTS[1] - MARGIN_POINTS)
        assert inside, f"{word} stands at {left} {top} {right} {foot}"


def test_the_link_of_a_person_holds_all_their_keys(home, panel):
    """For a chat app on the same device, and in the code to scan."""
    panel.go("/fingerprints/cid")
    good = [e["fingerprint"] for e in home.call("fingerprint-list", {"name": "cid"})
            if e["state"] != "revoked"]
    link = panel.page.get_by_role("link", name="Open in a chat app").get_attribute("href")
    assert link == f"xmpp:{home.jid('cid')}?" + ";".join(f"otr-fingerprint={k}" for k in good)
