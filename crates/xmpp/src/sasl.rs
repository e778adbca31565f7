//! SASL as XMPP uses it: mechanisms, channel bindings, payloads, failures, PLAIN.
//!
//! Spec: RFC 6120 §6 (the profile), RFC 4616 (PLAIN), RFC 4013 (SASLprep), RFC 9266 and RFC 5929
//! (channel bindings). The SCRAM exchange itself is in [`crate::scram`].
//! Invariants: base64 is strict; passwords are wiped when dropped and never shown by `Debug`;
//! a `-PLUS` mechanism is offered exactly where there is something to bind to.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::element::Element;
use crate::error::wire_names;
use crate::ns;
use crate::scram::ScramHash;

/// Longest password, in bytes of UTF-8. PBKDF2 hashes a long one first anyway.
pub const PASSWORD_BYTES_MAX: usize = 1024;

/// Longest payload of one SASL element, in characters of base64: a SCRAM message of the largest
/// size, encoded.
pub const PAYLOAD_CHARS_MAX: usize = crate::scram::MESSAGE_BYTES_MAX / 3 * 4 + 4;

wire_names! {
    /// Why SASL failed. RFC 6120 §6.5
    Condition {
        /// The client gave up. §6.5.1
        Aborted = "aborted",
        /// The account is locked. §6.5.2
        AccountDisabled = "account-disabled",
        /// The password has expired. §6.5.3
        CredentialsExpired = "credentials-expired",
        /// Not without TLS. §6.5.4
        EncryptionRequired = "encryption-required",
        /// Not base64. §6.5.5
        IncorrectEncoding = "incorrect-encoding",
        /// The client may not act as whom it named. §6.5.6
        InvalidAuthzid = "invalid-authzid",
        /// That mechanism is not offered. §6.5.7
        InvalidMechanism = "invalid-mechanism",
        /// Not what the mechanism expects here. §6.5.8
        MalformedRequest = "malformed-request",
        /// That mechanism is too weak for this account. §6.5.9
        MechanismTooWeak = "mechanism-too-weak",
        /// Wrong name or password. §6.5.10
        NotAuthorized = "not-authorized",
        /// Try again later. §6.5.11
        TemporaryAuthFailure = "temporary-auth-failure",
    }
}

impl Condition {
    /// `<failure/>` with the condition (RFC 6120 §6.4.5).
    #[must_use]
    pub fn to_element(self) -> Element {
        Element::new("failure", ns::SASL).with_child(Element::new(self.as_str(), ns::SASL))
    }

    /// The condition of a `<failure/>`; RFC 6120 §6.5 has unknown ones treated as a plain refusal.
    #[must_use]
    pub fn of_failure(failure: &Element) -> Option<Self> {
        failure.is("failure", ns::SASL).then(|| {
            failure
                .children()
                .filter(|child| child.ns() == ns::SASL)
                .find_map(|child| Self::from_wire(child.name()))
                .unwrap_or(Self::NotAuthorized)
        })
    }
}

/// A type of channel binding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChannelBinding {
    /// RFC 9266 `tls-exporter`: this very connection.
    Exporter,
    /// RFC 5929 §4 `tls-server-end-point`: this certificate.
    ServerEndPoint,
}

impl ChannelBinding {
    /// The name in the registry of RFC 5056.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Exporter => "tls-exporter",
            Self::ServerEndPoint => "tls-server-end-point",
        }
    }
}

/// What a TLS connection can be recognised by. Empty data counts as absent.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ChannelBindings {
    /// RFC 9266: 32 bytes exported under the label `EXPORTER-Channel-Binding`. Not secret from
    /// the peer, but nobody else's business.
    pub exporter: Option<Vec<u8>>,
    /// RFC 5929 §4.1: hash of the server's certificate, by the hash function of its signature
    /// (SHA-256 for MD5 and SHA-1).
    pub server_end_point: Option<Vec<u8>>,
}

impl ChannelBindings {
    /// The types there are, best first.
    pub fn types(&self) -> impl Iterator<Item = ChannelBinding> {
        [ChannelBinding::Exporter, ChannelBinding::ServerEndPoint]
            .into_iter()
            .filter(|ty| self.data(*ty).is_some())
    }

    /// The data of `ty`.
    #[must_use]
    pub fn data(&self, ty: ChannelBinding) -> Option<&[u8]> {
        let data = match ty {
            ChannelBinding::Exporter => &self.exporter,
            ChannelBinding::ServerEndPoint => &self.server_end_point,
        };
        data.as_deref().filter(|data| !data.is_empty())
    }

    /// The data of the type called `name`.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<&[u8]> {
        self.types().find(|ty| ty.name() == name).and_then(|ty| self.data(ty))
    }

    /// Whether there is nothing to bind to.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.types().next().is_none()
    }
}

impl std::fmt::Debug for ChannelBindings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.types()).finish()
    }
}

