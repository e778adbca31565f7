//! From files to one tree: encoding, comments, and files that include others.
//!
//! Spec: XEP-0227 §5 (the part of XInclude that must be understood). Invariants: an included
//! file lies in the folder of the file named on the command line or below it, whatever links
//! and `..` say; files, their nesting and their bytes are limited.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use xmpp::{Element, Node};

use super::is_pie;
use crate::failure::Failure;

const XINCLUDE: &str = "http://www.w3.org/2001/XInclude";

/// A file per account and one per host; no home comes near it.
const FILES_MAX: usize = 10_000;

/// All files together, in bytes. The whole tree is held in memory.
const BYTES_MAX: u64 = 256 * 1024 * 1024;

/// Files within files: a list of hosts, a host, a user.
const NESTING_MAX: usize = 4;

/// Reads the file at `path` and all that it includes.
pub(crate) fn load(path: &Path) -> Result<Element, Failure> {
    let parent = path.parent().filter(|p| !p.as_os_str().is_empty());
    let root = parent
        .unwrap_or(Path::new("."))
        .canonicalize()
        .map_err(Failure::io(format!("cannot read {}", path.display())))?;
    Loader { root, files: 0, bytes: 0 }.file(path, 0)
}

struct Loader {
    root: PathBuf,
    files: usize,
    bytes: u64,
}

impl Loader {
    fn file(&mut self, path: &Path, nesting: usize) -> Result<Element, Failure> {
        let shown = path.display();
        self.files += 1;
        if self.files > FILES_MAX || nesting > NESTING_MAX {
            return Err(Failure::Unusable(format!("{shown}: too many files include each other")));
        }
        let mut bytes = Vec::new();
        let left = BYTES_MAX - self.bytes;
        File::open(path)
            .and_then(|file| file.take(left + 1).read_to_end(&mut bytes))
            .map_err(Failure::io(format!("cannot read {shown}")))?;
        if bytes.len() as u64 > left {
            return Err(Failure::Unusable(format!(
                "{shown}: more than {} MB in all; split the file by users",
                BYTES_MAX / 1_048_576
            )));
        }
        self.bytes += bytes.len() as u64;
        let unusable = |why: &dyn std::fmt::Display| Failure::Unusable(format!("{shown}: {why}"));
        let text = String::from_utf8(bytes).map_err(|_| unusable(&"not UTF-8 text"))?;
        let xml = without_remarks(&text).map_err(|why| unusable(&why))?;
        let element = Element::parse(&xml).map_err(|e| unusable(&e))?;
        self.included(element, path, nesting)
    }

    /// Replaces includes among the children of the format's own elements. What lies deeper is
    /// data of users (§5).
    fn included(
        &mut self,
        element: Element,
        path: &Path,
        nesting: usize,
    ) -> Result<Element, Failure> {
        if !["server-data", "host", "user"].iter().any(|name| is_pie(&element, name)) {
            return Ok(element);
        }
        let mut whole = Element::new(element.name().to_owned(), element.ns().to_owned());
        element.attrs().iter().for_each(|attr| whole.put_attr(attr.clone()));
        for node in element.into_nodes() {
            match node {
                Node::Element(child) if child.is("include", XINCLUDE) => {
                    let target = self.target(&child, path)?;
                    whole.push(self.file(&target, nesting + 1)?);
                }
                Node::Element(child) => whole.push(self.included(child, path, nesting)?),
                Node::Text(text) => whole.push_text(text),
            }
        }
        Ok(whole)
    }

    /// The file that an include means.
    fn target(&self, include: &Element, path: &Path) -> Result<PathBuf, Failure> {
        let refused = |why: &str| {
            let href = include.attr("href").unwrap_or_default();
            Failure::Unusable(format!("{}: include of {href:?}: {why}", path.display()))
        };
        if include.attr("parse").is_some() || include.attr("xpointer").is_some() {
            return Err(refused("only whole XML files can be included"));
        }
        let href = include.attr("href").unwrap_or_default();
        if href.is_empty() || href.contains(':') || href.starts_with('/') {
            return Err(refused("only files beside this one can be included"));
        }
        let relative = percent_decoded(href).ok_or_else(|| refused("not a relative file name"))?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let target = folder
            .join(relative)
            .canonicalize()
            .map_err(|e| refused(&format!("cannot be read: {e}")))?;
        if !target.starts_with(&self.root) {
            return Err(refused("it lies outside of the folder of the file to import"));
        }
        Ok(target)
    }
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut parts = text.split('%');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        bytes.push(u8::from_str_radix(part.get(..2)?, 16).ok()?);
        bytes.extend_from_slice(part.get(2..)?.as_bytes());
    }
    String::from_utf8(bytes).ok().filter(|t| !t.contains('\0'))
}

/// Takes away what the strict reader refuses and what means nothing: byte order mark, XML
/// declaration, comments and processing instructions. `<!--` and `<?` stand nowhere else in
/// well-formed XML but in CDATA sections, which are kept.
fn without_remarks(text: &str) -> Result<String, String> {
    let text = text.trim_start_matches('\u{feff}');
    declared_encoding(text)?;
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        let (before, markup) = rest.split_at(at);
        out.push_str(before);
        let (end, keep) = if markup.starts_with("<!--") {
            ("-->", false)
        } else if markup.starts_with("<?") {
            ("?>", false)
        } else if markup.starts_with("<![CDATA[") {
            ("]]>", true)
        } else {
            out.push('<');
            rest = markup.get(1..).unwrap_or_default();
            continue;
        };
        // "<!-->" does not end itself.
        let skipped = if keep { 0 } else { end.len().min(markup.len()) };
        let length = markup
            .get(skipped..)
            .and_then(|m| m.find(end))
            .map(|found| skipped + found + end.len())
            .ok_or_else(|| format!("\"{end}\" is missing"))?;
        if keep {
            out.push_str(markup.get(..length).unwrap_or_default());
        }
        rest = markup.get(length..).unwrap_or_default();
    }
    out.push_str(rest);
    Ok(out)
}

