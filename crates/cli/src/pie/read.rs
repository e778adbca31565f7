//! From the tree of a file to records.
//!
//! Spec: XEP-0227 §4. Invariant: a record is complete and coherent (names and addresses are
//! prepared, keys have the length of their hash), or the whole file is refused; what the server
//! does not keep is left out and noted. What its features keep is judged by the daemon.

use admin_api::Secret;
use admin_api::transfer::{Credentials, Record, ScramKeys};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use xmpp::jid::BareJid;
use xmpp::{Element, ns};

use super::notes::Notes;
use super::roster::Roster;
use super::{ACCOUNT, SCRAM, is_pie};

/// SCRAM mechanisms, with the length of their keys in bytes.
const MECHANISMS: [(&str, usize); 3] =
    [("SCRAM-SHA-1", 20), ("SCRAM-SHA-256", 32), ("SCRAM-SHA-512", 64)];

/// What a file holds.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Its hosts, in order.
    pub(crate) hosts: Vec<Host>,
    /// What was left out.
    pub(crate) notes: Notes,
}

/// One host (§4.1).
#[derive(Debug)]
pub(crate) struct Host {
    /// Its domain, prepared.
    pub(crate) domain: String,
    /// Its accounts, in order.
    pub(crate) people: Vec<Person>,
}

/// One account.
#[derive(Debug)]
pub(crate) struct Person {
    /// What every account has.
    pub(crate) record: Record,
    /// The other elements of the account, which may be of a kind that the daemon keeps.
    pub(crate) data: Vec<Element>,
}

/// Adds the hosts below `root` to `found`. The error is a clause about what is wrong.
pub(crate) fn hosts(root: &Element, found: &mut Found) -> Result<(), String> {
    if !is_pie(root, "server-data") {
        return Err(format!(
            "this is <{} xmlns='{}'/>; a file to import begins with <server-data \
             xmlns='urn:xmpp:pie:0'/> (XEP-0227)",
            root.name(),
            root.ns()
        ));
    }
    for child in root.children() {
        if !is_pie(child, "host") {
            left_out(&mut found.notes, child);
            continue;
        }
        let jid = child.attr("jid").ok_or("a <host/> has no jid")?;
        let domain = BareJid::from_domain(jid).map_err(|e| format!("host {jid:?}: {e}"))?;
        let domain = domain.domain().to_owned();
        let people = users(child, &domain, &mut found.notes)?;
        match found.hosts.iter_mut().find(|h| h.domain == domain) {
            Some(host) => host.people.extend(people),
            None => found.hosts.push(Host { domain, people }),
        }
    }
    match found.hosts.iter().find_map(|h| twice(&h.people)) {
        Some(name) => Err(format!("the account {name:?} is there twice")),
        None => Ok(()),
    }
}

fn twice(people: &[Person]) -> Option<&str> {
    let mut names: Vec<&str> = people.iter().map(|p| p.record.name.as_str()).collect();
    names.sort_unstable();
    names.windows(2).find(|pair| pair.first() == pair.last()).and_then(|p| p.first().copied())
}

fn left_out(notes: &mut Notes, element: &Element) {
    notes.element(element);
}

fn users(host: &Element, domain: &str, notes: &mut Notes) -> Result<Vec<Person>, String> {
    let mut people = Vec::new();
    for child in host.children() {
        if !is_pie(child, "user") {
            left_out(notes, child);
            continue;
        }
        let name = child.attr("name").ok_or_else(|| format!("a user of {domain} has no name"))?;
        let jid = BareJid::from_parts(name, domain).map_err(|e| format!("user {name:?}: {e}"))?;
        let person = user(child, &jid, notes).map_err(|e| format!("account {jid}: {e}"))?;
        match person {
            Some(person) => people.push(person),
            None => notes.add("accounts without a password or SCRAM keys that this server knows"),
        }
    }
    Ok(people)
}