/// A SASL mechanism we speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mechanism {
    /// RFC 4616: the password itself.
    Plain,
    /// RFC 5802.
    Scram {
        /// Which hash.
        hash: ScramHash,
        /// With channel binding?
        plus: bool,
    },
}

impl Mechanism {
    /// Its registered name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::Scram { hash, plus: false } => hash.mechanism(),
            Self::Scram { hash, plus: true } => hash.mechanism_plus(),
        }
    }

    /// What to offer on a connection with `bindings`, in order of preference (RFC 6120 §6.3.3):
    /// binding first, then the longer hash. `hashes`: those that every account has keys for,
    /// weakest first.
    #[must_use]
    pub fn offered(bindings: &ChannelBindings, hashes: &[ScramHash], plain: bool) -> Vec<Self> {
        let scram = |plus| hashes.iter().rev().map(move |hash| Self::Scram { hash: *hash, plus });
        let mut list = Vec::with_capacity(7);
        if !bindings.is_empty() {
            list.extend(scram(true));
        }
        list.extend(scram(false));
        if plain {
            list.push(Self::Plain);
        }
        list
    }
}

/// Prepares a user name or password for comparison (RFC 4013).
///
/// # Errors
/// Where it has characters that the profile forbids.
pub fn saslprep(text: &str) -> Result<Cow<'_, str>, Unprintable> {
    stringprep::saslprep(text).map_err(|_| Unprintable)
}

/// The text has characters that RFC 4013 forbids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unprintable;

impl std::fmt::Display for Unprintable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the text has characters that cannot be used in names and passwords")
    }
}

impl std::error::Error for Unprintable {}

/// The payload of `<auth/>`, `<response/>`, `<challenge/>` or `<success/>`. `None` is no payload;
/// `=` is an empty one (RFC 6120 §6.4.2).
///
/// # Errors
/// [`Condition::IncorrectEncoding`] where it is not strict base64 or over
/// [`PAYLOAD_CHARS_MAX`].
pub fn decode_payload(text: &str) -> Result<Option<Zeroizing<Vec<u8>>>, Condition> {
    match text {
        "" => Ok(None),
        "=" => Ok(Some(Zeroizing::new(Vec::new()))),
        text if text.len() > PAYLOAD_CHARS_MAX => Err(Condition::IncorrectEncoding),
        // RFC 6120 §6.4.2 and §13.9.1: RFC 4648 §4, with padding and nothing else in between.
        text => STANDARD
            .decode(text)
            .map(|bytes| Some(Zeroizing::new(bytes)))
            .map_err(|_| Condition::IncorrectEncoding),
    }
}

/// The text of a payload with `bytes` in it; `=` for none.
#[must_use]
pub fn encode_payload(bytes: &[u8]) -> String {
    if bytes.is_empty() { "=".to_owned() } else { STANDARD.encode(bytes) }
}

/// A PLAIN message.
#[derive(Clone)]
pub struct Plain {
    /// Whom the client wants to act as.
    pub authzid: Option<String>,
    /// Who it says it is, prepared by RFC 4013.
    pub username: String,
    /// The password as it came; whoever compares it prepares it.
    pub password: Zeroizing<String>,
}

impl Plain {
    /// Parses `[authzid] NUL username NUL password` (RFC 4616 §2).
    ///
    /// # Errors
    /// [`Condition::MalformedRequest`].
    pub fn parse(message: &[u8]) -> Result<Self, Condition> {
        let text = std::str::from_utf8(message).map_err(|_| Condition::MalformedRequest)?;
        let mut parts = text.split('\0');
        let (Some(authzid), Some(username), Some(password), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(Condition::MalformedRequest);
        };
        // RFC 4616 §2: both have at least one character, also once prepared.
        let username = saslprep(username).map_err(|_| Condition::MalformedRequest)?;
        if username.is_empty() || password.is_empty() || password.len() > PASSWORD_BYTES_MAX {
            return Err(Condition::MalformedRequest);
        }
        Ok(Self {
            authzid: (!authzid.is_empty()).then(|| authzid.to_owned()),
            username: username.into_owned(),
            password: Zeroizing::new(password.to_owned()),
        })
    }
}

