//! A QR code made of half-block characters, two rows of modules to a line of text.
//!
//! Spec: ISO/IEC 18004 §6.3.8: a quiet zone of four modules on every side. Light modules are
//! drawn, dark ones are left out: terminals are dark, and on a terminal the colours are set so
//! that a light one shows it right too.

use fast_qr::QRBuilder;
use fast_qr::qr::QRCode;

/// Light modules around the code that scanners need.
const QUIET: usize = 4;

/// White on black, and back to normal.
const COLOURS: (&str, &str) = ("\x1b[97;40m", "\x1b[0m");

/// The code for `text` as lines; `None` if it is too long for any code.
pub(crate) fn lines(text: &str, coloured: bool) -> Option<Vec<String>> {
    let code = QRBuilder::new(text).build().ok()?;
    let side = code.size + 2 * QUIET;
    let lines = (0..side).step_by(2).map(|row| {
        let cells: String = (0..side)
            .map(|column| {
                half_block(is_light(&code, row, column), is_light(&code, row + 1, column))
            })
            .collect();
        if coloured { format!("{}{cells}{}", COLOURS.0, COLOURS.1) } else { cells }
    });
    Some(lines.collect())
}

fn half_block(upper: bool, lower: bool) -> char {
    match (upper, lower) {
        (true, true) => '█',
        (true, false) => '▀',
        (false, true) => '▄',
        (false, false) => ' ',
    }
}

/// Is the module at this place of the code with its quiet zone light?
fn is_light(code: &QRCode, row: usize, column: usize) -> bool {
    let inside = |i: usize| i.checked_sub(QUIET).filter(|i| *i < code.size);
    match (inside(row), inside(column)) {
        (Some(row), Some(column)) => !code[row][column].value(),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_square_with_a_quiet_zone_and_finders() {
        let lines = lines("https://snug.local/setup?code=ABCDEFGH", false).unwrap();
        let width = lines[0].chars().count();
        assert!(lines.iter().all(|l| l.chars().count() == width));
        assert_eq!(lines.len(), width.div_ceil(2));
        assert!(lines[0].chars().all(|c| c == '█') && lines[1].chars().all(|c| c == '█'));
        // The corner of the first finder: seven dark modules over dark, light, …, dark.
        let finder: String = lines[2].chars().skip(QUIET).take(7).collect();
        assert_eq!(finder, " ▄▄▄▄▄ ");
    }

    #[test]
    fn colours_end_on_each_line() {
        for line in lines("x", true).unwrap() {
            assert!(line.starts_with(COLOURS.0) && line.ends_with(COLOURS.1));
        }
    }

    #[test]
    fn too_long_is_none() {
        assert!(lines(&"x".repeat(5_000), false).is_none());
    }
}
