//! Main memory (`/proc/meminfo`).

use std::path::Path;

use super::{below, read};

/// Main memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Memory {
    /// All of it.
    pub total_bytes: u64,
    /// What programs can still get, by the kernel's own estimate.
    pub available_bytes: u64,
}

pub(super) fn gather(root: &Path) -> Option<Memory> {
    let text = read(&below(root, "/proc/meminfo"))?;
    let bytes = |name: &str| -> Option<u64> {
        let line = text.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix(':'))?;
        line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
    };
    Some(Memory { total_bytes: bytes("MemTotal")?, available_bytes: bytes("MemAvailable")? })
}

#[cfg(test)]
mod tests {
    use super::super::fake::Tree;
    use super::*;

    #[test]
    fn reads_meminfo() {
        let text =
            "MemTotal:         949448 kB\nMemFree:           1 kB\nMemAvailable:     700000 kB\n";
        let tree = Tree::new(&[("proc/meminfo", text)]);
        let wanted = Memory { total_bytes: 949_448 * 1024, available_bytes: 700_000 * 1024 };
        assert_eq!(gather(tree.root()), Some(wanted));
        let tree = Tree::new(&[("proc/meminfo", "MemTotal: many kB\n")]);
        assert_eq!(gather(tree.root()), None);
    }
}
