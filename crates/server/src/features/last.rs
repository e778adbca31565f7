//! XEP-0012: Last Activity.
//!
//! Tells how long the server runs and, to those who may see an account's presence, how long ago
//! its last session ended (RFC 6121 §4.3.2 with XEP-0012 §3). Kept: one time per account,
//! overwritten at each end; no status text. State: none.

use serde::{Deserialize, Serialize};
use store::{JsonValue, Table};
use xmpp::element::Element;
use xmpp::error::{StanzaCondition, StanzaError};
use xmpp::ns;
use xmpp::stanza::{IqType, Stanza};

use super::{Cx, Feature, IqRoute, Spec, Target, roster};
use crate::effect::Handled;
use crate::registry::SessionId;

const LAST: Table<String, LastSeen> = Table::new("last_activity");
/// Tables of this feature.
pub const TABLES: &[&str] = &["last_activity"];

/// When an account's last session ended.
#[derive(Debug, Serialize, Deserialize)]
struct LastSeen {
    /// Seconds since 1970.
    ended: u64,
}

impl JsonValue for LastSeen {}

/// See the module.
pub const FEATURE: Feature = Feature {
    disco: &[ns::LAST],
    disco_account: &[ns::LAST],
    iq: &[
        route(Target::Server, uptime),
        route(Target::Account, own),
        route(Target::Contact, contact),
    ],
    closed: Some(closed),
    removed: Some(removed),
    ..Feature::new("last", Spec::Xep { number: 12, version: "2.0" })
};

const fn route(target: Target, run: fn(&mut Cx<'_>, &Stanza) -> Handled) -> IqRoute {
    IqRoute { ty: IqType::Get, target, ns: ns::LAST, name: "query", run }
}

fn seconds(n: u64) -> Element {
    Element::new("query", ns::LAST).with_attr("seconds", n.to_string())
}

/// §5: a server's last activity is how long it runs.
#[allow(clippy::unnecessary_wraps, reason = "the shape of an IQ handler")]
fn uptime(cx: &mut Cx<'_>, iq: &Stanza) -> Handled {
    cx.reply(iq, Some(seconds(cx.daemon.started.monotonic.elapsed().as_secs())));
    Ok(())
}

/// Whoever asks for its own account is there.
#[allow(clippy::unnecessary_wraps, reason = "the shape of an IQ handler")]
fn own(cx: &mut Cx<'_>, iq: &Stanza) -> Handled {
    cx.reply(iq, Some(seconds(0)));
    Ok(())
}

fn contact(cx: &mut Cx<'_>, iq: &Stanza) -> Handled {
    // §4: without a presence subscription the answer is forbidden.
    let asker = iq.from().map(xmpp::jid::Jid::to_bare);
    if !asker.is_some_and(|asker| roster::may_see_presence(cx, &asker)) {
        return Err(StanzaError::new(StanzaCondition::Forbidden));
    }
    if cx.account.available().next().is_some() {
        cx.reply(iq, Some(seconds(0)));
        return Ok(());
    }
    match cx.daemon.store.get(&LAST, cx.account.jid.as_str()) {
        Ok(Some(last)) => {
            cx.reply(iq, Some(seconds(cx.now.unix.saturating_sub(last.ended))));
            Ok(())
        }
        // Never seen: there is nothing true to say.
        Ok(None) => Err(StanzaError::new(StanzaCondition::ItemNotFound)),
        Err(e) => {
            tracing::error!(error = %e, "last activity cannot be read");
            Err(StanzaError::new(StanzaCondition::InternalServerError))
        }
    }
}

fn closed(cx: &mut Cx<'_>, session: SessionId) {
    let last = cx.account.sessions.iter().all(|s| s.id == session);
    // The health log-in is nobody.
    if last && !cx.daemon.accounts.is_probe(&cx.account.jid) {
        let seen = LastSeen { ended: cx.now.unix };
        cx.effects.writes.put(&LAST, cx.account.jid.as_str(), &seen);
    }
}

fn removed(cx: &mut Cx<'_>) {
    cx.effects.writes.delete(&LAST, cx.account.jid.as_str());
}
