//! Two sides of the OTR engine, and a link that loses, repeats, reorders and alters as the input
//! says. See the oracle for the promises.
#![no_main]

#[path = "otr/oracle.rs"]
mod oracle;

libfuzzer_sys::fuzz_target!(|input: &[u8]| oracle::check_conversation(input));
