//! An episode that leaves the page: as a file (`file`), as a link that holds all of it (`link`), and that link as a QR code (`qr`).
//!
//! All three hold a [`SharedEpisode`]: names, order, the pictures as the squares that the model sees, what is asked, and, where it was
//! answered, what the model said. Limits are checked before anything is decoded: a file or a link comes from anybody.

mod file;
mod link;
mod qr;

use std::collections::HashSet;
use std::io::Cursor;

use image::codecs::webp::WebPEncoder;
use image::{ExtendedColorType, ImageFormat, ImageReader};
use serde::{Deserialize, Serialize};

use crate::episode::{Concept, Episode, Query};
use crate::picture::{PictureError, Square};
use crate::reply::{Reply, TOLERANCE};

pub use file::{FILE_LIMIT, VERSION, check_file};
pub use link::{FRAGMENT, LINK_LIMIT, Link};
pub use qr::Qr;

/// The most concepts of an episode that is shared.
pub const CONCEPT_LIMIT: usize = 8;

/// The most pictures of a concept, and the most queries.
pub const PICTURE_LIMIT: usize = 16;

/// The longest name in a file, in Unicode scalar values. More than may be asked about: what is on a board can be kept before it is right.
const NAME_LIMIT: usize = 1000;

/// An episode with its pictures and answers. It need not be one that can be run: half a board can be kept too.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SharedEpisode {
    /// Concepts and queries; pictures are indexes into `pictures`.
    pub concepts: Vec<Concept<usize>>,
    /// The pictures to be named, as indexes.
    pub queries: Vec<usize>,
    /// Which query is asked about; 0 where there is none.
    pub asked: usize,
    /// Every picture.
    pub pictures: Vec<SharedPicture>,
    /// SHA-256 of the manifest of the pack that answered, in hexadecimal digits.
    pub pack: Option<String>,
    /// What the model said, one for each query, or empty where nothing was asked.
    pub answers: Vec<Option<Said>>,
}

/// A picture of a shared episode.
#[derive(Clone, Debug, PartialEq)]
pub struct SharedPicture {
    /// Of its file; empty in a link.
    pub name: String,
    /// As the model sees it.
    pub square: Square,
}

/// What the model said of a query. `P` is whatever the reader refers to a picture by; in an episode, an index.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Said<P = usize> {
    /// The name.
    pub name: String,
    /// What it rests on; a link has no room for it.
    #[serde(default = "none", skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence<P>>,
}

fn none<T>() -> Option<T> {
    None
}

/// An answer with its link, as the page shows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evidence<P = usize> {
    /// The answer.
    pub answer: Reply<P>,
    /// What the support set took.
    pub link: LinkCost,
}

/// What linking a support set took.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinkCost {
    /// Positions of the support set.
    pub tokens: usize,
    /// Its prefill.
    pub milliseconds: f64,
    /// Its pictures through the encoder.
    pub encode_milliseconds: f64,
}

/// What an answer says otherwise than the one that came with a shared episode.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Sameness {
    /// Whether the name is the same.
    pub same_name: bool,
    /// Whether every probability and share is about the same; none where nothing but the name came along.
    pub same_evidence: Option<bool>,
    /// The largest difference between two probabilities or shares.
    pub largest: f64,
    /// Whether it is the same pack; none where that is not known.
    pub same_pack: Option<bool>,
    /// The name that came along.
    pub before: String,
    /// The name now.
    pub after: String,
}

