//! What people type: the only way from a request's body into a page.
//!
//! Invariants: a form is read only if it comes from one of our own pages ([`crate::csrf`]), in
//! bounded time and size; on a page that needs a signed-in person it must carry that person's
//! hidden token; a private key in any of its fields ends here, and no page, log or call ever
//! gets to see it.

use std::pin::Pin;

use axum::body::{Body, HttpBody};
use axum::extract::{FromRequest, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method};
use serde::de::DeserializeOwned;

use crate::App;
use crate::access::Member;
use crate::csrf;
use crate::limits::{FORM_BYTES_MAX, FORM_DISCARDED_BYTES_MAX, FORM_FIELDS_MAX, FORM_TIME_MAX};
use crate::problem::Problem;

const URL_ENCODED: &str = "application/x-www-form-urlencoded";

/// A checked form.
#[derive(Debug)]
pub struct Form<T>(pub T);

impl<T: DeserializeOwned> FromRequest<App> for Form<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _app: &App) -> Result<Self, Self::Rejection> {
        let (parts, body) = request.into_parts();
        if !csrf::is_own_origin(&parts.headers) {
            return Err(Problem::Foreign);
        }
        if !is_url_encoded(&parts.headers) {
            return Err(Problem::Malformed);
        }
        let bytes = read_in_time(body, FORM_BYTES_MAX).await?;
        let fields: Vec<(String, String)> = decode(bytes.clone()).await?;
        if fields.len() > FORM_FIELDS_MAX {
            return Err(Problem::TooLarge);
        }
        if fields.iter().any(|(_, value)| otr::private_key::looks_like(value)) {
            return Err(Problem::PrivateKey);
        }
        let shown = fields.iter().find(|(name, _)| name == csrf::FIELD).map(|(_, v)| v);
        check_token(&parts, shown.map_or("", String::as_str))?;
        decode(bytes).await.map(Self)
    }
}

fn is_url_encoded(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case(URL_ENCODED))
}

/// Is `shown` the hidden token of whoever is signed in, on a page that needs somebody?
///
/// # Errors
/// [`Problem::Foreign`].
pub(crate) fn check_token(parts: &Parts, shown: &str) -> Result<(), Problem> {
    match parts.extensions.get::<Member>() {
        Some(member) if !csrf::is_token(member.session.token(), shown) => Err(Problem::Foreign),
        _ => Ok(()),
    }
}

/// Reads a body of at most `bytes_max`, in bounded time.
///
/// # Errors
/// [`Problem::TooSlow`], [`Problem::TooLarge`].
pub(crate) async fn read_in_time(body: Body, bytes_max: usize) -> Result<Vec<u8>, Problem> {
    let read = tokio::time::timeout(FORM_TIME_MAX, read(body, bytes_max));
    read.await.map_err(|_| Problem::TooSlow)?
}

/// What is longer is read on for a while and thrown away, because a browser shows an answer only
/// after it could send its form.
async fn read(mut body: Body, bytes_max: usize) -> Result<Vec<u8>, Problem> {
    let mut kept = Vec::new();
    let mut seen = 0_usize;
    while let Some(frame) = std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        // A connection that broke gets no answer anyway.
        let Ok(data) = frame.map_err(|_| Problem::Malformed)?.into_data() else { continue };
        seen = seen.saturating_add(data.len());
        if seen > FORM_DISCARDED_BYTES_MAX {
            break;
        }
        if seen <= bytes_max {
            kept.extend_from_slice(&data);
        } else {
            kept = Vec::new();
        }
    }
    if seen > bytes_max { Err(Problem::TooLarge) } else { Ok(kept) }
}

#[expect(clippy::disallowed_types, reason = "the one place, behind all checks above")]
async fn decode<T: DeserializeOwned>(bytes: Vec<u8>) -> Result<T, Problem> {
    let mut request = Request::new(Body::from(bytes));
    *request.method_mut() = Method::POST;
    request.headers_mut().insert(CONTENT_TYPE, axum::http::HeaderValue::from_static(URL_ENCODED));
    let form = axum::Form::<T>::from_request(request, &()).await;
    form.map(|axum::Form(value)| value).map_err(|_| Problem::Malformed)
}
