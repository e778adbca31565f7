//! What the concierge says and understands in German. Spec, state and invariants: see [`super`].

use super::super::command::Verb;
use super::{Sentences, Words};

pub(super) static WORDS: Words = Words {
    code: "de",
    commands: &[
        ("hilfe", Verb::Help),
        ("schlüssel", Verb::Key),
        ("fingerabdruck", Verb::Key),
        ("vergleichen", Verb::Compare),
        ("nenne", Verb::Name),
        ("gerät", Verb::Name),
        ("liste", Verb::List),
        ("familie", Verb::List),
        ("verlauf", Verb::History),
        ("prüfen", Verb::Verify),
        ("widerrufen", Verb::Revoke),
        ("verloren", Verb::Revoke),
        ("zählen", Verb::Count),
    ],
    says: &SENTENCES,
};

static SENTENCES: Sentences = Sentences {
    invitation: "Ich bin der Concierge dieses Zuhauses und spreche nur vertraulich. Wenn dein \
        Chatprogramm OTR kann, beginnt es jetzt eine private Unterhaltung; schreib dann: hilfe. \
        Wenn nichts geschieht, kann es das nicht.",
    attested: "Hallo. Ich sehe, dass dein Konto diesen Schlüssel benutzt: {key}. Er steht jetzt im \
        Verzeichnis als „bezeugt“: Ich, der Server, habe ihn gesehen. Das ist weniger als ein \
        Vergleich von Angesicht zu Angesicht. Schreib „hilfe“ für alles, was ich kann.",
    seen_again: "Hallo noch einmal. Ich sehe den Schlüssel, den ich von dir kenne: {key} ({state}).",
    revoked_key: "Du benutzt einen widerrufenen Schlüssel: {key}. Erzeuge in deinem Chatprogramm \
        einen neuen. Deine Verwalter wissen Bescheid.",
    not_recorded: "Hallo. Ich sehe deinen Schlüssel, {key}, konnte ihn aber nicht aufschreiben: Es \
        sind zu viele, oder die Platte ist voll. Frag einen Verwalter.",
    help: "Du kannst schreiben:\n\
        schlüssel: welchen Schlüssel ich hier sehe\n\
        vergleichen: wie man ihn vergleicht\n\
        nenne Laptop: dieses Gerät „Laptop“ nennen\n\
        liste: die Schlüssel der Familie; „liste ann“ für eine Person\n\
        verlauf: woran du merkst, dass das Verzeichnis verändert wurde\n\
        prüfen: einander mit den Worten prüfen, die das Panel zeigt\n\
        widerrufen ACEFB4D6: ein verlorener Schlüssel von dir, nach seinen ersten Ziffern\n\
        zählen aus, zählen an: ob ich zähle, wie viel verschlüsselt ist",
    unknown: "Das habe ich nicht verstanden. Schreib „hilfe“ für alles, was ich kann.",
    your_key: "Hier benutzt du {key} ({state}).",
    compare: "Zeigt einander die Schlüssel, auf zwei Bildschirmen oder am Telefon: In deinem \
        Chatprogramm muss deiner {key} sein und meiner {mine}. Was ihr von Angesicht zu Angesicht \
        verglichen habt, kann ein Verwalter im Panel vermerken.",
    named: "Dieses Gerät heißt von jetzt an „{name}“.",
    name_how: "Schreib den Namen dahinter, höchstens 100 Zeichen: nenne Laptop",
    list_line: "{name}: {key} ({state}) {device}",
    list_empty: "Im Verzeichnis stehen keine Schlüssel.",
    history: "Das neueste Siegel deines Verlaufs ist {seal} (Zeile {number}). Schreib es auf: \
        Solange das Panel es später noch zeigt, wurde davor nichts verändert.",
    history_empty: "Es gibt noch keinen Verlauf deiner Schlüssel.",
    revoke_how: "Schreib die ersten acht Ziffern des Schlüssels: widerrufen ACEFB4D6",
    revoked: "Der Schlüssel {key} ist widerrufen. Sag es den anderen.",
    no_such_key: "Du hast keinen Schlüssel, der so beginnt, oder mehr als einen.",
    no_phrase: "Ich habe keine Worte für uns. Frag einen Verwalter: Das Panel zeigt welche auf der \
        Seite deiner Fingerabdrücke.",
    verifying: "Dein Chatprogramm fragt dich jetzt nach den Worten.",
    verified: "Wir kennen dieselben Worte: Ich bin wirklich ich, und du bist du.",
    different: "Die Worte sind nicht dieselben. Versuch es mit neuen; geht es wieder schief, ist \
        vielleicht jemand dazwischen.",
    count_on: "Ich zähle von jetzt an: zwei Zahlen am Tag, einen Monat lang.",
    count_off: "Ich zähle nichts mehr, und das Gezählte ist gelöscht.",
    alarm: "Ein Schlüssel, den ich nicht kannte, sprach für dein Konto: {key}, auf {device}. Ist \
        das ein neues Gerät von dir, ist alles gut. Wenn nicht, ändere dein Passwort und sag es \
        deinem Verwalter.",
    alarm_admin: "Ein Schlüssel, den ich nicht kannte, sprach für {name}: {key}, auf {device}. Frag \
        nach; ist es keiner von dort, sperre das Konto und widerrufe den Schlüssel.",
    device_joined: "Ein Chatprogramm kam mit OMEMO zu deinem Konto, als Gerät {device}: {key}. Hast du \
        gerade eines eingerichtet, ist alles gut: Vergleiche den Schlüssel im Panel und sag dort, dass \
        er deiner ist. Wenn nicht, ändere dein Passwort und sag es deinem Verwalter.",
    device_joined_admin: "{name} hat ein neues OMEMO-Gerät ({device}): {key}. Meist ist das ein neues \
        Telefon oder Programm. Weiß dort niemand davon, gib ein neues Passwort und lass den Schlüssel \
        widerrufen.",
    device_changed: "Achtung: Dein OMEMO-Gerät {device} hat einen anderen Schlüssel als bisher: {key}. \
        Hast du das Programm nicht neu eingerichtet, ist vielleicht jemand in deinem Konto: Ändere dein \
        Passwort und sag es deinem Verwalter.",
    device_changed_admin: "Achtung: Das OMEMO-Gerät {device} von {name} hat einen anderen Schlüssel als \
        bisher: {key}. Frag nach, ob das Programm neu eingerichtet wurde; wenn nicht, sperre das Konto \
        und widerrufe den Schlüssel.",
    revoked_back: "Achtung: Ein widerrufener Schlüssel ist wieder für dein Konto veröffentlicht, als \
        Gerät {device}: {key}. Melde dieses Programm ab, und ändere dein Passwort, wenn es nicht deines \
        ist.",
    revoked_back_admin: "Achtung: Ein widerrufener Schlüssel von {name} ist wieder veröffentlicht, als \
        Gerät {device}: {key}. Frag nach; weiß niemand davon, sperre das Konto.",
    failed: "Das ging nicht: Der Server konnte nicht lesen oder schreiben. Versuch es später.",
    state_revoked: "widerrufen",
    state_seen: "nur gesehen",
    state_declared: "angegeben",
    state_attested: "vom Server bezeugt",
    state_compared: "persönlich verglichen",
};
