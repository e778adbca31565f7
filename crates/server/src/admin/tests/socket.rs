//! The socket itself.

use std::os::unix::fs::PermissionsExt;

use admin_api::frame::{self, FrameError};
use admin_api::{Hello, PROTOCOL, ProblemKind, Reply, Role, Welcome};
use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;

use crate::admin::AdminError;
use crate::limits::ADMIN_CONNECTIONS_MAX;
use crate::testing::{Home, TempDir};

async fn greeted(home: &Home, protocol: u32) -> (UnixStream, Welcome) {
    let mut socket = UnixStream::connect(home.path().join("admin.sock")).await.unwrap();
    frame::write(&mut socket, &Hello { protocol, role: Role::Operator }).await.unwrap();
    let welcome = frame::read(&mut socket).await.unwrap();
    (socket, welcome)
}

#[tokio::test]
async fn another_protocol_is_told_ours_and_let_go() {
    let home = Home::fresh().await;
    let (mut socket, welcome) = greeted(&home, PROTOCOL + 1).await;
    assert_eq!(welcome.protocol, PROTOCOL);
    assert!(matches!(frame::read::<_, Reply>(&mut socket).await, Err(FrameError::Closed)));
}

#[tokio::test]
async fn a_call_that_is_not_known_is_answered_and_noise_is_not() {
    let home = Home::fresh().await;
    let (mut socket, _) = greeted(&home, PROTOCOL).await;
    let unknown = serde_json::json!({ "request": { "no-such-call": {} } });
    frame::write(&mut socket, &unknown).await.unwrap();
    let reply: Reply = frame::read(&mut socket).await.unwrap();
    assert!(matches!(reply, Reply::Problem(p) if p.kind == ProblemKind::Daemon));
    // The connection goes on; a frame that claims to be too long ends it.
    frame::write(&mut socket, &unknown).await.unwrap();
    assert!(frame::read::<_, Reply>(&mut socket).await.is_ok());
    socket.write_all(&[0xff; 8]).await.unwrap();
    assert!(frame::read::<_, Reply>(&mut socket).await.is_err());
}

#[tokio::test]
async fn silent_peers_do_not_shut_others_out_for_long() {
    let home = Home::fresh().await;
    let path = home.path().join("admin.sock");
    let mut silent = Vec::new();
    for _ in 0..ADMIN_CONNECTIONS_MAX {
        silent.push(UnixStream::connect(&path).await.unwrap());
    }
    let state = home.panel().call(admin_api::setup::State { code: None }).await;
    assert!(state.is_ok(), "{state:?}");
    drop(silent);
}

#[tokio::test]
async fn a_left_over_socket_is_replaced_and_one_in_use_is_not() {
    let dir = TempDir::new();
    let path = dir.path().join("sub").join("admin.sock");
    std::fs::create_dir(path.parent().unwrap()).unwrap();
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists(), "left behind");
    let listener = crate::admin::open(&path).unwrap();
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o666);
    let second = crate::admin::open(&path).unwrap_err();
    assert!(matches!(second, AdminError::InUse(_)), "{second}");
    drop(listener);
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, "not a socket").unwrap();
    assert!(matches!(crate::admin::open(&path), Err(AdminError::Io(..))));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "not a socket", "left alone");
}
