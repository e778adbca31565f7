//! Sign out: ends the session of this browser.
//!
//! For everybody, so that somebody who is no administrator any more can leave too.

use askama::Template;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::SET_COOKIE;
use axum::response::Response;
use axum::routing::get;
use serde::Deserialize;

use super::{Menu, Needs, Page, Route};
use crate::App;
use crate::access::Visitor;
use crate::cookie;
use crate::form::Form;
use crate::problem::{Problem, see_other};
use crate::view::{Frame, render};

/// The page.
pub static PAGE: Page = Page {
    slug: "sign-out",
    title: "Sign out",
    within: "",
    menus: &[Menu::Account(20)],
    needs: Needs::Nobody,
    routes: &[Route { path: "/sign-out", methods: || get(ask).post(sign_out) }],
};

#[derive(Template)]
#[template(path = "sign_out.html")]
struct View {
    frame: Frame,
}

async fn ask(visitor: Visitor) -> Result<Response, Problem> {
    render(&View { frame: visitor.frame(&PAGE) })
}

/// A form without fields of its own.
#[derive(Deserialize)]
struct Button {}

async fn sign_out(
    State(app): State<App>,
    headers: HeaderMap,
    Form(Button {}): Form<Button>,
) -> Result<Response, Problem> {
    app.daemon.sign_out(&headers).await.map_err(Problem::Daemon)?;
    let mut response = see_other("/");
    response.headers_mut().append(SET_COOKIE, cookie::clear());
    Ok(response)
}
