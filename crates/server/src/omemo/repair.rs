//! Mends what the doctor found, as a client of the owner's would: the nodes change, and everybody
//! whom it concerns is told.
//!
//! Spec: XEP-0384 §5.3, XEP-0060 §7 and §8. Invariants: only what was asked for changes; what is
//! removed can be taken back for a while, as it was.

use admin_api::omemo::{Repair, Undo, Version};
use xmpp::element::Element;
use xmpp::error::{StanzaCondition, StanzaError};

use super::nodes;
use crate::effect::Handled;
use crate::features::Cx;
use crate::features::pep::{self, Access, Config};
use crate::limits::OMEMO_BUNDLE_BYTES_MAX;
use crate::random;

/// Characters of the name of something that can be taken back.
const ID_CHARACTERS: usize = 16;

/// The name of the one item of a list. §5.3.1
const CURRENT: &str = "current";

/// What was removed.
#[derive(Clone, Debug)]
pub(super) struct Removed {
    pub(super) id: String,
    pub(super) until: u64,
    version: Version,
    device: u32,
    /// Its element in the list, if it was listed.
    listed: Option<Element>,
    /// Its bundle, with how its node was set up.
    bundle: Option<(Element, Config)>,
}

impl Removed {
    pub(super) fn shown(&self) -> Undo {
        let Self { id, until, version, device, .. } = self;
        Undo { id: id.clone(), version: *version, device: *device, until: *until }
    }
}

fn missing() -> StanzaError {
    StanzaError::new(StanzaCondition::ItemNotFound)
}

/// With what a node is made that is not there.
fn open() -> Config {
    Config { access: Access::Open, ..Config::default() }
}

/// Carries out `repair`.
///
/// # Errors
/// `item-not-found` if it is not needed any more; as for a client otherwise.
pub(crate) fn carry(cx: &mut Cx<'_>, repair: Repair) -> Handled {
    match repair {
        Repair::Open { version } => open_all(cx, version),
        Repair::Remove { version, device } => remove(cx, version, device),
        Repair::Relist { version, device } => {
            let (node, item) = nodes::bundle_place(version, device);
            // Nobody can use a device without a bundle: listing it would do harm.
            if bundle(cx, version, (&node, &item))?.is_none() {
                return Err(missing());
            }
            let id = device.to_string();
            let (_, ns) = nodes::list_name(version);
            list(cx, version, Element::new("device", ns).with_attr("id", id))
        }
    }
}

/// §5.3.1, §5.3.2: open to everybody; all bundles are kept.
fn open_all(cx: &mut Cx<'_>, version: Version) -> Handled {
    for name in nodes::nodes_of(cx, version)? {
        let Some(before) = pep::config(cx, &name)? else { continue };
        let max_items = match version {
            Version::Two if name != nodes::list_node(version) => None,
            Version::Legacy | Version::Two => before.max_items,
        };
        let config = Config { access: Access::Open, groups: Vec::new(), max_items, ..before };
        pep::configure_node(cx, &name, config)?;
    }
    Ok(())
}

fn remove(cx: &mut Cx<'_>, version: Version, device: u32) -> Handled {
    let (node, item) = nodes::bundle_place(version, device);
    let bundle = bundle(cx, version, (&node, &item))?;
    let listed = unlist(cx, version, device)?;
    if bundle.is_none() && listed.is_none() && pep::access(cx, &node)?.is_none() {
        return Err(missing());
    }
    match version {
        Version::Legacy => pep::delete_node(cx, &node)?,
        Version::Two => pep::retract_item(cx, &node, &item)?,
    }
    let (id, until) = (random::text(ID_CHARACTERS), super::until(cx.now));
    let removed = Removed { id, until, version, device, listed, bundle };
    cx.daemon.omemo.keep(&cx.account.jid, removed, cx.now);
    Ok(())
}

/// The bundle at that place with the configuration of its node.
fn bundle(
    cx: &mut Cx<'_>,
    version: Version,
    (node, item): (&str, &str),
) -> Result<Option<(Element, Config)>, StanzaError> {
    let Some(config) = pep::config(cx, node)? else { return Ok(None) };
    let limits = (usize::MAX, OMEMO_BUNDLE_BYTES_MAX);
    let mut items = pep::newest(cx, node, limits)?.into_iter();
    let found = match version {
        // The newest one counts, whatever its name.
        Version::Legacy => items.next_back(),
        Version::Two => items.find(|one| one.id == item),
    };
    Ok(found.map(|found| (found.payload, config)))
}

/// Takes `device` off the list; gives its element there.
fn unlist(cx: &mut Cx<'_>, version: Version, device: u32) -> Result<Option<Element>, StanzaError> {
    let Some(item) = nodes::list_item(cx, version)? else { return Ok(None) };
    let is_it = |e: &Element| is_device(e, device);
    let Some(element) = item.payload.children().find(|e| is_it(e)).cloned() else {
        return Ok(None);
    };
    let others = item.payload.children().filter(|e| !is_it(e)).cloned();
    let (name, ns) = nodes::list_name(version);
    let rest = others.fold(Element::new(name, ns), Element::with_child);
    pep::publish_item(cx, nodes::list_node(version), (&item.id, rest), &open())?;
    Ok(Some(element))
}

/// Puts `device`, an element of a list, on the list.
fn list(cx: &mut Cx<'_>, version: Version, device: Element) -> Handled {
    let number = device.attr("id").and_then(|id| id.parse().ok()).ok_or_else(missing)?;
    let (name, ns) = nodes::list_name(version);
    let (id, payload) = match nodes::list_item(cx, version)? {
        Some(item) => (item.id, item.payload),
        None => (CURRENT.to_owned(), Element::new(name, ns)),
    };
    if payload.children().any(|e| is_device(e, number)) {
        return Ok(());
    }
    let node = nodes::list_node(version);
    pep::publish_item(cx, node, (&id, payload.with_child(device)), &open())
}

fn is_device(element: &Element, device: u32) -> bool {
    element.name() == "device" && element.attr("id").and_then(|id| id.parse().ok()) == Some(device)
}

/// Takes the removal called `id` back. A bundle that its app has published since stays.
///
/// # Errors
/// `item-not-found` if there is none, or no longer; as for a client otherwise.
pub(crate) fn take_back(cx: &mut Cx<'_>, id: &str) -> Handled {
    let removed = cx.daemon.omemo.take(&cx.account.jid, id, cx.now).ok_or_else(missing)?;
    let Removed { version, device, listed, bundle: kept, .. } = removed;
    let (node, item) = nodes::bundle_place(version, device);
    if let Some((payload, config)) = kept
        && bundle(cx, version, (&node, &item))?.is_none()
    {
        pep::publish_item(cx, &node, (&item, payload), &config)?;
    }
    listed.map_or(Ok(()), |element| list(cx, version, element))
}
