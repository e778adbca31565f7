//! The client against a daemon of this test's own making: greeting, role, token, refusals.
#![allow(clippy::unwrap_used)] // a test may end at any of its steps

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use admin_api::{
    Client, Envelope, Hello, PROTOCOL, Problem, ProblemKind, Reply, Request, Role, Secret, Welcome,
    accounts, daemon, frame, panel, sessions,
};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinHandle;

/// A socket in a directory that removes itself.
struct Place(PathBuf);

impl Place {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("snug-api-{}-{n}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        Self(dir)
    }

    fn socket(&self) -> PathBuf {
        self.0.join("admin.sock")
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

/// Takes one connection, answers one call with `reply`, and tells what it heard.
fn answer(place: &Place, reply: Reply) -> JoinHandle<(Hello, Envelope)> {
    serve(place, PROTOCOL, move |_| Some(reply))
}

fn serve(
    place: &Place,
    protocol: u32,
    reply: impl FnOnce(&Envelope) -> Option<Reply> + Send + 'static,
) -> JoinHandle<(Hello, Envelope)> {
    let listener = UnixListener::bind(place.socket()).unwrap();
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let hello: Hello = frame::read(&mut socket).await.unwrap();
        let version = "9.9.9".to_owned();
        frame::write(&mut socket, &Welcome { protocol, version }).await.unwrap();
        let envelope: Envelope = frame::read(&mut socket).await.unwrap();
        if let Some(reply) = reply(&envelope) {
            frame::write(&mut socket, &reply).await.unwrap();
        }
        (hello, envelope)
    })
}

fn ok(value: impl serde::Serialize) -> Reply {
    Reply::Ok(serde_json::to_value(value).unwrap_or_default())
}

fn account() -> accounts::Account {
    accounts::Account {
        jid: "ann@home.example".to_owned(),
        display_name: "Ann".to_owned(),
        role: accounts::Role::Admin,
        state: accounts::State::Deleted { until: 1_800_000_000 },
        created: 1,
        last_login_day: None,
        sessions: 0,
        fingerprints: 2,
    }
}

#[tokio::test]
async fn a_call_and_its_reply() {
    let place = Place::new();
    let daemon = answer(&place, ok(account()));
    let client = Client::new(place.socket(), Role::Operator);
    let reply = client.call(accounts::Show { name: "ann".to_owned() }).await.unwrap();
    assert_eq!(reply, account());
    let (hello, envelope) = daemon.await.unwrap();
    assert_eq!((hello.protocol, hello.role), (PROTOCOL, Role::Operator));
    assert!(envelope.token.is_none());
    assert!(matches!(envelope.request, Request::AccountShow(s) if s.name == "ann"));
}

#[tokio::test]
async fn a_token_travels_with_the_call_and_shows_nowhere() {
    let place = Place::new();
    let daemon = answer(&place, ok(panel::Done {}));
    let client = Client::new(place.socket(), Role::Panel);
    let token = Secret::new("tok-3141");
    client.call_as(token, panel::SignOut {}).await.unwrap();
    let (hello, envelope) = daemon.await.unwrap();
    assert_eq!(hello.role, Role::Panel);
    assert_eq!(envelope.token.as_ref().map(Secret::expose), Some("tok-3141"));
    assert!(!format!("{envelope:?}").contains("3141"));
}

#[tokio::test]
async fn a_problem_comes_as_it_is() {
    let place = Place::new();
    let problem = Problem::new(ProblemKind::NotFound, "there is no bob");
    let _daemon = answer(&place, Reply::Problem(problem.clone()));
    let client = Client::new(place.socket(), Role::Operator);
    let error = client.call(accounts::Show { name: "bob".to_owned() }).await.unwrap_err();
    assert_eq!(error, problem);
    assert_eq!(error.to_string(), "there is no bob");
}

#[tokio::test]
async fn a_reply_of_another_shape_is_the_daemons_fault() {
    let place = Place::new();
    let _daemon = answer(&place, ok("what?"));
    let client = Client::new(place.socket(), Role::Operator);
    let error = client.call(accounts::List {}).await.unwrap_err();
    assert_eq!(error.kind, ProblemKind::Daemon);
    assert!(error.message.contains("not understood"));
}

#[tokio::test]
async fn another_version_is_told() {
    let place = Place::new();
    let _daemon = serve(&place, PROTOCOL + 1, |_| None);
    let client = Client::new(place.socket(), Role::Operator);
    let error = client.call(daemon::Status {}).await.unwrap_err();
    assert_eq!(error.kind, ProblemKind::Daemon);
    assert!(error.message.contains("9.9.9"), "{error}");
}

#[tokio::test]
async fn a_daemon_that_hangs_up_at_the_greeting_refuses_the_user() {
    for read_greeting in [true, false] {
        let place = Place::new();
        let listener = UnixListener::bind(place.socket()).unwrap();
        let daemon = tokio::spawn(async move {
            let (mut socket, _) = listener.accept().await.unwrap();
            if read_greeting {
                let hello: Hello = frame::read(&mut socket).await.unwrap();
                assert_eq!(hello.role, Role::Operator);
            } else {
                // Wait for the greeting to be there, and leave it unread.
                socket.readable().await.unwrap();
            }
        });
        let client = Client::new(place.socket(), Role::Operator);
        let error = client.call(sessions::List::default()).await.unwrap_err();
        assert_eq!(error.kind, ProblemKind::Forbidden, "{read_greeting} {error}");
        daemon.await.unwrap();
    }
}

#[tokio::test]
async fn a_daemon_that_hangs_up_later_is_lost() {
    let place = Place::new();
    let _daemon = serve(&place, PROTOCOL, |_| None);
    let client = Client::new(place.socket(), Role::Operator);
    let error = client.call(daemon::Status {}).await.unwrap_err();
    assert_eq!(error.kind, ProblemKind::Daemon);
    assert!(error.message.contains("lost"), "{error}");
}

#[tokio::test]
async fn no_daemon_is_told_with_the_place() {
    let place = Place::new();
    let client = Client::new(place.socket(), Role::Operator);
    let error = client.call(daemon::Status {}).await.unwrap_err();
    assert_eq!(error.kind, ProblemKind::Daemon);
    assert!(error.message.contains("admin.sock") && error.message.contains("running"), "{error}");
}

#[tokio::test]
async fn a_request_that_is_too_large_is_named_as_such() {
    let place = Place::new();
    let listener = UnixListener::bind(place.socket()).unwrap();
    let _daemon = tokio::spawn(async move {
        let (mut socket, _): (UnixStream, _) = listener.accept().await.unwrap();
        let _: Hello = frame::read(&mut socket).await.unwrap();
        let welcome = Welcome { protocol: PROTOCOL, version: String::new() };
        frame::write(&mut socket, &welcome).await.unwrap();
        let end = frame::read::<_, Envelope>(&mut socket).await.unwrap_err();
        assert!(matches!(end, frame::FrameError::Closed), "{end}");
    });
    let client = Client::new(place.socket(), Role::Operator);
    let name = "x".repeat(frame::FRAME_BYTES_MAX);
    let error = client.call(accounts::Show { name }).await.unwrap_err();
    assert_eq!(error.kind, ProblemKind::Invalid, "{error}");
}
