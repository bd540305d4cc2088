//! A folder of pictures (one subfolder a class) as features of the frozen encoder, kept on disk.
//!
//! The encoder does not change in training or in a benchmark, so each picture passes through it once. A class is one file of f16 beside
//! a list of its pictures; both are written whole or not at all, so that an interrupted run goes on where it stopped.

mod encoder;
mod lists;

use std::fs;
use std::path::{Path, PathBuf};

use half::f16;
use sha2::{Digest as _, Sha256};
use thiserror::Error;

pub use encoder::Encoder;
pub use lists::{ClassNames, Split, Splits, Styles};

use crate::model::ParameterError;
use crate::weights::pack::hexadecimal;
use crate::weights::quant::QuantError;

/// Why a folder could not be read.
#[derive(Debug, Error)]
pub enum FeatureError {
    /// A file or folder could not be read or written.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A list of classes or styles cannot be read.
    #[error("{path}: {source}")]
    Split {
        /// Which.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
    /// The list of classes has no such source.
    #[error("the split file says nothing of '{0}'")]
    NoSource(String),
    /// A class has fewer than two pictures that can be read, so it can have no support picture and query.
    #[error("class '{0}' needs at least two readable pictures of the styles in use")]
    TooFew(String),
    /// The encoder's tensors are of another form.
    #[error(transparent)]
    Weights(#[from] QuantError),
    /// They do not fit the encoder.
    #[error(transparent)]
    Parameter(#[from] ParameterError),
    /// The device gave no result.
    #[error("encoding failed: {0}")]
    Device(String),
}

/// A class and its pictures' features.
#[derive(Clone, Debug)]
pub struct ClassFeatures {
    /// Name of the subfolder.
    pub name: String,
    /// File names, in order.
    pub files: Vec<String>,
    /// `[files, parts, channels]`, row-major.
    values: Vec<f16>,
    width: usize,
}

impl ClassFeatures {
    /// Features of the pictures `files`, one after the other; every picture has as many values.
    pub fn new(name: String, files: Vec<String>, values: Vec<f16>) -> Self {
        let width = values.len().checked_div(files.len()).unwrap_or(0);
        Self {
            name,
            files,
            values,
            width,
        }
    }

    /// All pictures' features, `[files, parts, channels]` row-major.
    pub fn values(&self) -> &[f16] {
        &self.values
    }

    /// Number of pictures.
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// Whether there is no picture.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Leaves out the pictures that are of none of these styles.
    ///
    /// # Errors
    ///
    /// When fewer than two are left.
    pub fn keep_styles(&mut self, styles: &[String]) -> Result<(), FeatureError> {
        let kept = |file: &String| styles.iter().any(|style| style == Styles::of(file));
        let (mut files, mut values) = (Vec::new(), Vec::new());
        for (index, file) in self.files.iter().enumerate() {
            if kept(file) {
                files.push(file.clone());
                values.extend_from_slice(self.picture(index));
            }
        }
        (self.files, self.values) = (files, values);
        if self.len() < 2 {
            return Err(FeatureError::TooFew(self.name.clone()));
        }
        Ok(())
    }

    /// Cuts the last `count` pictures off and gives them, where the class has more than four times as many; else gives none.
    pub fn split_off(&mut self, count: usize) -> Self {
        let kept = kept(self.len(), count);
        let files = self.files.split_off(kept);
        let values = self.values.split_off(kept * self.width);
        Self {
            name: self.name.clone(),
            files,
            values,
            width: self.width,
        }
    }

    /// One picture's features, `[parts * channels]`.
    #[expect(
        clippy::indexing_slicing,
        reason = "an index is one of `files`, of which each has `width` values"
    )]
    pub fn picture(&self, index: usize) -> &[f16] {
        &self.values[index * self.width..(index + 1) * self.width]
    }
}

/// How many of a class's pictures stay when the last `count` are cut off.
fn kept(pictures: usize, count: usize) -> usize {
    if pictures > 4 * count {
        pictures - count
    } else {
        pictures
    }
}

/// Reads classes through the encoder, or from the cache where they were read before.
pub struct FeatureReader<'a> {
    encoder: &'a Encoder,
    cache: PathBuf,
}

impl<'a> FeatureReader<'a> {
    /// A reader that keeps features under `cache`, in a folder named after the encoder.
    pub fn new(encoder: &'a Encoder, cache: &Path) -> Self {
        Self {
            encoder,
            cache: cache.join(&encoder.key),
        }
    }

    /// The features of the first `limit` pictures (by name) of the subfolder `class` of `folder`.
    ///
    /// # Errors
    ///
    /// When the folder cannot be read or has fewer than two readable pictures.
    pub fn class(
        &self,
        folder: &Path,
        class: &str,
        limit: usize,
    ) -> Result<ClassFeatures, FeatureError> {
        let mut files = read_dir(&folder.join(class))?;
        files.truncate(limit);
        let features = self.read(folder, class, files)?;
        if features.len() < 2 {
            return Err(FeatureError::TooFew(class.to_owned()));
        }
        Ok(features)
    }

