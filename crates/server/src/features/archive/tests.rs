//! What the archive gives out, against a plain list of what was put in.

use proptest::prelude::*;
use store::{Batch, Span, Store, StoreError};
use xmpp::element::Element;
use xmpp::error::StanzaCondition;
use xmpp::jid::Jid;
use xmpp::ns;
use xmpp::stanza::{IqType, Stanza};

use super::id::Id;
use super::rows;
use crate::features::presence::home::{Home, stanza};
use crate::limits::{ARCHIVE_COUNT_MAX, ARCHIVE_PAGE_BYTES_MAX, ARCHIVE_PAGE_MAX};
use crate::registry::SessionId;

const ANN: &str = "ann@home.example";
const OTHERS: [&str; 4] =
    ["bob@home.example/pc", "bob@home.example/phone", "cid@home.example", "ann@home.example/pc"];

/// An archive and what is in it.
struct Filled {
    home: Home,
    session: SessionId,
    /// Name, and whom it is with.
    all: Vec<(Id, &'static str)>,
}

/// Messages with `OTHERS[n]` for each `n`, a millisecond apart, each of so many bytes.
fn filled(others: &[usize], bytes: usize) -> Filled {
    let home = Home::new();
    let session = home.bind("ann@home.example/desk");
    let mut all = Vec::new();
    for (n, other) in others.iter().enumerate() {
        let other = OTHERS[*other];
        let id = Id { at: 1_000 * (n as u64 + 1), mark: n as u32 };
        let text = format!("{n} {}", "x".repeat(bytes));
        let xml =
            format!("<message xmlns='jabber:client' from='{other}'><body>{text}</body></message>");
        let mut batch = Batch::new();
        rows::put(&mut batch, ANN, id, &Jid::parse(other).unwrap(), xml.into_bytes());
        home.daemon.store.commit_blocking(batch).unwrap();
        all.push((id, other));
    }
    Filled { home, session, all }
}

/// An answer.
struct Answer {
    /// Names of the results, in the order they came.
    ids: Vec<Id>,
    fin: Element,
}

impl Answer {
    fn set(&self, name: &str) -> Option<String> {
        let set = self.fin.child("set", ns::RSM).unwrap();
        set.child(name, ns::RSM).map(|child| child.text().into_owned())
    }

    fn complete(&self) -> bool {
        self.fin.attr("complete") == Some("true")
    }
}

impl Filled {
    fn ask(&self, fields: &str, set: &str, more: &str) -> Result<Answer, StanzaCondition> {
        let ty = "<field var='FORM_TYPE'><value>urn:xmpp:mam:2</value></field>";
        let form = format!("<x xmlns='jabber:x:data' type='submit'>{ty}{fields}</x>");
        let set = format!("<set xmlns='http://jabber.org/protocol/rsm'>{set}</set>");
        self.home.says(
            self.session,
            &format!(
                "<iq type='set' id='q'><query xmlns='urn:xmpp:mam:2' queryid='f&amp;1'>\
                 {form}{set}{more}</query></iq>"
            ),
        );
        let mut heard: Vec<Stanza> =
            self.home.hears(self.session).iter().map(|xml| stanza(xml)).collect();
        let last = heard.pop().unwrap();
        if let Some(error) = last.stanza_error() {
            assert!(heard.is_empty());
            return Err(error.condition);
        }
        assert_eq!(last.iq_type(), Some(IqType::Result));
        let ids = heard.iter().map(result_id).collect();
        Ok(Answer { ids, fin: last.payload().unwrap().clone() })
    }

