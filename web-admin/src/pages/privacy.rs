//! Privacy: what this box keeps, for how long, and with whom it talks.

use admin_api::push::{Service, Services};
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use tokio::time::timeout;

use super::{Menu, Needs, Page, Route};
use crate::App;
use crate::access::Visitor;
use crate::limits::VISITOR_TIME_MAX;
use crate::problem::Problem;
use crate::view::{Frame, render};

/// The page.
pub static PAGE: Page = Page {
    slug: "privacy",
    title: "Privacy",
    within: "",
    menus: &[Menu::Footer(30)],
    needs: Needs::Nobody,
    routes: &[Route { path: "/privacy", methods: || get(show) }],
};

#[derive(Template)]
#[template(path = "privacy.html")]
struct View {
    frame: Frame,
    offline_messages: u32,
    /// Push services in use; `None` = not known, since the server does not answer.
    push: Option<Vec<Service>>,
}

async fn show(State(app): State<App>, visitor: Visitor) -> Result<Response, Problem> {
    let push = timeout(VISITOR_TIME_MAX, app.daemon.ask(Services {})).await;
    render(&View {
        frame: visitor.frame(&PAGE),
        offline_messages: app.settings.offline_messages,
        push: push.ok().and_then(Result::ok),
    })
}
