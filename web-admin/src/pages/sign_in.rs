//! Sign in: with the name and password of an administrator's account.
//!
//! The daemon checks the password, limits tries per account and makes the session; the panel
//! adds a limit per address ([`crate::throttle`]).

use admin_api::{ProblemKind, Secret, panel};
use askama::Template;
use axum::extract::{Extension, State};
use axum::http::header::{RETRY_AFTER, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Deserialize;

use super::{Needs, Page, Route, home};
use crate::App;
use crate::access::Visitor;
use crate::address::Asked;
use crate::agent;
use crate::cookie;
use crate::form::Form;
use crate::link;
use crate::listen::Peer;
use crate::problem::{Problem, see_other, sentence};
use crate::view::{Field, Frame, render};

/// The page.
pub static PAGE: Page = Page {
    slug: "sign-in",
    title: "Sign in",
    within: "",
    menus: &[],
    needs: Needs::Nobody,
    routes: &[Route { path: "/sign-in", methods: || get(show).post(sign_in) }],
};

#[derive(Template)]
#[template(path = "sign_in.html")]
struct View {
    frame: Frame,
    name: Field,
    next: String,
    failed: Option<String>,
}

#[derive(Default, Deserialize)]
struct Query {
    #[serde(default)]
    next: String,
}

async fn show(visitor: Visitor, Asked(query): Asked<Query>) -> Result<Response, Problem> {
    let next = link::return_path(&query.next);
    if visitor.session.is_some() {
        return Ok(see_other(next));
    }
    let failed = visitor.trouble.as_ref().map(|p| sentence(&p.message));
    let frame = visitor.frame(&PAGE);
    render(&View { frame, name: Field::default(), next: next.to_owned(), failed })
}

#[derive(Deserialize)]
struct SignInForm {
    name: String,
    password: Secret,
    #[serde(default)]
    next: String,
}

async fn sign_in(
    State(app): State<App>,
    Extension(Peer(address)): Extension<Peer>,
    headers: HeaderMap,
    Form(form): Form<SignInForm>,
) -> Result<Response, Problem> {
    let next = link::return_path(&form.next).to_owned();
    let name = form.name.trim().to_owned();
    let again = |status: StatusCode, failed: String| -> Result<Response, Problem> {
        let frame = Frame::new(&PAGE, None).to_correct();
        let name = Field::new(name.clone());
        let view = View { frame, name, next: next.clone(), failed: Some(failed) };
        Ok((status, render(&view)?).into_response())
    };
    if let Err(wait) = app.attempt(address) {
        let minutes = wait.as_secs().div_ceil(60);
        let words = format!("Too many tries from this device. Try again in {minutes} minutes.");
        let mut response = again(StatusCode::TOO_MANY_REQUESTS, words)?;
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(wait.as_secs()));
        return Ok(response);
    }
    let call = panel::SignIn {
        name: name.clone(),
        password: form.password,
        address: address.to_string(),
        agent: agent::of(&headers),
    };
    match app.daemon.ask(call).await {
        Ok(signed_in) => welcome(&signed_in, &next),
        Err(p) => match p.kind {
            ProblemKind::SignIn | ProblemKind::Invalid | ProblemKind::Forbidden => {
                again(StatusCode::FORBIDDEN, sentence(&p.message))
            }
            ProblemKind::Throttled => again(StatusCode::TOO_MANY_REQUESTS, sentence(&p.message)),
            _ => Err(Problem::Daemon(p)),
        },
    }
}

/// Leads a person who has just signed in to `next`, with the session's cookie.
///
/// # Errors
/// [`Problem::Ours`] if the daemon's token does not fit into a cookie.
pub(super) fn welcome(signed_in: &panel::SignedIn, next: &str) -> Result<Response, Problem> {
    let cookie = cookie::set(&signed_in.token).ok_or(Problem::Ours)?;
    let mut response = see_other(if next.is_empty() { home::PAGE.href() } else { next });
    response.headers_mut().append(SET_COOKIE, cookie);
    Ok(response)
}
