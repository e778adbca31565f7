//! `snug import` and `snug export` against a fake daemon.

use std::sync::Mutex;

use crate::fake::{Fake, mode, ok, problem};
use admin_api::daemon::{Ports, StatusReply};
use admin_api::transfer::{
    Credentials, DataPage, Existing, ExportPage, Imported, ImportedData, Kind, Place, Record,
    RosterItem,
};
use admin_api::{ProblemKind, Reply, Request, Secret, accounts};

const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhM=";

fn status() -> Reply {
    ok(StatusReply {
        version: String::new(),
        domain: Some("home.example".to_owned()),
        started: 0,
        accounts: 0,
        sessions: 0,
        certificate_sha256: String::new(),
        ports: Ports::default(),
        counters: [].into(),
    })
}

fn account(name: &str) -> accounts::Account {
    accounts::Account {
        jid: format!("{name}@home.example"),
        display_name: String::new(),
        role: accounts::Role::Member,
        state: accounts::State::Active,
        created: 0,
        last_login_day: None,
        sessions: 0,
        fingerprints: 0,
    }
}

fn kind(name: &str, ns: &str, cuts: u8) -> Kind {
    Kind { name: name.to_owned(), ns: ns.to_owned(), cuts }
}

/// A home in which `ann` lives.
fn answer(request: &Request) -> Reply {
    match request {
        Request::DaemonStatus(_) => status(),
        Request::AccountList(_) => ok([account("ann")]),
        Request::TransferKinds(_) => {
            ok([kind("vCard", "vcard-temp", 0), kind("query", "jabber:iq:private", 1)])
        }
        Request::TransferImportData(_) => {
            ok(ImportedData { left_out: vec!["one thing: too large".to_owned()] })
        }
        Request::TransferImport(import) => {
            let exist = import.records.iter().filter(|r| r.name == "ann").count() as u32;
            let all = import.records.len() as u32;
            let skipped = if import.existing == Existing::Skip { exist } else { 0 };
            ok(Imported { written: all - skipped, skipped })
        }
        _ => problem(ProblemKind::Invalid, "unexpected call"),
    }
}

fn file(host: &str, users: &str) -> String {
    format!(
        "<?xml version='1.0' encoding='UTF-8'?>\n<!-- by another server -->\n\
         <server-data xmlns='urn:xmpp:pie:0'>\n <host jid='{host}'>{users}</host>\n</server-data>\n"
    )
}

fn tim() -> String {
    format!(
        "<user name='tim'><scram-credentials xmlns='urn:xmpp:pie:0#scram' \
         mechanism='SCRAM-SHA-1'><iter-count>10000</iter-count><salt>c2FsdA==</salt>\
         <server-key>{KEY}</server-key><stored-key>{KEY}</stored-key></scram-credentials>\
         <query xmlns='jabber:iq:roster'><item jid='kim@old.example' subscription='both'/></query>\
         <presence xmlns='jabber:client' type='subscribe' from='new@other.example'/>\
         <pubsub xmlns='http://jabber.org/protocol/pubsub'/></user>"
    )
}

fn imports(heard: Vec<Request>) -> Vec<admin_api::transfer::Import> {
    heard
        .into_iter()
        .filter_map(|r| match r {
            Request::TransferImport(import) => Some(import),
            _ => None,
        })
        .collect()
}

#[test]
fn accounts_are_imported_with_all_that_moves() {
    let fake = Fake::new(answer);
    fake.file("old.xml", &file("home.example", &tim()));
    let ran = fake.snug(&["import", "old.xml"]);
    assert!(ran.err.contains("left out, 1 time: <pubsub "), "{ran:?}");
    let out = ran.ok();
    assert_eq!(out, "1 account imported into home.example; 0 that existed left alone.\n");
    let imports = imports(fake.heard());
    assert_eq!(imports.len(), 1);
    assert_eq!(imports[0].existing, Existing::Refuse);
    let record = &imports[0].records[0];
    let Credentials::Scram(keys) = &record.credentials else { panic!("no keys") };
    assert_eq!((keys[0].iterations, keys[0].stored_key.expose()), (10_000, KEY));
    let jids: Vec<(&str, bool)> = record.roster.iter().map(|i| (&*i.jid, i.pending_in)).collect();
    assert_eq!(jids, [("kim@old.example", false), ("new@other.example", true)]);
}

