//! From the written file to checked types.
//!
//! Order: TOML syntax, unknown keys, types of values, forms of values, what must fit together.
//! Invariant: a key that is left out has the default of [`Config::default`].

use std::net::SocketAddr;
use std::path::PathBuf;

use toml::Spanned;
use toml::de::DeTable;

use crate::error::{Fault, shown};
use crate::file::{self, File, List, Maybe};
use crate::{
    Admin, C2s, Components, Config, Contact, Level, Limits, Log, Panel, Server, Tls, firewall, keys,
};

/// Byte offset of the fault in the text, where there is one, and the fault.
pub(crate) type At = (Option<usize>, Fault);

/// Longest path of a unix socket that Linux takes is 107 bytes; some is left for a suffix.
const SOCKET_PATH_BYTES_MAX: usize = 100;

/// Contacts per kind.
const CONTACTS_MAX: usize = 10;

/// Listeners per list. A board has few addresses.
const LISTENERS_MAX: usize = 16;

/// Longest URI; also the ceiling of an XMPP address.
const URI_BYTES_MAX: usize = 1023;

/// Longest user name Linux takes.
const USER_BYTES_MAX: usize = 32;

pub(crate) fn parse(text: &str) -> Result<Config, At> {
    let table = DeTable::parse(text).map_err(|e| syntax(&e))?;
    known_keys(table.get_ref())?;
    let file: File = toml::from_str(text).map_err(|e| {
        let at = e.span().map(|s| s.start);
        match at.and_then(|at| key_at(table.get_ref(), at)) {
            Some((key, span)) => {
                let value = shown(text.get(span.clone()).unwrap_or_default());
                (Some(span.start), Fault::Value { key: key.path, value, must: key.must })
            }
            None => syntax(&e),
        }
    })?;
    let places = Places::of(&file);
    let config = Config {
        server: server(file.server)?,
        c2s: c2s(file.c2s)?,
        components: components(file.components)?,
        tls: tls(file.tls)?,
        admin: admin(file.admin)?,
        panel: panel(file.panel)?,
        firewall: firewall::parse(file.firewall)?,
        contact: contact(file.contact)?,
        limits: limits(file.limits)?,
        log: log(file.log)?,
    };
    listeners_fit(&config, &places)?;
    Ok(config)
}

fn syntax(e: &toml::de::Error) -> At {
    (e.span().map(|s| s.start), Fault::Syntax(e.message().to_owned()))
}

/// Refuses keys and sections that do not exist, with a hint. The structs of [`File`] refuse
/// them as well, but know only their own section.
fn known_keys(root: &DeTable<'_>) -> Result<(), At> {
    let unknown = |at: usize, key: String, hint| Err((Some(at), Fault::UnknownKey { key, hint }));
    for (section, content) in root {
        let name: &str = section.get_ref();
        if !keys::is_section(name) {
            return unknown(section.span().start, shown(name), keys::hint(None, name));
        }
        let Some(table) = content.get_ref().as_table() else {
            let hint = Some(format!("write [{name}] and its keys on lines of their own"));
            return unknown(section.span().start, shown(name), hint);
        };
        for key in table.keys() {
            let path = format!("{name}.{}", key.get_ref());
            if keys::find(&path).is_none() {
                let hint = keys::hint(Some(name), key.get_ref());
                return unknown(key.span().start, shown(&path), hint);
            }
        }
    }
    Ok(())
}

/// The key whose value is at `at`, and where that value is.
fn key_at(root: &DeTable<'_>, at: usize) -> Option<(&'static keys::Key, std::ops::Range<usize>)> {
    root.iter().find_map(|(section, content)| {
        content.get_ref().as_table()?.iter().find_map(|(key, value)| {
            let span = value.span();
            let path = format!("{}.{}", section.get_ref(), key.get_ref());
            if span.contains(&at) || span.start == at {
                Some((keys::find(&path)?, span))
            } else {
                None
            }
        })
    })
}

pub(crate) fn wrong(key: &'static str, at: usize, value: &str) -> At {
    let must = keys::find(key).map_or("something else", |k| k.must);
    (Some(at), Fault::Value { key, value: shown(value), must })
}

/// A wrong string is shown in quotes, as it is written.
pub(crate) fn wrong_text(key: &'static str, value: &Spanned<String>) -> At {
    wrong(key, value.span().start, &format!("{:?}", value.get_ref()))
}

fn server(f: file::Server) -> Result<Server, At> {
    let d = Server::default();
    Ok(Server { data_dir: absolute("server.data_dir", f.data_dir, d.data_dir)? })
}

