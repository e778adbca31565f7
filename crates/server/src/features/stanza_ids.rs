//! XEP-0359: Unique and Stable Stanza IDs.
//!
//! Guards the names that only the account or its server may give to a message: whoever else
//! gives one has made it up. Spec: §3 (delete what names oneself as the giver), §5 announcing.
//! Everything else of the namespace passes, `origin-id` included. Names are given by the archive.
//!
//! State: none. Invariant: a `stanza-id` by an account of this home or by the home itself comes
//! from the server.

use xmpp::element::{Element, Node};
use xmpp::jid::Jid;
use xmpp::ns;
use xmpp::stanza::{Kind, Stanza};

use super::{Cx, Feature, Gate, Spec};
use crate::effect::Handled;

/// See the module.
pub const FEATURE: Feature = Feature {
    disco: &[ns::STANZA_ID],
    disco_account: &[ns::STANZA_ID],
    outgoing: Some(outgoing),
    incoming: Some(incoming),
    ..Feature::new("stanza_ids", Spec::Xep { number: 359, version: "0.7.0" })
};

#[allow(clippy::unnecessary_wraps, reason = "the shape of an outgoing hook")]
fn outgoing(cx: &mut Cx<'_>, stanza: &mut Stanza) -> Handled {
    clean(cx, stanza);
    Ok(())
}

fn incoming(cx: &mut Cx<'_>, stanza: &mut Stanza) -> Gate {
    // On its second way it has the name that it got here.
    if !cx.again {
        clean(cx, stanza);
    }
    Gate::Open
}

/// Deletes the names that `cx`'s account or its server is said to have given.
fn clean(cx: &Cx<'_>, stanza: &mut Stanza) {
    if stanza.kind() != Kind::Message || !stanza.element().children().any(is_name) {
        return;
    }
    let own = &cx.account.jid;
    let forged = |child: &Element| {
        // Compared as addresses: there is more than one way to write one.
        let by = child.attr("by").and_then(|by| Jid::parse(by).ok());
        is_name(child) && by.is_some_and(|by| [own.as_str(), own.domain()].contains(&by.as_str()))
    };
    stanza.retain(|node| !matches!(node, Node::Element(child) if forged(child)));
}

fn is_name(child: &Element) -> bool {
    child.is("stanza-id", ns::STANZA_ID)
}

#[cfg(test)]
mod tests {
    use xmpp::jid::BareJid;

    use super::*;
    use crate::features::presence::home::{Home, stanza};

    #[test]
    fn only_what_is_made_up_goes() {
        let home = Home::new();
        let id = |by: &str| format!("<stanza-id xmlns='urn:xmpp:sid:0' id='1' by='{by}'/>");
        let forged = ["ann@home.example", "ANN@Home.Example", "home.example"].map(id).concat();
        let rest = "<body>hi</body><origin-id xmlns='urn:xmpp:sid:0' id='1'/>".to_owned()
            + &["room@x", "ann@home.example/pc", "home.example.x", ""].map(id).concat()
            + "<stanza-id xmlns='urn:other' id='1' by='home.example'/>";
        let mut message = stanza(&format!("<message>{forged}{rest}{forged}</message>"));
        let expected = stanza(&format!("<message>{rest}</message>"));
        home.with(&BareJid::parse("ann@home.example").unwrap(), None, |cx| {
            assert_eq!(incoming(cx, &mut message), Gate::Open);
        });
        assert_eq!(message.element(), expected.element());
    }
}
