"""The whole spine: Profanity and Pidgin, both verifying the home's certificate, become contacts,
talk privately over OTR, and their fingerprints are what the family's directory says."""

import re
import subprocess

import pytest

from clients.browser import Browser, visible_text
from clients.pidgin import Pidgin
from clients.profanity import Profanity
from waiting import until

FIVE_GROUPS = r"(?:[0-9A-F]{8} ){4}[0-9A-F]{8}"
FROM_ANN = "The key is under the third flower pot"
AGAIN_FROM_BOB = "It rains here"
FROM_BOB = "Bring bread & milk, 2 < 3"


@pytest.fixture(scope="module")
def home(make_home):
    """A home with its panel. The clients trust what the panel gives out at /ca.crt."""
    home = make_home().start_daemon().start_panel().set_up().add("bob")
    status, body, _ = home.fetch("/ca.crt", verify=False)
    assert status == 200
    home.authority.write_bytes(body)
    return home


@pytest.fixture
def panel(home, tmp_path):
    """Ann at the panel, in a browser that verifies as well."""
    browser = Browser(tmp_path)
    browser.trust(home.authority)
    with browser.visit(home.panel_url) as window:
        window.go("/sign-in")
        window.field("Your name or chat address").fill("ann")
        window.field("Password").fill(home.passwords["ann"])
        window.press("Sign in")
        yield window
    browser.stop()


@pytest.fixture(scope="module")
def stranger_authority(tmp_path_factory):
    """The certificate of an authority that is not the home's."""
    folder = tmp_path_factory.mktemp("stranger")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-keyout", folder / "key.pem", "-out", folder / "ca.pem", "-days", "30",
         "-subj", "/CN=Somebody else", "-addext", "basicConstraints=critical,CA:TRUE"],
        check=True, capture_output=True)
    return folder / "ca.pem"


@pytest.fixture
def profanity(output, home):
    """Makes Profanities that are stopped at the end."""
    made = []

    def make(name, authority, label):
        folder = output / f"profanity-{label}"
        made.append(Profanity(
            folder, home.jid(name), home.passwords[name], home.host, home.port, authority))
        return made[-1].start()

    yield make
    for client in made:
        client.stop()


@pytest.fixture
def pidgin(output, home):
    """Makes Pidgins that are stopped at the end."""
    made = []

    def make(name, authority, label):
        folder = output / f"pidgin-{label}"
        made.append(Pidgin(
            folder, home.jid(name), home.passwords[name], home.host, home.port, authority))
        return made[-1].start()

    yield make
    for client in made:
        client.stop()


def test_profanity_refuses_an_authority_it_does_not_know(profanity, home, stranger_authority):
    """What the story below proves of verification, it proves because of this."""
    nobody = profanity("ann", None, "trusts-nobody")
    nobody.see("TLS certificate verification failed")
    stranger = profanity("ann", stranger_authority, "trusts-a-stranger")
    stranger.see("TLS certificate verification failed")
    assert not nobody.sees("logged in") and not stranger.sees("logged in")
    assert "mechanism=" not in nobody.log() + stranger.log(), "it began to authenticate"


def test_pidgin_refuses_an_authority_it_does_not_know(pidgin, stranger_authority):
    """Pidgin asks, and sends nothing before it has an answer."""
    client = pidgin("bob", stranger_authority, "trusts-a-stranger")
    client.display.window("SSL Certificate Verification")
    client.display.picture(client.folder / "question.png")
    assert not client.is_connected()
    assert "<auth " not in client.debug(), "it began to authenticate"


def become_contacts(ann, bob):
    """Bob asks, Ann agrees and asks back, Bob agrees."""
    bob.add_buddy(ann.jid)
    ann.see(f"authorization request from {bob.jid}")
    ann.type(f"/sub allow {bob.jid}")
    ann.see(f"Accepted subscription for {bob.jid}")
    ann.type(f"/sub request {bob.jid}")
    bob.authorise(ann.jid)
    until("Pidgin to see Ann online", lambda: bob.buddy_online(ann.jid))
    ann.type("/roster")
    ann.see(rf"{re.escape(bob.jid)}.* - both")


