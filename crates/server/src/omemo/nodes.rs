//! What an account publishes for OMEMO, read from its nodes.
//!
//! Spec: XEP-0384 §5.3; of the older version, what its apps do: one node for each bundle.
//! Invariants: what cannot be read as a list or bundle counts as absent; at most
//! [`OMEMO_DEVICES_MAX`] devices a version, and no bundle over [`OMEMO_BUNDLE_BYTES_MAX`].

use admin_api::omemo::Version;
use otr::private_key;
use store::StoreError;
use xmpp::element::Element;
use xmpp::error::{StanzaCondition, StanzaError};
use xmpp::ns;

use super::doctor::Setting;
use super::{key, ledger};
use crate::features::Cx;
use crate::features::pep::{self, Access, Item};
use crate::limits::{OMEMO_BUNDLE_BYTES_MAX, OMEMO_DEVICES_MAX, OMEMO_LIST_BYTES_MAX};

/// XEP-0384 §5.3.1: at most so many characters.
const LABEL_CHARS_MAX: usize = 53;

/// The versions in the order they are looked at.
pub(super) const VERSIONS: [Version; 2] = [Version::Legacy, Version::Two];

/// What an account publishes.
#[derive(Debug, Default)]
pub(super) struct Published {
    /// By version and number.
    pub(super) devices: Vec<ledger::Published>,
    /// Of the versions of which there is anything.
    pub(super) settings: Vec<Setting>,
}

/// The node of the list.
pub(super) const fn list_node(version: Version) -> &'static str {
    match version {
        Version::Legacy => "eu.siacs.conversations.axolotl.devicelist",
        Version::Two => "urn:xmpp:omemo:2:devices",
    }
}

/// What the nodes of bundles begin with; of the newer version it is the one node.
const fn bundles(version: Version) -> &'static str {
    match version {
        Version::Legacy => "eu.siacs.conversations.axolotl.bundles:",
        Version::Two => "urn:xmpp:omemo:2:bundles",
    }
}

/// The node of the bundle of `device`, and the item there.
pub(super) fn bundle_place(version: Version, device: u32) -> (String, String) {
    match version {
        Version::Legacy => (format!("{}{device}", bundles(version)), "current".to_owned()),
        Version::Two => (bundles(version).to_owned(), device.to_string()),
    }
}

/// Name and namespace of a list.
pub(super) const fn list_name(version: Version) -> (&'static str, &'static str) {
    match version {
        Version::Legacy => ("list", ns::OMEMO_LEGACY),
        Version::Two => ("devices", ns::OMEMO),
    }
}

/// Does the node of that name hold keys of OMEMO? Then of which version, and of which device if it is
/// one of the older version's bundles.
pub(crate) fn device_of(node: &str) -> Option<(Version, Option<u32>)> {
    for version in VERSIONS {
        if node == list_node(version) {
            return Some((version, None));
        }
    }
    if node == bundles(Version::Two) {
        return Some((Version::Two, None));
    }
    let number = node.strip_prefix(bundles(Version::Legacy))?;
    Some((Version::Legacy, Some(number.parse().ok()?)))
}

/// Reads it all.
///
/// # Errors
/// If the store cannot be read.
pub(super) fn published(cx: &mut Cx<'_>) -> Result<Published, StanzaError> {
    let mut all = Published::default();
    for version in VERSIONS {
        let listed = listed(cx, version)?;
        let found = match version {
            Version::Legacy => legacy_bundles(cx)?,
            Version::Two => bundles_of_two(cx)?,
        };
        let mut devices: Vec<ledger::Published> = listed
            .into_iter()
            .map(|(id, label)| ledger::Published {
                version,
                id,
                label,
                fingerprint: None,
                listed: true,
                at: None,
            })
            .collect();
        for (id, fingerprint, at) in found {
            match devices.iter_mut().find(|device| device.id == id) {
                Some(device) => (device.fingerprint, device.at) = (fingerprint, Some(at)),
                None => devices.push(ledger::Published {
                    version,
                    id,
                    label: String::new(),
                    fingerprint,
                    listed: false,
                    at: Some(at),
                }),
            }
        }
        devices.sort_by_key(|device| device.id);
        all.settings.extend(setting(cx, version)?);
        all.devices.append(&mut devices);
    }
    Ok(all)
}

