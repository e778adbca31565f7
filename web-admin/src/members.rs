//! What members of the home may do in the panel: the whole list.
//!
//! Whoever signed in and is no administrator gets to these paths and no others; a page that is
//! added is for administrators until it stands here. The daemon decides once more, call by call.
//!
//! Invariants: every line names a path of a page (a test proves it); [`crate::access::guard`]
//! asks here before any handler runs.

use axum::http::Method;

/// What a browser does with a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Looks at it.
    Look,
    /// Sends a form to it.
    Send,
}

/// The list. Order as in the menus.
pub static ALLOWED: &[(Verb, &str)] = &[
    (Verb::Look, "/fingerprints"),
    (Verb::Look, "/fingerprints/{name}"),
    (Verb::Send, "/fingerprints/{name}/mark"),
    // The daemon makes a phrase only for whoever it is.
    (Verb::Send, "/fingerprints/{name}/phrase"),
    // Their own; the page itself looks whose it is.
    (Verb::Look, "/keyring/{name}"),
    (Verb::Look, "/keyring/{name}/file/{client}"),
    (Verb::Send, "/keyring/{name}/look"),
    (Verb::Send, "/keyring/{name}/take"),
    (Verb::Look, "/sheet"),
    (Verb::Look, "/encryption"),
    (Verb::Send, "/encryption/count"),
    (Verb::Look, "/omemo"),
    (Verb::Send, "/omemo/repair"),
    (Verb::Send, "/omemo/undo"),
    (Verb::Look, "/devices"),
    (Verb::Send, "/devices/app"),
    (Verb::Send, "/devices/end"),
    (Verb::Send, "/devices/end-others"),
];

/// May a member use `method` at the path with this pattern?
#[must_use]
pub fn may(method: &Method, pattern: &str) -> bool {
    let verb = match *method {
        Method::GET | Method::HEAD => Verb::Look,
        Method::POST => Verb::Send,
        // Nothing of ours answers to any other.
        _ => return false,
    };
    ALLOWED.contains(&(verb, pattern))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::{ALL, Needs};

    #[test]
    fn every_line_is_a_path_and_stands_there_once() {
        for (at, line) in ALLOWED.iter().enumerate() {
            let mut guarded = ALL.iter().filter(|p| p.needs == Needs::Admin);
            let known = guarded.any(|p| p.routes.iter().any(|r| r.path == line.1));
            assert!(known, "{line:?} is no path that anybody is kept from");
            assert!(!ALLOWED[..at].contains(line), "{line:?} stands there twice");
        }
    }

    #[test]
    fn what_is_not_listed_is_refused() {
        assert!(may(&Method::GET, "/devices") && may(&Method::HEAD, "/devices"));
        assert!(may(&Method::POST, "/devices/end"));
        for (method, pattern) in [
            (Method::POST, "/devices"),
            (Method::GET, "/devices/end"),
            (Method::GET, "/people"),
            (Method::GET, "/fingerprints/bob"),
            (Method::PUT, "/devices"),
            (Method::from_bytes(b"LOOK").unwrap(), "/devices"),
        ] {
            assert!(!may(&method, pattern), "{method} {pattern}");
        }
    }
}
