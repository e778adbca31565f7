//! What a device is called here.
//!
//! Spec: XEP-0388 §2.4, XEP-0386 §3.3. Invariants: the same for the same client and account, for
//! as long as the store lives; the client's own id cannot be told from it, nor that two accounts
//! are used on one device.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use xmpp::jid::BareJid;
use xmpp::user_agent::AgentId;

use crate::random;

/// Characters of a name, 5 bits each: enough that no two devices of an account share one.
const CHARACTERS: usize = 16;

/// Names a device within its account.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceName(String);

impl DeviceName {
    /// The device of `user` whose client calls itself `agent`.
    pub(crate) fn new(secret: &[u8; 32], user: &BareJid, agent: &AgentId) -> Self {
        // No address contains a zero byte, so both ends are told apart.
        let mac =
            mac(secret, &[b"device\0", user.as_str().as_bytes(), b"\0", agent.as_str().as_bytes()]);
        Self(random::letters(&mac).take(CHARACTERS).collect())
    }

    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// HMAC-SHA256 of `parts` joined.
pub(super) fn mac(secret: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    // The block of SHA-256 is 64 bytes; a shorter key is filled up with zeros (RFC 2104 §2).
    let mut key = [0; 64];
    key[..32].copy_from_slice(secret);
    let mut mac = <Hmac<Sha256> as KeyInit>::new(&key.into());
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_the_accounts_the_clients_and_the_homes_own() {
        let id = |last: char| {
            AgentId::parse(&format!("d4565fa7-4d72-4749-b3d3-740edbf8777{last}")).unwrap()
        };
        let user = |name: &str| BareJid::from_parts(name, "home.example").unwrap();
        let name = DeviceName::new(&[1; 32], &user("ann"), &id('0'));
        assert_eq!(name.as_str().len(), CHARACTERS);
        assert_eq!(name, DeviceName::new(&[1; 32], &user("ann"), &id('0')));
        assert_ne!(name, DeviceName::new(&[1; 32], &user("ann"), &id('1')));
        assert_ne!(name, DeviceName::new(&[1; 32], &user("bob"), &id('0')));
        assert_ne!(name, DeviceName::new(&[2; 32], &user("ann"), &id('0')));
    }
}
