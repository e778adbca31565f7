//! The stylesheet, the script and the icon.
//!
//! They are part of the program. Their names hold a hash of their content, so that browsers may
//! keep them for good and still see every change at once.

use std::fmt::Write;
use std::sync::LazyLock;

use axum::body::Body;
use axum::extract::Path;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use axum::response::Response;
use sha2::{Digest, Sha256};

use crate::problem::Problem;

/// Below which path they are served.
pub const PATH: &str = "/static/{name}";

/// A file that is part of the program.
#[derive(Debug)]
struct Asset {
    stem: &'static str,
    extension: &'static str,
    mime: &'static str,
    bytes: &'static [u8],
}

const CSS: Asset = Asset {
    stem: "snug",
    extension: "css",
    mime: "text/css; charset=utf-8",
    bytes: include_bytes!("../assets/snug.css"),
};
const SCRIPT: Asset = Asset {
    stem: "snug",
    extension: "js",
    mime: "text/javascript; charset=utf-8",
    bytes: include_bytes!("../assets/snug.js"),
};
const ICON: Asset = Asset {
    stem: "snug",
    extension: "svg",
    mime: "image/svg+xml",
    bytes: include_bytes!("../assets/snug.svg"),
};

/// Where pages find them.
#[derive(Debug)]
pub struct Links {
    /// The stylesheet.
    pub css: String,
    /// The script.
    pub script: String,
    /// The icon.
    pub icon: String,
}

/// Computed once from the content of the program; never changes.
pub static LINKS: LazyLock<Links> =
    LazyLock::new(|| Links { css: CSS.link(), script: SCRIPT.link(), icon: ICON.link() });

impl Asset {
    fn link(&self) -> String {
        let mut link = format!("/static/{}.", self.stem);
        for byte in Sha256::digest(self.bytes).iter().take(5) {
            // Writing to a String cannot fail.
            let _ = write!(link, "{byte:02x}");
        }
        link + "." + self.extension
    }
}

/// Serves one of them.
///
/// # Errors
/// [`Problem::NoSuchPage`] for every other name.
pub async fn serve(Path(name): Path<String>) -> Result<Response, Problem> {
    let wanted = format!("/static/{name}");
    let links = [(&CSS, &LINKS.css), (&SCRIPT, &LINKS.script), (&ICON, &LINKS.icon)];
    let found = links.into_iter().find(|(_, link)| **link == wanted);
    let (asset, _) = found.ok_or(Problem::NoSuchPage)?;
    let mut response = Response::new(Body::from(asset.bytes));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(asset.mime));
    let keep = HeaderValue::from_static("public, max-age=31536000, immutable");
    headers.insert(CACHE_CONTROL, keep);
    Ok(response)
}
