//! Sockets cut at random under traffic: every message arrives once, in order.

use std::time::Duration;

use super::{DOMAIN, Home, Managed, Memory, RESUMABLE, home};
use crate::harness::managed::Got;

/// How often each of the two loses its socket.
const CUTS: u32 = 100;

/// Messages of each.
const MESSAGES: u32 = 400;

/// Random numbers that are the same in every run (xorshift).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

struct Person<'a> {
    home: &'a Home,
    dice: Dice,
    to: &'static str,
    said: u32,
    heard: u32,
    cuts: u32,
}

impl Person<'_> {
    /// Lives until it has said all, heard all, and been cut often enough.
    async fn live(mut self, full: &str) {
        let mut me = Managed::log_in(self.home, full, RESUMABLE).await;
        while self.said < MESSAGES || self.heard < MESSAGES || self.cuts < CUTS {
            let roll = self.dice.roll(10);
            if roll < 4 && self.said < MESSAGES {
                let stanza = self.stanza();
                me.send(&stanza).await;
            } else if roll == 4 && self.cuts < CUTS {
                me = self.cut(me).await;
            } else {
                me = self.listen(me).await;
            }
        }
        // The other may be cut and still get what the daemon has; but it has to have it.
        loop {
            me.client.try_send("<r xmlns='urn:xmpp:sm:3'/>").await;
            me = self.listen(me).await;
            if me.memory.sent.is_empty() {
                return;
            }
        }
    }

    fn stanza(&mut self) -> String {
        self.said += 1;
        format!(
            "<message to='{}@{DOMAIN}' type='chat'><body>{}</body></message>",
            self.to, self.said
        )
    }

    async fn listen(&mut self, mut me: Managed) -> Managed {
        match me.next(Duration::from_millis(3)).await {
            Got::Nothing => {}
            Got::Stanza(stanza) => {
                if let Some(body) = stanza.child("body", xmpp::ns::CLIENT) {
                    self.heard += 1;
                    assert_eq!(body.text(), self.heard.to_string(), "to whom {} writes", self.to);
                }
            }
            // A request to resume that was cut off may come through late, and take over.
            Got::End(_) => me = self.back(me.cut()).await,
        }
        me
    }

    /// Loses the socket in one of the ways there are.
    async fn cut(&mut self, mut me: Managed) -> Managed {
        self.cuts += 1;
        match self.dice.roll(4) {
            // In the middle of a stanza.
            0 if self.said < MESSAGES => {
                let stanza = self.stanza();
                let at = 1 + self.dice.roll(stanza.len() as u64 - 1);
                me.memory.sent.push(stanza.clone());
                me.client.try_send(&stanza[..usize::try_from(at).unwrap()]).await;
            }
            // After saying that it has received what it has.
            1 => me.acknowledge_if_open().await,
            // While it gets its session back.
            2 => {
                let memory = me.cut();
                drop(Managed::ask(self.home, &memory).await);
                self.cuts += 1;
                return self.back(memory).await;
            }
            _ => {}
        }
        let memory = me.cut();
        self.back(memory).await
    }

    async fn back(&mut self, mut memory: Memory) -> Managed {
        loop {
            let client = Managed::ask(self.home, &memory).await;
            match Managed::resumed(client, memory).await {
                Ok(managed) => return managed,
                // Taken over at once by a request of before; anything else is a failure.
                Err((same, answer)) => {
                    assert!(
                        answer.as_ref().is_none_or(|e| e.is("error", xmpp::ns::STREAMS)),
                        "{answer:?}"
                    );
                    memory = same;
                }
            }
        }
    }
}

impl Managed {
    async fn acknowledge_if_open(&mut self) {
        let answer = xmpp::resume::answer(self.memory.handled).to_xml(xmpp::ns::CLIENT);
        self.client.try_send(&answer).await;
    }
}

#[tokio::test]
async fn sockets_cut_at_random_lose_and_repeat_nothing() {
    let home = home("cuts").await;
    let person = |seed, to| {
        let dice = Dice(seed);
        Person { home: &home, dice, to, said: 0, heard: 0, cuts: 0 }
    };
    // Both are there before either speaks: what is said to somebody who was never there is another
    // matter (and another test).
    let both = async {
        tokio::join!(
            person(0x5eed_0001, "bob").live("ann/phone"),
            person(0x5eed_0002, "ann").live("bob/desk")
        )
    };
    let both = tokio::time::timeout(Duration::from_secs(300), Box::pin(both));
    both.await.expect("all messages arrive");
    counted(&home).await;
    home.stop().await;
}

/// The test is worth something only if sessions were really lost and found.
async fn counted(home: &Home) {
    super::counted(home, "session.resumed", u64::from(CUTS)).await;
}
