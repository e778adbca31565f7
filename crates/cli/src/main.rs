//! `snug`, the command line of the appliance.
//!
//! Talks to the daemon over its admin socket, one connection per call, as the operator. One
//! file per area in [`commands`], one line each in its list.
//!
//! Invariants: passwords come from the terminal without echo, from standard input, or are
//! generated, never from an argument; what people or other servers wrote is shown without
//! control characters; a private key is refused before anything is sent.

mod args;
mod commands;
mod confirm;
mod context;
mod failure;
mod output;
mod password;
mod pie;
mod prompt;
mod qr;
mod when;

use std::process::ExitCode;

use clap::Parser;

use crate::args::Args;
use crate::context::Context;

fn main() -> ExitCode {
    let args = Args::parse();
    let mut context = Context::new(args.global);
    match commands::run(args.command, &mut context).and_then(|code| context.out.flush(code)) {
        Ok(code) => code,
        Err(failure) => failure.report(context.out.is_json()),
    }
}
