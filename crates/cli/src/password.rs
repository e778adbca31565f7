//! Where a new password comes from: the terminal, standard input, or the daemon.
//!
//! Invariant: never an argument, which other users of the machine could read (`ps`) and the
//! shell would keep in its history.

use std::io::Read;

use admin_api::Secret;

use crate::failure::Failure;
use crate::prompt::Terminal;

/// Longest line that is read from standard input, in bytes. SASLprep and SCRAM need no bound,
/// but a longer one is a wrong file.
const BYTES_MAX: u64 = 1_024;

/// Where the password comes from.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct Source {
    /// Read the password from the first line of standard input
    #[arg(long, conflicts_with = "generate")]
    password_stdin: bool,

    /// Let snugd make a password, and show it once
    #[arg(long)]
    generate: bool,
}

impl Source {
    /// The password; `None` lets the daemon make one.
    pub(crate) fn read(&self, name: &str) -> Result<Option<Secret>, Failure> {
        if self.generate {
            return Ok(None);
        }
        let password = if self.password_stdin { from_stdin()? } else { from_terminal(name)? };
        Ok(Some(Secret::new(password)))
    }
}

fn from_stdin() -> Result<String, Failure> {
    first_line(std::io::stdin().lock())
}

fn first_line(input: impl Read) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    input
        .take(BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(Failure::io("cannot read the password from standard input"))?;
    let length = bytes.iter().position(|b| *b == b'\n').unwrap_or(bytes.len());
    if length as u64 > BYTES_MAX {
        return Err(Failure::Usage("the password on standard input is far too long".to_owned()));
    }
    bytes.truncate(length);
    let line = String::from_utf8(bytes)
        .map_err(|_| Failure::Usage("the password on standard input is not UTF-8".to_owned()))?;
    let line = line.strip_suffix('\r').unwrap_or(&line);
    if line.is_empty() {
        return Err(Failure::Usage("standard input has no password in its first line".to_owned()));
    }
    Ok(line.to_owned())
}

fn from_terminal(name: &str) -> Result<String, Failure> {
    let Some(mut terminal) = Terminal::of_process() else {
        return Err(Failure::Usage(
            "there is no terminal to ask for a password; use --password-stdin or --generate"
                .to_owned(),
        ));
    };
    let name = crate::output::plain(name);
    let password = terminal.ask_secret(&format!("New password for {name}: "))?;
    if password.is_empty() {
        return Err(Failure::Cancelled);
    }
    if terminal.ask_secret("The same again: ")? != password {
        return Err(Failure::Usage("the two passwords differ; nothing was changed".to_owned()));
    }
    Ok(password)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_counts() {
        for (input, wanted) in [
            ("horse\n", "horse"),
            ("horse", "horse"),
            ("horse\r\nbattery\n", "horse"),
            (" h \n", " h "),
        ] {
            assert_eq!(first_line(input.as_bytes()).unwrap(), wanted);
        }
    }

    #[test]
    fn no_password_and_too_much_are_refused() {
        for input in [String::new(), "\nhorse\n".to_owned(), "x".repeat(5_000)] {
            assert!(matches!(first_line(input.as_bytes()), Err(Failure::Usage(_))));
        }
        let long_file = format!("horse\n{}", "é".repeat(5_000));
        assert_eq!(first_line(long_file.as_bytes()).unwrap(), "horse");
        assert!(matches!(first_line(&b"\xff\n"[..]), Err(Failure::Usage(_))));
    }
}
