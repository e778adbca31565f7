//! XEP-0054: vcard-temp.
//!
//! Keeps what people tell of themselves: a name, a picture. Spec: §3.1 one's own, §3.2 changing
//! it, §3.3 somebody else's. Everybody at home may see it; that it is readable by all is the
//! specification's own warning (§5).
//!
//! State: none. Invariants: only the account's own sessions change it; one that cannot be seen
//! looks as if there was no account; at most [`VCARD_BYTES_MAX`] bytes, so that the answer fits
//! any outbox.

use store::{Raw, StoreError, Table};
use xmpp::element::{Element, Node};
use xmpp::error::{StanzaCondition, StanzaError};
use xmpp::jid::BareJid;
use xmpp::ns;
use xmpp::stanza::{IqType, Stanza};

use super::moves::{Exported, Kind, Moves, Piece};
use super::{Cx, Feature, IqRoute, Spec, Target, avatar_conversion, not_yours};
use crate::daemon::Daemon;
use crate::effect::Handled;
use crate::limits::VCARD_BYTES_MAX;

const VCARDS: Table<String, Raw> = Table::new("vcard");
/// Tables of this feature.
pub const TABLES: &[&str] = &[VCARDS.name()];

/// See the module.
pub const FEATURE: Feature = Feature {
    disco: &[ns::VCARD_TEMP],
    disco_account: &[ns::VCARD_TEMP],
    iq: &[
        route(IqType::Get, Target::Account, get_own),
        route(IqType::Set, Target::Account, set),
        route(IqType::Get, Target::Contact, get_others),
        route(IqType::Set, Target::Contact, not_yours),
    ],
    removed: Some(removed),
    moves: Some(Moves {
        kinds: &[Kind { name: "vCard", ns: ns::VCARD_TEMP, cuts: 0 }],
        export,
        import,
    }),
    ..Feature::new("vcard_temp", Spec::Xep { number: 54, version: "1.3.0" })
};

