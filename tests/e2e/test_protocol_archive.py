"""The message archive (XEP-0313): what was said is there for every device of both sides, under the
names that the messages came with."""

import asyncio
from datetime import datetime, timedelta, timezone

import pytest
from slixmpp.exceptions import IqError

from clients.person import Person, people
from clients.wire import CLIENT, Wire

MAM = "urn:xmpp:mam:2"
SID = "{urn:xmpp:sid:0}stanza-id"


class Reader(Person):
    """A client that can read its archive."""

    def __init__(self, *arguments, **more):
        """With the plugin."""
        super().__init__(*arguments, **more)
        self.register_plugin("xep_0313")

    async def history(self, **query):
        """Names and texts of what is archived, as slixmpp pages through it."""
        found = []
        async for message in self["xep_0313"].iterate(**query):
            result = message["mam_result"]
            found.append((result["id"], result["forwarded"]["stanza"]["body"]))
        return found


def name_of(message, by):
    """The name that `by` gave to the message."""
    return [e.get("id") for e in message.xml.findall(SID) if e.get("by") == by]


def test_slixmpp_reads_the_history_of_a_device_that_was_off(home):
    """A hundred messages both ways, while one person's device is away for half of them."""
    home.add("gus", "hal")

    async def story():
        gus, hal = Reader(home, "gus", "phone"), Reader(home, "hal", "desk")
        async with people(gus, hal):
            given = []
            for n in range(50):
                gus.send_message(mto=hal.boundjid.bare, mbody=f"{n}", mtype="chat")
                got = await hal.hears(f"{n}")
                given += name_of(got, hal.boundjid.bare)
                assert not name_of(got, gus.boundjid.bare)
            await hal.offline()
            for n in range(50, 100):
                gus.send_message(mto=hal.boundjid.bare, mbody=f"{n}", mtype="chat")
            await gus.settled()
            new = Reader(home, "hal", "tablet")
            async with people(new, present=False):
                history = await new.history(rsm={"max": 7})
                assert [text for _, text in history] == [f"{n}" for n in range(100)]
                assert [name for name, _ in history[:50]] == given
                # The same from the end, and after the last that the desk has.
                back = await new.history(rsm={"max": 7}, reverse=True)
                assert back == history[::-1]
                rest = await new.history(rsm={"max": 9, "after": given[-1]})
                assert rest == history[50:]
                metadata = await new["xep_0313"].get_archive_metadata()
                ends = metadata["mam_metadata"]
                assert (ends["start"]["id"], ends["end"]["id"]) == (history[0][0], history[-1][0])
            own = await gus.history(rsm={"max": 40})
            assert [text for _, text in own] == [f"{n}" for n in range(100)]
            assert not {name for name, _ in own} & {name for name, _ in history}
    asyncio.run(story())


def test_slixmpp_asks_for_one_conversation_and_for_a_time(home):
    """with, start and end."""
    home.add("ida", "jon", "kim")

    async def story():
        ida, jon, kim = (Reader(home, name, "pc") for name in ("ida", "jon", "kim"))
        async with people(ida, jon, kim):
            for n in range(6):
                for other in (jon, kim):
                    ida.send_message(mto=other.boundjid.bare, mbody=f"{n}", mtype="chat")
            await ida.settled()
            history = await ida.history(with_jid=jon.boundjid.bare, rsm={"max": 4})
            assert [text for _, text in history] == [f"{n}" for n in range(6)]
            assert len(await ida.history(rsm={"max": 100})) == 12
            hour = timedelta(hours=1)
            now = datetime.now(timezone.utc)
            assert len(await ida.history(start=now - hour, end=now + hour, rsm={"max": 5})) == 12
            assert await ida.history(start=now + hour) == []
            assert await ida.history(end=now - hour) == []
            fields = await ida["xep_0313"].get_fields()
            for field in ("with", "start", "end", "before-id", "after-id", "ids"):
                assert field in fields.get_fields()
            with pytest.raises(IqError) as refused:
                await ida["xep_0313"].retrieve(jid=jon.boundjid.bare)
            assert refused.value.condition == "forbidden"
    asyncio.run(story())


def query(wire, inner="", queryid="q"):
    """The results of a query and its end."""
    payload = f"<query xmlns='{MAM}' queryid='{queryid}'>{inner}</query>"
    answer = wire.iq("set", payload, check=False)
    results = [e.find(f"{{{MAM}}}result") for _, e in wire.events if e is not None]
    wire.events.clear()
    return [r for r in results if r is not None], answer


