//! A whole episode in the fragment of an address, which no browser sends to a server.
//!
//! `episode=1.` and then, in the letters of base64 that need no escape in an address (RFC 4648, section 5), a zlib stream (whose checksum
//! tells a link that was cut off): a line of JSON, a line feed, and one picture with all the squares below each other, so that they share
//! its tables. Where there is no room for every pixel the squares become smaller and lose detail, as little as the wanted length allows.

use std::io::{Read, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use image::codecs::jpeg::JpegEncoder;
use image::imageops::{self, FilterType};
use image::{ExtendedColorType, ImageFormat, RgbImage};
use serde::{Deserialize, Serialize};

use super::{CONCEPT_LIMIT, PICTURE_LIMIT, Said, ShareError, SharedEpisode, SharedPicture};
use super::{stated_size, webp};
use crate::episode::Concept;
use crate::picture::Square;

/// How the fragment of an address begins that holds an episode.
pub const FRAGMENT: &str = "episode=";

/// The form of what follows.
const VERSION: u32 = 1;

/// The longest fragment that is read or written, in characters.
pub const LINK_LIMIT: usize = 1_000_000;

/// The most bytes that a fragment may decompress to.
const CONTENT_LIMIT: u64 = 4_000_000;

/// Width of the squares and quality of the JPEG, from the best to the smallest. Widths are multiples of the eight pixels of a JPEG block, so
/// that no square bleeds into its neighbour.
const STEPS: [(usize, u8); 10] = [
    (224, 85),
    (224, 70),
    (176, 70),
    (144, 65),
    (120, 60),
    (96, 55),
    (80, 50),
    (64, 45),
    (48, 40),
    (32, 40),
];

/// A fragment and what became of the pictures in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Link {
    /// Without the `#`.
    pub fragment: String,
    /// Width and height of the squares.
    pub size: usize,
    /// Whether they are the very ones.
    pub lossless: bool,
}

/// The line of JSON. Pictures are numbered in the order of the rows.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    /// Names, each with the number of its pictures.
    concepts: Vec<(String, usize)>,
    queries: usize,
    #[serde(default, skip_serializing_if = "is_zero")]
    asked: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pack: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    answers: Vec<Option<String>>,
}

fn is_zero(number: &usize) -> bool {
    *number == 0
}

impl SharedEpisode {
    /// The best link of at most so many characters. It leaves out the names of the pictures' files and the evidence of the answers.
    ///
    /// # Errors
    ///
    /// [`ShareError::LongLink`] where even the smallest pictures are too many, or when the episode is beyond the limits.
    pub fn to_link(&self, limit: usize) -> Result<Link, ShareError> {
        self.validate()?;
        let rows = self.concepts.iter().map(|concept| &concept.pictures);
        let places: Vec<usize> = rows.chain([&self.queries]).flatten().copied().collect();
        let names = self.concepts.iter();
        let said = |said: &Option<Said>| said.as_ref().map(|said| said.name.clone());
        let head = Head {
            concepts: names
                .map(|of| (of.name.clone(), of.pictures.len()))
                .collect(),
            queries: self.queries.len(),
            asked: self.asked,
            pack: self.pack.clone(),
            answers: self.answers.iter().map(said).collect(),
        };
        let head = serde_json::to_string(&head).map_err(ShareError::unreadable)?;
        let limit = limit.min(LINK_LIMIT);
        let size = Square::SIZE;
        let whole = self.strip(&places, size)?;
        let fragment = pack(
            &head,
            &encode(&places, || webp(&whole, size, places.len() * size))?,
        )?;
        if fragment.len() <= limit {
            let lossless = true;
            return Ok(Link {
                fragment,
                size,
                lossless,
            });
        }
        let mut length = fragment.len();
        for (size, quality) in STEPS {
            let strip = self.strip(&places, size)?;
            let fragment = pack(&head, &jpeg(&strip, size, places.len() * size, quality)?)?;
            length = length.min(fragment.len());
            if fragment.len() <= limit {
                let lossless = false;
                return Ok(Link {
                    fragment,
                    size,
                    lossless,
                });
            }
        }
        Err(ShareError::LongLink { length, limit })
    }

    /// Reads a fragment, with or without its `#`.
    ///
    /// # Errors
    ///
    /// When it is no episode, was cut off, or is of a later version.
    pub fn from_link(fragment: &str) -> Result<Self, ShareError> {
        if fragment.len() > LINK_LIMIT {
            let (what, length, limit) = ("link", fragment.len(), LINK_LIMIT);
            return Err(ShareError::TooLarge {
                what,
                length,
                limit,
            });
        }
        let fragment = fragment.strip_prefix('#').unwrap_or(fragment);
        let (version, packed) = fragment
            .strip_prefix(FRAGMENT)
            .and_then(|rest| rest.split_once('.'))
            .ok_or_else(|| ShareError::unreadable("the link holds none"))?;
        match version.parse() {
            Ok(VERSION) => {}
            Ok(found) => {
                let known = VERSION;
                return Err(ShareError::Version { found, known });
            }
            Err(error) => return Err(ShareError::unreadable(error)),
        }
        let (head, strip) = unpack(packed)?;
        let head: Head = serde_json::from_slice(&head).map_err(ShareError::unreadable)?;
        let Head {
            concepts,
            queries,
            asked,
            pack,
            answers,
        } = head;
        let counts = concepts.iter().map(|(_, count)| *count).chain([queries]);
        if concepts.len() > CONCEPT_LIMIT || counts.clone().any(|count| count > PICTURE_LIMIT) {
            return Err(ShareError::unreadable(
                "it has too many concepts or pictures",
            ));
        }
        let mut pictures = 0;
        let mut row = |count: usize| {
            let first = pictures;
            pictures += count;
            (first..pictures).collect()
        };
        let concepts = concepts.into_iter();
        let concepts = concepts
            .map(|(name, count)| Concept {
                name,
                pictures: row(count),
            })
            .collect();
        let queries = row(queries);
        let said = |name| Said {
            name,
            evidence: None,
        };
        let episode = Self {
            concepts,
            queries,
            asked,
            pictures: cut(&strip, pictures)?,
            pack,
            answers: answers.into_iter().map(|name| name.map(said)).collect(),
        };
        episode.validate()?;
        Ok(episode)
    }

