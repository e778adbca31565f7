//! The whole program below a folder of its own, with cuts of power between any two of its steps.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::apply::Place;
use crate::setup_file;
use crate::{DONE_FILE, SETUP_FILE, plan, report, take_over};

static COUNT: AtomicUsize = AtomicUsize::new(0);

/// A card: a boot folder and a root with the one time zone that the tests wish for.
struct Card {
    folder: PathBuf,
}

impl Card {
    fn new() -> Self {
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("snug-first-boot-{}-{number}", std::process::id());
        let card = Self { folder: std::env::temp_dir().join(name) };
        fs::create_dir_all(card.boot()).unwrap();
        fs::create_dir_all(card.root().join("etc")).unwrap();
        let zone = card.root().join("usr/share/zoneinfo/Europe/Berlin");
        fs::create_dir_all(zone.parent().unwrap()).unwrap();
        fs::write(zone, "").unwrap();
        card
    }

    fn boot(&self) -> PathBuf {
        self.folder.join("boot")
    }

    fn root(&self) -> PathBuf {
        self.folder.join("root")
    }

    fn start(&self) {
        take_over(&self.boot(), &self.root()).unwrap();
    }

    fn text(&self, path: &str) -> String {
        fs::read_to_string(self.folder.join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
    }

    /// Path and content (or target) of everything below the root.
    fn all(&self) -> Vec<(PathBuf, String)> {
        let mut found = Vec::new();
        collect(&self.root(), &mut found);
        found.sort();
        found
    }
}

impl Drop for Card {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.folder).unwrap();
    }
}

fn collect(folder: &Path, found: &mut Vec<(PathBuf, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_symlink() {
            let target = fs::read_link(&path).unwrap().display().to_string();
            found.push((path, target));
        } else if path.is_dir() {
            collect(&path, found);
        } else {
            let text = fs::read_to_string(&path).unwrap();
            found.push((path, text));
        }
    }
}

/// Without Wi-Fi and log-in, whose steps run programs of the system; those the boot test sees.
const FILE: &str = "\
[home]
hostname = \"attic\"
name = \"home.example\"
admin = \"ann\"
timezone = \"Europe/Berlin\"
[network]
address = \"192.168.1.20/24\"
gateway = \"192.168.1.1\"
";

#[test]
fn a_file_is_taken_over_once() {
    let card = Card::new();
    fs::write(card.boot().join(SETUP_FILE), FILE).unwrap();
    card.start();
    assert_eq!(card.text("root/etc/hostname"), "attic\n");
    let zone = fs::read_link(card.root().join("etc/localtime")).unwrap();
    assert_eq!(zone, Path::new("/usr/share/zoneinfo/Europe/Berlin"));
    assert!(card.text("boot/snug-setup-result.txt").contains("was taken over"));
    assert!(!card.boot().join(SETUP_FILE).exists());
    assert_eq!(card.text(&format!("boot/{DONE_FILE}")), FILE);
    let after = card.all();
    card.start();
    assert_eq!(card.all(), after);
}

#[test]
fn a_wrong_file_changes_nothing_and_is_told() {
    let card = Card::new();
    let before = card.all();
    fs::write(card.boot().join(SETUP_FILE), format!("{FILE}colour = 1\n")).unwrap();
    card.start();
    let told = card.root().join(report::FAULTS_FILE);
    assert!(fs::read_to_string(&told).unwrap().contains("snug-setup.toml, line 9: "));
    fs::remove_file(&told).unwrap();
    assert_eq!(card.all(), before);
    let result = card.text("boot/snug-setup-result.txt");
    assert!(result.contains("NOT taken over") && result.contains("line 9"), "{result}");
    assert!(card.boot().join(SETUP_FILE).exists(), "it stays for whoever corrects it");
    fs::write(card.boot().join(SETUP_FILE), FILE).unwrap();
    card.start();
    assert!(!told.exists());
    assert_eq!(card.text("root/etc/hostname"), "attic\n");
}