def rsm(inner):
    """A page that is asked for."""
    return f"<set xmlns='http://jabber.org/protocol/rsm'>{inner}</set>"


def test_a_restart_changes_nothing_in_the_archive(home, log_in):
    """Names stay, and new messages come after the old ones."""
    home.add("lea")
    lea = log_in("lea", "pc")
    for n in range(5):
        lea.message(home.jid("ann"), f"before {n}")
    lea.ping()
    before = [r.get("id") for r in query(lea)[0]]
    home.stop_daemon()
    home.start_daemon()
    with Wire(home) as again:
        again.login("lea", home.passwords["lea"], "pc")
        again.message(home.jid("ann"), "after")
        again.ping()
        results, _ = query(again)
        assert [r.get("id") for r in results][:5] == before
        assert [b.text for b in results[5].iter(f"{{{CLIENT}}}body")] == ["after"]


def test_odd_queries_are_answered_and_cost_nobody_else_anything(home, log_in):
    """Names that are foreign or none, pages of 0 and 10^9, nonsense."""
    home.add("max")
    wire = log_in("max", "pc")
    for n in range(3):
        wire.message(home.jid("ann"), f"{n}")
    wire.ping()
    results, _ = query(wire, rsm("<max>1000000000</max>"))
    assert len(results) == 3
    results, answer = query(wire, rsm("<max>0</max>"))
    assert results == [] and answer.get("type") == "result"
    ann = log_in("ann", "archive")
    foreign = query(ann, rsm("<max>1</max>"))[0][0].get("id")
    for inner, condition in (
        (rsm(f"<after>{foreign}</after>"), "item-not-found"),
        (rsm("<after>28482-98726-73623</after>"), "item-not-found"),
        (rsm("<before>" + "x" * 50_000 + "</before>"), "item-not-found"),
        (rsm("<max>-1</max>"), "bad-request"),
        (rsm("<max>1</max><max>2</max>"), "bad-request"),
        (rsm("<index>1</index>"), "feature-not-implemented"),
        ("<x xmlns='jabber:x:data' type='submit'/>", "bad-request"),
    ):
        results, answer = query(wire, inner)
        assert results == [] and answer.get("type") == "error", inner
        assert answer.find(f".//{{urn:ietf:params:xml:ns:xmpp-stanzas}}{condition}") is not None
    assert len(query(wire)[0]) == 3


def test_history_moves_under_its_names_and_is_deleted_for_good(home, output):
    """snug export, snug archive delete, snug import."""
    home.add("nat")
    secret = "words-that-nobody-finds-any-more"
    with Wire(home) as nat:
        nat.login("nat", home.passwords["nat"], "pc")
        for n in range(7):
            nat.message("somebody@elsewhere.test", f"{secret} {n}")
        nat.ping()
        nat.events.clear()
        before = [r.get("id") for r in query(nat)[0]]
    assert len(before) == 7
    file = output / "moved.xml"
    home.snug("export", str(file))
    assert file.read_text().count(f"{secret} ") == 7
    deleted = home.snug_json("archive", "delete", "nat", "--yes")
    assert deleted == {"messages": 7, "finished": True}
    with Wire(home) as nat:
        nat.login("nat", home.passwords["nat"], "pc")
        assert query(nat)[0] == []
    home.snug("import", str(file), "--existing", "replace")
    with Wire(home) as nat:
        nat.login("nat", home.passwords["nat"], "pc")
        results, _ = query(nat)
        assert [r.get("id") for r in results] == before
        bodies = [b.text for r in results for b in r.iter(f"{{{CLIENT}}}body")]
        assert bodies == [f"{secret} {n}" for n in range(7)]


def test_the_command_line_says_and_sets_how_long_it_is_kept(home):
    """snug archive show and set; off keeps nothing more."""
    assert home.snug_json("archive", "show")["keep"] == {"days": 30}
    home.add("ole")
    try:
        assert home.snug_json("archive", "set", "off")["keep"] == "off"
        with Wire(home) as ole:
            ole.login("ole", home.passwords["ole"], "pc")
            ole.message(home.jid("ann"), "not kept")
            ole.ping()
            assert query(ole)[0] == []
        assert "not kept" in home.snug("archive", "show").stdout
        assert home.snug("archive", "set", "0", check=False).returncode == 2
    finally:
        home.snug("archive", "set", "30")
