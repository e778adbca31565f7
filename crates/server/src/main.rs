//! `snugd`: arguments, configuration, signals, run.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use config::Config;
use tokio::signal::unix::{SignalKind, signal};

/// The Snug XMPP server.
///
/// Serves the XMPP clients of one home: Conversations, Dino, Gajim, Pidgin, Profanity, Xabber and
/// others. It is set up and managed by the web panel (snug-admin) or the command line (snug);
/// nobody needs to edit a file for that.
#[derive(Debug, Parser)]
#[command(
    name = "snugd",
    version,
    after_long_help = "SIGNALS\n  SIGTERM, SIGINT  tell clients, finish what is in flight, stop\n  \
        SIGHUP           read the certificate files again\n\nEXIT STATUS\n  0  stopped as asked\n  \
        1  could not start; the message says what to do\n  2  wrong arguments\n\nFILES\n  \
        /etc/snug/snug.toml  settings; every key has a default, see docs/snug.example.toml"
)]
struct Args {
    /// Settings file. Without it, /etc/snug/snug.toml is read if it exists.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let config = match Config::load_or_default(args.config.as_deref()) {
        Ok(config) => config,
        Err(e) => return fail(&e.to_string()),
    };
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .with_target(false)
        .with_max_level(level(&config))
        .init();
    raise_file_limit();
    // One thread for the protocol: see docs/adr/0005-one-protocol-thread.md.
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(e) => return fail(&format!("the runtime cannot start: {e}")),
    };
    match runtime.block_on(run(config)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(text) => fail(&text),
    }
}

fn level(config: &Config) -> tracing::Level {
    match config.log.level {
        config::Level::Error => tracing::Level::ERROR,
        config::Level::Warn => tracing::Level::WARN,
        config::Level::Info => tracing::Level::INFO,
        config::Level::Debug => tracing::Level::DEBUG,
        config::Level::Trace => tracing::Level::TRACE,
    }
}

#[allow(clippy::print_stderr, reason = "the log may not be running yet")]
fn fail(text: &str) -> ExitCode {
    eprintln!("snugd: {text}");
    ExitCode::FAILURE
}

/// One connection is one file: take what the system allows.
fn raise_file_limit() {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let raised = getrlimit(Resource::RLIMIT_NOFILE)
        .and_then(|(_, hard)| setrlimit(Resource::RLIMIT_NOFILE, hard, hard));
    if let Err(e) = raised {
        tracing::warn!(error = %e, "the limit of open files could not be raised");
    }
}

async fn run(config: Config) -> Result<(), String> {
    let text = |e: std::io::Error| format!("signals cannot be received: {e}");
    let mut terminate = signal(SignalKind::terminate()).map_err(text)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(text)?;
    let mut hang_up = signal(SignalKind::hangup()).map_err(text)?;
    let running = server::start(config).await.map_err(|e| e.to_string())?;
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "ready");
    notify(&[sd_notify::NotifyState::Ready]);
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            _ = hang_up.recv() => match running.daemon.tls.reload() {
                Ok(()) => tracing::info!("certificates read again"),
                Err(e) => tracing::error!(error = %e, "the old certificate stays in use"),
            },
        }
    }
    tracing::info!("stopping");
    notify(&[sd_notify::NotifyState::Stopping]);
    running.stop().await;
    Ok(())
}

/// Tells systemd, if it started us.
fn notify(state: &[sd_notify::NotifyState<'_>]) {
    if let Err(e) = sd_notify::notify(state) {
        tracing::debug!(error = %e, "the service manager was not told");
    }
}
