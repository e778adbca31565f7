//! What went wrong, as a page that says what to do about it.
//!
//! Invariants: no page repeats what the visitor sent; a problem of the daemon is shown in the
//! daemon's words, which are written for people.

use admin_api::ProblemKind;
use askama::Template;
use axum::http::header::{LOCATION, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{Html, IntoResponse, Response};

use crate::link;
use crate::view::Frame;

/// Why a request is not answered with the page it asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// The daemon refused or could not be reached.
    Daemon(admin_api::Problem),
    /// A form that did not come from one of our own pages.
    Foreign,
    /// A body that is not a form of ours.
    Malformed,
    /// A page that exists, asked for in a way that it does not know.
    Method,
    /// There is no such page.
    NoSuchPage,
    /// Signed in, but not as an administrator.
    NotAdmin,
    /// The panel itself failed.
    Ours,
    /// Somebody pasted a private key.
    PrivateKey,
    /// Nobody is signed in; then come back to this path.
    SignIn {
        /// Path and query of a page of ours.
        back_to: String,
    },
    /// More than fits.
    TooLarge,
    /// The visitor's or our own answer took too long.
    TooSlow,
}

/// A problem in words.
struct Words {
    status: StatusCode,
    heading: &'static str,
    text: String,
    remedy: &'static str,
    /// Where to go from here: path and words.
    way: (&'static str, &'static str),
}

const HOME: (&str, &str) = ("/", "Back to the start page");
const HEALTH: (&str, &str) = ("/health", "See how the server is doing");

#[derive(Template)]
#[template(path = "problem.html")]
struct View {
    frame: Frame,
    heading: &'static str,
    text: String,
    remedy: &'static str,
    way: (&'static str, &'static str),
}

#[derive(Template)]
#[template(path = "private_key.html")]
struct PrivateKeyView {
    frame: Frame,
}

impl Problem {
    /// The words for a form, if they are about what was typed into it.
    ///
    /// # Errors
    /// The problem itself, if it is about something else.
    pub fn at_form(self) -> Result<String, Self> {
        match self {
            Self::Daemon(problem)
                if matches!(
                    problem.kind,
                    ProblemKind::Conflict
                        | ProblemKind::Forbidden
                        | ProblemKind::Invalid
                        | ProblemKind::Throttled
                ) =>
            {
                Ok(sentence(&problem.message))
            }
            other => Err(other),
        }
    }

    fn words(self) -> Words {
        let words = |status, heading, text: &str, remedy| Words {
            status,
            heading,
            text: text.to_owned(),
            remedy,
            way: HOME,
        };
        match self {
            Self::Daemon(problem) => of_daemon(problem),
            Self::Foreign => words(
                StatusCode::FORBIDDEN,
                "This form could not be accepted",
                "It was not sent from a page of this panel, or the page was open since before \
                 you signed in.",
                "Nothing was changed. Open the page again and send it once more.",
            ),
            Self::Malformed | Self::PrivateKey | Self::SignIn { .. } => words(
                StatusCode::BAD_REQUEST,
                "That was not understood",
                "The browser sent something that does not fit this page.",
                "Nothing was changed. Open the page again and fill it in once more.",
            ),
            Self::Method => words(
                StatusCode::METHOD_NOT_ALLOWED,
                "This page works differently",
                "The address is right, but it cannot be used in this way.",
                "Go to the start page and follow the links from there.",
            ),
            Self::NoSuchPage => words(
                StatusCode::NOT_FOUND,
                "There is no such page",
                "The address may be mistyped, or the page has moved.",
                "",
            ),
            Self::NotAdmin => words(
                StatusCode::FORBIDDEN,
                "Only administrators can do this",
                "This is for those who look after your home. If you were made one of them just \
                 now, sign out and in again.",
                "Ask one of them.",
            ),
            Self::Ours => words(
                StatusCode::INTERNAL_SERVER_ERROR,
                "The panel made a mistake",
                "Something went wrong inside the panel. It is not your fault.",
                "Try again. If it happens again, the panel's log says more.",
            ),
            Self::TooLarge => words(
                StatusCode::PAYLOAD_TOO_LARGE,
                "That was too much",
                "The form holds more text than any of its fields needs.",
                "Nothing was changed. Check what was pasted into it.",
            ),
            Self::TooSlow => words(
                StatusCode::REQUEST_TIMEOUT,
                "That took too long",
                "The page was not ready in time.",
                "Try again in a moment.",
            ),
        }
    }
}

