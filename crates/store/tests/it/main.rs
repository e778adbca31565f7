//! The store seen from outside: what it promises, tried against a model, many threads,
//! damaged files, a full disk and sudden death.
#![cfg(test)]

mod again;
mod scratch;
mod tables;

mod backups;
mod coherence;
mod crash;
mod damage;
mod full_disk;
mod migrations;
mod model;
