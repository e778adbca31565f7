//! QR codes as inline SVG: no image request, no style, sharp at every size.
//!
//! The code is drawn dark on light whatever the colours of the page are, with the quiet zone
//! that scanners need (ISO/IEC 18004: four modules).

use std::fmt::Write;

use fast_qr::ECL;
use fast_qr::qr::QRBuilder;

/// Modules of white around the code.
const QUIET: usize = 4;

/// The code of `text`; empty if it is too long for one.
#[must_use]
pub fn svg(text: &str) -> String {
    let Ok(code) = QRBuilder::new(text).ecl(ECL::M).build() else { return String::new() };
    let side = code.size + 2 * QUIET;
    let mut path = String::new();
    for y in 0..code.size {
        let row = code.data.get(y * code.size..(y + 1) * code.size).unwrap_or_default();
        let mut x = 0;
        while x < row.len() {
            let run = row.iter().skip(x).take_while(|module| module.value()).count();
            if run > 0 {
                // Writing to a String cannot fail.
                let _ = write!(path, "M{} {}h{run}v1h-{run}z", x + QUIET, y + QUIET);
            }
            x += run.max(1);
        }
    }
    format!(
        "<svg class=\"qr\" role=\"img\" aria-label=\"QR code\" viewBox=\"0 0 {side} {side}\" \
         shape-rendering=\"crispEdges\"><path fill=\"#fff\" d=\"M0 0h{side}v{side}H0z\"/>\
         <path fill=\"#000\" d=\"{path}\"/></svg>"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Draws the path back into modules.
    fn modules(svg: &str, side: usize) -> Vec<Vec<bool>> {
        let mut grid = vec![vec![false; side]; side];
        let path = svg.rsplit("d=\"").next().unwrap().split('"').next().unwrap();
        for part in path.split('z').filter(|p| !p.is_empty()) {
            let (at, rest) = part[1..].split_once('h').unwrap();
            let (x, y) = at.split_once(' ').unwrap();
            let run: usize = rest.split('v').next().unwrap().parse().unwrap();
            let (x, y): (usize, usize) = (x.parse().unwrap(), y.parse().unwrap());
            grid[y][x..x + run].fill(true);
        }
        grid
    }

    #[test]
    fn the_drawing_is_the_code() {
        let text = "xmpp:ann@home.example?otr-fingerprint=acefb4d64f3d0f4e258bd0b44d4d2587b09847eb";
        let code = QRBuilder::new(text).ecl(ECL::M).build().unwrap();
        let side = code.size + 2 * QUIET;
        let grid = modules(&svg(text), side);
        for (y, row) in grid.iter().enumerate() {
            for (x, dark) in row.iter().enumerate() {
                let inside = (QUIET..QUIET + code.size).contains(&x)
                    && (QUIET..QUIET + code.size).contains(&y);
                let expected = inside && code[y - QUIET][x - QUIET].value();
                assert_eq!(*dark, expected, "{x} {y}");
            }
        }
    }

    #[test]
    fn too_long_a_text_has_no_code() {
        assert_eq!(svg(&"a".repeat(5000)), "");
    }
}
