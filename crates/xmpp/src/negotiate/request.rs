//! What a client asks for with `<authenticate/>`, beside being authenticated.
//!
//! Spec: XEP-0388 §2.4; XEP-0386 §3.2 (`<bind/>`); XEP-0198 §9 (`<resume/>`); XEP-0484 §3
//! (`<fast/>`, `<request-token/>`); XEP-0480 §2.2 (`<upgrade/>`). Invariants: what is not known is ignored; of the same thing
//! twice the first counts; nothing is done before the client is authenticated.

use super::upgrade;
use crate::element::Element;
use crate::hashed_token::TokenMechanism;
use crate::scram::ScramHash;
use crate::user_agent::UserAgent;
use crate::{ns, resume};

/// Longest tag of a resource, in bytes. It is to name a program.
const TAG_BYTES_MAX: usize = 64;

/// XEP-0386: a resource, and what the session begins with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InlineBind {
    /// What the resource is to begin with; names the program. At most 64 bytes.
    pub tag: Option<String>,
    /// Requests to the features of the session, such as `<enable/>`, in their order.
    pub features: Vec<Element>,
}

/// XEP-0198: an earlier session.
pub(super) struct Earlier {
    pub(super) previd: String,
    /// How many stanzas the client has handled in it.
    pub(super) handled: u32,
}

/// XEP-0484: how the client uses its token.
#[derive(Clone, Copy)]
pub(super) struct Fast {
    /// It is not to be used again.
    pub(super) invalidate: bool,
}

pub(super) struct Request {
    pub(super) agent: UserAgent,
    pub(super) bind: Option<InlineBind>,
    /// Malformed: `Err`.
    pub(super) resume: Option<Result<Earlier, ()>>,
    pub(super) fast: Option<Fast>,
    /// The mechanism that a new token is wanted for.
    pub(super) token: Option<TokenMechanism>,
    /// XEP-0480: the hashes that the client would make keys for.
    pub(super) upgrades: Vec<ScramHash>,
}

impl Request {
    pub(super) fn read(authenticate: &Element) -> Self {
        let child = |name, ns| authenticate.child(name, ns);
        let token = child("request-token", ns::FAST).and_then(|wish| wish.attr("mechanism"));
        Self {
            agent: child("user-agent", ns::SASL2).map(UserAgent::read).unwrap_or_default(),
            bind: child("bind", ns::BIND2).map(InlineBind::read),
            resume: child("resume", ns::SM).map(Earlier::read),
            fast: child("fast", ns::FAST).map(|fast| Fast {
                invalidate: matches!(fast.attr("invalidate"), Some("true" | "1")),
            }),
            token: token.and_then(TokenMechanism::from_name),
            upgrades: authenticate
                .children()
                .filter(|child| child.is("upgrade", ns::SASL_UPGRADE))
                .filter_map(|child| upgrade::hash_of(child.text().trim()))
                .collect(),
        }
    }
}

impl InlineBind {
    fn read(bind: &Element) -> Self {
        let tag = bind.child("tag", ns::BIND2).map(|tag| tag.text().trim().to_owned());
        Self {
            tag: tag.filter(|tag| !tag.is_empty() && tag.len() <= TAG_BYTES_MAX),
            features: bind.children().filter(|child| child.ns() != ns::BIND2).cloned().collect(),
        }
    }
}

impl Earlier {
    fn read(request: &Element) -> Result<Self, ()> {
        // XEP-0198 §5: both are required.
        let handled = request.attr("h").and_then(resume::parse_count);
        match (request.attr("previd"), handled) {
            (Some(previd), Some(handled)) => Ok(Self { previd: previd.to_owned(), handled }),
            _ => Err(()),
        }
    }
}
