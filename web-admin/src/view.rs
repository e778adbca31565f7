//! What all pages share: the frame around them, form fields, and rendering.

use askama::Template;
use axum::http::Method;
use axum::response::{Html, IntoResponse, Response};

use crate::access::Session;
use crate::assets;
use crate::csrf;
use crate::members;
use crate::pages::{self, Menu, Needs, Page};
use crate::problem::Problem;

/// Renders a page.
///
/// # Errors
/// [`Problem::Ours`] if the template fails, which only running out of memory can cause.
pub fn render(view: &impl Template) -> Result<Response, Problem> {
    let html = view.render().map_err(|e| {
        tracing::error!("a template failed: {e}");
        Problem::Ours
    })?;
    Ok(Html(html).into_response())
}

/// A link in a menu.
#[derive(Clone, Debug)]
pub struct NavLink {
    /// Path.
    pub href: &'static str,
    /// Words.
    pub title: &'static str,
    /// Is it the page that is shown?
    pub current: bool,
}

/// What surrounds every page: title, menus, who is signed in.
#[derive(Clone, Debug)]
pub struct Frame {
    /// What the page is called in the browser's tab.
    pub title: String,
    /// The menu at the top.
    pub main: Vec<NavLink>,
    /// The signed-in person's own menu.
    pub account: Vec<NavLink>,
    /// The menu at the bottom.
    pub footer: Vec<NavLink>,
    /// Name of the signed-in person.
    pub person: Option<String>,
    /// Value of the hidden field of forms; empty when nobody is signed in.
    pub form_token: String,
    /// The stylesheet, script and icon.
    pub links: &'static assets::Links,
}

impl Frame {
    /// The frame of `page` for the person of `session`, or for a visitor.
    #[must_use]
    pub fn new(page: &Page, session: Option<&Session>) -> Self {
        let signed_in = session.is_some();
        let menu = |menu| menu_of(menu, Some(page), session);
        Self {
            title: page.title.to_owned(),
            main: if signed_in { menu(Menu::in_main) } else { Vec::new() },
            account: if signed_in { menu(Menu::in_account) } else { Vec::new() },
            footer: menu(Menu::in_footer),
            person: session.map(|s| s.name().to_owned()),
            form_token: session.map(|s| csrf::token(s.token())).unwrap_or_default(),
            links: &assets::LINKS,
        }
    }

    /// A frame without a person or page, for problems.
    #[must_use]
    pub fn bare(title: &str) -> Self {
        Self {
            title: title.to_owned(),
            main: Vec::new(),
            account: Vec::new(),
            footer: menu_of(Menu::in_footer, None, None),
            person: None,
            form_token: String::new(),
            links: &assets::LINKS,
        }
    }

    /// The same frame with another title.
    #[must_use]
    pub fn titled(self, title: &str) -> Self {
        Self { title: title.to_owned(), ..self }
    }

    /// The same frame with a title that says that something has to be corrected: it is the first
    /// thing that a screen reader reads out.
    #[must_use]
    pub fn to_correct(self) -> Self {
        let title = format!("Please check: {}", self.title);
        Self { title, ..self }
    }

    /// Name of the hidden field of forms.
    #[must_use]
    pub fn form_field(&self) -> &'static str {
        csrf::FIELD
    }
}

/// The links of one menu, in order. `page` is the one that is shown.
fn menu_of(
    menu: fn(Menu) -> Option<u8>,
    page: Option<&Page>,
    session: Option<&Session>,
) -> Vec<NavLink> {
    let admitted = |one: &Page| match one.needs {
        Needs::Admin => {
            session.is_some_and(|s| s.is_admin() || members::may(&Method::GET, one.href()))
        }
        Needs::Nobody => true,
    };
    let mut found: Vec<(u8, NavLink)> = Vec::new();
    for one in pages::ALL.iter().filter(|one| admitted(one)) {
        if let Some(place) = one.place(menu) {
            let current = page.is_some_and(|p| p.slug == one.slug || p.within == one.slug);
            found.push((place, NavLink { href: one.href(), title: one.title, current }));
        }
    }
    found.sort_by_key(|(place, _)| *place);
    found.into_iter().map(|(_, link)| link).collect()
}

/// A round letter in place of a picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Face {
    /// First letter of the name.
    pub initial: String,
    /// One of the stylesheet's tones, 0 to 5; always the same for the same address.
    pub tone: u32,
}

impl Face {
    /// The face of the account `jid`, which people call `name`.
    #[must_use]
    pub fn new(name: &str, jid: &str) -> Self {
        let initial = name.chars().find(|c| c.is_alphanumeric()).unwrap_or('?');
        let sum = jid.bytes().fold(0_u32, |sum, b| sum.wrapping_mul(31).wrapping_add(b.into()));
        Self { initial: initial.to_uppercase().collect(), tone: sum % 6 }
    }
}

/// A form field: what was typed, and what is wrong with it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Field {
    /// What was typed; always empty for passwords.
    pub value: String,
    /// A sentence for the person who typed it.
    pub error: Option<String>,
}

impl Field {
    /// A field that holds `value`.
    #[must_use]
    pub fn new(value: impl Into<String>) -> Self {
        Self { value: value.into(), error: None }
    }

    /// Says what is wrong, unless something was said before.
    pub fn wrong(&mut self, error: impl Into<String>) {
        self.error.get_or_insert(error.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_error_of_a_field_stays() {
        let mut field = Field::new("x");
        field.wrong("first");
        field.wrong("second");
        assert_eq!(field.error.as_deref(), Some("first"));
    }

    #[test]
    fn visitors_see_no_menu_of_administrators() {
        let frame = Frame::bare("x");
        assert!(frame.main.is_empty() && frame.account.is_empty() && !frame.footer.is_empty());
        assert!(frame.footer.iter().all(|link| !link.current));
    }
}
