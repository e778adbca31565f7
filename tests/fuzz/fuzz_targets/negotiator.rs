//! Any client and any store against the promises of the negotiator. See the oracle for the
//! promises and for the form of the input.
#![no_main]

#[path = "../../../crates/xmpp/tests/negotiation/oracle.rs"]
mod oracle;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    oracle::check(input);
});
