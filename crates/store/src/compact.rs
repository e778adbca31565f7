//! Giving space back: free pages move to the end of the file, and the file is cut.
//!
//! Done in steps, between which commits go on. A whole rewrite of the file would need its
//! size again as free space, and minutes during which nothing else is written.

use std::time::Duration;

use rusqlite::Connection;

use crate::engine::{self, Fold, failed};
use crate::error::StoreError;

/// Pages that one step moves: a fraction of a second on a slow card, as commits wait
/// meanwhile.
const STEP_PAGES: u32 = 256;

const COMPACTING: &str = "giving space back";

/// How far it has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// There are more free pages.
    More,
    /// There are none, and the file has been cut.
    Finished,
}

/// Takes one step.
pub(crate) fn step(connection: &Connection) -> Result<Step, StoreError> {
    let move_pages = || -> rusqlite::Result<Step> {
        let free: u32 = connection.query_row("PRAGMA freelist_count", [], |row| row.get(0))?;
        if free > 0 {
            let sql = format!("PRAGMA incremental_vacuum({STEP_PAGES})");
            let mut statement = connection.prepare(&sql)?;
            let mut pages = statement.query([])?;
            while pages.next()?.is_some() {}
            return Ok(Step::More);
        }
        // The file is cut when the log is folded. Whoever reads at this moment is not waited
        // for, as commits wait as well; then the next fold does it.
        engine::fold(connection, Fold::All(Duration::ZERO))?;
        Ok(Step::Finished)
    };
    move_pages().map_err(failed(COMPACTING))
}
