//! What a person needs to sign in with a chat program: shown once, right after an account was
//! made or its password changed.

use admin_api::{accounts, daemon};
use askama::Template;
use axum::response::Response;

use crate::access::Admin;
use crate::lan;
use crate::link;
use crate::names;
use crate::pages::Page;
use crate::problem::Problem;
use crate::view::{Frame, render};

/// What has just happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occasion {
    /// The account was made.
    New,
    /// Its password was changed.
    NewPassword,
}

#[derive(Template)]
#[template(path = "handover.html")]
struct View {
    frame: Frame,
    new: bool,
    /// Is it the account of the person who looks at the page?
    own: bool,
    jid: String,
    local: String,
    domain: String,
    name: String,
    /// Only if the server made it.
    password: Option<String>,
    server: Server,
    href: String,
}

/// Where chat programs connect.
pub struct Server {
    /// A name that the home's network knows.
    pub host: String,
    /// Addresses, for where the name is not found.
    pub addresses: Vec<String>,
    /// STARTTLS; 0 = off.
    pub starttls: u16,
    /// TLS from the first byte; 0 = off.
    pub direct_tls: u16,
}

impl Server {
    /// This machine, as people on the home's network reach it.
    #[must_use]
    pub fn here(ports: daemon::Ports) -> Self {
        let own = lan::own_addresses().unwrap_or_default();
        Self {
            host: format!("{}.local", names::host_name()),
            addresses: names::lan_addresses(&own).iter().map(ToString::to_string).collect(),
            starttls: ports.starttls,
            direct_tls: ports.direct_tls,
        }
    }

    /// The port to type: STARTTLS where it is on, because every program knows it.
    #[must_use]
    pub fn port(&self) -> u16 {
        if self.starttls == 0 { self.direct_tls } else { self.starttls }
    }

    /// Does the port to type speak TLS from the first byte?
    #[must_use]
    pub fn is_direct(&self) -> bool {
        self.starttls == 0
    }
}

/// The page.
///
/// # Errors
/// As [`render`]. A daemon that does not tell its ports is no error: the account is there.
pub async fn show(
    admin: &Admin,
    page: &Page,
    occasion: Occasion,
    added: accounts::Added,
) -> Result<Response, Problem> {
    let status = admin.call(daemon::Status {}).await;
    let ports = status.map_or(daemon::Ports { starttls: 5222, direct_tls: 5223 }, |s| s.ports);
    let account = added.account;
    let local = link::local(&account.jid).to_owned();
    let domain = account.jid.split_once('@').map_or(&*account.jid, |(_, domain)| domain);
    let name = if account.display_name.is_empty() { &local } else { &account.display_name };
    render(&View {
        frame: admin.frame(page).titled(&format!("For {name}")),
        new: occasion == Occasion::New,
        own: admin.is(&account.jid),
        domain: domain.to_owned(),
        name: name.clone(),
        // This page is where the generated password is shown, once.
        password: added.generated_password.map(|p| p.expose().to_owned()),
        server: Server::here(ports),
        href: link::person(&account.jid),
        local,
        jid: account.jid,
    })
}
