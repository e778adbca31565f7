//! `snug-admin`: arguments, configuration, log, sockets, signals.

use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use config::{Config, Level};
use nix::sys::socket::{getsockopt, sockopt};
use sd_notify::NotifyState;
use snug_admin::{Settings, limits};
use tokio::signal::unix::{SignalKind, signal};
use tracing::level_filters::LevelFilter;

/// The web panel of Snug, the family's own chat server.
///
/// Serves the pages with which a family manages its home: people and their passwords,
/// fingerprints, connected chat programs, health. HTTPS only, and only for the home's own
/// network unless `[panel] lan_only` says otherwise.
///
/// The panel holds no data. It asks snugd over the admin socket, and only that may be done which
/// the person who signed in may do. When snugd is down, the health page still works and says so.
#[derive(Debug, Parser)]
#[command(name = "snug-admin", version, after_long_help = AFTER)]
struct Arguments {
    /// The configuration file.
    ///
    /// Without it, /etc/snug/snug.toml is used if it exists, and else the defaults. A file with a
    /// mistake does not stop the panel: it runs with the defaults and shows the mistake on its
    /// health page.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

const AFTER: &str = "\
Sockets:
  Listens on the addresses of `[panel] listen`, port 443 on all addresses by default. If
  standard input is a listening socket (a systemd socket unit, with StandardInput=socket in the
  service), that one is used instead; that is how an unprivileged panel gets port 443.

Files:
  panel-key.pem, panel-leaf.json in `[panel] data_dir`: the panel's own TLS key, which it makes
  itself and which never leaves the box, and the certificate that snugd signed for it. Both may
  be deleted; they are made again.

Signals:
  SIGTERM and SIGINT stop the panel; pages that are being answered are finished first.

Exit status:
  0 after a signal, 1 if the panel cannot start; the log says why.

See also: snugd(8), snug(1), snug.toml(5)";

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let (config, fault) = match Config::load_or_default(arguments.config.as_deref()) {
        Ok(config) => (config, None),
        Err(e) => (Config::default(), Some(e.to_string())),
    };
    tracing_subscriber::fmt()
        .with_max_level(filter(config.log.level))
        .with_writer(std::io::stderr)
        .with_target(false)
        // The service manager's log has the time already.
        .without_time()
        .with_ansi(false)
        .init();
    if let Some(fault) = &fault {
        tracing::error!("running with default settings: {fault}");
    }
    // One thread answers a family's pages; another one or two read files for the health page.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(limits::BLOCKING_THREADS_MAX)
        .thread_stack_size(limits::BLOCKING_STACK_BYTES)
        .build();
    let result = match runtime {
        Ok(runtime) => runtime.block_on(run(config, fault)),
        Err(e) => Err(format!("no runtime: {e}")),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            tracing::error!("{e}");
            ExitCode::FAILURE
        }
    }
}

async fn run(config: Config, fault: Option<String>) -> Result<(), String> {
    let watch = |kind| signal(kind).map_err(|e| format!("signals cannot be watched: {e}"));
    let (mut terminate, mut interrupt) =
        (watch(SignalKind::terminate())?, watch(SignalKind::interrupt())?);
    let sockets = sockets(&config.panel.listen)?;
    let settings = Settings {
        socket: config.admin.socket,
        data_dir: config.panel.data_dir,
        lan_only: config.panel.lan_only,
        store_dir: config.server.data_dir,
        offline_messages: config.limits.offline_messages,
        run_dir: std::env::var_os("RUNTIME_DIRECTORY").map(PathBuf::from),
        fault,
    };
    let running = snug_admin::start(settings, sockets).map_err(|e| e.to_string())?;
    for address in &running.addresses {
        tracing::info!("listening on https://{address}/");
    }
    notify(&[NotifyState::Ready]);
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("stopping");
    notify(&[NotifyState::Stopping]);
    running.stop().await;
    Ok(())
}

/// The socket that the service manager handed over, or own ones.
fn sockets(addresses: &[SocketAddr]) -> Result<Vec<TcpListener>, String> {
    let handed = handed_over().map_err(|e| format!("the handed-over socket is not usable: {e}"))?;
    if let Some(socket) = handed {
        return Ok(vec![socket]);
    }
    let bind = |address: &SocketAddr| {
        TcpListener::bind(address).map_err(|e| {
            format!("cannot listen on {address}: {e}; see [panel] listen in snug.toml")
        })
    };
    addresses.iter().map(bind).collect()
}

/// A listening socket as standard input: systemd's `StandardInput=socket`.
fn handed_over() -> std::io::Result<Option<TcpListener>> {
    let stdin = std::io::stdin();
    // What is no socket at all answers with an error.
    if !getsockopt(&stdin, sockopt::AcceptConn).unwrap_or(false) {
        return Ok(None);
    }
    let socket = TcpListener::from(stdin.as_fd().try_clone_to_owned()?);
    // Fails for sockets of other families.
    socket.local_addr()?;
    Ok(Some(socket))
}

/// Tells the service manager, if there is one that wants to know.
fn notify(state: &[NotifyState<'_>]) {
    if let Err(e) = sd_notify::notify(state) {
        tracing::warn!("the service manager could not be told: {e}");
    }
}

fn filter(level: Level) -> LevelFilter {
    match level {
        Level::Error => LevelFilter::ERROR,
        Level::Warn => LevelFilter::WARN,
        Level::Info => LevelFilter::INFO,
        Level::Debug => LevelFilter::DEBUG,
        Level::Trace => LevelFilter::TRACE,
    }
}
