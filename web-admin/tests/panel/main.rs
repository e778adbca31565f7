//! The panel as browsers meet it: real TLS and HTTP, a made-up daemon behind it.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod browser;
mod certificate;
mod door;
mod fake;
mod fingerprints;
mod firewall;
mod forms;
mod health;
mod history;
mod keyring;
mod members;
mod omemo;
mod pages;
mod people;
mod process;
mod protection;
mod push;
mod setup;
mod sheet;
mod signing_in;

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use browser::Browser;
use fake::{Fake, Home};
use snug_admin::{Running, Settings};

/// A directory that removes itself.
struct Dir(PathBuf);

impl Dir {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("snug-panel-{}-{n}", std::process::id()));
        std::fs::create_dir_all(&dir).expect("a directory");
        Self(dir)
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A home with its panel.
struct Stage {
    daemon: Fake,
    running: Running,
    _dir: Dir,
}

impl Stage {
    fn new(home: Home) -> Self {
        let dir = Dir::new();
        let daemon = Fake::start(&dir.0, home);
        let running = start(&dir.0);
        Self { daemon, running, _dir: dir }
    }

    fn family() -> Self {
        Self::new(Home::family())
    }

    fn address(&self) -> SocketAddr {
        self.running.addresses[0]
    }

    fn browser(&self) -> Browser {
        Browser::careless(self.address())
    }

    /// A browser in which ann, the administrator, is signed in.
    async fn ann(&self) -> Browser {
        let mut browser = self.browser();
        browser.sign_in("ann").await;
        browser
    }
}

fn settings(dir: &Path) -> Settings {
    Settings {
        socket: dir.join("snugd.sock"),
        data_dir: dir.to_owned(),
        lan_only: true,
        store_dir: "/".into(),
        offline_messages: 1000,
        run_dir: None,
        fault: None,
    }
}

fn start(dir: &Path) -> Running {
    let socket = TcpListener::bind("127.0.0.1:0").expect("a port");
    snug_admin::start(settings(dir), vec![socket]).expect("the panel starts")
}
