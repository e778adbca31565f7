//! The session cookie.
//!
//! `__Host-` binds it to this host, `Secure` to TLS, `HttpOnly` keeps scripts away from it, and
//! `SameSite=Strict` keeps it out of every request that another site caused (RFC 6265bis §4.1).
//!
//! Invariant: what is not shaped like a token never reaches the daemon.

use admin_api::Secret;
use axum::http::header::{COOKIE, HeaderMap, HeaderValue};

use crate::limits::TOKEN_BYTES_MAX;

const NAME: &str = "__Host-snug";

/// How long a browser keeps the cookie: 30 days. The daemon decides earlier.
const SECONDS: u32 = 30 * 24 * 3600;

/// The token in the request's cookie.
#[must_use]
pub fn token(headers: &HeaderMap) -> Option<Secret> {
    let values = headers.get_all(COOKIE).into_iter().filter_map(|v| v.to_str().ok());
    let token = values
        .flat_map(|v| v.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(name, value)| (name == NAME).then_some(value))?;
    is_token(token).then(|| Secret::new(token))
}

/// `Set-Cookie` for a new session; `None` if the daemon's token does not fit into a cookie.
#[must_use]
pub fn set(token: &Secret) -> Option<HeaderValue> {
    // The cookie is where the token belongs.
    let token = token.expose();
    let line =
        format!("{NAME}={token}; Max-Age={SECONDS}; Path=/; Secure; HttpOnly; SameSite=Strict");
    is_token(token).then(|| HeaderValue::from_str(&line).ok()).flatten()
}

/// `Set-Cookie` that removes the cookie.
#[must_use]
pub fn clear() -> HeaderValue {
    HeaderValue::from_static("__Host-snug=; Max-Age=0; Path=/; Secure; HttpOnly; SameSite=Strict")
}

/// Is it shaped like a token: of bounded length, of letters that base64 and hex use?
fn is_token(text: &str) -> bool {
    (1..=TOKEN_BYTES_MAX).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.~+/=".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(line: &str) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.insert(COOKIE, HeaderValue::from_str(line).unwrap());
        token(&headers).map(|t| t.expose().to_owned())
    }

    #[test]
    fn the_token_is_found_among_other_cookies() {
        assert_eq!(found("a=b; __Host-snug=abc-_1=; c=d"), Some("abc-_1=".to_owned()));
        assert_eq!(found("snug=abc"), None);
        assert_eq!(found("x__Host-snug=abc"), None);
        assert_eq!(found("__Host-snug="), None);
        assert_eq!(found("__Host-snug=a\"b"), None);
        assert_eq!(found(&format!("__Host-snug={}", "a".repeat(TOKEN_BYTES_MAX + 1))), None);
    }

    #[test]
    fn the_cookie_is_locked_down() {
        let line = set(&Secret::new("abc")).unwrap();
        let line = line.to_str().unwrap();
        assert!(line.starts_with("__Host-snug=abc; "));
        for attribute in ["Path=/", "Secure", "HttpOnly", "SameSite=Strict"] {
            assert!(line.contains(attribute), "{attribute}");
            assert!(clear().to_str().unwrap().contains(attribute), "{attribute}");
        }
        assert!(set(&Secret::new("a; Domain=evil")).is_none());
    }
}
