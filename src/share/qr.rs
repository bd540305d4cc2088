//! A link as a QR code.

use qrcodegen::{QrCode, QrCodeEcc};
use serde::Serialize;

/// A QR code as a path of SVG, in units of its modules, with the quiet zone that readers need around it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Qr {
    /// Width and height, the quiet zone on both sides among it.
    pub size: usize,
    /// The dark modules.
    pub path: String,
}

/// Modules that stay light around the code (ISO/IEC 18004).
const QUIET: i32 = 4;

impl Qr {
    /// The code of an address; none where it is too long for one.
    pub fn new(address: &str) -> Option<Self> {
        // The lowest correction that every reader accepts: a screen has no stains, and larger modules are easier to read.
        let code = QrCode::encode_text(address, QrCodeEcc::Low).ok()?;
        let mut path = String::new();
        for y in 0..code.size() {
            let mut x = 0;
            while x < code.size() {
                let first = x;
                while x < code.size() && code.get_module(x, y) {
                    x += 1;
                }
                if x > first {
                    let (left, top, width) = (first + QUIET, y + QUIET, x - first);
                    path.push_str(&format!("M{left} {top}h{width}v1h-{width}z"));
                }
                x += 1;
            }
        }
        let size = usize::try_from(code.size() + 2 * QUIET).ok()?;
        Some(Self { size, path })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_is_drawn_and_what_does_not_is_none() {
        let code = Qr::new("https://example.org/#episode=1.abc").unwrap();
        // Version 3 has 29 modules; the finder pattern's first row is seven wide.
        assert_eq!(code.size, 29 + 8);
        assert!(code.path.starts_with("M4 4h7v1h-7z"));
        // Version 40 holds 2953 bytes at the lowest correction.
        assert!(Qr::new(&"a".repeat(2953)).is_some());
        assert_eq!(Qr::new(&"a".repeat(2954)), None);
    }

    /// What a reader of somebody else's makes of the drawing.
    fn read(Qr { size, path }: &Qr) -> String {
        let mut dark = vec![false; size * size];
        for run in path.split_terminator('z') {
            let numbers: Vec<usize> = run
                .split(|letter: char| !letter.is_ascii_digit())
                .filter_map(|number| number.parse().ok())
                .collect();
            // M left top h width v1 h-width
            let [left, top, width, 1, back] = numbers[..] else {
                panic!("{run} is no run");
            };
            assert_eq!(width, back);
            dark[top * size + left..][..width].fill(true);
        }
        let quiet = QUIET as usize;
        let grid = rqrr::SimpleGrid::from_func(size - 2 * quiet, |x, y| {
            dark[(y + quiet) * size + x + quiet]
        });
        rqrr::Grid::new(grid).decode().unwrap().1
    }

    #[test]
    fn a_reader_finds_the_address_in_the_drawing() {
        for length in [0, 10, 500, 1500, 2900] {
            let address = format!(
                "https://example.org/#episode=1.{}",
                "aZ-_9".repeat(length / 5)
            );
            assert_eq!(read(&Qr::new(&address).unwrap()), address);
        }
    }
}
