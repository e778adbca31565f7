//! `archive`: pages of 50 messages (XEP-0313) from an archive of 10,000 messages, then of 1,000,000.
//!
//! A client reads pages from the end backwards, as somebody who scrolls, then of one of a hundred
//! conversations. Only snugd is measured: there is no call to fill Prosody's archive with, and
//! saying a million messages would take longer than anybody waits.

use admin_api::transfer::ImportData;
use xmpp::{Element, datetime, ns};

use super::client::Session;
use super::failure::{Failure, Result};
use super::{DOMAIN, Figure, Scenario, Server, user};

/// Messages in the archive at the two measurements.
const SIZES: [(u64, Names); 2] = [
    (
        10_000,
        Names {
            page: "CPU per page of 50, 10,000 messages",
            with: "CPU per page of 50 with one person, 10,000 messages",
            memory: "memory, 10,000 messages",
        },
    ),
    (
        1_000_000,
        Names {
            page: "CPU per page of 50, 1,000,000 messages",
            with: "CPU per page of 50 with one person, 1,000,000 messages",
            memory: "memory, 1,000,000 messages",
        },
    ),
];

struct Names {
    page: &'static str,
    with: &'static str,
    memory: &'static str,
}

/// Messages that one call brings in.
const PER_CALL: u64 = 500;

/// Conversations that the messages belong to in turn.
const OTHERS: u64 = 100;

/// Messages per page.
const PAGE: usize = 50;

/// Pages per measurement; whoever comes to the start begins at the end again.
const PAGES: usize = 400;

/// Between two messages, in microseconds.
const BETWEEN: u64 = 1_000_000;

/// When the first one came, in microseconds since 1970.
const FIRST: u64 = 1_700_000_000_000_000;

const BODY: &str = "Could you bring bread, milk and the good cheese when you come home tonight? \
                    The shop closes at eight.";

/// See the module.
pub(super) const SCENARIO: Scenario = Scenario {
    name: "archive",
    about: "one client reads pages of 50 from 10,000 and from 1,000,000 archived messages",
    accounts: 1,
    archive: true,
    run: |server| Box::pin(measure(server)),
};

async fn measure(server: &Server) -> Result<Vec<Figure>> {
    // Prosody: see the module.
    let Some(admin) = server.admin() else { return Ok(Vec::new()) };
    let mut figures = Vec::new();
    let mut filled = 0;
    for (size, names) in SIZES {
        while filled < size {
            let page = size.min(filled + PER_CALL);
            let results: String = (filled..page).map(message).collect();
            let archive = format!("<archive xmlns='{}'>{results}</archive>", ns::PIE_MAM);
            let done = admin.call(ImportData { name: user(0), elements: vec![archive] }).await;
            let done = done.map_err(|e| Failure::new(format!("filling the archive: {e}")))?;
            if let Some(why) = done.left_out.first() {
                return Err(Failure::new(format!("filling the archive: {why}")));
            }
            filled = page;
        }
        // Only now: a slow machine fills for longer than a silent client is left alone.
        let mut session = Session::log_in(&server.access(false)?, &user(0)).await?;
        for (name, with) in [(names.page, None), (names.with, Some(7))] {
            pages(&mut session, with, PAGES / 10).await?;
            let before = server.settled_cpu().await?;
            pages(&mut session, with, PAGES).await?;
            let used = server.settled_cpu().await?.saturating_sub(before);
            let value = used.as_secs_f64() * 1e6 / PAGES as f64;
            figures.push(Figure { name, value, unit: "µs" });
        }
        let value = server.process().pss()? as f64 / 1_048_576.0;
        figures.push(Figure { name: names.memory, value, unit: "MB" });
    }
    Ok(figures)
}

/// Message number `n`, to one person and from the next in turn.
fn message(n: u64) -> String {
    let (own, other) = (user(0), n % OTHERS);
    let (from, to) = if n.is_multiple_of(2) {
        (format!("{own}@{DOMAIN}/pc"), format!("other{other}@{DOMAIN}"))
    } else {
        (format!("other{other}@{DOMAIN}/phone"), format!("{own}@{DOMAIN}"))
    };
    let stamp = datetime::utc_micros(FIRST + n * BETWEEN);
    format!(
        "<result xmlns='{}' id='{n}'><forwarded xmlns='{}'><delay xmlns='{}' stamp='{stamp}'/>\
         <message xmlns='{}' from='{from}' to='{to}' type='chat' id='m{n}'><body>{BODY}</body>\
         </message></forwarded></result>",
        ns::MAM,
        ns::FORWARD,
        ns::DELAY,
        ns::CLIENT
    )
}

/// Reads `count` pages, from the end on.
async fn pages(session: &mut Session, with: Option<u64>, count: usize) -> Result<()> {
    let form = with.map_or_else(String::new, |other| {
        format!(
            "<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>{}</value></field>\
             <field var='with'><value>other{other}@{DOMAIN}</value></field></x>",
            ns::MAM
        )
    });
    let mut before = String::new();
    for number in 0..count {
        let set =
            format!("<set xmlns='{}'><max>{PAGE}</max><before>{before}</before></set>", ns::RSM);
        session
            .send(&format!(
                "<iq type='set' id='p{number}'><query xmlns='{}'>{form}{set}</query></iq>",
                ns::MAM
            ))
            .await?;
        let mut results = 0;
        let answer = loop {
            let stanza = session.stanza().await?;
            match stanza.child("result", ns::MAM) {
                Some(_) => results += 1,
                None => break stanza,
            }
        };
        before = next(&answer, results)?;
    }
    Ok(())
}

/// Where the page before begins; empty at the start.
fn next(answer: &Element, results: usize) -> Result<String> {
    let fin = answer.child("fin", ns::MAM);
    let fin = fin.ok_or_else(|| Failure::new(format!("no page: {}", answer.to_xml(""))))?;
    if fin.attr("complete") == Some("true") {
        return Ok(String::new());
    }
    let first = fin.child("set", ns::RSM).and_then(|set| set.child("first", ns::RSM));
    match first {
        Some(first) if results == PAGE => Ok(first.text().into_owned()),
        _ => Err(Failure::new(format!("a page of {results} messages: {}", answer.to_xml("")))),
    }
}
