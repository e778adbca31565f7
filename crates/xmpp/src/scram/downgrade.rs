//! Protection of the lists that mechanism and channel binding are chosen from.
//!
//! Spec: XEP-0474 §6. The hash goes into the server's first message, which both proofs cover: who
//! changed a list on the way is found out by the client, who changed the hash as well by the server.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{ScramHash, crypto};

/// The hash of what was offered, in base64: of the mechanisms, and of the types of channel binding
/// where there are any.
#[must_use]
pub fn offer_hash(hash: ScramHash, mechanisms: &[&str], bindings: &[&str]) -> String {
    // XEP-0474 §6.1: sorted by octets.
    let joined = |list: &[&str]| {
        let mut list = list.to_vec();
        list.sort_unstable();
        list.join("\x1e")
    };
    let mut all = joined(mechanisms);
    if !bindings.is_empty() {
        all.push('\x1f');
        all.push_str(&joined(bindings));
    }
    STANDARD.encode(crypto::digest(hash, all.as_bytes()).as_slice())
}

#[cfg(test)]
mod tests {
    use super::*;

    // XEP-0474 §6.3
    #[test]
    fn the_example_of_the_specification() {
        let mechanisms = ["SCRAM-SHA-1-PLUS", "SCRAM-SHA-1"];
        let bindings = ["tls-server-end-point", "tls-exporter"];
        let hash = offer_hash(ScramHash::Sha1, &mechanisms, &bindings);
        assert_eq!(hash, "G6k/rBLDqgOhRRaCuuatSDFkJ08=");
    }

    #[test]
    fn without_bindings_there_is_no_second_list() {
        let digest = crypto::digest(ScramHash::Sha256, b"PLAIN\x1eSCRAM-SHA-256");
        let expected = STANDARD.encode(digest.as_slice());
        assert_eq!(offer_hash(ScramHash::Sha256, &["SCRAM-SHA-256", "PLAIN"], &[]), expected);
        assert_ne!(offer_hash(ScramHash::Sha256, &["SCRAM-SHA-256"], &[]), expected);
    }
}
