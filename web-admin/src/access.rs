//! Who is asking, and what they may ask the daemon.
//!
//! The panel keeps no sessions of its own: the cookie holds the token that the daemon gave at
//! sign-in, and the daemon says whose it is.
//!
//! Invariants: the daemon's client is private to this file, so that [`Member::call`] is the only
//! way to a call that needs a signed-in person, and [`Daemon::ask`] reaches only calls that
//! are marked [`PublicCall`]; a page that needs a signed-in person is behind [`guard`], which lets
//! members through to what [`members`] lists and to nothing else; a handler that takes [`Admin`]
//! refuses members by itself.

use std::ops::Deref;
use std::path::Path;

use admin_api::{Call, Client, ProblemKind, Role, Secret, accounts, daemon, panel, setup, tls};
use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method};
use axum::middleware::Next;
use axum::response::Response;

use crate::App;
use crate::cookie;
use crate::limits::{DAEMON_TIME_MAX, VISITOR_TIME_MAX};
use crate::members;
use crate::pages::Page;
use crate::problem::Problem;
use crate::view::Frame;

/// Calls that need no signed-in person.
pub trait PublicCall: Call {}

impl PublicCall for daemon::Facts {}
impl PublicCall for daemon::Status {}
impl PublicCall for panel::SignIn {}
impl PublicCall for admin_api::push::Services {}
impl PublicCall for setup::Finish {}
impl PublicCall for setup::State {}
impl PublicCall for tls::Authority {}
impl PublicCall for tls::PanelLeaf {}

/// The daemon, as everybody may ask it.
#[derive(Debug)]
pub struct Daemon {
    client: Client,
}

impl Daemon {
    /// The daemon that listens at `socket`.
    #[must_use]
    pub fn new(socket: &Path) -> Self {
        Self { client: Client::new(socket, Role::Panel) }
    }

    /// Asks what everybody may ask.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn ask<C: PublicCall>(&self, call: C) -> Result<C::Reply, admin_api::Problem> {
        in_time(self.client.call(call)).await
    }

    /// Asks on behalf of whoever has `token`. Private: see [`Member::call`].
    async fn ask_as<C: Call>(
        &self,
        token: Secret,
        call: C,
    ) -> Result<C::Reply, admin_api::Problem> {
        in_time(self.client.call_as(token, call)).await
    }

    async fn who(&self, headers: &HeaderMap) -> Result<Option<Session>, admin_api::Problem> {
        let Some(token) = cookie::token(headers) else { return Ok(None) };
        match self.ask_as(token.clone(), panel::Who {}).await {
            Ok(person) => Ok(Some(Session { token, person })),
            Err(p) if is_nobody(p.kind) => Ok(None),
            Err(p) => Err(p),
        }
    }

    /// Ends the session of the cookie in `headers`, if there is one.
    ///
    /// # Errors
    /// As [`Client::call_as`]; a session that has ended already is none.
    pub async fn sign_out(&self, headers: &HeaderMap) -> Result<(), admin_api::Problem> {
        let Some(token) = cookie::token(headers) else { return Ok(()) };
        match self.ask_as(token, panel::SignOut {}).await {
            Ok(panel::Done {}) => Ok(()),
            Err(p) if is_nobody(p.kind) => Ok(()),
            Err(p) => Err(p),
        }
    }
}

/// The answer, unless it takes longer than [`DAEMON_TIME_MAX`].
async fn in_time<T>(
    answer: impl Future<Output = Result<T, admin_api::Problem>>,
) -> Result<T, admin_api::Problem> {
    tokio::time::timeout(DAEMON_TIME_MAX, answer).await.unwrap_or_else(|_| Err(too_slow()))
}

fn too_slow() -> admin_api::Problem {
    admin_api::Problem::new(ProblemKind::Daemon, "snugd did not answer in time")
}

/// Answers that mean "this token is nobody's".
fn is_nobody(kind: ProblemKind) -> bool {
    matches!(kind, ProblemKind::SignIn | ProblemKind::Setup | ProblemKind::Invalid)
}

/// A signed-in person.
#[derive(Clone, Debug)]
pub struct Session {
    token: Secret,
    /// Who it is.
    pub person: panel::Person,
}

impl Session {
    /// The token, for deriving the hidden field of forms.
    #[must_use]
    pub fn token(&self) -> &Secret {
        &self.token
    }

