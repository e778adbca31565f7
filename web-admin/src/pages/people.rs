//! People: everybody of the home, and adding somebody.

use admin_api::UnixTime;
use admin_api::accounts::{self, Account, Role, State};
use askama::Template;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Deserialize;

use super::{Menu, Needs, Page, Route};
use crate::access::Admin;
use crate::address::Asked;
use crate::form::Form;
use crate::handover;
use crate::link;
use crate::new_password::{NewPassword, PasswordFields};
use crate::problem::Problem;
use crate::view::{Face, Field, Frame, render};
use crate::when::{self, When};

/// The page.
pub static PAGE: Page = Page {
    slug: "people",
    title: "People",
    within: "",
    menus: &[Menu::Main(10)],
    needs: Needs::Admin,
    routes: &[
        Route { path: "/people", methods: || get(show) },
        Route { path: "/people/add", methods: || get(ask).post(add) },
    ],
};

#[derive(Template)]
#[template(path = "people.html")]
struct View {
    frame: Frame,
    domain: String,
    people: Vec<Row>,
    removed: Option<Row>,
}

/// A person as a line of the list.
struct Row {
    face: Face,
    href: String,
    fingerprints_href: String,
    name: String,
    jid: String,
    admin: bool,
    own: bool,
    locked: bool,
    gone: Option<When>,
    sessions: u32,
    fingerprints: u32,
    seen: Option<When>,
}

impl Row {
    fn new(account: &Account, admin: &Admin, now: UnixTime) -> Self {
        Self {
            face: Face::new(shown_name(account), &account.jid),
            href: link::person(&account.jid),
            fingerprints_href: link::fingerprints(&account.jid),
            name: shown_name(account).to_owned(),
            jid: account.jid.clone(),
            admin: account.role == Role::Admin,
            own: admin.is(&account.jid),
            locked: account.state == State::Locked,
            gone: match account.state {
                State::Deleted { until } => Some(When::new(until, now)),
                State::Active | State::Locked => None,
            },
            sessions: account.sessions,
            fingerprints: account.fingerprints,
            seen: account.last_login_day.map(|day| When::day(day, now)),
        }
    }
}

/// What to call a person: the name shown to people, or the part before the `@`.
pub(super) fn shown_name(account: &Account) -> &str {
    match account.display_name.as_str() {
        "" => link::local(&account.jid),
        name => name,
    }
}

#[derive(Default, Deserialize)]
struct Query {
    /// Localpart of an account that was just deleted.
    deleted: Option<String>,
}

async fn show(admin: Admin, Asked(query): Asked<Query>) -> Result<Response, Problem> {
    let now = when::now();
    let accounts = admin.call(accounts::List {}).await?;
    let people: Vec<Row> = accounts.iter().map(|a| Row::new(a, &admin, now)).collect();
    let removed = accounts.iter().find(|a| {
        matches!(a.state, State::Deleted { .. })
            && query.deleted.as_deref() == Some(link::local(&a.jid))
    });
    render(&View {
        frame: admin.frame(&PAGE),
        domain: admin.session.person.domain.clone(),
        removed: removed.map(|a| Row::new(a, &admin, now)),
        people,
    })
}

#[derive(Template)]
#[template(path = "people_add.html")]
struct AddView {
    frame: Frame,
    domain: String,
    name: Field,
    display_name: Field,
    password: PasswordFields,
    admin: bool,
}

impl AddView {
    fn new(admin: &Admin) -> Self {
        Self {
            frame: admin.frame(&PAGE).titled("Add somebody"),
            domain: admin.session.person.domain.clone(),
            name: Field::default(),
            display_name: Field::default(),
            password: PasswordFields::default(),
            admin: false,
        }
    }

    fn again(mut self) -> Result<Response, Problem> {
        self.frame = self.frame.to_correct();
        Ok((StatusCode::UNPROCESSABLE_ENTITY, render(&self)?).into_response())
    }
}

async fn ask(admin: Admin) -> Result<Response, Problem> {
    render(&AddView::new(&admin))
}

#[derive(Deserialize)]
struct AddForm {
    name: String,
    #[serde(default)]
    display_name: String,
    #[serde(flatten)]
    password: NewPassword,
    /// Present when ticked.
    admin: Option<String>,
}

async fn add(admin: Admin, Form(form): Form<AddForm>) -> Result<Response, Problem> {
    let mut view = AddView::new(&admin);
    view.name = Field::new(form.name.trim());
    view.display_name = Field::new(form.display_name.trim());
    view.password = form.password.fields();
    view.admin = form.admin.is_some();
    if view.name.value.is_empty() {
        view.name.wrong("Give the first part of the address, such as a first name.");
    }
    if view.name.error.is_some() || view.password.error.is_some() {
        return view.again();
    }
    let call = accounts::Add {
        name: view.name.value.clone(),
        display_name: view.display_name.value.clone(),
        password: form.password.chosen(),
        role: if view.admin { Role::Admin } else { Role::Member },
    };
    match admin.call(call).await {
        Ok(added) => handover::show(&admin, &PAGE, handover::Occasion::New, added).await,
        Err(problem) => {
            view.name.wrong(problem.at_form()?);
            view.again()
        }
    }
}
