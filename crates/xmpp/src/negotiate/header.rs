//! Stream headers and features.
//!
//! Spec: RFC 6120 §4.7 (attributes), §4.8 (namespaces), §4.3 (features).
//! Invariants: our header is sent before anything else, also before an error; what `from` claims
//! is repeated but never believed; features are exactly what the stage allows.

use super::auth::{LogIn, Secure};
use super::bind::LoggedIn;
use super::context::Context;
use super::{State, tls, upgrade};
use crate::element::Element;
use crate::error::{StreamCondition, StreamError};
use crate::hashed_token::TokenMechanism;
use crate::jid::Jid;
use crate::ns;
use crate::parser::StreamOpen;
use crate::sasl::Mechanism;

/// How far the connection was when the stream began.
pub(super) enum Stage {
    /// No TLS yet.
    Plain,
    /// TLS, nobody logged in.
    Secure(Secure),
    /// Logged in.
    LoggedIn(LoggedIn),
}

/// The client has opened a stream.
pub(super) fn opened(
    cx: &mut Context,
    stage: Stage,
    open: &StreamOpen,
) -> Result<State, StreamError> {
    // RFC 6120 §4.7.2: `to` answers the client's `from`, as a bare JID.
    let to = match &stage {
        Stage::LoggedIn(who) => Some(who.user.clone()),
        _ => open.from.as_deref().and_then(|from| Jid::parse(from).ok()).map(|jid| jid.to_bare()),
    };
    cx.send_header(to.as_ref().map(|to| to.as_str()));
    check(cx, open)?;
    // XEP-0388 §2.1: somebody else's client.
    if let (Stage::Secure(_), Some(to), Some(domain)) = (&stage, &to, &cx.config.domain)
        && to.domain() != domain.domain()
    {
        return Err(StreamCondition::InvalidFrom.into());
    }
    let mut features = Element::new("features", ns::STREAMS);
    let next = match stage {
        Stage::Plain => {
            features.push(tls::feature());
            State::ExpectStartTls
        }
        Stage::Secure(mut secure) => {
            secure.from = to;
            offer_sasl(cx, &secure, &mut features);
            State::LogIn(LogIn::new(secure))
        }
        Stage::LoggedIn(who) => {
            features = session_features(cx, Offer::Binding);
            State::ExpectBind(who)
        }
    };
    cx.send(&features);
    Ok(next)
}

fn check(cx: &Context, open: &StreamOpen) -> Result<(), StreamError> {
    // RFC 6120 §4.8.3: this is the clients' entrance.
    if open.ns != ns::CLIENT {
        return Err(StreamError::new(StreamCondition::InvalidNamespace)
            .with_text("this port is for clients (jabber:client)"));
    }
    // RFC 6120 §4.7.2: `to` must be there, and be the domain alone.
    let Some(to) = open.to.as_deref() else {
        return Err(StreamError::new(StreamCondition::ImproperAddressing)
            .with_text("the stream header lacks 'to'"));
    };
    let to = Jid::parse(to).map_err(|_| StreamCondition::ImproperAddressing)?;
    let Some(domain) = &cx.config.domain else {
        return Err(StreamError::new(StreamCondition::HostUnknown)
            .with_text("this server is not set up yet"));
    };
    // RFC 6120 §4.9.3.6
    if to.as_str() != domain.domain() {
        return Err(StreamCondition::HostUnknown.into());
    }
    // RFC 6120 §4.7.5: no version means one before 1.0, which we do not speak.
    match open.version.as_deref().and_then(major_version) {
        None | Some(0) => Err(StreamCondition::UnsupportedVersion.into()),
        // A higher version is answered with ours; the client decides.
        Some(_) => Ok(()),
    }
}

/// The number before the full stop; leading zeros do not count (RFC 6120 §4.7.5).
fn major_version(version: &str) -> Option<u64> {
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if digits { text.parse::<u64>().ok() } else { None }
    };
    let (major, minor) = version.split_once('.')?;
    number(minor)?;
    number(major)
}

/// RFC 6120 §6.4.1, XEP-0388 §2.1, XEP-0440 §2.
fn offer_sasl(cx: &Context, secure: &Secure, features: &mut Element) {
    let mut mechanisms = Element::new("mechanisms", ns::SASL);
    let mut authentication = Element::new("authentication", ns::SASL2);
    for mechanism in Mechanism::offered(&secure.bindings, &cx.config.hashes, cx.config.plain) {
        mechanisms.push(Element::new("mechanism", ns::SASL).with_text(mechanism.name()));
        authentication.push(Element::new("mechanism", ns::SASL2).with_text(mechanism.name()));
    }
    authentication.push(inline(cx, secure));
    upgrade::offer(&cx.config.upgrades).for_each(|offer| authentication.push(offer));
    features.push(mechanisms);
    features.push(authentication);
    let mut types = Element::new("sasl-channel-binding", ns::SASL_CHANNEL_BINDING);
    for ty in secure.bindings.types() {
        let ty =
            Element::new("channel-binding", ns::SASL_CHANNEL_BINDING).with_attr("type", ty.name());
        types.push(ty);
    }
    if !types.nodes().is_empty() {
        features.push(types);
    }
}

/// What can be asked for together with authentication.
fn inline(cx: &Context, secure: &Secure) -> Element {
    // XEP-0386 §3.1
    let mut begin_with = Element::new("inline", ns::BIND2);
    for feature in &cx.config.inline {
        begin_with.push(Element::new("feature", ns::BIND2).with_attr("var", *feature));
    }
    let mut inline = Element::new("inline", ns::SASL2)
        .with_child(Element::new("bind", ns::BIND2).with_child(begin_with))
        // XEP-0198 §9
        .with_child(Element::new("sm", ns::SM));
    if cx.config.fast {
        // XEP-0484 §3.1. Without `tls-0rtt`: there is no early data here.
        let mut fast = Element::new("fast", ns::FAST);
        for mechanism in TokenMechanism::offered(&secure.bindings) {
            fast.push(Element::new("mechanism", ns::FAST).with_text(mechanism.name()));
        }
        inline.push(fast);
    }
    inline
}

/// What is offered to whoever is authenticated.
#[derive(Clone, Copy)]
pub(super) enum Offer<'a> {
    /// A resource, and the rest: RFC 6120 §7.4; RFC 3921 §3 with the mark that lets newer clients
    /// skip it.
    Binding,
    /// To a session that is bound: what it has not begun with, by namespace.
    Session { without: &'a [&'a str] },
}

/// The features of an authenticated stream.
pub(super) fn session_features(cx: &Context, offer: Offer<'_>) -> Element {
    let mut features = Element::new("features", ns::STREAMS);
    let mut without: &[&str] = &[];
    if let Offer::Session { without: begun } = offer {
        without = begun;
    } else {
        features.push(Element::new("bind", ns::BIND));
        let optional = Element::new("optional", ns::SESSION);
        features.push(Element::new("session", ns::SESSION).with_child(optional));
    }
    for feature in cx.config.features.iter().filter(|f| !without.contains(&f.ns())) {
        features.push(feature.clone());
    }
    features
}