    /// The squares below each other, each `size` wide and high: `[places * size, size, 3]`.
    fn strip(&self, places: &[usize], size: usize) -> Result<Vec<u8>, ShareError> {
        let mut strip = Vec::with_capacity(places.len() * size * size * 3);
        for &place in places {
            let absent = || ShareError::unreadable(format!("there is no picture {place}"));
            let SharedPicture { square, .. } = self.pictures.get(place).ok_or_else(absent)?;
            strip.extend(resized(&square.rgb, Square::SIZE, size));
        }
        Ok(strip)
    }
}

/// Nothing where there is no picture: no format has a picture without pixels.
fn encode(
    places: &[usize],
    encoder: impl FnOnce() -> Result<Vec<u8>, ShareError>,
) -> Result<Vec<u8>, ShareError> {
    if places.is_empty() {
        return Ok(Vec::new());
    }
    encoder()
}

fn jpeg(rgb: &[u8], width: usize, height: usize, quality: u8) -> Result<Vec<u8>, ShareError> {
    let mut file = Vec::new();
    JpegEncoder::new_with_quality(&mut file, quality)
        .encode(rgb, width as u32, height as u32, ExtendedColorType::Rgb8)
        .map_err(ShareError::unreadable)?;
    Ok(file)
}

fn resized(rgb: &[u8], from: usize, to: usize) -> Vec<u8> {
    match RgbImage::from_raw(from as u32, from as u32, rgb.to_vec()) {
        Some(image) if from != to => {
            imageops::resize(&image, to as u32, to as u32, FilterType::CatmullRom).into_raw()
        }
        _ => rgb.to_vec(),
    }
}

fn pack(head: &str, strip: &[u8]) -> Result<String, ShareError> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    let written = encoder
        .write_all(head.as_bytes())
        .and_then(|()| encoder.write_all(b"\n"))
        .and_then(|()| encoder.write_all(strip))
        .and_then(|()| encoder.finish())
        .map_err(ShareError::unreadable)?;
    Ok(format!(
        "{FRAGMENT}{VERSION}.{}",
        URL_SAFE_NO_PAD.encode(written)
    ))
}

/// The line of JSON and the picture.
fn unpack(packed: &str) -> Result<(Vec<u8>, Vec<u8>), ShareError> {
    let cut_off = |error: &dyn std::fmt::Display| {
        ShareError::unreadable(format!("the link was cut off or changed ({error})"))
    };
    let bytes = URL_SAFE_NO_PAD
        .decode(packed)
        .map_err(|error| cut_off(&error))?;
    let mut content = Vec::new();
    ZlibDecoder::new(&bytes[..])
        .take(CONTENT_LIMIT + 1)
        .read_to_end(&mut content)
        .map_err(|error| cut_off(&error))?;
    if content.len() as u64 > CONTENT_LIMIT {
        let (what, length, limit) = ("link", content.len(), CONTENT_LIMIT as usize);
        return Err(ShareError::TooLarge {
            what,
            length,
            limit,
        });
    }
    let end = content
        .iter()
        .position(|&byte| byte == b'\n')
        .ok_or_else(|| ShareError::unreadable("the link holds no episode"))?;
    let strip = content.split_off(end + 1);
    content.truncate(end);
    Ok((content, strip))
}

/// The squares of a strip.
fn cut(strip: &[u8], count: usize) -> Result<Vec<SharedPicture>, ShareError> {
    if count == 0 {
        return Ok(Vec::new());
    }
    let (width, height) = stated_size(strip).map_err(ShareError::unreadable)?;
    let size = width as usize;
    if size == 0 || size > Square::SIZE || height as usize != count * size {
        let reason = format!("its pictures are {width} x {height} pixels, for {count} squares");
        return Err(ShareError::Unreadable { reason });
    }
    let format = image::guess_format(strip).unwrap_or(ImageFormat::Jpeg);
    let raster = image::load_from_memory_with_format(strip, format);
    let raster = raster
        .map_err(ShareError::unreadable)?
        .into_rgb8()
        .into_raw();
    let squares = raster.chunks_exact(size * size * 3);
    let square = |rgb: &[u8]| SharedPicture {
        name: String::new(),
        square: Square {
            size: Square::SIZE,
            rgb: resized(rgb, size, Square::SIZE),
            animated: false,
        },
    };
    Ok(squares.map(square).collect())
}
