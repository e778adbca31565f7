//! XEP-0398: User Avatar to vCard-Based Avatars Conversion.
//!
//! A picture that one client sets is seen by all others: by those that look into the nodes of
//! XEP-0084, those that look into the vCard (XEP-0054), and those that wait for its hash in
//! presence (XEP-0153). Spec: XEP-0398 §3 both directions, §4 presence; XEP-0084 §4.
//!
//! State: [`Hash`], one per account, a copy of what the store has; [`Without`], one per session.
//! Invariants: only a picture that is open to everybody gets into the vCard, which everybody may
//! read; a picture whose hash is not its name stays where it is; presence is told again when the
//! picture has changed, and at no other time.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::Digest as _;
use xmpp::element::{Element, Node};
use xmpp::ns;
use xmpp::stanza::Stanza;

use super::pep::{self, Access, Change, Config, Item};
use super::{Cx, Feature, Spec, presence, vcard_temp};
use crate::effect::Handled;
use crate::registry::SessionId;

/// See the module.
pub const FEATURE: Feature = Feature {
    disco_account: &[ns::AVATAR_CONVERSION],
    published: Some(published),
    amend_presence: Some(amend),
    ..Feature::new("avatar_conversion", Spec::Xep { number: 398, version: "1.0.0" })
};

/// The hash of the account's picture; `None` = it has none.
#[derive(Debug)]
struct Hash(Option<String>);

/// The client of this session says that it has no picture, although the account may have one.
#[derive(Debug)]
struct Without;

/// A picture.
struct Picture {
    /// Its SHA-1 in hex. XEP-0084 §4.1
    hash: String,
    /// Its type, such as `image/png`.
    ty: String,
    /// Base64 without white space.
    text: String,
    /// Its size.
    bytes: usize,
}

impl Picture {
    fn new(text: &str, ty: Option<&str>) -> Option<Self> {
        let text: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
        let data = STANDARD.decode(&text).ok().filter(|data| !data.is_empty())?;
        let ty = match ty.map(str::trim) {
            Some(ty) if ty.starts_with("image/") => ty,
            _ => sniffed(&data)?,
        };
        let hash = hex(&sha1::Sha1::digest(&data));
        Some(Self { hash, ty: ty.to_owned(), bytes: data.len(), text })
    }

    /// The picture in a vCard, if there is one that can be used.
    fn of_vcard(vcard: &Element) -> Option<Self> {
        let photo = vcard.child("PHOTO", ns::VCARD_TEMP)?;
        let ty = photo.child("TYPE", ns::VCARD_TEMP).map(|ty| ty.text());
        Self::new(&photo.child("BINVAL", ns::VCARD_TEMP)?.text(), ty.as_deref())
    }

    /// XEP-0153 §3.3
    fn photo(&self) -> Element {
        let field =
            |name: &'static str, text: &str| Element::new(name, ns::VCARD_TEMP).with_text(text);
        Element::new("PHOTO", ns::VCARD_TEMP)
            .with_child(field("TYPE", &self.ty))
            .with_child(field("BINVAL", &self.text))
    }

    /// XEP-0084 §4.2.1
    fn metadata(&self) -> Element {
        let info = Element::new("info", ns::AVATAR_METADATA)
            .with_attr("bytes", self.bytes.to_string())
            .with_attr("id", self.hash.as_str())
            .with_attr("type", self.ty.as_str());
        Element::new("metadata", ns::AVATAR_METADATA).with_child(info)
    }
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |four: u8| char::from(DIGITS[usize::from(four & 15)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(*byte)]).collect()
}

/// The type of a picture by its first bytes, of those that clients show.
fn sniffed(data: &[u8]) -> Option<&'static str> {
    match data {
        [0x89, b'P', b'N', b'G', ..] => Some("image/png"),
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [b'G', b'I', b'F', b'8', ..] => Some("image/gif"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("image/webp"),
        _ => None,
    }
}

/// A client set its picture, or took it away, by XEP-0084.
fn published(cx: &mut Cx<'_>, node: &str, change: &Change<'_>) {
    if node != ns::AVATAR_METADATA {
        return;
    }
    let done = match change {
        Change::Published(items) => match items.last() {
            Some(item) => to_vcard(cx, &item.payload),
            None => Ok(()),
        },
        Change::Retracted(ids)
            if !known(cx).is_some_and(|hash| ids.iter().any(|id| id == hash)) =>
        {
            Ok(())
        }
        Change::Retracted(_) | Change::Purged | Change::Deleted => without_photo(cx),
        Change::Configured => Ok(()),
    };
    if done.is_err() {
        cx.daemon.counters.add("avatar", "not-converted");
    }
}

fn without_photo(cx: &mut Cx<'_>) -> Handled {
    vcard_temp::set_photo(cx, None)?;
    learn(cx, None);
    Ok(())
}

/// §3.1
fn to_vcard(cx: &mut Cx<'_>, metadata: &Element) -> Handled {
    // §7: whoever reads the vCard need not be allowed to see more.
    if pep::access(cx, ns::AVATAR_DATA)?.is_some_and(|access| access != Access::Open)
        || pep::access(cx, ns::AVATAR_METADATA)? != Some(Access::Open)
    {
        return Ok(());
    }
    let infos = metadata.children().filter(|child| child.is("info", ns::AVATAR_METADATA));
    let mut here = infos.filter(|info| info.attr("url").is_none());
    let Some(info) = here.next() else {
        // XEP-0084 §4.2.2: no picture any more. One that lies elsewhere is still one.
        if metadata.children().next().is_none() {
            without_photo(cx)?;
        }
        return Ok(());
    };
    let id = info.attr("id").unwrap_or_default();
    let data = pep::items(cx, ns::AVATAR_DATA)?;
    let data = data.into_iter().find(|item: &Item| item.id == id);
    let picture = data.and_then(|item| Picture::new(&item.payload.text(), info.attr("type")));
    // §3.1: what is not what it says it is.
    let Some(picture) = picture.filter(|picture| picture.hash == id) else { return Ok(()) };
    vcard_temp::set_photo(cx, Some(picture.photo()))?;
    learn(cx, Some(picture.hash));
    Ok(())
}

