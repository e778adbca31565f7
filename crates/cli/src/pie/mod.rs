//! Files that servers exchange accounts in.
//!
//! Spec: XEP-0227 (version 1.1): Portable Import/Export Format for XMPP-IM Servers. Read and
//! written are accounts with their SCRAM keys or passwords (§4.2, §4.3), rosters (§4.4), waiting
//! messages (§4.5), subscription requests (§4.9), and whatever the daemon's features keep (vCards,
//! private XML and more), which is passed through; what else a file holds is left out and counted.
//!
//! Invariant: what is written here reads back as the same records; a test proves it.

pub(crate) mod data;
mod notes;
mod read;
mod relocate;
mod roster;
mod source;
mod write;

pub(crate) use notes::Notes;
pub(crate) use read::{Found, Person, hosts};
pub(crate) use relocate::relocate;
pub(crate) use source::load;
pub(crate) use write::{Writer, user};

/// §4: everything of the format itself.
const PIE: &str = "urn:xmpp:pie:0";

/// The namespace of drafts, which some servers still write.
const PIE_DRAFT: &str = "http://www.xmpp.org/extensions/xep-0227.html#ns";

/// The name shown to people, where the vCard has another one. Of our own making: other servers
/// leave it out.
const ACCOUNT: &str = "urn:snug:account:0";

/// §4.3.
const SCRAM: &str = "urn:xmpp:pie:0#scram";

/// Is it the element `name` of the format?
fn is_pie(element: &xmpp::Element, name: &str) -> bool {
    element.is(name, PIE) || element.is(name, PIE_DRAFT)
}