#[test]
fn power_may_fail_between_any_two_steps() {
    let whole = Card::new();
    fs::write(whole.boot().join(SETUP_FILE), FILE).unwrap();
    whole.start();
    let relative = |card: &Card| -> Vec<(PathBuf, String)> {
        let root = card.root();
        let strip = |p: PathBuf| p.strip_prefix(&root).unwrap().to_path_buf();
        card.all().into_iter().map(|(path, text)| (strip(path), text)).collect()
    };
    let steps = plan::plan(&setup_file::parse(FILE.as_bytes(), &|_| true).unwrap());
    assert!(steps.len() >= 6, "{steps:?}");
    for done in 0..=steps.len() {
        let card = Card::new();
        fs::write(card.boot().join(SETUP_FILE), FILE).unwrap();
        let root = card.root();
        for step in &steps[..done] {
            Place { root: &root }.carry_out(step).unwrap();
        }
        // A file half written beside the one that was meant.
        fs::write(root.join("etc/hostname.new"), "att").unwrap();
        fs::write(card.boot().join("snug-setup.done.toml.new"), "[ho").unwrap();
        card.start();
        let left = relative(&card);
        let left: Vec<_> = left.into_iter().filter(|(p, _)| !p.ends_with("hostname.new")).collect();
        assert_eq!(left, relative(&whole), "cut after {done} steps");
    }
}

#[test]
fn no_secret_stays_behind() {
    for text in [
        "[wifi]\nname = \"x\"\npassword = \"geheim-geheim\"\ncountry = \"DE\"\n",
        "wifi = { name = \"x\", password = 'geheim-geheim', country = \"DE\" }\n",
        "[wifi]\nname = \"x\"\n\"password\" = \"\"\"\ngeheim-geheim\"\"\"\ncountry = \"DE\"\n",
    ] {
        let kept = report::without_secrets(text.as_bytes());
        assert!(!kept.contains("geheim") && kept.contains("(taken over)"), "{kept}");
        assert!(setup_file::parse(kept.as_bytes(), &|_| true).is_ok(), "{kept}");
    }
    assert_eq!(report::without_secrets(FILE.as_bytes()), FILE);
}

#[test]
fn what_the_card_writer_left_is_used_and_removed() {
    let card = Card::new();
    let path = card.boot().join("custom.toml");
    fs::write(&path, "config_version = 1\n[system]\nhostname = \"attic\"\n").unwrap();
    card.start();
    assert_eq!(card.text("root/etc/hostname"), "attic\n");
    assert!(!path.exists());
}

/// The example of the boot partition with every setting switched on.
#[test]
fn the_example_is_right() {
    let example = include_str!("../../../image/files/snug-setup.example.toml");
    let on: Vec<&str> = example
        .lines()
        .map(|line| line.strip_prefix('#').filter(|l| !l.starts_with(' ')).unwrap_or(line))
        .map(|line| if line.starts_with("keys") { "keys = []" } else { line })
        .collect();
    let faults = setup_file::parse(on.join("\n").as_bytes(), &|_| true).unwrap_err();
    // The key of the example is nobody's; nothing else may be wrong with it.
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert!(faults[0].text.contains("ssh.keys"), "{faults:?}");
    assert!(setup_file::parse(example.as_bytes(), &|_| true).is_ok());
}

/// The firewall's setting is switched in the file that the package brings; others are left alone.
#[test]
fn a_line_of_the_settings_is_replaced() {
    let settings = include_str!("../../../docs/snug.example.toml");
    let card = Card::new();
    let path = card.root().join("etc/snug/snug.toml");
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, settings).unwrap();
    let login = crate::wishes::Login {
        user: "ann".into(),
        password_hash: None,
        keys: vec!["ssh-ed25519 A".into()],
    };
    let wishes = crate::wishes::Wishes { login: Some(login), ..Default::default() };
    let line = plan::plan(&wishes).into_iter().find(|s| matches!(s, plan::Step::Line { .. }));
    let root = card.root();
    for _ in 0..2 {
        Place { root: &root }.carry_out(line.as_ref().unwrap()).unwrap();
        let text = card.text("root/etc/snug/snug.toml");
        assert_eq!(text, settings.replace("\nssh = false\n", "\nssh = true\n"));
        assert_ne!(text, settings);
    }
}
