//! Tokens: how they are made, and what is kept of them.
//!
//! A token is not stored: it is made from the home's secret, who it is for, and a random number
//! that is stored. Invariants: a token is good for one account, one device and one mechanism, and
//! until its day; without the secret nothing in the table lets anybody in.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use store::StoreError;
use xmpp::hashed_token::{Token, TokenMechanism, TokenState};
use xmpp::jid::BareJid;
use zeroize::Zeroizing;

use super::name::mac;
use super::{DEVICES, DeviceName};
use crate::daemon::{Daemon, Now};
use crate::limits::TOKEN_SECONDS_MAX;
use crate::random;

/// What is kept of a token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StoredToken {
    /// `HT-SHA-256-EXPR` and so on.
    mechanism: String,
    /// Base64; makes it different from all others.
    number: String,
    /// Seconds since 1970, as below.
    pub(super) made: u64,
    pub(super) expires: u64,
}

impl StoredToken {
    pub(super) fn new(mechanism: TokenMechanism, now: u64) -> Self {
        Self {
            mechanism: mechanism.name().to_owned(),
            number: STANDARD_NO_PAD.encode(random::bytes::<16>()),
            made: now,
            expires: now + TOKEN_SECONDS_MAX,
        }
    }

    /// The mechanism; `None` for one of a later release.
    pub(super) fn mechanism(&self) -> Option<TokenMechanism> {
        TokenMechanism::from_name(&self.mechanism)
    }

    /// The token itself.
    pub(super) fn secret(
        &self,
        secret: &[u8; 32],
        user: &BareJid,
        device: &DeviceName,
    ) -> Zeroizing<String> {
        let who = [user.as_str(), device.as_str(), &self.mechanism, &self.number].join("\0");
        let made = Zeroizing::new(mac(secret, &[b"token\0", who.as_bytes()]));
        Zeroizing::new(URL_SAFE_NO_PAD.encode(made.as_slice()))
    }
}

/// The tokens of a device as they were looked up.
#[derive(Clone, Debug, Default)]
pub struct Held(Vec<Option<StoredToken>>);

impl Held {
    /// Is there one at `at`?
    #[cfg(test)]
    pub(super) fn has(&self, at: usize) -> bool {
        self.0.get(at).is_some_and(Option::is_some)
    }

    /// Is `token` the one at `at`?
    pub(super) fn is(&self, at: usize, token: &StoredToken) -> bool {
        self.0.get(at).and_then(Option::as_ref).is_some_and(|held| held.number == token.number)
    }
}

/// The tokens that the device `name` of `user` may show for `mechanism`. Always two: an unknown
/// device takes as long as a known one.
///
/// # Errors
/// [`StoreError`].
pub fn held(
    daemon: &Daemon,
    user: &BareJid,
    name: &DeviceName,
    mechanism: TokenMechanism,
) -> Result<(Held, Vec<Token>), StoreError> {
    let now = Now::read().unix;
    let active = daemon.accounts.lookup(user)?.is_some_and(|r| r.is_active());
    let device = daemon.store.get(&DEVICES, &(user.as_str(), name.as_str()))?;
    let device = device.filter(|_| active);
    // XEP-0484 §5.1: the newer one first.
    let slots = match device {
        Some(device) => [device.new, device.current],
        None => [None, None],
    };
    // XEP-0484 §3.4: a token is good for the mechanism that it was made for, no other.
    let fits = |token: &StoredToken| token.mechanism() == Some(mechanism);
    let held: Vec<_> = slots.into_iter().map(|token| token.filter(fits)).collect();
    let secret = daemon.auth.device_secret();
    let shown = held.iter().filter_map(|token| {
        let state = match token {
            None => TokenState::Fake,
            Some(token) if token.expires <= now => TokenState::Expired,
            Some(_) => TokenState::Good,
        };
        let nobodys = || StoredToken::new(mechanism, now);
        let token = token.clone().unwrap_or_else(nobodys);
        Token::new(token.secret(secret, user, name), state)
    });
    let tokens = shown.collect();
    Ok((Held(held), tokens))
}
