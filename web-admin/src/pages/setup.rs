//! Set-up: from the link on the box's screen to a home with a name and an administrator.
//!
//! There is no default password. The code in the link proves that somebody stood in front of
//! the box; it works once, and the daemon checks it before showing the form and again with it.

use admin_api::{ProblemKind, Secret, setup};
use askama::Template;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Deserialize;

use super::{Needs, Page, Route, sign_in};
use crate::App;
use crate::access::Visitor;
use crate::address::Asked;
use crate::agent;
use crate::form::Form;
use crate::limits::TOKEN_BYTES_MAX;
use crate::listen::Peer;
use crate::names;
use crate::new_password;
use crate::problem::{Problem, sentence};
use crate::view::{Field, Frame, render};

/// The page.
pub static PAGE: Page = Page {
    slug: "setup",
    title: "Set-up",
    within: "",
    menus: &[],
    needs: Needs::Nobody,
    routes: &[Route { path: "/setup", methods: || get(show).post(finish) }],
};

#[derive(Template)]
#[template(path = "setup.html")]
struct View {
    frame: Frame,
    code: String,
    suggested: String,
    domain: Field,
    name: Field,
    display_name: Field,
    password_error: Option<&'static str>,
    failed: Option<String>,
}

#[derive(Template)]
#[template(path = "setup_code.html")]
struct CodeView {
    frame: Frame,
    /// Was a code given, and wrong?
    wrong: bool,
    failed: Option<String>,
}

#[derive(Template)]
#[template(path = "setup_done.html")]
struct DoneView {
    frame: Frame,
    domain: String,
}

#[derive(Default, Deserialize)]
struct Query {
    #[serde(default)]
    code: String,
    /// Suggestions of the link (`snug setup link --domain … --admin …`); what the form takes is
    /// checked when it is sent.
    #[serde(default)]
    domain: String,
    #[serde(default)]
    name: String,
}

impl View {
    fn new(code: &str) -> Self {
        let suggested = format!("{}.local", names::host_name());
        Self {
            frame: Frame::new(&PAGE, None).titled("Set up your home"),
            code: code.to_owned(),
            domain: Field::new(&*suggested),
            suggested,
            name: Field::default(),
            display_name: Field::default(),
            password_error: None,
            failed: None,
        }
    }

    /// With the link's suggestions in the fields.
    fn suggesting(mut self, domain: String, name: String) -> Self {
        if !domain.is_empty() {
            self.domain = Field::new(domain);
        }
        if !name.is_empty() {
            self.name = Field::new(name);
        }
        self
    }
}

/// A code as the daemon may see it: people type blanks around it.
fn code_of(text: &str) -> Option<Secret> {
    let code = text.trim();
    let fits = (1..=TOKEN_BYTES_MAX).contains(&code.len());
    // It comes by a link, not by a form, which would have refused a pasted key.
    (fits && !otr::private_key::looks_like(code)).then(|| Secret::new(code))
}

fn ask_for_code(wrong: bool, failed: Option<String>) -> Result<Response, Problem> {
    let frame = Frame::new(&PAGE, None).titled("Set up your home");
    let status = if wrong { StatusCode::FORBIDDEN } else { StatusCode::OK };
    Ok((status, render(&CodeView { frame, wrong, failed })?).into_response())
}

async fn show(
    State(app): State<App>,
    Extension(Peer(address)): Extension<Peer>,
    visitor: Visitor,
    Asked(query): Asked<Query>,
) -> Result<Response, Problem> {
    let code = code_of(&query.code);
    if code.is_some() && app.attempt(address).is_err() {
        return too_many();
    }
    let state = match app.daemon.ask(setup::State { code: code.clone() }).await {
        Ok(state) => state,
        Err(p) if p.kind == ProblemKind::Throttled => {
            return ask_for_code(true, Some(sentence(&p.message)));
        }
        Err(p) => return Err(Problem::Daemon(p)),
    };
    match (state.domain, code) {
        (Some(domain), _) => render(&DoneView { frame: visitor.frame(&PAGE), domain }),
        (None, Some(_)) if state.code_ok => {
            render(&View::new(query.code.trim()).suggesting(query.domain, query.name))
        }
        (None, code) => ask_for_code(code.is_some(), None),
    }
}

fn too_many() -> Result<Response, Problem> {
    let words = "Too many tries from this device. Wait five minutes and try again.";
    let mut response = ask_for_code(true, Some(words.to_owned()))?;
    *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
    Ok(response)
}

#[derive(Deserialize)]
struct FinishForm {
    code: String,
    domain: String,
    name: String,
    #[serde(default)]
    display_name: String,
    password: Secret,
    password_again: Secret,
}

impl FinishForm {
    /// The form again, with what is wrong with it as far as the panel can tell.
    fn check(&self) -> View {
        let mut view = View::new(self.code.trim());
        view.domain = Field::new(self.domain.trim().to_lowercase());
        view.name = Field::new(self.name.trim());
        view.display_name = Field::new(self.display_name.trim());
        if view.domain.value.contains(['@', '/', ' ', ':']) || view.domain.value.is_empty() {
            let suggested = &view.suggested;
            let words = format!("A name such as {suggested} or chat.example.org: no @, no blanks.");
            view.domain.wrong(words);
        }
        if view.name.value.is_empty() || view.name.value.contains(['/', ' ']) {
            view.name.wrong("One word, such as a first name.");
        }
        view.password_error = new_password::error(&self.password, &self.password_again);
        view
    }
}

impl View {
    fn is_fine(&self) -> bool {
        self.domain.error.is_none() && self.name.error.is_none() && self.password_error.is_none()
    }

    fn again(mut self) -> Result<Response, Problem> {
        self.frame = self.frame.to_correct();
        Ok((StatusCode::UNPROCESSABLE_ENTITY, render(&self)?).into_response())
    }
}

async fn finish(
    State(app): State<App>,
    Extension(Peer(address)): Extension<Peer>,
    headers: HeaderMap,
    Form(form): Form<FinishForm>,
) -> Result<Response, Problem> {
    let mut view = form.check();
    if !view.is_fine() {
        return view.again();
    }
    let Some(code) = code_of(&form.code) else { return ask_for_code(true, None) };
    if app.attempt(address).is_err() {
        return too_many();
    }
    let call = setup::Finish {
        code,
        domain: view.domain.value.clone(),
        name: view.name.value.clone(),
        display_name: view.display_name.value.clone(),
        password: form.password,
        address: address.to_string(),
        agent: agent::of(&headers),
    };
    match app.daemon.ask(call).await {
        Ok(signed_in) => sign_in::welcome(&signed_in, ""),
        Err(p) => match p.kind {
            ProblemKind::Invalid | ProblemKind::Conflict => {
                view.failed = Some(sentence(&p.message));
                view.again()
            }
            ProblemKind::SignIn | ProblemKind::Throttled => {
                ask_for_code(true, Some(sentence(&p.message)))
            }
            _ => Err(Problem::Daemon(p)),
        },
    }
}
