//! The store seen from outside: what it promises, tried against a model, many threads,
//! damaged files, a full disk and sudden death.
#![cfg(test)]

mod scratch;
mod tables;

mod coherence;
mod migrations;
mod model;
