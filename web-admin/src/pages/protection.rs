//! Encryption: how much the home asks for it, and how much there is.

use admin_api::protection::{Choice, Mode, Person, Rules, Set, Show};
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

/// The page.
pub static PAGE: Page = Page {
    slug: "protection",
    title: "Encryption",
    within: "",
    menus: &[Menu::Main(25)],
    needs: Needs::Admin,
    routes: &[
        Route { path: "/protection", methods: || get(show) },
        Route { path: "/protection/household", methods: || post(household) },
        Route { path: "/protection/person", methods: || post(person) },
    ],
};

#[derive(Template)]
#[template(path = "protection.html")]
struct View {
    frame: Frame,
    rules: Rules,
    done: &'static str,
}

impl View {
    fn name<'a>(&self, person: &'a Person) -> &'a str {
        link::local(&person.jid)
    }
}

#[derive(Default, Deserialize)]
struct Query {
    #[serde(default)]
    done: String,
}

async fn show(admin: Admin, Asked(query): Asked<Query>) -> Result<Response, Problem> {
    let rules = admin.call(Show {}).await?;
    let done = if query.done == "saved" { "The rule is saved." } else { "" };
    render(&View { frame: admin.frame(&PAGE), rules, done })
}

#[derive(Deserialize)]
struct HouseholdForm {
    mode: Mode,
    /// A tick that is not set is not sent.
    #[serde(default)]
    rooms: Option<String>,
}

async fn household(admin: Admin, Form(form): Form<HouseholdForm>) -> Result<Response, Problem> {
    let mode = Some(Choice::Own(form.mode));
    admin.call(Set { mode, rooms: Some(form.rooms.is_some()), ..Set::default() }).await?;
    Ok(see_other("/protection?done=saved"))
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Rule {
    Household,
    Off,
    Encourage,
    Require,
}

#[derive(Deserialize)]
struct PersonForm {
    jid: String,
    rule: Rule,
    #[serde(default)]
    count: Option<String>,
}

async fn person(admin: Admin, Form(form): Form<PersonForm>) -> Result<Response, Problem> {
    let mode = match form.rule {
        Rule::Household => Choice::Household,
        Rule::Off => Choice::Own(Mode::Off),
        Rule::Encourage => Choice::Own(Mode::Encourage),
        Rule::Require => Choice::Own(Mode::Require),
    };
    let count = Some(form.count.is_some());
    admin.call(Set { name: Some(form.jid), mode: Some(mode), count, ..Set::default() }).await?;
    Ok(see_other("/protection?done=saved"))
}
