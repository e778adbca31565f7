//! `snug.toml` from the outside: defaults, the example, and what errors say.

use std::path::{Path, PathBuf};

use config::{ChatFrom, Config, KEYS, Level, Tls};

const EXAMPLE: &str = include_str!("../../../docs/snug.example.toml");

fn error(text: &str) -> String {
    Config::parse(text, "snug.toml").map_or_else(|e| e.to_string(), |_| format!("accepted {text}"))
}

#[test]
fn nothing_is_the_defaults() {
    let config = Config::parse("", "empty").unwrap();
    assert_eq!(config, Config::default());
    assert_eq!(config.server.data_dir, Path::new("/var/lib/snug"));
    assert_eq!(config.admin.socket, Path::new("/run/snug/admin.sock"));
    assert_eq!(config.c2s.starttls, ["[::]:5222".parse().unwrap()]);
    assert_eq!(config.c2s.direct_tls, ["[::]:5223".parse().unwrap()]);
    assert_eq!(config.panel.listen, ["[::]:443".parse().unwrap()]);
    assert!(config.panel.lan_only);
    assert_eq!(config.tls, Tls::OwnCa);
}

#[test]
fn the_example_is_the_defaults_and_mentions_every_key() {
    assert_eq!(Config::parse(EXAMPLE, "example").unwrap(), Config::default());
    let mut section = "";
    let mut mentioned = Vec::new();
    for line in EXAMPLE.lines() {
        if let Some(name) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            section = name;
        } else if let Some((key, _)) = line.trim_start_matches('#').split_once(" = ")
            && !key.contains(' ')
        {
            mentioned.push(format!("{section}.{key}"));
        }
    }
    let keys: Vec<&str> = KEYS.iter().map(|k| k.path).collect();
    assert_eq!(mentioned, keys, "the example, and KEYS in the same order");
}

#[test]
fn every_key_is_known_to_the_structs_and_names_itself_in_errors() {
    for key in KEYS {
        let (section, name) = key.path.split_once('.').unwrap();
        let said = error(&format!("\n[{section}]\n{name} = {{ a = 1 }}\n"));
        assert!(
            said.starts_with(&format!("snug.toml, line 3: `{}` is {{ a = 1 }};", key.path)),
            "{said}"
        );
        assert!(said.ends_with(key.must), "{said}");
    }
}

#[test]
fn reads_what_is_set() {
    let config = Config::parse(
        r#"
[server]
data_dir = "/srv/snug"
[c2s]
starttls = ["127.0.0.1:5222", "192.168.1.2:5222"]
direct_tls = []
plain = true
[tls]
mode = "files"
certificate = "/etc/c.pem"
key = "/etc/k \"q\".pem"
[admin]
socket = "/tmp/a.sock"
panel_user = "panel"
[panel]
listen = ["0.0.0.0:8443"]
data_dir = "/srv/panel"
lan_only = false
[components]
listen = ["10.0.0.2:5347", "[::1]:5347"]
secrets = "/srv/components"
beyond_loopback = true
[firewall]
chat_from = ["203.0.113.0/24", "2001:db8:5::/48"]
home = ["198.51.100.0/24"]
ssh = true
[contact]
admin = ["mailto:ann@home.example"]
abuse = ["xmpp:ann@home.example"]
support = ["https://home.example/help"]
[limits]
sessions_per_account = 1
resume_seconds = 0
offline_messages = 0
connections_per_address = 10_000
stanza_bytes = 10_000
[log]
level = "trace"
"#,
        "all",
    )
    .unwrap();
    assert_eq!(config.c2s.starttls.len(), 2);
    assert!(config.c2s.direct_tls.is_empty() && config.c2s.plain);
    let files = Tls::Files {
        certificate: PathBuf::from("/etc/c.pem"),
        key: PathBuf::from("/etc/k \"q\".pem"),
    };
    assert_eq!(config.tls, files);
    assert_eq!(config.components.listen.len(), 2);
    assert_eq!(config.components.secrets, Path::new("/srv/components"));
    assert!(config.firewall.ssh && config.firewall.home.len() == 1);
    assert!(matches!(&config.firewall.chat_from, ChatFrom::Networks(all) if all.len() == 2));
    assert_eq!(config.limits.stanza_bytes, 10_000);
    assert_eq!(config.limits.offline_messages, 0);
    assert_eq!(config.log.level, Level::Trace);
    assert_eq!(config.contact.support, ["https://home.example/help"]);
    assert_eq!(Config::parse(&config.to_toml(), "shown").unwrap(), config);
    let default = Config::default();
    assert_eq!(Config::parse(&default.to_toml(), "shown").unwrap(), default);
}

