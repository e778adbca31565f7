//! Health: how the home's server is doing, for everybody on the home's network.
//!
//! No sign-in, because it has to work when nobody can sign in, and there is nothing personal in
//! it. The same report is at `/health.json` for programs and at `/metrics` for Prometheus,
//! under the same rule.

use askama::Template;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::Response;
use axum::routing::get;
use health::Status;

use super::{Menu, Needs, Page, Route};
use crate::App;
use crate::access::Visitor;
use crate::problem::Problem;
use crate::view::{Frame, render};
use crate::when::{self, When};

/// The page.
pub static PAGE: Page = Page {
    slug: "health",
    title: "Health",
    within: "",
    menus: &[Menu::Main(40), Menu::Footer(10)],
    needs: Needs::Nobody,
    routes: &[
        Route { path: "/health", methods: || get(show) },
        Route { path: "/health.json", methods: || get(json) },
        Route { path: "/metrics", methods: || get(metrics) },
    ],
};

#[derive(Template)]
#[template(path = "health.html")]
struct View {
    frame: Frame,
    status: Status,
    lines: Vec<Line>,
    at: When,
    summary: &'static str,
}

/// One check. Sentences come in pieces: every second one is a command, to be shown as such.
struct Line {
    title: &'static str,
    status: Status,
    sentence: Vec<String>,
    remedy: Vec<String>,
}

/// Splits at the backticks that stand around commands.
fn pieces(text: &str) -> Vec<String> {
    text.split('`').map(str::to_owned).collect()
}

fn line(line: &health::Line) -> Line {
    Line {
        title: line.title,
        status: line.finding.status,
        sentence: pieces(&line.finding.sentence),
        remedy: line.finding.remedy.as_deref().map(pieces).unwrap_or_default(),
    }
}

/// All of it in one sentence.
pub(super) fn summary(status: Status) -> &'static str {
    match status {
        Status::Fail => "Something is not working.",
        Status::Pass | Status::Skip => "All is well.",
        Status::Warn => "It works, but something needs a look.",
    }
}

async fn show(State(app): State<App>, visitor: Visitor) -> Result<Response, Problem> {
    let gathered = app.health.look(&app.daemon).await;
    render(&View {
        frame: visitor.frame(&PAGE),
        at: When::new(gathered.report.at, when::now()),
        summary: summary(gathered.report.status),
        status: gathered.report.status,
        lines: gathered.report.checks.iter().map(line).collect(),
    })
}

async fn json(State(app): State<App>) -> Result<Response, Problem> {
    let gathered = app.health.look(&app.daemon).await;
    let body = serde_json::to_vec(&gathered.report).map_err(|_| Problem::Ours)?;
    Ok(plain(body, "application/json"))
}

async fn metrics(State(app): State<App>) -> Response {
    let gathered = app.health.look(&app.daemon).await;
    plain(health::prometheus::text(&gathered.facts).into_bytes(), health::prometheus::CONTENT_TYPE)
}

fn plain(body: Vec<u8>, kind: &'static str) -> Response {
    let mut response = Response::new(Body::from(body));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}
