//! The part of a form that asks for a new password: let the server make one, or type it twice.

use admin_api::Secret;
use serde::Deserialize;

/// `admin_api::accounts::Add::password`: at least 8 characters.
const CHARS_MIN: usize = 8;

/// What was sent.
#[derive(Debug, Deserialize)]
pub struct NewPassword {
    /// `own` to type one; everything else lets the server make one.
    #[serde(default)]
    password_choice: String,
    #[serde(default = "nothing")]
    password: Secret,
    #[serde(default = "nothing")]
    password_again: Secret,
}

fn nothing() -> Secret {
    Secret::new("")
}

/// What to show: never the password itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PasswordFields {
    /// Is "type one" chosen?
    pub own: bool,
    /// What is wrong with what was typed.
    pub error: Option<&'static str>,
}

impl NewPassword {
    /// The fields to show again, with what is wrong.
    #[must_use]
    pub fn fields(&self) -> PasswordFields {
        let own = self.password_choice == "own";
        let error = own.then(|| error(&self.password, &self.password_again)).flatten();
        PasswordFields { own, error }
    }

    /// The password that was typed; `None` lets the server make one.
    #[must_use]
    pub fn chosen(&self) -> Option<Secret> {
        (self.password_choice == "own").then(|| self.password.clone())
    }
}

/// What is wrong with a new password that was typed twice, if anything.
#[must_use]
pub fn error(password: &Secret, again: &Secret) -> Option<&'static str> {
    // Compared with each other only; both are dropped with the form.
    let (password, again) = (password.expose(), again.expose());
    if password.chars().count() < CHARS_MIN {
        return Some("A password needs at least 8 characters. Three or four words are good.");
    }
    (password != again).then_some("The two passwords are not the same. Type both again.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(choice: &str, password: &str, again: &str) -> NewPassword {
        NewPassword {
            password_choice: choice.to_owned(),
            password: Secret::new(password),
            password_again: Secret::new(again),
        }
    }

    #[test]
    fn own_passwords_are_long_enough_and_the_same() {
        assert!(typed("own", "short", "short").fields().error.is_some());
        assert!(typed("own", "long enough", "long Enough").fields().error.is_some());
        let good = typed("own", "ääääääää", "ääääääää");
        assert_eq!(good.fields(), PasswordFields { own: true, error: None });
        assert_eq!(good.chosen(), Some(Secret::new("ääääääää")));
    }

    #[test]
    fn a_generated_password_ignores_what_was_typed() {
        let made = typed("generate", "short", "");
        assert_eq!(made.fields(), PasswordFields { own: false, error: None });
        assert_eq!(made.chosen(), None);
    }
}
