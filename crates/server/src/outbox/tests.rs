//! What an outbox keeps, lets go, and gives back.

use store::{Batch, Table};
use xmpp::element::Element;
use xmpp::stanza::Stanza;

use super::*;
use crate::limits::{WAITING_BYTES_MAX, WAITING_STANZAS_MAX};
use crate::testing;

const WORDS: Table<String, String> = Table::new("words");

fn wire(xml: &str) -> Wire {
    Wire { xml: xml.into(), letter: None, kept: None, subject: None, role: Role::Stanza }
}

fn message(body: &str) -> Wire {
    let element = Element::parse(&format!(
        "<message xmlns='jabber:client' to='a@b' type='chat'><body>{body}</body></message>"
    ));
    Wire::of(Stanza::from_element(element.unwrap()).unwrap())
}

fn drained(outbox: &Outbox, durability: &Durability) -> String {
    let mut out = String::new();
    outbox.drain(durability, &mut out);
    out
}

#[test]
fn held_words_wait_for_their_ticket_and_keep_their_order() {
    let (_dir, store) = testing::store(&["words"]);
    let durability = Durability::new(store);
    let outbox = Outbox::default();
    let mut batch = Batch::new();
    batch.put(&WORDS, "a", &"1".to_owned());
    let ticket = durability.commit(batch);
    outbox.push_held(ticket, wire("<result/>"), None);
    // No ticket of its own, but it may not overtake.
    outbox.push_held(0, wire("<pong/>"), None);
    outbox.push(wire("<message/>"));
    while !durability.is_settled(ticket) {
        std::thread::yield_now();
    }
    assert_eq!(drained(&outbox, &durability), "<message/><result/><pong/>");
}

#[test]
fn what_is_not_settled_stays() {
    let (_dir, store) = testing::store(&["words"]);
    let durability = Durability::new(store);
    let outbox = Outbox::default();
    outbox.push_held(1, wire("<result/>"), None);
    outbox.push(wire("<message/>"));
    assert_eq!(drained(&outbox, &durability), "<message/>");
    let mut out = String::new();
    assert!(outbox.drain(&durability, &mut out).held);
}

#[test]
fn a_client_that_does_not_read_is_ended_and_its_messages_come_back() {
    let outbox = Outbox::default();
    let taken = (0..=OUTBOX_STANZAS_MAX).filter(|n| outbox.push(message(&n.to_string())));
    assert_eq!(taken.count(), OUTBOX_STANZAS_MAX);
    assert!(outbox.overflowed());
    assert!(!outbox.push(message("later")));
    assert_eq!(outbox.close().len(), OUTBOX_STANZAS_MAX);
    assert!(!outbox.push(message("after the end")));
}

#[test]
fn bytes_are_limited_too() {
    let outbox = Outbox::default();
    let large = "x".repeat(OUTBOX_BYTES_MAX / 2);
    assert!(outbox.push(wire(&large)));
    assert!(outbox.push(wire(&large)));
    assert!(!outbox.push(wire("y")));
}

fn managed() -> (testing::TempDir, Durability, Outbox) {
    let (dir, store) = testing::store(&["words"]);
    let (durability, outbox) = (Durability::new(store), Outbox::default());
    let enabled = Element::new("enabled", ns::SM);
    outbox.push(wire("<before/>"));
    outbox.push(Wire::enabled(&enabled));
    outbox.push(wire("<one/>"));
    outbox.push(message("two"));
    outbox.push(Wire::nonza(&resume::answer(3)));
    let enabled = enabled.to_xml("");
    let begin = format!("<before/>{enabled}<one/>");
    assert!(drained(&outbox, &durability).starts_with(&begin));
    (dir, durability, outbox)
}

#[test]
fn stanzas_behind_enabled_stay_until_they_are_acknowledged() {
    let (_dir, _durability, outbox) = managed();
    let kept = outbox.acknowledge(1).unwrap().unwrap();
    assert!(kept.is_empty());
    assert_eq!(outbox.acknowledge(3), Some(Err(TooHigh { handled: 3, sent: 2 })));
    assert_eq!(outbox.close().len(), 1, "the message, which nobody acknowledged");
    assert_eq!(Outbox::default().acknowledge(0), None);
}

