//! The grammar of SCRAM messages, shared by both sides.
//!
//! Spec: RFC 5802 §5.1 (attributes), §7 (formal syntax).
//! Invariants: attributes are read in their order, each exactly once; the reserved `m` is refused
//! wherever it stands; nothing is decoded leniently.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{MESSAGE_BYTES_MAX, NONCE_CHARS_MAX, ScramError};

/// Longest name of a type of channel binding, in characters.
const BINDING_NAME_CHARS_MAX: usize = 64;

/// `message` as text, within the limit.
pub(super) fn text(message: &[u8]) -> Result<&str, ScramError> {
    if message.len() > MESSAGE_BYTES_MAX {
        return Err(ScramError::Malformed("too long"));
    }
    let text = std::str::from_utf8(message).map_err(|_| ScramError::Malformed("not UTF-8"))?;
    // RFC 5802 §7: value-char excludes NUL.
    if text.contains('\0') { Err(ScramError::Malformed("a zero byte")) } else { Ok(text) }
}

/// The attributes of a message that are still to be read.
pub(super) struct Attributes<'a>(Option<&'a str>);

impl<'a> Attributes<'a> {
    /// Attributes separated by commas.
    pub(super) fn new(text: &'a str) -> Self {
        Self(Some(text))
    }

    /// The value of the next attribute, which must be `name`.
    pub(super) fn expect(&mut self, name: char) -> Result<&'a str, ScramError> {
        let (found, value) =
            self.next()?.ok_or(ScramError::Malformed("an attribute is missing"))?;
        if found == name {
            Ok(value)
        } else {
            Err(ScramError::Malformed("attributes are missing or out of order"))
        }
    }

    /// Reads the rest, which must be optional extensions; they are ignored (RFC 5802 §5.1).
    pub(super) fn finish(mut self) -> Result<(), ScramError> {
        while self.next()?.is_some() {}
        Ok(())
    }

    fn next(&mut self) -> Result<Option<(char, &'a str)>, ScramError> {
        let Some(rest) = self.0.take() else { return Ok(None) };
        let one = match rest.split_once(',') {
            Some((one, rest)) => {
                self.0 = Some(rest);
                one
            }
            None => rest,
        };
        let mut chars = one.chars();
        let name = chars.next().filter(char::is_ascii_alphabetic);
        let (Some(name), Some('=')) = (name, chars.next()) else {
            return Err(ScramError::Malformed("not an attribute"));
        };
        // RFC 5802 §5.1: `m` is reserved; its presence must fail the exchange.
        if name == 'm' {
            return Err(ScramError::Extension);
        }
        if chars.as_str().is_empty() {
            return Err(ScramError::Malformed("an attribute is empty"));
        }
        Ok(Some((name, chars.as_str())))
    }
}

/// The client's word on channel binding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BindingFlag<'a> {
    /// `n`: the client has none.
    Never,
    /// `y`: the client has it but thinks that the server has not.
    Unasked,
    /// `p=`: required, of this type.
    Required(&'a str),
}

/// The client's first message, taken apart.
#[derive(Debug)]
pub(super) struct First<'a> {
    pub(super) flag: BindingFlag<'a>,
    pub(super) authzid: Option<String>,
    /// With the comma at its end.
    pub(super) gs2_header: &'a str,
    /// What the signatures cover.
    pub(super) bare: &'a str,
    pub(super) username: String,
    pub(super) nonce: &'a str,
}

impl<'a> First<'a> {
    /// Parses the client's first message.
    pub(super) fn parse(text: &'a str) -> Result<Self, ScramError> {
        let mut parts = text.splitn(3, ',');
        let (Some(flag), Some(authzid), Some(bare)) = (parts.next(), parts.next(), parts.next())
        else {
            return Err(ScramError::Malformed("no GS2 header"));
        };
        let flag = match flag {
            "n" => BindingFlag::Never,
            "y" => BindingFlag::Unasked,
            other => BindingFlag::Required(binding_name(other)?),
        };
        let authzid = match authzid {
            "" => None,
            other => match other.strip_prefix("a=") {
                Some(name) => Some(unescape(name)?),
                None => return Err(ScramError::Malformed("not an authorization identity")),
            },
        };
        let gs2_header = &text[..text.len() - bare.len()];
        let mut attributes = Attributes::new(bare);
        let username = unescape(attributes.expect('n')?)?;
        let nonce = nonce(attributes.expect('r')?)?;
        attributes.finish()?;
        Ok(Self { flag, authzid, gs2_header, bare, username, nonce })
    }
}

fn binding_name(flag: &str) -> Result<&str, ScramError> {
    // RFC 5056 §7: letters, digits, full stop and hyphen.
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-';
    match flag.strip_prefix("p=") {
        Some(name)
            if !name.is_empty()
                && name.len() <= BINDING_NAME_CHARS_MAX
                && name.chars().all(allowed) =>
        {
            Ok(name)
        }
        _ => Err(ScramError::Malformed("not a channel binding flag")),
    }
}

/// A nonce: printable ASCII without comma (RFC 5802 §7), of bounded length.
pub(super) fn nonce(value: &str) -> Result<&str, ScramError> {
    let printable = |b: u8| (0x21..=0x7e).contains(&b) && b != b',';
    // A full nonce consists of both sides' parts.
    if value.is_empty() || value.len() > 2 * NONCE_CHARS_MAX || !value.bytes().all(printable) {
        return Err(ScramError::Malformed("not a nonce"));
    }
    Ok(value)
}

/// `saslname` of RFC 5802 §7: `=2C` and `=3D` are the only escapes.
pub(super) fn unescape(name: &str) -> Result<String, ScramError> {
    let mut out = String::with_capacity(name.len());
    let mut rest = name;
    while let Some((plain, escaped)) = rest.split_once('=') {
        out.push_str(plain);
        rest = if let Some(rest) = escaped.strip_prefix("2C") {
            out.push(',');
            rest
        } else if let Some(rest) = escaped.strip_prefix("3D") {
            out.push('=');
            rest
        } else {
            return Err(ScramError::Malformed("an escape in a name"));
        };
    }
    out.push_str(rest);
    if out.is_empty() { Err(ScramError::Malformed("an empty name")) } else { Ok(out) }
}

/// The opposite of [`unescape`].
pub(super) fn escape(name: &str) -> String {
    name.replace('=', "=3D").replace(',', "=2C")
}

/// Strict base64 (RFC 4648 §3.5: canonical, padded).
pub(super) fn decode(value: &str) -> Result<Vec<u8>, ScramError> {
    STANDARD.decode(value).map_err(|_| ScramError::Malformed("not base64"))
}

/// Base64.
pub(super) fn encode(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}
