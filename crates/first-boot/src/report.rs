//! What a person reads of it: a text on the boot partition beside the file, and one in `/run` for
//! the health page.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use toml::de::DeTable;

use crate::apply::{remove, write_whole};
use crate::setup_file::text_of;
use crate::wishes::Fault;

/// On the boot partition; the name tells that it belongs to the set-up file.
const RESULT_FILE: &str = "snug-setup-result.txt";

/// Read by the health page: one fault to a line.
pub(crate) const FAULTS_FILE: &str = "run/snug-first-boot/faults";

/// What stands for a secret in the file that is put away.
const TAKEN_OVER: &str = "\"(taken over)\"";

/// Says how it went with the file `name`; `taken` = its wishes were done.
///
/// # Errors
/// What the disk says.
pub(crate) fn write(
    boot: &Path,
    root: &Path,
    name: &str,
    faults: &[Fault],
    taken: bool,
) -> io::Result<()> {
    // Windows' editors want both characters at the end of a line.
    let mut text = match (taken, faults.is_empty()) {
        (true, true) => format!("{name} was taken over. Nothing was wrong with it.\r\n"),
        (true, false) => format!("{name} was taken over, except for this:\r\n"),
        (false, _) => format!(
            "{name} was NOT taken over. Correct this, save the file, and start the device \
             again:\r\n"
        ),
    };
    for fault in faults {
        text.push_str(&format!("  {fault}\r\n"));
    }
    write_whole(&boot.join(RESULT_FILE), 0o644, &text)?;
    let told = root.join(FAULTS_FILE);
    if faults.is_empty() {
        return remove(&told);
    }
    let lines: Vec<String> = faults.iter().map(|f| format!("{name}, {f}\n")).collect();
    write_whole(&told, 0o644, &lines.concat())
}

/// The file with its Wi-Fi password replaced, wherever in the file and however it is written.
pub(crate) fn without_secrets(bytes: &[u8]) -> String {
    let text = text_of(bytes).unwrap_or_default();
    let Ok(table) = DeTable::parse(text) else { return String::new() };
    let span = table
        .get_ref()
        .get("wifi")
        .and_then(|wifi| wifi.get_ref().as_table())
        .and_then(|wifi| wifi.get("password"))
        .map(toml::Spanned::span);
    match span {
        None => text.to_owned(),
        Some(span) => {
            let before = text.get(..span.start).unwrap_or_default();
            let after = text.get(span.end..).unwrap_or_default();
            format!("{before}{TAKEN_OVER}{after}")
        }
    }
}

/// Says why the program ends.
pub(crate) fn ended(why: &str) -> ExitCode {
    // With nobody to read it there is nothing more to do.
    let _ = writeln!(io::stderr().lock(), "snug-first-boot: {why}");
    ExitCode::FAILURE
}
