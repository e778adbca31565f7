//! Forms come from our own pages only.
//!
//! Two independent checks: the browser says where the form was shown (`Sec-Fetch-Site`, Fetch
//! Metadata §2.4; older ones `Origin`, Fetch §3.2), and a form for a signed-in person carries a
//! hidden token that is derived from the session and that no other site can read.
//!
//! Invariants: an `Origin` that is not this host is refused, `null` too; the hidden token does
//! not reveal the session token.

use admin_api::Secret;
use axum::http::HeaderMap;
use axum::http::header::{HOST, ORIGIN};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// Name of the hidden field.
pub const FIELD: &str = "form_token";

/// What is authenticated with the session token as the key: names the purpose.
const PURPOSE: &[u8] = b"snug-admin form token 1";

/// The hidden field's value for a session.
#[must_use]
pub fn token(session: &Secret) -> String {
    // The session token is the key here; it cannot be computed back from the result.
    match Hmac::<Sha256>::new_from_slice(session.expose().as_bytes()) {
        Ok(mut mac) => {
            mac.update(PURPOSE);
            URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
        }
        // HMAC takes keys of every length; without a token no form is accepted.
        Err(_) => String::new(),
    }
}

/// Is `shown` the hidden value of this session? Takes the same time whatever differs.
#[must_use]
pub fn is_token(session: &Secret, shown: &str) -> bool {
    let expected = token(session);
    !expected.is_empty() && bool::from(expected.as_bytes().ct_eq(shown.as_bytes()))
}

/// Was the form shown by one of our own pages? A request with neither header does not come
/// from a browser that could be tricked.
#[must_use]
pub fn is_own_origin(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).map(|v| v.to_str().unwrap_or("?"));
    // `none`: the person caused it directly, such as by reloading the page.
    if let Some(site) = text("sec-fetch-site") {
        return matches!(site, "same-origin" | "none");
    }
    let Some(origin) = text(ORIGIN.as_str()) else { return true };
    let host = text(HOST.as_str()).unwrap_or_default();
    origin
        .strip_prefix("https://")
        .is_some_and(|o| !host.is_empty() && o.eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(lines: &[(&'static str, &'static str)]) -> bool {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.insert(*name, value.parse().unwrap());
        }
        is_own_origin(&headers)
    }

    #[test]
    fn only_our_own_pages_may_post() {
        let host = ("host", "snug.local:8443");
        assert!(own(&[host, ("sec-fetch-site", "same-origin")]));
        assert!(own(&[host, ("sec-fetch-site", "none")]));
        assert!(own(&[host, ("origin", "https://snug.local:8443")]));
        assert!(own(&[host]), "not a browser");
        for refused in [
            &[host, ("sec-fetch-site", "cross-site"), ("origin", "https://snug.local:8443")][..],
            &[host, ("sec-fetch-site", "same-site")],
            &[host, ("sec-fetch-site", "")],
            &[host, ("origin", "https://evil.example")],
            &[host, ("origin", "https://snug.local")],
            &[host, ("origin", "http://snug.local:8443")],
            &[host, ("origin", "null")],
            &[host, ("origin", "")],
            &[("origin", "https://")],
        ] {
            assert!(!own(refused), "{refused:?}");
        }
    }

    #[test]
    fn the_hidden_token_belongs_to_one_session() {
        let (ann, bob) = (Secret::new("ann's"), Secret::new("bob's"));
        assert!(is_token(&ann, &token(&ann)));
        assert!(!is_token(&ann, &token(&bob)));
        assert!(!is_token(&ann, ""));
        assert!(!token(&ann).contains("ann"));
        assert_eq!(token(&ann).len(), 43);
    }
}
