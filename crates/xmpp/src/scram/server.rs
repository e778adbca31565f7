//! The server's side: [`client_first`] → [`ExpectKeys`] → [`ExpectFinal`] → success or not.
//!
//! Spec: RFC 5802 §5 (messages), §6 (channel binding), §7 (syntax).
//! Invariants: the proof is checked in constant time and whether or not the user exists; a
//! `-PLUS` mechanism never succeeds without this connection's channel binding.

use subtle::ConstantTimeEq;

use super::message::{self, Attributes, BindingFlag, First};
use super::{NONCE_CHARS_MAX, ScramError, ScramHash, ScramKeys, crypto};
use crate::sasl::{ChannelBindings, saslprep};

/// Reads the client's first message. `plus` says whether the mechanism chosen was the `-PLUS`
/// form; that form counts as offered exactly if `bindings` has any.
///
/// # Errors
/// [`ScramError`]; the exchange is over.
pub fn client_first(
    hash: ScramHash,
    plus: bool,
    bindings: &ChannelBindings,
    message: &[u8],
) -> Result<ExpectKeys, ScramError> {
    let first = First::parse(message::text(message)?)?;
    if first.nonce.len() > NONCE_CHARS_MAX {
        return Err(ScramError::Malformed("the nonce is too long"));
    }
    let binding = bound(first.flag, plus, bindings)?;
    // RFC 5802 §5.1: the server prepares the name, and an empty result is an error.
    let username = saslprep(&first.username)
        .ok()
        .filter(|name| !name.is_empty())
        .ok_or(ScramError::Malformed("an unusable name"))?
        .into_owned();
    let mut expected_binding = first.gs2_header.as_bytes().to_vec();
    expected_binding.extend_from_slice(binding);
    Ok(ExpectKeys {
        hash,
        username,
        authzid: first.authzid,
        expected_binding,
        first_bare: first.bare.to_owned(),
        nonce: first.nonce.to_owned(),
    })
}

/// The channel binding data that the client must send, or why not.
fn bound<'a>(
    flag: BindingFlag<'_>,
    plus: bool,
    bindings: &'a ChannelBindings,
) -> Result<&'a [u8], ScramError> {
    match flag {
        BindingFlag::Required(name) if plus => {
            bindings.named(name).ok_or(ScramError::BindingUnsupported)
        }
        // RFC 5802 §5.1: `p=` only with -PLUS, and -PLUS only with `p=`.
        BindingFlag::Required(_) => {
            Err(ScramError::Malformed("channel binding without a -PLUS mechanism"))
        }
        _ if plus => Err(ScramError::Malformed("a -PLUS mechanism without channel binding")),
        // RFC 5802 §6: `y` although we offered -PLUS.
        BindingFlag::Unasked if !bindings.is_empty() => Err(ScramError::Downgrade),
        BindingFlag::Unasked | BindingFlag::Never => Ok(&[]),
    }
}

/// The client has said who it is; its keys are needed.
#[derive(Debug)]
pub struct ExpectKeys {
    hash: ScramHash,
    username: String,
    authzid: Option<String>,
    expected_binding: Vec<u8>,
    first_bare: String,
    nonce: String,
}

impl ExpectKeys {
    /// The name, prepared by RFC 4013; not proven yet.
    #[must_use]
    pub fn username(&self) -> &str {
        &self.username
    }

    /// Whom the client wants to act as; the caller must refuse others than the user.
    #[must_use]
    pub fn authzid(&self) -> Option<&str> {
        self.authzid.as_deref()
    }

    /// The message to send, and the next state. `nonce` is from [`super::nonce`]; `keys` of an
    /// unknown user are from [`ScramKeys::fake`]; `offer` is from [`super::offer_hash`], where the
    /// client is to compare it with what it was offered.
    ///
    /// # Errors
    /// [`ScramError::WrongKeys`] or [`ScramError::Malformed`] for a wrong argument.
    pub fn challenge(
        self,
        keys: ScramKeys,
        nonce: &str,
        offer: Option<&str>,
    ) -> Result<(String, ExpectFinal), ScramError> {
        if keys.hash() != self.hash {
            return Err(ScramError::WrongKeys);
        }
        let nonce = format!("{}{}", self.nonce, message::nonce(nonce)?);
        let mut server_first =
            format!("r={nonce},s={},i={}", message::encode(keys.salt()), keys.iterations());
        if let Some(offer) = offer {
            // XEP-0474 §6.1
            server_first.push_str(",h=");
            server_first.push_str(offer);
        }
        let next = ExpectFinal {
            keys,
            expected_binding: self.expected_binding,
            signed: format!("{},{server_first}", self.first_bare),
            nonce,
        };
        Ok((server_first, next))
    }
}

/// The challenge is sent; the proof is awaited.
#[derive(Debug)]
pub struct ExpectFinal {
    keys: ScramKeys,
    expected_binding: Vec<u8>,
    /// The two first messages as the signatures cover them.
    signed: String,
    nonce: String,
}

impl ExpectFinal {
    /// Checks the client's final message. `Ok` is the server's own proof, to be sent with the
    /// success: the client is who it said.
    ///
    /// # Errors
    /// [`ScramError`]; the exchange is over.
    pub fn client_final(self, message: &[u8]) -> Result<String, ScramError> {
        let text = message::text(message)?;
        // RFC 5802 §7: the proof is the last attribute, and the signature covers all before it.
        let (without_proof, proof) =
            text.rsplit_once(",p=").ok_or(ScramError::Malformed("no proof"))?;
        let proof = message::decode(proof)?;
        let mut attributes = Attributes::new(without_proof);
        let binding = message::decode(attributes.expect('c')?)?;
        let nonce = attributes.expect('r')?;
        attributes.finish()?;
        // RFC 5802 §5.1: the nonce must be the whole one.
        if nonce != self.nonce {
            return Err(ScramError::NonceMismatch);
        }
        // RFC 5802 §6: header and data must be what they were, bit by bit.
        if !bool::from(binding.ct_eq(&self.expected_binding)) {
            return Err(ScramError::BindingMismatch);
        }
        let hash = self.keys.hash();
        if proof.len() != hash.bytes() {
            return Err(ScramError::Malformed("the proof has the wrong length"));
        }
        // RFC 5802 §3: ClientProof = ClientKey XOR HMAC(StoredKey, AuthMessage).
        let signed = [self.signed.as_bytes(), b",", without_proof.as_bytes()];
        let signature = crypto::hmac(hash, self.keys.stored_key(), &signed);
        let client_key = crypto::xor(&proof, &signature);
        let right = crypto::digest(hash, &client_key).ct_eq(self.keys.stored_key());
        let verifier = crypto::hmac(hash, self.keys.server_key(), &signed);
        if bool::from(right) && !self.keys.is_fake() {
            Ok(format!("v={}", message::encode(&verifier)))
        } else {
            Err(ScramError::Proof)
        }
    }
}
