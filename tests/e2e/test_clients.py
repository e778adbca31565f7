"""The client matrix: real clients, all of them devices of one account, each behind a relay of its
own. What is known of each cell stands in `clients/matrix.py`."""

import re
import subprocess
from pathlib import Path

import pytest

from clients import picture
from clients.client import Seat, Works
from clients.crew import Crew
from clients.display import Display
from clients.library import Slixmpp
from clients.matrix import CELLS, MATRIX, page
from clients.mcabber import Mcabber
from clients.poezio import Poezio
from clients.strangers import PARTNERS, Strangers
from clients.wire import Wire, befriend
from waiting import TooLate, until

PAGE = Path(__file__).resolve().parents[2] / "docs" / "clients.md"
BLOCKING = "urn:xmpp:blocking"
PATIENCE_SECONDS = 180
# Nobody waits long for what is expected not to come.
LITTLE_PATIENCE_SECONDS = 4
OWNER, PEER, VILLAIN, CAUTIOUS = "ann", "bob", "eve", "cid"


class ModernPoezio(Poezio):
    """Without its remedy."""

    old_tls = False


@pytest.fixture(scope="module")
def home(make_home):
    """A home that allows PLAIN, because one of the clients knows nothing better. The others
    prefer something better, and the test of the log-in asks what it was."""
    home = make_home(plain=True, sessions=2 * len(MATRIX)).start_daemon().set_up()
    home.add(PEER, VILLAIN, CAUTIOUS)
    befriend(home, OWNER, PEER)
    return home


@pytest.fixture(scope="module")
def screen(output):
    """A screen for those who show windows and need none of their own."""
    screen = Display(output, open_to_all=True)
    yield screen
    screen.stop()


@pytest.fixture(scope="module")
def crew(home, output, screen):
    """All clients as ann's devices."""
    crew = Crew(home, output, home.authority, OWNER, screen)
    yield crew
    crew.stop()


@pytest.fixture(scope="module")
def deceived(home, output, crew, screen, stranger_authority):
    """One more of each, of somebody who was told of another authority. They start once the
    others are in."""
    for kind in MATRIX:
        if kind not in crew.failures:
            until(f"{kind.title}", lambda kind=kind: crew.clients[kind].is_online(), 90)
    deceived = Crew(home, output, stranger_authority, CAUTIOUS, screen)
    yield deceived
    deceived.stop()


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


@pytest.fixture(scope="module")
def people(home, output):
    """Those who write to ann."""
    made = {}
    for name in (PEER, VILLAIN):
        made[name] = Slixmpp(Seat(home, name, output / name, home.authority)).start()
    for person in made.values():
        person.await_online()
    shown = picture.png()
    picture.put_up(made[PEER], shown)
    yield {**made, "picture": shown}
    for person in made.values():
        person.stop()


@pytest.fixture(scope="module")
def strangers(home, output, screen):
    """Those who share nothing but the home."""
    strangers = Strangers(home, lambda name, place: Seat(
        home, name, output / place, home.authority, screen))
    yield strangers
    strangers.stop()


@pytest.fixture
def observer(home):
    """Ann once more, who sees what the server holds of hers."""
    wire = Wire(home)
    wire.login(OWNER, home.passwords[OWNER], "observer")
    yield wire
    wire.close()


class Missed(AssertionError):
    """What the cell is about did not come."""


class Cell:
    """What the test of a cell needs: `patience` tells how long to wait for what may not come."""

    def __init__(self, crew, kind, people, observer, known):
        """Collects it."""
        self.crew, self.kind, self.observer, self.known = crew, kind, observer, known
        self.peer, self.villain, self.picture = people[PEER], people[VILLAIN], people["picture"]
        self.patience = (
            PATIENCE_SECONDS if isinstance(known, Works) else LITTLE_PATIENCE_SECONDS)
        self.client = crew.get(kind)
        if not crew.cut:
            self.client.await_online()

    def words(self, about):
        """A text of this cell."""
        return self.crew.words(f"{about} {self.client.resource}")

    @staticmethod
    def expect(wait):
        """Waits for what the cell is about."""
        try:
            wait()
        except TooLate as e:
            raise Missed(str(e)) from None

    def barrier(self):
        """What was sent to the client before this has reached it afterwards."""
        text = self.words("that was all,")
        self.peer.send(self.client.full_jid, text)
        self.client.await_text(text)

    def seen_once(self, *texts):
        """Waits for texts, and that none is there twice."""
        for text in texts:
            self.expect(lambda text=text: self.client.await_text(text, self.patience))
        self.barrier()
        for text in texts:
            assert self.client.count(text) == 1, f"{self.client.texts()}\n{self.client.report()}"


def log_in(cell):
    """The session's mechanism is the one that is known."""
    mechanism = cell.client.sessions()[0]["mechanism"]
    assert cell.known.note.replace(",", " ").replace(";", " ").split()[0] == mechanism, mechanism


def message(cell):
    """There and back."""
    there, back = cell.words("hello"), cell.words("hello from")
    cell.peer.send(cell.client.full_jid, there)
    cell.seen_once(there)
    cell.client.send(cell.peer.jid, back)
    cell.peer.await_text(back)
    assert cell.peer.count(back) == 1