#[test]
fn errors_name_line_key_value_and_remedy() {
    for (text, wanted) in [
        (
            "[c2s]\n\n\n\n\n\nstartls = []\n",
            "snug.toml, line 7: unknown key `c2s.startls`: did you mean `starttls`?",
        ),
        ("[sever]\n", "snug.toml, line 1: unknown key `sever`: did you mean `server`?"),
        ("plain = true\n", "unknown key `plain`: did you mean `c2s.plain`?"),
        ("[server]\ndomain = \"x\"", "line 2: unknown key `server.domain`: the domain is chosen"),
        ("c2s = 5\n", "line 1: unknown key `c2s`: write [c2s]"),
        ("[c2s]\nplain = \"yes\"\n", "line 2: `c2s.plain` is \"yes\"; it must be true or false"),
        ("[c2s]\nplain = true\nplain = false\n", "line 3: not understood: duplicate key"),
        ("[c2s\n", "line 1: not understood: "),
        (
            "[c2s]\nstarttls = [\n  \"[::]:5222\",\n  \"5222\",\n]\n",
            "line 4: `c2s.starttls` is \"5222\"; it must be a list of addresses",
        ),
        ("[c2s]\nstarttls = \"[::]:5222\"\n", "`c2s.starttls` is \"[::]:5222\"; it must be a list"),
        ("[c2s]\nstarttls = [5222]\n", "line 2: `c2s.starttls` is [5222]; it must be a list"),
        (
            "[c2s]\nstarttls = []\ndirect_tls = []\n",
            "line 3: `c2s.direct_tls` and `c2s.starttls` are both empty",
        ),
        (
            "[server]\ndata_dir = \"data\"\n",
            "line 2: `server.data_dir` is \"data\"; it must be an absolute directory",
        ),
        ("[tls]\nmode = \"acme\"\n", "`tls.mode` is \"acme\"; it must be \"own-ca\" or \"files\""),
        ("[tls]\nmode = \"files\"\ncertificate = \"/c\"\n", "line 2: `tls.key` is missing"),
        ("[tls]\nkey = \"/k\"\n", "line 2: `tls.key` has no use without `tls.mode = \"files\"`"),
        ("[admin]\npanel_user = \"a b\"\n", "`admin.panel_user` is \"a b\""),
        ("[panel]\nlisten = []\n", "line 2: `panel.listen` is empty"),
        (
            "[components]\nlisten = [\"[::]:5347\"]\n",
            "line 2: `components.listen` has an address that other machines can reach",
        ),
        (
            "[components]\nlisten = [\"127.0.0.1:5222\"]\n",
            "line 2: `components.listen` wants 127.0.0.1:5222",
        ),
        (
            "[components]\nsecrets = \"x\"\n",
            "`components.secrets` is \"x\"; it must be an absolute",
        ),
        (
            "[contact]\nadmin = [\"ann@home.example\"]\n",
            "`contact.admin` is \"ann@home.example\"; it must be a list of at most 10 URIs, such as",
        ),
        (
            "[limits]\nstanza_bytes = 9_999\n",
            "`limits.stanza_bytes` is 9999; it must be a whole number from 10000 to 1048576",
        ),
        ("[limits]\nsessions_per_account = 0\n", "from 1 to 100"),
        ("[limits]\nresume_seconds = 3601\n", "from 0 to 3600"),
        ("[limits]\noffline_messages = -1\n", "`limits.offline_messages` is -1"),
        ("[limits]\nconnections_per_address = 99999999999\n", "from 1 to 10000"),
        ("[log]\nlevel = \"INFO\"\n", "`log.level` is \"INFO\"; it must be \"error\", "),
        (
            "[panel]\nlisten = [\"127.0.0.1:5222\"]\n",
            "line 2: `panel.listen` wants 127.0.0.1:5222, but `c2s.starttls` has [::]:5222 already",
        ),
        ("[c2s]\nstarttls = [\"127.0.0.1:5223\"]\n", "line 2: `c2s.direct_tls` wants [::]:5223"),
        ("[c2s]\nstarttls = [\"10.0.0.1:1\", \"10.0.0.1:1\"]\n", "`c2s.starttls` wants 10.0.0.1:1"),
    ] {
        let said = error(text);
        assert!(said.contains(wanted), "{said}\n  does not say\n{wanted}");
        assert!(!said.contains('\n'), "{said}");
    }
}