fn c2s(f: file::C2s) -> Result<C2s, At> {
    let d = C2s::default();
    let at = f.direct_tls.as_ref().or(f.starttls.as_ref()).map(|l| l.span().start);
    let c2s = C2s {
        starttls: addresses("c2s.starttls", f.starttls, d.starttls)?,
        direct_tls: addresses("c2s.direct_tls", f.direct_tls, d.direct_tls)?,
        plain: f.plain.map_or(d.plain, Spanned::into_inner),
    };
    if c2s.starttls.is_empty() && c2s.direct_tls.is_empty() {
        let why = "and `c2s.starttls` are both empty, so that no client could connect; give one \
                   of them an address";
        return Err((at, Fault::Unfit { key: "c2s.direct_tls", why }));
    }
    Ok(c2s)
}

fn components(f: file::Components) -> Result<Components, At> {
    let d = Components::default();
    let at = f.listen.as_ref().map(|l| l.span().start);
    let components = Components {
        listen: addresses("components.listen", f.listen, d.listen)?,
        secrets: absolute("components.secrets", f.secrets, d.secrets)?,
        beyond_loopback: f.beyond_loopback.map_or(d.beyond_loopback, Spanned::into_inner),
    };
    let outside = components.listen.iter().any(|a| !a.ip().to_canonical().is_loopback());
    if outside && !components.beyond_loopback {
        // XEP-0114 has no encryption.
        let why = "has an address that other machines can reach, and components speak without \
                   encryption; use \"127.0.0.1:5347\", or say `beyond_loopback = true` if \
                   nobody else can listen on that network";
        return Err((at, Fault::Unfit { key: "components.listen", why }));
    }
    Ok(components)
}

fn tls(f: file::Tls) -> Result<Tls, At> {
    let mode_at = f.mode.as_ref().map(|m| m.span().start);
    let files = match f.mode {
        None => false,
        Some(mode) => match mode.get_ref().as_str() {
            "own-ca" => false,
            "files" => true,
            _ => return Err(wrong_text("tls.mode", &mode)),
        },
    };
    let place = |m: &Maybe<String>| m.as_ref().map(|m| m.span().start);
    let given = [("tls.certificate", place(&f.certificate)), ("tls.key", place(&f.key))];
    if files {
        if let Some((key, _)) = given.into_iter().find(|(_, at)| at.is_none()) {
            let why = "is missing; `tls.mode = \"files\"` needs the path of the certificate and \
                       the path of its key";
            return Err((mode_at, Fault::Unfit { key, why }));
        }
        return Ok(Tls::Files {
            certificate: absolute("tls.certificate", f.certificate, PathBuf::new())?,
            key: absolute("tls.key", f.key, PathBuf::new())?,
        });
    }
    if let Some((key, at)) = given.into_iter().find(|(_, at)| at.is_some()) {
        let why = "has no use without `tls.mode = \"files\"`; set that, or remove this line";
        return Err((at, Fault::Unfit { key, why }));
    }
    Ok(Tls::OwnCa)
}

fn admin(f: file::Admin) -> Result<Admin, At> {
    let d = Admin::default();
    if let Some(socket) = &f.socket
        && socket.get_ref().len() > SOCKET_PATH_BYTES_MAX
    {
        return Err(wrong_text("admin.socket", socket));
    }
    let panel_user = match f.panel_user {
        None => d.panel_user,
        Some(user) if is_user_name(user.get_ref()) => user.into_inner(),
        Some(user) => return Err(wrong_text("admin.panel_user", &user)),
    };
    Ok(Admin { socket: absolute("admin.socket", f.socket, d.socket)?, panel_user })
}

fn is_user_name(name: &str) -> bool {
    name.len() <= USER_BYTES_MAX
        && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'))
}

fn panel(f: file::Panel) -> Result<Panel, At> {
    let d = Panel::default();
    let at = f.listen.as_ref().map(|l| l.span().start);
    let listen = addresses("panel.listen", f.listen, d.listen)?;
    if listen.is_empty() {
        let why = "is empty, so that no browser could connect; give it an address, such as \
                   [\"[::]:443\"]";
        return Err((at, Fault::Unfit { key: "panel.listen", why }));
    }
    Ok(Panel {
        listen,
        data_dir: absolute("panel.data_dir", f.data_dir, d.data_dir)?,
        lan_only: f.lan_only.map_or(d.lan_only, Spanned::into_inner),
    })
}

fn contact(f: file::Contact) -> Result<Contact, At> {
    Ok(Contact {
        admin: uris("contact.admin", f.admin)?,
        abuse: uris("contact.abuse", f.abuse)?,
        support: uris("contact.support", f.support)?,
    })
}

