//! A daemon of the tests' own making: answers each call by a function and remembers it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use admin_api::{
    Envelope, Hello, PROTOCOL, Problem, ProblemKind, Reply, Request, Role, Welcome, frame,
};
use serde::Serialize;
use tokio::net::{UnixListener, UnixStream};

/// A folder with a socket; both go away with it.
pub(crate) struct Fake {
    folder: PathBuf,
    heard: Arc<Mutex<Vec<Request>>>,
    runtime: tokio::runtime::Runtime,
}

/// What a call is answered with.
pub(crate) fn ok(value: impl Serialize) -> Reply {
    Reply::Ok(serde_json::to_value(value).unwrap())
}

/// A refusal.
pub(crate) fn problem(kind: ProblemKind, message: &str) -> Reply {
    Reply::Problem(Problem::new(kind, message))
}

impl Fake {
    /// Answers calls by `answer`.
    pub(crate) fn new(answer: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        let fake = Self::down();
        let _guard = fake.runtime.enter();
        let listener = UnixListener::bind(fake.path("admin.sock")).unwrap();
        let heard = Arc::clone(&fake.heard);
        fake.runtime.spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                serve(socket, &answer, &heard).await;
            }
        });
        fake
    }

    /// No daemon: the socket is not there.
    pub(crate) fn down() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("snug-cli-{}-{n}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        Self { folder, heard: Arc::default(), runtime }
    }

    /// A place in the folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// A file in the folder.
    pub(crate) fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    /// The calls so far; forgets them.
    pub(crate) fn heard(&self) -> Vec<Request> {
        std::mem::take(&mut self.heard.lock().unwrap())
    }

    /// Runs `snug` with `args`, with nothing on standard input.
    pub(crate) fn snug(&self, args: &[&str]) -> Ran {
        self.snug_with(args, b"")
    }

    /// Runs `snug` with `args`, with `input` on standard input, and without a terminal.
    pub(crate) fn snug_with(&self, args: &[&str], input: &[u8]) -> Ran {
        // setsid takes the terminal away, so that nothing can ask on it.
        let mut command = Command::new("setsid");
        command.arg("--wait").arg(env!("CARGO_BIN_EXE_snug"));
        command.arg("--socket").arg(self.path("admin.sock")).args(args);
        command.current_dir(&self.folder);
        run(command, input)
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.folder).ok();
    }
}

/// Runs `snug` with `args` alone.
pub(crate) fn snug(args: &[&str]) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_snug"));
    command.args(args);
    run(command, b"")
}

fn run(mut command: Command, input: &[u8]) -> Ran {
    use std::io::Write;
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // A command that does not read its input may be gone already.
    stdin.write_all(input).ok();
    drop(stdin);
    let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
    Ran {
        code: status.code().unwrap(),
        out: String::from_utf8(stdout).unwrap(),
        err: String::from_utf8(stderr).unwrap(),
    }
}

/// What a run of `snug` did.
#[derive(Debug)]
pub(crate) struct Ran {
    /// Exit code.
    pub(crate) code: i32,
    /// Standard output.
    pub(crate) out: String,
    /// Standard error.
    pub(crate) err: String,
}

impl Ran {
    /// It went well; its standard output.
    #[track_caller]
    pub(crate) fn ok(self) -> String {
        assert_eq!(self.code, 0, "{self:?}");
        self.out
    }

    /// It failed with `code`; its standard error.
    #[track_caller]
    pub(crate) fn failed(self, code: i32) -> String {
        assert_eq!(self.code, code, "{self:?}");
        assert!(!self.err.is_empty(), "{self:?}");
        self.err
    }

    /// It printed what it found, and ended with `code`.
    #[track_caller]
    pub(crate) fn reported(self, code: i32) -> String {
        assert_eq!(self.code, code, "{self:?}");
        assert!(self.err.is_empty() && !self.out.is_empty(), "{self:?}");
        self.out
    }

    /// It went well and printed JSON.
    #[track_caller]
    pub(crate) fn json(self) -> serde_json::Value {
        serde_json::from_str(&self.ok()).unwrap()
    }
}

async fn serve(
    mut socket: UnixStream,
    answer: &impl Fn(&Request) -> Reply,
    heard: &Mutex<Vec<Request>>,
) {
    let hello: Hello = frame::read(&mut socket).await.unwrap();
    assert_eq!((hello.protocol, hello.role), (PROTOCOL, Role::Operator));
    let welcome = Welcome { protocol: PROTOCOL, version: "0.0.0".to_owned() };
    frame::write(&mut socket, &welcome).await.unwrap();
    let envelope: Envelope = frame::read(&mut socket).await.unwrap();
    assert!(envelope.token.is_none());
    let reply = answer(&envelope.request);
    heard.lock().unwrap().push(envelope.request);
    frame::write(&mut socket, &reply).await.unwrap();
}

/// Permissions of a file.
pub(crate) fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).unwrap().permissions().mode() & 0o7777
}
