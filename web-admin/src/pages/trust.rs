//! Trust: the certificate of the home's own authority, to be installed on each device.

use admin_api::tls;
use askama::Template;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::Response;
use axum::routing::get;

use super::{Menu, Needs, Page, Route};
use crate::App;
use crate::access::Visitor;
use crate::names;
use crate::problem::Problem;
use crate::view::{Frame, render};

/// The page.
pub static PAGE: Page = Page {
    slug: "trust",
    title: "Certificate",
    within: "",
    menus: &[Menu::Footer(20)],
    needs: Needs::Nobody,
    routes: &[
        Route { path: "/ca", methods: || get(show) },
        Route { path: "/ca.crt", methods: || get(download) },
    ],
};

#[derive(Template)]
#[template(path = "trust.html")]
struct View {
    frame: Frame,
    host: String,
    /// Four digits each; empty if certificates come from elsewhere.
    groups: Vec<String>,
    own: bool,
}

async fn show(State(app): State<App>, visitor: Visitor) -> Result<Response, Problem> {
    let authority = app.daemon.ask(tls::Authority {}).await.map_err(Problem::Daemon)?;
    render(&View {
        frame: visitor.frame(&PAGE).titled("Trust this home"),
        host: names::host_name(),
        groups: groups(&authority.sha256),
        own: authority.pem.is_some(),
    })
}

/// Pairs of digits, upper case, eight pairs to a group: people compare them with what their
/// device shows.
fn groups(sha256: &str) -> Vec<String> {
    let digits: Vec<char> = sha256.to_ascii_uppercase().chars().collect();
    let pairs: Vec<String> = digits.chunks(2).map(|pair| pair.iter().collect()).collect();
    pairs.chunks(8).map(|group| group.join(":")).collect()
}

async fn download(State(app): State<App>) -> Result<Response, Problem> {
    let authority = app.daemon.ask(tls::Authority {}).await.map_err(Problem::Daemon)?;
    let pem = authority.pem.ok_or(Problem::NoSuchPage)?;
    let mut response = Response::new(Body::from(pem));
    let headers = response.headers_mut();
    // The type that makes phones and browsers offer to install it.
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-x509-ca-cert"));
    let name = HeaderValue::from_static("inline; filename=\"snug-home-ca.crt\"");
    headers.insert(CONTENT_DISPOSITION, name);
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digits_are_grouped_for_comparing() {
        let shown = groups(&"0a".repeat(32));
        assert_eq!(shown.len(), 4);
        assert_eq!(shown[0], "0A:0A:0A:0A:0A:0A:0A:0A");
        assert!(groups("").is_empty());
    }
}