#[test]
fn a_long_wrong_value_is_cut() {
    let said = error(&format!("[log]\nlevel = \"{}\"\n", "x".repeat(5_000)));
    assert!(said.len() < 300, "{said}");
}

#[test]
fn any_free_port_may_be_asked_for_more_than_once() {
    let text = "[c2s]\nstarttls = [\"127.0.0.1:0\"]\ndirect_tls = [\"127.0.0.1:0\"]\n\
                [panel]\nlisten = [\"127.0.0.1:0\"]\n";
    assert!(Config::parse(text, "test").is_ok());
}

#[test]
fn reads_files() {
    let dir = std::env::temp_dir().join(format!("snug-config-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let path = dir.join("snug.toml");
    std::fs::write(&path, "[log]\nlevel = \"warn\"\n").unwrap();
    assert_eq!(Config::load(&path).unwrap().log.level, Level::Warn);
    assert_eq!(Config::load_or_default(Some(&path)).unwrap().log.level, Level::Warn);
    std::fs::write(&path, "#".repeat(300 * 1024)).unwrap();
    assert!(Config::load(&path).unwrap_err().to_string().contains("far too large"));
    std::fs::write(&path, [0xff, 0xfe]).unwrap();
    assert!(Config::load(&path).is_err());
    let missing = Config::load(&dir.join("none.toml")).unwrap_err();
    assert_eq!(missing.line, None);
    assert!(missing.to_string().contains("none.toml: cannot be read: No such file"), "{missing}");
    std::fs::remove_dir_all(&dir).unwrap();
}

#[test]
fn where_chat_may_come_from_is_a_word_or_a_list() {
    for (written, wanted) in [
        ("panel", ChatFrom::Panel),
        ("lan", ChatFrom::Lan),
        ("everywhere", ChatFrom::Everywhere),
        ("10.8.0.0/16", ChatFrom::Networks(vec!["10.8.0.0/16".parse().unwrap()])),
    ] {
        let text = format!("[firewall]\nchat_from = [\"{written}\"]\n");
        let config = Config::parse(&text, "test").unwrap();
        assert_eq!(config.firewall.chat_from, wanted);
        assert_eq!(Config::parse(&config.to_toml(), "shown").unwrap(), config);
    }
}

#[test]
fn errors_of_the_firewall_name_the_remedy() {
    for (text, wanted) in [
        (
            "[firewall]\nchat_from = []\n",
            "line 2: `firewall.chat_from` is an empty list; it must be [\"panel\"], [\"lan\"]",
        ),
        (
            "[firewall]\nchat_from = [\"lan\", \"everywhere\"]\n",
            "`firewall.chat_from` is \"lan\"; it must be",
        ),
        (
            "[firewall]\nhome = [\"203.0.113.5/24\"]\n",
            "`firewall.home` is \"203.0.113.5/24\"; it must be a list of at most 32 networks",
        ),
    ] {
        assert!(error(text).contains(wanted), "{}\n  does not say\n{wanted}", error(text));
    }
}
