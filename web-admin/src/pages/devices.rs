//! Devices: the chat apps that the person logs in with, where they are signed in to this panel, and
//! ending either.

use admin_api::devices::{self, Device};
use admin_api::panel::{Revoke, Session, Sessions};
use askama::Template;
use axum::response::Response;
use axum::routing::{get, post};
use serde::Deserialize;

use super::{Menu, Needs, Page, Route};
use crate::access::Member;
use crate::address::Asked;
use crate::agent;
use crate::form::Form;
use crate::problem::{Problem, see_other};
use crate::view::{Frame, render};
use crate::when::{self, When};

/// The page.
pub static PAGE: Page = Page {
    slug: "devices",
    title: "Your devices",
    within: "",
    menus: &[Menu::Account(10)],
    needs: Needs::Admin,
    routes: &[
        Route { path: "/devices", methods: || get(show) },
        Route { path: "/devices/app", methods: || post(end_app) },
        Route { path: "/devices/end", methods: || post(end) },
        Route { path: "/devices/end-others", methods: || post(end_others) },
    ],
};

#[derive(Template)]
#[template(path = "devices.html")]
struct View {
    frame: Frame,
    apps: Vec<App>,
    sessions: Vec<Row>,
    others: usize,
    done: &'static str,
}

/// A chat app of the person.
struct App {
    id: String,
    name: String,
    place: String,
    last_seen: When,
    connected: bool,
    password: bool,
    token: bool,
}

impl App {
    fn new(app: &Device, now: admin_api::UnixTime) -> Self {
        let unnamed = || "A chat app without a name".to_owned();
        // Without a name of its own, its address tells most.
        let resource = app.session.as_deref().and_then(|jid| jid.split_once('/'));
        let place = app.device.clone();
        Self {
            id: app.id.clone(),
            name: app.software.clone().unwrap_or_else(unnamed),
            place: place.or(resource.map(|(_, r)| r.to_owned())).unwrap_or_default(),
            last_seen: When::day(app.last_seen, now),
            connected: app.session.is_some(),
            password: app.password,
            token: app.token,
        }
    }
}

/// One place where the person is signed in.
struct Row {
    id: String,
    browser: String,
    agent: String,
    address: String,
    since: When,
    last_used: When,
    current: bool,
}

impl Row {
    fn new(session: &Session, now: admin_api::UnixTime) -> Self {
        Self {
            id: session.id.clone(),
            browser: agent::in_words(&session.agent),
            agent: session.agent.clone(),
            address: session.address.clone(),
            since: When::new(session.since, now),
            last_used: When::new(session.last_used, now),
            current: session.current,
        }
    }
}

#[derive(Default, Deserialize)]
struct Query {
    #[serde(default)]
    done: String,
}

async fn show(member: Member, Asked(query): Asked<Query>) -> Result<Response, Problem> {
    let now = when::now();
    let sessions = member.call(Sessions {}).await?;
    let apps = member.call(devices::List { name: member.session.person.jid.clone() }).await?;
    let done = match query.done.as_str() {
        "app" => "That chat app is signed out. With the password it can come back.",
        "ended" => "That device is signed out.",
        "others" => "All other devices are signed out.",
        _ => "",
    };
    render(&View {
        frame: member.frame(&PAGE),
        apps: apps.iter().map(|app| App::new(app, now)).collect(),
        others: sessions.iter().filter(|s| !s.current).count(),
        sessions: sessions.iter().map(|s| Row::new(s, now)).collect(),
        done,
    })
}

#[derive(Deserialize)]
struct EndForm {
    id: String,
}

async fn end(member: Member, Form(form): Form<EndForm>) -> Result<Response, Problem> {
    match member.call(Revoke::One(form.id)).await {
        Ok(_) => {}
        // It has ended by itself, which is what was wanted.
        Err(Problem::Daemon(p)) if p.kind == admin_api::ProblemKind::NotFound => {}
        Err(problem) => return Err(problem),
    }
    Ok(see_other("/devices?done=ended"))
}

async fn end_app(member: Member, Form(form): Form<EndForm>) -> Result<Response, Problem> {
    let name = member.session.person.jid.clone();
    match member.call(devices::Revoke { name, id: form.id }).await {
        Ok(_) => {}
        // It is gone already, which is what was wanted.
        Err(Problem::Daemon(p)) if p.kind == admin_api::ProblemKind::NotFound => {}
        Err(problem) => return Err(problem),
    }
    Ok(see_other("/devices?done=app"))
}

/// A form without fields of its own.
#[derive(Deserialize)]
struct Button {}

async fn end_others(member: Member, Form(Button {}): Form<Button>) -> Result<Response, Problem> {
    member.call(Revoke::Others).await?;
    Ok(see_other("/devices?done=others"))
}
