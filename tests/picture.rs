//! Picture files against Pillow, an independent decoder: `tests/fixtures/pictures/make.py` wrote
//! them.

use std::fs;
use std::path::PathBuf;

use link_context::picture::{PictureError, Square, drawn_size};
use proptest::prelude::*;

fn bytes(name: &str) -> Vec<u8> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/pictures");
    fs::read(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn square(name: &str) -> Square {
    Square::decode(name, &bytes(name)).unwrap_or_else(|error| panic!("{error}"))
}

/// Where the fixtures' script takes its samples: every eighth pixel from the fifth on.
fn samples(square: &Square) -> Vec<u8> {
    let places = || (4..Square::SIZE).step_by(8);
    places()
        .flat_map(|y| places().map(move |x| (y * Square::SIZE + x) * 3))
        .flat_map(|at| square.rgb[at..at + 3].to_vec())
        .collect()
}

/// The largest and the mean absolute difference, in levels of 256.
fn difference(left: &[u8], right: &[u8]) -> (u8, f64) {
    assert_eq!(left.len(), right.len());
    let differences = || {
        left.iter()
            .zip(right)
            .map(|(&left, &right)| left.abs_diff(right))
    };
    let sum: f64 = differences().map(f64::from).sum();
    (differences().max().unwrap_or(0), sum / left.len() as f64)
}

/// Asserts that a file comes out as Pillow's, and gives its square.
fn agree(name: &str, most: u8, mean: f64) -> Square {
    let square = square(name);
    assert_eq!(
        (square.size, square.rgb.len()),
        (224, 224 * 224 * 3),
        "{name}"
    );
    let (found_most, found_mean) = difference(&samples(&square), &bytes(&format!("{name}.rgb")));
    assert!(
        found_most <= most && found_mean <= mean,
        "{name}: differs by up to {found_most} and {found_mean:.3} in the mean"
    );
    square
}

/// Nothing is lost in these files, and the resize is the same sum: at most a rounding is left.
#[test]
fn lossless_files_are_as_pillows() {
    for name in [
        "rgb.png",
        "rgba.png",
        "grey.png",
        "grey-alpha.png",
        "one-bit.png",
        "palette-clear.png",
        "rgb16.png",
        "grey16.png",
        "rgb.bmp",
        "palette.bmp",
        "still.gif",
        "lossless.webp",
        "pixel.png",
        "wide.png",
        "fine.png",
    ] {
        assert!(!agree(name, 1, 0.01).animated, "{name}");
    }
}

/// What is brought near by means of its pixels first, so that it takes no second.
#[test]
fn a_large_raster_is_near_pillows() {
    agree("large.webp", 1, 0.3);
}

/// The standards leave a decoder a level or two, and how halved colour is smoothed to its taste.
#[test]
fn lossy_files_are_near_pillows() {
    for name in [
        "progressive.jpg",
        "grey.jpg",
        "cmyk.jpg",
        "halved-chroma.jpg",
        "lossy.webp",
        "lossy-clear.webp",
    ] {
        assert!(!agree(name, 4, 0.5).animated, "{name}");
    }
}

#[test]
fn an_animation_gives_its_first_frame_and_says_so() {
    for name in ["moving.gif", "moving.png", "moving.webp"] {
        assert!(agree(name, 1, 0.01).animated, "{name}");
    }
    assert!(agree("moving-clear.webp", 4, 0.5).animated);
}

/// A decoder panics where the picture in an animation's frame is not of the frame's size and has alpha beside it.
#[test]
fn a_frame_of_another_size_than_it_says_is_unreadable() {
    let webp = bytes("moving-clear.webp");
    let places = |wanted: &[u8]| {
        let found = webp.windows(wanted.len()).position(|at| at == wanted);
        found.unwrap()
    };
    let frame = places(b"ANMF") + 8;
    assert_eq!(&webp[frame + 16..frame + 20], b"ALPH");
    let sizes = places(b"\x9d\x01\x2a") + 3;
    for side in [sizes, sizes + 2] {
        for change in [1, u8::MAX] {
            let mut misfit = webp.clone();
            misfit[side] = misfit[side].wrapping_add(change);
            let error = failure("misfit.webp", &misfit);
            assert!(error.to_string().contains("first frame"), "{error}");
        }
    }
}

#[test]
fn the_eight_orientations_are_followed() {
    let name = |orientation| format!("orientation-{orientation}.jpg");
    let found: Vec<Square> = (1..=8)
        .map(|orientation| agree(&name(orientation), 2, 0.05))
        .collect();
    // The test would be empty if one could stand for another.
    for (index, one) in found.iter().enumerate() {
        for other in &found[..index] {
            assert!(difference(&one.rgb, &other.rgb).1 > 10.0);
        }
    }
    agree("orientation.png", 1, 0.01);
    agree("orientation.webp", 1, 0.01);
}

#[test]
fn the_input_is_channel_first_and_centred() {
    let square = square("rgb.png");
    let input = square.to_input();
    assert_eq!(input.len(), 3 * 224 * 224);
    for (channel, y, x) in [(0, 0, 0), (1, 3, 200), (2, 223, 17)] {
        let level = square.rgb[(y * 224 + x) * 3 + channel];
        let value = input[(channel * 224 + y) * 224 + x];
        assert_eq!(value, (f32::from(level) - 127.0) / 128.0);
    }
    let grey = Square {
        size: 224,
        rgb: vec![127; 3 * 224 * 224],
        animated: false,
    };
    assert!(grey.to_input().iter().all(|&value| value == 0.0));
}

#[test]
fn a_raster_from_elsewhere_is_the_same_picture() {
    let square = square("rgba.png");
    let rgba = square.to_rgba();
    assert_eq!(rgba.len(), 4 * 224 * 224);
    assert!(rgba.chunks_exact(4).all(|pixel| pixel[3] == 255));
    assert_eq!(Square::from_rgba("rgba.png", 224, 224, &rgba), Ok(square));

    // A clear pixel is white whatever its colour; the outer columns are cropped away.
    let pixels = [[9, 9, 9, 255], [200, 100, 0, 0], [9, 9, 9, 255]].concat();
    let cropped = Square::from_rgba("three.png", 3, 1, &pixels).unwrap();
    assert!(cropped.rgb.iter().all(|&level| level == 255));

    for (width, height, length) in [(0, 0, 0), (2, 2, 15), (2, 2, 20), (u32::MAX, u32::MAX, 4)] {
        let error = Square::from_rgba("odd.avif", width, height, &vec![0; length]).unwrap_err();
        assert_eq!(error.name(), "odd.avif");
    }
}

#[test]
fn a_browser_draws_a_large_raster_smaller_and_a_small_one_as_it_is() {
    assert_eq!(drawn_size("a", (4000, 3000)), Ok((1195, 896)));
    assert_eq!(drawn_size("a", (640, 480)), Ok((640, 480)));
    assert_eq!(drawn_size("a", (1, 40_000)), Ok((1, 40_000)));
    for (size, code) in [
        ((10_000, 10_000), "picture-too-many-pixels"),
        ((0, 9), "picture-unreadable"),
    ] {
        assert_eq!(drawn_size("a", size).unwrap_err().code(), code);
    }
}

fn failure(name: &str, bytes: &[u8]) -> PictureError {
    let error = Square::decode(name, bytes).unwrap_err();
    assert_eq!(error.name(), name);
    assert!(error.to_string().contains(name), "{error}");
    error
}

#[test]
fn no_picture_is_unreadable_whatever_its_name() {
    for (name, bytes) in [
        ("empty.png", &b""[..]),
        ("notes.jpg", b"Dear diary,\nnothing in here is a picture."),
        ("video.png", b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom"),
        ("head-only.png", b"\x89PNG\r\n\x1a\n"),
        ("head-only.jpg", b"\xff\xd8\xff\xe0"),
        ("head-only.gif", b"GIF89a"),
        ("no-frame.gif", b"GIF89a\x01\0\x01\0\0\0\0;"),
        ("no-pixels.gif", b"GIF89a\0\0\0\0\0\0\0;"),
        ("head-only.webp", b"RIFF\x10\0\0\0WEBPVP8 "),
        ("head-only.bmp", b"BM"),
    ] {
        assert_eq!(failure(name, bytes).code(), "picture-unreadable", "{name}");
    }
    let png = bytes("rgb.png");
    assert_eq!(
        failure("half.png", &png[..png.len() / 2]).code(),
        "picture-unreadable"
    );
}

#[test]
fn the_format_is_read_from_the_content() {
    assert_eq!(
        Square::decode("photo.jpg", &bytes("rgb.png")),
        Ok(square("rgb.png"))
    );
    assert_eq!(Square::decode("", &bytes("rgb.bmp")), Ok(square("rgb.png")));
}

#[test]
fn a_format_for_the_browser_is_named() {
    for (format, bytes) in [
        ("AVIF", &b"\0\0\0\x20ftypavif\0\0\0\0avifmif1"[..]),
        ("AVIF", b"\0\0\0\x2cftypavis\0\0\0\0avismsf1"),
        ("HEIF", b"\0\0\0\x24ftypheic\0\0\0\0mif1heic"),
        ("JPEG XL", b"\xff\x0a\xfa\x1f"),
        ("JPEG XL", b"\0\0\0\x0cJXL \r\n\x87\n\0\0\0\x14ftypjxl "),
        (
            "SVG",
            b"<?xml version=\"1.0\"?>\n<!-- drawn -->\n<svg viewBox=\"0 0 1 1\"/>",
        ),
        ("TIFF", b"II*\0\x08\0\0\0"),
        ("ICO", b"\0\0\x01\0\x01\0"),
    ] {
        match failure("picture", bytes) {
            PictureError::Unsupported { format: found, .. } => assert_eq!(found, format),
            error => panic!("{format}: {error}"),
        }
    }
}

#[test]
fn a_large_file_is_refused() {
    let mut large = bytes("rgb.png");
    large.resize(30_000_000, 0);
    assert!(Square::decode("large.png", &large).is_ok());
    large.resize(30_200_000, 0);
    let error = failure("large.png", &large);
    assert_eq!(error.code(), "picture-too-large-file");
    assert_eq!(error.to_string(), "large.png has 30.2 MB, more than 30 MB");
}

/// A small file of a large raster is refused by what its header says: behind the headers patched
/// here there are not the pixels for it, so that decoding first would end in another error, or in
/// none.
#[test]
fn a_large_raster_is_refused_before_it_is_decoded() {
    let side = 60_000_u32;
    let patched = |name: &str, mark: &[u8], width: &[u8], between: usize, height: &[u8]| {
        let mut bytes = bytes(name);
        let at = bytes
            .windows(mark.len())
            .position(|window| window == mark)
            .unwrap()
            + mark.len();
        bytes[at..at + width.len()].copy_from_slice(width);
        let at = at + width.len() + between;
        bytes[at..at + height.len()].copy_from_slice(height);
        bytes
    };
    let (le, be) = (side.to_le_bytes(), side.to_be_bytes());
    for (name, megapixels, bytes) in [
        ("bomb.png", 64.0, bytes("bomb.png")),
        ("vast.png", 3600.0, bytes("vast.png")),
        (
            "bomb.gif",
            3600.0,
            patched("still.gif", b"GIF89a", &le[..2], 0, &le[..2]),
        ),
        (
            "bomb.bmp",
            3600.0,
            patched("rgb.bmp", b"\x28\0\0\0", &le, 0, &le),
        ),
        (
            "bomb.jpg",
            3600.0,
            patched("grey.jpg", b"\xff\xc0\0\x0b\x08", &be[2..], 0, &be[2..]),
        ),
        (
            "bomb.webp",
            256.0,
            patched("lossy.webp", b"\x9d\x01\x2a", b"\x80\x3e", 0, b"\x80\x3e"),
        ),
    ] {
        match failure(name, &bytes) {
            PictureError::TooManyPixels {
                megapixels: found,
                limit,
                ..
            } => {
                assert_eq!((found, limit), (megapixels, 50.0), "{name}");
            }
            error => panic!("{name}: {error}"),
        }
    }
    let error = Square::from_rgba("bomb.avif", 10_000, 5_001, &[]).unwrap_err();
    assert_eq!(error.code(), "picture-too-many-pixels");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    /// A damaged file is a picture or an error, never a panic: in a browser that would end the
    /// page's worker.
    #[test]
    fn damage_never_panics(
        file in prop::sample::select(vec![
            "rgba.png", "palette-clear.png", "moving.png", "moving.gif", "moving.webp",
            "lossy-clear.webp", "lossless.webp", "palette.bmp", "progressive.jpg", "cmyk.jpg",
            "orientation-6.jpg",
        ]),
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        early in any::<bool>(),
        end in any::<prop::sample::Index>(),
    ) {
        let mut bytes = bytes(file);
        // Half of the edits hit the headers, where a decoder takes its sizes from.
        let reach = if early { bytes.len().min(64) } else { bytes.len() };
        for (place, value) in edits {
            bytes[place.index(reach)] = value;
        }
        if !early {
            bytes.truncate(end.index(bytes.len()));
        }
        if let Ok(square) = Square::decode(file, &bytes) {
            prop_assert_eq!(square.rgb.len(), 224 * 224 * 3);
        }
    }
}
