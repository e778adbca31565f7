//! Archives and preferences that move to or from another server: XEP-0227 §4.10.
//!
//! Invariants: a message that moves between homes of this kind keeps its name, so that clients
//! still know what they have; importing the same twice adds nothing; what is imported is never
//! newer than now, so that names go on rising.

use store::{Order, StoreError};
use xmpp::element::Element;
use xmpp::jid::Jid;
use xmpp::stanza::Stanza;
use xmpp::{BareJid, datetime, ns};

use super::id::Id;
use super::prefs::{PREFS, Prefs};
use super::rows::{self, Kept, Part, Take};
use crate::daemon::Daemon;
use crate::features::Cx;
use crate::features::moves::{Exported, Kind, Moves, Piece};
use crate::limits::{ARCHIVE_MESSAGE_BYTES_MAX, PIECE_BYTES_MAX};

/// See the module.
pub(super) const MOVES: Moves = Moves {
    kinds: &[
        Kind { name: "archive", ns: ns::PIE_MAM, cuts: 1 },
        Kind { name: "prefs", ns: ns::MAM, cuts: 0 },
    ],
    export,
    import,
};

/// The place after the preferences, which come last.
const END: &str = "end";

/// Messages in a piece at most.
const ROWS: usize = 500;

/// Bytes around a message in a piece.
const AROUND: usize = 512;

/// Messages at neighbouring microseconds that are looked through for a free one.
const NEIGHBOURS_MAX: usize = 10_000;

fn export(daemon: &Daemon, owner: &BareJid, after: Option<&str>) -> Exported {
    if after == Some(END) {
        return Ok(None);
    }
    let from = after.and_then(|at| at.parse::<u64>().ok()).map_or(0, |at| at.saturating_add(1));
    let take = Take {
        order: Order::Rising,
        rows: ROWS,
        bytes: PIECE_BYTES_MAX - AROUND,
        most: usize::MAX,
        around: AROUND,
    };
    let part = Part { from, ..Part::ALL };
    let taken = rows::read(&daemon.store, owner.as_str(), &part, take)?;
    let Some((last, _)) = taken.rows.last() else {
        let prefs = daemon.store.get(&PREFS, owner.as_str())?;
        return Ok(prefs.map(|p| Piece { element: p.to_element(), at: END.to_owned() }));
    };
    let at = last.at.to_string();
    let results = taken.rows.iter().filter_map(|(id, xml)| result(*id, xml));
    let element = results.fold(Element::new("archive", ns::PIE_MAM), Element::with_child);
    Ok(Some(Piece { element, at }))
}

/// `None` for a damaged message, which is of no use elsewhere.
fn result(id: Id, xml: &[u8]) -> Option<Element> {
    let message = Element::parse(std::str::from_utf8(xml).ok()?).ok()?;
    let delay = Element::new("delay", ns::DELAY).with_attr("stamp", datetime::utc_micros(id.at));
    let forwarded = Element::new("forwarded", ns::FORWARD).with_child(delay).with_child(message);
    let result = Element::new("result", ns::MAM).with_attr("id", id.to_string());
    Some(result.with_child(forwarded))
}

fn import(cx: &mut Cx<'_>, element: &Element) -> Result<(), String> {
    if element.is("prefs", ns::MAM) {
        let prefs = Prefs::read(element).map_err(|e| e.to_string())?;
        cx.effects.writes.put(&PREFS, cx.account.jid.as_str(), &prefs);
        return Ok(());
    }
    let (mut last, mut unusable, mut usable) = (0, 0_u64, false);
    for result in element.children().filter(|child| child.is("result", ns::MAM)) {
        let Some(moved) = Moved::read(result, &cx.account.jid) else {
            unusable += 1;
            continue;
        };
        usable = true;
        let owner = cx.account.jid.as_str();
        let id = moved.name(cx.daemon, owner, (cx.now.micros, last));
        if let Some(id) = id.map_err(|e| e.to_string())? {
            last = last.max(id.at);
            rows::put(&mut cx.effects.writes, owner, id, &moved.other, moved.xml);
        }
    }
    if unusable > 0 {
        tracing::warn!(unusable, "archived messages from elsewhere could not be used");
        if !usable {
            return Err("it has no message of this person, or too large ones".to_owned());
        }
    }
    Ok(())
}

/// A message on its way in.
struct Moved {
    id: Option<Id>,
    /// Microseconds since 1970.
    at: u64,
    /// The other side of the conversation.
    other: Jid,
    xml: Vec<u8>,
}

impl Moved {
    fn read(result: &Element, owner: &BareJid) -> Option<Self> {
        let forwarded = result.child("forwarded", ns::FORWARD)?;
        let stamp = forwarded.child("delay", ns::DELAY)?.attr("stamp")?;
        let at = u64::try_from(datetime::parse_micros(stamp)?).ok()?;
        let message = forwarded.child("message", ns::CLIENT)?.clone();
        let message = Stanza::from_element(message).ok()?;
        let own = |jid: &Jid| jid.bare_str() == owner.as_str();
        let other = match (message.from(), message.to()) {
            // Also to oneself.
            (Some(from), Some(to)) if own(from) => to.clone(),
            (Some(from), to) if !own(from) && to.is_none_or(own) => from.clone(),
            (None, Some(to)) if !own(to) => to.clone(),
            _ => return None,
        };
        let xml = message.element().to_xml("").into_bytes();
        let id = result.attr("id").and_then(Id::parse);
        (xml.len() <= ARCHIVE_MESSAGE_BYTES_MAX).then_some(Self { id, at, other, xml })
    }

