//! XEP-0199: XMPP Ping.
//!
//! Answers the pings of clients. The server's own pings to silent clients (§4.2) are sent by the
//! connection, see `c2s`. Spec: §4.2 and §4.3. State: none.

use xmpp::ns;
use xmpp::stanza::{IqType, Stanza};

use super::{Cx, Feature, IqRoute, Spec, Target};
use crate::effect::Handled;

/// See the module.
pub const FEATURE: Feature = Feature {
    disco: &[ns::PING],
    disco_account: &[ns::PING],
    iq: &[
        IqRoute { ty: IqType::Get, target: Target::Server, ns: ns::PING, name: "ping", run: pong },
        IqRoute { ty: IqType::Get, target: Target::Outside, ns: ns::PING, name: "ping", run: pong },
        // §4.3: a client's ping to its own bare JID is answered by its server.
        IqRoute { ty: IqType::Get, target: Target::Account, ns: ns::PING, name: "ping", run: pong },
    ],
    ..Feature::new("ping", Spec::Xep { number: 199, version: "2.0.1" })
};

#[allow(clippy::unnecessary_wraps, reason = "the shape of an IQ handler")]
fn pong(cx: &mut Cx<'_>, iq: &Stanza) -> Handled {
    cx.reply(iq, None);
    Ok(())
}
