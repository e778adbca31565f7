//! One person: password, lock, role, deleting and bringing back.

use admin_api::accounts::{self, Account, Role, State};
use askama::Template;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Deserialize;

use super::people::{self, shown_name};
use super::{Needs, Page, Route};
use crate::access::Admin;
use crate::address::{Asked, Segments};
use crate::form::Form;
use crate::handover;
use crate::link;
use crate::new_password::{NewPassword, PasswordFields};
use crate::problem::{Problem, see_other};
use crate::view::{Face, Field, Frame, render};
use crate::when::{self, When};

/// The page.
pub static PAGE: Page = Page {
    slug: "person",
    title: "Person",
    within: people::PAGE.slug,
    menus: &[],
    needs: Needs::Admin,
    routes: &[
        Route { path: "/person/{name}", methods: || get(show) },
        Route { path: "/person/{name}/password", methods: || post(password) },
        Route { path: "/person/{name}/lock", methods: || post(lock) },
        Route { path: "/person/{name}/unlock", methods: || post(unlock) },
        Route { path: "/person/{name}/role", methods: || post(role) },
        Route { path: "/person/{name}/delete", methods: || get(ask_delete).post(delete) },
        Route { path: "/person/{name}/restore", methods: || post(restore) },
    ],
};

/// Days in which a deleted account can be brought back.
const GRACE_DAYS: u16 = 14;

#[derive(Template)]
#[template(path = "person.html")]
struct View {
    frame: Frame,
    face: Face,
    name: String,
    jid: String,
    href: String,
    fingerprints_href: String,
    push_href: String,
    admin: bool,
    own: bool,
    locked: bool,
    gone: Option<When>,
    created: When,
    seen: Option<When>,
    sessions: u32,
    fingerprints: u32,
    password: PasswordFields,
    done: &'static str,
    failed: Option<String>,
}

impl View {
    fn new(admin: &Admin, account: &Account) -> Self {
        let now = when::now();
        let name = shown_name(account).to_owned();
        Self {
            frame: admin.frame(&PAGE).titled(&name),
            face: Face::new(&name, &account.jid),
            jid: account.jid.clone(),
            href: link::person(&account.jid),
            fingerprints_href: link::fingerprints(&account.jid),
            push_href: link::push(&account.jid),
            admin: account.role == Role::Admin,
            own: admin.is(&account.jid),
            locked: account.state == State::Locked,
            gone: match account.state {
                State::Deleted { until } => Some(When::new(until, now)),
                State::Active | State::Locked => None,
            },
            created: When::day(account.created, now),
            seen: account.last_login_day.map(|day| When::day(day, now)),
            sessions: account.sessions,
            fingerprints: account.fingerprints,
            password: PasswordFields::default(),
            done: "",
            failed: None,
            name,
        }
    }

    fn again(mut self) -> Result<Response, Problem> {
        self.frame = self.frame.to_correct();
        Ok((StatusCode::UNPROCESSABLE_ENTITY, render(&self)?).into_response())
    }
}

#[derive(Default, Deserialize)]
struct Query {
    #[serde(default)]
    done: String,
}

/// What a form of this page just did, in words.
fn done(word: &str) -> &'static str {
    match word {
        "locked" => "The account is locked. Its chat programs were disconnected.",
        "unlocked" => "The account is unlocked and can sign in again.",
        "admin" => "This person is now an administrator.",
        "member" => "This person is no administrator any more.",
        "restored" => "The account is back, with everything that was in it.",
        _ => "",
    }
}

async fn show(
    admin: Admin,
    Segments(name): Segments<String>,
    Asked(query): Asked<Query>,
) -> Result<Response, Problem> {
    let account = admin.call(accounts::Show { name }).await?;
    render(&View { done: done(&query.done), ..View::new(&admin, &account) })
}

async fn password(
    admin: Admin,
    Segments(name): Segments<String>,
    Form(form): Form<NewPassword>,
) -> Result<Response, Problem> {
    let fields = form.fields();
    if fields.error.is_some() {
        let account = admin.call(accounts::Show { name }).await?;
        return View { password: fields, ..View::new(&admin, &account) }.again();
    }
    let call = accounts::SetPassword { name: name.clone(), password: form.chosen() };
    match admin.call(call).await {
        Ok(added) => handover::show(&admin, &PAGE, handover::Occasion::NewPassword, added).await,
        Err(problem) => failed(&admin, name, problem).await,
    }
}

