//! A home for one test: a daemon with its own store, certificates and accounts.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use admin_api::{Call, Client, Role, Secret, accounts, setup, tls};
use config::Config;
use server::Running;

/// Password of everybody in tests.
pub(crate) const PASSWORD: &str = "correct horse battery";
/// Secret of all components of tests.
pub(crate) const COMPONENT_SECRET: &str = "a-long-secret-of-components";
/// Components of tests.
const COMPONENTS: [&str; 2] = ["gate.example", "push.example"];
/// The domain of tests.
pub(crate) const DOMAIN: &str = "home.example";

/// A running daemon that is set up with the administrator `admin`.
pub(crate) struct Home {
    pub(crate) running: Running,
    pub(crate) authority_pem: String,
    dir: PathBuf,
    admin: Client,
    config: Config,
}

impl Home {
    pub(crate) async fn start(name: &str) -> Self {
        Self::start_with(name, |_| ()).await
    }

    pub(crate) async fn start_with(name: &str, change: impl FnOnce(&mut Config)) -> Self {
        let dir = std::env::temp_dir().join(format!("snug-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&dir);
        std::fs::create_dir_all(&dir).unwrap();
        let mut config = Config::default();
        config.server.data_dir = dir.join("data");
        config.c2s.starttls = vec!["127.0.0.1:0".parse().unwrap()];
        config.c2s.direct_tls = vec!["127.0.0.1:0".parse().unwrap()];
        config.admin.socket = dir.join("admin.sock");
        config.components.listen = vec!["127.0.0.1:0".parse().unwrap()];
        config.components.secrets = dir.join("components");
        write_secrets(&config.components.secrets);
        change(&mut config);
        let admin = Client::new(&config.admin.socket, Role::Operator);
        let running = server::start(config.clone()).await.expect("the daemon starts");
        let code = admin.call(setup::NewCode {}).await.unwrap().code;
        let finish = setup::Finish {
            code,
            domain: DOMAIN.into(),
            name: "admin".into(),
            display_name: String::new(),
            password: Secret::new(PASSWORD),
            address: "127.0.0.1".into(),
            agent: "test".into(),
        };
        admin.call(finish).await.unwrap();
        let authority_pem =
            admin.call(tls::Authority {}).await.unwrap().pem.expect("an own authority");
        Self { running, authority_pem, dir, admin, config }
    }

    /// Stops the daemon and starts it again on the same data.
    pub(crate) async fn restart(self) -> Self {
        let Self { running, authority_pem, dir, admin, config } = self;
        running.stop().await;
        let running = server::start(config.clone()).await.expect("the daemon starts again");
        Self { running, authority_pem, dir, admin, config }
    }

    /// Makes the account `name`.
    pub(crate) async fn account(&self, name: &str) {
        let add = accounts::Add {
            name: name.into(),
            display_name: String::new(),
            password: Some(Secret::new(PASSWORD)),
            role: accounts::Role::Member,
        };
        self.call(add).await;
    }

    /// Asks the daemon as the operator.
    pub(crate) async fn call<C: Call>(&self, call: C) -> C::Reply {
        self.admin.call(call).await.unwrap()
    }

    /// Address of the listener of that kind.
    pub(crate) fn address(&self, direct_tls: bool) -> std::net::SocketAddr {
        let listening = self.running.daemon.listening.read().unwrap();
        listening.iter().find(|l| l.direct_tls == direct_tls).unwrap().bound.unwrap()
    }

    /// Stops the daemon and removes what it stored.
    pub(crate) async fn stop(self) {
        self.running.stop().await;
        std::fs::remove_dir_all(&self.dir).unwrap();
    }
}

fn write_secrets(path: &Path) {
    let lines = COMPONENTS.map(|name| format!("{name} {COMPONENT_SECRET}\n"));
    std::fs::write(path, lines.concat()).unwrap();
    std::fs::set_permissions(path, PermissionsExt::from_mode(0o600)).unwrap();
}
