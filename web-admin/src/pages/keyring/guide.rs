//! Where each client keeps its file, in words for people.

use otr::files::clients::Client;

/// What is to be known about one client.
pub(super) struct Guide {
    /// The client.
    pub client: Client,
    /// What it calls its file.
    pub file: String,
    /// The system, and where the file is there.
    pub places: Vec<(&'static str, String)>,
    /// When the file may be put there.
    pub when: &'static str,
    /// How to see that it worked.
    pub check: &'static str,
}

/// For the person `jid`.
pub(super) fn all(jid: &str) -> Vec<Guide> {
    Client::ALL.iter().map(|client| guide(*client, jid)).collect()
}

fn guide(client: Client, jid: &str) -> Guide {
    let file = client.fingerprints_file(jid);
    let (places, when, check) = match client {
        Client::Pidgin => (
            vec![
                ("Windows", format!("%APPDATA%\\.purple\\{file}")),
                ("Linux", format!("~/.purple/{file}")),
            ],
            "Quit Pidgin first (Buddies → Quit), not only its windows: it reads the file when it \
             starts, and writes over it while it runs.",
            "Start a private conversation: at the lower edge stands “Private” and not \
             “Unverified”. All keys are listed in Tools → Plugins → Off-the-Record Messaging → \
             Configure Plugin → Known fingerprints.",
        ),
        Client::Profanity => (
            vec![(
                "Linux, macOS",
                format!("~/.local/share/profanity/otr/{}/{file}", jid.replace('@', "_at_")),
            )],
            "Leave Profanity first (/quit): it reads the file when it connects. The folder is \
             there after /otr gen.",
            "Start a private conversation with /otr start: the title of the window says \
             “trusted”. /otr theirfp shows the other’s fingerprint.",
        ),
        Client::Mcabber => (
            vec![("Linux, macOS", format!("~/.mcabber/otr/{file}"))],
            "Leave mcabber first (/quit): it reads the file when it connects. In mcabberrc there \
             must be “set otr = 1”; the folder is another one if “otr_dir” is set there.",
            "Start a private conversation with /otr start: /otr fingerprint then says “trusted” \
             behind the other’s fingerprint.",
        ),
    };
    Guide { client, file, places, when, check }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_ends_in_the_clients_file() {
        for guide in all("ann@home.example") {
            assert!(!guide.places.is_empty());
            for (_, place) in &guide.places {
                assert!(place.ends_with(&guide.file), "{place}");
            }
        }
        let profanity = guide(Client::Profanity, "ann@home.example");
        let folder = "~/.local/share/profanity/otr/ann_at_home.example/";
        assert_eq!(profanity.places[0].1, format!("{folder}fingerprints.txt"));
    }
}
