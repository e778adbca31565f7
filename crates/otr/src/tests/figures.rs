//! Sizes that the documentation promises.

use std::mem::size_of_val;

use super::private_pair;
use crate::{Conversation, Input, Policy};

/// Memory of a conversation with a session, in bytes, as promised.
const CONVERSATION_BYTES_MAX: usize = 8 * 1024;

#[test]
fn a_conversation_is_small() {
    let (mut a, mut b) = private_pair(Policy::manual(), Policy::manual());
    for _ in 0..6 {
        a.feed(Input::Send(b"there and back")).unwrap();
        super::settle(&mut a, &mut b);
        b.feed(Input::Send(b"there and back")).unwrap();
        super::settle(&mut a, &mut b);
    }
    let bytes = size_of_val::<Conversation>(&a.talk) + a.talk.heap_bytes();
    assert!(bytes < CONVERSATION_BYTES_MAX, "{bytes}");
}