fn user(element: &Element, jid: &BareJid, notes: &mut Notes) -> Result<Option<Person>, String> {
    let mut scram = Vec::new();
    let mut roster = Roster::default();
    let mut offline = Vec::new();
    let (mut display_name, mut card_name) = (None, String::new());
    let mut data = Vec::new();
    for child in element.children() {
        match (child.name(), child.ns()) {
            ("scram-credentials", SCRAM) => scram.extend(scram_keys(child, notes)?),
            ("query", ns::ROSTER) => roster.items(child, notes),
            ("presence", ns::CLIENT) if child.attr("type") == Some("subscribe") => {
                roster.request(child, notes);
            }
            ("vCard", ns::VCARD_TEMP) => {
                card_name = full_name(child);
                // One that has nothing else stands for the name shown to people.
                if child.children().any(|c| !c.is("FN", ns::VCARD_TEMP)) {
                    data.push(child.clone());
                }
            }
            ("display-name", ACCOUNT) => display_name = Some(child.text().trim().to_owned()),
            ("offline-messages", _) if is_pie(child, "offline-messages") => {
                messages(child, &mut offline, notes);
            }
            _ => data.push(child.clone()),
        }
    }
    let credentials = match element.attr("password") {
        // A password makes every kind of keys; keys make only their own.
        Some(password) if !password.is_empty() => Credentials::Plain(Secret::new(password)),
        _ if scram.is_empty() => return Ok(None),
        _ => Credentials::Scram(scram),
    };
    let name = jid.local().unwrap_or_default().to_owned();
    let display_name = display_name.unwrap_or(card_name);
    let roster = roster.finish();
    let record = Record { name, display_name, card_name: None, credentials, roster, offline };
    Ok(Some(Person { record, data }))
}

fn full_name(vcard: &Element) -> String {
    vcard.child("FN", ns::VCARD_TEMP).map(|n| n.text().trim().to_owned()).unwrap_or_default()
}

/// §4.3.
fn scram_keys(element: &Element, notes: &mut Notes) -> Result<Option<ScramKeys>, String> {
    let mechanism = element.attr("mechanism").unwrap_or_default();
    let Some((_, length)) = MECHANISMS.iter().find(|(name, _)| *name == mechanism) else {
        notes.add(format!("keys of {mechanism}"));
        return Ok(None);
    };
    let field = |name: &str| {
        let child = element.child(name, SCRAM).or_else(|| element.child(name, super::PIE));
        child
            .map(|c| c.text().trim().to_owned())
            .ok_or_else(|| format!("{mechanism}: <{name}/> is missing"))
    };
    let key = |name: &str| {
        let text = field(name)?;
        match BASE64.decode(&text) {
            Ok(bytes) if bytes.len() == *length => Ok(Secret::new(text)),
            Ok(bytes) => {
                Err(format!("{mechanism}: <{name}/> has {} bytes instead of {length}", bytes.len()))
            }
            Err(_) => Err(format!("{mechanism}: <{name}/> is not base64")),
        }
    };
    let salt = field("salt")?;
    if !BASE64.decode(&salt).is_ok_and(|bytes| !bytes.is_empty()) {
        return Err(format!("{mechanism}: <salt/> is not base64"));
    }
    let iterations = field("iter-count")?;
    let iterations = match iterations.parse::<u32>() {
        Ok(n) if n > 0 => n,
        _ => return Err(format!("{mechanism}: <iter-count/> is {iterations:?}")),
    };
    Ok(Some(ScramKeys {
        mechanism: mechanism.to_owned(),
        iterations,
        salt,
        server_key: key("server-key")?,
        stored_key: key("stored-key")?,
    }))
}

