//! Passwords: what is accepted, and how one is made up.
//!
//! Spec: RFC 4013 (SASLprep). Invariants: a password is checked in its prepared form, the one
//! that keys are derived from; a made-up one has at least 60 random bits, without bias, and
//! can be read aloud.

use xmpp::sasl::saslprep;

use crate::random;

/// Shortest password, in bytes of its prepared form.
pub const PASSWORD_BYTES_MIN: usize = 8;

/// Longest password, in bytes of its prepared form.
pub const PASSWORD_BYTES_MAX: usize = 1024;

/// Why a password is refused. `Display` is a sentence for the person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasswordError {
    /// It is the account's own name.
    IsName,
    /// Over [`PASSWORD_BYTES_MAX`].
    TooLong,
    /// Under [`PASSWORD_BYTES_MIN`].
    TooShort,
    /// RFC 4013 forbids a character of it.
    Unusable,
}

impl std::fmt::Display for PasswordError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::IsName => f.write_str("A password must not be the name itself."),
            Self::TooLong => {
                write!(f, "A password can have at most {PASSWORD_BYTES_MAX} characters.")
            }
            Self::TooShort => {
                write!(f, "A password needs at least {PASSWORD_BYTES_MIN} characters.")
            }
            Self::Unusable => f.write_str(
                "The password has a character that chat programs cannot send; leave it out.",
            ),
        }
    }
}

impl std::error::Error for PasswordError {}

/// Checks a new password of the account `local`@`domain`.
///
/// # Errors
/// [`PasswordError`].
pub fn check(password: &str, local: &str, domain: &str) -> Result<(), PasswordError> {
    check_imported(password)?;
    let prepared = saslprep(password).map_err(|_| PasswordError::Unusable)?;
    if prepared.len() < PASSWORD_BYTES_MIN {
        return Err(PasswordError::TooShort);
    }
    let lower = prepared.to_lowercase();
    if lower == local || lower.strip_prefix(local).and_then(|r| r.strip_prefix('@')) == Some(domain)
    {
        return Err(PasswordError::IsName);
    }
    Ok(())
}

/// Checks a password that somebody uses already elsewhere: it must only be usable at all.
///
/// # Errors
/// [`PasswordError`].
pub fn check_imported(password: &str) -> Result<(), PasswordError> {
    // Before preparing, which takes time in proportion.
    if password.len() > PASSWORD_BYTES_MAX {
        return Err(PasswordError::TooLong);
    }
    let prepared = saslprep(password).map_err(|_| PasswordError::Unusable)?;
    if prepared.is_empty() { Err(PasswordError::TooShort) } else { Ok(()) }
}

/// 16 consonants: 4 bits each.
const CONSONANTS: &[u8; 16] = b"bdfghjkmnprstvwz";
const VOWELS: &[u8; 5] = b"aeiou";
const GROUPS: usize = 4;

/// Makes up a password: four groups such as `bamok`, 66 bits.
#[must_use]
pub fn generate() -> String {
    let mut out = String::with_capacity(GROUPS * 6);
    for group in 0..GROUPS {
        if group > 0 {
            out.push('-');
        }
        for place in 0..5 {
            out.push(if place % 2 == 0 { one_of(CONSONANTS) } else { one_of(VOWELS) });
        }
    }
    out
}

/// One letter of up to 256, each as likely as the others.
fn one_of(letters: &[u8]) -> char {
    let count = letters.len().clamp(1, 256);
    // Bytes past the last full round would favour the first letters.
    let fair = 256 / count * count;
    loop {
        let byte = usize::from(random::bytes::<1>()[0]);
        if byte < fair {
            return char::from(letters[byte % count]);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn what_is_refused_says_why() {
        let check = |p: &str| check(p, "annabella", "home.example");
        assert_eq!(check("correct horse"), Ok(()));
        assert_eq!(check("seven77"), Err(PasswordError::TooShort));
        // RFC 4013 §2.1: the soft hyphens vanish, and four characters remain.
        assert_eq!(check("a\u{ad}b\u{ad}c\u{ad}d"), Err(PasswordError::TooShort));
        assert_eq!(check("AnnaBella"), Err(PasswordError::IsName));
        assert_eq!(check("annabella@home.example"), Err(PasswordError::IsName));
        assert_eq!(check("annabella@work.example"), Ok(()));
        assert_eq!(check("bell\u{7}bell\u{7}"), Err(PasswordError::Unusable));
        assert_eq!(check(&"x".repeat(1025)), Err(PasswordError::TooLong));
    }

    #[test]
    fn an_imported_password_may_be_short_but_not_empty() {
        assert_eq!(check_imported("abc"), Ok(()));
        assert_eq!(check_imported(""), Err(PasswordError::TooShort));
        assert_eq!(check_imported("\u{ad}"), Err(PasswordError::TooShort));
    }

    #[test]
    fn made_up_passwords_are_accepted_readable_and_different() {
        let one = generate();
        assert_eq!(check(&one, "ann", "home.example"), Ok(()));
        assert_eq!(one.len(), 23);
        assert!(one.split('-').all(|g| g.len() == 5 && g.bytes().all(|b| b.is_ascii_lowercase())));
        assert_ne!(one, generate());
    }

    #[test]
    fn letters_are_equally_likely() {
        let mut seen: HashMap<char, u32> = HashMap::new();
        for _ in 0..10_000 {
            *seen.entry(one_of(VOWELS)).or_default() += 1;
        }
        assert_eq!(seen.len(), VOWELS.len());
        // 2,000 each is expected; 250 is more than six standard deviations away.
        assert!(seen.values().all(|n| (1_750..2_250).contains(n)), "{seen:?}");
    }
}
