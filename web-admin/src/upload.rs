//! Files that people hand over: the only way from a browser's file field into a page.
//!
//! Invariants: those of [`crate::form`], with a limit of its own; the file is looked at while its
//! request lasts and is never stored; a private key in it, or a file that is named like one, ends
//! here, and no page, log or call ever gets to see it.

use axum::extract::{FromRequest, Request};
use axum::http::header::CONTENT_TYPE;
use otr::private_key;

use crate::App;
use crate::csrf;
use crate::form;
use crate::limits::UPLOAD_BYTES_MAX;
use crate::multipart::{self, Part};
use crate::problem::Problem;

/// Names that chat programs give to files of private keys, and the endings of others.
const KEY_FILES: [&str; 4] = ["keys.txt", "otr.private_key", "otr.private_key.txt", "secring.gpg"];
const KEY_ENDINGS: [&str; 4] = [".key", ".p12", ".pfx", ".ppk"];

/// A checked form with a file.
#[derive(Debug)]
pub struct Upload {
    fields: Vec<(String, String)>,
    file: Option<Vec<u8>>,
}

impl Upload {
    /// The value of a field; empty if it is not there.
    #[must_use]
    pub fn field(&self, name: &str) -> &str {
        self.fields.iter().find(|(n, _)| n == name).map_or("", |(_, v)| v)
    }

    /// What is in the file.
    ///
    /// # Errors
    /// A sentence for the person who chose it, or did not.
    pub fn text(&self) -> Result<&str, &'static str> {
        match &self.file {
            None => Err("No file was chosen."),
            Some(bytes) => std::str::from_utf8(bytes)
                .ok()
                .filter(|text| !text.contains('\0'))
                .ok_or("This is no file of text, so it is no file of fingerprints."),
        }
    }
}

impl FromRequest<App> for Upload {
    type Rejection = Problem;

    async fn from_request(request: Request, _app: &App) -> Result<Self, Self::Rejection> {
        let (parts, body) = request.into_parts();
        if !csrf::is_own_origin(&parts.headers) {
            return Err(Problem::Foreign);
        }
        let kind = parts.headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok());
        let boundary = kind.and_then(multipart::boundary).ok_or(Problem::Malformed)?;
        let bytes = form::read_in_time(body, UPLOAD_BYTES_MAX).await?;
        // Also where it is torn: whatever it is then, it is not looked at any further.
        if private_key::looks_like_bytes(&bytes) {
            return Err(Problem::PrivateKey);
        }
        let found = multipart::parts(&bytes, boundary).ok_or(Problem::Malformed)?;
        let upload = of(found)?;
        form::check_token(&parts, upload.field(csrf::FIELD))?;
        Ok(upload)
    }
}

fn of(parts: Vec<Part<'_>>) -> Result<Upload, Problem> {
    let (mut fields, mut file) = (Vec::new(), None);
    for part in parts {
        if private_key::looks_like_bytes(part.content) {
            return Err(Problem::PrivateKey);
        }
        match part.file {
            Some(name) if is_named_like_a_key(&name) => return Err(Problem::PrivateKey),
            // What a browser sends when nothing was chosen.
            Some(name) if name.is_empty() && part.content.is_empty() => {}
            Some(_) if file.is_some() => return Err(Problem::Malformed),
            Some(_) => file = Some(part.content.to_vec()),
            None => {
                let value = String::from_utf8(part.content.to_vec());
                fields.push((part.name, value.map_err(|_| Problem::Malformed)?));
            }
        }
    }
    Ok(Upload { fields, file })
}

fn is_named_like_a_key(name: &str) -> bool {
    let name = name.rsplit(['/', '\\']).next().unwrap_or_default().to_ascii_lowercase();
    KEY_FILES.contains(&name.as_str()) || KEY_ENDINGS.iter().any(|e| name.ends_with(e))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file<'a>(name: &str, content: &'a [u8]) -> Part<'a> {
        Part { name: "file".to_owned(), file: Some(name.to_owned()), content }
    }

    #[test]
    fn keys_are_known_by_their_names_and_by_what_is_in_them() {
        for name in [
            "otr.private_key",
            "C:\\Users\\ann\\.purple\\OTR.private_key",
            "keys.txt",
            "ann@home.example.key",
            "secring.gpg",
        ] {
            assert_eq!(of(vec![file(name, b"")]).err(), Some(Problem::PrivateKey), "{name}");
        }
        for content in [
            &b"(privkeys (account"[..],
            b"-----BEGIN PGP PRIVATE KEY BLOCK-----\n",
            b"\x95\x03\xbe\x04\x4a\xff\xfe\xfd",
        ] {
            assert_eq!(
                of(vec![file("otr.fingerprints", content)]).err(),
                Some(Problem::PrivateKey)
            );
        }
        let fine = of(vec![file("otr.fingerprints", b"a\tb\n")]).unwrap();
        assert_eq!(fine.text(), Ok("a\tb\n"));
    }

    #[test]
    fn one_file_of_text() {
        assert!(of(vec![file("a.fpr", b"")]).unwrap().text().is_ok());
        assert_eq!(of(vec![file("", b"")]).unwrap().text(), Err("No file was chosen."));
        assert_eq!(of(vec![]).unwrap().text(), Err("No file was chosen."));
        assert!(of(vec![file("a", b"\xff\xfe\x01")]).unwrap().text().is_err());
        assert!(of(vec![file("a", b"a\0b")]).unwrap().text().is_err());
        assert!(of(vec![file("a", b"a"), file("b", b"b")]).is_err());
        let field = Part { name: "client".to_owned(), file: None, content: b"pidgin" };
        let upload = of(vec![field]).unwrap();
        assert_eq!((upload.field("client"), upload.field("other")), ("pidgin", ""));
    }
}