const fn route(ty: IqType, target: Target, run: fn(&mut Cx<'_>, &Stanza) -> Handled) -> IqRoute {
    IqRoute { ty, target, ns: ns::VCARD_TEMP, name: "vCard", run }
}

/// What is kept of `owner`.
fn kept(daemon: &Daemon, owner: &BareJid) -> Result<Option<Element>, StoreError> {
    let Some(Raw(bytes)) = daemon.store.get(&VCARDS, owner.as_str())? else { return Ok(None) };
    let parsed = std::str::from_utf8(&bytes).ok().and_then(|xml| Element::parse(xml).ok());
    if parsed.is_none() {
        tracing::error!("a vCard is damaged; it counts as absent");
        daemon.counters.add("vcard", "damaged");
    }
    Ok(parsed)
}

/// The name in the vCard of `owner`; `None` = there is none.
///
/// # Errors
/// The store cannot be read.
pub fn name(daemon: &Daemon, owner: &BareJid) -> Result<Option<String>, StoreError> {
    let name = |vcard: Element| {
        vcard.child("FN", ns::VCARD_TEMP).map_or_else(String::new, |n| n.text().trim().to_owned())
    };
    Ok(kept(daemon, owner)?.map(name))
}

/// The account's own, or that of whom an IQ is for.
pub(super) fn stored(cx: &Cx<'_>) -> Result<Option<Element>, StanzaError> {
    kept(cx.daemon, &cx.account.jid).map_err(|e| {
        tracing::error!(error = %e, "a vCard cannot be read");
        StanzaError::new(StanzaCondition::InternalServerError)
    })
}

/// §3.1
fn get_own(cx: &mut Cx<'_>, iq: &Stanza) -> Handled {
    let vcard = stored(cx)?.ok_or_else(|| StanzaError::new(StanzaCondition::ItemNotFound))?;
    cx.reply(iq, Some(vcard));
    Ok(())
}

/// §3.3: no vCard and no account get the same answer.
fn get_others(cx: &mut Cx<'_>, iq: &Stanza) -> Handled {
    let vcard = stored(cx)?.ok_or_else(|| StanzaError::new(StanzaCondition::ServiceUnavailable))?;
    cx.reply(iq, Some(vcard));
    Ok(())
}

/// §3.2: the whole of it, in place of what was there.
fn set(cx: &mut Cx<'_>, iq: &Stanza) -> Handled {
    let vcard = iq.payload().ok_or_else(|| StanzaError::new(StanzaCondition::BadRequest))?;
    let before = stored(cx)?;
    keep(cx, vcard).map_err(too_large)?;
    cx.reply(iq, None);
    avatar_conversion::vcard_changed(cx, before.as_ref(), vcard);
    Ok(())
}

/// It is too large to be kept.
struct TooLarge;

#[allow(clippy::needless_pass_by_value, reason = "the shape of a conversion of errors")]
fn too_large(_: TooLarge) -> StanzaError {
    StanzaError::new(StanzaCondition::NotAcceptable)
        .with_text("This is too large; choose a smaller picture.")
}

/// Puts `photo` into the vCard in place of the one there, or takes that away.
///
/// # Errors
/// If the whole is too large then, or the store cannot be read.
pub(super) fn set_photo(cx: &mut Cx<'_>, photo: Option<Element>) -> Handled {
    let before = stored(cx)?;
    if before.is_none() && photo.is_none() {
        return Ok(());
    }
    let mut vcard = before.unwrap_or_else(|| Element::new("vCard", ns::VCARD_TEMP));
    vcard.retain(|node| !matches!(node, Node::Element(e) if e.is("PHOTO", ns::VCARD_TEMP)));
    photo.into_iter().for_each(|photo| vcard.push(photo));
    keep(cx, &vcard).map_err(too_large)
}

fn keep(cx: &mut Cx<'_>, vcard: &Element) -> Result<(), TooLarge> {
    let xml = vcard.to_xml("");
    if xml.len() > VCARD_BYTES_MAX {
        return Err(TooLarge);
    }
    cx.effects.writes.put(&VCARDS, cx.account.jid.as_str(), &Raw(xml.into_bytes()));
    Ok(())
}

fn export(daemon: &Daemon, owner: &BareJid, after: Option<&str>) -> Exported {
    if after.is_some() { Ok(None) } else { Ok(kept(daemon, owner)?.map(Piece::only)) }
}

fn import(cx: &mut Cx<'_>, vcard: &Element) -> Result<(), String> {
    keep(cx, vcard).map_err(|_| format!("it is larger than {} kB", VCARD_BYTES_MAX / 1024))?;
    avatar_conversion::vcard_changed(cx, None, vcard);
    Ok(())
}

fn removed(cx: &mut Cx<'_>) {
    cx.effects.writes.delete(&VCARDS, cx.account.jid.as_str());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::presence::home::{Home, stanza};

    const ANN: &str = "ann@home.example";

    fn set(home: &Home, id: u64, note: &str) -> Stanza {
        home.says(
            id,
            &format!(
                "<iq type='set' id='1'><vCard xmlns='vcard-temp'><DESC>{note}</DESC></vCard></iq>"
            ),
        );
        stanza(home.hears(id).last().unwrap())
    }

    fn size(home: &Home) -> Option<usize> {
        home.daemon.store.get(&VCARDS, ANN).unwrap().map(|Raw(bytes)| bytes.len())
    }

    #[test]
    fn a_large_one_changes_nothing_and_none_outlives_the_account() {
        let home = Home::new();
        let ann = home.bind("ann@home.example/pc");
        let frame = "<vCard xmlns='vcard-temp'><DESC></DESC></vCard>".len();
        let largest = "x".repeat(VCARD_BYTES_MAX - frame);
        assert_eq!(set(&home, ann, &largest).iq_type(), Some(IqType::Result));
        assert_eq!(size(&home), Some(VCARD_BYTES_MAX));
        let refused = set(&home, ann, &format!("{largest}x")).stanza_error().unwrap();
        assert_eq!(refused.condition, StanzaCondition::NotAcceptable);
        assert_eq!(size(&home), Some(VCARD_BYTES_MAX));
        home.removes(ANN);
        assert_eq!(size(&home), None);
    }
}
