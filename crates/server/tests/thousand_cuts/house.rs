//! The daemon as a process of its own, which can be killed and started again on the same disk.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use admin_api::{Call, Client, Role, Secret, accounts, daemon, setup, tls};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio::process::{Child, Command};

use crate::harness::client::PATIENCE;
use crate::harness::home::{DOMAIN, PASSWORD};

/// A daemon, its store and its accounts.
pub(crate) struct House {
    dir: PathBuf,
    admin: Client,
    child: RefCell<Option<Child>>,
    address: Cell<Option<SocketAddr>>,
    pub(crate) tls: Arc<rustls::ClientConfig>,
}

impl House {
    /// Starts a daemon with accounts for `people`.
    pub(crate) async fn start(name: &str, people: &[&str]) -> Self {
        let dir = std::env::temp_dir().join(format!("snug-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&dir);
        std::fs::create_dir_all(dir.join("data")).unwrap();
        let here = dir.display();
        let config = format!(
            "[server]\ndata_dir = '{here}/data'\n\
             [c2s]\nstarttls = []\ndirect_tls = ['127.0.0.1:0']\n\
             [admin]\nsocket = '{here}/admin.sock'\n\
             [limits]\nconnections_per_address = 10000\noffline_messages = 100000\n\
             sessions_per_account = 40\n"
        );
        std::fs::write(dir.join("snug.toml"), config).unwrap();
        let admin = Client::new(dir.join("admin.sock"), Role::Operator);
        let tls = rustls::ClientConfig::builder()
            .with_root_certificates(rustls::RootCertStore::empty())
            .with_no_client_auth();
        let mut house = Self {
            dir,
            admin,
            child: RefCell::default(),
            address: Cell::default(),
            tls: tls.into(),
        };
        house.run().await;
        house.set_up().await;
        house.trust().await;
        house.find_port().await;
        for name in people {
            house
                .call(accounts::Add {
                    name: (*name).to_owned(),
                    display_name: String::new(),
                    password: Some(Secret::new(PASSWORD)),
                    role: accounts::Role::Member,
                })
                .await;
        }
        house
    }

    /// Asks the daemon as the operator.
    pub(crate) async fn call<C: Call>(&self, call: C) -> C::Reply {
        self.admin.call(call).await.unwrap()
    }

    /// Where clients connect; `None` while no daemon runs.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        self.address.get()
    }

    /// Kills the daemon in whatever it is doing, and starts it again.
    pub(crate) async fn kill_and_start(&self) {
        self.address.set(None);
        let mut child = self.child.take().expect("a running daemon");
        // SIGKILL: no last words, nothing is flushed.
        child.kill().await.unwrap();
        let _ = std::fs::remove_file(self.dir.join("admin.sock"));
        self.run().await;
        self.find_port().await;
    }

    /// Stops the daemon and removes what it stored.
    pub(crate) async fn stop(self) {
        let mut child = self.child.take().expect("a running daemon");
        child.kill().await.unwrap();
        std::fs::remove_dir_all(&self.dir).unwrap();
    }

    async fn run(&self) {
        let mut log = std::fs::File::options();
        let log = log.create(true).append(true).open(self.dir.join("log")).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_snugd"))
            .arg("--config")
            .arg(self.dir.join("snug.toml"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        self.child.replace(Some(child));
        let answers = async {
            while self.admin.call(daemon::Status {}).await.is_err() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        if tokio::time::timeout(PATIENCE, answers).await.is_err() {
            panic!("the daemon does not start:\n{}", self.log());
        }
    }

    /// What the daemon logged.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.dir.join("log")).unwrap_or_default()
    }

    async fn set_up(&self) {
        let code = self.call(setup::NewCode {}).await.code;
        let finish = setup::Finish {
            code,
            domain: DOMAIN.into(),
            name: "admin".into(),
            display_name: String::new(),
            password: Secret::new(PASSWORD),
            address: "127.0.0.1".into(),
            agent: "test".into(),
        };
        self.call(finish).await;
    }

    /// Clients trust the home's authority and nobody else.
    async fn trust(&mut self) {
        let pem = self.call(tls::Authority {}).await.pem.expect("an own authority");
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()).unwrap();
        let mut config =
            rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = vec![b"xmpp-client".to_vec()];
        self.tls = config.into();
    }

    /// The system chose it; listeners open a little later than the admin socket.
    async fn find_port(&self) {
        let port = async {
            loop {
                let port = self.call(daemon::Status {}).await.ports.direct_tls;
                if port != 0 {
                    return port;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let port = tokio::time::timeout(PATIENCE, port).await.expect("a listener");
        self.address.set(Some(([127, 0, 0, 1], port).into()));
    }
}