/// §4.5: oldest first.
fn messages(element: &Element, offline: &mut Vec<String>, notes: &mut Notes) {
    for child in element.children() {
        if child.is("message", ns::CLIENT) {
            offline.push(child.to_xml(""));
        } else {
            left_out(notes, child);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(users: &str) -> Result<Found, String> {
        let xml = format!(
            "<server-data xmlns='urn:xmpp:pie:0'><host jid='Home.Example'>{users}</host></server-data>"
        );
        let mut found = Found::default();
        hosts(&Element::parse(&xml).unwrap(), &mut found)?;
        Ok(found)
    }

    fn scram(mechanism: &str, count: &str, key_bytes: usize) -> String {
        let key = BASE64.encode(vec![7; key_bytes]);
        format!(
            "<scram-credentials xmlns='urn:xmpp:pie:0#scram' mechanism='{mechanism}'>\
             <iter-count>{count}</iter-count><salt>c2FsdA==</salt>\
             <server-key> {key}\n</server-key><stored-key>{key}</stored-key></scram-credentials>"
        )
    }

    #[test]
    fn passwords_and_keys() {
        let sha1 = scram("SCRAM-SHA-1", "10000", 20);
        let sha256 = scram("SCRAM-SHA-256", "4096", 32);
        let other = scram("SCRAM-MD5", "1", 16);
        let found = read(&format!(
            "<user name='Ann' password='horse'>{sha1}</user><user name='tim'>{sha1}{sha256}{other}</user>\
             <user name='kim'/><user name='lea'>{other}</user>"
        ))
        .unwrap();
        assert_eq!(found.hosts[0].domain, "home.example");
        let records: Vec<&Record> = found.hosts[0].people.iter().map(|p| &p.record).collect();
        assert_eq!(records.iter().map(|r| r.name.as_str()).collect::<Vec<_>>(), ["ann", "tim"]);
        assert!(matches!(&records[0].credentials, Credentials::Plain(p) if p.expose() == "horse"));
        let Credentials::Scram(keys) = &records[1].credentials else { panic!("no keys") };
        assert_eq!(keys.len(), 2);
        assert_eq!((keys[0].iterations, keys[1].iterations), (10_000, 4_096));
        assert_eq!(keys[0].salt, "c2FsdA==");
        let notes: Vec<String> = found.notes.lines().collect();
        assert!(notes.contains(&"left out, 2 times: keys of SCRAM-MD5".to_owned()), "{notes:?}");
        assert!(notes.iter().any(|n| n.contains("accounts without a password")), "{notes:?}");
    }

    #[test]
    fn damaged_accounts_refuse_the_file() {
        for (user, wanted) in [
            (
                format!("<user name='ann'>{}</user>", scram("SCRAM-SHA-1", "1", 32)),
                "32 bytes instead of 20",
            ),
            (
                format!("<user name='ann'>{}</user>", scram("SCRAM-SHA-1", "0", 20)),
                "<iter-count/> is \"0\"",
            ),
            (
                format!("<user name='ann'>{}</user>", scram("SCRAM-SHA-1", "x", 20)),
                "account ann@home.example",
            ),
            ("<user password='x'/>".to_owned(), "has no name"),
            ("<user name='a b' password='x'/>".to_owned(), "user \"a b\""),
            ("<user name='ann' password='x'/><user name='ANN' password='y'/>".to_owned(), "twice"),
            (
                "<user name='ann'><scram-credentials xmlns='urn:xmpp:pie:0#scram' \
                 mechanism='SCRAM-SHA-1'/></user>"
                    .to_owned(),
                "is missing",
            ),
        ] {
            let error = read(&user).unwrap_err();
            assert!(error.contains(wanted), "{error}");
            assert!(!error.contains("BwcH"), "no key in an error: {error}");
        }
    }

    #[test]
    fn messages_and_names() {
        let found = read(
            "<user name='ann' password='x'><offline-messages>\
             <message xmlns='jabber:client' from='tim@home.example/a' to='ann@home.example'>\
             <body>1 &lt; 2</body><delay xmlns='urn:xmpp:delay' stamp='2026-11-23T16:04:02Z'/></message>\
             <odd/></offline-messages>\
             <vCard xmlns='vcard-temp'><FN> Ann Example </FN><NICKNAME>a</NICKNAME></vCard>\
             <query xmlns='jabber:iq:private'/></user>",
        )
        .unwrap();
        let Person { record, data } = &found.hosts[0].people[0];
        assert_eq!(record.display_name, "Ann Example");
        let message = Element::parse(&record.offline[0]).unwrap();
        assert!(message.is("message", ns::CLIENT));
        assert_eq!(message.child("body", ns::CLIENT).unwrap().text(), "1 < 2");
        assert!(message.child("delay", ns::DELAY).is_some());
        let notes: Vec<String> = found.notes.lines().collect();
        assert!(notes.iter().any(|n| n.contains("<odd ")), "{notes:?}");
        assert_eq!(data.iter().map(Element::name).collect::<Vec<_>>(), ["vCard", "query"]);
        let found = read(
            "<user name='ann' password='x'><vCard xmlns='vcard-temp'><FN>Ann</FN></vCard></user>",
        );
        assert!(found.unwrap().hosts[0].people[0].data.is_empty(), "all of it is in the record");
        let found = read(
            "<user name='ann' password='x'><vCard xmlns='vcard-temp'><FN>Ann</FN><TITLE/></vCard>\
             <display-name xmlns='urn:snug:account:0'>Mum</display-name></user>",
        );
        assert_eq!(found.unwrap().hosts[0].people[0].record.display_name, "Mum");
    }

    #[test]
    fn other_files_are_named() {
        let mut found = Found::default();
        let html = Element::parse("<html xmlns='http://www.w3.org/1999/xhtml'/>").unwrap();
        assert!(hosts(&html, &mut found).unwrap_err().contains("XEP-0227"));
    }

    #[test]
    fn hosts_of_several_files_come_together() {
        let mut found = Found::default();
        for name in ["ann", "tim"] {
            let xml = format!(
                "<server-data xmlns='http://www.xmpp.org/extensions/xep-0227.html#ns'>\
                 <host jid='h'><user name='{name}' password='x'/></host></server-data>"
            );
            hosts(&Element::parse(&xml).unwrap(), &mut found).unwrap();
        }
        assert_eq!(found.hosts.len(), 1);
        assert_eq!(found.hosts[0].people.len(), 2);
    }
}
