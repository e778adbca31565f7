//! A disk that keeps what was flushed, and of the rest what chance leaves.

use std::collections::BTreeMap;
use std::path::Path;

use crate::trace::Event;

/// What a cut takes of that which was not flushed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loss {
    Nothing,
    Everything,
    /// Any blocks of 4 KiB.
    Blocks,
    /// Any sectors of 512 bytes.
    Sectors,
}

#[derive(Clone, Debug)]
enum Change {
    Write(u64, Vec<u8>),
    Length(u64),
}

#[derive(Clone, Debug)]
enum Naming {
    Add(String, usize),
    Remove(String),
    Rename(String, String),
}

#[derive(Default)]
struct File {
    safe: Vec<u8>,
    unsafe_yet: Vec<Change>,
}

/// One directory.
#[derive(Default)]
pub(crate) struct Disk {
    files: Vec<File>,
    /// The names as a running program sees them.
    names: BTreeMap<String, usize>,
    safe_names: BTreeMap<String, usize>,
    unsafe_names: Vec<Naming>,
}

impl Disk {
    /// Lets an event happen. A flush that is `ignored` does nothing.
    pub(crate) fn take(&mut self, event: &Event, ignored: bool) {
        match event {
            // Shared memory holds nothing that outlives the machine; the reserve is zeroes.
            Event::Open(name, _) | Event::Write { name, .. } | Event::Length(name, _)
                if name.ends_with("-shm") || name.ends_with(".reserve") => {}
            Event::Open(name, emptied) => {
                let file = self.open(name);
                if *emptied {
                    self.files[file].unsafe_yet.push(Change::Length(0));
                }
            }
            Event::Write { name, at, bytes } => {
                let file = self.names[name];
                self.files[file].unsafe_yet.push(Change::Write(*at, bytes.clone()));
            }
            Event::Length(name, length) => {
                let file = self.names[name];
                self.files[file].unsafe_yet.push(Change::Length(*length));
            }
            Event::Flush(_) if ignored => {}
            Event::Flush(name) if name.is_empty() => {
                let names = std::mem::take(&mut self.unsafe_names);
                names.iter().for_each(|naming| apply(&mut self.safe_names, naming));
            }
            Event::Flush(name) => {
                if let Some(file) = self.names.get(name) {
                    let file = &mut self.files[*file];
                    for change in std::mem::take(&mut file.unsafe_yet) {
                        change.apply(&mut file.safe);
                    }
                }
            }
            Event::Remove(name) => self.name(Naming::Remove(name.clone())),
            Event::Rename(from, to) => self.name(Naming::Rename(from.clone(), to.clone())),
            Event::Acknowledged(_) => {}
        }
    }

    fn open(&mut self, name: &str) -> usize {
        if let Some(file) = self.names.get(name) {
            return *file;
        }
        self.files.push(File::default());
        let file = self.files.len() - 1;
        self.name(Naming::Add(name.to_owned(), file));
        file
    }

    fn name(&mut self, naming: Naming) {
        apply(&mut self.names, &naming);
        self.unsafe_names.push(naming);
    }

    /// Writes what a cut at this moment leaves into `dir`.
    pub(crate) fn write_image(&self, dir: &Path, loss: Loss, random: &mut Random) {
        let mut names = self.safe_names.clone();
        // Names reach the disk in their order, up to some point.
        let survive = match loss {
            Loss::Nothing => self.unsafe_names.len(),
            Loss::Everything => 0,
            Loss::Blocks | Loss::Sectors => random.below(self.unsafe_names.len() + 1),
        };
        self.unsafe_names[..survive].iter().for_each(|naming| apply(&mut names, naming));
        for (name, file) in names {
            let file = &self.files[file];
            let mut bytes = file.safe.clone();
            for change in &file.unsafe_yet {
                change.apply_in_part(&mut bytes, loss, random);
            }
            std::fs::write(dir.join(name), bytes).unwrap();
        }
    }
}

fn apply(names: &mut BTreeMap<String, usize>, naming: &Naming) {
    match naming {
        Naming::Add(name, file) => {
            names.insert(name.clone(), *file);
        }
        Naming::Remove(name) => {
            names.remove(name);
        }
        Naming::Rename(from, to) => {
            if let Some(file) = names.remove(from) {
                names.insert(to.clone(), file);
            }
        }
    }
}

impl Change {
    fn apply(&self, file: &mut Vec<u8>) {
        match self {
            Change::Write(at, bytes) => put(file, *at as usize, bytes),
            Change::Length(length) => file.resize(*length as usize, 0),
        }
    }

    fn apply_in_part(&self, file: &mut Vec<u8>, loss: Loss, random: &mut Random) {
        let unit = match loss {
            Loss::Nothing => return self.apply(file),
            Loss::Everything => return,
            Loss::Blocks => 4096,
            Loss::Sectors => 512,
        };
        match self {
            Change::Length(_) if random.below(2) == 0 => {}
            Change::Length(_) => self.apply(file),
            Change::Write(at, bytes) => {
                let mut at = *at as usize;
                let mut rest = bytes.as_slice();
                while !rest.is_empty() {
                    // Up to the next boundary on the disk.
                    let (piece, after) = rest.split_at(rest.len().min(unit - at % unit));
                    if random.below(2) == 0 {
                        put(file, at, piece);
                    }
                    at += piece.len();
                    rest = after;
                }
            }
        }
    }
}

fn put(file: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    let end = at + bytes.len();
    if file.len() < end {
        file.resize(end, 0);
    }
    file[at..end].copy_from_slice(bytes);
}

/// Numbers that look random and are the same at each run.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Random(seed)
    }

    /// A number below `below`, which is above zero.
    pub(crate) fn below(&mut self, below: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % below
    }
}
