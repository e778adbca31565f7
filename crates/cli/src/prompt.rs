//! Questions on the terminal.
//!
//! Invariants: questions go to the terminal, never into piped output; a secret is read without
//! echo; the terminal is as before when the question ends, however it ends.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};

use nix::sys::termios::{
    LocalFlags, SetArg, SpecialCharacterIndices, Termios, tcgetattr, tcsetattr,
};

use crate::failure::Failure;

/// Longest answer in bytes; a longer one is a mistake such as a pasted file.
const ANSWER_BYTES_MAX: usize = 1_024;

const CTRL_C: u8 = 0x03;
const CTRL_D: u8 = 0x04;
const BACKSPACE: u8 = 0x08;
const CTRL_U: u8 = 0x15;
const DELETE: u8 = 0x7f;

/// A terminal to ask on.
pub(crate) struct Terminal(File);

impl Terminal {
    /// The terminal of this process; `None` without one (a service, a script).
    pub(crate) fn of_process() -> Option<Self> {
        OpenOptions::new().read(true).write(true).open("/dev/tty").ok().map(Self)
    }

    /// Asks and reads a line, with echo.
    pub(crate) fn ask(&mut self, question: &str) -> Result<String, Failure> {
        self.say(question)?;
        let mut line = Vec::new();
        loop {
            match self.byte()? {
                None | Some(CTRL_D) if line.is_empty() => return Err(Failure::Cancelled),
                None | Some(b'\n') => return text(line),
                Some(byte) => push(&mut line, byte)?,
            }
        }
    }

    /// Asks and reads a line without echo. Ctrl-C and Ctrl-D cancel; Backspace and Ctrl-U edit.
    pub(crate) fn ask_secret(&mut self, question: &str) -> Result<String, Failure> {
        self.say(question)?;
        let quiet = Quiet::new(&self.0)?;
        let answer = self.secret_line();
        drop(quiet);
        self.say("\n")?;
        text(answer?)
    }

    fn secret_line(&mut self) -> Result<Vec<u8>, Failure> {
        let mut line = Vec::new();
        loop {
            match self.byte()? {
                None | Some(CTRL_C) => return Err(Failure::Cancelled),
                Some(CTRL_D) if line.is_empty() => return Err(Failure::Cancelled),
                Some(b'\n' | b'\r' | CTRL_D) => return Ok(line),
                Some(BACKSPACE | DELETE) => drop_character(&mut line),
                Some(CTRL_U) => line.clear(),
                Some(byte) => push(&mut line, byte)?,
            }
        }
    }

    fn say(&mut self, text: &str) -> Result<(), Failure> {
        self.0.write_all(text.as_bytes()).map_err(failed)
    }

    fn byte(&mut self) -> Result<Option<u8>, Failure> {
        let mut byte = [0];
        match self.0.read(&mut byte).map_err(failed)? {
            0 => Ok(None),
            _ => Ok(byte.first().copied()),
        }
    }
}

/// No echo, no line editing, no signals, until dropped. Signals are off so that Ctrl-C cannot
/// end the process with the terminal in this state.
struct Quiet {
    terminal: File,
    before: Termios,
}

impl Quiet {
    fn new(terminal: &File) -> Result<Self, Failure> {
        let terminal = terminal.try_clone().map_err(failed)?;
        let before = tcgetattr(&terminal).map_err(|e| failed(e.into()))?;
        let mut quiet = before.clone();
        quiet.local_flags.remove(LocalFlags::ECHO | LocalFlags::ICANON | LocalFlags::ISIG);
        quiet.control_chars[SpecialCharacterIndices::VMIN as usize] = 1;
        quiet.control_chars[SpecialCharacterIndices::VTIME as usize] = 0;
        // Keeps what was typed ahead: a person may be faster than the prompt.
        tcsetattr(&terminal, SetArg::TCSADRAIN, &quiet).map_err(|e| failed(e.into()))?;
        Ok(Self { terminal, before })
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        // Nothing more can be done about a terminal that is gone.
        let _ = tcsetattr(&self.terminal, SetArg::TCSADRAIN, &self.before);
    }
}