/// Why a file or a link is no episode.
#[derive(Debug, thiserror::Error)]
pub enum ShareError {
    /// Larger than what is read.
    #[error("the {what} has {length} bytes, more than {limit}")]
    TooLarge {
        /// File or link.
        what: &'static str,
        /// Its length.
        length: usize,
        /// The limit.
        limit: usize,
    },
    /// Not an episode, or a damaged one.
    #[error("it is no episode: {reason}")]
    Unreadable {
        /// What is wrong.
        reason: String,
    },
    /// Of a version that this program does not know.
    #[error("it is of version {found}, and this program reads up to {known}")]
    Version {
        /// Its version.
        found: u32,
        /// The newest that is known.
        known: u32,
    },
    /// A picture in it cannot be read.
    #[error("picture {}: {reason}", place + 1)]
    Picture {
        /// Its index.
        place: usize,
        /// What is wrong.
        reason: String,
    },
    /// Even its smallest pictures make the link longer than wanted.
    #[error("the link has {length} characters, more than {limit}")]
    LongLink {
        /// Its length at its shortest.
        length: usize,
        /// What was wanted.
        limit: usize,
    },
}

impl ShareError {
    /// The code under which the page looks up its sentence for this error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "episode-too-large",
            Self::Unreadable { .. } => "episode-unreadable",
            Self::Version { .. } => "episode-version",
            Self::Picture { .. } => "episode-picture",
            Self::LongLink { .. } => "episode-link-long",
        }
    }

    fn unreadable(reason: impl ToString) -> Self {
        let reason = reason.to_string();
        Self::Unreadable { reason }
    }
}

impl SharedEpisode {
    /// Whether all indexes, lengths and numbers are within bounds. What is on a board needs no more than that.
    ///
    /// # Errors
    ///
    /// The first thing that is not.
    fn validate(&self) -> Result<(), ShareError> {
        let wrong = |reason: String| Err(ShareError::Unreadable { reason });
        if self.concepts.len() > CONCEPT_LIMIT {
            return wrong(format!("it has more than {CONCEPT_LIMIT} concepts"));
        }
        let rows = self.concepts.iter().map(|concept| &concept.pictures);
        for row in rows.chain([&self.queries]) {
            if row.len() > PICTURE_LIMIT {
                return wrong(format!(
                    "it has more than {PICTURE_LIMIT} pictures in a row"
                ));
            }
            if let Some(place) = row.iter().find(|&&place| place >= self.pictures.len()) {
                return wrong(format!("there is no picture {place}"));
            }
        }
        let names = self.concepts.iter().map(|concept| &concept.name);
        let names = names.chain(self.pictures.iter().map(|picture| &picture.name));
        let said = self.answers.iter().flatten().map(|said| &said.name);
        for name in names.chain(said) {
            if name.chars().count() > NAME_LIMIT {
                return wrong(format!("a name has more than {NAME_LIMIT} characters"));
            }
        }
        if self.asked != 0 && self.asked >= self.queries.len() {
            return wrong(format!("there is no query {}", self.asked));
        }
        let digits =
            |pack: &String| pack.len() == 64 && pack.bytes().all(|of| of.is_ascii_hexdigit());
        if !self.pack.as_ref().is_none_or(digits) {
            return wrong("the pack's hash is not one".to_owned());
        }
        if !self.answers.is_empty() && self.answers.len() != self.queries.len() {
            return wrong("it has not one answer a query".to_owned());
        }
        for said in self.answers.iter().flatten() {
            if let Some(Evidence { answer, .. }) = &said.evidence {
                self.validate_reply(answer, &said.name)?;
            }
        }
        Ok(())
    }

    fn validate_reply(&self, reply: &Reply<usize>, name: &str) -> Result<(), ShareError> {
        let ways = self.concepts.len();
        let part = |value: f64| (0.0..=1.0).contains(&value);
        let sound = reply.name == name
            && reply.concepts.len() == ways
            && reply.concept.is_none_or(|concept| concept < ways)
            && reply.concepts.iter().all(|of| part(of.probability))
            && reply.tokens.iter().all(|of| part(of.probability.into()))
            && reply.examples.iter().all(|of| {
                of.concept < ways && of.picture < self.pictures.len() && part(of.share.into())
            })
            && reply.tokens.len() <= NAME_LIMIT
            && reply.examples.len() <= CONCEPT_LIMIT * PICTURE_LIMIT;
        if sound {
            Ok(())
        } else {
            Err(ShareError::unreadable(
                "an answer in it is of another episode",
            ))
        }
    }

