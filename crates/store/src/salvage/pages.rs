//! The pages of a store file with its log, read without the engine.
//!
//! Spec: sqlite.org/fileformat2.html §1.2 (pages), §1.3 (header), §1.8 (pointer map), §4 (the
//! log). Only what our own stores use: pages of 4 KiB, an incremental vacuum's pointer map.
//!
//! Invariants: nothing here panics on any bytes; a page of the log counts only if its
//! checksum, and that of every page before it, is right and its transaction is complete.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::engine::PAGE_BYTES;
use crate::files;

const MAGIC: &[u8] = b"SQLite format 3\0";
/// The header of the file in front of the first page's content.
pub(super) const FILE_HEADER_BYTES: usize = 100;
/// §1.3: where the header has the number of pages and the user's version.
const PAGES_AT: usize = 28;
const VERSION_AT: usize = 60;

const LOG_HEADER_BYTES: usize = 32;
const FRAME_HEADER_BYTES: usize = 24;
/// Its lowest bit says how the checksums count.
const LOG_MAGIC: u32 = 0x377f_0682;

/// §1.8: an entry of the pointer map is a kind and a parent.
const MAP_ENTRY_BYTES: usize = 5;
const MAP_STRIDE: u32 = (PAGE_BYTES / MAP_ENTRY_BYTES) as u32 + 1;
const MAP_ROOT: u8 = 1;
const MAP_FREE: u8 = 2;
const MAP_CHAIN_FIRST: u8 = 3;
const MAP_CHAIN_NEXT: u8 = 4;
const MAP_BRANCH: u8 = 5;
/// §1.8: the page that holds byte 2^30 is left empty, and no part of the map.
const LOCK_PAGE: u32 = (1 << 30) / PAGE_BYTES as u32 + 1;

/// How deep a tree can be; far more than 2^32 pages need. Ends circles in a damaged map.
const DEPTH_MAX: usize = 40;

/// One page.
#[derive(Clone)]
pub(super) struct Page {
    bytes: Vec<u8>,
    number: u32,
}

impl Page {
    /// What the page holds, without the file's header.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Where the header of the tree's node is.
    pub(super) fn start(&self) -> usize {
        if self.number == 1 { FILE_HEADER_BYTES } else { 0 }
    }

    /// The version of the store, if this is a first page with its header.
    pub(super) fn version(&self) -> Option<u32> {
        self.header_number(VERSION_AT)
    }

    /// The number of pages, if this is a first page with its header.
    fn pages(&self) -> Option<u32> {
        self.header_number(PAGES_AT)
    }

    fn header_number(&self, at: usize) -> Option<u32> {
        let whole = self.number == 1 && self.bytes.starts_with(MAGIC);
        u32_at(&self.bytes, at).filter(|number| whole && *number > 0)
    }
}

/// What the map says of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// It is the root of a tree.
    Root,
    /// It is a node of a tree, below this one.
    Below(u32),
    /// It is free, or part of the chain of a long record.
    NoTree,
    /// The map is damaged here.
    Unknown,
}

/// The pages of a store, as of the last complete transaction.
pub(super) struct Pages {
    file: File,
    log: Option<File>,
    /// Where in the log the newest form of a page is.
    newest: HashMap<u32, u64>,
    last: u32,
}

