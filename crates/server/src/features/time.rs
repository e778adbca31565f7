//! XEP-0202: Entity Time.
//!
//! Tells the server's time, in UTC: the home's time zone is nobody's business. State: none.

use xmpp::element::Element;
use xmpp::stanza::{IqType, Stanza};
use xmpp::{datetime, ns};

use super::{Cx, Feature, IqRoute, Spec, Target};
use crate::effect::Handled;

/// See the module.
pub const FEATURE: Feature = Feature {
    disco: &[ns::TIME],
    iq: &[route(Target::Server), route(Target::Outside)],
    ..Feature::new("time", Spec::Xep { number: 202, version: "2.0" })
};

const fn route(target: Target) -> IqRoute {
    IqRoute { ty: IqType::Get, target, ns: ns::TIME, name: "time", run: time }
}

#[allow(clippy::unnecessary_wraps, reason = "the shape of an IQ handler")]
fn time(cx: &mut Cx<'_>, iq: &Stanza) -> Handled {
    let utc = datetime::utc(cx.now.unix);
    let time = Element::new("time", ns::TIME)
        .with_child(Element::new("tzo", ns::TIME).with_text("+00:00"))
        .with_child(Element::new("utc", ns::TIME).with_text(utc));
    cx.reply(iq, Some(time));
    Ok(())
}
