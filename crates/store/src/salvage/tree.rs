//! The nodes of the trees: cells, records, and the chains of long ones.
//!
//! Spec: sqlite.org/fileformat2.html §1.6 (nodes and cells), §1.7 (chains), §2.1 (records).
//!
//! Invariants: nothing here panics on any bytes; no chain is followed further than the length
//! of its record.

use super::pages::{Page, Pages, u16_at, u32_at};
use crate::engine::PAGE_BYTES;
use crate::limits::{BATCH_BYTES_MAX, KEY_BYTES_MAX};

/// §1.6: the kinds of nodes.
const INDEX_BRANCH: u8 = 0x02;
const TABLE_BRANCH: u8 = 0x05;
const INDEX_LEAF: u8 = 0x0a;
const TABLE_LEAF: u8 = 0x0d;

/// A record that is longer cannot be ours.
const RECORD_BYTES_MAX: usize = BATCH_BYTES_MAX + KEY_BYTES_MAX + 64;

/// Pages that wait to be visited, each with its parent.
pub(super) struct Branches(Vec<(u32, Option<u32>)>);

impl Branches {
    pub(super) fn from_root(root: u32) -> Self {
        Branches(vec![(root, None)])
    }

    pub(super) fn next(&mut self) -> Option<(u32, Option<u32>)> {
        self.0.pop()
    }

    pub(super) fn push(&mut self, parent: u32, children: Vec<u32>) {
        // The last to be pushed is the first to be visited.
        self.0.extend(children.into_iter().rev().map(|child| (child, Some(parent))));
    }
}

/// The cells of a node.
pub(super) struct Cells<'p> {
    bytes: &'p [u8],
    kind: u8,
    /// Where the node's header is.
    start: usize,
    count: usize,
}

impl<'p> Cells<'p> {
    /// The cells of one of our tables.
    pub(super) fn of_rows(page: &'p Page) -> Option<Self> {
        Self::of(page, [INDEX_BRANCH, INDEX_LEAF])
    }

    /// The cells of the table of contents.
    pub(super) fn of_schema(page: &'p Page) -> Option<Self> {
        Self::of(page, [TABLE_BRANCH, TABLE_LEAF])
    }

    fn of(page: &'p Page, kinds: [u8; 2]) -> Option<Self> {
        let (bytes, start) = (page.bytes(), page.start());
        let kind = *bytes.get(start)?;
        let count = u16_at(bytes, start + 3)?;
        // No cell takes less than two bytes and its pointer.
        let plausible = kinds.contains(&kind) && count <= PAGE_BYTES / 4;
        plausible.then_some(Cells { bytes, kind, start, count })
    }

    fn is_branch(&self) -> bool {
        matches!(self.kind, INDEX_BRANCH | TABLE_BRANCH)
    }

    fn cell(&self, index: usize) -> Option<&'p [u8]> {
        let pointers = self.start + if self.is_branch() { 12 } else { 8 };
        self.bytes.get(u16_at(self.bytes, pointers + 2 * index)?..)
    }

    /// The pages below, from left to right.
    pub(super) fn children(&self) -> Vec<u32> {
        if !self.is_branch() {
            return Vec::new();
        }
        let left = (0..self.count).filter_map(|index| u32_at(self.cell(index)?, 0));
        left.chain(u32_at(self.bytes, self.start + 8)).collect()
    }

    /// The records in the node; `None` in the place of each that cannot be read.
    pub(super) fn records<'s>(
        &'s self,
        pages: &'s Pages,
    ) -> impl Iterator<Item = Option<Record>> + 's {
        // The branches of the table of contents hold no records.
        let count = if self.kind == TABLE_BRANCH { 0 } else { self.count };
        (0..count).map(|index| self.record(pages, index))
    }

    fn record(&self, pages: &Pages, index: usize) -> Option<Record> {
        let mut cell = self.cell(index)?;
        if self.is_branch() {
            cell = cell.get(4..)?;
        }
        let length = usize::try_from(varint(&mut cell)?).ok()?;
        if self.kind == TABLE_LEAF {
            varint(&mut cell)?;
        }
        if length > RECORD_BYTES_MAX {
            return None;
        }
        let here = bytes_in_cell(length, self.kind == TABLE_LEAF);
        let mut bytes = cell.get(..here)?.to_vec();
        if here < length {
            follow_chain(pages, u32_at(cell, here)?, length, &mut bytes)?;
        }
        Some(Record(bytes))
    }
}

