//! The client's side of the socket, for the panel and the command line.
//!
//! One connection per call: calls are rare, and a daemon that was restarted is simply found
//! again. Invariant: no call takes longer than [`CALL_SECONDS_MAX`].

use std::io::ErrorKind;
use std::path::PathBuf;
use std::time::Duration;

use tokio::net::UnixStream;

use crate::call::Envelope;
use crate::frame::{self, FrameError};
use crate::{Call, Hello, PROTOCOL, Problem, ProblemKind, Reply, Role, Secret, Welcome};

/// Longest call: an import page of 100 passwords on a slow board, with room to spare.
pub const CALL_SECONDS_MAX: u64 = 60;

/// Where the daemon listens, and as whom to speak.
#[derive(Clone, Debug)]
pub struct Client {
    socket: PathBuf,
    role: Role,
}

impl Client {
    /// A client of the daemon at `socket`.
    #[must_use]
    pub fn new(socket: impl Into<PathBuf>, role: Role) -> Self {
        Self { socket: socket.into(), role }
    }

    /// Asks the daemon, on nobody's behalf.
    ///
    /// # Errors
    /// The daemon's [`Problem`], or one of kind [`ProblemKind::Daemon`] if it cannot be reached.
    pub async fn call<C: Call>(&self, call: C) -> Result<C::Reply, Problem> {
        self.send(None, call).await
    }

    /// Asks the daemon on behalf of the person whose panel session has `token`.
    ///
    /// # Errors
    /// As [`Client::call`]; [`ProblemKind::SignIn`] if the session has ended.
    pub async fn call_as<C: Call>(&self, token: Secret, call: C) -> Result<C::Reply, Problem> {
        self.send(Some(token), call).await
    }

    async fn send<C: Call>(&self, token: Option<Secret>, call: C) -> Result<C::Reply, Problem> {
        let envelope = Envelope { token, request: call.into() };
        let limit = Duration::from_secs(CALL_SECONDS_MAX);
        match tokio::time::timeout(limit, self.exchange(&envelope)).await {
            Err(_) => Err(daemon_problem("snugd did not answer in time; is it overloaded?")),
            Ok(Err(e)) => Err(e),
            Ok(Ok(Reply::Problem(p))) => Err(p),
            Ok(Ok(Reply::Ok(value))) => serde_json::from_value(value)
                .map_err(|e| daemon_problem(format!("snugd's answer was not understood: {e}"))),
        }
    }

    async fn exchange(&self, envelope: &Envelope) -> Result<Reply, Problem> {
        let mut socket = UnixStream::connect(&self.socket).await.map_err(|e| {
            daemon_problem(format!(
                "snugd cannot be reached at {} ({e}); is it running?",
                self.socket.display()
            ))
        })?;
        frame::write(&mut socket, &Hello { protocol: PROTOCOL, role: self.role })
            .await
            .map_err(refused)?;
        let welcome: Welcome = frame::read(&mut socket).await.map_err(refused)?;
        if welcome.protocol != PROTOCOL {
            return Err(daemon_problem(format!(
                "snugd is version {}, this program another; restart snugd after an update",
                welcome.version
            )));
        }
        frame::write(&mut socket, envelope).await.map_err(lost)?;
        frame::read(&mut socket).await.map_err(lost)
    }
}

fn daemon_problem(message: impl Into<String>) -> Problem {
    Problem::new(ProblemKind::Daemon, message)
}

fn lost(e: FrameError) -> Problem {
    match e {
        FrameError::TooLong(_) => {
            Problem::new(ProblemKind::Invalid, format!("{e}; give snugd less at a time"))
        }
        e => daemon_problem(format!("the connection to snugd was lost: {e}")),
    }
}

/// Before the welcome, an end means that the daemon does not want to talk to this user. It may
/// not have read the greeting, and then the end looks like a reset.
fn refused(e: FrameError) -> Problem {
    let ended = match &e {
        FrameError::Closed => true,
        FrameError::Io(io) => {
            matches!(io.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset)
        }
        FrameError::Json(_) | FrameError::TooLong(_) => false,
    };
    if ended {
        return Problem::new(
            ProblemKind::Forbidden,
            "snugd refused this user; run the command as root or as the user that snugd runs as",
        );
    }
    lost(e)
}
