//! The kinds and types of stanzas: RFC 6120 §8.2, RFC 6121 §4.7.1 and §5.2.2.
//!
//! Invariant: only pairs of kind and type which the specifications know exist.

use crate::element::Element;
use crate::error::{StanzaCondition, StanzaError, wire_names};

wire_names! {
    /// The three kinds of stanzas. RFC 6120 §8.2
    Kind {
        /// Pushed to somebody. RFC 6120 §8.2.1
        Message = "message",
        /// Broadcast to those who want to know. RFC 6120 §8.2.2
        Presence = "presence",
        /// Asked and answered. RFC 6120 §8.2.3
        Iq = "iq",
    }
}

wire_names! {
    /// The type of a message. RFC 6121 §5.2.2
    MessageType {
        /// Between two people.
        Chat = "chat",
        /// A message that could not be delivered or treated.
        Error = "error",
        /// From or to a room.
        Groupchat = "groupchat",
        /// A notice that asks for no answer.
        Headline = "headline",
        /// Everything else, also if the type is absent or unknown.
        Normal = "normal",
    }
}

wire_names! {
    /// The type of a presence. RFC 6121 §4.7.1
    PresenceType {
        /// The type is absent: available.
        Available = "",
        /// A presence that could not be delivered.
        Error = "error",
        /// A server asks for somebody's presence.
        Probe = "probe",
        /// Asks for a subscription.
        Subscribe = "subscribe",
        /// Grants a subscription.
        Subscribed = "subscribed",
        /// No longer available.
        Unavailable = "unavailable",
        /// Ends one's own subscription.
        Unsubscribe = "unsubscribe",
        /// Refuses or withdraws a subscription.
        Unsubscribed = "unsubscribed",
    }
}

wire_names! {
    /// The type of an IQ. RFC 6120 §8.2.3
    IqType {
        /// The request went wrong.
        Error = "error",
        /// Asks for something.
        Get = "get",
        /// The request went well.
        Result = "result",
        /// Changes something.
        Set = "set",
    }
}

/// Kind and type in one, so that no impossible pair can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    Message(MessageType),
    Presence(PresenceType),
    Iq(IqType),
}

impl Type {
    pub(super) const fn kind(self) -> Kind {
        match self {
            Type::Message(_) => Kind::Message,
            Type::Presence(_) => Kind::Presence,
            Type::Iq(_) => Kind::Iq,
        }
    }

    pub(super) const fn error_of(kind: Kind) -> Type {
        match kind {
            Kind::Message => Type::Message(MessageType::Error),
            Kind::Presence => Type::Presence(PresenceType::Error),
            Kind::Iq => Type::Iq(IqType::Error),
        }
    }

    /// Whether an error may answer it: never to an error, nor to a result.
    /// RFC 6120 §8.3.1, §8.2.3
    pub(super) const fn may_be_refused(self) -> bool {
        !matches!(
            self,
            Type::Message(MessageType::Error)
                | Type::Presence(PresenceType::Error)
                | Type::Iq(IqType::Error | IqType::Result)
        )
    }

    /// The type of an element of that kind, if it is a valid one.
    pub(super) fn of(kind: Kind, element: &Element) -> Result<Type, StanzaError> {
        let ty = element.attr("type");
        let bad =
            |text: &'static str| StanzaError::new(StanzaCondition::BadRequest).with_text(text);
        match kind {
            // RFC 6121 §5.2.2: an unknown type counts as normal.
            Kind::Message => {
                let ty = ty.and_then(MessageType::from_wire).unwrap_or(MessageType::Normal);
                Ok(Type::Message(ty))
            }
            // RFC 6121 §4.7.1. The empty type is none of the defined ones.
            Kind::Presence => match ty {
                None => Ok(Type::Presence(PresenceType::Available)),
                Some("") => Err(bad("unknown type of presence")),
                Some(ty) => PresenceType::from_wire(ty)
                    .map(Type::Presence)
                    .ok_or_else(|| bad("unknown type of presence")),
            },
            // RFC 6120 §8.2.3
            Kind::Iq => {
                let ty = ty.and_then(IqType::from_wire).ok_or_else(|| bad("unknown type of IQ"))?;
                if element.attr("id").is_none() {
                    return Err(bad("an IQ needs an id"));
                }
                match (ty, element.children().count()) {
                    (IqType::Get | IqType::Set, 1)
                    | (IqType::Result, 0 | 1)
                    | (IqType::Error, _) => Ok(Type::Iq(ty)),
                    _ => Err(bad("an IQ has the wrong number of children")),
                }
            }
        }
    }
}
