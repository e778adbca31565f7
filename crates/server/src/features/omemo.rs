//! XEP-0384: OMEMO Encryption, as far as it concerns a server.
//!
//! Clients do the rest: here the keys that an account publishes get into the family's directory (see
//! [`crate::omemo`]). State: none of its own. Invariant: what is published is never changed by it,
//! nor refused.

use admin_api::omemo::Version;

use super::pep::Change;
use super::{Cx, Feature, Spec};
use crate::omemo;

/// See the module.
pub const FEATURE: Feature = Feature {
    published: Some(published),
    removed: Some(removed),
    ..Feature::new("omemo", Spec::Xep { number: 384, version: "0.9.1" })
};

fn published(cx: &mut Cx<'_>, node: &str, change: &Change<'_>) {
    let Some((version, device)) = omemo::device_of(node) else { return };
    let touched: Vec<(Version, u32)> = match (change, version, device) {
        (Change::Published(_), _, Some(device)) => vec![(version, device)],
        // §5.3.2: the items are named after their devices.
        (Change::Published(items), Version::Two, None) => {
            items.iter().filter_map(|item| Some((version, item.id.parse().ok()?))).collect()
        }
        _ => Vec::new(),
    };
    // It was published whether or not the directory could be read; the daily look comes back to it.
    if omemo::learn(cx, &touched).is_err() {
        cx.daemon.counters.add("directory", "unreadable");
    }
}

fn removed(cx: &mut Cx<'_>) {
    cx.daemon.omemo.forget(&cx.account.jid);
}
