//! For tests of this crate: temporary directories, stores, and whole daemons on loopback.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use admin_api::{Client, Role, Secret, setup};
use store::{Schema, Store};

use crate::daemon::Daemon;
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

/// The first administrator's password in [`Home::set_up`].
pub(crate) const PASSWORD: &str = "correct horse";

/// A running daemon on ports of the system's choice.
pub(crate) struct Home {
    running: Running,
    dir: TempDir,
}

impl Home {
    /// As it comes out of the box.
    pub(crate) async fn bare() -> Self {
        Self::in_dir(TempDir::new()).await
    }

    /// Not set up yet, and with a concierge that has its key: making one takes the processor half a
    /// second, which would be most of some tests.
    pub(crate) async fn fresh() -> Self {
        let dir = TempDir::new();
        let data = Self::config(dir.path()).server.data_dir;
        let store = Store::open(&data, &crate::schema::schema()).unwrap();
        crate::concierge::give_key(&store);
        store.close().unwrap();
        Self::in_dir(dir).await
    }

    async fn in_dir(dir: TempDir) -> Self {
        let running = start(Self::config(dir.path())).await.unwrap();
        Self { running, dir }
    }

    /// Set up as `home.example` by the administrator `ann`; with the token of her panel session.
    pub(crate) async fn set_up() -> (Self, Secret) {
        let home = Self::fresh().await;
        let code = home.operator().call(setup::NewCode {}).await.unwrap().code;
        let finish = home.finish(code);
        let token = home.panel().call(finish).await.unwrap().token;
        (home, token)
    }

    /// The call that finishes set-up.
    pub(crate) fn finish(&self, code: Secret) -> setup::Finish {
        setup::Finish {
            code,
            domain: "home.example".to_owned(),
            name: "ann".to_owned(),
            display_name: "Ann".to_owned(),
            password: Secret::new(PASSWORD),
            address: "192.168.1.20".to_owned(),
            agent: "a browser".to_owned(),
        }
    }

    /// Stops the daemon and starts it again on the same data.
    pub(crate) async fn restart(self) -> Self {
        let Self { running, dir } = self;
        running.stop().await;
        Self::in_dir(dir).await
    }

    pub(crate) fn daemon(&self) -> &Arc<Daemon> {
        &self.running.daemon
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// The command line.
    pub(crate) fn operator(&self) -> Client {
        Client::new(self.dir.path().join("admin.sock"), Role::Operator)
    }

    /// The panel.
    pub(crate) fn panel(&self) -> Client {
        Client::new(self.dir.path().join("admin.sock"), Role::Panel)
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
