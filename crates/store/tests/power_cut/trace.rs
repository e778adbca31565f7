//! What `strace` has noted, as events in the order in which they count.
//!
//! A change counts when its call returns. An acknowledgement counts when its call begins:
//! whoever reads it may act at once.

use std::collections::HashMap;
use std::path::Path;

/// The calls that are traced.
pub(crate) const CALLS: &str = "openat,write,pwrite64,pwritev,ftruncate,fallocate,fsync,fdatasync,\
     unlink,unlinkat,rename,renameat,renameat2,link,linkat,sync_file_range";

/// Something that happened to the directory, or an acknowledgement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// A file was opened, and made if it was not there; `true`: and emptied.
    Open(String, bool),
    Write {
        name: String,
        at: u64,
        bytes: Vec<u8>,
    },
    Length(String, u64),
    /// A file was flushed; the empty name is the directory.
    Flush(String),
    Remove(String),
    Rename(String, String),
    /// So many steps have been acknowledged.
    Acknowledged(u64),
}

impl Event {
    pub(crate) fn acknowledged(&self) -> Option<u64> {
        match self {
            Event::Acknowledged(steps) => Some(*steps),
            _ => None,
        }
    }
}

/// Reads the events that concern `dir`.
pub(crate) fn read(log: &Path, dir: &Path) -> Vec<Event> {
    let text = std::fs::read_to_string(log).unwrap();
    let dir = dir.to_str().unwrap();
    let mut begun: HashMap<&str, String> = HashMap::new();
    let mut ends: HashMap<String, u64> = HashMap::new();
    let mut events = Vec::new();
    for line in text.lines() {
        let (thread, rest) = line.split_once(' ').unwrap();
        let rest = rest.trim_start();
        if let Some(begin) = rest.strip_suffix("<unfinished ...>") {
            if let Some(event) = acknowledgement(begin) {
                events.push(event);
            } else {
                begun.insert(thread, begin.trim_end().to_owned());
            }
            continue;
        }
        let whole = match rest.strip_prefix("<... ") {
            Some(rest) => {
                let (_, end) = rest.split_once("resumed>").unwrap();
                match begun.remove(thread) {
                    Some(begin) => format!("{begin}{end}"),
                    None => continue,
                }
            }
            None => rest.to_owned(),
        };
        events.extend(acknowledgement(&whole).or_else(|| event(&whole, dir, &mut ends)));
    }
    events
}

fn acknowledgement(call: &str) -> Option<Event> {
    let said = call.strip_prefix("write(1<").and_then(|rest| strings(rest).into_iter().nth(1))?;
    let said = String::from_utf8(said).ok()?;
    let (_, steps) = said.split_once("acknowledged ")?;
    Some(Event::Acknowledged(steps.trim_end().strip_suffix('.')?.parse().ok()?))
}

/// The event that a whole line tells of; `ends` is where the next plain write of a file goes.
fn event(line: &str, dir: &str, ends: &mut HashMap<String, u64>) -> Option<Event> {
    let (call, rest) = line.split_once('(')?;
    let (arguments, result) = rest.rsplit_once(") ")?;
    let result = result.trim_start().strip_prefix("= ")?;
    if result.starts_with('-') {
        return None;
    }
    let strings = strings(arguments);
    let within = |path: &[u8]| -> Option<String> {
        let path = std::str::from_utf8(path).ok()?;
        let rest = path.strip_prefix(dir)?;
        Some(rest.strip_prefix('/').unwrap_or(rest).to_owned())
    };
    let nth = |n: usize| strings.get(n).and_then(|path| within(path));
    let last_number =
        || arguments.rsplit(", ").next().and_then(|number| number.trim().parse::<u64>().ok());
    match call {
        // The directory's own descriptor comes first.
        "openat" if arguments.contains("O_CREAT") => {
            let emptied = arguments.contains("O_TRUNC");
            let name = nth(1)?;
            ends.insert(name.clone(), 0);
            Some(Event::Open(name, emptied))
        }
        "openat" => None,
        "pwrite64" => {
            let (name, bytes) = (nth(0)?, strings.get(1)?.clone());
            assert_eq!(bytes.len().to_string(), result, "a short write: {name}");
            Some(Event::Write { name, at: last_number()?, bytes })
        }
        "write" => {
            let (name, bytes) = (nth(0)?, strings.get(1)?.clone());
            let end = ends.entry(name.clone()).or_default();
            let at = *end;
            *end += bytes.len() as u64;
            Some(Event::Write { name, at, bytes })
        }
        "ftruncate" => Some(Event::Length(nth(0)?, last_number()?)),
        "fsync" | "fdatasync" => Some(Event::Flush(nth(0)?)),
        "unlink" => Some(Event::Remove(nth(0)?)),
        "rename" => Some(Event::Rename(nth(0)?, nth(1)?)),
        other => {
            assert!(nth(0).is_none(), "a call that the disk does not know: {other}");
            None
        }
    }
}

/// Everything that is noted as `<\x2f…>` or `"\x00…"`, in order.
fn strings(arguments: &str) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    let mut rest = arguments;
    while let Some(at) = rest.find("\\x") {
        let end = rest[at..].find(['>', '"']).map_or(rest.len(), |end| at + end);
        let digit = |byte: u8| (byte as char).to_digit(16).unwrap() as u8;
        let bytes = rest.as_bytes()[at..end].chunks_exact(4);
        found.push(bytes.map(|hex| digit(hex[2]) << 4 | digit(hex[3])).collect());
        rest = &rest[end..];
    }
    found
}
