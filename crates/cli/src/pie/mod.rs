//! Files that servers exchange accounts in.
//!
//! Spec: XEP-0227 (version 1.1): Portable Import/Export Format for XMPP-IM Servers. Read and
//! written are accounts with their SCRAM keys or passwords (§4.2, §4.3), rosters (§4.4), waiting
//! messages (§4.5), the name of the vCard (§4.7) and subscription requests (§4.9); what else a
//! file holds is left out and counted.
//!
//! Invariant: what is written here reads back as the same records; a test proves it.

mod notes;
mod read;
mod relocate;
mod roster;
mod source;
mod write;

pub(crate) use notes::Notes;
pub(crate) use read::{Found, hosts};
pub(crate) use relocate::relocate;
pub(crate) use source::load;
pub(crate) use write::{Writer, user};

/// §4: everything of the format itself.
const PIE: &str = "urn:xmpp:pie:0";

/// The namespace of drafts, which some servers still write.
const PIE_DRAFT: &str = "http://www.xmpp.org/extensions/xep-0227.html#ns";

/// §4.3.
const SCRAM: &str = "urn:xmpp:pie:0#scram";

/// Is it the element `name` of the format?
fn is_pie(element: &xmpp::Element, name: &str) -> bool {
    element.is(name, PIE) || element.is(name, PIE_DRAFT)
}
