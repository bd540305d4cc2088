//! A folder of pictures (one subfolder a class) as features of the frozen encoder, kept on disk.
//!
//! The encoder does not change in training or in a benchmark, so each picture passes through it once. A class is one file of f16 beside
//! a list of its pictures; both are written whole or not at all, so that an interrupted run goes on where it stopped.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;

use burn::tensor::{Device, Tensor, TensorData};
use half::f16;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use thiserror::Error;

use crate::model::vision::Vision;
use crate::model::{ModelConfig, ParameterError, Parameters};
use crate::picture::Square;
use crate::weights::EncodedTensor;
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

/// Which classes of a source are for what.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Split {
    /// For training.
    #[serde(default)]
    pub train: Vec<String>,
    /// Never trained on.
    #[serde(default)]
    pub held_out: Vec<String>,
}

/// The splits of several sources, `{"NAME": {"train": [...], "held_out": [...]}}`.
#[derive(Clone, Debug)]
pub struct Splits(BTreeMap<String, Split>);

impl Splits {
    /// Reads the JSON file `path`.
    ///
    /// # Errors
    ///
    /// When it cannot be read, or is of another form.
    pub fn read(path: &Path) -> Result<Self, FeatureError> {
        let path = path.to_owned();
        match serde_json::from_str(&read_text(&path)?) {
            Ok(splits) => Ok(Self(splits)),
            Err(source) => Err(FeatureError::Split { path, source }),
        }
    }

    /// The split of a source.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub fn of(&self, source: &str) -> Result<&Split, FeatureError> {
        let split = self.0.get(source);
        split.ok_or_else(|| FeatureError::NoSource(source.to_owned()))
    }
}

/// Which styles of a source's pictures are for what. A picture's file is named STYLE-NUMBER.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Styles {
    /// For training.
    pub train: Vec<String>,
    /// Never trained on.
    pub held_out: Vec<String>,
}

impl Styles {
    /// Reads the JSON file `path`, `{"train": [...], "held_out": [...]}`.
    ///
    /// # Errors
    ///
    /// When it cannot be read, or is of another form.
    pub fn read(path: &Path) -> Result<Self, FeatureError> {
        let path = path.to_owned();
        serde_json::from_str(&read_text(&path)?)
            .map_err(|source| FeatureError::Split { path, source })
    }

    /// The style of a file.
    pub fn of(file: &str) -> &str {
        file.rsplit_once('-').map_or(file, |(style, _)| style)
    }
}

/// What classes are really called.
#[derive(Clone, Debug, Default)]
pub struct ClassNames(BTreeMap<String, Vec<String>>);

impl ClassNames {
    /// Reads a file of a class and its names a line: a tab after the class, commas between the names, the commonest first.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub fn read(path: &Path) -> Result<Self, FeatureError> {
        let text = read_text(path)?;
        let lines = text.lines().filter_map(|line| line.split_once('\t'));
        let names = |text: &str| text.split(',').map(|name| name.trim().to_owned()).collect();
        Ok(Self(
            lines
                .map(|(class, text)| (class.to_owned(), names(text)))
                .collect(),
        ))
    }

    /// The names of a class; that of its folder, in words, where none is listed.
    pub fn of(&self, class: &str) -> Vec<String> {
        let listed = self.0.get(class).cloned();
        listed.unwrap_or_else(|| vec![class.replace(['_', '-'], " ").to_lowercase()])
    }
}

/// Reads `NAME=FOLDER`, as a program is told of a source.
///
/// # Errors
///
/// When there is no equals sign.
pub fn source_argument(text: &str) -> Result<(String, PathBuf), String> {
    let (name, folder) = text.split_once('=').ok_or("write NAME=FOLDER")?;
    Ok((name.to_owned(), folder.into()))
}

/// Reads a share, as a program is told of one.
///
/// # Errors
///
/// When it is no number from 0 to 1.
pub fn share_argument(text: &str) -> Result<f64, String> {
    let share = text
        .parse()
        .ok()
        .filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| format!("'{text}' is no number from 0 to 1"))
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

/// The picture encoder apart from a model, for pictures that are read before one runs.
#[derive(Clone)]
pub struct Encoder {
    vision: Vision,
    config: ModelConfig,
    /// The block before which it stops.
    until: Option<usize>,
    /// Identifies the encoder's tensors and how they are computed with.
    key: String,
}

