//! Any bytes, cut anywhere, against the promises of the stream parser, with
//! rxml as the second opinion. See the oracle for the promises.
#![no_main]

#[path = "../../../crates/xmpp/tests/xml/oracle.rs"]
mod oracle;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let (sizes, stream) = oracle::split(input);
    oracle::check(stream, &sizes);
});
