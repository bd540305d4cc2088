//! The picture encoder apart from a model.

use std::fs;
use std::path::Path;
use std::thread;

use burn::tensor::{Device, Tensor, TensorData};
use half::f16;
use sha2::{Digest as _, Sha256};

use super::FeatureError;
use crate::model::vision::Vision;
use crate::model::{ModelConfig, Parameters};
use crate::picture::Square;
use crate::weights::EncodedTensor;
use crate::weights::pack::hexadecimal;

/// The picture encoder apart from a model, for pictures that are read before one runs.
#[derive(Clone)]
pub struct Encoder {
    vision: Vision,
    config: ModelConfig,
    device: Device,
    /// The block before which it stops.
    until: Option<usize>,
    /// Identifies the encoder's tensors and how they are computed with.
    pub(super) key: String,
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

    /// The same on a GPU, as the page has it where there is WebGPU.
    ///
    /// # Errors
    ///
    /// As [`Encoder::take`].
    #[cfg(feature = "webgpu")]
    pub fn on_gpu<'w>(
        config: &ModelConfig,
        weights: impl IntoIterator<Item = (&'w String, &'w EncodedTensor)>,
        opened: &crate::device::Opened,
    ) -> Result<Self, FeatureError> {
        let parameters = Parameters::new(&opened.device).for_kernels();
        Self::new(config, weights, parameters, &opened.name)
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

    /// Features by kernels, by plain operations and by a GPU are not the same bit for bit, so that `way` is part of the key.
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
            device: parameters.device().clone(),
            until: None,
            key: format!("{:.12}", hexadecimal(&hash.finalize())),
        })
    }

    /// Values of a picture.
    pub(super) fn width(&self) -> usize {
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
    pub(super) fn read_dealt(
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
        let pixels = Tensor::from_data(pixels, &self.device);
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