fn imported_data(heard: Vec<Request>) -> Vec<(String, Vec<String>)> {
    heard
        .into_iter()
        .filter_map(|r| match r {
            Request::TransferImportData(data) => Some((data.name, data.elements)),
            _ => None,
        })
        .collect()
}

#[test]
fn what_the_daemon_keeps_goes_there_in_pieces() {
    let fake = Fake::new(answer);
    let long: String =
        (0..3).map(|n| format!("<a xmlns='urn:{n}'>{}</a>", "x".repeat(600_000))).collect();
    let person = |name: &str| {
        format!(
            "<user name='{name}' password='correct horse'><odd xmlns='urn:odd'/>\
             <vCard xmlns='vcard-temp'><FN>A</FN><TITLE>{name}</TITLE></vCard>\
             <query xmlns='jabber:iq:private'>{long}</query></user>"
        )
    };
    fake.file("old.xml", &file("home.example", &(person("ann") + &person("kim"))));
    let ran = fake.snug(&["import", "old.xml", "--existing", "skip"]);
    for line in ["left out, 2 times: <odd ", "left out, 3 times: one thing: too large"] {
        assert!(ran.err.contains(line), "{ran:?}");
    }
    ran.ok();
    // Nothing of who is left alone.
    let sent = imported_data(fake.heard());
    assert!(sent.iter().all(|(name, _)| name == "kim"));
    let sent: Vec<usize> = sent.iter().map(|(_, elements)| elements.len()).collect();
    assert_eq!(sent, [2, 1, 1]);
    fake.snug(&["import", "old.xml", "--existing", "skip", "--dry-run"]).ok();
    assert!(imported_data(fake.heard()).is_empty());
}

#[test]
fn an_account_that_is_not_complete_is_named() {
    let fake = Fake::new(|request| match request {
        Request::TransferImportData(_) => problem(ProblemKind::Store, "the disk is full."),
        other => answer(other),
    });
    let users = "<user name='kim' password='correct horse'>\
                 <query xmlns='jabber:iq:private'><a xmlns='urn:a'>x</a></query></user>";
    fake.file("old.xml", &file("home.example", users));
    let err = fake.snug(&["import", "old.xml"]).failed(1);
    assert!(err.contains("the disk is full. kim is not complete"), "{err}");
}

#[test]
fn accounts_that_exist_are_refused_skipped_or_replaced() {
    let fake = Fake::new(answer);
    let users = format!("<user name='ann' password='correct horse'/>{}", tim());
    fake.file("old.xml", &file("home.example", &users));
    let err = fake.snug(&["import", "old.xml"]).failed(1);
    assert!(err.contains("ann") && err.contains("--existing skip"), "{err}");
    fake.snug(&["import", "old.xml", "--dry-run"]).failed(1);
    assert!(imports(fake.heard()).is_empty());

    let json = fake.snug(&["import", "old.xml", "--existing", "skip", "--json"]).json();
    assert_eq!((&json["written"], &json["skipped"]), (&1.into(), &1.into()));
    let json = fake.snug(&["import", "old.xml", "--existing", "replace", "--json"]).json();
    assert_eq!((&json["written"], &json["skipped"]), (&2.into(), &0.into()));
    let sent = imports(fake.heard());
    assert_eq!(sent[0].existing, Existing::Skip);
    assert_eq!(sent[1].existing, Existing::Replace);

    let out = fake.snug(&["import", "old.xml", "--existing", "skip", "--dry-run"]).ok();
    assert!(out.starts_with("1 account would be imported"), "{out}");
    assert!(imports(fake.heard()).is_empty());
}

#[test]
fn another_domain_must_be_meant() {
    let fake = Fake::new(answer);
    fake.file("old.xml", &file("old.example", &tim()));
    let err = fake.snug(&["import", "old.xml"]).failed(2);
    assert!(err.contains("--host old.example"), "{err}");
    assert!(imports(fake.heard()).is_empty());
    fake.snug(&["import", "old.xml", "--host", "old.example"]).ok();
    let sent = imports(fake.heard());
    assert_eq!(sent[0].records[0].roster[0].jid, "kim@home.example", "still a contact");
}

