//! Randomness from the operating system: names, nonces, tokens.
//!
//! Invariant: never falls back to anything weaker. A system without randomness cannot keep
//! anybody's secrets, so the daemon stops (the one place where it does).

/// `N` random bytes.
#[must_use]
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut out = [0; N];
    if let Err(e) = getrandom::fill(&mut out) {
        tracing::error!(error = %e, "the operating system gives no randomness; stopping");
        std::process::abort();
    }
    out
}

/// A random word of `length` characters (letters and digits that are not mistaken for each
/// other), 5 bits each.
#[must_use]
pub fn text(length: usize) -> String {
    let mut out = String::with_capacity(length);
    while out.len() < length {
        out.extend(letters(&bytes::<16>()).take(length - out.len()));
    }
    out
}

/// 5 bits of each of `bytes` as such a character.
pub fn letters(bytes: &[u8]) -> impl Iterator<Item = char> {
    // 32 characters, so that a byte maps to them without bias.
    const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    bytes.iter().map(|byte| char::from(ALPHABET[usize::from(*byte) % 32]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_have_the_length_asked_for_and_differ() {
        assert_eq!(text(12).len(), 12);
        assert_ne!(text(12), text(12));
    }
}
