//! Addresses: RFC 7622, prepared as deployed servers do (see
//! [`prepare`](self::Part)).
//!
//! Invariants: a value of these types is in prepared form, so comparing,
//! ordering and hashing its text is comparing addresses; each is one shared
//! allocation, so a clone is a counter.

mod escape;
mod prepare;

pub use escape::{escape_local, unescape_local};
pub use prepare::{PART_BYTES, Part};

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;
use std::sync::Arc;

/// Why a text is not an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JidError {
    /// The part is missing although its separator is there, or nothing is
    /// left of it after preparation.
    Empty(Part),
    /// The part holds characters its profile forbids.
    Forbidden(Part),
    /// The part is longer than [`PART_BYTES`].
    TooLong(Part),
    /// A bare address was asked for and a resource was given.
    UnexpectedResource,
}

impl fmt::Display for JidError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (part, what) = match self {
            JidError::Empty(part) => (part, "is empty"),
            JidError::Forbidden(part) => (part, "holds forbidden characters"),
            JidError::TooLong(part) => (part, "is too long"),
            JidError::UnexpectedResource => (&Part::Resource, "is not allowed here"),
        };
        let part = match part {
            Part::Local => "local part",
            Part::Domain => "domain",
            Part::Resource => "resource",
        };
        write!(f, "the {part} of the address {what}")
    }
}

impl std::error::Error for JidError {}

/// An address with or without resource.
#[derive(Clone)]
pub struct Jid {
    text: Arc<str>,
    /// Where the `@` is; 0 if there is no local part (which is never empty).
    at: u16,
    /// Where the `/` is; the length of the text if there is no resource.
    slash: u16,
}

/// An address without resource: an account, a room or a host.
#[derive(Clone)]
pub struct BareJid {
    text: Arc<str>,
    /// As in [`Jid`].
    at: u16,
}

// Offsets are u16: the longest text is three parts and two separators.
const _: () = assert!(3 * PART_BYTES + 2 <= u16::MAX as usize);

impl Jid {
    /// Reads and prepares an address. RFC 7622 §3.1
    pub fn parse(text: &str) -> Result<Jid, JidError> {
        // The first slash ends the bare address: resources may hold `@` and `/`.
        let (bare, resource) = match text.split_once('/') {
            Some((bare, resource)) => (bare, Some(resource)),
            None => (text, None),
        };
        let (local, domain) = match bare.split_once('@') {
            Some((local, domain)) => (Some(local), domain),
            None => (None, bare),
        };
        let local = local.map(prepare::local).transpose()?;
        let domain = prepare::domain(domain)?;
        let resource = resource.map(prepare::resource).transpose()?;
        Ok(join(local.as_deref(), &domain, resource.as_deref()))
    }

    /// The part before the `@`.
    pub fn local(&self) -> Option<&str> {
        (self.at > 0).then(|| &self.text[..self.at.into()])
    }

    /// The domain, without trailing dot.
    pub fn domain(&self) -> &str {
        &self.text[after_at(self.at)..self.slash.into()]
    }

    /// The part after the first `/`.
    pub fn resource(&self) -> Option<&str> {
        self.text.get(usize::from(self.slash) + 1..)
    }

    /// Whether there is a resource.
    pub fn is_full(&self) -> bool {
        usize::from(self.slash) < self.text.len()
    }

    /// The whole prepared text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The text without the resource.
    pub fn bare_str(&self) -> &str {
        &self.text[..self.slash.into()]
    }

    /// The address without its resource; free of cost if there is none.
    pub fn to_bare(&self) -> BareJid {
        let text = if self.is_full() { Arc::from(self.bare_str()) } else { self.text.clone() };
        BareJid { text, at: self.at }
    }

    /// The same address with another resource.
    pub fn with_resource(&self, resource: &str) -> Result<Jid, JidError> {
        let resource = prepare::resource(resource)?;
        Ok(join(self.local(), self.domain(), Some(&resource)))
    }
}

