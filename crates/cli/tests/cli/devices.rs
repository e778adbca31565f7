//! `snug device` against a fake daemon.

use crate::fake::{Fake, ok, problem};
use admin_api::devices::Device;
use admin_api::{ProblemKind, Reply, Request};

fn phone() -> Device {
    Device {
        owner: "ann@home.example".to_owned(),
        id: "k7mwq2dxc4bnvt3h".to_owned(),
        software: Some("Talker".to_owned()),
        device: Some("Ann's phone".to_owned()),
        first_seen: 1_795_392_000,
        last_seen: 1_795_392_000,
        password: true,
        token: true,
        session: None,
    }
}

fn answer(request: &Request) -> Reply {
    match request {
        Request::DeviceList(_) => ok(vec![phone()]),
        Request::DeviceRevoke(call) if call.id == phone().id => ok(phone()),
        _ => problem(ProblemKind::NotFound, "There is no such device."),
    }
}

#[test]
fn devices_are_listed_and_signed_out() {
    let fake = Fake::new(answer);
    let out = fake.snug(&["device", "list", "ann"]).ok();
    assert!(out.contains("Talker on Ann's phone") && out.contains("2026-11-23"), "{out}");
    assert!(out.contains("password, token") && out.contains("k7mwq2dxc4bnvt3h"), "{out}");
    let out = fake.snug(&["device", "sign-out", "ann", "k7mwq2dxc4bnvt3h"]).ok();
    assert!(out.contains("Talker on Ann's phone of ann@home.example is signed out."), "{out}");
    assert!(out.contains("It may still know the password"), "{out}");
    fake.snug(&["device", "sign-out", "ann", "other"]).failed(1);
    let heard = fake.heard();
    assert!(matches!(&heard[0], Request::DeviceList(call) if call.name == "ann"));
    assert_eq!(heard.len(), 3);
}