/// A client has set its vCard, which was `before`.
pub(super) fn vcard_changed(cx: &mut Cx<'_>, before: Option<&Element>, vcard: &Element) {
    let picture = Picture::of_vcard(vcard);
    let had = before.and_then(Picture::of_vcard).map(|picture| picture.hash);
    let hash = picture.as_ref().map(|picture| picture.hash.clone());
    if hash != had && from_vcard(cx, picture).is_err() {
        cx.daemon.counters.add("avatar", "not-converted");
    }
    learn(cx, hash);
}

/// §3.2
fn from_vcard(cx: &mut Cx<'_>, picture: Option<Picture>) -> Handled {
    // As open as the vCard.
    let config = Config { access: Access::Open, ..Config::default() };
    let before = pep::latest(cx, ns::AVATAR_METADATA)?;
    let Some(picture) = picture else {
        // XEP-0084 §4.2.2, if there is something to take away.
        let shown = before.filter(|before| before.payload.children().next().is_some());
        return match shown {
            Some(Item { id, .. }) => {
                let none = Element::new("metadata", ns::AVATAR_METADATA);
                pep::publish_item(cx, ns::AVATAR_METADATA, (&id, none), &config)
            }
            None => Ok(()),
        };
    };
    if before.is_some_and(|before| before.id == picture.hash) {
        return Ok(());
    }
    let data = Element::new("data", ns::AVATAR_DATA).with_text(picture.text.as_str());
    pep::publish_item(cx, ns::AVATAR_DATA, (&picture.hash, data), &config)?;
    pep::publish_item(cx, ns::AVATAR_METADATA, (&picture.hash, picture.metadata()), &config)
}

/// The account's picture has this hash from now on: who sees presence is told.
fn learn(cx: &mut Cx<'_>, hash: Option<String>) {
    let changed = known(cx) != hash.as_deref();
    cx.account.slots.put(Hash(hash));
    if changed {
        presence::say_again(cx);
    }
}

/// The hash of the picture in the account's vCard.
fn known<'a>(cx: &'a mut Cx<'_>) -> Option<&'a str> {
    if cx.account.slots.get::<Hash>().is_none() {
        // Unreadable: it was logged, and is tried again.
        let vcard = vcard_temp::stored(cx).ok()?;
        let hash = vcard.as_ref().and_then(Picture::of_vcard).map(|picture| picture.hash);
        cx.account.slots.put(Hash(hash));
    }
    cx.account.slots.get::<Hash>()?.0.as_deref()
}

/// §4: presence on its way out, or `again` as it was told before.
fn amend(cx: &mut Cx<'_>, id: SessionId, stanza: &mut Stanza, again: bool) {
    let hash = known(cx).map(str::to_owned);
    let Some(session) = cx.account.session_mut(id) else { return };
    let update = stanza.child("x", ns::VCARD_UPDATE);
    let photo = update.and_then(|x| x.child("photo", ns::VCARD_UPDATE));
    // §4: whoever says that it has no picture, has none.
    let without = match photo {
        Some(photo) if !again => photo.text().trim().is_empty(),
        Some(_) => session.slots.get::<Without>().is_some(),
        None => false,
    };
    // What is said to everybody is what is said again.
    if without && stanza.to().is_none() {
        session.slots.put(Without);
    } else if stanza.to().is_none() {
        session.slots.take::<Without>();
    }
    if without {
        return;
    }
    let mut photo = Element::new("photo", ns::VCARD_UPDATE);
    match hash {
        Some(hash) => photo.push_text(hash),
        // What was told before does not hold any more; otherwise there is nothing to say.
        None if again && update.is_some() => {}
        None => return,
    }
    stanza.retain(|node| !matches!(node, Node::Element(e) if e.is("x", ns::VCARD_UPDATE)));
    stanza.push(Element::new("x", ns::VCARD_UPDATE).with_child(photo));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures() {
        let text = |data: &[u8]| STANDARD.encode(data);
        let wrapped = text(b"\x89PNG\r\n\x1a\n").replace('/', "/\n ") + "\n";
        let png = Picture::new(&wrapped, None).unwrap();
        assert_eq!((png.ty.as_str(), png.bytes), ("image/png", 8));
        assert_eq!(png.hash, "4caece539b039b16e16206ea2478f8c5ffb2ca05");
        assert_eq!(Picture::new(&text(b"<svg/>"), Some("image/svg+xml")).unwrap().bytes, 6);
        for data in [&b"\xff\xd8\xff\xe0"[..], b"GIF89a", b"RIFF\0\0\0\0WEBPVP8 "] {
            assert!(Picture::new(&text(data), Some("text/html")).is_some(), "{data:?}");
        }
        for (text, ty) in [("", Some("image/png")), ("%%", Some("image/png")), ("AAAA", None)] {
            assert!(Picture::new(text, ty).is_none(), "{text}");
        }
    }
}
