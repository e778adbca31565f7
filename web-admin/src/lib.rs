//! `snug-admin`, the family's web panel.
//!
//! A process of its own, under its own user, with no access to the store or to any key of the
//! chat server: it asks snugd over the admin socket ([`access`]), and for people who signed in
//! with their token. HTTPS only, for the home's own network only.
//!
//! Invariants: no secret is kept here but the panel's own TLS key; every page works without
//! JavaScript; nothing is loaded from elsewhere; health works when snugd does not.

pub mod access;
pub mod address;
pub mod agent;
pub mod assets;
pub mod certificate;
pub mod cookie;
pub mod csrf;
pub mod form;
pub mod handover;
pub mod headers;
pub mod lan;
pub mod limits;
pub mod link;
pub mod listen;
pub mod members;
pub mod multipart;
pub mod names;
pub mod new_password;
pub mod pages;
pub mod problem;
pub mod qr;
pub mod reached;
pub mod report;
pub mod start;
pub mod throttle;
pub mod tls;
pub mod upload;
pub mod view;
pub mod when;

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

pub use start::{Running, StartError, start};

/// What the panel needs to know from the configuration.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The admin socket of snugd.
    pub socket: PathBuf,
    /// Directory of the panel's own key and certificate.
    pub data_dir: PathBuf,
    /// Let in only peers at home.
    pub lan_only: bool,
    /// Directory of snugd's store, whose disk the health page looks at.
    pub store_dir: PathBuf,
    /// Messages kept per account while nobody is connected; the privacy page says so.
    pub offline_messages: u32,
    /// Where word is left for other units, by systemd's `RuntimeDirectory=`.
    pub run_dir: Option<PathBuf>,
    /// Why these are default settings, if the file could not be used.
    pub fault: Option<String>,
}

/// What all pages share.
#[derive(Debug)]
pub struct Panel {
    /// The settings.
    pub settings: Settings,
    /// snugd.
    pub daemon: access::Daemon,
    /// The health report.
    pub health: report::Health,
    /// Word that the panel was reached.
    pub reached: reached::Reached,
    tries: Mutex<throttle::Throttle>,
}

/// A handle on the panel, as handlers get it.
pub type App = Arc<Panel>;

impl Panel {
    /// A panel with these settings.
    #[must_use]
    pub fn new(settings: Settings) -> App {
        let root = std::path::Path::new("/");
        Arc::new(Self {
            daemon: access::Daemon::new(&settings.socket),
            health: report::Health::new(root, &settings),
            reached: reached::Reached::new(root, settings.run_dir.as_deref()),
            tries: Mutex::new(throttle::Throttle::default()),
            settings,
        })
    }

    /// Counts a try of `address` to sign in or to use a set-up code.
    ///
    /// # Errors
    /// How long to wait, if it was one too many.
    pub fn attempt(&self, address: IpAddr) -> Result<(), Duration> {
        let mut tries = self.tries.lock().unwrap_or_else(PoisonError::into_inner);
        tries.attempt(address, Instant::now())
    }
}