fn declared_encoding(text: &str) -> Result<(), String> {
    let Some(declaration) = text.strip_prefix("<?xml").and_then(|t| t.split("?>").next()) else {
        return Ok(());
    };
    let Some((_, value)) = declaration.split_once("encoding") else { return Ok(()) };
    let value = value.trim_start().trim_start_matches('=').trim();
    let name = value.trim_matches(['"', '\'']).split(['"', '\'']).next().unwrap_or_default();
    if ["utf-8", "utf8", "us-ascii"].contains(&name.to_ascii_lowercase().as_str()) {
        return Ok(());
    }
    Err(format!("encoded in {name:?}; convert it to UTF-8 first, for example with iconv"))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str, files: &[(&str, &str)]) -> Self {
            let root = std::env::temp_dir().join(format!("snug-pie-{name}-{}", std::process::id()));
            for (file, text) in files {
                let path = root.join(file);
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, text).unwrap();
            }
            Self(root)
        }

        fn load(&self, file: &str) -> Result<Element, String> {
            load(&self.0.join(file)).map_err(|e| e.to_string())
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            std::fs::remove_dir_all(&self.0).ok();
        }
    }

    const XI: &str = "xmlns='urn:xmpp:pie:0' xmlns:xi='http://www.w3.org/2001/XInclude'";

    #[test]
    fn files_include_each_other_as_servers_lay_them_out() {
        let main = format!(
            "<?xml version='1.0'?><server-data {XI}><xi:include href='h.xml'/></server-data>"
        );
        let host = format!("<host {XI} jid='h'><xi:include href='h/ann%20b.xml'/></host>");
        let folder = Folder::new(
            "layout",
            &[
                ("main.xml", &main),
                ("h.xml", &host),
                ("h/ann b.xml", "<user xmlns='urn:xmpp:pie:0' name='ann'/>"),
            ],
        );
        let tree = folder.load("main.xml").unwrap();
        let user = tree.child("host", super::super::PIE).unwrap().child("user", super::super::PIE);
        assert_eq!(user.unwrap().attr("name"), Some("ann"));
    }

    #[test]
    fn includes_stay_in_the_folder_and_end() {
        let include =
            |href: &str| format!("<server-data {XI}><xi:include href='{href}'/></server-data>");
        let folder = Folder::new(
            "limits",
            &[
                ("secret.xml", "<host xmlns='urn:xmpp:pie:0' jid='h'/>"),
                ("in/up.xml", &include("../secret.xml")),
                ("in/hidden.xml", &include("%2e%2e/secret.xml")),
                ("in/absolute.xml", &include("/etc/passwd")),
                ("in/url.xml", &include("file:///etc/passwd")),
                ("in/none.xml", &include("gone.xml")),
                ("in/itself.xml", &include("itself.xml")),
                ("in/link.xml", &include("link")),
            ],
        );
        std::os::unix::fs::symlink("../secret.xml", folder.0.join("in/link")).unwrap();
        for (file, wanted) in [
            ("up", "outside"),
            ("hidden", "outside"),
            ("link", "outside"),
            ("absolute", "beside"),
            ("url", "beside"),
            ("none", "cannot be read"),
            ("itself", "too many files"),
        ] {
            let error = folder.load(&format!("in/{file}.xml")).unwrap_err();
            assert!(error.contains(wanted), "{file}: {error}");
        }
    }

    #[test]
    fn an_include_inside_of_a_users_data_is_data() {
        let text = format!(
            "<user {XI} name='ann'><x xmlns='other'><xi:include href='/etc/passwd'/></x></user>"
        );
        let folder = Folder::new("data", &[("u.xml", &text)]);
        assert!(folder.load("u.xml").is_ok());
    }

    #[test]
    fn remarks_are_dropped_and_cdata_is_not() {
        for (text, wanted) in [
            ("\u{feff}<?xml version='1.0' encoding=\"UTF-8\"?>\n<a/>", "\n<a/>"),
            ("<a><!-- <b> --><c/><?pi x?></a><!---->", "<a><c/></a>"),
            ("<a><![CDATA[<!-- kept --> <?x?>]]></a>", "<a><![CDATA[<!-- kept --> <?x?>]]></a>"),
            ("no markup", "no markup"),
        ] {
            assert_eq!(without_remarks(text).unwrap(), wanted);
        }
        for text in [
            "<a><!-- ",
            "<!-->",
            "<?xml",
            "<![CDATA[ ]]",
            "<?xml version='1.0' encoding='latin1'?><a/>",
        ] {
            assert!(without_remarks(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_not_such_a_file_is_named() {
        let folder = Folder::new("bad", &[("a.xml", "<a><b></a>"), ("b.xml", "hello")]);
        for file in ["a.xml", "b.xml", "c.xml"] {
            assert!(folder.load(file).unwrap_err().contains(file));
        }
    }
}