#[test]
fn several_files_are_one_and_large_ones_go_in_batches() {
    let fake = Fake::new(answer);
    let users = |from: u32| -> String {
        (from..from + 80).map(|i| format!("<user name='u{i}' password='correct horse'/>")).collect()
    };
    fake.file("a.xml", &file("home.example", &users(0)));
    fake.file("b.xml", &file("home.example", &users(80)));
    let ran = fake.snug(&["import", "a.xml", "b.xml"]);
    assert!(ran.err.contains("100 of 160"), "{ran:?}");
    ran.ok();
    let sizes: Vec<usize> = imports(fake.heard()).iter().map(|i| i.records.len()).collect();
    assert_eq!(sizes, [100, 60]);
}

#[test]
fn a_batch_that_fails_says_how_far_it_came() {
    let calls = Mutex::new(0);
    let fake = Fake::new(move |request| match request {
        Request::TransferImport(_) => {
            let mut calls = calls.lock().unwrap();
            *calls += 1;
            if *calls > 1 {
                problem(ProblemKind::Store, "the disk is full.")
            } else {
                answer(request)
            }
        }
        other => answer(other),
    });
    let users: String =
        (0..150).map(|i| format!("<user name='u{i}' password='correct horse'/>")).collect();
    fake.file("a.xml", &file("home.example", &users));
    let err = fake.snug(&["import", "a.xml"]).failed(1);
    assert!(err.contains("the disk is full. 100 accounts were imported before"), "{err}");
}

#[test]
fn what_cannot_be_read_is_told_before_anything_is_sent() {
    let fake = Fake::new(answer);
    fake.file("bad.xml", "<server-data xmlns='urn:xmpp:pie:0'><host>");
    fake.file("html.xml", "<html/>");
    fake.file("dtd.xml", "<!DOCTYPE x [<!ENTITY a 'b'>]><server-data xmlns='urn:xmpp:pie:0'/>");
    fake.file(
        "latin.xml",
        "<?xml version='1.0' encoding='ISO-8859-1'?><server-data xmlns='urn:xmpp:pie:0'/>",
    );
    for (name, code) in
        [("bad.xml", 2), ("html.xml", 2), ("dtd.xml", 2), ("latin.xml", 2), ("none.xml", 1)]
    {
        let err = fake.snug(&["import", name]).failed(code);
        assert!(err.contains(name), "{err}");
    }
    assert!(fake.heard().is_empty());
}

#[test]
fn a_home_that_is_not_set_up_takes_nothing() {
    let fake = Fake::new(|request| match request {
        Request::DaemonStatus(_) => {
            let Reply::Ok(mut value) = status() else { unreachable!() };
            value["domain"] = serde_json::Value::Null;
            Reply::Ok(value)
        }
        other => answer(other),
    });
    fake.file("old.xml", &file("home.example", &tim()));
    let err = fake.snug(&["import", "old.xml"]).failed(1);
    assert!(err.contains("snug setup link"), "{err}");
}

fn record(name: &str) -> Record {
    Record {
        name: name.to_owned(),
        display_name: "Ä & Ö".to_owned(),
        card_name: (name == "a").then(|| "Anna".to_owned()),
        credentials: Credentials::Plain(Secret::new("p<'\">&")),
        roster: vec![RosterItem {
            jid: "kim@home.example".to_owned(),
            name: "Kim".to_owned(),
            subscription: "to".to_owned(),
            ask: false,
            approved: false,
            pending_in: true,
            groups: vec!["Family".to_owned()],
        }],
        offline: vec![
            "<message xmlns='jabber:client' to='x@home.example'><body>hi</body></message>"
                .to_owned(),
        ],
    }
}

/// What `a` keeps, in two pages.
fn data(after: Option<&Place>) -> DataPage {
    let place = Place { feature: "x".to_owned(), at: "y".to_owned() };
    let query = |n: u32| {
        format!("<query xmlns='jabber:iq:private'><a xmlns='urn:{n}'>\"{n} &amp;\n </a></query>")
    };
    match after {
        None => DataPage {
            elements: vec![
                "<vCard xmlns='vcard-temp'><FN>Anna</FN><TITLE/></vCard>".to_owned(),
                query(1),
            ],
            next: Some(place),
            left_out: Vec::new(),
        },
        Some(at) => {
            assert_eq!(at, &place);
            let left_out = vec!["a <big/>".to_owned()];
            DataPage { elements: vec![query(2), query(3)], next: None, left_out }
        }
    }
}