    /// Does this session look after the home?
    #[must_use]
    pub fn is_admin(&self) -> bool {
        self.person.role == accounts::Role::Admin
    }

    /// What to call the person: the name shown to people, or the part before the `@`.
    #[must_use]
    pub fn name(&self) -> &str {
        if self.person.display_name.is_empty() {
            self.person.jid.split('@').next().unwrap_or_default()
        } else {
            &self.person.display_name
        }
    }
}

/// Whoever looks at a page that needs no sign-in.
#[derive(Clone, Debug)]
pub struct Visitor {
    /// The person, if signed in and the daemon could say so.
    pub session: Option<Session>,
    /// Why the daemon could not be asked, if it could not.
    pub trouble: Option<admin_api::Problem>,
}

impl Visitor {
    /// The frame of `page` for this visitor.
    #[must_use]
    pub fn frame(&self, page: &Page) -> Frame {
        Frame::new(page, self.session.as_ref())
    }
}

impl FromRequestParts<App> for Visitor {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Self::Rejection> {
        let who = tokio::time::timeout(VISITOR_TIME_MAX, app.daemon.who(&parts.headers)).await;
        Ok(match who.unwrap_or_else(|_| Err(too_slow())) {
            Ok(session) => Self { session, trouble: None },
            Err(problem) => Self { session: None, trouble: Some(problem) },
        })
    }
}

/// Somebody of the home who is signed in, administrator or not.
#[derive(Clone, Debug)]
pub struct Member {
    app: App,
    /// The session of the cookie.
    pub session: Session,
    /// Path to come back to after signing in again.
    here: String,
}

impl Member {
    /// Asks the daemon on this person's behalf.
    ///
    /// # Errors
    /// The daemon's problem; a session that has ended leads to the sign-in page.
    pub async fn call<C: Call>(&self, call: C) -> Result<C::Reply, Problem> {
        let token = self.session.token.clone();
        self.app.daemon.ask_as(token, call).await.map_err(|p| {
            if p.kind == ProblemKind::SignIn {
                Problem::SignIn { back_to: self.here.clone() }
            } else {
                Problem::Daemon(p)
            }
        })
    }

    /// The frame of `page` for this person.
    #[must_use]
    pub fn frame(&self, page: &Page) -> Frame {
        Frame::new(page, Some(&self.session))
    }

    /// Is `jid` the signed-in person's own account?
    #[must_use]
    pub fn is(&self, jid: &str) -> bool {
        self.session.person.jid == jid
    }

    async fn identify(app: &App, parts: &Parts) -> Result<Self, Problem> {
        let here = way_back(parts);
        let session = match app.daemon.who(&parts.headers).await {
            Ok(Some(session)) => session,
            Ok(None) => return Err(Problem::SignIn { back_to: here }),
            Err(p) => return Err(Problem::Daemon(p)),
        };
        Ok(Self { app: App::clone(app), session, here })
    }
}

impl FromRequestParts<App> for Member {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Self::Rejection> {
        match parts.extensions.get::<Self>() {
            Some(member) => Ok(member.clone()),
            None => Self::identify(app, parts).await,
        }
    }
}

/// A signed-in administrator: a [`Member`] who may do everything.
#[derive(Clone, Debug)]
pub struct Admin(Member);

impl Deref for Admin {
    type Target = Member;

    fn deref(&self) -> &Member {
        &self.0
    }
}

impl FromRequestParts<App> for Admin {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Self::Rejection> {
        let member = Member::from_request_parts(parts, app).await?;
        if member.session.is_admin() { Ok(Self(member)) } else { Err(Problem::NotAdmin) }
    }
}

/// Lets administrators through to the path with this pattern, and members if it is listed for
/// them.
///
/// # Errors
/// The way to the sign-in page, or why the person cannot be let in.
pub async fn guard(
    State((app, pattern)): State<(App, &'static str)>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let (mut parts, body) = request.into_parts();
    let member = Member::identify(&app, &parts).await?;
    if !member.session.is_admin() && !members::may(&parts.method, pattern) {
        return Err(Problem::NotAdmin);
    }
    parts.extensions.insert(member);
    Ok(next.run(Request::from_parts(parts, body)).await)
}

/// Where to go after signing in: what was looked at, or home after a form (its content is gone).
fn way_back(parts: &Parts) -> String {
    match parts.method {
        Method::GET => parts.uri.path_and_query().map_or("/", |p| p.as_str()).to_owned(),
        _ => "/".to_owned(),
    }
}
