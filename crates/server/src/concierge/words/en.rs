//! What the concierge says and understands in English. Spec, state and invariants: see [`super`].

use super::super::command::Verb;
use super::{Sentences, Words};

pub(super) static WORDS: Words = Words {
    code: "en",
    commands: &[
        ("help", Verb::Help),
        ("?", Verb::Help),
        ("key", Verb::Key),
        ("fingerprint", Verb::Key),
        ("compare", Verb::Compare),
        ("name", Verb::Name),
        ("call", Verb::Name),
        ("list", Verb::List),
        ("family", Verb::List),
        ("history", Verb::History),
        ("verify", Verb::Verify),
        ("revoke", Verb::Revoke),
        ("lost", Verb::Revoke),
        ("count", Verb::Count),
    ],
    says: &SENTENCES,
};

static SENTENCES: Sentences = Sentences {
    invitation: "I am the concierge of this home and speak privately only. If your chat app can do \
        OTR, it starts a private conversation now; then write: help. If nothing happens, it cannot.",
    attested: "Hello. I see that your account uses this key: {key}. It is in the directory now as \
        “attested”: I, the server, saw it. That is less than comparing it face to face. Write \
        “help” for what I can do.",
    seen_again: "Hello again. I see the key that I know of you: {key} ({state}).",
    revoked_key: "You use a key that was revoked: {key}. Make a new one in your chat app. Your \
        administrators were told.",
    not_recorded: "Hello. I see your key, {key}, but could not write it down: there are too many \
        keys of yours, or the disk is full. Ask an administrator.",
    help: "You can write:\n\
        key: which key I see here\n\
        compare: how to compare it\n\
        name laptop: call this device “laptop”\n\
        list: the family's keys; “list ann” for one person\n\
        history: how to notice that the directory was altered\n\
        verify: check each other with the phrase that the panel shows\n\
        revoke ACEFB4D6: a key of yours that is lost, by its first digits\n\
        count off, count on: whether I count how much is encrypted",
    unknown: "I did not understand that. Write “help” for what I can do.",
    your_key: "Here you use {key} ({state}).",
    compare: "Show each other the keys, on two screens or by telephone: in your chat app yours must \
        be {key}, and mine {mine}. When you have compared a key face to face, an administrator can \
        mark it in the panel.",
    named: "This device is called “{name}” from now on.",
    name_how: "Write the name behind it, at most 100 characters: name laptop",
    list_line: "{name}: {key} ({state}) {device}",
    list_empty: "There are no keys in the directory.",
    history: "The newest seal of your history is {seal} (line {number}). Write it down: as long as \
        the panel shows it later, nothing before it was altered.",
    history_empty: "There is no history of your keys yet.",
    revoke_how: "Write the first eight digits of the key: revoke ACEFB4D6",
    revoked: "The key {key} is revoked. Tell the others.",
    no_such_key: "You have no key that begins so, or more than one does.",
    no_phrase: "I have no phrase for us. Ask an administrator: the panel shows one on the page of \
        your fingerprints.",
    verifying: "Your chat app asks you for the phrase now.",
    verified: "We know the same phrase: it is really me, and really you.",
    different: "The phrases are not the same. Try again with a new one; if it goes wrong again, \
        somebody may be in between.",
    count_on: "I count from now on: two numbers a day, kept for a month.",
    count_off: "I count nothing any more, and what I counted is deleted.",
    alarm: "A key that I did not know spoke for your account: {key}, at {device}. If that is a new \
        device of yours, all is well. If not, change your password and tell your administrator.",
    alarm_admin: "A key that I did not know spoke for {name}: {key}, at {device}. Ask whether it is \
        theirs; if not, lock the account and revoke the key.",
    device_joined: "A chat app joined your account with OMEMO, as device {device}: {key}. If you have \
        just set one up, all is well: compare the key in the panel and say there that it is yours. If \
        not, change your password and tell your administrator.",
    device_joined_admin: "{name} has a new OMEMO device ({device}): {key}. Usually that is a new phone \
        or app. If they know nothing of it, give them a new password and have the key revoked.",
    device_changed: "Attention: your OMEMO device {device} has another key than before: {key}. If you \
        did not set that app up anew, somebody may be in your account: change your password, and tell \
        your administrator.",
    device_changed_admin: "Attention: the OMEMO device {device} of {name} has another key than before: \
        {key}. Ask whether they set the app up anew; if not, lock the account and revoke the key.",
    revoked_back: "Attention: a key that was revoked is published for your account again, as device \
        {device}: {key}. Sign that app out, and change your password if it is not yours.",
    revoked_back_admin: "Attention: a key of {name} that was revoked is published again, as device \
        {device}: {key}. Ask what it is; if nobody knows, lock the account.",
    failed: "That did not work: the server could not read or write. Try again later.",
    state_revoked: "revoked",
    state_seen: "only seen",
    state_declared: "declared",
    state_attested: "attested by the server",
    state_compared: "compared in person",
};
