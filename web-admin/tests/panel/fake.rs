//! A made-up daemon: the admin socket's frames, and a home in memory behind them.
//!
//! It speaks the real protocol through `admin_api::frame`, so that the panel cannot tell it
//! from snugd; what it decides is only as clever as the tests need.

#[path = "fake_directory.rs"]
mod directory;
#[path = "fake_home.rs"]
mod home;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use admin_api::{Envelope, Hello, PROTOCOL, Problem, Reply, Role, Welcome, frame};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinHandle;

pub(crate) use home::{CODE, DOMAIN, Home, PASSWORD, TRUSTED_KEY};

/// A daemon that runs until it is dropped.
pub(crate) struct Fake {
    pub(crate) socket: PathBuf,
    home: Arc<Mutex<Home>>,
    task: JoinHandle<()>,
}

impl Fake {
    /// Starts on `dir/snugd.sock`.
    pub(crate) fn start(dir: &Path, home: Home) -> Self {
        Self::over(dir, Arc::new(Mutex::new(home)))
    }

    fn over(dir: &Path, home: Arc<Mutex<Home>>) -> Self {
        let socket = dir.join("snugd.sock");
        let _ = std::fs::remove_file(&socket);
        let listener = UnixListener::bind(&socket).expect("the socket can be bound");
        let shared = Arc::clone(&home);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let home = Arc::clone(&shared);
                tokio::spawn(async move {
                    let _ = serve(stream, &home).await;
                });
            }
        });
        Self { socket, home, task }
    }

    /// Looks at the home, or changes it behind the panel's back.
    pub(crate) fn home<T>(&self, look: impl FnOnce(&mut Home) -> T) -> T {
        look(&mut self.home.lock().expect("no test panicked with it"))
    }

    /// Stops answering, like a daemon that crashed.
    pub(crate) fn crash(&self) {
        self.task.abort();
        let _ = std::fs::remove_file(&self.socket);
    }

    /// Answers again, with the same home.
    pub(crate) fn recover(&mut self) {
        let dir = self.socket.parent().expect("a socket is in a directory").to_owned();
        *self = Self::over(&dir, Arc::clone(&self.home));
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut stream: UnixStream, home: &Mutex<Home>) -> Result<(), frame::FrameError> {
    let hello: Hello = frame::read(&mut stream).await?;
    assert_eq!(hello.role, Role::Panel, "the panel must not ask for more than its role");
    let welcome = Welcome { protocol: PROTOCOL, version: "0.0.0-fake".to_owned() };
    frame::write(&mut stream, &welcome).await?;
    let envelope: Envelope = frame::read(&mut stream).await?;
    let delay = home.lock().expect("no panic").delay;
    tokio::time::sleep(delay).await;
    let answer: Result<serde_json::Value, Problem> =
        home.lock().expect("no panic").answer(envelope);
    let reply = match answer {
        Ok(value) => Reply::Ok(value),
        Err(problem) => Reply::Problem(problem),
    };
    frame::write(&mut stream, &reply).await
}
