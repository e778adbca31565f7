//! Stanzas: RFC 6120 §8, with the types of RFC 6121 §4.7.1 and §5.2.2.
//!
//! Invariants: a [`Stanza`] has one of the three names, addresses that parse,
//! a type that is allowed for its name, and, if it is an IQ, an `id` and the
//! right number of children. Its element says the same as its fields. What it
//! holds beyond that is passed on as it came.

mod types;

pub use types::{IqType, Kind, MessageType, PresenceType};

use crate::element::{Element, Name, Node};
use crate::error::{StanzaCondition, StanzaError, StreamCondition, StreamError};
use crate::jid::Jid;
use crate::ns;
use types::Type;

/// One stanza.
#[derive(Clone, Debug)]
pub struct Stanza {
    element: Element,
    ty: Type,
    to: Option<Jid>,
    from: Option<Jid>,
}

/// What is left of a stanza that may have to be refused. It is much smaller than the stanza, and
/// than the error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusable {
    kind: Kind,
    ns: Name,
    from: Option<Jid>,
    to: Option<Jid>,
    id: Option<String>,
}

impl Refusable {
    /// As [`Stanza::error`].
    pub fn error(self, error: &StanzaError) -> Stanza {
        let mut answer = Stanza::new(Type::error_of(self.kind), self.from);
        answer.element.ns = self.ns;
        if let Some(to) = self.to {
            answer.set_from(to);
        }
        if let Some(id) = self.id {
            answer.set_id(id);
        }
        answer.element.push(error.to_element_in(answer.element.ns.clone()));
        answer
    }
}

/// Why an element is no stanza, and what follows from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rejected {
    /// The stream ends with this error.
    Stream(StreamError),
    /// The sender gets this stanza, which is a finished error; the stream
    /// goes on. It has no `from` if the stanza's `to` was not an address.
    Reply(Element),
    /// Nobody is told: it was an error or a result itself.
    Ignore,
}

impl Stanza {
    /// Checks a child of a stream. Addresses are passed on in prepared form.
    pub fn from_element(mut element: Element) -> Result<Stanza, Rejected> {
        // RFC 6120 §4.9.3.24
        let unsupported = Rejected::Stream(StreamCondition::UnsupportedStanzaType.into());
        if element.ns() != ns::CLIENT && element.ns() != ns::SERVER {
            return Err(unsupported);
        }
        let Some(kind) = Kind::from_wire(element.name()) else { return Err(unsupported) };
        // RFC 6120 §4.9.3.9
        let Ok(from) = element.attr("from").map(Jid::parse).transpose() else {
            return Err(Rejected::Stream(StreamCondition::InvalidFrom.into()));
        };
        let to = element.attr("to").map(Jid::parse).transpose();
        let checked = Type::of(kind, &element).and_then(|ty| match to {
            Ok(_) => Ok(ty),
            // RFC 6120 §8.1.1.1
            Err(_) => Err(StanzaCondition::JidMalformed.into()),
        });
        let to = to.ok().flatten();
        match checked {
            Ok(ty) => {
                respell(&mut element, "to", to.as_ref());
                respell(&mut element, "from", from.as_ref());
                Ok(Stanza { element, ty, to, from })
            }
            Err(error) => Err(reject(kind, &element, to.as_ref(), &error)),
        }
    }

    /// A new message. Without `to` it goes to the sender's own account.
    pub fn message(ty: MessageType, to: Option<Jid>) -> Stanza {
        Stanza::new(Type::Message(ty), to)
    }

    /// A new presence.
    pub fn presence(ty: PresenceType, to: Option<Jid>) -> Stanza {
        Stanza::new(Type::Presence(ty), to)
    }

    /// A new IQ request (`get` is the type, `payload` what is asked).
    pub fn get(id: impl Into<String>, to: Option<Jid>, payload: Element) -> Stanza {
        Stanza::request(IqType::Get, id.into(), to, payload)
    }

    /// A new IQ request (`set` is the type, `payload` what is to change).
    pub fn set(id: impl Into<String>, to: Option<Jid>, payload: Element) -> Stanza {
        Stanza::request(IqType::Set, id.into(), to, payload)
    }

    fn request(ty: IqType, id: String, to: Option<Jid>, payload: Element) -> Stanza {
        let mut stanza = Stanza::new(Type::Iq(ty), to);
        stanza.set_id(id);
        stanza.element.push(payload);
        stanza
    }

    fn new(ty: Type, to: Option<Jid>) -> Stanza {
        let mut element = Element::new(ty.kind().as_str(), ns::CLIENT);
        let ty_attr = match ty {
            // Both are what is meant when the type is absent.
            Type::Message(MessageType::Normal) | Type::Presence(PresenceType::Available) => None,
            Type::Message(ty) => Some(ty.as_str()),
            Type::Presence(ty) => Some(ty.as_str()),
            Type::Iq(ty) => Some(ty.as_str()),
        };
        if let Some(ty) = ty_attr {
            element.set_attr("type", ty);
        }
        let mut stanza = Stanza { element, ty, to: None, from: None };
        stanza.set_to(to);
        stanza
    }

    /// Which of the three it is.
    pub fn kind(&self) -> Kind {
        self.ty.kind()
    }

    /// The addressee.
    pub fn to(&self) -> Option<&Jid> {
        self.to.as_ref()
    }

    /// The sender.
    pub fn from(&self) -> Option<&Jid> {
        self.from.as_ref()
    }

    /// The identifier; every IQ has one.
    pub fn id(&self) -> Option<&str> {
        self.element.attr("id")
    }

    /// The type, if it is a message.
    pub fn message_type(&self) -> Option<MessageType> {
        match self.ty {
            Type::Message(ty) => Some(ty),
            _ => None,
        }
    }