def carbons(cell):
    """What another device received and sent."""
    other = cell.crew.another(cell.kind)
    received, sent = cell.words("for another than"), cell.words("by another than")
    cell.peer.send(other.full_jid, received)
    other.await_text(received)
    other.send(cell.peer.jid, sent)
    cell.peer.await_text(sent)
    cell.seen_once(received, sent)


def block(cell):
    """Somebody who is not welcome."""
    unwanted = cell.words("let me in,")
    # The client has seen that another one's block is lifted.
    cell.barrier()
    cell.client.block(cell.villain.jid)
    try:
        cell.expect(lambda: until(
            "the block list", lambda: cell.villain.jid in blocked(cell.observer), cell.patience))
        cell.villain.send(cell.client.full_jid, unwanted)
        cell.villain.settle()
        cell.barrier()
        assert not cell.client.count(unwanted)
    finally:
        # Not all at once: Profanity would take no notice of that.
        cell.observer.iq(
            "set", f"<unblock xmlns='{BLOCKING}'><item jid='{cell.villain.jid}'/></unblock>")


def blocked(observer):
    """The addresses that the account blocks."""
    answer = observer.iq("get", f"<blocklist xmlns='{BLOCKING}'/>")
    return [item.get("jid") for item in answer.iter(f"{{{BLOCKING}}}item")]


def resume(cell):
    """A message in the gap, and nobody else but this client can come back meanwhile."""
    home, meanwhile = cell.crew.home, cell.crew.gap(cell.peer)[cell.kind]
    before = home.counters().get("session.resumed", 0)
    cell.client.relay.mend()
    if meanwhile is None:
        raise Missed("the session was not resumable")
    cell.client.await_online()
    cell.seen_once(meanwhile)
    resumed = home.counters().get("session.resumed", 0) - before
    assert resumed == 1, f"resumed {resumed} times"


def history(cell):
    """What other devices received and sent while this client was not running; if it cannot ask the
    archive, what waited for it."""
    if cell.kind.has_archive:
        texts = cell.crew.absence(cell.peer)
        cell.crew.online(cell.kind)
        cell.seen_once(*texts)
        return
    client, text = cell.crew.waiting(cell.peer)[cell.kind]
    cell.expect(lambda: client.await_text(text, cell.patience))
    cell.peer.send(client.jid, cell.words("that was all,"))
    client.await_text("that was all,")
    assert client.count(text) == 1, client.texts()


def avatar(cell):
    """The picture that a contact has put up."""
    cell.client.look_for_picture(cell.peer.jid)
    cell.expect(lambda: until(
        f"{cell.kind.title} to have the picture",
        lambda: cell.client.has_picture(cell.picture) or (False, cell.client.report()),
        cell.patience))


def omemo(cell):
    """A secret there and back."""
    if cell.kind in PARTNERS:
        cell.strangers().talk(cell.kind, cell.patience, cell.words)
    else:
        cell.client.encrypt(cell.peer.jid)


TESTS = {"log-in": log_in, "message": message, "carbons": carbons, "block": block,
         "avatar": avatar, "history": history, "OMEMO": omemo, "resume": resume}


@pytest.mark.parametrize("kind", MATRIX, ids=lambda kind: kind.title)
def test_it_refuses_an_authority_that_it_does_not_know(deceived, kind, home):
    """What the cells prove of verification, they prove because of this."""
    client = deceived.get(kind)
    client.await_refusal()
    assert not home.call("session-list", {"name": CAUTIOUS})
    # It would try again for ever.
    client.stop()


@pytest.mark.parametrize(
    ("cell", "kind"), [(cell, kind) for cell in CELLS for kind in MATRIX],
    ids=[f"{cell}-{kind.title}" for cell in CELLS for kind in MATRIX])
def test_a_cell(request, crew, people, observer, cell, kind):
    """Works if it is known to, and otherwise fails."""
    known = MATRIX[kind][cell]
    setting = Cell(crew, kind, people, observer, known)
    setting.strangers = lambda: request.getfixturevalue("strangers")
    if isinstance(known, Works):
        TESTS[cell](setting)
        return
    try:
        TESTS[cell](setting)
    except (Missed, NotImplementedError):
        return
    pytest.fail(f"{kind.title} does this now ({cell}): change what is known of it")


@pytest.mark.parametrize("kind", [Mcabber, ModernPoezio], ids=lambda kind: kind.title)
def test_it_cannot_log_in_without_the_remedy(make_home, output, kind):
    """The remedies on the page are needed: a home that does not allow PLAIN, TLS 1.3."""
    home = make_home("strict").start_daemon().set_up()
    client = kind(Seat(home, OWNER, output / f"strict-{kind.resource}", home.authority)).start()
    try:
        until(f"{kind.title} to give up",
              lambda: re.search(kind.hopeless, client.report()) or (False, client.report()),
              PATIENCE_SECONDS)
        assert not client.sessions()
    finally:
        client.stop()


def test_the_page_tells_what_was_found():
    """`docs/clients.md` is written anew if it differs."""
    written = PAGE.read_text() if PAGE.exists() else ""
    if written != page():
        PAGE.write_text(page())
        pytest.fail("docs/clients.md did not tell what is known; it was written anew")
