//! From records to a file.
//!
//! Spec: XEP-0227 §4. Invariant: written in pages, so that memory grows neither with the number
//! of accounts nor with what one of them has.

use std::io::{self, Write};

use admin_api::transfer::{Credentials, Record, ScramKeys};
use xmpp::jid::BareJid;
use xmpp::{Element, ns};

use super::data::Joiner;
use super::{ACCOUNT, PIE, SCRAM, roster};

/// A file with one host, in the making.
pub(crate) struct Writer<W> {
    out: W,
    joiner: Joiner,
}

impl<W: Write> Writer<W> {
    /// Begins the file.
    pub(crate) fn new(mut out: W, domain: &str) -> io::Result<Self> {
        writeln!(out, "<?xml version='1.0' encoding='UTF-8'?>")?;
        writeln!(out, "<server-data xmlns='{PIE}'>")?;
        let host = Element::new("host", PIE).with_attr("jid", domain).with_text("\n").to_xml(PIE);
        out.write_all(host.strip_suffix("</host>").unwrap_or(&host).as_bytes())?;
        Ok(Self { out, joiner: Joiner::default() })
    }

    /// Begins an account made by [`user`].
    pub(crate) fn begin(&mut self, user: &Element) -> io::Result<()> {
        let xml = user.to_xml(PIE);
        match xml.strip_suffix("</user>") {
            Some(open) => self.out.write_all(open.as_bytes()),
            None => write!(self.out, "{}>", xml.strip_suffix("/>").unwrap_or(&xml)),
        }
    }

    /// Adds a piece of what features keep to the account that was begun.
    pub(crate) fn piece(&mut self, piece: &Element) -> io::Result<()> {
        self.joiner.add(&mut self.out, piece)
    }

    /// Ends the account that was begun.
    pub(crate) fn end(&mut self) -> io::Result<()> {
        self.joiner.close(&mut self.out)?;
        writeln!(self.out, "</user>")
    }

    /// Ends the file and hands back where it went.
    pub(crate) fn finish(mut self) -> io::Result<W> {
        writeln!(self.out, "</host>\n</server-data>")?;
        self.out.flush()?;
        Ok(self.out)
    }
}

/// An account of `domain`. The error is a clause about what is wrong with the record.
pub(crate) fn user(record: &Record, domain: &str) -> Result<Element, String> {
    let owner = BareJid::from_parts(&record.name, domain)
        .map_err(|e| format!("account {:?}: {e}", record.name))?;
    let mut user = Element::new("user", PIE).with_attr("name", record.name.as_str());
    match &record.credentials {
        // The file is what the person asked for; it is written for its owner only.
        Credentials::Plain(password) => user.set_attr("password", password.expose()),
        Credentials::Scram(keys) => keys.iter().for_each(|k| user.push(scram(k))),
    }
    // What features keep follows, and with it the vCard if there is one: it is there once.
    let named_by_card = record.card_name.as_ref() == Some(&record.display_name);
    if record.card_name.is_some() && !named_by_card {
        let name = Element::new("display-name", ACCOUNT).with_text(record.display_name.as_str());
        user.push(name);
    } else if record.card_name.is_none() && !record.display_name.is_empty() {
        let name = Element::new("FN", ns::VCARD_TEMP).with_text(record.display_name.as_str());
        user.push(Element::new("vCard", ns::VCARD_TEMP).with_child(name));
    }
    let (query, requests) = roster::elements(&record.roster, &owner);
    user.push(query);
    requests.into_iter().for_each(|r| user.push(r));
    if !record.offline.is_empty() {
        let mut messages = Element::new("offline-messages", PIE);
        for message in &record.offline {
            let message = Element::parse(message)
                .map_err(|e| format!("a waiting message of {owner} is damaged: {e}"))?;
            messages.push(message);
        }
        user.push(messages);
    }
    Ok(user)
}

