//! Load and number of processors (`/proc/loadavg`, `/proc/stat`).

use std::path::Path;

use super::{below, read};

/// How much there is to do.
#[derive(Clone, Debug, PartialEq)]
pub struct Load {
    /// Tasks that want to run, average of five minutes.
    pub five_minutes: f64,
    /// Processors.
    pub cpus: u32,
}

pub(super) fn gather(root: &Path) -> Option<Load> {
    let averages = read(&below(root, "/proc/loadavg"))?;
    let five_minutes = averages.split_whitespace().nth(1)?.parse().ok()?;
    let stat = read(&below(root, "/proc/stat"))?;
    let cpus = stat.lines().filter(|l| is_cpu(l)).count();
    Some(Load { five_minutes, cpus: u32::try_from(cpus).ok()? })
}

/// `cpu0 …`, but not the sum `cpu …`.
fn is_cpu(line: &str) -> bool {
    line.strip_prefix("cpu").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::super::fake::Tree;
    use super::*;

    #[test]
    fn reads_both_files() {
        let tree = Tree::new(&[
            ("proc/loadavg", "0.10 1.25 0.30 1/100 4242\n"),
            ("proc/stat", "cpu  1 2\ncpu0 1 2\ncpu1 1 2\nintr 5\ncpus 9\n"),
        ]);
        assert_eq!(gather(tree.root()), Some(Load { five_minutes: 1.25, cpus: 2 }));
    }
}
