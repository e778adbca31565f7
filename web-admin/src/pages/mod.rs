//! The pages: one file each, listed in [`ALL`].
//!
//! A page is a static: what it is called, where it shows in the menus, whom it is for, and
//! its paths. To add one: `pages/x.rs`, `templates/x.html`, one line in [`ALL`].
//!
//! Invariants: [`mount`] puts every path of a page that needs an administrator behind
//! [`access::guard`], which lets members through to what [`crate::members`] lists; every file of this directory is in the list (a test proves both).

pub mod clients;
pub mod devices;
pub mod encryption;
pub mod fingerprints;
pub mod firewall;
pub mod health;
pub mod history;
pub mod home;
pub mod keyring;
pub mod omemo;
pub mod people;
pub mod person;
pub mod privacy;
pub mod protection;
pub mod push;
pub mod setup;
pub mod sheet;
pub mod sign_in;
pub mod sign_out;
pub mod trust;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::MethodRouter;

use crate::App;
use crate::access;
use crate::problem::Problem;

/// Every page. Menus order themselves by [`Menu`]. (Statics and not constants, because a page
/// names its handlers and handlers name their page.)
pub static ALL: &[&Page] = &[
    &home::PAGE,
    &people::PAGE,
    &person::PAGE,
    &push::PAGE,
    &fingerprints::PAGE,
    &keyring::PAGE,
    &sheet::PAGE,
    &protection::PAGE,
    &clients::PAGE,
    &history::PAGE,
    &firewall::PAGE,
    &health::PAGE,
    &encryption::PAGE,
    &omemo::PAGE,
    &devices::PAGE,
    &setup::PAGE,
    &sign_in::PAGE,
    &sign_out::PAGE,
    &trust::PAGE,
    &privacy::PAGE,
];

/// A page.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// First part of its paths; the page itself is at `/slug`.
    pub slug: &'static str,
    /// What it is called in menus and in the browser's tab.
    pub title: &'static str,
    /// Slug of the page whose menu entry is marked while this one is shown.
    pub within: &'static str,
    /// The menus it shows in.
    pub menus: &'static [Menu],
    /// Whom it is for.
    pub needs: Needs,
    /// All its paths.
    pub routes: &'static [Route],
}

/// A menu, and the place in it (small is first).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Menu {
    /// The signed-in person's own, top right.
    Account(u8),
    /// At the bottom, for everybody.
    Footer(u8),
    /// At the top, for signed-in people.
    Main(u8),
}

/// Whom a page is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// A signed-in administrator; a member where [`crate::members`] says so.
    Admin,
    /// Nobody in particular: everybody on the home's network.
    Nobody,
}

/// One path of a page, with what can be done there.
#[derive(Clone, Copy, Debug)]
pub struct Route {
    /// Pattern, such as `/person/{name}`.
    pub path: &'static str,
    /// Handlers.
    pub methods: fn() -> MethodRouter<App>,
}

impl Menu {
    /// Place in the signed-in person's own menu.
    #[must_use]
    pub fn in_account(self) -> Option<u8> {
        if let Self::Account(place) = self { Some(place) } else { None }
    }

    /// Place in the menu at the bottom.
    #[must_use]
    pub fn in_footer(self) -> Option<u8> {
        if let Self::Footer(place) = self { Some(place) } else { None }
    }

    /// Place in the menu at the top.
    #[must_use]
    pub fn in_main(self) -> Option<u8> {
        if let Self::Main(place) = self { Some(place) } else { None }
    }
}

impl Page {
    /// Path of the page itself.
    #[must_use]
    pub fn href(&self) -> &'static str {
        self.routes.first().map_or("/", |route| route.path)
    }

    /// Its place in a menu.
    #[must_use]
    pub fn place(&self, menu: fn(Menu) -> Option<u8>) -> Option<u8> {
        self.menus.iter().find_map(|one| menu(*one))
    }
}

/// All paths of all pages, each behind what its page needs.
pub fn mount(app: &App) -> Router<App> {
    let mut router = Router::new();
    for page in ALL {
        for route in page.routes {
            // Part of the page, so that what it can do is not told to strangers either.
            let methods = (route.methods)().fallback(async || Problem::Method);
            let methods = match page.needs {
                Needs::Admin => {
                    let state = (App::clone(app), route.path);
                    methods.layer(from_fn_with_state(state, access::guard))
                }
                Needs::Nobody => methods,
            };
            router = router.route(route.path, methods);
        }
    }
    router
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_file_is_in_the_list_and_has_its_template() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let files: BTreeSet<String> = std::fs::read_dir(root.join("src/pages"))
            .unwrap()
            .map(|f| f.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
            .filter(|name| name != "mod")
            .collect();
        let listed: BTreeSet<String> = ALL
            .iter()
            .map(|p| if p.slug.is_empty() { "home".to_owned() } else { p.slug.replace('-', "_") })
            .collect();
        assert_eq!(files, listed);
        for name in files {
            assert!(root.join(format!("templates/{name}.html")).exists(), "{name}.html");
        }
    }

    #[test]
    fn slugs_paths_and_menu_places_are_unique() {
        let mut slugs = BTreeSet::new();
        let mut paths = BTreeSet::new();
        let mut places = BTreeSet::new();
        for page in ALL {
            assert!(slugs.insert(page.slug), "{}", page.slug);
            assert!(!page.routes.is_empty() && page.href().starts_with('/'));
            assert!(ALL.iter().any(|p| p.slug == page.within) || page.within.is_empty());
            for route in page.routes {
                assert!(paths.insert(route.path), "{}", route.path);
            }
            for menu in page.menus {
                assert!(places.insert(format!("{menu:?}")), "{menu:?} of {}", page.slug);
                assert!(!page.href().contains('{'), "{} needs a name in its path", page.slug);
            }
        }
    }
}
