//! XEP-0494: Client Access Management.
//!
//! Shows a person what has access to the account, and takes it away. Spec: §3.1 the list, §3.2
//! revoking. What is known of devices is `devices`'; sessions whose client does not say which
//! device it is are listed on their own.
//!
//! State: none. Invariants: only the account's own sessions ask; whoever knows the password is
//! not revoked, since that would not keep it out (§3.2); what is revoked is over before the
//! answer, and its session ends.

use xmpp::element::Element;
use xmpp::error::{StanzaCondition, StanzaError, StreamCondition, StreamError};
use xmpp::stanza::{IqType, Stanza};
use xmpp::{datetime, ns};

use super::{Cx, Feature, IqRoute, Spec, Target};
use crate::devices::{self, Listed};
use crate::effect::Handled;

/// See the module.
pub const FEATURE: Feature = Feature {
    disco_account: &[ns::CLIENT_ACCESS],
    iq: &[route(IqType::Get, "list", list), route(IqType::Set, "revoke", revoke)],
    removed: Some(removed),
    ..Feature::new("client_access", Spec::Xep { number: 494, version: "0.1.0" })
};

const fn route(
    ty: IqType,
    name: &'static str,
    run: fn(&mut Cx<'_>, &Stanza) -> Handled,
) -> IqRoute {
    IqRoute { ty, target: Target::Account, ns: ns::CLIENT_ACCESS, name, run }
}

/// §3.1
fn list(cx: &mut Cx<'_>, iq: &Stanza) -> Handled {
    let all = devices::list(cx.daemon, cx.account, cx.now.unix).map_err(unreadable)?;
    let clients = all.iter().map(shown);
    let list = clients.fold(Element::new("clients", ns::CLIENT_ACCESS), Element::with_child);
    cx.reply(iq, Some(list));
    Ok(())
}

fn shown(listed: &Listed) -> Element {
    let element = |name: &'static str| Element::new(name, ns::CLIENT_ACCESS);
    let text = |name: &'static str, text: &str| element(name).with_text(text);
    let mut auth = element("auth");
    if listed.password {
        auth.push(element("password"));
    }
    if listed.token {
        auth.push(element("fast"));
    }
    let connected = if listed.session.is_some() { "true" } else { "false" };
    let mut client = element("client")
        .with_attr("connected", connected)
        .with_attr("id", listed.id.clone())
        .with_attr("type", "session")
        .with_child(text("first-seen", &datetime::utc(listed.first_seen)))
        .with_child(text("last-seen", &datetime::utc(listed.last_seen)))
        .with_child(auth)
        .with_child(element("permission").with_attr("status", "unrestricted"));
    let names = [("software", &listed.software), ("device", &listed.device)];
    let known = names.into_iter().filter_map(|(name, of)| Some(text(name, of.as_deref()?)));
    let agent = known.fold(element("user-agent"), Element::with_child);
    if !agent.nodes().is_empty() {
        client.push(agent);
    }
    client
}

/// §3.2
fn revoke(cx: &mut Cx<'_>, iq: &Stanza) -> Handled {
    let id = iq.payload().and_then(|revoke| revoke.attr("id"));
    let id = id.ok_or_else(|| StanzaError::new(StanzaCondition::BadRequest))?;
    let all = devices::list(cx.daemon, cx.account, cx.now.unix).map_err(unreadable)?;
    let listed = all.iter().find(|listed| listed.id == id);
    let listed = listed.ok_or_else(|| StanzaError::new(StanzaCondition::ItemNotFound))?;
    if listed.password {
        return Err(StanzaError::new(StanzaCondition::ServiceUnavailable)
            .with_text("It knows the password: change that to keep it out.")
            .with_app(Element::new("password-reset-required", ns::CLIENT_ACCESS)));
    }
    let forgotten = devices::forget(cx.daemon, cx.account, id, cx.now.unix).map_err(unreadable)?;
    cx.effects.writes.append(forgotten.batch);
    cx.reply(iq, None);
    // Not the one that asks: it hears the answer first, and leaves by itself.
    for session in forgotten.sessions.into_iter().filter(|id| Some(*id) != cx.session) {
        let error = StreamError::new(StreamCondition::NotAuthorized)
            .with_text("This device was signed out.");
        cx.effects.ended.push((session, error));
    }
    Ok(())
}

fn removed(cx: &mut Cx<'_>) {
    devices::remove_all_of(&mut cx.effects.writes, &cx.account.jid);
}

fn unreadable(e: store::StoreError) -> StanzaError {
    tracing::error!(error = %e, "devices cannot be read");
    StanzaError::new(StanzaCondition::InternalServerError)
}
