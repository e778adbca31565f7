//! XEP-0490: Message Displayed Synchronization, with the server's help.
//!
//! What was read on one device is read on all. Clients keep that in a private node (XEP-0223),
//! which needs nothing of the server; and with a read mark for the other person (XEP-0333) they may
//! say both in one message, of which the server keeps their own part. Spec: §5.4 server assist.
//!
//! State: none beside the node. Invariants: nobody but the own devices sees that part; a part that
//! is not in order is dropped, and the message goes its way.

use xmpp::element::{Element, Node};
use xmpp::ns;
use xmpp::stanza::{Kind, Stanza};

use super::pep::{self, Access, Config, SendLast};
use super::{Cx, Feature, Spec};
use crate::effect::Handled;

/// See the module.
pub const FEATURE: Feature = Feature {
    disco_account: &["urn:xmpp:mds:server-assist:0"],
    outgoing: Some(outgoing),
    ..Feature::new("displayed_sync", Spec::Xep { number: 490, version: "1.0.1" })
};

/// With what the node is made. §5.2
fn private() -> Config {
    let send_last = SendLast::Never;
    Config { access: Access::Whitelist, max_items: None, send_last, ..Config::default() }
}

/// §5.4.3: takes the own part out of the message.
#[allow(clippy::unnecessary_wraps, reason = "the shape of an outgoing hook")]
fn outgoing(cx: &mut Cx<'_>, stanza: &mut Stanza) -> Handled {
    if stanza.kind() != Kind::Message {
        return Ok(());
    }
    let Some(displayed) = stanza.child("displayed", ns::DISPLAYED).cloned() else { return Ok(()) };
    stanza.retain(|node| !matches!(node, Node::Element(e) if e.is("displayed", ns::DISPLAYED)));
    let Some(to) = stanza.to().map(|to| to.as_str().to_owned()) else { return Ok(()) };
    let kept = is_in_order(&displayed)
        && pep::publish_item(cx, ns::DISPLAYED, (&to, displayed), &private()).is_ok();
    if !kept {
        cx.daemon.counters.add("displayed", "dropped");
    }
    Ok(())
}

/// §5.1: exactly one name of a message.
fn is_in_order(displayed: &Element) -> bool {
    let mut children = displayed.children();
    let id = children.next().filter(|child| child.is("stanza-id", ns::STANZA_ID));
    id.is_some_and(|id| id.attr("id").is_some() && id.attr("by").is_some())
        && children.next().is_none()
}