/// The item of the list, if there is one that can be read.
///
/// # Errors
/// If the store cannot be read.
pub(super) fn list_item(cx: &mut Cx<'_>, version: Version) -> Result<Option<Item>, StanzaError> {
    let item = pep::newest(cx, list_node(version), (1, OMEMO_LIST_BYTES_MAX))?.pop();
    let (name, ns) = list_name(version);
    Ok(item.filter(|item| item.payload.is(name, ns)))
}

fn listed(cx: &mut Cx<'_>, version: Version) -> Result<Vec<(u32, String)>, StanzaError> {
    let Some(item) = list_item(cx, version)? else { return Ok(Vec::new()) };
    let mut all: Vec<(u32, String)> = Vec::new();
    for device in item.payload.children().filter(|child| child.name() == "device") {
        let Some(id) = device.attr("id").and_then(|id| id.parse().ok()) else { continue };
        if all.len() < OMEMO_DEVICES_MAX && all.iter().all(|(other, _)| *other != id) {
            all.push((id, label(device)));
        }
    }
    Ok(all)
}

/// What the app calls its device: shown to people, so that nothing else gets through.
fn label(device: &Element) -> String {
    let text = device.attr("label").unwrap_or_default();
    if private_key::looks_like(text) {
        return String::new();
    }
    let text: String = text.chars().filter(|c| !c.is_control()).take(LABEL_CHARS_MAX).collect();
    text.trim().to_owned()
}

/// Number, fingerprint and time of each bundle.
type Bundles = Vec<(u32, Option<String>, u64)>;

fn legacy_bundles(cx: &mut Cx<'_>) -> Result<Bundles, StanzaError> {
    let mut all = Vec::new();
    for name in pep::names(cx, bundles(Version::Legacy))?.into_iter().take(OMEMO_DEVICES_MAX) {
        let Some((_, Some(id))) = device_of(&name) else { continue };
        let item = pep::newest(cx, &name, (1, OMEMO_BUNDLE_BYTES_MAX))?.pop();
        let Some(item) = item else { continue };
        let bundle = Some(&item.payload).filter(|p| p.is("bundle", ns::OMEMO_LEGACY));
        let text = bundle.and_then(|b| b.child("identityKey", ns::OMEMO_LEGACY));
        all.push((id, text.and_then(|key| key::of_legacy(&key.text())), item.at));
    }
    Ok(all)
}

fn bundles_of_two(cx: &mut Cx<'_>) -> Result<Bundles, StanzaError> {
    let limits = (OMEMO_DEVICES_MAX, OMEMO_BUNDLE_BYTES_MAX);
    let items = pep::newest(cx, bundles(Version::Two), limits)?;
    let bundle = |item: Item| {
        // §5.3.2: the item is named after the device.
        let id = item.id.parse().ok()?;
        let bundle = Some(&item.payload).filter(|p| p.is("bundle", ns::OMEMO));
        let text = bundle.and_then(|b| b.child("ik", ns::OMEMO));
        Some((id, text.and_then(|key| key::of_ed25519(&key.text())), item.at))
    };
    Ok(items.into_iter().filter_map(bundle).collect())
}

/// All nodes of a version that are there.
///
/// # Errors
/// If the store cannot be read.
pub(super) fn nodes_of(cx: &mut Cx<'_>, version: Version) -> Result<Vec<String>, StanzaError> {
    let mut names = pep::names(cx, bundles(version))?;
    names.retain(|name| device_of(name).is_some());
    let list = list_node(version);
    if pep::access(cx, list)?.is_some() {
        names.push(list.to_owned());
    }
    Ok(names)
}

fn setting(cx: &mut Cx<'_>, version: Version) -> Result<Option<Setting>, StanzaError> {
    let nodes = nodes_of(cx, version)?;
    let mut closed = 0;
    for name in &nodes {
        closed += u32::from(pep::access(cx, name)? != Some(Access::Open));
    }
    let kept = match version {
        Version::Legacy => None,
        Version::Two => pep::config(cx, bundles(version))?.and_then(|config| config.max_items),
    };
    Ok((!nodes.is_empty()).then_some(Setting { version, closed, kept }))
}

/// As an error of the stanza that caused it.
pub(super) fn unreadable(e: &StoreError) -> StanzaError {
    tracing::error!(error = %e, "the directory of fingerprints cannot be read");
    StanzaError::new(StanzaCondition::InternalServerError)
}
