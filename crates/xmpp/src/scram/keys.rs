//! What is kept of a password: [`ScramKeys`] by a server, [`ClientKeys`] by a client.
//!
//! Spec: RFC 5802 §3 (the key derivation), §9 (what a stolen store reveals).
//! Invariants: lengths and iterations were checked when the value was made; keys are wiped when
//! dropped; [`ScramKeys::fake`] keys never let anybody in.

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::{
    ITERATIONS_MAX, ITERATIONS_MIN, SALT_BYTES_MAX, SALT_BYTES_MIN, ScramHash, crypto,
    crypto::Output,
};
use crate::sasl::{PASSWORD_BYTES_MAX, saslprep};

/// Bytes of a made-up salt: as many as a caller should use for real ones.
const FAKE_SALT_BYTES: usize = 16;

/// Why keys could not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeysError {
    /// Iterations outside [`ITERATIONS_MIN`]..=[`ITERATIONS_MAX`].
    Iterations,
    /// A key whose length is not that of the hash.
    Length,
    /// An empty, over-long or unusable password (RFC 4013).
    Password,
    /// A salt outside [`SALT_BYTES_MIN`]..=[`SALT_BYTES_MAX`].
    Salt,
}

impl std::fmt::Display for KeysError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Iterations => {
                write!(f, "SCRAM iterations must be between {ITERATIONS_MIN} and {ITERATIONS_MAX}")
            }
            Self::Length => f.write_str("a SCRAM key has the wrong length for its hash"),
            Self::Password => f.write_str(
                "the password is empty, too long, or has characters that cannot be used",
            ),
            Self::Salt => {
                write!(f, "a SCRAM salt must have {SALT_BYTES_MIN} to {SALT_BYTES_MAX} bytes")
            }
        }
    }
}

impl std::error::Error for KeysError {}

/// What a server keeps instead of a password, for one hash.
#[derive(Clone)]
pub struct ScramKeys {
    hash: ScramHash,
    salt: Vec<u8>,
    iterations: u32,
    stored_key: Output,
    server_key: Output,
    fake: bool,
}

impl ScramKeys {
    /// Keys that were derived before: read from a store or an import.
    ///
    /// # Errors
    /// [`KeysError`] for a value out of bounds.
    pub fn new(
        hash: ScramHash,
        salt: Vec<u8>,
        iterations: u32,
        stored_key: Vec<u8>,
        server_key: Vec<u8>,
    ) -> Result<Self, KeysError> {
        let (stored_key, server_key) = (Zeroizing::new(stored_key), Zeroizing::new(server_key));
        check(&salt, iterations)?;
        if stored_key.len() != hash.bytes() || server_key.len() != hash.bytes() {
            return Err(KeysError::Length);
        }
        Ok(Self { hash, salt, iterations, stored_key, server_key, fake: false })
    }

    /// Derives keys from `password`, which is prepared by RFC 4013 first. Slow on purpose:
    /// `iterations` HMACs.
    ///
    /// # Errors
    /// [`KeysError`] for a value out of bounds or an unusable password.
    pub fn derive(
        hash: ScramHash,
        password: &str,
        salt: &[u8],
        iterations: u32,
    ) -> Result<Self, KeysError> {
        Ok(ClientKeys::derive(hash, password, salt, iterations)?.into_server_keys())
    }

    /// Keys from what a client made of its password (`SaltedPassword` of RFC 5802 §3) with this
    /// salt and count.
    ///
    /// # Errors
    /// [`KeysError`] for a value out of bounds.
    pub fn from_salted(
        hash: ScramHash,
        salt: &[u8],
        iterations: u32,
        salted: &[u8],
    ) -> Result<Self, KeysError> {
        check(salt, iterations)?;
        if salted.len() != hash.bytes() {
            return Err(KeysError::Length);
        }
        Ok(ClientKeys::from_salted(hash, salt, iterations, salted).into_server_keys())
    }

    /// Keys for a user that does not exist: the salt is always the same for the same `user` and
    /// `secret`, as a real one would be, and no proof fits. `secret` is the server's own and must
    /// outlive restarts; `iterations` must be those of new accounts (clamped to the limits).
    #[must_use]
    pub fn fake(hash: ScramHash, secret: &[u8; 32], user: &str, iterations: u32) -> Self {
        let make = |what: &str| {
            // Both ends are told apart by the zero byte, which no user name contains.
            crypto::hmac(
                ScramHash::Sha512,
                secret,
                &[what.as_bytes(), hash.mechanism().as_bytes(), &[0], user.as_bytes()],
            )
        };
        let key = |what| Zeroizing::new(make(what).iter().copied().take(hash.bytes()).collect());
        Self {
            hash,
            salt: make("salt").iter().copied().take(FAKE_SALT_BYTES).collect(),
            iterations: iterations.clamp(ITERATIONS_MIN, ITERATIONS_MAX),
            stored_key: key("stored"),
            server_key: key("server"),
            fake: true,
        }
    }

    /// Whether `password` is the one these keys were derived from. As slow as
    /// [`ScramKeys::derive`]. For PLAIN and for sign-in elsewhere than in XMPP.
    #[must_use]
    pub fn verify(&self, password: &str) -> bool {
        match Self::derive(self.hash, password, &self.salt, self.iterations) {
            Ok(other) => bool::from(self.stored_key.ct_eq(&other.stored_key)) && !self.fake,
            Err(_) => false,
        }
    }

    /// The hash.
    #[must_use]
    pub fn hash(&self) -> ScramHash {
        self.hash
    }

