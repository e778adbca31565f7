"""The client matrix: which clients, which cells, and what is known of each cell.

A cell that works says how it is used; one that does not says why, and the test of it has to fail.
`docs/clients.md` is made from this, by `test_clients.py`.
"""

from clients.client import Fails, NotOffered, Works
from clients.dino import Dino
from clients.gajim import Gajim
from clients.library import Aioxmpp, Nbxmpp, Slixmpp, XmppJs
from clients.mcabber import Mcabber
from clients.poezio import Poezio
from clients.seated import SeatedPidgin, SeatedProfanity

# Cell -> how it is tested. The order is that of the tests: the history comes while it is short,
# what cuts a connection last.
CELLS = {
    "log-in": "The client connects and verifies the certificate by the home's authority, which "
              "only its machine was told. A client of the same kind that was told of somebody "
              "else's authority turns away before it shows its password.",
    "history": "While the client is not running, another device of the account receives a message "
               "and sends one. Once it runs again the client shows both, once (XEP-0313). A client "
               "without XEP-0313 shows once what was sent while nobody was there (XEP-0160).",
    "message": "A message to this client's full address, and one from it.",
    "carbons": "A message to another client of the same account, and one from it, are seen here "
               "too, once.",
    "block": "The client blocks an address: the server has it in the block list, and what the "
             "blocked one writes is not seen.",
    "avatar": "A contact puts up a picture (XEP-0084); the client has its very bytes.",
    "OMEMO": "Somebody with this client and somebody with Gajim (for Gajim: with Dino), who share "
             "no presence, write to each other, this one first (XEP-0384). The archive has both "
             "messages and no word of theirs.",
    "resume": "The connection is cut and a message comes meanwhile. The client resumes its "
              "session (XEP-0198) and shows the message once.",
}

# Client -> cell -> what is known.
ONLY_WAITING = "no XEP-0313: only what waited for it"
MATRIX = {
    Gajim: {
        "log-in": Works("SCRAM-SHA-512"),
        "history": Works(), "message": Works(), "carbons": Works(), "block": Works(),
        "avatar": Works(),
        "OMEMO": Works(),
        "resume": Works(),
    },
    Dino: {
        "log-in": Works("SCRAM-SHA-1"),
        "history": Works(), "message": Works(), "carbons": Works(),
        "block": Works("details of the contact"),
        "avatar": Works("when the conversation is opened"),
        "OMEMO": Works(),
        "resume": Works("it notices a cut with its next ping only, so it can take 90 seconds"),
    },
    SeatedProfanity: {
        "log-in": Works("SCRAM-SHA-512"),
        "history": Works(
            "`/mam on`; when a conversation is opened, unless a new message opens it first; the "
            "oldest 50 messages of the last seven days only, since it asks for the next page in a "
            "form that XEP-0059 does not know"),
        "message": Works(), "carbons": Works(), "block": Works("`/blocked add`"),
        "avatar": Works("`/avatar get`, which keeps it as a file"),
        "OMEMO": Works(
            "`/omemo gen`, then `/omemo start` in a conversation; each key has to be approved "
            "unless `/omemo trustmode blind` is on"),
        "resume": Works(),
    },
    SeatedPidgin: {
        "log-in": Works("SCRAM-SHA-512"),
        "history": Works(ONLY_WAITING), "message": Works(),
        "carbons": NotOffered("needs a plugin that Pidgin does not bring"),
        "block": Works("menu of the contact"), "avatar": Works(),
        "OMEMO": NotOffered("needs a plugin that Pidgin does not bring"),
        "resume": NotOffered("Pidgin 2 has no stream management"),
    },
    Mcabber: {
        "log-in": Works(
            "PLAIN; its library knows no other mechanism that is still offered, so the home has "
            "to allow it (`plain = true` in `snug.toml`)"),
        "history": Works(ONLY_WAITING), "message": Works(), "carbons": Works("`set carbons = 1`"),
        "block": NotOffered("no command for XEP-0191"),
        "avatar": NotOffered("it shows no pictures"),
        "OMEMO": NotOffered("it knows OTR and OpenPGP only"),
        "resume": NotOffered("its library has no stream management"),
    },
    Poezio: {
        "log-in": Works(
            "SCRAM-SHA-512, over TLS 1.2 only (`MaxProtocol = TLSv1.2` in a file that "
            "`OPENSSL_CONF` names): over TLS 1.3 Debian 12's slixmpp binds the log-in to "
            "tls-unique, which TLS 1.3 does not have"),
        "history": Works("when the conversation is opened"),
        "message": Works(), "carbons": Works(), "block": Works("`/block`"), "avatar": Works(),
        "OMEMO": NotOffered("needs a plugin that Debian does not have"),
        "resume": Works("`enable_smacks = true`"),
    },
    Slixmpp: {
        "log-in": Works("SCRAM-SHA-512"),
        "history": Works(), "message": Works(), "carbons": Works(), "block": Works(),
        "avatar": Works(),
        "OMEMO": NotOffered("needs a library that it does not bring"),
        "resume": Works(),
    },
    Aioxmpp: {
        "log-in": Works("SCRAM-SHA-256"),
        "history": Works(ONLY_WAITING), "message": Works(), "carbons": Works(), "block": Works(),
        "avatar": Works(),
        "OMEMO": NotOffered("it has no such module"),
        "resume": Works(),
    },
    Nbxmpp: {
        "log-in": Works("SCRAM-SHA-512"),
        "history": Works(), "message": Works(),
        "carbons": Works("enabled by hand: it only unwraps them"),
        "block": Works(), "avatar": Works(),
        "OMEMO": NotOffered(
            "it carries keys and messages; encrypting is left to who uses it, as "
            "Gajim does"),
        "resume": Works(),
    },
    XmppJs: {
        "log-in": Works("SCRAM-SHA-1"),
        "history": Works(ONLY_WAITING), "message": Works(),
        "carbons": Works("by hand: it has no such module"),
        "block": Works("by hand: it has no such module"),
        "avatar": NotOffered("it has no such module"),
        "OMEMO": NotOffered("it has no such module"),
        "resume": Works(),
    },
}

TOP = """# Clients

What real clients do with Snug, found out by running them: `./just test-clients` drives each against
a home and writes this page. Debian's clients are those of Debian 12, the libraries those
that `tests/e2e` pins. On Debian 12 `./just test` does the same; on other releases, which have other
versions of the clients and lack some, it says that the matrix was not run.

A cell says **works**, **not offered** (the client has no such thing) or **fails** (the client has
it, but not so that it works). What is not offered or fails is tried too, and the test fails as soon
as it works.
"""


def page():
    """The text of `docs/clients.md`."""
    lines = [TOP, "| client | " + " | ".join(CELLS) + " |", "|---" * (len(CELLS) + 1) + "|"]
    for kind, cells in MATRIX.items():
        lines.append(f"| {kind.title} | " + " | ".join(cells[c].word for c in CELLS) + " |")
    lines += ["", "## How each cell is tested", ""]
    lines += [f"- **{cell}**: {how}" for cell, how in CELLS.items()]
    lines += ["", "## What to know", ""]
    for kind, cells in MATRIX.items():
        notes = [f"- {cell}: {known.note}" for cell, known in cells.items() if known.note]
        if notes:
            lines += [f"**{kind.title}**", "", *notes, ""]
    return "\n".join(lines).rstrip() + "\n"
