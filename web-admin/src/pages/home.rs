//! Home: leads everybody to the right place.
//!
//! An administrator sees how the home is doing; a visitor is led to sign in, or to set-up.

use std::sync::Arc;

use admin_api::accounts::{self, State as AccountState};
use admin_api::setup;
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;

use super::{Needs, Page, Route, health};
use crate::App;
use crate::access::Admin;
use crate::problem::Problem;
use crate::report::Gathered;
use crate::view::{Frame, render};

/// The page.
pub static PAGE: Page = Page {
    slug: "",
    title: "Home",
    within: "",
    menus: &[],
    needs: Needs::Nobody,
    routes: &[Route { path: "/", methods: || get(show) }],
};

#[derive(Template)]
#[template(path = "home.html")]
struct View {
    frame: Frame,
    name: String,
    domain: String,
    people: usize,
    connected: u32,
    fingerprints: u32,
    health: Arc<Gathered>,
    summary: &'static str,
}

#[derive(Template)]
#[template(path = "welcome.html")]
struct VisitorView {
    frame: Frame,
    /// The home's domain; `None` before set-up.
    domain: Option<String>,
}

async fn show(State(app): State<App>, admin: Result<Admin, Problem>) -> Result<Response, Problem> {
    let admin = match admin {
        Ok(admin) => admin,
        Err(Problem::SignIn { .. }) => return welcome(&app).await,
        Err(problem) => return Err(problem),
    };
    let accounts = admin.call(accounts::List {}).await?;
    let there = |a: &&accounts::Account| !matches!(a.state, AccountState::Deleted { .. });
    let health = app.health.look(&app.daemon).await;
    render(&View {
        frame: admin.frame(&PAGE),
        summary: health::summary(health.report.status),
        health,
        name: admin.session.name().to_owned(),
        domain: admin.session.person.domain.clone(),
        people: accounts.iter().filter(there).count(),
        connected: accounts.iter().map(|a| a.sessions).sum(),
        fingerprints: accounts.iter().map(|a| a.fingerprints).sum(),
    })
}

async fn welcome(app: &App) -> Result<Response, Problem> {
    let state = app.daemon.ask(setup::State { code: None }).await.map_err(Problem::Daemon)?;
    render(&VisitorView { frame: Frame::new(&PAGE, None).titled("Welcome"), domain: state.domain })
}
