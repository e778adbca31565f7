//! For tests of this crate: temporary directories, stores, and whole daemons on loopback.

use std::path::{Path, PathBuf};

use store::{Schema, Store};

use crate::{Running, random, start};

/// A directory that goes away with its value.
pub(crate) struct TempDir(PathBuf);

impl TempDir {
    pub(crate) fn new() -> Self {
        let path = std::env::temp_dir().join(format!("snug-server-{}", random::text(16)));
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A store with `tables` in a directory of its own.
pub(crate) fn store(tables: &'static [&'static str]) -> (TempDir, Store) {
    let dir = TempDir::new();
    let store = Store::open(dir.path(), &Schema { version: 1, tables, migrations: &[] }).unwrap();
    (dir, store)
}

/// A running daemon on ports of the system's choice.
pub(crate) struct Home {
    pub(crate) running: Running,
    pub(crate) dir: TempDir,
}

impl Home {
    /// Not set up yet.
    pub(crate) async fn fresh() -> Self {
        let dir = TempDir::new();
        let running = start(Self::config(dir.path())).await.unwrap();
        Self { running, dir }
    }

    /// The configuration of a daemon whose files are in `dir`.
    pub(crate) fn config(dir: &Path) -> config::Config {
        let mut config = config::Config::default();
        config.server.data_dir = dir.join("data");
        config.admin.socket = dir.join("admin.sock");
        config.c2s.starttls = vec![([127, 0, 0, 1], 0).into()];
        config.c2s.direct_tls = vec![([127, 0, 0, 1], 0).into()];
        config
    }
}