impl Encoder {
    /// Takes the encoder's tensors (`vision.*`) out of those of a pack or of the original files. It runs by the page's kernels.
    ///
    /// # Errors
    ///
    /// When a tensor is missing, or of another form or shape.
    pub fn take<'w>(
        config: &ModelConfig,
        weights: impl IntoIterator<Item = (&'w String, &'w EncodedTensor)>,
    ) -> Result<Self, FeatureError> {
        let parameters = Parameters::new(&Device::flex()).for_kernels();
        Self::new(config, weights, parameters, "kernels")
    }

    /// The same by plain tensor operations, to measure what our kernels' rounding costs.
    ///
    /// # Errors
    ///
    /// As [`Encoder::take`].
    pub fn plain<'w>(
        config: &ModelConfig,
        weights: impl IntoIterator<Item = (&'w String, &'w EncodedTensor)>,
    ) -> Result<Self, FeatureError> {
        Self::new(config, weights, Parameters::new(&Device::flex()), "plain")
    }

    /// Features by kernels and by plain operations are not the same bit for bit, so that `way` is part of the key.
    fn new<'w>(
        config: &ModelConfig,
        weights: impl IntoIterator<Item = (&'w String, &'w EncodedTensor)>,
        mut parameters: Parameters,
        way: &str,
    ) -> Result<Self, FeatureError> {
        let mut hash = Sha256::new();
        hash.update(way);
        for (name, tensor) in weights {
            if name.starts_with("vision.") {
                hash.update(name);
                hash.update(&tensor.bytes);
                parameters.insert_encoded(name.clone(), tensor.clone())?;
            }
        }
        Ok(Self {
            vision: Vision::take(&config.vision, &mut parameters)?,
            config: config.clone(),
            until: None,
            key: format!("{:.12}", hexadecimal(&hash.finalize())),
        })
    }

    /// Values of a picture.
    fn width(&self) -> usize {
        match self.until {
            None => self.config.connector.parts * self.config.vision.head_channels,
            Some(block) => self.config.vision.shape_before(block).iter().product(),
        }
    }

    /// One that gives the map before block number `block` in place of features, `[channels, rows, columns]` row-major.
    #[must_use]
    pub fn until(mut self, block: usize) -> Self {
        self.until = Some(block);
        self.key = format!("{}-{block}", self.key);
        self
    }

    /// Features of those of some files of a folder that are pictures, with their names: folders hold lists and licences too.
    fn read(
        &self,
        folder: &Path,
        files: &[String],
    ) -> Result<(Vec<String>, Vec<f16>), FeatureError> {
        let (mut kept, mut values) = (Vec::new(), Vec::new());
        for file in files {
            let path = folder.join(file);
            let bytes = fs::read(&path).map_err(|source| FeatureError::File { path, source })?;
            if let Ok(square) = Square::decode(file, &bytes) {
                values.extend(self.encode(&square)?.into_iter().map(f16::from_f32));
                kept.push(file.clone());
            }
        }
        Ok((kept, values))
    }

    /// As [`Encoder::read`], on as many threads as there are cores.
    fn read_dealt(
        &self,
        folder: &Path,
        files: &[String],
    ) -> Result<(Vec<String>, Vec<f16>), FeatureError> {
        let threads = thread::available_parallelism().map_or(1, usize::from);
        let hands = files.chunks(files.len().div_ceil(threads).max(1));
        let read: Result<Vec<_>, FeatureError> = thread::scope(|scope| {
            let running: Vec<_> = hands
                .map(|hand| {
                    let encoder = self.clone();
                    scope.spawn(move || encoder.read(folder, hand))
                })
                .collect();
            let panicked = |_| FeatureError::Device("a thread panicked".to_owned());
            running
                .into_iter()
                .map(|thread| thread.join().map_err(panicked)?)
                .collect()
        });
        let (kept, values): (Vec<_>, Vec<_>) = read?.into_iter().unzip();
        Ok((kept.concat(), values.concat()))
    }

    /// Features of the blank picture, which takes the place of another that is not to be seen; `[parts * channels]` row-major, or the map.
    ///
    /// # Errors
    ///
    /// When the device cannot compute them.
    pub fn blank(&self) -> Result<Vec<f16>, FeatureError> {
        let values = self.encode(&Square::blank())?;
        Ok(values.into_iter().map(f16::from_f32).collect())
    }

    /// Features of a square, `[parts * channels]` row-major, or the map.
    fn encode(&self, square: &Square) -> Result<Vec<f32>, FeatureError> {
        let size = self.config.vision.image_size;
        let pixels = TensorData::new(square.to_input(), [1, 3, size, size]);
        let pixels = Tensor::from_data(pixels, &Device::flex());
        let values = match self.until {
            None => self.vision.features(pixels).try_into_vec_as::<f32>(),
            Some(block) => {
                let map = self.vision.map_before(block, pixels);
                map.try_into_vec_as::<f32>()
            }
        };
        values.map_err(|error| FeatureError::Device(format!("{error:?}")))
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

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
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

    #[test]
    fn a_class_without_a_line_is_called_as_its_folder() {
        let names = [("n1".to_owned(), vec!["goldfish".to_owned()])];
        let names = ClassNames(BTreeMap::from(names));
        assert_eq!(names.of("n1"), ["goldfish"]);
        assert_eq!(names.of("Ice_Cream"), ["ice cream"]);
    }
}
