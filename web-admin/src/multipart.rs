//! Forms with a file in them, cut into their parts.
//!
//! Spec: RFC 7578 (`multipart/form-data`) over RFC 2046 §5.1, as browsers send it: nothing before
//! the first part, names in quotes, a quote within a name as `%22`.
//!
//! Invariants: linear in the size of the body; at most [`PARTS_MAX`] parts; nothing is copied
//! but names.

use crate::limits::{PART_HEAD_BYTES_MAX, PARTS_MAX};

/// RFC 2046 §5.1.1: a boundary has at most 70 characters.
const BOUNDARY_CHARS_MAX: usize = 70;

/// One part.
#[derive(Debug, PartialEq, Eq)]
pub struct Part<'a> {
    /// Name of the field.
    pub name: String,
    /// What the file is called on the sender's device; `None` = no file.
    pub file: Option<String>,
    /// What is in it.
    pub content: &'a [u8],
}

/// The boundary, if `kind` is the media type of such a form.
#[must_use]
pub fn boundary(kind: &str) -> Option<&str> {
    let (kind, parameters) = kind.split_once(';')?;
    if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let boundary = parameters.split(';').find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("boundary").then_some(value.trim())
    })?;
    let boundary = boundary.strip_prefix('"').and_then(|b| b.strip_suffix('"')).unwrap_or(boundary);
    let plain = |b: u8| b.is_ascii_graphic() && b != b'"';
    let sound = (1..=BOUNDARY_CHARS_MAX).contains(&boundary.len()) && boundary.bytes().all(plain);
    sound.then_some(boundary)
}

/// The parts of `body`, in order; `None` if it is torn, or has too many.
#[must_use]
pub fn parts<'a>(body: &'a [u8], boundary: &str) -> Option<Vec<Part<'a>>> {
    let line = format!("--{boundary}");
    let end = format!("\r\n{line}");
    let mut rest = body.strip_prefix(line.as_bytes())?;
    let mut parts = Vec::new();
    loop {
        if rest.starts_with(b"--") {
            return Some(parts);
        }
        rest = rest.strip_prefix(b"\r\n")?;
        if parts.len() == PARTS_MAX {
            return None;
        }
        let head_end = find(rest.get(..rest.len().min(PART_HEAD_BYTES_MAX))?, b"\r\n\r\n")?;
        let head = std::str::from_utf8(rest.get(..head_end)?).ok()?;
        rest = rest.get(head_end + 4..)?;
        let content = rest.get(..find(rest, end.as_bytes())?)?;
        rest = rest.get(content.len() + end.len()..)?;
        let (name, file) = names(head)?;
        parts.push(Part { name, file, content });
    }
}

/// RFC 7578 §4.2: `Content-Disposition: form-data; name="…"; filename="…"`.
fn names(head: &str) -> Option<(String, Option<String>)> {
    let line = head.split("\r\n").find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.trim().eq_ignore_ascii_case("content-disposition").then_some(value)
    })?;
    let mut rest = line.trim().strip_prefix("form-data")?;
    let (mut name, mut file) = (None, None);
    while let Some((before, quoted)) = rest.split_once("=\"") {
        let (value, after) = quoted.split_once('"')?;
        match before.trim_start_matches([';', ' ']) {
            "name" => name = Some(value.to_owned()),
            "filename" => file = Some(value.to_owned()),
            _ => {}
        }
        rest = after;
    }
    Some((name?, file))
}

/// Where `wanted` begins. Its first byte is looked for on its own, which is quick.
fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    let first = *wanted.first()?;
    let starts = bytes.iter().enumerate().filter(|(_, b)| **b == first).map(|(at, _)| at);
    starts.into_iter().find(|&at| bytes.get(at..).is_some_and(|b| b.starts_with(wanted)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &[u8] =
        b"--x-Y\r\nContent-Disposition: form-data; name=\"form_token\"\r\n\r\nabc\r\n\
        --x-Y\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a;%22b=.txt\"\r\n\
        Content-Type: application/octet-stream\r\n\r\none\r\n--x-Z\r\n\xff\r\n\r\n--x-Y--\r\n";

    #[test]
    fn a_form_of_a_browser_is_read() {
        let parts = parts(BODY, "x-Y").unwrap();
        assert_eq!(parts.len(), 2);
        assert_eq!(parts[0], Part { name: "form_token".to_owned(), file: None, content: b"abc" });
        assert_eq!(parts[1].name, "file");
        assert_eq!(parts[1].file.as_deref(), Some("a;%22b=.txt"));
        assert_eq!(parts[1].content, b"one\r\n--x-Z\r\n\xff\r\n");
    }

    #[test]
    fn what_is_torn_is_refused_and_nothing_panics() {
        let whole = BODY.len() - "--\r\n".len();
        for end in 0..whole {
            assert_eq!(parts(&BODY[..end], "x-Y"), None, "{end}");
        }
        for at in 0..BODY.len() {
            let mut other = BODY.to_vec();
            other[at] ^= 0x20;
            let _ = parts(&other, "x-Y");
        }
        assert_eq!(parts(BODY, "x-Q"), None);
        let many =
            "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n\r\n".repeat(PARTS_MAX + 1);
        assert_eq!(parts(format!("{many}--b--").as_bytes(), "b"), None);
        let long = format!(
            "--b\r\nX: {}\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n\r\n--b--",
            "x".repeat(PART_HEAD_BYTES_MAX)
        );
        assert_eq!(parts(long.as_bytes(), "b"), None);
    }

    #[test]
    fn boundaries_are_read_as_browsers_write_them() {
        for (kind, expected) in [
            (
                "multipart/form-data; boundary=----WebKitFormBoundaryAbC1",
                Some("----WebKitFormBoundaryAbC1"),
            ),
            ("Multipart/Form-Data;charset=utf-8; BOUNDARY=\"a'b\"", Some("a'b")),
            ("multipart/form-data", None),
            ("multipart/form-data; boundary=", None),
            ("multipart/form-data; boundary=a b", None),
            ("multipart/mixed; boundary=a", None),
            ("application/x-www-form-urlencoded; boundary=a", None),
        ] {
            assert_eq!(boundary(kind), expected, "{kind}");
        }
        assert_eq!(boundary(&format!("multipart/form-data; boundary={}", "a".repeat(71))), None);
    }
}
