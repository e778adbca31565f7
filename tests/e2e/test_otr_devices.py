"""A private conversation (OTR) of two people with several devices each: what only one device can read
goes to that one, the others see a short note at most, and nothing of it is ever on the disk."""

import asyncio

import pytest

from clients.mcabber_otr import OtrMcabber
from clients.person import Person, people
from clients.profanity import Profanity

CIPHERTEXT = ("?OTR:", "?OTR|", "?OTR,")
MARKER = "urn:xmpp:otr:0"
IN_THE_CLEAR = "The boat leaves at nine"
SECRETS = ["Under the blue pot", "Behind the woodpile", "And not a word to anybody"]


@pytest.fixture(scope="module")
def home(make_home):
    """A home of two."""
    # mcabber knows no other way to log in.
    return make_home(plain=True).start_daemon().set_up().add("bob")


@pytest.fixture
def ann(home, output):
    """Ann's Profanity, with a key."""
    client = Profanity(output / "profanity", home.jid("ann"), home.passwords["ann"], home.host,
                       home.port, home.authority)
    client.start().wait_logged_in()
    client.type("/otr gen")
    client.see("Private key generation complete")
    yield client
    client.stop()


@pytest.fixture
def bob(home, output):
    """Bob's mcabber."""
    client = OtrMcabber(output / "mcabber", home.jid("bob"), home.passwords["bob"], home.host,
                        home.port)
    client.start().wait_logged_in()
    yield client
    client.stop()


class Watcher(Person):
    """A second device, with copies of what the first ones say and hear, and with the archive."""

    def __init__(self, *arguments, **more):
        """Remembers every stanza as it comes."""
        super().__init__(*arguments, **more)
        for plugin in ("xep_0280", "xep_0313"):
            self.register_plugin(plugin)
        self.stanzas = []
        self.add_filter("in", self._remember)

    def _remember(self, stanza):
        self.stanzas.append(str(stanza))
        return stanza

    def heard(self, text):
        """Stanzas with `text` in them."""
        return [stanza for stanza in self.stanzas if text in stanza]

    async def archived(self):
        """What the archive has, as it is sent."""
        return [str(message) async for message in self["xep_0313"].iterate()]


def talk(ann, bob):
    """In the clear once, and then privately, both ways."""
    bob.tell(f"/add {ann.jid}")
    bob.tell(f"/say_to {ann.jid} {IN_THE_CLEAR}")
    ann.type(f"/msg {bob.jid}")
    ann.see(IN_THE_CLEAR)
    ann.type("/otr start")
    ann.see("OTR session started")
    # Return on an empty line opens the window of whoever is chosen.
    bob.tell(f"/roster search {ann.jid}")
    bob.key("Enter")
    for text in SECRETS:
        ann.type(text)
        bob.see(text)
        bob.tell(f"/say_to {ann.jid} yes: {text}")
        ann.see(f"yes: {text}")


def test_other_devices_see_no_garbage_and_the_disk_keeps_nothing(home, ann, bob):
    """The story."""
    async def story():
        others = [Watcher(home, name, "other") for name in ("ann", "bob")]
        async with people(*others, priority=-1):
            for other in others:
                await other["xep_0280"].enable()
            await asyncio.to_thread(talk, ann, bob)
            for other in others:
                await other.settled()
                # Copies do come: of what was said in the clear.
                assert other.heard(IN_THE_CLEAR)
                for garbage in CIPHERTEXT:
                    assert not other.heard(garbage), other.heard(garbage)
                for text in SECRETS:
                    assert not other.heard(text)
                assert len(other.heard(MARKER)) <= 1, other.heard(MARKER)
            assert any(other.heard(MARKER) for other in others), "nobody was told"
            for other in others:
                archived = await other.archived()
                assert [a for a in archived if IN_THE_CLEAR in a]
                assert not [a for a in archived if any(g in a for g in CIPHERTEXT)]

    asyncio.run(story())
    files = [path for path in (home.folder / "data").rglob("*") if path.is_file()]
    kept = {path: path.read_bytes() for path in files}
    assert any(IN_THE_CLEAR.encode() in content for content in kept.values()), "looked elsewhere"
    for path, content in kept.items():
        for word in (*CIPHERTEXT, *SECRETS):
            assert word.encode() not in content, (path, word)