    fn ids(&self, wanted: impl Fn(&(Id, &'static str)) -> bool) -> Vec<Id> {
        self.all.iter().filter(|row| wanted(row)).map(|(id, _)| *id).collect()
    }

    /// All pages of what `fields` choose, one after another.
    fn through(&self, fields: &str, sizes: &[u32], back: bool, flip: bool) -> Vec<Vec<Id>> {
        let mut pages: Vec<Vec<Id>> = Vec::new();
        let mut sizes = sizes.iter().cycle();
        let mut place = if back { "<before/>".to_owned() } else { String::new() };
        loop {
            let max = sizes.next().unwrap();
            let more = if flip { "<flip-page/>" } else { "" };
            let answer = self.ask(fields, &format!("<max>{max}</max>{place}"), more).unwrap();
            let mut page = answer.ids.clone();
            assert!(page.len() <= *max as usize);
            if flip {
                page.reverse();
            }
            let ends = page.first().zip(page.last());
            let ends = ends.map(|(first, last)| (first.to_string(), last.to_string()));
            assert_eq!(answer.set("first").zip(answer.set("last")), ends);
            if let Some((first, last)) = ends {
                place = match back {
                    true => format!("<before>{first}</before>"),
                    false => format!("<after>{last}</after>"),
                };
            }
            pages.push(page);
            if answer.complete() {
                return pages;
            }
            assert!(pages.last().is_some_and(|page| !page.is_empty()), "no page leads nowhere");
        }
    }
}

fn result_id(message: &Stanza) -> Id {
    let result = message.child("result", ns::MAM).unwrap();
    assert_eq!(result.attr("queryid"), Some("f&1"));
    let forwarded = result.child("forwarded", ns::FORWARD).unwrap();
    assert!(forwarded.child("delay", ns::DELAY).is_some());
    assert!(forwarded.child("message", ns::CLIENT).is_some());
    Id::parse(result.attr("id").unwrap()).unwrap()
}

fn field(var: &str, value: &str) -> String {
    format!("<field var='{var}'><value>{value}</value></field>")
}

/// Archives `xml`, which is from `other`, at the time `at`.
pub(crate) fn put(batch: &mut Batch, owner: &str, at: u64, other: &Jid, xml: Vec<u8>) {
    rows::put(batch, owner, Id { at, mark: 7 }, other, xml);
}

/// How many messages are archived, of everybody, maybe while some are being deleted.
pub(crate) fn messages(store: &Store) -> Result<u64, StoreError> {
    store.count(&rows::MESSAGES, &Span::all())
}

/// How many messages are archived, of everybody; as many as there are in conversations.
pub(crate) fn size(store: &Store) -> Result<u64, StoreError> {
    let messages = store.count(&rows::MESSAGES, &Span::all())?;
    assert_eq!(store.count(&rows::WITH, &Span::all())?, messages);
    Ok(messages)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Whatever the pages, the filter and the direction: each message exactly once, in order.
    #[test]
    fn pages_cover_everything_once(
        others in proptest::collection::vec(0usize..4, 0..40),
        sizes in proptest::collection::vec(1u32..9, 1..4),
        with in proptest::option::of(0usize..6),
        range in proptest::option::of((0usize..44, 0usize..44)),
        back in any::<bool>(),
        flip in any::<bool>(),
    ) {
        let archive = filled(&others, 0);
        let with = with.map(|n| {
            ["bob@home.example", "bob@home.example/pc", "cid@home.example", "cid@home.example/x",
             "ann@home.example", "nobody@home.example"][n]
        });
        let mut fields = with.map_or_else(String::new, |with| field("with", with));
        let (from, until) = range.map_or((0, u64::MAX), |(a, b)| (a as u64 * 1_000, b as u64 * 1_000));
        if range.is_some() {
            fields += &field("start", &xmpp::datetime::utc_micros(from));
            fields += &field("end", &xmpp::datetime::utc_micros(until));
        }
        let expected = archive.ids(|(id, other)| {
            let jid = Jid::parse(other).unwrap();
            (from..=until).contains(&id.at)
                && with.is_none_or(|with| with == jid.as_str() || with == jid.bare_str())
        });
        let mut pages = archive.through(&fields, &sizes, back, flip);
        if back {
            pages.reverse();
        }
        prop_assert_eq!(pages.concat(), expected);
    }

    /// Between two names, and by names.
    #[test]
    fn names_limit_what_is_found(
        others in proptest::collection::vec(0usize..4, 1..20),
        picks in proptest::collection::vec(any::<proptest::sample::Index>(), 2..6),
    ) {
        let archive = filled(&others, 0);
        let picked: Vec<Id> = picks.iter().map(|at| at.get(&archive.all).0).collect();
        let (after, before) = (picked[0], picked[1]);
        let fields = field("after-id", &after.to_string()) + &field("before-id", &before.to_string());
        let between = archive.ids(|(id, _)| *id > after && *id < before);
        prop_assert_eq!(archive.through(&fields, &[3], false, false).concat(), between);
        let values: String = picked.iter().map(|id| format!("<value>{id}</value>")).collect();
        let named = archive.ids(|(id, _)| picked.contains(id));
        let fields = format!("<field var='ids'>{values}</field>");
        prop_assert_eq!(archive.through(&fields, &[2], false, false).concat(), named);
        let fields = fields + &field("with", "bob@home.example");
        let named = archive.ids(|(id, other)| picked.contains(id) && other.starts_with("bob"));
        let mut pages = archive.through(&fields, &[2], true, false);
        pages.reverse();
        prop_assert_eq!(pages.concat(), named);
    }
}

#[test]
fn pages_are_cut_to_what_fits() {
    let archive = filled(&[0; ARCHIVE_PAGE_MAX + 1], 10);
    for max in ["<max>1000000000</max>", "<max>99999999999999999999</max>", ""] {
        let answer = archive.ask("", max, "").unwrap();
        assert_eq!((answer.ids.len(), answer.complete()), (ARCHIVE_PAGE_MAX, false));
    }
    let large = filled(&[0; 5], ARCHIVE_PAGE_BYTES_MAX / 3);
    for with in [String::new(), field("with", "bob@home.example")] {
        let answer = large.ask(&with, "", "").unwrap();
        assert_eq!((answer.ids.len(), answer.complete()), (2, false));
        assert_eq!(large.through(&with, &[9], true, false).len(), 3);
    }
    let huge = filled(&[0; 2], ARCHIVE_PAGE_BYTES_MAX + 1);
    assert_eq!(huge.through("", &[9], false, false).len(), 2, "one at least");
}

#[test]
fn counts_and_positions_where_they_cost_nothing() {
    let archive = filled(&[0, 1, 2, 0, 1], 0);
    let set = |answer: &Answer| {
        let first = answer.fin.child("set", ns::RSM).unwrap().child("first", ns::RSM).cloned();
        (first.and_then(|f| f.attr("index").map(str::to_owned)), answer.set("count"))
    };
    let (zero, five) = (Some("0".to_owned()), Some("5".to_owned()));
    assert_eq!(set(&archive.ask("", "", "").unwrap()), (zero.clone(), five.clone()));
    assert_eq!(set(&archive.ask("", "<max>2</max>", "").unwrap()), (zero, None));
    assert_eq!(set(&archive.ask("", "<max>2</max><before/>", "").unwrap()), (None, None));
    let none = archive.ask("", "<max>0</max>", "").unwrap();
    assert_eq!((none.ids.len(), none.set("count"), none.complete()), (0, five, false));
    let bob = archive.ask(&field("with", "bob@home.example/pc"), "<max>0</max>", "").unwrap();
    assert_eq!(bob.set("count").as_deref(), Some("2"));
    let nobody = archive.ask(&field("with", "x@y"), "<max>0</max>", "").unwrap();
    assert_eq!((nobody.set("count").as_deref(), nobody.complete()), (Some("0"), true));
    let many = filled(&vec![0; ARCHIVE_COUNT_MAX + 1], 0);
    assert_eq!(many.ask("", "<max>0</max>", "").unwrap().set("count"), None);
    let before = many.all[ARCHIVE_COUNT_MAX].0;
    let all = many.ask(&field("before-id", &before.to_string()), "<max>0</max>", "").unwrap();
    assert_eq!(all.set("count"), Some(ARCHIVE_COUNT_MAX.to_string()));
}

#[test]
fn names_of_no_message_are_not_found() {
    let archive = filled(&[0, 1], 0);
    let id = archive.all[0].0;
    let foreign = Id { mark: id.mark ^ 1, ..id };
    let gone = Id { at: 1, mark: 0 };
    for id in [foreign.to_string(), gone.to_string(), "28482-98726".to_owned()] {
        for var in ["after-id", "before-id", "ids"] {
            let answer = archive.ask(&field(var, &id), "", "");
            assert_eq!(answer.err(), Some(StanzaCondition::ItemNotFound), "{var}");
        }
        for name in ["after", "before"] {
            let answer = archive.ask("", &format!("<{name}>{id}</{name}>"), "");
            assert_eq!(answer.err(), Some(StanzaCondition::ItemNotFound), "{name}");
        }
    }
    let both = field("ids", &id.to_string()).replace("</value>", "</value><value>x</value>");
    assert_eq!(archive.ask(&both, "", "").err(), Some(StanzaCondition::ItemNotFound));
}

#[test]
fn a_damaged_message_is_passed_over_in_its_place() {
    let archive = filled(&[0, 0, 0], 0);
    let mut batch = Batch::new();
    let id = archive.all[1].0;
    rows::put(&mut batch, ANN, id, &Jid::parse(OTHERS[0]).unwrap(), b"<message".to_vec());
    archive.home.daemon.store.commit_blocking(batch).unwrap();
    archive
        .home
        .says(archive.session, "<iq type='set' id='q'><query xmlns='urn:xmpp:mam:2'/></iq>");
    let heard = archive.home.hears(archive.session);
    assert_eq!(heard.len(), 4);
    assert!(!heard[1].contains("jabber:client") && heard[1].contains(&id.to_string()));
    assert!(heard[0].contains("<body>0") && heard[2].contains("<body>2"));
}

#[test]
fn nothing_is_left_of_a_removed_account() {
    let archive = filled(&[0, 1, 2], 0);
    let set = "<iq type='set' id='p'><prefs xmlns='urn:xmpp:mam:2' default='never'/></iq>";
    archive.home.says(archive.session, set);
    archive.home.removes(ANN);
    let store = &archive.home.daemon.store;
    assert_eq!(store.count(&rows::MESSAGES, &rows::all(ANN)).unwrap(), 0);
    assert_eq!(store.count(&rows::WITH, &rows::all_with(ANN)).unwrap(), 0);
    assert_eq!(store.count(&super::prefs::PREFS, &Span::all()).unwrap(), 0);
}
