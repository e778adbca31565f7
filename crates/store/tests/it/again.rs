//! Running a test of this program once more, as a process of its own that may come to harm.

use std::process::Command;

/// Tells the second process that it is one, and where its store is.
const DIR: &str = "SNUG_STORE_TEST_DIR";

/// The directory to work in, in the second process.
pub(crate) fn dir() -> Option<std::path::PathBuf> {
    std::env::var_os(DIR).map(Into::into)
}

/// The command that runs the test `name` again, by way of `through` (a shell, for instance).
pub(crate) fn command(name: &str, dir: &std::path::Path, through: &[&str]) -> Command {
    let program = std::env::current_exe().unwrap();
    let mut command = match through {
        [] => Command::new(program),
        [first, rest @ ..] => {
            let mut command = Command::new(first);
            command.args(rest).arg(program);
            command
        }
    };
    command.args(["--exact", name, "--nocapture", "--test-threads=1"]).env(DIR, dir);
    command
}
