//! Devices: the installations of clients that a person logs in with.
//!
//! A client names itself by an id (XEP-0388 §2.4), which is kept nowhere: [`DeviceName`] stands for
//! it.

mod name;

pub use name::DeviceName;
