//! Home: leads everybody to the right place.
//!
//! An administrator sees how the home is doing, a member their own keys and devices; a visitor is
//! led to sign in, or to set-up.

use std::sync::Arc;

use admin_api::accounts::{self, State as AccountState};
use admin_api::fingerprints::{List, State as KeyState};
use admin_api::{devices, setup};
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;

use super::{Needs, Page, Route, health};
use crate::App;
use crate::access::Member;
use crate::link;
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

#[derive(Template)]
#[template(path = "home_member.html")]
struct MemberView {
    frame: Frame,
    name: String,
    domain: String,
    keys: usize,
    /// Keys of which the person has not said whether they are theirs.
    unconfirmed: usize,
    keys_href: String,
    keyring_href: String,
    /// The others.
    people: usize,
    devices: usize,
}

async fn show(
    State(app): State<App>,
    member: Result<Member, Problem>,
) -> Result<Response, Problem> {
    match member {
        Ok(member) if member.session.is_admin() => for_admin(&app, &member).await,
        Ok(member) => for_member(&member).await,
        Err(Problem::SignIn { .. }) => welcome(&app).await,
        Err(problem) => Err(problem),
    }
}

async fn for_member(member: &Member) -> Result<Response, Problem> {
    let person = &member.session.person;
    let keys = member.call(List { name: Some(person.jid.clone()) }).await?;
    let people = member.call(accounts::Names {}).await?;
    let devices = member.call(devices::List { name: person.jid.clone() }).await?;
    let good = keys.iter().filter(|k| k.state != KeyState::Revoked);
    render(&MemberView {
        frame: member.frame(&PAGE),
        name: member.session.name().to_owned(),
        domain: person.domain.clone(),
        unconfirmed: good.clone().filter(|k| k.confirmed.is_none()).count(),
        keys: good.count(),
        keys_href: link::fingerprints(&person.jid),
        keyring_href: link::keyring(&person.jid),
        people: people.iter().filter(|p| p.jid != person.jid).count(),
        devices: devices.len(),
    })
}

async fn for_admin(app: &App, admin: &Member) -> Result<Response, Problem> {
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