    /// The features of a split's classes, those for training and those held out, each of its own styles where there are `styles`.
    ///
    /// # Errors
    ///
    /// When a class cannot be read, or has fewer than two readable pictures of its styles.
    pub fn split(
        &self,
        folder: &Path,
        split: &Split,
        limit: usize,
        styles: Option<&Styles>,
    ) -> Result<[Vec<ClassFeatures>; 2], FeatureError> {
        let read = |classes: &[String], kept: Option<&Vec<String>>| {
            let read = classes.iter().map(|class| {
                let mut class = self.class(folder, class, limit)?;
                if let Some(styles) = kept {
                    class.keep_styles(styles)?;
                }
                Ok(class)
            });
            read.collect::<Result<Vec<_>, FeatureError>>()
        };
        Ok([
            read(&split.train, styles.map(|styles| &styles.train))?,
            read(&split.held_out, styles.map(|styles| &styles.held_out))?,
        ])
    }

    /// Of those pictures the last `count` alone, which [`ClassFeatures::split_off`] would cut off; the others are not read.
    ///
    /// # Errors
    ///
    /// When the folder cannot be read.
    pub fn reserve(
        &self,
        folder: &Path,
        class: &str,
        limit: usize,
        count: usize,
    ) -> Result<ClassFeatures, FeatureError> {
        let mut files = read_dir(&folder.join(class))?;
        files.truncate(limit);
        let files = files.split_off(kept(files.len(), count));
        self.read(folder, class, files)
    }

    /// The features of those of some files that are pictures.
    fn read(
        &self,
        folder: &Path,
        class: &str,
        files: Vec<String>,
    ) -> Result<ClassFeatures, FeatureError> {
        let source = folder.join(class);
        // The key holds the names too: pictures added to the folder later are seen.
        let mut hash = Sha256::new();
        hash.update(
            source
                .canonicalize()
                .unwrap_or(source.clone())
                .to_string_lossy()
                .as_bytes(),
        );
        files.iter().for_each(|file| hash.update(file));
        let key = hexadecimal(&hash.finalize());
        let path = self.cache.join(format!("{class}-{key:.16}.f16"));
        if let Ok(bytes) = fs::read(&path) {
            let kept = path.with_extension("txt");
            let files: Vec<String> = read_text(&kept)?.lines().map(str::to_owned).collect();
            if bytes.len() == files.len() * self.encoder.width() * 2 {
                let (values, _) = bytes.as_chunks();
                let values = values.iter().copied().map(f16::from_le_bytes).collect();
                return Ok(ClassFeatures::new(class.to_owned(), files, values));
            }
        }
        let (kept, values) = self.encoder.read_dealt(&source, &files)?;
        let bytes: Vec<u8> = values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect();
        write(&path.with_extension("txt"), kept.join("\n").as_bytes())?;
        write(&path, &bytes)?;
        Ok(ClassFeatures::new(class.to_owned(), kept, values))
    }
}

fn read_dir(path: &Path) -> Result<Vec<String>, FeatureError> {
    let error = |source| FeatureError::File {
        path: path.to_owned(),
        source,
    };
    let mut names = Vec::new();
    for entry in fs::read_dir(path).map_err(error)? {
        let entry = entry.map_err(error)?;
        if entry.path().is_file() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}

fn read_text(path: &Path) -> Result<String, FeatureError> {
    fs::read_to_string(path).map_err(|source| FeatureError::File {
        path: path.to_owned(),
        source,
    })
}

/// Writes beside and renames, so that a reader never sees half a file.
fn write(path: &Path, bytes: &[u8]) -> Result<(), FeatureError> {
    let error = |source| FeatureError::File {
        path: path.to_owned(),
        source,
    };
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(error)?;
    }
    let partial = path.with_extension("partial");
    fs::write(&partial, bytes).map_err(error)?;
    fs::rename(&partial, path).map_err(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A class of pictures of two values each: their index, and its negative.
    fn class(files: &[&str]) -> ClassFeatures {
        let values = (0..files.len()).flat_map(|n| [n as f32, -(n as f32)]);
        let files = files.iter().map(|&file| file.to_owned()).collect();
        ClassFeatures::new(
            "class".to_owned(),
            files,
            values.map(f16::from_f32).collect(),
        )
    }

    fn firsts(class: &ClassFeatures) -> Vec<f32> {
        (0..class.len())
            .map(|n| class.picture(n)[0].to_f32())
            .collect()
    }

    #[test]
    fn styles_are_kept_with_their_pictures() {
        let mut class = class(&[
            "noto-v1-1.webp",
            "noto-1.webp",
            "noto-v1-2.webp",
            "twemoji-1.webp",
        ]);
        class.keep_styles(&["noto-v1".to_owned()]).unwrap();
        assert_eq!(class.files, ["noto-v1-1.webp", "noto-v1-2.webp"]);
        assert_eq!(firsts(&class), [0.0, 2.0]);
        let error = class.keep_styles(&["noto".to_owned()]).unwrap_err();
        assert!(error.to_string().contains("'class'"), "{error}");
    }

    #[test]
    fn a_reserve_is_taken_from_large_classes_alone() {
        let mut class = class(&["a", "b", "c", "d", "e"]);
        let reserve = class.split_off(1);
        assert_eq!(
            (firsts(&class), firsts(&reserve)),
            (vec![0.0, 1.0, 2.0, 3.0], vec![4.0])
        );
        assert!(class.split_off(1).is_empty());
        assert_eq!(class.len(), 4);
    }
}