    /// The name that it keeps, or a new one; `None` if it is there already. `last` is the time of
    /// the one before.
    fn name(
        &self,
        daemon: &Daemon,
        owner: &str,
        (now, last): (u64, u64),
    ) -> Result<Option<Id>, StoreError> {
        let own = self.id.filter(|id| id.at == self.at && id.at <= now);
        if let Some(id) = own {
            match daemon.store.get(&rows::MESSAGES, &(owner, id.at))? {
                None => return Ok(Some(id)),
                Some(kept) if kept.mark == id.mark => return Ok(None),
                // Another one has its place.
                Some(_) => {}
            }
        }
        self.free(daemon, owner, self.at.min(now).max(last + 1))
    }

    /// A name at the time `at` or soon after.
    fn free(&self, daemon: &Daemon, owner: &str, at: u64) -> Result<Option<Id>, StoreError> {
        let (mut free, mut same, mut looked) = (at, false, 0);
        let span = rows::all(owner).from(&(owner, at));
        daemon.store.walk(&rows::MESSAGES, &span, Order::Rising, |(_, taken), kept: Kept| {
            looked += 1;
            if taken != free || looked > NEIGHBOURS_MAX {
                return false;
            }
            same = kept.xml == self.xml;
            free += 1;
            !same
        })?;
        Ok((!same).then(|| Id::next(free, 0, daemon.keeping.mark())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::Now;
    use crate::features::presence::home::Home;

    fn message(id: &str, at: u64, text: &str) -> Element {
        let stamp = datetime::utc_micros(at);
        Element::parse(&format!(
            "<result xmlns='urn:xmpp:mam:2' id='{id}'><forwarded xmlns='urn:xmpp:forward:0'>\
             <delay xmlns='urn:xmpp:delay' stamp='{stamp}'/>\
             <message xmlns='jabber:client' from='bob@x/1' to='ann@home.example'>\
             <body>{text}</body></message></forwarded></result>"
        ))
        .unwrap()
    }

    fn ann() -> BareJid {
        BareJid::parse("ann@home.example").unwrap()
    }

    fn imports(home: &Home, results: &[Element]) -> Result<(), String> {
        let archive = Element::new("archive", ns::PIE_MAM);
        let archive = results.iter().cloned().fold(archive, Element::with_child);
        let mut done = Ok(());
        home.with(&ann(), None, |cx| done = import(cx, &archive));
        done
    }

    /// All results, and in how many pieces.
    fn exported(home: &Home) -> (Vec<Element>, usize) {
        let (mut all, mut after, mut pieces) = (Vec::new(), None, 0);
        while let Some(piece) = export(&home.daemon, &ann(), after.as_deref()).unwrap() {
            assert!(piece.element.to_xml("").len() <= PIECE_BYTES_MAX);
            all.extend(piece.element.children().cloned());
            after = Some(piece.at);
            pieces += 1;
        }
        (all, pieces)
    }

    fn times(results: &[Element]) -> Vec<u64> {
        results.iter().map(|r| Id::parse(r.attr("id").unwrap()).unwrap().at).collect()
    }

    #[test]
    fn what_moves_comes_back_as_it_was_and_once() {
        let (home, other) = (Home::new(), Home::new());
        let large = "x".repeat(PIECE_BYTES_MAX / 3);
        let results: Vec<Element> = (0..7)
            .map(|n| message("of-another-server", 1_000_000, &format!("{n}{large}")))
            .collect();
        imports(&home, &results).unwrap();
        let (all, pieces) = exported(&home);
        assert_eq!(times(&all), (1_000_000..1_000_007).collect::<Vec<_>>());
        assert_eq!(pieces, 4);
        let words = |results: &[Element]| -> Vec<String> {
            let body = |r: &Element| r.to_xml("").split_once("<body>").unwrap().1.to_owned();
            results.iter().map(body).collect()
        };
        assert_eq!(words(&all), words(&results));
        // Again, by their words and by their names; and elsewhere.
        imports(&home, &results).unwrap();
        imports(&home, &all).unwrap();
        assert_eq!(exported(&home).0, all);
        imports(&other, &all).unwrap();
        assert_eq!(exported(&other).0, all);
    }

    #[test]
    fn nothing_comes_from_the_future() {
        let home = Home::new();
        let future = Now::read().micros + 1_000_000_000_000;
        let name = Id { at: future, mark: 1 }.to_string();
        imports(&home, &[message("x", future, "1"), message(&name, future, "2")]).unwrap();
        let all = times(&exported(&home).0);
        assert_eq!(all.len(), 2);
        assert!(all.iter().all(|at| *at <= Now::read().micros), "{all:?}");
    }

    #[test]
    fn what_is_not_the_persons_is_left_out() {
        let home = Home::new();
        let foreign = message("x", 1, "x").to_xml("").replace("ann@home", "eve@home");
        let foreign = Element::parse(&foreign).unwrap();
        let bare = Element::new("result", ns::MAM);
        assert!(imports(&home, &[foreign.clone(), bare.clone()]).is_err());
        imports(&home, &[foreign, message("x", 1, "mine"), bare]).unwrap();
        assert_eq!(exported(&home).0.len(), 1);
    }
}