#[test]
fn nothing_of_an_acknowledged_letter_comes_back() {
    let (_dir, _durability, outbox) = managed();
    outbox.acknowledge(2).unwrap().unwrap();
    assert!(outbox.close().is_empty());
    assert_eq!(outbox.lock().bytes, 0);
}

#[test]
fn a_resumed_stream_waits_greets_and_says_the_rest_again() {
    let (_dir, durability, outbox) = managed();
    outbox.push(wire("<three/>"));
    for _ in 0..9 {
        outbox.line.begin().unwrap();
    }
    outbox.line.caused(1);
    let handed = outbox.hand_over(1).unwrap().unwrap();
    assert!(outbox.is_over() && !outbox.push(wire("<lost/>")));
    assert!(outbox.hand_over(1).is_none(), "there is nothing left to hand over");
    assert!(outbox.line.begin().is_err(), "it handles nothing any more");
    let next = handed.resume("x");
    let mut out = String::new();
    assert!(next.drain(&durability, &mut out).held, "not before what it says is durable");
    assert_eq!(out, "");
    let mut batch = Batch::new();
    batch.put(&WORDS, "a", &"1".to_owned());
    let ticket = durability.commit(batch);
    while !durability.is_settled(ticket) {
        std::thread::yield_now();
    }
    let said = drained(&next, &durability);
    let ends = [
        "<resumed xmlns='urn:xmpp:sm:3' previd='x' h='9'/><message ",
        "</message><three/><r xmlns='urn:xmpp:sm:3'/>",
    ];
    assert!(said.starts_with(ends[0]) && said.ends_with(ends[1]), "{said}");
    assert_eq!(next.acknowledge(3), Some(Ok(vec![])));
    assert_eq!(next.lock().bytes, 0);
}

#[test]
fn an_impossible_count_does_not_take_a_session_over() {
    let (_dir, _durability, outbox) = managed();
    assert_eq!(outbox.hand_over(3).unwrap().unwrap_err(), TooHigh { handled: 3, sent: 2 });
    assert!(!outbox.is_over());
    outbox.end(End::Overflowed);
    assert!(outbox.hand_over(1).is_none(), "what ends cannot be resumed");
}

#[test]
fn acknowledgements_are_requested_after_so_many() {
    let (_dir, durability, outbox) = managed();
    let request = "<r xmlns='urn:xmpp:sm:3'/>";
    for _ in 3..ACK_REQUEST_EVERY {
        outbox.push(wire("<x/>"));
    }
    assert!(!drained(&outbox, &durability).contains(request));
    outbox.push(wire("<x/>"));
    assert!(drained(&outbox, &durability).ends_with(request));
    outbox.ask();
    assert_eq!(drained(&outbox, &durability), "", "the request is under way");
    outbox.push(wire("<x/>"));
    let mut out = String::new();
    let drained = outbox.drain(&durability, &mut out);
    assert!(drained.unasked && !drained.asked, "{out}");
    outbox.ask();
    assert!(outbox.drain(&durability, &mut out).asked);
}

#[test]
fn what_a_managed_session_holds_is_bounded() {
    let (_dir, durability, outbox) = managed();
    let mut taken = 2;
    while outbox.push(message("x")) {
        taken += 1;
        drained(&outbox, &durability);
    }
    assert_eq!(taken, MANAGED_STANZAS_MAX);
    assert!(outbox.overflowed() && !outbox.fall_asleep());
}

fn presence(resource: usize, status: &str) -> Wire {
    let element = Element::parse(&format!(
        "<presence xmlns='jabber:client' from='a@b/{resource}' to='c@d'>{status}</presence>"
    ));
    Wire::of(Stanza::from_element(element.unwrap()).unwrap())
}

fn counted(outbox: &Outbox) -> (usize, usize) {
    let queues = outbox.lock();
    (queues.waiting.as_ref().map_or(0, |waiting| waiting.len()), queues.bytes)
}

