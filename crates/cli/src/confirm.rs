//! "Are you sure?" before something that is hard to undo.

use crate::failure::Failure;
use crate::prompt::Terminal;

/// Asks unless `yes`; anything but "y" or "yes" cancels.
pub(crate) fn confirm(yes: bool, question: &str) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    let Some(mut terminal) = Terminal::of_process() else {
        return Err(Failure::Usage(
            "there is no terminal to ask on; add --yes if you are sure".to_owned(),
        ));
    };
    let answer = terminal.ask(&format!("{} [y/N] ", crate::output::plain(question)))?;
    if matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes") {
        Ok(())
    } else {
        Err(Failure::Cancelled)
    }
}