    /// Gives every place a picture of its own, as a board has it.
    fn with_own_pictures(mut self) -> Self {
        let Self {
            concepts,
            queries,
            pictures,
            ..
        } = &mut self;
        let mut used = HashSet::new();
        let rows = concepts.iter_mut().map(|concept| &mut concept.pictures);
        for place in rows.chain([queries]).flatten() {
            if !used.insert(*place)
                && let Some(picture) = pictures.get(*place).cloned()
            {
                *place = pictures.len();
                pictures.push(picture);
            }
        }
        self
    }

    /// The episode by itself, as the rules of [`Episode::validate`] see it.
    pub fn episode(&self) -> Episode<usize> {
        let queries = self.queries.iter();
        Episode {
            concepts: self.concepts.clone(),
            queries: queries.map(|&picture| Query { picture }).collect(),
        }
    }
}

impl<P: Clone> Said<P> {
    /// The same with pictures referred to in another way; none where one of them is not known there.
    pub fn refer<Q>(self, to: impl Fn(P) -> Option<Q>) -> Option<Said<Q>> {
        let evidence = match self.evidence {
            None => None,
            Some(Evidence { answer, link }) => Some(Evidence {
                answer: answer.refer(to)?,
                link,
            }),
        };
        let name = self.name;
        Some(Said { name, evidence })
    }

    /// Compares what came along with an answer to the same query of the same episode.
    pub fn compare(&self, now: &Reply<P>, same_pack: Option<bool>) -> Sameness {
        let mut largest = 0.0_f64;
        let same_evidence = self.evidence.as_ref().map(|Evidence { answer, .. }| {
            if (answer.concepts.len(), answer.examples.len())
                != (now.concepts.len(), now.examples.len())
            {
                largest = 1.0;
                return false;
            }
            let names = answer.concepts.iter().zip(&now.concepts);
            let names = names.map(|(one, two)| one.probability - two.probability);
            let shares = answer.examples.iter().zip(&now.examples);
            let shares = shares.map(|(one, two)| f64::from(one.share - two.share));
            largest = names.chain(shares).fold(0.0, |most, of| of.abs().max(most));
            largest <= TOLERANCE
        });
        Sameness {
            same_name: self.name == now.name,
            same_evidence,
            largest,
            same_pack,
            before: self.name.clone(),
            after: now.name.clone(),
        }
    }
}

/// A picture file in which nothing of the square is lost.
///
/// # Errors
///
/// [`ShareError::Unreadable`] where the encoder fails.
pub fn lossless(square: &Square) -> Result<Vec<u8>, ShareError> {
    webp(&square.rgb, Square::SIZE, Square::SIZE)
}

fn webp(rgb: &[u8], width: usize, height: usize) -> Result<Vec<u8>, ShareError> {
    let mut file = Vec::new();
    WebPEncoder::new_lossless(&mut file)
        .encode(rgb, width as u32, height as u32, ExtendedColorType::Rgb8)
        .map_err(ShareError::unreadable)?;
    Ok(file)
}

/// Width and height that a picture file states, in one of the formats that an episode may have.
fn stated_size(file: &[u8]) -> Result<(u32, u32), String> {
    let format = image::guess_format(file).map_err(|error| error.to_string())?;
    if !matches!(
        format,
        ImageFormat::WebP | ImageFormat::Jpeg | ImageFormat::Png
    ) {
        return Err(format!("{format:?} is not read here"));
    }
    let reader = ImageReader::with_format(Cursor::new(file), format);
    reader.into_dimensions().map_err(|error| error.to_string())
}

impl From<(usize, PictureError)> for ShareError {
    fn from((place, error): (usize, PictureError)) -> Self {
        let reason = error.to_string();
        Self::Picture { place, reason }
    }
}
