//! XEP-0478: Stream Limits Advertisement.
//!
//! Tells clients how large a stanza may be and how long they may be silent. State: none.

use xmpp::element::Element;
use xmpp::ns;

use super::{Feature, Spec};
use crate::daemon::Daemon;
use crate::limits::{IDLE_PING_AFTER, IDLE_PING_WAIT};

/// See the module.
pub const FEATURE: Feature = Feature {
    stream_feature: Some(limits),
    ..Feature::new("stream_limits", Spec::Xep { number: 478, version: "0.2.0" })
};

fn limits(daemon: &Daemon) -> Element {
    let bytes = daemon.config.limits.stanza_bytes.to_string();
    let idle = (IDLE_PING_AFTER + IDLE_PING_WAIT).as_secs().to_string();
    Element::new("limits", ns::STREAM_LIMITS)
        .with_child(Element::new("max-bytes", ns::STREAM_LIMITS).with_text(bytes))
        .with_child(Element::new("idle-seconds", ns::STREAM_LIMITS).with_text(idle))
}
