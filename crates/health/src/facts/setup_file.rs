//! What was wrong with the card's set-up file (written by `snug-first-boot` at the start).

use std::path::Path;

use super::{below, read};

/// Mistakes that are repeated; the rest is in the file beside the set-up file.
const MISTAKES_MAX: usize = 10;

/// Mistakes, one to a line; empty = none; `None` = this is not a card.
pub(super) fn gather(root: &Path) -> Option<Vec<String>> {
    let folder = below(root, "/run/snug-first-boot");
    folder.is_dir().then(|| {
        let text = read(&folder.join("faults")).unwrap_or_default();
        text.lines().take(MISTAKES_MAX).map(str::to_owned).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::super::fake::Tree;
    use super::*;

    #[test]
    fn reads_the_mistakes() {
        assert_eq!(gather(Tree::new(&[("run/other", "")]).root()), None);
        let tree = Tree::new(&[("run/snug-first-boot/other", "")]);
        assert_eq!(gather(tree.root()), Some(Vec::new()));
        let tree = Tree::new(&[("run/snug-first-boot/faults", "a\nb\n")]);
        assert_eq!(gather(tree.root()), Some(vec!["a".to_owned(), "b".to_owned()]));
        let tree = Tree::new(&[("run/snug-first-boot/faults", &"a\n".repeat(1_000))]);
        assert_eq!(gather(tree.root()).map(|m| m.len()), Some(MISTAKES_MAX));
    }
}
