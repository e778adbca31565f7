//! SASL2 (XEP-0388) where scripts have no words for it.

mod access;
mod one_round_trip;
mod upgrade;