fn limits(f: file::Limits) -> Result<Limits, At> {
    let d = Limits::default();
    let bytes = u32::try_from(d.stanza_bytes).unwrap_or(u32::MAX);
    // RFC 6120 §13.12: no lower than 10,000 bytes.
    let stanza_bytes = number("limits.stanza_bytes", f.stanza_bytes, 10_000..=1_048_576, bytes)?;
    Ok(Limits {
        sessions_per_account: number(
            "limits.sessions_per_account",
            f.sessions_per_account,
            1..=100,
            d.sessions_per_account,
        )?,
        resume_seconds: number(
            "limits.resume_seconds",
            f.resume_seconds,
            0..=3_600,
            d.resume_seconds,
        )?,
        offline_messages: number(
            "limits.offline_messages",
            f.offline_messages,
            0..=100_000,
            d.offline_messages,
        )?,
        connections_per_address: number(
            "limits.connections_per_address",
            f.connections_per_address,
            1..=10_000,
            d.connections_per_address,
        )?,
        stanza_bytes: usize::try_from(stanza_bytes).unwrap_or(d.stanza_bytes),
    })
}

fn log(f: file::Log) -> Result<Log, At> {
    let Some(level) = f.level else { return Ok(Log::default()) };
    match Level::ALL.into_iter().find(|l| l.as_str() == level.get_ref()) {
        Some(level) => Ok(Log { level }),
        None => Err(wrong_text("log.level", &level)),
    }
}

fn absolute(key: &'static str, value: Maybe<String>, default: PathBuf) -> Result<PathBuf, At> {
    let Some(value) = value else { return Ok(default) };
    let path = PathBuf::from(value.get_ref());
    // A service has no useful working directory, so a relative path is a mistake.
    if path.is_absolute() && !value.get_ref().contains(char::is_control) {
        Ok(path)
    } else {
        Err(wrong_text(key, &value))
    }
}

fn addresses(
    key: &'static str,
    value: List,
    default: Vec<SocketAddr>,
) -> Result<Vec<SocketAddr>, At> {
    let Some(list) = value else { return Ok(default) };
    let at = list.span().start;
    let list = list.into_inner();
    if list.len() > LISTENERS_MAX {
        return Err(wrong(key, at, &format!("a list of {}", list.len())));
    }
    list.into_iter().map(|a| a.get_ref().parse().map_err(|_| wrong_text(key, &a))).collect()
}

fn number(
    key: &'static str,
    value: Maybe<i64>,
    range: std::ops::RangeInclusive<u32>,
    default: u32,
) -> Result<u32, At> {
    let Some(value) = value else { return Ok(default) };
    match u32::try_from(*value.get_ref()) {
        Ok(n) if range.contains(&n) => Ok(n),
        _ => Err(wrong(key, value.span().start, &value.get_ref().to_string())),
    }
}

fn uris(key: &'static str, value: List) -> Result<Vec<String>, At> {
    let Some(list) = value else { return Ok(Vec::new()) };
    let at = list.span().start;
    let list = list.into_inner();
    if list.len() > CONTACTS_MAX {
        return Err(wrong(key, at, &format!("a list of {}", list.len())));
    }
    list.into_iter()
        .map(|u| if is_uri(u.get_ref()) { Ok(u.into_inner()) } else { Err(wrong_text(key, &u)) })
        .collect()
}

/// RFC 3986 §3: a scheme, a colon, something; no white space.
fn is_uri(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    text.len() <= URI_BYTES_MAX
        && scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
        && !rest.is_empty()
        && !rest.contains(|c: char| c.is_whitespace() || c.is_control() || c == '"')
}

/// Where the lists of listeners are in the text, for errors.
struct Places {
    starttls: Option<usize>,
    direct_tls: Option<usize>,
    components: Option<usize>,
    listen: Option<usize>,
}

impl Places {
    fn of(file: &File) -> Self {
        let start = |l: &List| l.as_ref().map(|l| l.span().start);
        Self {
            starttls: start(&file.c2s.starttls),
            direct_tls: start(&file.c2s.direct_tls),
            components: start(&file.components.listen),
            listen: start(&file.panel.listen),
        }
    }
}

/// No two listeners on the same port of the same address.
fn listeners_fit(config: &Config, places: &Places) -> Result<(), At> {
    let lists = [
        ("c2s.starttls", &config.c2s.starttls, places.starttls),
        ("c2s.direct_tls", &config.c2s.direct_tls, places.direct_tls),
        ("components.listen", &config.components.listen, places.components),
        ("panel.listen", &config.panel.listen, places.listen),
    ];
    let all = || {
        lists
            .iter()
            .flat_map(|(key, list, at)| list.iter().map(move |address| (*key, *address, *at)))
    };
    for (i, (key, address, at)) in all().enumerate() {
        for (other_key, other, other_at) in all().take(i) {
            if collide(address, other) {
                let fault = Fault::PortTwice {
                    key,
                    address: address.to_string(),
                    other_key,
                    other: other.to_string(),
                };
                return Err((at.or(other_at), fault));
            }
        }
    }
    Ok(())
}

/// Port 0 asks the system for any free port and collides with nothing.
fn collide(a: SocketAddr, b: SocketAddr) -> bool {
    let wildcard = a.ip().is_unspecified() || b.ip().is_unspecified();
    a.port() != 0 && a.port() == b.port() && (wildcard || a.ip() == b.ip())
}
