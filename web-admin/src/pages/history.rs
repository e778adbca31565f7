//! History: for how long this home keeps conversations, and deleting what is kept.

use admin_api::accounts;
use admin_api::archive::{self, Keep, Kept};
use askama::Template;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Deserialize;

use super::people::shown_name;
use super::{Menu, Needs, Page, Route};
use crate::access::Admin;
use crate::address::{Asked, Segments};
use crate::form::Form;
use crate::link;
use crate::problem::{Problem, see_other};
use crate::view::{Field, Frame, render};
use crate::when::{self, When};

/// The page.
pub static PAGE: Page = Page {
    slug: "history",
    title: "History",
    within: "",
    menus: &[Menu::Main(35)],
    needs: Needs::Admin,
    routes: &[
        Route { path: "/history", methods: || get(show).post(set) },
        Route { path: "/history/delete", methods: || get(ask_all).post(delete_all) },
        Route { path: "/history/delete/{name}", methods: || get(ask_one).post(delete_one) },
    ],
};

/// Days that are offered where nothing else was set.
const DAYS: u32 = 30;

#[derive(Template)]
#[template(path = "history.html")]
struct View {
    frame: Frame,
    /// `days`, `ever` or `off`.
    choice: &'static str,
    days: Field,
    oldest: Option<When>,
    megabytes: u64,
    people: Vec<(String, String)>,
    done: &'static str,
}

impl View {
    async fn new(admin: &Admin, kept: Kept) -> Result<Self, Problem> {
        let now = when::now();
        let people = admin.call(accounts::List {}).await?;
        let (choice, days) = match kept.keep {
            Keep::Off => ("off", DAYS),
            Keep::Days(days) => ("days", days),
            Keep::ForEver => ("ever", DAYS),
        };
        Ok(Self {
            frame: admin.frame(&PAGE),
            choice,
            days: Field::new(days.to_string()),
            oldest: kept.oldest.map(|at| When::new(at, now)),
            megabytes: kept.store_bytes.div_ceil(1_000_000),
            people: people.iter().map(|a| (shown_name(a).to_owned(), href_of(&a.jid))).collect(),
            done: "",
        })
    }
}

fn href_of(jid: &str) -> String {
    format!("{}/delete/{}", PAGE.href(), link::encode(link::local(jid)))
}

#[derive(Default, Deserialize)]
struct Query {
    #[serde(default)]
    done: String,
}

async fn show(admin: Admin, Asked(query): Asked<Query>) -> Result<Response, Problem> {
    let kept = admin.call(archive::Show {}).await?;
    let done = match query.done.as_str() {
        "set" => "From now on it is so. What is older is deleted within the hour.",
        "off" => "From now on nothing is kept. What is there already stays until you delete it.",
        "deleted" => "Deleted, for good.",
        "deleting" => "It is a lot; the rest is being deleted.",
        _ => "",
    };
    render(&View { done, ..View::new(&admin, kept).await? })
}

#[derive(Deserialize)]
struct SetForm {
    keep: String,
    #[serde(default)]
    days: String,
}

async fn set(admin: Admin, Form(form): Form<SetForm>) -> Result<Response, Problem> {
    let keep = match form.keep.as_str() {
        "off" => Some(Keep::Off),
        "ever" => Some(Keep::ForEver),
        _ => form.days.trim().parse().ok().map(Keep::Days).filter(|keep| keep.is_usable()),
    };
    let Some(keep) = keep else {
        let mut view = View::new(&admin, admin.call(archive::Show {}).await?).await?;
        view.choice = "days";
        view.days = Field::new(form.days.trim());
        view.days.wrong(format!("Give a whole number of days, from 1 to {}.", Keep::DAYS_MAX));
        view.frame = view.frame.to_correct();
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, render(&view)?).into_response());
    };
    admin.call(archive::Set { keep }).await?;
    let word = if keep == Keep::Off { "off" } else { "set" };
    Ok(see_other(&format!("{}?done={word}", PAGE.href())))
}

#[derive(Template)]
#[template(path = "history_delete.html")]
struct DeleteView {
    frame: Frame,
    /// Empty = everybody.
    name: String,
    back: &'static str,
    href: String,
}

async fn ask_all(admin: Admin) -> Result<Response, Problem> {
    let frame = admin.frame(&PAGE).titled("Delete everybody’s history?");
    let href = format!("{}/delete", PAGE.href());
    render(&DeleteView { frame, name: String::new(), back: PAGE.href(), href })
}

async fn ask_one(admin: Admin, Segments(name): Segments<String>) -> Result<Response, Problem> {
    let account = admin.call(accounts::Show { name }).await?;
    let name = shown_name(&account).to_owned();
    let frame = admin.frame(&PAGE).titled(&format!("Delete {name}’s history?"));
    render(&DeleteView { frame, name, back: PAGE.href(), href: href_of(&account.jid) })
}

/// A form without fields of its own.
#[derive(Deserialize)]
struct Button {}

async fn delete_all(admin: Admin, Form(Button {}): Form<Button>) -> Result<Response, Problem> {
    delete(&admin, None).await
}

async fn delete_one(
    admin: Admin,
    Segments(name): Segments<String>,
    Form(Button {}): Form<Button>,
) -> Result<Response, Problem> {
    delete(&admin, Some(name)).await
}

async fn delete(admin: &Admin, name: Option<String>) -> Result<Response, Problem> {
    let deleted = admin.call(archive::Delete { name }).await?;
    let word = if deleted.finished { "deleted" } else { "deleting" };
    Ok(see_other(&format!("{}?done={word}", PAGE.href())))
}