#[test]
fn presence_waits_for_an_inactive_client_and_is_bounded() {
    let (_dir, store) = testing::store(&["words"]);
    let durability = Durability::new(store);
    let outbox = Outbox::default();
    outbox.rest();
    for _ in 0..10 {
        for n in 1..WAITING_STANZAS_MAX {
            assert!(outbox.push(presence(n, "")));
        }
    }
    // Words of the account itself about presence, too.
    outbox.push_held(0, presence(1, "last"), None);
    assert_eq!(drained(&outbox, &durability), "");
    let (waiting, bytes) = counted(&outbox);
    assert_eq!(waiting, WAITING_STANZAS_MAX - 1);
    assert!(outbox.push(presence(WAITING_STANZAS_MAX, "")));
    assert_eq!(counted(&outbox).0, 0);
    let all = drained(&outbox, &durability);
    assert_eq!(all.matches("<presence").count(), WAITING_STANZAS_MAX);
    assert!(all.len() > bytes && all.contains("last"));
    assert_eq!(counted(&outbox), (0, 0));
    // Large ones sooner.
    let large = "x".repeat(WAITING_BYTES_MAX / 2);
    outbox.push(presence(1, &large));
    assert_eq!(drained(&outbox, &durability), "");
    outbox.push(presence(2, &large));
    assert!(drained(&outbox, &durability).len() > WAITING_BYTES_MAX);
}

#[test]
fn what_was_held_waits_as_well() {
    let (_dir, store) = testing::store(&["words"]);
    let durability = Durability::new(store);
    let outbox = Outbox::default();
    let mut batch = Batch::new();
    batch.put(&WORDS, "a", &"1".to_owned());
    let ticket = durability.commit(batch);
    outbox.rest();
    outbox.push_held(ticket, presence(1, ""), None);
    while !durability.is_settled(ticket) {
        std::thread::yield_now();
    }
    assert_eq!(drained(&outbox, &durability), "");
    outbox.rouse();
    assert_eq!(drained(&outbox, &durability), &*presence(1, "").xml);
}

#[test]
fn nothing_that_waits_is_lost() {
    let (_dir, store) = testing::store(&["words"]);
    let durability = Durability::new(store);
    let outbox = Outbox::default();
    let typing = || {
        let element = Element::parse(
            "<message xmlns='jabber:client' from='a@b/1' to='c@d' type='chat'>\
             <composing xmlns='http://jabber.org/protocol/chatstates'/></message>",
        );
        Wire::of(Stanza::from_element(element.unwrap()).unwrap())
    };
    outbox.rest();
    outbox.push(presence(1, ""));
    outbox.push(typing());
    outbox.push(message("words"));
    let all = drained(&outbox, &durability);
    let order = ["<presence", "<composing", "words"].map(|word| all.find(word));
    assert!(order.iter().all(Option::is_some) && order.is_sorted(), "{all}");
    outbox.push(typing());
    outbox.rouse();
    assert!(drained(&outbox, &durability).contains("composing"));
    outbox.rest();
    outbox.push(typing());
    assert_eq!(outbox.close().len(), 1);
}

#[test]
fn presence_does_not_pile_up_for_who_sleeps() {
    let (_dir, durability, outbox) = managed();
    assert!(outbox.fall_asleep());
    for n in 0..3 * MANAGED_STANZAS_MAX {
        assert!(outbox.push(presence(n % 5, "there")));
    }
    let next = outbox.hand_over(2).unwrap().unwrap().resume("x");
    assert_eq!(drained(&next, &durability).matches("<presence").count(), 5);
    assert_eq!(next.acknowledge(7), Some(Ok(vec![])));
    assert_eq!(next.lock().bytes, 0);
}

/// XEP-0198 §5: the new stream begins with its own count; an older one, that was waiting for the
/// disk or for its turn, would take it back.
#[test]
fn acknowledgements_stay_with_their_stream() {
    let (_dir, durability, outbox) = managed();
    let count = |handled| Wire::nonza(&resume::answer(handled));
    outbox.push(count(1));
    outbox.push_settled(1, count(2));
    outbox.push_held(1, wire("<result/>"), None);
    outbox.push(wire("<message/>"));
    let next = outbox.hand_over(2).unwrap().unwrap().resume("x");
    let all = drained(&next, &durability);
    assert!(all.contains("<message/>") && !all.contains("<a "), "{all}");
    assert_eq!(next.lock().held.len(), 1);
    assert_eq!(next.lock().bytes, "<message/><result/>".len());
}