impl Pages {
    /// Opens the file and reads through its log.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let log = match File::open(files::log_path(path)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            log => Some(log?),
        };
        let mut newest = HashMap::new();
        let in_log = log.as_ref().and_then(|log| read_log(log, &mut newest));
        let bytes = file.metadata()?.len().div_ceil(PAGE_BYTES as u64);
        let last = u32::try_from(bytes).unwrap_or(u32::MAX);
        let mut pages = Pages { file, log, newest, last };
        // What lies behind the last page of a store that has shrunk is of another time.
        let said = in_log.or_else(|| pages.read(1)?.pages().filter(|said| *said < last));
        pages.last = said.unwrap_or(last);
        Ok(pages)
    }

    /// The number of the last page.
    pub(super) fn last(&self) -> u32 {
        self.last
    }

    /// How many numbers there are, with the unused number 0.
    pub(super) fn slots(&self) -> usize {
        usize::try_from(self.last).unwrap_or(usize::MAX).saturating_add(1)
    }

    /// A page; `None` where it cannot be read or holds nothing but zeroes, as what a card has
    /// lost does.
    pub(super) fn read(&self, number: u32) -> Option<Page> {
        if number == 0 || number > self.last {
            return None;
        }
        let mut bytes = vec![0; PAGE_BYTES];
        match (self.newest.get(&number), &self.log) {
            (Some(at), Some(log)) => log.read_exact_at(&mut bytes, *at).ok()?,
            _ => {
                let at = u64::from(number - 1) * PAGE_BYTES as u64;
                self.file.read_exact_at(&mut bytes, at).ok()?;
            }
        }
        bytes.iter().any(|&byte| byte != 0).then_some(Page { bytes, number })
    }

    /// The root of the tree that a page belongs to, as the map has it.
    pub(super) fn root(&self, number: u32) -> Option<u32> {
        let mut here = number;
        for _ in 0..DEPTH_MAX {
            match self.place(here) {
                Place::Root => return Some(here),
                Place::Below(parent) => here = parent,
                Place::NoTree | Place::Unknown => return None,
            }
        }
        None
    }

    /// What the map says of a page.
    pub(super) fn place(&self, number: u32) -> Place {
        match self.map_entry(number) {
            Some((MAP_ROOT, _)) => Place::Root,
            Some((MAP_FREE | MAP_CHAIN_FIRST | MAP_CHAIN_NEXT, _)) => Place::NoTree,
            Some((MAP_BRANCH, parent)) => Place::Below(parent),
            _ => Place::Unknown,
        }
    }

    fn map_entry(&self, number: u32) -> Option<(u8, u32)> {
        let stretch = number.checked_sub(2)? / MAP_STRIDE;
        let mut map = stretch.checked_mul(MAP_STRIDE)?.checked_add(2)?;
        if map == LOCK_PAGE {
            map += 1;
        }
        let entry = usize::try_from(number.checked_sub(map + 1)?).ok()?;
        let page = self.read(map)?;
        let at = entry.checked_mul(MAP_ENTRY_BYTES)?;
        Some((*page.bytes.get(at)?, u32_at(&page.bytes, at + 1)?))
    }
}

/// Notes where the pages of complete transactions are; the answer is the number of pages that
/// the store then has. §4.1 to §4.3.
fn read_log(log: &File, newest: &mut HashMap<u32, u64>) -> Option<u32> {
    let mut header = [0; LOG_HEADER_BYTES];
    log.read_exact_at(&mut header, 0).ok()?;
    let magic = u32_at(&header, 0)?;
    if magic & !1 != LOG_MAGIC || u32_at(&header, 8)? != PAGE_BYTES as u32 {
        return None;
    }
    let big_endian = magic & 1 == 1;
    let salts = header.get(16..24)?;
    let mut sum = (0, 0);
    checksum(&mut sum, header.get(..24)?, big_endian);
    if sum != (u32_at(&header, 24)?, u32_at(&header, 28)?) {
        return None;
    }
    let mut last = None;
    let mut at = LOG_HEADER_BYTES as u64;
    let mut frame = vec![0; FRAME_HEADER_BYTES + PAGE_BYTES];
    let mut open = Vec::new();
    while log.read_exact_at(&mut frame, at).is_ok() {
        let (header, page) = frame.split_at(FRAME_HEADER_BYTES);
        checksum(&mut sum, header.get(..8)?, big_endian);
        checksum(&mut sum, page, big_endian);
        let right =
            header.get(8..16)? == salts && sum == (u32_at(header, 16)?, u32_at(header, 20)?);
        if !right {
            break;
        }
        open.push((u32_at(header, 0)?, at + FRAME_HEADER_BYTES as u64));
        // §4.1: the frame that ends a transaction says how many pages there are.
        let pages = u32_at(header, 4)?;
        if pages > 0 {
            newest.extend(open.drain(..));
            last = Some(pages);
        }
        at += frame.len() as u64;
    }
    last
}

/// §4.2.
fn checksum(sum: &mut (u32, u32), bytes: &[u8], big_endian: bool) {
    let word = |bytes: &[u8]| {
        let bytes = bytes.first_chunk::<4>().copied().unwrap_or_default();
        if big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
    };
    for pair in bytes.chunks_exact(8) {
        let (first, second) = pair.split_at(4);
        sum.0 = sum.0.wrapping_add(word(first)).wrapping_add(sum.1);
        sum.1 = sum.1.wrapping_add(word(second)).wrapping_add(sum.0);
    }
}

/// Four bytes as a number, high byte first.
pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk::<4>().map(|bytes| u32::from_be_bytes(*bytes))
}

/// Two bytes as a number, high byte first.
pub(super) fn u16_at(bytes: &[u8], at: usize) -> Option<usize> {
    bytes.get(at..)?.first_chunk::<2>().map(|bytes| usize::from(u16::from_be_bytes(*bytes)))
}