/// §1.6: how much of a record stands in its cell; the rest is in a chain.
fn bytes_in_cell(length: usize, table: bool) -> usize {
    let most = if table { PAGE_BYTES - 35 } else { (PAGE_BYTES - 12) * 64 / 255 - 23 };
    if length <= most {
        return length;
    }
    let least = (PAGE_BYTES - 12) * 32 / 255 - 23;
    let even = least + (length - least) % (PAGE_BYTES - 4);
    if even <= most { even } else { least }
}

/// §1.7: reads the rest of a record.
fn follow_chain(pages: &Pages, first: u32, length: usize, bytes: &mut Vec<u8>) -> Option<()> {
    let mut next = first;
    while bytes.len() < length {
        let page = pages.read(next)?;
        let missing = (length - bytes.len()).min(PAGE_BYTES - 4);
        bytes.extend_from_slice(page.bytes().get(4..4 + missing)?);
        next = u32_at(page.bytes(), 0)?;
    }
    // A chain ends with its record.
    (next == 0).then_some(())
}

/// §1.6: a number of one to nine bytes.
fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for index in 0..9 {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        if index == 8 {
            return Some(value << 8 | u64::from(byte));
        }
        value = value << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            break;
        }
    }
    Some(value)
}

/// The bytes of a record.
pub(super) struct Record(Vec<u8>);

/// A column of a record.
enum Column<'r> {
    Number(u64),
    Text(&'r [u8]),
    Blob(&'r [u8]),
    Other,
}

impl Record {
    /// As a row of one of our tables.
    pub(super) fn as_row(&self) -> Option<(&[u8], &[u8])> {
        match self.columns()?.as_slice() {
            [Column::Blob(key), Column::Blob(value)] => Some((key, value)),
            _ => None,
        }
    }

    /// As a line of the table of contents: the root and the name of a table. §2.6.
    pub(super) fn as_table(&self) -> Option<(u32, String)> {
        match self.columns()?.as_slice() {
            [Column::Text(b"table"), Column::Text(name), _, Column::Number(root), _] => {
                let name = String::from_utf8(name.to_vec()).ok()?;
                Some((u32::try_from(*root).ok()?, name))
            }
            _ => None,
        }
    }

    /// §2.1.
    fn columns(&self) -> Option<Vec<Column<'_>>> {
        let mut header = self.0.as_slice();
        let header_bytes = usize::try_from(varint(&mut header)?).ok()?;
        let mut body = self.0.get(header_bytes..)?;
        let mut types = self.0.get(self.0.len() - header.len()..header_bytes)?;
        let mut columns = Vec::new();
        while !types.is_empty() {
            let kind = varint(&mut types)?;
            let length = match kind {
                0 | 8 | 9 => 0,
                1..=4 => usize::try_from(kind).ok()?,
                5 => 6,
                6 | 7 => 8,
                10 | 11 => return None,
                _ => usize::try_from((kind - 12) / 2).ok()?,
            };
            let (bytes, rest) = body.split_at_checked(length)?;
            body = rest;
            columns.push(match kind {
                1..=6 => Column::Number(bytes.iter().fold(0, |n, &b| n << 8 | u64::from(b))),
                8 => Column::Number(0),
                9 => Column::Number(1),
                12.. if kind % 2 == 0 => Column::Blob(bytes),
                13.. => Column::Text(bytes),
                _ => Column::Other,
            });
        }
        body.is_empty().then_some(columns)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Record, varint};

    #[test]
    fn numbers() {
        let cases: [(&[u8], u64); 4] = [
            (&[0x7f], 127),
            (&[0x81, 0x00], 128),
            (&[0xff; 9], u64::MAX),
            (&[0x80, 0x80, 0x01], 1),
        ];
        for (bytes, value) in cases {
            let mut rest = bytes;
            assert_eq!((varint(&mut rest), rest.len()), (Some(value), 0));
        }
        assert_eq!(varint(&mut [0x80].as_slice()), None);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let record = Record(bytes);
            let _ = (record.as_row().is_some(), record.as_table().is_some());
        }
    }
}
