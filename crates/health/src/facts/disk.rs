//! The disk that a directory is on (`statvfs`).

use std::path::Path;

use nix::sys::statvfs::{FsFlags, statvfs};

use super::below;

/// One file system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disk {
    /// The directory that was asked for.
    pub path: String,
    /// Size.
    pub total_bytes: u64,
    /// What a service may still write.
    pub free_bytes: u64,
    /// Files in all; 0 where the file system does not count.
    pub total_files: u64,
    /// Files that can still be made.
    pub free_files: u64,
    /// Mounted read-only.
    pub read_only: bool,
}

// The fields of statvfs are 32 bits wide on some boards.
#[allow(clippy::useless_conversion)]
pub(super) fn gather(root: &Path, dir: &Path) -> Option<Disk> {
    let path = dir.to_str()?.to_owned();
    let stat = statvfs(&below(root, &path)).ok()?;
    let unit = u64::from(stat.fragment_size());
    Some(Disk {
        path,
        total_bytes: u64::from(stat.blocks()).saturating_mul(unit),
        free_bytes: u64::from(stat.blocks_available()).saturating_mul(unit),
        total_files: u64::from(stat.files()),
        free_files: u64::from(stat.files_available()),
        read_only: stat.flags().contains(FsFlags::ST_RDONLY),
    })
}

#[cfg(test)]
mod tests {
    use super::super::fake::Tree;
    use super::*;

    #[test]
    fn looks_below_the_root() {
        let tree = Tree::new(&[("var/lib/snug/x", "")]);
        let disk = gather(tree.root(), Path::new("/var/lib/snug")).unwrap();
        assert_eq!(disk.path, "/var/lib/snug");
        assert!(disk.total_bytes >= disk.free_bytes && disk.total_bytes > 0);
        assert!(!disk.read_only);
        assert_eq!(gather(tree.root(), Path::new("/none")), None);
    }
}