impl BareJid {
    /// Reads and prepares an address which must have no resource.
    pub fn parse(text: &str) -> Result<BareJid, JidError> {
        if text.contains('/') {
            return Err(JidError::UnexpectedResource);
        }
        Jid::parse(text).map(|jid| jid.to_bare())
    }

    /// Prepares and joins a local part and a domain.
    pub fn from_parts(local: &str, domain: &str) -> Result<BareJid, JidError> {
        let (local, domain) = (prepare::local(local)?, prepare::domain(domain)?);
        Ok(join(Some(&local), &domain, None).to_bare())
    }

    /// The address of a host itself.
    pub fn from_domain(domain: &str) -> Result<BareJid, JidError> {
        let domain = prepare::domain(domain)?;
        Ok(join(None, &domain, None).to_bare())
    }

    /// The part before the `@`.
    pub fn local(&self) -> Option<&str> {
        (self.at > 0).then(|| &self.text[..self.at.into()])
    }

    /// The domain, without trailing dot.
    pub fn domain(&self) -> &str {
        &self.text[after_at(self.at)..]
    }

    /// The whole prepared text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// This address with a resource.
    pub fn with_resource(&self, resource: &str) -> Result<Jid, JidError> {
        let resource = prepare::resource(resource)?;
        Ok(join(self.local(), self.domain(), Some(&resource)))
    }
}

/// Joins prepared parts.
fn join(local: Option<&str>, domain: &str, resource: Option<&str>) -> Jid {
    let mut text = String::with_capacity(
        local.map_or(0, |l| l.len() + 1) + domain.len() + resource.map_or(0, |r| r.len() + 1),
    );
    if let Some(local) = local {
        text.push_str(local);
        text.push('@');
    }
    text.push_str(domain);
    let slash = offset(text.len());
    if let Some(resource) = resource {
        text.push('/');
        text.push_str(resource);
    }
    Jid { text: text.into(), at: offset(local.map_or(0, str::len)), slash }
}

fn after_at(at: u16) -> usize {
    if at == 0 { 0 } else { usize::from(at) + 1 }
}

/// Prepared parts are short (see the assertion above), so this never saturates.
fn offset(at: usize) -> u16 {
    debug_assert!(u16::try_from(at).is_ok());
    u16::try_from(at).unwrap_or(u16::MAX)
}

impl From<BareJid> for Jid {
    fn from(bare: BareJid) -> Jid {
        let slash = offset(bare.text.len());
        Jid { text: bare.text, at: bare.at, slash }
    }
}

impl From<&BareJid> for Jid {
    fn from(bare: &BareJid) -> Jid {
        bare.clone().into()
    }
}

impl PartialEq<BareJid> for Jid {
    fn eq(&self, other: &BareJid) -> bool {
        self.as_str() == other.as_str()
    }
}

/// Both types behave as their prepared text.
macro_rules! as_text {
    ($($jid:ident)*) => { $(
        impl PartialEq for $jid {
            fn eq(&self, other: &Self) -> bool {
                self.text == other.text
            }
        }
        impl Eq for $jid {}
        impl PartialOrd for $jid {
            fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
                Some(self.cmp(other))
            }
        }
        impl Ord for $jid {
            fn cmp(&self, other: &Self) -> Ordering {
                self.text.cmp(&other.text)
            }
        }
        impl Hash for $jid {
            fn hash<H: Hasher>(&self, state: &mut H) {
                self.text.hash(state);
            }
        }
        impl Borrow<str> for $jid {
            fn borrow(&self) -> &str {
                &self.text
            }
        }
        impl fmt::Debug for $jid {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.text, f)
            }
        }
        impl fmt::Display for $jid {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.text)
            }
        }
        impl FromStr for $jid {
            type Err = JidError;
            fn from_str(text: &str) -> Result<Self, JidError> {
                $jid::parse(text)
            }
        }
    )* };
}
as_text!(Jid BareJid);

#[cfg(test)]
mod tests;