    /// The salt; not a secret.
    #[must_use]
    pub fn salt(&self) -> &[u8] {
        &self.salt
    }

    /// PBKDF2 iterations.
    #[must_use]
    pub fn iterations(&self) -> u32 {
        self.iterations
    }

    /// `StoredKey` of RFC 5802 §3. Secret: it lets its reader guess passwords.
    #[must_use]
    pub fn stored_key(&self) -> &[u8] {
        &self.stored_key
    }

    /// `ServerKey` of RFC 5802 §3. Secret: it lets its reader pose as the server.
    #[must_use]
    pub fn server_key(&self) -> &[u8] {
        &self.server_key
    }

    /// Whether nobody can log in with these.
    pub(super) fn is_fake(&self) -> bool {
        self.fake
    }
}

impl std::fmt::Debug for ScramKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ScramKeys")
            .field("hash", &self.hash)
            .field("iterations", &self.iterations)
            .finish_non_exhaustive()
    }
}

/// What a client may keep instead of a password, for one hash, salt and iteration count. As good
/// as the password for logging in to that server.
#[derive(Clone)]
pub struct ClientKeys {
    hash: ScramHash,
    salt: Vec<u8>,
    iterations: u32,
    client_key: Output,
    server_key: Output,
}

impl ClientKeys {
    /// Derives keys from `password`, which is prepared by RFC 4013 first.
    ///
    /// # Errors
    /// [`KeysError`] for a value out of bounds or an unusable password.
    pub fn derive(
        hash: ScramHash,
        password: &str,
        salt: &[u8],
        iterations: u32,
    ) -> Result<Self, KeysError> {
        check(salt, iterations)?;
        if password.len() > PASSWORD_BYTES_MAX {
            return Err(KeysError::Password);
        }
        let password = saslprep(password).map_err(|_| KeysError::Password)?;
        if password.is_empty() {
            return Err(KeysError::Password);
        }
        let salted = crypto::stretch(hash, password.as_bytes(), salt, iterations)?;
        Ok(Self::from_salted(hash, salt, iterations, &salted))
    }

    fn from_salted(hash: ScramHash, salt: &[u8], iterations: u32, salted: &[u8]) -> Self {
        Self {
            hash,
            salt: salt.to_vec(),
            iterations,
            client_key: crypto::hmac(hash, salted, &[b"Client Key"]),
            server_key: crypto::hmac(hash, salted, &[b"Server Key"]),
        }
    }

    /// Whether these keys answer a challenge with this salt and iteration count.
    #[must_use]
    pub fn fit(&self, hash: ScramHash, salt: &[u8], iterations: u32) -> bool {
        self.hash == hash && self.salt == salt && self.iterations == iterations
    }

    /// What a server keeps of the same password.
    #[must_use]
    pub fn into_server_keys(self) -> ScramKeys {
        ScramKeys {
            hash: self.hash,
            stored_key: crypto::digest(self.hash, &self.client_key),
            salt: self.salt,
            iterations: self.iterations,
            server_key: self.server_key,
            fake: false,
        }
    }

    pub(super) fn client_key(&self) -> &[u8] {
        &self.client_key
    }

    pub(super) fn server_key(&self) -> &[u8] {
        &self.server_key
    }
}

impl std::fmt::Debug for ClientKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClientKeys").field("hash", &self.hash).finish_non_exhaustive()
    }
}

fn check(salt: &[u8], iterations: u32) -> Result<(), KeysError> {
    if !(ITERATIONS_MIN..=ITERATIONS_MAX).contains(&iterations) {
        return Err(KeysError::Iterations);
    }
    if !(SALT_BYTES_MIN..=SALT_BYTES_MAX).contains(&salt.len()) {
        return Err(KeysError::Salt);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sasl::ChannelBindings;
    use crate::scram::client::{Binding, Client};
    use crate::scram::{ScramError, server};

    #[test]
    fn keys_can_be_made_from_what_a_client_stretched() {
        for hash in ScramHash::ALL {
            let salted = crypto::stretch(hash, b"pencil", &[1; 16], ITERATIONS_MIN).unwrap();
            let keys = ScramKeys::from_salted(hash, &[1; 16], ITERATIONS_MIN, &salted).unwrap();
            assert!(keys.verify("pencil") && !keys.verify("pen"));
            let short = ScramKeys::from_salted(hash, &[1; 16], ITERATIONS_MIN, &salted[1..]);
            assert_eq!(short.err(), Some(KeysError::Length));
        }
    }

    #[test]
    fn the_mark_of_fake_keys_wins_over_a_right_password() {
        let hash = ScramHash::Sha256;
        let mut keys = ScramKeys::derive(hash, "pencil", &[1; 16], ITERATIONS_MIN).unwrap();
        let log_in = |keys: ScramKeys| {
            let client = Client::new(hash, "ann", &Binding::Never, "abc").unwrap();
            let first = client.first();
            let none = ChannelBindings::default();
            let server = server::client_first(hash, false, &none, first.as_bytes()).unwrap();
            let (challenge, server) = server.challenge(keys, "def", None).unwrap();
            let client = client.server_first(challenge.as_bytes()).unwrap();
            let own = client.keys("pencil").unwrap();
            let (proof, _) = client.answer(&own).unwrap();
            server.client_final(proof.as_bytes()).err()
        };
        assert!(keys.verify("pencil"));
        assert_eq!(log_in(keys.clone()), None);
        keys.fake = true;
        assert!(!keys.verify("pencil"));
        assert_eq!(log_in(keys), Some(ScramError::Proof));
    }
}