    /// The type, if it is a presence.
    pub fn presence_type(&self) -> Option<PresenceType> {
        match self.ty {
            Type::Presence(ty) => Some(ty),
            _ => None,
        }
    }

    /// The type, if it is an IQ.
    pub fn iq_type(&self) -> Option<IqType> {
        match self.ty {
            Type::Iq(ty) => Some(ty),
            _ => None,
        }
    }

    /// Whether it is of type `error`.
    pub fn is_error(&self) -> bool {
        self.ty == Type::error_of(self.kind())
    }

    /// Whether an error may be sent in answer. RFC 6120 §8.3.1
    pub fn may_be_refused(&self) -> bool {
        self.ty.may_be_refused()
    }

    /// What the peer reports, if it is of type `error`.
    pub fn stanza_error(&self) -> Option<StanzaError> {
        if !self.is_error() {
            return None;
        }
        StanzaError::from_element(self.element.child("error", self.element.ns())?)
    }

    /// The first child element: what an IQ asks or answers.
    pub fn payload(&self) -> Option<&Element> {
        self.element.children().next()
    }

    /// The first child of that name and namespace.
    pub fn child(&self, name: &str, ns: &str) -> Option<&Element> {
        self.element.child(name, ns)
    }

    /// The whole stanza as it is on the wire.
    pub fn element(&self) -> &Element {
        &self.element
    }

    /// The whole stanza, taken out.
    pub fn into_element(self) -> Element {
        self.element
    }

    /// The first child of that name and namespace, to change it.
    pub fn child_mut(&mut self, name: &str, ns: &str) -> Option<&mut Element> {
        self.element.child_mut(name, ns)
    }

    /// Adds a child element at the end.
    pub fn push(&mut self, child: Element) {
        self.element.push(child);
    }

    /// Adds a child element, for building.
    pub fn with_child(mut self, child: Element) -> Stanza {
        self.push(child);
        self
    }

    /// Removes the children `keep` says no to.
    pub fn retain(&mut self, keep: impl FnMut(&Node) -> bool) {
        self.element.retain(keep);
    }

    /// Sets the sender. RFC 6120 §8.1.2.1: on client streams the server does.
    pub fn set_from(&mut self, from: Jid) {
        self.element.set_attr("from", from.as_str());
        self.from = Some(from);
    }

    /// Sets or removes the addressee.
    pub fn set_to(&mut self, to: Option<Jid>) {
        match &to {
            Some(to) => self.element.set_attr("to", to.as_str()),
            None => drop(self.element.remove_attr("to")),
        }
        self.to = to;
    }

    /// Sets the identifier.
    pub fn set_id(&mut self, id: impl Into<String>) {
        self.element.set_attr("id", id);
    }

    /// Gives the stanza the stream's language if it has none of its own.
    /// RFC 6120 §8.1.5
    pub fn set_default_lang(&mut self, lang: &str) {
        if self.element.lang().is_none() {
            self.element.set_lang(lang);
        }
    }

    /// Moves the stanza between `jabber:client` and `jabber:server`, as it
    /// has to be where it leaves for the other kind of stream. RFC 6120 §4.8.3
    pub fn set_content_ns(&mut self, to: impl Into<Name>) {
        self.element.change_ns(&to.into());
    }

    /// The result of an IQ request: addresses swapped, same identifier.
    /// RFC 6120 §8.2.3
    pub fn result(&self, payload: Option<Element>) -> Stanza {
        let mut result = self.answer(Type::Iq(IqType::Result));
        if let Some(payload) = payload {
            result.element.push(payload);
        }
        result
    }

    /// The error that answers this stanza: addresses swapped, same
    /// identifier. `None` where no error may be sent. RFC 6120 §8.3.1
    pub fn error(&self, error: &StanzaError) -> Option<Stanza> {
        Some(self.refusable()?.error(error))
    }

    /// What it takes to answer this stanza with an error later, when it has gone on its way.
    /// `None` as in [`Stanza::error`].
    pub fn refusable(&self) -> Option<Refusable> {
        self.ty.may_be_refused().then(|| Refusable {
            kind: self.kind(),
            ns: self.element.ns.clone(),
            from: self.from.clone(),
            to: self.to.clone(),
            id: self.id().map(str::to_owned),
        })
    }

    fn answer(&self, ty: Type) -> Stanza {
        let mut answer = Stanza::new(ty, self.from.clone());
        answer.element.ns = self.element.ns.clone();
        if let Some(to) = &self.to {
            answer.set_from(to.clone());
        }
        if let Some(id) = self.id() {
            answer.set_id(id);
        }
        answer
    }
}

/// Puts an address back as it is compared, so that the fields and the element
/// say the same.
fn respell(element: &mut Element, attr: &'static str, jid: Option<&Jid>) {
    if let Some(jid) = jid.filter(|jid| element.attr(attr) != Some(jid.as_str())) {
        element.set_attr(attr, jid.as_str());
    }
}

/// The answer to an element which is not a valid stanza.
fn reject(kind: Kind, element: &Element, to: Option<&Jid>, error: &StanzaError) -> Rejected {
    // RFC 6120 §8.3.1, §8.2.3
    if matches!((kind, element.attr("type")), (_, Some("error")) | (Kind::Iq, Some("result"))) {
        return Rejected::Ignore;
    }
    let mut reply = Element::new(kind.as_str(), element.ns.clone()).with_attr("type", "error");
    if let Some(id) = element.attr("id") {
        reply.set_attr("id", id);
    }
    if let Some(from) = element.attr("from") {
        reply.set_attr("to", from);
    }
    if let Some(to) = to {
        reply.set_attr("from", to.as_str());
    }
    reply.push(error.to_element_in(element.ns.clone()));
    Rejected::Reply(reply)
}

#[cfg(test)]
mod tests;
