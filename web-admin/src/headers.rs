//! What every response says about itself to the browser.
//!
//! There is no `Strict-Transport-Security`, on purpose: plain HTTP is not offered, so there is
//! nothing to downgrade to, and before a device trusts the home's own authority a browser that
//! remembers it (RFC 6797 §8.4) would lock its owner out instead of asking.
//!
//! Invariant: no page may load anything from elsewhere, be framed, or run inline script.

use axum::extract::Request;
use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;

/// CSP Level 3: everything is forbidden, then what our pages use is allowed.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; \
    form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// `same-origin` and not `no-referrer`: with the latter, browsers send `Origin: null` with our
/// own forms (Fetch §3.2), and older ones would fail the check of [`crate::csrf`]. Other sites
/// get no referrer either way.
const FIXED: [(HeaderName, &str); 7] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (
        HeaderName::from_static("permissions-policy"),
        "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
    ),
];

/// Puts the headers on every response. What says nothing about caching is not to be stored:
/// pages show people, addresses and, once, passwords.
pub async fn put(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    put_on(response.headers_mut());
    response
}

fn put_on(headers: &mut HeaderMap) {
    for (name, value) in FIXED {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}
