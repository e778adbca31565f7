//! `snug protection`: how much the home asks for encryption, and how much there is.

use std::process::ExitCode;

use admin_api::protection::{self, Choice, Mode, Rules};
use clap::{Args, Subcommand, ValueEnum};

use crate::context::Context;
use crate::failure::Failure;

/// What to do with the rules about encryption.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Set the rule of the household or of one person
    ///
    /// With `require`, words to another person that are not encrypted from end to end (OTR or
    /// OMEMO) come back to whoever wrote them; with `encourage` they go out, and the person gets a
    /// hint once a month.
    #[command(after_long_help = "\
Examples:
  snug protection set encourage             for the whole household
  snug protection set require --rooms on    in rooms as well
  snug protection set off --for grandma     nothing is asked of her
  snug protection set household --for bob   what holds for the household
  snug protection set --for bob --count off nothing is counted of him")]
    Set(Set),
    /// Show the rules, and how much was encrypted
    #[command(after_long_help = "\
Examples:
  snug protection show
  snug protection show --json")]
    Show,
}

/// Which rule, and whose.
#[derive(Debug, Args)]
pub(crate) struct Set {
    /// The rule
    rule: Option<Rule>,
    /// Name (ann) or address (ann@home.example); the household without one
    #[arg(long = "for", value_name = "NAME")]
    name: Option<String>,
    /// Does the household's rule hold in rooms as well?
    #[arg(long, value_name = "ON|OFF")]
    rooms: Option<Switch>,
    /// Is it counted how much of a person's messages is encrypted?
    #[arg(long, value_name = "ON|OFF", requires = "name")]
    count: Option<Switch>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Rule {
    /// Nothing is asked
    Off,
    /// A hint once a month
    Encourage,
    /// Not encrypted, not sent
    Require,
    /// Of a person: what holds for the household
    Household,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Switch {
    /// Yes
    On,
    /// No
    Off,
}

pub(crate) fn run(command: Command, context: &mut Context) -> Result<ExitCode, Failure> {
    let rules = match command {
        Command::Show => context.daemon()?.call(protection::Show {})?,
        Command::Set(set) => context.daemon()?.call(protection::Set {
            name: set.name,
            mode: set.rule.map(choice),
            rooms: set.rooms.map(|s| s == Switch::On),
            count: set.count.map(|s| s == Switch::On),
        })?,
    };
    show(&rules, context)
}

const fn choice(rule: Rule) -> Choice {
    match rule {
        Rule::Off => Choice::Own(Mode::Off),
        Rule::Encourage => Choice::Own(Mode::Encourage),
        Rule::Require => Choice::Own(Mode::Require),
        Rule::Household => Choice::Household,
    }
}

fn show(rules: &Rules, context: &mut Context) -> Result<ExitCode, Failure> {
    context.out.show(rules, |out, rules| {
        let rooms = if rules.rooms { "in rooms as well" } else { "not in rooms" };
        out.line(&format!("Household: {}, {rooms}.", word(rules.mode)))?;
        let number = |n: Option<u64>| n.map_or_else(|| "-".to_owned(), |n| n.to_string());
        let rows: Vec<[String; 4]> = rules
            .people
            .iter()
            .map(|p| {
                let own = p.own.map_or("household", word);
                [
                    p.jid.clone(),
                    own.to_owned(),
                    number(p.count.map(|c| c.protected)),
                    number(p.count.map(|c| c.plain)),
                ]
            })
            .collect();
        out.table(["ADDRESS", "RULE", "ENCRYPTED", "NOT"], &rows, "There is nobody yet.")
    })
}

const fn word(mode: Mode) -> &'static str {
    match mode {
        Mode::Off => "off",
        Mode::Encourage => "encourage",
        Mode::Require => "require",
    }
}
