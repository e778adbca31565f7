//! OMEMO identity keys, and the form in which people compare them: pure.
//!
//! Spec: XEP-0384 §8: in both versions the fingerprint is the identity
//! key as its 32 bytes on Curve25519. Before version 0.4 (`eu.siacs.conversations.axolotl`) that is
//! what is published, behind the byte 5; in `urn:xmpp:omemo:2` an Ed25519 key is published, whose
//! Curve25519 form is u = (1 + y) / (1 − y) modulo p = 2²⁵⁵ − 19 (RFC 7748 §4.1). So one key that an
//! app uses for both versions has one fingerprint.
//!
//! Invariant: what is not of that form is no key; nothing here is secret.

use std::fmt::Write;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use crypto_bigint::modular::ConstMontyForm;
use crypto_bigint::{Encoding, U256, const_monty_params};

const_monty_params!(
    Field,
    U256,
    "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffed",
    "The field of Curve25519."
);

const P: U256 =
    U256::from_be_hex("7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffed");

type Number = ConstMontyForm<Field, { U256::LIMBS }>;

/// What stands before a public key of the older version.
const CURVE25519: u8 = 5;

/// Some apps leave the padding out.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Bytes of a key.
const BYTES: usize = 32;

/// Bytes of its text that are looked at; 44 characters and line breaks are the usual.
const TEXT_BYTES_MAX: usize = 128;

/// The fingerprint of the identity key of a bundle of the older version: 64 lower-case hexadecimal
/// digits.
pub(super) fn of_legacy(text: &str) -> Option<String> {
    match decoded(text)?.split_first() {
        Some((&CURVE25519, key)) if key.len() == BYTES => Some(hex(key)),
        _ => None,
    }
}

/// The fingerprint of the identity key of a bundle of `urn:xmpp:omemo:2`.
pub(super) fn of_ed25519(text: &str) -> Option<String> {
    let mut key: [u8; BYTES] = decoded(text)?.try_into().ok()?;
    // RFC 8032 §5.1.2: the highest bit is the sign of x, which u does not need.
    if let Some(last) = key.last_mut() {
        *last &= 0x7f;
    }
    let y = U256::from_le_bytes(key.into());
    if y >= P {
        return None;
    }
    let (one, y) = (Number::ONE, Number::new(&y));
    let u = (one + y) * Option::<Number>::from((one - y).invert())?;
    Some(hex(u.retrieve().to_le_bytes().as_ref()))
}

fn decoded(text: &str) -> Option<Vec<u8>> {
    if text.len() > TEXT_BYTES_MAX {
        return None;
    }
    let text: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    BASE64.decode(text).ok()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * BYTES), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    #[test]
    fn the_older_version_is_the_key_itself() {
        let mut bytes = vec![5];
        bytes.extend(0..32);
        let expected = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
        let text = STANDARD.encode(&bytes);
        assert_eq!(of_legacy(&text).as_deref(), Some(expected));
        assert_eq!(of_legacy(&format!("\n {}\n{}", &text[..20], &text[20..])).unwrap(), expected);
        assert_eq!(of_legacy(text.trim_end_matches('=')).unwrap(), expected);
        for wrong in ["", "QUJD", "?", &STANDARD.encode(&bytes[1..]), &"A".repeat(4_000)] {
            assert_eq!(of_legacy(wrong), None, "{wrong}");
        }
        bytes[0] = 6;
        assert_eq!(of_legacy(&STANDARD.encode(&bytes)), None);
    }

    /// The base point (RFC 7748 §4.1), and keys whose other form was computed elsewhere.
    #[test]
    fn the_newer_version_is_shown_as_the_older_one() {
        for (ed25519, curve25519) in VECTORS {
            let bytes: Vec<u8> = (0..32)
                .map(|at| u8::from_str_radix(&ed25519[2 * at..2 * at + 2], 16).unwrap())
                .collect();
            let text = STANDARD.encode(&bytes);
            assert_eq!(of_ed25519(&text).as_deref(), Some(*curve25519));
            // With the other sign it is the same.
            let mut other = bytes.clone();
            other[31] ^= 0x80;
            assert_eq!(of_ed25519(&STANDARD.encode(&other)).as_deref(), Some(*curve25519));
        }
        // y = 1 has no counterpart; p and more are no numbers of the field.
        let mut one = [0_u8; 32];
        one[0] = 1;
        let mut p = [0xff_u8; 32];
        (p[0], p[31]) = (0xed, 0x7f);
        for wrong in [one, p, [0xff; 32]] {
            assert_eq!(of_ed25519(&STANDARD.encode(wrong)), None);
        }
        assert_eq!(of_ed25519("QUJD"), None);
    }

    const VECTORS: &[(&str, &str)] = &[
        (
            "5866666666666666666666666666666666666666666666666666666666666666",
            "0900000000000000000000000000000000000000000000000000000000000000",
        ),
        (
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            "d85e07ec22b0ad881537c2f44d662d1a143cf830c57aca4305d85c7a90f6b62e",
        ),
        (
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            "25c704c594b88afc00a76b69d1ed2b984d7e22550f3ed0802d04fbcd07d38d47",
        ),
        (
            "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
            "cbb22fc9f790bd3eba9b84680c157ca4950a9894362601701f89c3c4d9fda23a",
        ),
    ];
}
