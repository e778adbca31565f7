//! Whether the network has set the clock (`systemd-timesyncd`'s mark).
//!
//! The kernel's own answer (`adjtimex`) would need unsafe code, so other time services cannot
//! be seen.

use std::path::Path;

use super::below;

/// The clock.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Clock {
    /// Has the network set it since the start? `None` = another service keeps it, or nobody.
    pub synchronised: Option<bool>,
}

pub(super) fn gather(root: &Path) -> Clock {
    let service = below(root, "/run/systemd/timesync");
    let synchronised = service.is_dir().then(|| service.join("synchronized").exists());
    Clock { synchronised }
}

#[cfg(test)]
mod tests {
    use super::super::fake::Tree;
    use super::*;

    #[test]
    fn reads_the_mark() {
        for (file, wanted) in [
            ("run/systemd/timesync/synchronized", Some(true)),
            ("run/systemd/timesync/other", Some(false)),
            ("run/systemd/other", None),
        ] {
            let tree = Tree::new(&[(file, "")]);
            assert_eq!(gather(tree.root()).synchronised, wanted, "{file}");
        }
    }
}
