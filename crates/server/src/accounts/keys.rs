//! Deriving keys from passwords: slow on purpose, so never on the protocol's thread.
//!
//! Invariants: every password gets its own random salts; a derivation runs on the blocking pool;
//! a page of many passwords is spread over all cores.

use xmpp::scram::{KeysError, ScramHash, ScramKeys};
use zeroize::Zeroizing;

use super::record::StoredKeys;
use crate::random;

/// PBKDF2 iterations of new keys. More would slow phones at each log-in (the client computes
/// them, too) without stopping somebody who stole the store; see
/// docs/adr/0006-one-password-two-verifiers.md.
pub const ITERATIONS: u32 = 10_000;

/// The keys of one password for every hash.
///
/// # Errors
/// [`KeysError::Password`] for a password that was not checked before.
pub(crate) fn derive(password: &str) -> Result<Vec<StoredKeys>, KeysError> {
    ScramHash::ALL
        .into_iter()
        .map(|hash| {
            let salt = random::bytes::<16>();
            ScramKeys::derive(hash, password, &salt, ITERATIONS).map(|keys| (&keys).into())
        })
        .collect()
}

/// The keys of many passwords, in their order, computed on all cores.
///
/// # Errors
/// As [`derive`].
pub(crate) async fn derive_all(
    passwords: Vec<Zeroizing<String>>,
) -> Result<Vec<Vec<StoredKeys>>, KeysError> {
    if passwords.is_empty() {
        return Ok(Vec::new());
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let share = passwords.len().div_ceil(cores).max(1);
    let mut rest = passwords;
    let mut parts = Vec::with_capacity(cores);
    while !rest.is_empty() {
        let later = rest.split_off(share.min(rest.len()));
        let part = std::mem::replace(&mut rest, later);
        parts.push(tokio::task::spawn_blocking(move || {
            part.iter().map(|password| derive(password)).collect::<Result<Vec<_>, _>>()
        }));
    }
    let mut all = Vec::new();
    for part in parts {
        // A panic in a derivation is a bug of ours; to the caller it is an unusable password.
        all.extend(part.await.map_err(|_| KeysError::Password)??);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn many_passwords_keep_their_order_and_get_their_own_salts() {
        let words = ["same password", "same password", "another one", "a fourth one"];
        let all = derive_all(words.iter().map(|w| Zeroizing::new((*w).to_owned())).collect()).await;
        let all = all.unwrap();
        assert_eq!(all.len(), words.len());
        assert_ne!(all[0], all[1]);
        for (word, keys) in words.iter().zip(&all) {
            let record = super::super::Record {
                display_name: String::new(),
                role: super::super::Role::Member,
                state: super::super::State::Active,
                created: 0,
                scram: keys.clone(),
                panel_hash: None,
            };
            for hash in ScramHash::ALL {
                assert!(record.keys(hash).unwrap().verify(word));
            }
        }
    }
}
