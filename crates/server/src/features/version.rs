//! XEP-0092: Software Version.
//!
//! Tells name and version. Not the operating system: it helps only attackers (§5).
//! State: none.

use xmpp::element::Element;
use xmpp::ns;
use xmpp::stanza::{IqType, Stanza};

use super::{Cx, Feature, IqRoute, Spec, Target};
use crate::effect::Handled;

/// See the module.
pub const FEATURE: Feature = Feature {
    disco: &[ns::VERSION],
    iq: &[route(Target::Server), route(Target::Outside)],
    ..Feature::new("version", Spec::Xep { number: 92, version: "1.1" })
};

const fn route(target: Target) -> IqRoute {
    IqRoute { ty: IqType::Get, target, ns: ns::VERSION, name: "query", run: version }
}

#[allow(clippy::unnecessary_wraps, reason = "the shape of an IQ handler")]
fn version(cx: &mut Cx<'_>, iq: &Stanza) -> Handled {
    let query = Element::new("query", ns::VERSION)
        .with_child(Element::new("name", ns::VERSION).with_text("Snug"))
        .with_child(Element::new("version", ns::VERSION).with_text(env!("CARGO_PKG_VERSION")));
    cx.reply(iq, Some(query));
    Ok(())
}
