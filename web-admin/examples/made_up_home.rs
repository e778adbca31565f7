//! The panel with a made-up home behind it, for working on its pages without a server.
//!
//! `cargo run -p snug-admin --example made_up_home [ADDRESS] [setup]`: sign in as `ann` with the
//! password `correct horse`; with `setup`, the home is not set up yet and the code is
//! `MADE-UP-CODE`.

#![allow(dead_code, unused_imports, reason = "the made-up daemon has more than this needs")]
#![allow(clippy::expect_used, clippy::panic, reason = "the made-up daemon is written for tests")]

#[path = "../tests/panel/fake.rs"]
mod fake;

use std::net::TcpListener;

use fake::{Fake, Home};
use snug_admin::Settings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let address = arguments.get(1).map_or("127.0.0.1:8443", String::as_str);
    let home = match arguments.get(2).map(String::as_str) {
        Some("setup") => Home::new(),
        _ => Home::family(),
    };
    let dir = std::env::temp_dir().join(format!("snug-made-up-home-{}", std::process::id()));
    std::fs::create_dir_all(&dir)?;
    let daemon = Fake::start(&dir, home);
    let settings = Settings {
        socket: daemon.socket.clone(),
        data_dir: dir.clone(),
        lan_only: true,
        store_dir: "/".into(),
        offline_messages: 1000,
        run_dir: None,
        fault: None,
    };
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let running = snug_admin::start(settings, vec![TcpListener::bind(address)?])?;
    tracing::info!("https://{address}/");
    tokio::signal::ctrl_c().await?;
    running.stop().await;
    std::fs::remove_dir_all(&dir)?;
    Ok(())
}
