//! Import and export of what features keep of an account, piece by piece.
//!
//! Invariants: a piece that cannot be kept is named, and the others are kept; whatever memory
//! held of the account is read again from the store.

use admin_api::frame::FRAME_BYTES_MAX;
use admin_api::transfer::{DataPage, ExportData, ImportData, ImportedData, Kind, Place};
use admin_api::{Problem, ProblemKind};
use xmpp::element::Element;
use xmpp::jid::BareJid;

use super::{about, find, invalid, store_problem};
use crate::accounts::State;
use crate::daemon::{Daemon, Now};
use crate::durability::Ticket;
use crate::features::{Cx, moves};
use crate::limits::PIECE_BYTES_MAX;
use crate::registry::{self, Account, Slots};

/// Bytes of a page's elements, which JSON may make twice as long; the frame needs a little.
const PAGE_BYTES_MAX: usize = (FRAME_BYTES_MAX - 16 * 1024) / 2;

/// Elements of a page.
const PAGE_ELEMENTS_MAX: usize = 1_000;

const _: () = assert!(PIECE_BYTES_MAX <= PAGE_BYTES_MAX);

/// What there is.
pub(in crate::admin) fn kinds() -> Vec<Kind> {
    let kind = |kind: &moves::Kind| Kind {
        name: kind.name.to_owned(),
        ns: kind.ns.to_owned(),
        cuts: kind.cuts,
    };
    moves::all().flat_map(|(_, moves)| moves.kinds).map(kind).collect()
}

/// Exports a page.
pub(in crate::admin) fn export(daemon: &Daemon, call: &ExportData) -> Result<DataPage, Problem> {
    let jid = living(daemon, &call.name)?;
    let mut page = DataPage::default();
    let mut bytes = 0;
    let mut after = call.after.clone();
    while let Some((piece, place)) = next(daemon, &jid, after.as_ref())? {
        let xml = piece.to_xml("");
        if xml.len() > PIECE_BYTES_MAX {
            page.left_out.push(format!("a <{} xmlns='{}'/>", piece.name(), piece.ns()));
        } else if bytes + xml.len() > PAGE_BYTES_MAX || page.elements.len() == PAGE_ELEMENTS_MAX {
            page.next = after;
            return Ok(page);
        } else {
            bytes += xml.len();
            page.elements.push(xml);
        }
        after = Some(place);
    }
    Ok(page)
}

/// The piece after a place, and the place after it.
fn next(
    daemon: &Daemon,
    jid: &BareJid,
    after: Option<&Place>,
) -> Result<Option<(Element, Place)>, Problem> {
    let mut from = after;
    let begun = |name: &str| after.is_none_or(|place| place.feature == name);
    for (name, moves) in moves::all().skip_while(|(name, _)| !begun(name)) {
        let at = from.take().map(|place| place.at.as_str());
        if let Some(piece) = (moves.export)(daemon, jid, at).map_err(store_problem)? {
            let place = Place { feature: name.to_owned(), at: piece.at };
            return Ok(Some((piece.element, place)));
        }
    }
    Ok(None)
}

/// Imports some.
pub(in crate::admin) async fn import(
    daemon: &Daemon,
    call: &ImportData,
) -> Result<ImportedData, Problem> {
    let jid = living(daemon, &call.name)?;
    let elements: Vec<Element> = call
        .elements
        .iter()
        .map(|xml| Element::parse(xml).map_err(|e| about(&jid, e)))
        .collect::<Result<_, _>>()?;
    // Nobody removes the account meanwhile.
    let _turn = daemon.accounts.turn().await;
    let jid = living(daemon, &call.name)?;
    let mut done = ImportedData::default();
    let mut last = 0;
    {
        let entry = daemon.registry.entry(&jid);
        let mut account = registry::lock(&entry);
        for element in &elements {
            let (ticket, taken) = import_one(daemon, &mut account, element);
            last = last.max(ticket);
            if let Err(why) = taken {
                done.left_out.push(format!(
                    "{jid}: <{} xmlns='{}'/>: {why}",
                    element.name(),
                    element.ns()
                ));
            }
        }
        account.slots = Slots::default();
    }
    daemon.durability.wait(last).await?;
    Ok(done)
}

/// Each piece is written before the next is judged, so that limits hold for all together. What is
/// kept of one that cannot be kept as a whole is written as well.
fn import_one(
    daemon: &Daemon,
    account: &mut Account,
    element: &Element,
) -> (Ticket, Result<(), String>) {
    let Some(moves) = moves::keeper(element) else {
        return (0, Err("this server does not keep it".to_owned()));
    };
    let mut cx = Cx::new(daemon, Now::read(), account, None);
    let taken = (moves.import)(&mut cx, element);
    (daemon.durability.commit(cx.effects.writes), taken)
}

/// The address of an account that is not on its way out.
fn living(daemon: &Daemon, name: &str) -> Result<BareJid, Problem> {
    let jid = daemon.accounts.address(name).map_err(|e| invalid(e.to_string()))?;
    match find(daemon, &jid)? {
        Some(record) if !matches!(record.state, State::Deleted { .. }) => Ok(jid),
        _ => Err(Problem::new(ProblemKind::NotFound, format!("There is no account {jid}."))),
    }
}
