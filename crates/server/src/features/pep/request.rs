//! What requests have in common: who asks, which node, and what that person may see.
//!
//! Spec: XEP-0060 §4, §6.5.1. State: none. Invariant: who asks is told by the server, never by the
//! request.

use xmpp::element::Element;
use xmpp::error::StanzaError;
use xmpp::jid::Jid;
use xmpp::stanza::Stanza;

use super::access::{self, Standing};
use super::book::{Head, Nodes};
use super::errors;
use crate::effect::Handled;
use crate::features::Cx;
use crate::features::roster::Roster;
use crate::limits::PEP_NAME_BYTES_MAX;

/// Who sends a request: the owner, or somebody else with an address.
#[derive(Clone, Debug)]
pub(super) enum Asker {
    Owner,
    Other(Jid),
}

impl Asker {
    /// The sender of `iq`.
    pub(super) fn of(cx: &Cx<'_>, iq: &Stanza) -> Self {
        match iq.from() {
            // From one of the own sessions, or from another of the account through the router.
            Some(from) if from.bare_str() != cx.account.jid.as_str() => Self::Other(from.clone()),
            _ => Self::Owner,
        }
    }
}

/// The name of the node that an operation is about.
pub(super) fn node_of(operation: &Element) -> Result<&str, StanzaError> {
    match operation.attr("node") {
        None | Some("") => Err(errors::node_required()),
        Some(name) => checked(name),
    }
}

/// A name that is not too long.
pub(super) fn checked(name: &str) -> Result<&str, StanzaError> {
    if name.len() > PEP_NAME_BYTES_MAX {
        return Err(StanzaError::new(xmpp::error::StanzaCondition::NotAcceptable)
            .with_text("This name is too long."));
    }
    Ok(name)
}

/// May `asker` read the node `name`?
///
/// # Errors
/// `item-not-found` if there is no such node; why not, if the asker may not.
pub(super) fn check(cx: &mut Cx<'_>, asker: &Asker, name: &str) -> Handled {
    let nodes = Nodes::of(cx.daemon, &cx.account.jid, &mut cx.account.slots)?;
    let head = nodes.find(name)?.head.clone();
    may_read(cx, asker, &head)
}

/// May `asker` read the node of which `head` is stored?
///
/// # Errors
/// Why not.
pub(super) fn may_read(cx: &mut Cx<'_>, asker: &Asker, head: &Head) -> Handled {
    let access = head.config.access;
    let standing = match asker {
        Asker::Owner => Standing::Owner,
        Asker::Other(jid) => {
            let affiliation = head.affiliations.get(jid.bare_str()).copied();
            let (bare, groups) = (jid.to_bare(), &head.config.groups);
            let roster = Roster::of(cx.daemon, &cx.account.jid, &mut cx.account.slots)?;
            let sees_presence = roster.is_seen_by(&bare);
            Standing::Other { affiliation, sees_presence, in_group: roster.is_in(&bare, groups) }
        }
    };
    access::may_read(access, standing).map_err(StanzaError::from)
}
