//! Salvage: what can still be read of a damaged store, copied into a new one beside it.
//!
//! The engine gives up at the first damaged page of a table; this reads the pages itself. It
//! walks each tree from its root, and then takes the pages that no walk has reached: the
//! file's own map says which page is the parent of which, so a page below a damaged one still
//! finds its table. Where the table of contents itself is gone, the copy that the claim file
//! keeps stands in for it. What is lost is then what stood in the damaged pages.
//!
//! Invariants: the damaged store is only read; the new file gets its name once it is whole;
//! nothing takes the place of the damaged store unless [`crate::restore`] is called.

mod pages;
mod tree;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use crate::claim::{Claim, Contents};
use crate::engine::{self, failed};
use crate::error::{OpenError, StoreError};
use crate::files;
use crate::schema::Schema;
use pages::{Page, Pages, Place};
use tree::{Branches, Cells};

/// Rows that go into the new file in one transaction: bounds the dirty pages in memory.
const ROWS_AT_ONCE: u64 = 2_000;

const SALVAGING: &str = "salvaging";

/// What was salvaged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Salvaged {
    /// The new store file; [`crate::restore`] puts it in the place of the damaged one.
    pub file: PathBuf,
    /// The version of the store.
    pub version: u32,
    /// Rows per table.
    pub rows: BTreeMap<String, u64>,
    /// Pages that could not be read; their rows are lost.
    pub pages_lost: u64,
    /// Rows on readable pages that are lost because they do not hold together.
    pub rows_lost: u64,
}

impl fmt::Display for Salvaged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows: u64 = self.rows.values().sum();
        write!(
            f,
            "{rows} rows of {} tables were salvaged into {}; {} pages and {} further rows could \
             not be read",
            self.rows.len(),
            self.file.display(),
            self.pages_lost,
            self.rows_lost
        )
    }
}

/// Copies every row that can be read of the store in `dir` into the new file
/// `store.salvaged.db` beside it, in place of an earlier attempt. The store must not be in
/// use, and there must be space for a second one.
///
/// # Errors
/// If the store is in use, nothing is left that says which tables it had, or the new file
/// cannot be written.
pub fn salvage(dir: &Path, schema: &Schema) -> Result<Salvaged, OpenError> {
    schema.check()?;
    let (claim, _) = Claim::take(dir)?;
    let path = files::store_path(dir);
    let pages = Pages::open(&path).map_err(files::unusable(&path))?;
    let contents = contents(&pages, &claim).ok_or_else(|| OpenError::Damaged {
        path: path.clone(),
        doing: "looking for its table of contents",
        code: rusqlite::ffi::SQLITE_CORRUPT,
    })?;
    let file = files::salvaged_path(dir);
    let draft = files::with_suffix(&file, ".draft");
    let mut salvaged = Salvaged {
        file: file.clone(),
        version: contents.version,
        rows: contents.tables.iter().map(|(_, name)| (name.clone(), 0)).collect(),
        pages_lost: 0,
        rows_lost: 0,
    };
    files::remove(&draft).map_err(files::unusable(&draft))?;
    files::make_file(&draft)?;
    let copied = copy(&pages, &contents, &draft, &mut salvaged).and_then(|()| {
        files::sync_file(&draft)
            .and_then(|()| std::fs::rename(&draft, &file))
            .and_then(|()| files::sync_dir_of(&file))
            .map_err(files::unusable(&file))
    });
    if copied.is_err() {
        // Half a copy of people's messages is not left about.
        let _ = files::remove(&draft);
    }
    copied.map(|()| salvaged)
}

/// The tables and where their trees begin: as the store says, or else as the claim remembers.
fn contents(pages: &Pages, claim: &Claim) -> Option<Contents> {
    let remembered = claim.contents().cloned();
    let found = pages.read(1).and_then(|first| {
        let version = first.version().or_else(|| remembered.as_ref().map(|c| c.version))?;
        Some(Contents { version, tables: tables(pages, &first) })
    });
    match (found, remembered) {
        // The tables never change while a store is open, so more of them is better.
        (Some(found), Some(old)) if found.tables.len() >= old.tables.len() => Some(found),
        (Some(found), None) if !found.tables.is_empty() => Some(found),
        (_, remembered) => remembered,
    }
}

/// The tables that the first page leads to.
fn tables(pages: &Pages, first: &Page) -> Vec<(u32, String)> {
    let mut tables = Vec::new();
    let mut branches = Branches::from_root(1);
    let mut seen = BTreeSet::new();
    while let Some((number, _)) = branches.next() {
        if !seen.insert(number) {
            continue;
        }
        let page = if number == 1 { Some(first.clone()) } else { pages.read(number) };
        let Some(cells) = page.as_ref().and_then(Cells::of_schema) else { continue };
        branches.push(number, cells.children());
        for record in cells.records(pages).flatten() {
            if let Some((root, name)) = record.as_table()
                && engine::is_table_name(&name)
            {
                tables.push((root, name));
            }
        }
    }
    tables
}

