//! A real daemon on loopback, real TLS clients, and scripts that drive them.
//!
//! Nothing here reaches into the daemon: accounts come through the admin socket, stanzas through
//! TLS. Panics are test failures.

pub(crate) mod client;
pub(crate) mod component;
pub(crate) mod home;
pub(crate) mod managed;
pub(crate) mod sasl2;
pub(crate) mod script;