impl std::fmt::Debug for Plain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Plain(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bindings() -> ChannelBindings {
        ChannelBindings { exporter: Some(vec![1; 32]), server_end_point: Some(vec![2; 32]) }
    }

    #[test]
    fn failures_name_their_condition_and_are_read_back() {
        for &condition in Condition::ALL {
            let failure = condition.to_element();
            assert_eq!(
                failure.to_xml(""),
                format!("<failure xmlns='{}'><{}/></failure>", ns::SASL, condition.as_str())
            );
            assert_eq!(Condition::of_failure(&failure), Some(condition));
        }
        let strange = Element::new("failure", ns::SASL).with_child(Element::new("odd", ns::SASL));
        assert_eq!(Condition::of_failure(&strange), Some(Condition::NotAuthorized));
        assert_eq!(Condition::of_failure(&Element::new("success", ns::SASL)), None);
    }

    #[test]
    fn mechanisms_depend_on_bindings_and_configuration() {
        let names = |bindings: &ChannelBindings, plain| {
            Mechanism::offered(bindings, &ScramHash::ALL, plain)
                .into_iter()
                .map(Mechanism::name)
                .collect::<Vec<_>>()
        };
        let scram = ["SCRAM-SHA-512", "SCRAM-SHA-256", "SCRAM-SHA-1"];
        let plus = ["SCRAM-SHA-512-PLUS", "SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS"];
        assert_eq!(names(&ChannelBindings::default(), false), scram);
        assert_eq!(names(&ChannelBindings::default(), true), [&scram[..], &["PLAIN"]].concat());
        assert_eq!(names(&bindings(), false), [plus, scram].concat());
        let old = Mechanism::offered(&ChannelBindings::default(), &[ScramHash::Sha1], false);
        assert_eq!(old.into_iter().map(Mechanism::name).collect::<Vec<_>>(), ["SCRAM-SHA-1"]);
        let empty = ChannelBindings { exporter: Some(Vec::new()), server_end_point: None };
        assert_eq!(names(&empty, false), scram);
    }

    #[test]
    fn bindings_are_found_by_their_registered_names() {
        let both = bindings();
        assert_eq!(both.named("tls-exporter"), Some(&[1; 32][..]));
        assert_eq!(both.named("tls-server-end-point"), Some(&[2; 32][..]));
        assert_eq!(both.named("tls-unique"), None);
        let one = ChannelBindings { exporter: None, ..bindings() };
        assert_eq!(one.named("tls-exporter"), None);
        assert!(!one.is_empty());
        assert_eq!(format!("{one:?}"), "[ServerEndPoint]");
    }

    #[test]
    fn payloads_are_strict_base64() {
        let ok = |text: &str| decode_payload(text).unwrap().map(|bytes| bytes.to_vec());
        assert_eq!(ok(""), None);
        assert_eq!(ok("="), Some(Vec::new()));
        assert_eq!(ok("AGE="), Some(b"\0a".to_vec()));
        let long = "AAAA".repeat(PAYLOAD_CHARS_MAX / 4 + 1);
        // no padding, white space, trailing bits, padding alone, url alphabet, padding inside
        for bad in ["AGE", "AG E=", "AGE=\n", "AGF=", "==", "A-__", "AA==AAAA", &long] {
            assert_eq!(decode_payload(bad).err(), Some(Condition::IncorrectEncoding), "{bad}");
        }
        for bytes in [&b""[..], b"a", b"ab", b"abc"] {
            let text = encode_payload(bytes);
            assert_eq!(ok(&text).as_deref(), Some(bytes));
        }
    }

    #[test]
    fn plain_messages() {
        let ok = |message: &[u8]| {
            let plain = Plain::parse(message).unwrap();
            (plain.authzid, plain.username, plain.password.to_string())
        };
        let owned =
            |a: Option<&str>, b: &str, c: &str| (a.map(str::to_owned), b.to_owned(), c.to_owned());
        assert_eq!(ok(b"\0ann\0pencil"), owned(None, "ann", "pencil"));
        assert_eq!(ok(b"a@b\0ann\0pencil"), owned(Some("a@b"), "ann", "pencil"));
        // RFC 4013 §3: U+00AD is mapped to nothing, U+2168 to IX
        assert_eq!(ok("\0a\u{ad}nn\u{2168}\0p".as_bytes()), owned(None, "annIX", "p"));
        let long = [b"\0ann\0".to_vec(), vec![b'x'; PASSWORD_BYTES_MAX + 1]].concat();
        let bad: [&[u8]; 10] = [
            b"",
            b"\0",
            b"\0\0",
            b"ann\0pencil",
            b"\0ann\0",
            b"\0\0pencil",
            b"\0ann\0pen\0cil",
            b"\0\xff\0pencil",
            b"\0a\x07nn\0pencil",
            &long,
        ];
        for message in bad {
            assert_eq!(Plain::parse(message).err(), Some(Condition::MalformedRequest));
        }
        let plain = Plain::parse(b"\0ann\0pencil").unwrap();
        assert_eq!(format!("{plain:?}"), "Plain(…)");
    }

    // RFC 4013 §3
    #[test]
    fn saslprep_examples() {
        let cases = [
            ("I\u{ad}X", Ok("IX")),
            ("user", Ok("user")),
            ("USER", Ok("USER")),
            ("\u{aa}", Ok("a")),
            ("\u{2168}", Ok("IX")),
            ("\u{7}", Err(Unprintable)),
            ("\u{627}1", Err(Unprintable)),
        ];
        for (from, to) in cases {
            assert_eq!(
                saslprep(from).as_deref(),
                to.as_ref().map(|s| *s).map_err(|_| &Unprintable)
            );
        }
    }
}
