//! Push: which devices of a person are woken, by which services, and what those are told.

use admin_api::push::{Choose, Device, List, Off, Preview};
use admin_api::{UnixTime, accounts};
use askama::Template;
use axum::response::Response;
use axum::routing::{get, post};
use serde::Deserialize;

use super::people::{self, shown_name};
use super::{Needs, Page, Route};
use crate::access::Admin;
use crate::address::{Asked, Segments};
use crate::form::Form;
use crate::link;
use crate::problem::{Problem, see_other};
use crate::view::{Frame, render};
use crate::when::{self, When};

/// The page.
pub static PAGE: Page = Page {
    slug: "push",
    title: "Push notifications",
    within: people::PAGE.slug,
    menus: &[],
    needs: Needs::Admin,
    routes: &[
        Route { path: "/push/{name}", methods: || get(show) },
        Route { path: "/push/{name}/off", methods: || post(off) },
        Route { path: "/push/{name}/preview", methods: || post(choose) },
    ],
};

#[derive(Template)]
#[template(path = "push.html")]
struct View {
    frame: Frame,
    name: String,
    person_href: String,
    href: String,
    devices: Vec<Row>,
    preview: Preview,
    done: &'static str,
}

/// One device that is woken.
struct Row {
    service: String,
    node: String,
    called: String,
    since: When,
    failing: bool,
}

impl Row {
    fn new(device: Device, now: UnixTime) -> Self {
        let called = match device.resource.is_empty() {
            true => "A device without a name".to_owned(),
            false => device.resource,
        };
        Self {
            service: device.service,
            node: device.node,
            called,
            since: When::new(device.since, now),
            failing: device.failing,
        }
    }
}

#[derive(Default, Deserialize)]
struct Query {
    #[serde(default)]
    done: String,
}

async fn show(
    admin: Admin,
    Segments(name): Segments<String>,
    Asked(query): Asked<Query>,
) -> Result<Response, Problem> {
    let now = when::now();
    let account = admin.call(accounts::Show { name: name.clone() }).await?;
    let devices = admin.call(List { name: Some(name.clone()) }).await?;
    let preview = admin.call(Choose { name, preview: None }).await?;
    let person = shown_name(&account).to_owned();
    let done = match query.done.as_str() {
        "off" => "That device is not woken any more.",
        "preview" => "Saved.",
        _ => "",
    };
    render(&View {
        frame: admin.frame(&PAGE).titled(&format!("Push for {person}")),
        name: person,
        person_href: link::person(&account.jid),
        href: link::push(&account.jid),
        devices: devices.into_iter().map(|device| Row::new(device, now)).collect(),
        preview,
        done,
    })
}

#[derive(Deserialize)]
struct OffForm {
    service: String,
    node: String,
}

async fn off(
    admin: Admin,
    Segments(name): Segments<String>,
    Form(form): Form<OffForm>,
) -> Result<Response, Problem> {
    let back = format!("{}?done=off", link::push(&name));
    let call = Off { name, service: form.service, node: Some(form.node) };
    match admin.call(call).await {
        Ok(_) => {}
        // It was switched off elsewhere, which is what was wanted.
        Err(Problem::Daemon(p)) if p.kind == admin_api::ProblemKind::NotFound => {}
        Err(problem) => return Err(problem),
    }
    Ok(see_other(&back))
}

#[derive(Deserialize)]
struct PreviewForm {
    preview: Preview,
}

async fn choose(
    admin: Admin,
    Segments(name): Segments<String>,
    Form(form): Form<PreviewForm>,
) -> Result<Response, Problem> {
    let back = format!("{}?done=preview", link::push(&name));
    admin.call(Choose { name, preview: Some(form.preview) }).await?;
    Ok(see_other(&back))
}
