//! The client's side: [`Client`] → [`Challenge`] → [`ExpectVerdict`].
//!
//! Spec: RFC 5802 §5. Used by the health probe, the load generator and the tests.
//! Invariants: a server that asks for fewer iterations than RFC 5802 allows, or absurdly many, is
//! refused; success is believed only with the server's own proof.

use subtle::ConstantTimeEq;

use super::message::{self, Attributes};
use super::{ClientKeys, NONCE_CHARS_MAX, ScramError, ScramHash, crypto};
use crate::sasl::{ChannelBinding, saslprep};

/// What a client says about channel binding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Binding {
    /// `n`: it has none.
    Never,
    /// `y`: it has some, but the server offers no `-PLUS` mechanism.
    Unoffered,
    /// `p=`: the `-PLUS` mechanism with this type and data.
    Use(ChannelBinding, Vec<u8>),
}

/// A log-in that is about to begin.
#[derive(Debug)]
pub struct Client {
    hash: ScramHash,
    plus: bool,
    gs2_header: String,
    /// GS2 header and channel binding data.
    binding: Vec<u8>,
    first_bare: String,
    nonce: String,
}

impl Client {
    /// A log-in of `username` (the localpart), with `nonce` from [`super::nonce`].
    ///
    /// # Errors
    /// [`ScramError::Malformed`] for an unusable name or nonce.
    pub fn new(
        hash: ScramHash,
        username: &str,
        binding: &Binding,
        nonce: &str,
    ) -> Result<Self, ScramError> {
        let username = saslprep(username)
            .ok()
            .filter(|name| !name.is_empty() && !name.contains('\0'))
            .ok_or(ScramError::Malformed("an unusable name"))?;
        let nonce = message::nonce(nonce)?.to_owned();
        let (gs2_header, data) = match binding {
            Binding::Never => ("n,,".to_owned(), &[][..]),
            Binding::Unoffered => ("y,,".to_owned(), &[][..]),
            Binding::Use(ty, data) => (format!("p={},,", ty.name()), &data[..]),
        };
        Ok(Self {
            hash,
            plus: matches!(binding, Binding::Use(..)),
            binding: [gs2_header.as_bytes(), data].concat(),
            gs2_header,
            first_bare: format!("n={},r={nonce}", message::escape(&username)),
            nonce,
        })
    }

    /// The name of the mechanism.
    #[must_use]
    pub fn mechanism(&self) -> &'static str {
        if self.plus { self.hash.mechanism_plus() } else { self.hash.mechanism() }
    }

    /// The first message.
    #[must_use]
    pub fn first(&self) -> String {
        format!("{}{}", self.gs2_header, self.first_bare)
    }

    /// Reads the server's first message.
    ///
    /// # Errors
    /// [`ScramError`]; the exchange is over.
    pub fn server_first(self, message: &[u8]) -> Result<Challenge, ScramError> {
        let text = message::text(message)?;
        let mut attributes = Attributes::new(text);
        let nonce = message::nonce(attributes.expect('r')?)?;
        let salt = message::decode(attributes.expect('s')?)?;
        let iterations = attributes.expect('i')?;
        attributes.finish()?;
        // RFC 5802 §5.1: ours, and then something of the server's.
        match nonce.strip_prefix(&self.nonce) {
            Some(theirs) if !theirs.is_empty() && theirs.len() <= NONCE_CHARS_MAX => {}
            _ => return Err(ScramError::NonceMismatch),
        }
        // RFC 5802 §7: posit-number, without sign or leading zero.
        let iterations =
            match iterations.as_bytes() {
                [b'1'..=b'9', rest @ ..] if rest.iter().all(u8::is_ascii_digit) => iterations
                    .parse()
                    .map_err(|_| ScramError::Malformed("the iteration count is too large"))?,
                _ => return Err(ScramError::Malformed("not an iteration count")),
            };
        Ok(Challenge {
            hash: self.hash,
            salt,
            iterations,
            without_proof: format!("c={},r={nonce}", message::encode(&self.binding)),
            signed: format!("{},{text}", self.first_bare),
        })
    }
}

/// The server's challenge.
#[derive(Debug)]
pub struct Challenge {
    hash: ScramHash,
    salt: Vec<u8>,
    iterations: u32,
    without_proof: String,
    signed: String,
}

impl Challenge {
    /// Derives the keys that [`Challenge::answer`] needs; a client may keep them for its next
    /// log-in (see [`Challenge::fits`]).
    ///
    /// # Errors
    /// [`ScramError::Keys`] for an unusable password, or a challenge out of bounds.
    pub fn keys(&self, password: &str) -> Result<ClientKeys, ScramError> {
        Ok(ClientKeys::derive(self.hash, password, &self.salt, self.iterations)?)
    }

    /// Whether `keys` from an earlier log-in can be used.
    #[must_use]
    pub fn fits(&self, keys: &ClientKeys) -> bool {
        keys.fit(self.hash, &self.salt, self.iterations)
    }

    /// The message to send, and the next state.
    ///
    /// # Errors
    /// [`ScramError::WrongKeys`] if `keys` do not fit.
    pub fn answer(self, keys: &ClientKeys) -> Result<(String, ExpectVerdict), ScramError> {
        if !self.fits(keys) {
            return Err(ScramError::WrongKeys);
        }
        let hash = self.hash;
        let signed = [self.signed.as_bytes(), b",", self.without_proof.as_bytes()];
        let stored_key = crypto::digest(hash, keys.client_key());
        let signature = crypto::hmac(hash, &stored_key, &signed);
        let proof = crypto::xor(keys.client_key(), &signature);
        let verifier = crypto::hmac(hash, keys.server_key(), &signed);
        let message = format!("{},p={}", self.without_proof, message::encode(&proof));
        Ok((message, ExpectVerdict { verifier }))
    }
}

/// The proof is sent; the server's own is awaited.
pub struct ExpectVerdict {
    verifier: crypto::Output,
}

impl ExpectVerdict {
    /// Checks the server's final message.
    ///
    /// # Errors
    /// [`ScramError::Refused`] if the server says so, [`ScramError::Proof`] if it does not know
    /// our keys, [`ScramError::Malformed`].
    pub fn server_final(self, message: &[u8]) -> Result<(), ScramError> {
        let text = message::text(message)?;
        if text.starts_with("e=") {
            return Err(ScramError::Refused);
        }
        let mut attributes = Attributes::new(text);
        let verifier = message::decode(attributes.expect('v')?)?;
        attributes.finish()?;
        if bool::from(verifier.ct_eq(&self.verifier)) { Ok(()) } else { Err(ScramError::Proof) }
    }
}

impl std::fmt::Debug for ExpectVerdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ExpectVerdict(…)")
    }
}