/// Pages of two accounts out of five, of which one keeps something.
fn exporter(request: &Request) -> Reply {
    let export = match request {
        Request::TransferExport(export) => export,
        Request::TransferExportData(call) if call.name == "a" => {
            return ok(data(call.after.as_ref()));
        }
        Request::TransferExportData(_) => return ok(DataPage::default()),
        other => return answer(other),
    };
    let names = ["a", "b", "c", "d", "e"];
    let from = match &export.after {
        None => 0,
        Some(after) => names.iter().position(|n| n == after).unwrap() + 1,
    };
    let records: Vec<Record> = names.iter().skip(from).take(2).map(|n| record(n)).collect();
    let more = from + records.len() < names.len();
    let left_out = if more { Vec::new() } else { vec!["e@home.example".to_owned()] };
    ok(ExportPage { domain: "home.example".to_owned(), records, more, left_out })
}

#[test]
fn what_is_exported_can_be_imported() {
    let fake = Fake::new(exporter);
    let ran = fake.snug(&["export", "home.xml"]);
    assert!(ran.err.contains("2 accounts so far"), "{ran:?}");
    assert!(ran.err.contains("the waiting messages of e@home.example"), "{ran:?}");
    assert_eq!(ran.ok(), "5 accounts of home.example exported to home.xml.\n");
    assert_eq!(mode(&fake.path("home.xml")), 0o600);
    let text = std::fs::read_to_string(fake.path("home.xml")).unwrap();
    assert!(text.starts_with("<?xml version='1.0' encoding='UTF-8'?>\n<server-data "), "{text}");

    fake.snug(&["import", "home.xml"]).ok();
    let heard = fake.heard();
    let kept = heard.iter().find_map(|request| match request {
        Request::TransferImportData(call) => Some((call.name.clone(), call.elements.clone())),
        _ => None,
    });
    let (name, elements) = kept.unwrap();
    // In the file they are one.
    assert_eq!((name.as_str(), elements.len()), ("a", 2));
    assert_eq!(text.matches("<query xmlns='jabber:iq:private'").count(), 1);
    for n in 1..=3 {
        assert!(elements[1].contains(&format!("<a xmlns='urn:{n}'>\"{n} &amp;\n </a>")));
    }
    let sent = imports(heard);
    let as_json = |r: &[Record]| serde_json::to_value(r).unwrap().to_string().replace("\\\"", "'");
    let wanted: Vec<Record> = ["a", "b", "c", "d", "e"]
        .into_iter()
        .map(|name| Record { card_name: None, ..record(name) })
        .collect();
    assert_eq!(as_json(&sent[0].records), as_json(&wanted));

    let piped = fake.snug(&["export", "-"]).ok();
    assert_eq!(piped, text);
    let json = fake.snug(&["export", "again.xml", "--json"]).json();
    assert_eq!((&json["accounts"], &json["left_out"][1]), (&5.into(), &"e@home.example".into()));
    assert_eq!(json["left_out"][0], "a: a <big/>");
}

#[test]
fn a_file_that_is_there_stays_unless_told_otherwise() {
    let fake = Fake::new(exporter);
    fake.file("home.xml", "precious");
    let err = fake.snug(&["export", "home.xml"]).failed(2);
    assert!(err.contains("--force"), "{err}");
    assert_eq!(std::fs::read_to_string(fake.path("home.xml")).unwrap(), "precious");
    assert!(fake.heard().is_empty());
    fake.snug(&["export", "home.xml", "--force"]).ok();
    assert!(std::fs::read_to_string(fake.path("home.xml")).unwrap().contains("server-data"));
    assert_eq!(mode(&fake.path("home.xml")), 0o600);
}

#[test]
fn an_export_that_fails_leaves_nothing_behind() {
    let fake = Fake::new(|request| match request {
        Request::TransferExport(e) if e.after.is_some() => problem(ProblemKind::Store, "lost"),
        other => exporter(other),
    });
    fake.file("old.xml", "precious");
    fake.snug(&["export", "home.xml"]).failed(1);
    fake.snug(&["export", "old.xml", "--force"]).failed(1);
    assert_eq!(std::fs::read_to_string(fake.path("old.xml")).unwrap(), "precious");
    let mut names: Vec<String> = std::fs::read_dir(fake.path("."))
        .unwrap()
        .map(|f| f.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["admin.sock", "old.xml"]);
    fake.snug(&["export", "/none/home.xml"]).failed(1);
}
