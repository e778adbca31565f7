//! What the address of a request asks for: parts of its path, and its query.
//!
//! Invariant: an address that makes no sense leads to a page of ours, never to a bare error.

use axum::extract::{FromRequestParts, Path, Query};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use crate::App;
use crate::problem::Problem;

/// The variable parts of the path.
#[derive(Debug)]
pub struct Segments<T>(pub T);

impl<T: DeserializeOwned + Send> FromRequestParts<App> for Segments<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Self::Rejection> {
        let path = Path::<T>::from_request_parts(parts, app).await;
        path.map(|Path(value)| Self(value)).map_err(|_| Problem::NoSuchPage)
    }
}

/// The query; what cannot be read is as good as absent.
#[derive(Debug)]
pub struct Asked<T>(pub T);

impl<T: DeserializeOwned + Default> FromRequestParts<App> for Asked<T> {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _app: &App) -> Result<Self, Self::Rejection> {
        Ok(Self(Query::<T>::try_from_uri(&parts.uri).map(|Query(value)| value).unwrap_or_default()))
    }
}
