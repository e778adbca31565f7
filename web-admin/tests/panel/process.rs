//! The program itself: arguments, a handed-over socket, readiness, signals.

use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::{Child, Command};

use crate::{Browser, Dir, Fake, Home};

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_snug-admin"));
    command.stdin(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

/// A configuration that stays within `dir`.
fn config(dir: &Path, more: &str) -> std::path::PathBuf {
    let path = dir.join("snug.toml");
    let at = dir.display();
    let text = format!(
        "[admin]\nsocket = \"{at}/snugd.sock\"\n[server]\ndata_dir = \"{at}\"\n\
         [panel]\ndata_dir = \"{at}\"\n{more}"
    );
    std::fs::write(&path, text).expect("writes");
    path
}

fn stop(child: &Child) {
    let id = child.id().and_then(|id| i32::try_from(id).ok()).expect("it runs");
    let id = nix::unistd::Pid::from_raw(id);
    nix::sys::signal::kill(id, nix::sys::signal::SIGTERM).expect("it can be told");
}

async fn told(manager: &UnixDatagram) -> String {
    let manager = manager.try_clone().expect("clones");
    let reading = tokio::task::spawn_blocking(move || {
        let mut text = [0; 256];
        let n = manager.recv(&mut text).expect("in time");
        String::from_utf8_lossy(&text[..n]).into_owned()
    });
    reading.await.expect("no panic")
}

#[tokio::test]
async fn a_service_manager_hands_over_the_socket_and_is_told() {
    let dir = Dir::new();
    let _daemon = Fake::start(&dir.0, Home::family());
    let socket = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = socket.local_addr().expect("an address");
    let path = dir.0.join("notify");
    let manager = UnixDatagram::bind(&path).expect("binds");
    manager.set_read_timeout(Some(Duration::from_secs(10))).expect("a limit");
    let child = program()
        .arg("--config")
        .arg(config(&dir.0, "listen = [\"192.0.2.1:1\"]\n"))
        .env("NOTIFY_SOCKET", &path)
        .stdin(OwnedFd::from(socket))
        .spawn()
        .expect("it starts");
    assert_eq!(told(&manager).await.trim(), "READY=1");
    let answer = Browser::careless(address).get("/health.json").await;
    assert_eq!(answer.status, 200);
    assert!(answer.body.contains("\"id\":\"daemon\""), "{}", answer.body);

    stop(&child);
    assert_eq!(told(&manager).await.trim(), "STOPPING=1");
    let output = child.wait_with_output().await.expect("it ends");
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{log}");
    assert!(log.contains(&format!("listening on https://{address}/")), "{log}");
}

#[tokio::test]
async fn it_opens_its_own_sockets_without_a_service_manager() {
    let dir = Dir::new();
    // The port is free again when the program takes it.
    let port = {
        let socket = TcpListener::bind("127.0.0.1:0").expect("a port");
        socket.local_addr().expect("an address").port()
    };
    let config = config(&dir.0, &format!("listen = [\"127.0.0.1:{port}\"]\n"));
    let child = program().arg("--config").arg(config).spawn().expect("it starts");
    let address = ([127, 0, 0, 1], port).into();
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    while Browser::careless(address).connect("localhost").await.is_err() {
        assert!(tokio::time::Instant::now() < deadline, "it does not listen");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // snugd was never there.
    assert!(Browser::careless(address).get("/health").await.text().contains("not working"));
    stop(&child);
    assert!(child.wait_with_output().await.expect("it ends").status.success());
}

#[tokio::test]
async fn what_stops_it_from_starting_is_said() {
    let dir = Dir::new();
    let config = config(&dir.0, "listen = [\"192.0.2.1:1\"]\n");
    let output = program().arg("--config").arg(config).output().await.expect("it ends");
    let log = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(log.contains("cannot listen on 192.0.2.1:1"), "{log}");
}

#[tokio::test]
async fn help_is_help() {
    let output = program().arg("--help").output().await.expect("it ends");
    let text = String::from_utf8_lossy(&output.stdout);
    for part in ["--config <FILE>", "/etc/snug/snug.toml", "SIGTERM", "port 443", "Exit status"] {
        assert!(text.contains(part), "{part}: {text}");
    }
}