fn failed(e: std::io::Error) -> Failure {
    Failure::Io("the terminal failed".to_owned(), e)
}

fn push(line: &mut Vec<u8>, byte: u8) -> Result<(), Failure> {
    if line.len() >= ANSWER_BYTES_MAX {
        return Err(Failure::Usage("the answer is far too long".to_owned()));
    }
    line.push(byte);
    Ok(())
}

/// Takes the last character away, all bytes of it.
fn drop_character(line: &mut Vec<u8>) {
    while let Some(byte) = line.pop() {
        if byte & 0b1100_0000 != 0b1000_0000 {
            break;
        }
    }
}

fn text(line: Vec<u8>) -> Result<String, Failure> {
    String::from_utf8(line).map_err(|_| Failure::Usage("the answer is not UTF-8 text".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::pty::openpty;

    /// The answer to `typed`, what the terminal showed, and whether its settings are as before.
    fn answer(
        typed: &[u8],
        ask: impl FnOnce(&mut Terminal) -> Result<String, Failure>,
    ) -> (Result<String, Failure>, String) {
        let pty = openpty(None, None).unwrap();
        let (mut master, slave) = (File::from(pty.master), File::from(pty.slave));
        let before = tcgetattr(&slave).unwrap().local_flags;
        let mut terminal = Terminal(slave.try_clone().unwrap());
        // Typed after the prompt is there, so that the echo is already off.
        let typist = std::thread::spawn({
            let typed = typed.to_vec();
            move || {
                let mut shown = Vec::new();
                let mut buffer = [0; 64];
                while !shown.ends_with(b"? ") {
                    let n = master.read(&mut buffer).unwrap();
                    shown.extend_from_slice(&buffer[..n]);
                }
                std::thread::sleep(std::time::Duration::from_millis(50));
                master.write_all(&typed).unwrap();
                (master, shown)
            }
        });
        let result = ask(&mut terminal);
        let (mut master, mut shown) = typist.join().unwrap();
        assert_eq!(tcgetattr(&slave).unwrap().local_flags, before);
        terminal.say("\u{4}").unwrap();
        while !shown.ends_with(&[CTRL_D]) {
            let mut buffer = [0; 64];
            let n = master.read(&mut buffer).unwrap();
            shown.extend_from_slice(&buffer[..n]);
        }
        (result, String::from_utf8(shown).unwrap())
    }

    #[test]
    fn a_secret_is_read_without_echo() {
        for (typed, wanted) in [
            (&b"horse\n"[..], "horse"),
            (b"horsf\x7fe\n", "horse"),
            ("k\u{e4}\x7fo\n".as_bytes(), "ko"),
            (b"wrong\x15right\n", "right"),
            (b"\x7f\x7fx\n", "x"),
            (b"end\x04", "end"),
        ] {
            let (secret, shown) = answer(typed, |t| t.ask_secret("Password? "));
            assert_eq!(secret.unwrap(), wanted);
            assert_eq!(shown.trim_end_matches('\u{4}'), "Password? \r\n");
        }
    }

    #[test]
    fn a_secret_can_be_cancelled() {
        for typed in [&b"hor\x03"[..], b"\x04"] {
            let (secret, _) = answer(typed, |t| t.ask_secret("Password? "));
            assert!(matches!(secret, Err(Failure::Cancelled)));
        }
    }

    #[test]
    fn a_secret_has_a_limit() {
        let (secret, _) = answer(&[b'x'; ANSWER_BYTES_MAX + 1], |t| t.ask_secret("Password? "));
        assert!(matches!(secret, Err(Failure::Usage(_))));
    }

    #[test]
    fn an_open_question_is_echoed() {
        let (line, shown) = answer(b"yes\n", |t| t.ask("Sure? "));
        assert_eq!(line.unwrap(), "yes");
        assert!(shown.contains("yes"));
    }
}