def start_private(ann, bob):
    """Ann starts OTR; both see it."""
    ann.type("/otr gen")
    ann.see("Private key generation complete")
    ann.type(f"/msg {bob.jid}")
    ann.type("/otr start")
    ann.see(r"OTR session started")
    ann.see(r"\[OTR\]")
    bob.see(ann.jid, "Unverified conversation with .* started")


def private_bodies(log):
    """Bodies of the chat messages in a client's log of what it sent and received."""
    return re.findall(r"<body[^>]*>(.*?)</body>", log, re.DOTALL)


def test_two_people_talk_privately(profanity, pidgin, panel, home):
    """The story."""
    ann = profanity("ann", home.authority, "ann")
    bob = pidgin("bob", home.authority, "bob")
    ann.wait_logged_in()
    bob.wait_logged_in()
    ann.see(r"\[TLS\]")
    assert "Certificate verification passed" in ann.log()
    become_contacts(ann, bob)
    start_private(ann, bob)

    ann.type(FROM_ANN)
    bob.see(ann.jid, re.escape(FROM_ANN))
    bob.say(ann.jid, FROM_BOB)
    # Pidgin sends HTML inside OTR; Profanity shows it as it came.
    ann.see(re.escape(FROM_BOB) + "|" + re.escape("Bring bread &amp; milk, 2 &lt; 3"))
    bob.display.picture(bob.folder / "private.png")

    for client, log in ((ann, ann.log()), (bob, bob.debug())):
        bodies = private_bodies(log)
        assert len(bodies) >= 6, f"{client.jid}: key exchange and two messages: {bodies}"
        strangers = [b for b in bodies if "?OTR" not in b]
        assert not strangers, f"{client.jid} saw plain text on the wire: {strangers}"
    told = home.log()
    for secret in (FROM_ANN, "third flower pot", FROM_BOB, "?OTR", "<body"):
        assert secret not in told, f"snugd logged {secret!r}"
    for path in (home.folder / "data").rglob("*"):
        assert not path.is_file() or b"third flower pot" not in path.read_bytes(), path

    compare_fingerprints(panel, ann, bob)

    ann.type("/otr end")
    bob.see(ann.jid, "has ended .* private conversation")
    ann.see("OTR session ended")
    bob.display.picture(bob.folder / "ended.png")

    # Once more, asked for by the other side, with the same keys.
    before = len(bob.history(ann.jid))
    bob.say(ann.jid, "?OTR?")
    until("a second private conversation", lambda: any(
        re.search("conversation with .* started", line)
        for line in bob.history(ann.jid)[before:]) or (False, bob.history(ann.jid)), 30)
    ann.see(r"\[OTR\]")
    bob.say(ann.jid, AGAIN_FROM_BOB)
    ann.see(re.escape(AGAIN_FROM_BOB))
    assert not [b for b in private_bodies(bob.debug()) if "?OTR" not in b]


def compare_fingerprints(panel, ann, bob):
    """What each client shows is what the other learnt, and what the panel shows once it was
    pasted there."""
    ann.type("/otr myfp")
    of_ann = ann.see(f"Your OTR fingerprint: ({FIVE_GROUPS})").group(1)
    ann.type("/otr theirfp")
    of_bob = ann.see(f"{re.escape(bob.jid)}'s OTR fingerprint: ({FIVE_GROUPS})").group(1)
    assert of_bob == bob.fingerprint, "Profanity shows what libotr calls Pidgin's key"
    learnt, _ = bob.fingerprints()[ann.jid]
    assert learnt.upper() == of_ann.replace(" ", ""), "Pidgin learnt what Profanity shows"
    for name, pasted, shown in (("ann", of_ann, of_ann), ("bob", of_bob.lower(), of_bob)):
        panel.go(f"/fingerprints/{name}")
        panel.field("Fingerprint").fill(pasted)
        panel.press("Add")
        assert panel.page.locator("h2.print").inner_text().split() == shown.split()
    panel.go("/fingerprints")
    directory = panel.page.locator("code.print").all_inner_texts()
    directory = {" ".join(text.split()) for text in directory}
    assert len(directory) == 3 and {of_ann, of_bob} < directory, "theirs and the concierge's"
    panel.picture(bob.folder / "directory.png")
    panel.go("/clients")
    connected = visible_text(panel.page)
    assert "profanity" in connected and "desk" in connected and "TLSv1." in connected
