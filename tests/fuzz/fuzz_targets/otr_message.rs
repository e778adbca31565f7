//! Any message bodies against a conversation of the OTR engine.
//! See the oracle for the promises.
#![no_main]

#[path = "otr/oracle.rs"]
mod oracle;

libfuzzer_sys::fuzz_target!(|input: &[u8]| oracle::check_messages(input));