/// §4.3.
fn scram(keys: &ScramKeys) -> Element {
    let field = |name: &'static str, text: &str| Element::new(name, SCRAM).with_text(text);
    Element::new("scram-credentials", SCRAM)
        .with_attr("mechanism", keys.mechanism.as_str())
        .with_child(field("iter-count", &keys.iterations.to_string()))
        .with_child(field("salt", &keys.salt))
        .with_child(field("server-key", keys.server_key.expose()))
        .with_child(field("stored-key", keys.stored_key.expose()))
}

#[cfg(test)]
mod tests {
    use super::super::{Found, hosts, source};
    use super::*;
    use serde_json::json;

    fn records() -> Vec<Record> {
        let key = |n: usize| "B".repeat(n / 3 * 4) + if n % 3 == 2 { "BBA=" } else { "" };
        serde_json::from_value(json!([
            {
                "name": "ann",
                "display_name": "Ann <& 'Example'>",
                "credentials": { "scram": [{
                    "mechanism": "SCRAM-SHA-1", "iterations": 10_000, "salt": "c2FsdA==",
                    "server_key": key(20), "stored_key": key(20),
                }, {
                    "mechanism": "SCRAM-SHA-256", "iterations": 4_096, "salt": "c2FsdA==",
                    "server_key": key(32), "stored_key": key(32),
                }]},
                "roster": [
                    { "jid": "new@h", "name": "", "subscription": "none", "ask": false,
                      "approved": false, "pending_in": true, "groups": [] },
                    { "jid": "tim@h", "name": "Tim", "subscription": "both", "ask": false,
                      "approved": false, "pending_in": false, "groups": ["Family"] },
                ],
                "offline": [
                    "<message xmlns='jabber:client' from='tim@h/a' to='ann@h'><body>?OTR:AAM=.\t \
                     </body><delay xmlns='urn:xmpp:delay' stamp='2026-11-23T16:04:02Z'/></message>",
                ],
            },
            { "name": "tim", "display_name": "", "credentials": { "plain": "a<b'\"&c" },
              "roster": [], "offline": [] },
        ]))
        .unwrap()
    }

    #[test]
    fn what_is_written_reads_back() {
        let mut writer = Writer::new(Vec::new(), "home.example").unwrap();
        for record in records() {
            writer.begin(&user(&record, "home.example").unwrap()).unwrap();
            writer.end().unwrap();
        }
        let bytes = writer.finish().unwrap();
        let path = std::env::temp_dir().join(format!("snug-pie-back-{}.xml", std::process::id()));
        std::fs::write(&path, &bytes).unwrap();
        let mut found = Found::default();
        hosts(&source::load(&path).unwrap(), &mut found).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(found.hosts.len(), 1);
        assert_eq!(found.hosts[0].domain, "home.example");
        let as_json = |r: &[Record]| serde_json::to_value(r).unwrap();
        let mut wanted = as_json(&records());
        // The writer may quote otherwise; the tree is what counts.
        for record in wanted.as_array_mut().unwrap() {
            for message in record["offline"].as_array_mut().unwrap() {
                *message = Element::parse(message.as_str().unwrap()).unwrap().to_xml("").into();
            }
        }
        let records: Vec<Record> =
            found.hosts.remove(0).people.into_iter().map(|person| person.record).collect();
        assert_eq!(as_json(&records), wanted);
    }

    #[test]
    fn the_form_is_that_of_the_specification() {
        let xml = user(&records()[0], "home.example").unwrap().to_xml(PIE);
        for part in [
            "<scram-credentials xmlns='urn:xmpp:pie:0#scram' mechanism='SCRAM-SHA-1'>",
            "<iter-count>10000</iter-count><salt>c2FsdA==</salt><server-key>",
            "<query xmlns='jabber:iq:roster'>",
            "<presence xmlns='jabber:client' from='new@h'",
            "<offline-messages><message xmlns='jabber:client'",
        ] {
            assert!(xml.replace('"', "'").contains(part), "{part}\n{xml}");
        }
        assert!(!xml.contains("password"));
    }

    #[test]
    fn damage_is_named() {
        let mut record = records().remove(0);
        record.offline = vec!["<message".to_owned()];
        assert!(user(&record, "home.example").unwrap_err().contains("ann@home.example"));
    }
}