/// Copies what can be read.
fn copy(
    pages: &Pages,
    contents: &Contents,
    to: &Path,
    salvaged: &mut Salvaged,
) -> Result<(), OpenError> {
    let connection = create(to, contents)
        .map_err(|error| OpenError::Store(failed("making the new file")(error)))?;
    let seen = vec![false; pages.slots()];
    let mut transfer = Transfer { pages, connection, salvaged, seen, open: 0 };
    let moved = transfer.trees(contents).and_then(|()| transfer.strays(contents));
    moved.and_then(|()| transfer.finish()).map_err(OpenError::Store)
}

/// The new file, for one writer that nobody else reads: if the machine stops now, the draft
/// is made anew.
fn create(path: &Path, contents: &Contents) -> rusqlite::Result<Connection> {
    let connection = engine::open_writer(path)?;
    engine::prepare_file(&connection)?;
    connection.pragma_update_and_check(None, "journal_mode", "OFF", |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "OFF")?;
    connection.pragma_update(None, "application_id", engine::APPLICATION_ID)?;
    connection.pragma_update(None, "user_version", contents.version)?;
    for (_, name) in &contents.tables {
        connection.execute_batch(&engine::sql_create(name))?;
    }
    Ok(connection)
}

struct Transfer<'a> {
    pages: &'a Pages,
    connection: Connection,
    salvaged: &'a mut Salvaged,
    /// Pages that have been taken, by number.
    seen: Vec<bool>,
    /// Rows in the open transaction.
    open: u64,
}

impl Transfer<'_> {
    /// Takes every tree from its root.
    fn trees(&mut self, contents: &Contents) -> Result<(), StoreError> {
        for (root, name) in &contents.tables {
            let mut branches = Branches::from_root(*root);
            while let Some((number, parent)) = branches.next() {
                // A damaged page may point anywhere; the map knows better.
                let ours = match self.pages.place(number) {
                    Place::Unknown => true,
                    Place::Root => parent.is_none(),
                    Place::Below(above) => parent == Some(above),
                    Place::NoTree => false,
                };
                if number > self.pages.last() {
                    // The file was cut off before it.
                    self.salvaged.pages_lost += 1;
                    continue;
                }
                if !ours || !self.first_visit(number) {
                    continue;
                }
                match self.pages.read(number).as_ref().and_then(Cells::of_rows) {
                    Some(cells) => {
                        branches.push(number, cells.children());
                        self.take(name, &cells)?;
                    }
                    None => self.salvaged.pages_lost += 1,
                }
            }
        }
        Ok(())
    }

    /// Takes the pages below damaged ones.
    fn strays(&mut self, contents: &Contents) -> Result<(), StoreError> {
        let roots: BTreeMap<u32, &str> =
            contents.tables.iter().map(|(root, name)| (*root, name.as_str())).collect();
        for number in 2..=self.pages.last() {
            let Some(root) = self.pages.root(number) else { continue };
            let Some(name) = roots.get(&root) else { continue };
            if !self.first_visit(number) {
                continue;
            }
            match self.pages.read(number).as_ref().and_then(Cells::of_rows) {
                Some(cells) => self.take(name, &cells)?,
                None => self.salvaged.pages_lost += 1,
            }
        }
        Ok(())
    }

    fn first_visit(&mut self, number: u32) -> bool {
        let slot = usize::try_from(number).ok().and_then(|number| self.seen.get_mut(number));
        slot.is_some_and(|seen| !std::mem::replace(seen, true))
    }

    /// Copies the rows of a page.
    fn take(&mut self, name: &str, cells: &Cells<'_>) -> Result<(), StoreError> {
        for record in cells.records(self.pages) {
            let Some((key, value)) = record.as_ref().and_then(|record| record.as_row()) else {
                self.salvaged.rows_lost += 1;
                continue;
            };
            if self.open == 0 {
                self.run("BEGIN")?;
            }
            self.open += 1;
            self.connection
                .prepare_cached(&engine::sql_put(name))
                .and_then(|mut put| put.execute([key, value]))
                .map_err(failed(SALVAGING))?;
            if let Some(rows) = self.salvaged.rows.get_mut(name) {
                *rows += 1;
            }
            if self.open >= ROWS_AT_ONCE {
                self.commit()?;
            }
        }
        Ok(())
    }

    fn commit(&mut self) -> Result<(), StoreError> {
        if std::mem::take(&mut self.open) > 0 {
            self.run("COMMIT")?;
        }
        Ok(())
    }

    fn finish(mut self) -> Result<(), StoreError> {
        self.commit()?;
        self.connection.close().map_err(|(_, error)| failed(SALVAGING)(error))
    }

    fn run(&self, sql: &str) -> Result<(), StoreError> {
        self.connection.execute_batch(sql).map_err(failed(SALVAGING))
    }
}