/// A form without fields of its own.
#[derive(Deserialize)]
struct Button {}

async fn lock(
    admin: Admin,
    Segments(name): Segments<String>,
    Form(Button {}): Form<Button>,
) -> Result<Response, Problem> {
    let result = admin.call(accounts::Lock { name: name.clone(), locked: true }).await;
    after(&admin, name, result, "locked").await
}

async fn unlock(
    admin: Admin,
    Segments(name): Segments<String>,
    Form(Button {}): Form<Button>,
) -> Result<Response, Problem> {
    let result = admin.call(accounts::Lock { name: name.clone(), locked: false }).await;
    after(&admin, name, result, "unlocked").await
}

#[derive(Deserialize)]
struct RoleForm {
    role: Role,
}

async fn role(
    admin: Admin,
    Segments(name): Segments<String>,
    Form(form): Form<RoleForm>,
) -> Result<Response, Problem> {
    let result = admin.call(accounts::SetRole { name: name.clone(), role: form.role }).await;
    let word = match form.role {
        Role::Admin => "admin",
        Role::Member => "member",
    };
    after(&admin, name, result, word).await
}

async fn restore(
    admin: Admin,
    Segments(name): Segments<String>,
    Form(Button {}): Form<Button>,
) -> Result<Response, Problem> {
    let result = admin.call(accounts::Restore { name: name.clone() }).await;
    after(&admin, name, result, "restored").await
}

async fn after(
    admin: &Admin,
    name: String,
    result: Result<Account, Problem>,
    word: &str,
) -> Result<Response, Problem> {
    match result {
        Ok(account) => Ok(see_other(&format!("{}?done={word}", link::person(&account.jid)))),
        Err(problem) => failed(admin, name, problem).await,
    }
}

/// The page again, with what the daemon refused ("the last administrator…").
async fn failed(admin: &Admin, name: String, problem: Problem) -> Result<Response, Problem> {
    let words = problem.at_form()?;
    let account = admin.call(accounts::Show { name }).await?;
    View { failed: Some(words), ..View::new(admin, &account) }.again()
}

#[derive(Template)]
#[template(path = "person_delete.html")]
struct DeleteView {
    frame: Frame,
    name: String,
    local: String,
    jid: String,
    href: String,
    own: bool,
    deleted: bool,
    grace_days: u16,
    now: bool,
    confirm: Field,
}

impl DeleteView {
    fn new(admin: &Admin, account: &Account) -> Self {
        let name = shown_name(account).to_owned();
        let deleted = matches!(account.state, State::Deleted { .. });
        Self {
            frame: admin.frame(&PAGE).titled(&format!("Delete {name}?")),
            local: link::local(&account.jid).to_owned(),
            jid: account.jid.clone(),
            href: link::person(&account.jid),
            own: admin.is(&account.jid),
            deleted,
            grace_days: GRACE_DAYS,
            now: deleted,
            confirm: Field::default(),
            name,
        }
    }
}

async fn ask_delete(admin: Admin, Segments(name): Segments<String>) -> Result<Response, Problem> {
    let account = admin.call(accounts::Show { name }).await?;
    render(&DeleteView::new(&admin, &account))
}

#[derive(Deserialize)]
struct DeleteForm {
    /// `now` or `later`.
    when: String,
    #[serde(default)]
    confirm: String,
}

async fn delete(
    admin: Admin,
    Segments(name): Segments<String>,
    Form(form): Form<DeleteForm>,
) -> Result<Response, Problem> {
    let account = admin.call(accounts::Show { name }).await?;
    let mut view = DeleteView::new(&admin, &account);
    view.now = form.when == "now";
    view.confirm = Field::new(form.confirm.trim());
    if view.now && view.confirm.value != view.local {
        view.confirm.wrong(format!("To delete everything now, type {} here.", view.local));
        view.frame = view.frame.to_correct();
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, render(&view)?).into_response());
    }
    let grace_days = if view.now { 0 } else { GRACE_DAYS };
    let call = accounts::Delete { name: view.local.clone(), grace_days: Some(grace_days) };
    match admin.call(call).await {
        Ok(_) if view.now => Ok(see_other(people::PAGE.href())),
        Ok(account) => {
            let local = link::encode(link::local(&account.jid));
            Ok(see_other(&format!("{}?deleted={local}", people::PAGE.href())))
        }
        Err(problem) => failed(&admin, view.local, problem).await,
    }
}
