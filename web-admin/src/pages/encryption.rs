//! Your encryption: what the home asks of the person who looks, and how much of their messages was
//! encrypted; whether that is counted is their own choice.

use admin_api::protection::{Mode, One, Own, SetCount};
use askama::Template;
use axum::response::Response;
use axum::routing::{get, post};
use serde::Deserialize;

use super::{Menu, Needs, Page, Route};
use crate::access::Member;
use crate::address::Asked;
use crate::form::Form;
use crate::problem::{Problem, see_other};
use crate::view::{Frame, render};

/// The page.
pub static PAGE: Page = Page {
    slug: "encryption",
    title: "Your encryption",
    within: "",
    menus: &[Menu::Account(5)],
    needs: Needs::Admin,
    routes: &[
        Route { path: "/encryption", methods: || get(show) },
        Route { path: "/encryption/count", methods: || post(count) },
    ],
};

#[derive(Template)]
#[template(path = "encryption.html")]
struct View {
    frame: Frame,
    own: Own,
    done: &'static str,
}

#[derive(Default, Deserialize)]
struct Query {
    #[serde(default)]
    done: String,
}

async fn show(member: Member, Asked(query): Asked<Query>) -> Result<Response, Problem> {
    let own = member.call(One { name: member.session.person.jid.clone() }).await?;
    let done = if query.done == "saved" { "Your choice is saved." } else { "" };
    render(&View { frame: member.frame(&PAGE), own, done })
}

#[derive(Deserialize)]
struct CountForm {
    /// A tick that is not set is not sent.
    #[serde(default)]
    count: Option<String>,
}

async fn count(member: Member, Form(form): Form<CountForm>) -> Result<Response, Problem> {
    let name = member.session.person.jid.clone();
    member.call(SetCount { name, count: form.count.is_some() }).await?;
    Ok(see_other("/encryption?done=saved"))
}
