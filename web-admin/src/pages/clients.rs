//! Connected: the chat programs that are connected right now. Nothing of this is stored.

use admin_api::sessions::{Kick, List, Session};
use askama::Template;
use axum::response::Response;
use axum::routing::{get, post};
use serde::Deserialize;

use super::{Menu, Needs, Page, Route};
use crate::access::Admin;
use crate::address::Asked;
use crate::form::Form;
use crate::link;
use crate::problem::{Problem, see_other};
use crate::view::{Frame, render};
use crate::when::{self, When};

/// The page.
pub static PAGE: Page = Page {
    slug: "clients",
    title: "Connected",
    within: "",
    menus: &[Menu::Main(30)],
    needs: Needs::Admin,
    routes: &[
        Route { path: "/clients", methods: || get(show) },
        Route { path: "/clients/kick", methods: || post(kick) },
    ],
};

#[derive(Template)]
#[template(path = "clients.html")]
struct View {
    frame: Frame,
    sessions: Vec<Row>,
    done: &'static str,
}

/// One connection.
struct Row {
    jid: String,
    person: String,
    person_href: String,
    resource: String,
    address: String,
    tls: String,
    mechanism: String,
    since: When,
    available: bool,
    asleep: bool,
}

impl Row {
    fn new(session: &Session, now: admin_api::UnixTime) -> Self {
        let (bare, resource) = session.jid.split_once('/').unwrap_or((&session.jid, ""));
        Self {
            person: link::local(bare).to_owned(),
            person_href: link::person(bare),
            resource: resource.to_owned(),
            address: session.address.clone(),
            tls: session.tls.clone(),
            mechanism: session.mechanism.clone(),
            since: When::new(session.since, now),
            available: session.priority.is_some(),
            asleep: session.asleep,
            jid: session.jid.clone(),
        }
    }
}

#[derive(Default, Deserialize)]
struct Query {
    #[serde(default)]
    done: String,
}

async fn show(admin: Admin, Asked(query): Asked<Query>) -> Result<Response, Problem> {
    let now = when::now();
    let mut sessions = admin.call(List { name: None }).await?;
    sessions.sort_by(|a, b| a.jid.cmp(&b.jid));
    let done = match query.done.as_str() {
        "kicked" => "Disconnected.",
        "gone" => "That program was not connected any more.",
        _ => "",
    };
    let sessions = sessions.iter().map(|s| Row::new(s, now)).collect();
    render(&View { frame: admin.frame(&PAGE), sessions, done })
}

#[derive(Deserialize)]
struct KickForm {
    jid: String,
}

async fn kick(admin: Admin, Form(form): Form<KickForm>) -> Result<Response, Problem> {
    let word = match admin.call(Kick { jid: form.jid }).await {
        Ok(kicked) if kicked.closed.is_empty() => "gone",
        Ok(_) => "kicked",
        Err(Problem::Daemon(p)) if p.kind == admin_api::ProblemKind::NotFound => "gone",
        Err(problem) => return Err(problem),
    };
    Ok(see_other(&format!("{}?done={word}", PAGE.href())))
}
