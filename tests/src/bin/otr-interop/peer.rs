//! A peer as a child process: commands in, answers out (see `tests/otr/peer.c`).

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::Failure;

/// What the peer did after a command.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    pub(crate) injected: Vec<Vec<u8>>,
    /// Texts, and whether they came encrypted.
    pub(crate) shown: Vec<(bool, String)>,
    /// Names with their detail.
    pub(crate) events: Vec<(String, String)>,
}

/// A running peer. Killed on drop.
pub(crate) struct Peer {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Peer {
    /// Starts a peer that speaks `versions`, with the first key of `key`. `command` is a program with
    /// its first arguments.
    pub(crate) fn start(command: &[String], key: &Path, versions: &str) -> Result<Self, Failure> {
        let (program, arguments) = command.split_first().ok_or("no program")?;
        let mut child = Command::new(program)
            .args(arguments)
            .arg(key)
            .args(["bob@home.test", "prpl-jabber", versions])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|e| format!("{program}: {e}"))?;
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let input = input.ok_or("the peer has no input")?;
        let output = BufReader::new(output.ok_or("the peer has no output")?);
        Ok(Self { child, input, output })
    }

    /// One command with its byte strings; all lines up to "done".
    pub(crate) fn command(&mut self, name: &str, values: &[&[u8]]) -> Result<Answer, Failure> {
        let mut line = name.to_owned();
        for value in values {
            line.push(' ');
            line.extend(value.iter().map(|b| format!("{b:02x}")));
        }
        line.push('\n');
        self.input.write_all(line.as_bytes()).map_err(|e| format!("the peer is gone: {e}"))?;
        let mut answer = Answer::default();
        loop {
            let mut line = String::new();
            let read = self.output.read_line(&mut line);
            if !read.is_ok_and(|n| n > 0) {
                return Err("the peer has stopped".into());
            }
            let mut words = line.split_whitespace();
            let mut next = || words.next().unwrap_or_default();
            match next() {
                "done" => return Ok(answer),
                "inject" => answer.injected.push(from_hex(next())?),
                "show" => {
                    let private = next() == "private";
                    let text = String::from_utf8_lossy(&from_hex(next())?).into_owned();
                    answer.shown.push((private, text));
                }
                "event" => answer.events.push((next().to_owned(), next().to_owned())),
                other => return Err(format!("the peer says {other}").into()),
            }
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn from_hex(text: &str) -> Result<Vec<u8>, Failure> {
    let pair = |at| u8::from_str_radix(text.get(at..at + 2).unwrap_or("?"), 16);
    let bytes: Result<Vec<u8>, _> = (0..text.len()).step_by(2).map(pair).collect();
    bytes.map_err(|e| format!("no hexadecimal: {e}").into())
}
