//! The episode file, `.lcl.json`. Its form is docs/episode-file.md and docs/episode-file.schema.json.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::{
    CONCEPT_LIMIT, Evidence, PICTURE_LIMIT, Said, ShareError, SharedEpisode, SharedPicture,
};
use super::{lossless, stated_size};
use crate::episode::{Concept, Query};
use crate::picture::Square;

/// The version that is written. Older ones are read.
pub const VERSION: u32 = 1;

/// The largest file that is read, in bytes.
pub const FILE_LIMIT: usize = 32_000_000;

/// What marks a file as an episode.
const FORMAT: &str = "link-context-episode";

/// The most pictures of a file, in rows and out of them.
const PICTURES_LIMIT: usize = (CONCEPT_LIMIT + 1) * PICTURE_LIMIT;

/// What every version has.
#[derive(Deserialize)]
struct Head {
    format: String,
    version: u32,
}

/// Version 1.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    format: String,
    version: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pack: Option<String>,
    concepts: Vec<Concept<usize>>,
    queries: Vec<Query<usize>>,
    settings: Settings,
    pictures: Vec<Picture>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    answers: Vec<Option<Said>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    asked: usize,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Picture {
    name: String,
    /// A data address, so that anything that shows pictures shows it.
    data: String,
}

impl SharedEpisode {
    /// Reads a file of any version. A picture that stands in two places comes out as two.
    ///
    /// # Errors
    ///
    /// When it is too large, no episode, of a later version, or a picture in it is no square of [`Square::SIZE`] pixels.
    pub fn from_file(bytes: &[u8]) -> Result<Self, ShareError> {
        check_file(bytes.len())?;
        // The version first: the rest may look different in another one.
        let head: Head = serde_json::from_slice(bytes).map_err(ShareError::unreadable)?;
        if head.format != FORMAT {
            let reason = format!("its format is {:?}", head.format);
            return Err(ShareError::Unreadable { reason });
        }
        let file: File = match head.version {
            VERSION => serde_json::from_slice(bytes).map_err(ShareError::unreadable)?,
            found => {
                let known = VERSION;
                return Err(ShareError::Version { found, known });
            }
        };
        if file.pictures.len() > PICTURES_LIMIT {
            let reason = format!("it has more than {PICTURES_LIMIT} pictures");
            return Err(ShareError::Unreadable { reason });
        }
        let pictures = file.pictures.into_iter().enumerate();
        let episode = Self {
            concepts: file.concepts,
            queries: file.queries.into_iter().map(|of| of.picture).collect(),
            asked: file.settings.asked,
            pictures: pictures.map(read_picture).collect::<Result<_, _>>()?,
            pack: file.pack,
            answers: file.answers,
        };
        episode.validate()?;
        Ok(episode.with_own_pictures())
    }

    /// Writes a file of the present version. Of an answer it keeps probabilities to nine decimals, shares to six and times to three, which
    /// every reader of JSON gives back to the last bit.
    ///
    /// # Errors
    ///
    /// When the episode is beyond the limits of a file, so that it could not be read again.
    pub fn to_file(&self) -> Result<String, ShareError> {
        self.validate()?;
        let picture = |SharedPicture { name, square }: &SharedPicture| {
            let data = STANDARD.encode(lossless(square)?);
            Ok(Picture {
                name: name.clone(),
                data: format!("data:image/webp;base64,{data}"),
            })
        };
        let queries = self.queries.iter().map(|&picture| Query { picture });
        let file = File {
            format: FORMAT.to_owned(),
            version: VERSION,
            pack: self.pack.clone(),
            concepts: self.concepts.clone(),
            queries: queries.collect(),
            settings: Settings { asked: self.asked },
            pictures: self
                .pictures
                .iter()
                .map(picture)
                .collect::<Result<_, ShareError>>()?,
            answers: self.answers.iter().cloned().map(rounded).collect(),
        };
        serde_json::to_string(&file).map_err(ShareError::unreadable)
    }
}

/// Whether a file of so many bytes may be read.
///
/// # Errors
///
/// [`ShareError::TooLarge`] where it is larger than [`FILE_LIMIT`].
pub fn check_file(length: usize) -> Result<(), ShareError> {
    let (what, limit) = ("file", FILE_LIMIT);
    if length > limit {
        return Err(ShareError::TooLarge {
            what,
            length,
            limit,
        });
    }
    Ok(())
}

fn rounded(mut said: Option<Said>) -> Option<Said> {
    let nine = |value: &mut f64| *value = (*value * 1e9).round() / 1e9;
    let six = |value: &mut f32| *value = ((f64::from(*value) * 1e6).round() / 1e6) as f32;
    let three = |value: &mut f64| *value = (*value * 1e3).round() / 1e3;
    if let Some(Evidence { answer, link }) = said.as_mut().and_then(|said| said.evidence.as_mut()) {
        answer
            .tokens
            .iter_mut()
            .for_each(|of| six(&mut of.probability));
        answer
            .concepts
            .iter_mut()
            .for_each(|of| nine(&mut of.probability));
        answer.examples.iter_mut().for_each(|of| six(&mut of.share));
        let times = &mut answer.milliseconds;
        for time in [
            &mut times.encode,
            &mut times.prefill,
            &mut times.decode,
            &mut times.evidence,
            &mut answer.tokens_per_second,
            &mut link.milliseconds,
            &mut link.encode_milliseconds,
        ] {
            three(time);
        }
    }
    said
}

fn read_picture((place, picture): (usize, Picture)) -> Result<SharedPicture, ShareError> {
    let wrong = |reason: String| ShareError::Picture { place, reason };
    let Picture { name, data } = picture;
    let encoded = data
        .strip_prefix("data:image/")
        .and_then(|rest| rest.split_once(";base64,"))
        .ok_or_else(|| wrong("it is no data address of a picture".to_owned()))?;
    let bytes = STANDARD
        .decode(encoded.1)
        .map_err(|error| wrong(error.to_string()))?;
    let (width, height) = stated_size(&bytes).map_err(wrong)?;
    if (width, height) != (Square::SIZE as u32, Square::SIZE as u32) {
        let size = Square::SIZE;
        return Err(wrong(format!(
            "it has {width} x {height} pixels, not {size} x {size}"
        )));
    }
    let square = Square::decode(&name, &bytes).map_err(|error| ShareError::from((place, error)))?;
    Ok(SharedPicture { name, square })
}
