//! What a command works with: settings, the daemon, the output.

use std::path::PathBuf;

use admin_api::{Call, Client, Role};
use config::Config;
use tokio::runtime::{Builder, Runtime};

use crate::args::Global;
use crate::failure::Failure;
use crate::output::Output;

/// What a command works with.
pub(crate) struct Context {
    global: Global,
    /// Where results go.
    pub(crate) out: Output,
}

impl Context {
    pub(crate) fn new(global: Global) -> Self {
        let out = Output::stdout(global.json);
        Self { global, out }
    }

    /// The settings file that was named.
    pub(crate) fn config_path(&self) -> Option<&PathBuf> {
        self.global.config.as_ref()
    }

    /// The settings in force.
    pub(crate) fn config(&self) -> Result<Config, Failure> {
        Ok(Config::load_or_default(self.global.config.as_deref())?)
    }

    /// The daemon. Settings are read only if no socket is named, so that a broken file does
    /// not stand in the way of a daemon that runs.
    pub(crate) fn daemon(&self) -> Result<Daemon, Failure> {
        let socket = match &self.global.socket {
            Some(socket) => socket.clone(),
            None => self.config()?.admin.socket,
        };
        Daemon::new(socket)
    }
}

/// The daemon, asked one call after the other.
pub(crate) struct Daemon {
    runtime: Runtime,
    client: Client,
}

impl Daemon {
    fn new(socket: PathBuf) -> Result<Self, Failure> {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(Failure::io("cannot start"))?;
        Ok(Self { runtime, client: Client::new(socket, Role::Operator) })
    }

    /// Asks and waits for the answer, at most `admin_api::client::CALL_SECONDS_MAX`.
    pub(crate) fn call<C: Call>(&self, call: C) -> Result<C::Reply, Failure> {
        Ok(self.runtime.block_on(self.client.call(call))?)
    }
}