fn of_daemon(problem: admin_api::Problem) -> Words {
    let (status, heading, remedy, way) = match problem.kind {
        ProblemKind::Conflict => (StatusCode::CONFLICT, "That is there already", "", HOME),
        ProblemKind::Daemon => (
            StatusCode::SERVICE_UNAVAILABLE,
            "The chat server is not answering",
            "It may just be starting: wait a minute and reload this page. The health page says \
             what is wrong and what to do.",
            HEALTH,
        ),
        ProblemKind::Forbidden => (StatusCode::FORBIDDEN, "That is not allowed", "", HOME),
        ProblemKind::Invalid => {
            (StatusCode::UNPROCESSABLE_ENTITY, "That cannot be used", "Nothing was changed.", HOME)
        }
        ProblemKind::NotFound => (StatusCode::NOT_FOUND, "That is not here (any more)", "", HOME),
        ProblemKind::Setup => (
            StatusCode::CONFLICT,
            "This home is not set up yet",
            "Open the set-up link that the box shows on its screen.",
            ("/setup", "Go to set-up"),
        ),
        ProblemKind::SignIn => {
            (StatusCode::FORBIDDEN, "Please sign in again", "", ("/sign-in", "Sign in"))
        }
        ProblemKind::Store => (
            StatusCode::INTERNAL_SERVER_ERROR,
            "The server could not save or read its data",
            "The disk may be full or failing. The health page says more.",
            HEALTH,
        ),
        ProblemKind::Throttled => (StatusCode::TOO_MANY_REQUESTS, "Too many tries", "", HOME),
    };
    Words { status, heading, text: sentence(&problem.message), remedy, way }
}

/// A message as a sentence of its own: capital letter, full stop.
#[must_use]
pub fn sentence(message: &str) -> String {
    let mut letters = message.trim().chars();
    let Some(first) = letters.next() else { return String::new() };
    let mut text: String = first.to_uppercase().chain(letters).collect();
    // The daemon's name stays as it is.
    if message.trim().starts_with("snugd") {
        text = message.trim().to_owned();
    }
    if !text.ends_with(['.', '!', '?', '…']) {
        text.push('.');
    }
    text
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        match self {
            Self::SignIn { back_to } => see_other(&link::sign_in(&back_to)),
            Self::PrivateKey => {
                let view = PrivateKeyView { frame: Frame::bare("That was a private key") };
                page(StatusCode::UNPROCESSABLE_ENTITY, &view)
            }
            other => {
                let words = other.words();
                let view = View {
                    frame: Frame::bare(words.heading),
                    heading: words.heading,
                    text: words.text,
                    remedy: words.remedy,
                    way: words.way,
                };
                let mut response = page(words.status, &view);
                if words.status == StatusCode::SERVICE_UNAVAILABLE {
                    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("60"));
                }
                response
            }
        }
    }
}

fn page(status: StatusCode, view: &impl Template) -> Response {
    match view.render() {
        Ok(html) => (status, Html(html)).into_response(),
        // A template can fail only where writing to memory fails.
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// "Done; now look there": the browser then asks with GET, and reloading repeats nothing.
#[must_use]
pub fn see_other(path: &str) -> Response {
    let Ok(location) = HeaderValue::from_str(path) else { return Problem::Ours.into_response() };
    (StatusCode::SEE_OTHER, [(LOCATION, location)]).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_become_sentences() {
        assert_eq!(sentence("no such account"), "No such account.");
        assert_eq!(sentence("Is it running?"), "Is it running?");
        assert_eq!(sentence("snugd cannot be reached"), "snugd cannot be reached.");
        assert_eq!(sentence(" "), "");
    }

    #[test]
    fn every_class_of_problem_has_a_page() {
        for kind in ProblemKind::ALL {
            let problem = Problem::Daemon(admin_api::Problem::new(kind, "because"));
            let response = problem.into_response();
            assert!(response.status().is_client_error() || response.status().is_server_error());
        }
        let response = Problem::SignIn { back_to: "/people".to_owned() }.into_response();
        assert_eq!(response.status(), StatusCode::SEE_OTHER);
        assert_eq!(response.headers()[LOCATION], "/sign-in?next=%2Fpeople");
    }
}
