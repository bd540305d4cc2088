//! Tuning of the picture encoder's last blocks, so that pictures of one concept lie together and those of its likeness apart.
//!
//! The encoder was trained to tell ImageNet's classes apart, and says little of a thing that is made of parts of two of them. Here its last
//! blocks and its head learn from the training classes what the connector then compares: that a query is nearest to the mean of its own
//! concept's pictures (prototypical networks, Snell et al. 2017, with cosines), among many concepts, and, harder, beside the one concept
//! that it is most easily mistaken for. The blocks before them are frozen, so that a picture passes through them once.

use std::collections::BTreeMap;

use burn::module::{Module, Param};
use burn::nn::loss::CrossEntropyLossConfig;
use burn::optim::{AdamWConfig, GradientsParams, ModuleOptimizer};
use burn::tensor::activation::softplus;
use burn::tensor::{Device, Int, Tensor, TensorData};
use half::f16;

use super::geometry::{discriminants, statistics};
use super::gradients::{FreshLeaves, Sum};
use super::workers::Workers;
use super::{TrainError, device_error};
use crate::features::ClassFeatures;
use crate::model::config::VisionConfig;
use crate::model::vision::Tail;
use crate::model::{ParameterError, Parameters, trainable};
use crate::weights::HostTensor;

/// Pictures a concept in a batch: of them one, two and three in turn are examples, the others queries.
pub const PICTURES: usize = 4;
/// How much telling a concept from its likeness counts beside telling it from all.
const LIKENESS_WEIGHT: f64 = 2.0;
/// Start of the factor on cosines, as a logarithm.
const INITIAL_SHARPNESS: f32 = 2.3;
/// Coordinates in which pictures are compared while the blocks learn. The connector's are fitted anew afterwards.
const COORDINATES: usize = 192;
/// Pictures that pass through the blocks at once where nothing is learned.
const TOGETHER: usize = 32;
/// A length that is no length.
const SMALLEST_LENGTH: f32 = 1e-6;

/// What is learned.
#[derive(Module, Debug)]
struct Tuned {
    /// The blocks' and the head's tensors, each in a row.
    values: Vec<Param<Tensor<1>>>,
    /// From standardised features to the coordinates in which pictures are compared, `[coordinates, channels]`.
    map: Param<Tensor<2>>,
    /// Logarithm of the factor on cosines, `[1]`.
    sharpness: Param<Tensor<1>>,
}

/// The encoder's last blocks in training.
pub struct EncoderTrainer {
    config: VisionConfig,
    first: usize,
    /// Name and shape of each of the tensors that are learned.
    names: Vec<(String, Vec<usize>)>,
    /// Their values at the start.
    published: Vec<Tensor<1>>,
    tuned: Tuned,
    /// Mean and deviation of each channel of the features at the start, `[channels]`.
    standard: [Vec<f32>; 2],
    optimiser: ModuleOptimizer,
    device: Device,
    workers: Workers,
}

/// Concepts of a batch, of [`PICTURES`] maps each.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// `[concepts, PICTURES, channels, rows, columns]`, row-major.
    pub maps: Vec<f32>,
    /// How many of the concepts, from the first on, stand in pairs beside what they are most easily mistaken for.
    pub paired: usize,
    /// For one, two and three examples a concept, the order of its pictures: those come first.
    pub orders: [[usize; PICTURES]; PICTURES - 1],
}

impl EncoderTrainer {
    /// Takes the blocks from number `first` on and the head, under their names in `tensors` (`vision.*`; others stay). `classes` hold maps
    /// before block `first`; the coordinates in which pictures are compared are fitted to them.
    ///
    /// # Errors
    ///
    /// When a tensor is missing or of another shape, or the device fails.
    pub fn new(
        config: &VisionConfig,
        first: usize,
        tensors: impl IntoIterator<Item = (String, HostTensor)>,
        classes: &[&ClassFeatures],
        device: &Device,
    ) -> Result<Self, TrainError> {
        let device = device.clone().autodiff();
        let (mut names, mut values) = (Vec::new(), Vec::new());
        for (name, HostTensor { shape, data }) in tensors {
            if is_tuned(&name, first) {
                let data = TensorData::new(data, [shape.iter().product::<usize>()]);
                values.push(trainable(&name, Tensor::from_data(data, &device)));
                names.push((name, shape));
            }
        }
        let channels = config.head_channels;
        let map = Tensor::zeros([COORDINATES, channels], &device);
        let sharpness = TensorData::new(vec![INITIAL_SHARPNESS], [1]);
        let mut trainer = Self {
            config: config.clone(),
            first,
            names,
            published: values.iter().map(|value| value.val().inner()).collect(),
            tuned: Tuned {
                values,
                map: trainable("map", map),
                sharpness: trainable("sharpness", Tensor::from_data(sharpness, &device)),
            },
            standard: [vec![0.0; channels], vec![1.0; channels]],
            optimiser: AdamWConfig::new().with_weight_decay(0.0).init(),
            device,
            workers: Workers::new()?,
        };
        let features: Result<Vec<ClassFeatures>, TrainError> = classes
            .iter()
            .map(|class| {
                let means = trainer.means(class)?;
                let means = means.into_iter().map(f16::from_f32).collect();
                Ok(ClassFeatures::new(
                    class.name.clone(),
                    class.files.clone(),
                    means,
                ))
            })
            .collect();
        let features = features?;
        let features: Vec<&ClassFeatures> = features.iter().collect();
        let (mean, deviation) = statistics(&features, channels);
        let narrow = |values: Vec<f64>| values.into_iter().map(|value| value as f32).collect();
        let [mean, deviation]: [Vec<f32>; 2] = [narrow(mean), narrow(deviation)];
        let map = discriminants(&features, 1, &mean, &deviation, COORDINATES);
        let map = TensorData::new(map, [COORDINATES, channels]);
        trainer.tuned.map = trainable("map", Tensor::from_data(map, &trainer.device));
        trainer.standard = [mean, deviation];
        Ok(trainer)
    }

    /// One step of the optimiser over a batch; gives the loss, in nats.
    ///
    /// # Errors
    ///
    /// When the device fails.
    pub fn step(&mut self, batch: &Batch, rate: f64) -> Result<f32, TrainError> {
        let shape = self.config.shape_before(self.first);
        let pictures = batch.maps.len() / shape.iter().product::<usize>();
        let hands = batch
            .maps
            .chunks(pictures.div_ceil(self.workers.len()) * shape.iter().product::<usize>());
        // Every thread has a graph of its own; what it gives is a leaf of the loss's.
        let passed = self.workers.each(hands.collect(), |hand| {
            let tuned = self.tuned.clone().map(&mut FreshLeaves);
            let features = self.features(&tuned, hand, &self.device)?;
            Ok((tuned, features))
        })?;
        let given = passed.iter().map(|(_, features)| features.clone().inner());
        let features = Tensor::from_inner(Tensor::cat(given.collect(), 0)).require_grad();
        let tuned = self.tuned.clone().map(&mut FreshLeaves);
        let loss = self.loss(&tuned, features.clone(), batch);
        let value = loss
            .clone()
            .inner()
            .try_into_scalar::<f32>()
            .map_err(device_error)?;
        let mut walked = loss.backward();
        let wanted = features.grad(&walked);
        let wanted = wanted.ok_or_else(|| TrainError::Device("the loss has no gradient".into()))?;
        let own = [tuned.map.id, tuned.sharpness.id];
        let mut gradients = GradientsParams::from_params(&mut walked, &tuned, &own);
        let mut from = 0;
        let hands = passed.into_iter().map(|(tuned, features)| {
            let [rows, _] = features.dims();
            let wanted = wanted.clone().narrow(0, from, rows);
            from += rows;
            (tuned, features, wanted)
        });
        let parts = self
            .workers
            .each(hands.collect(), |(tuned, features, wanted)| {
                let walked = (features * Tensor::from_inner(wanted)).sum().backward();
                Ok(GradientsParams::from_grads(walked, &tuned))
            })?;
        for from in parts {
            let into = gradients;
            let mut sum = Sum { from, into };
            self.tuned.visit(&mut sum);
            gradients = sum.into;
        }
        self.tuned = self.optimiser.step(rate, self.tuned.clone(), gradients);
        Ok(value)
    }

    /// `[pictures, channels]`, of maps one after the other.
    fn features(
        &self,
        tuned: &Tuned,
        maps: &[f32],
        device: &Device,
    ) -> Result<Tensor<2>, ParameterError> {
        let mut parameters = Parameters::new(device);
        for ((name, shape), values) in self.names.iter().zip(&tuned.values) {
            parameters.insert_tensor(name.clone(), values.val(), shape.clone());
        }
        let tail = Tail::take(&self.config, &mut parameters, self.first)?;
        let [channels, rows, columns] = self.config.shape_before(self.first);
        let pictures = maps.len() / (channels * rows * columns);
        let maps = TensorData::new(maps.to_vec(), [pictures, channels, rows, columns]);
        Ok(tail.means(Tensor::from_data(maps, device)))
    }

    /// Features in the coordinates in which they are compared, of any length. `[pictures, channels]` to `[pictures, coordinates]`.
    fn compared(&self, tuned: &Tuned, features: Tensor<2>, device: &Device) -> Tensor<2> {
        let [mean, deviation] = self.standard.each_ref().map(|values| {
            let values = TensorData::new(values.clone(), [1, values.len()]);
            Tensor::<2>::from_data(values, device)
        });
        ((features - mean) / deviation).matmul(tuned.map.val().transpose())
    }

    /// Mean over one to three examples a concept: every other picture is to be nearest to the mean of its own concept's examples, among all, and
    /// beside its likeness.
    fn loss(&self, tuned: &Tuned, features: Tensor<2>, batch: &Batch) -> Tensor<1> {
        let device = &self.device;
        let ints = |values: Vec<usize>| {
            let length = values.len();
            let values: Vec<i32> = values.into_iter().map(|value| value as i32).collect();
            Tensor::<1, Int>::from_data(TensorData::new(values, [length]), device)
        };
        let compared = self.compared(tuned, features, device);
        let [pictures, coordinates] = compared.dims();
        let concepts = pictures / PICTURES;
        let sharpness = tuned.sharpness.val().exp().reshape([1, 1]);
        let mut loss = Tensor::zeros([1], device);
        for (shots, order) in (1..).zip(&batch.orders) {
            let (examples, queries) = order.split_at(shots);
            let rows = |of: &[usize]| {
                let rows = (0..concepts)
                    .flat_map(|concept| of.iter().map(move |picture| concept * PICTURES + picture));
                compared.clone().select(0, ints(rows.collect()))
            };
            let prototypes = rows(examples).reshape([concepts, shots, coordinates]);
            let prototypes = unit(prototypes.mean_dim(1).reshape([concepts, coordinates]));
            let asked = PICTURES - shots;
            let logits = unit(rows(queries)).matmul(prototypes.transpose()) * sharpness.clone();
            let own: Vec<usize> = (0..concepts * asked).map(|row| row / asked).collect();
            let of_all = CrossEntropyLossConfig::new()
                .init(device)
                .forward(logits.clone(), ints(own.clone()));
            loss = loss + of_all;
            let own = own.get(..batch.paired * asked).unwrap_or_default();
            if !own.is_empty() {
                let likeness = own.iter().map(|concept| concept ^ 1).collect();
                let logits = logits.narrow(0, 0, own.len());
                let of = |concepts: Vec<usize>| {
                    let rows = ints(concepts).reshape([own.len() as i32, 1]);
                    logits.clone().gather(1, rows)
                };
                let beside = of(likeness) - of(own.to_vec());
                loss = loss + softplus(beside, 1.0).mean() * LIKENESS_WEIGHT;
            }
        }
        loss / (PICTURES - 1) as f64
    }

    /// The means of a class's maps after the blocks as they are, `[pictures, channels]` row-major.
    fn means(&self, class: &ClassFeatures) -> Result<Vec<f32>, TrainError> {
        let tensors = self.through(class, |features, _| features)?;
        Ok(tensors.concat())
    }

    /// The pictures of a class in the coordinates in which they are compared, each of length one.
    ///
    /// # Errors
    ///
    /// When the device fails.
    pub fn places(&self, class: &ClassFeatures) -> Result<Vec<Vec<f32>>, TrainError> {
        let tensors = self.through(class, |features, tuned| {
            unit(self.compared(tuned, features, &self.device.clone().inner()))
        })?;
        let rows = tensors.iter().flat_map(|tensor| tensor.chunks(COORDINATES));
        Ok(rows.map(<[f32]>::to_vec).collect())
    }

    fn through(
        &self,
        class: &ClassFeatures,
        then: impl Fn(Tensor<2>, &Tuned) -> Tensor<2> + Sync,
    ) -> Result<Vec<Vec<f32>>, TrainError> {
        let tuned = &self.tuned.valid();
        let device = &self.device.clone().inner();
        let all: Vec<usize> = (0..class.len()).collect();
        let mut done = Vec::new();
        for round in all.chunks(TOGETHER * self.workers.len()) {
            let hands = round.chunks(TOGETHER).collect();
            done.extend(self.workers.each(hands, |hand: &[usize]| {
                let maps = hand.iter().flat_map(|&index| class.picture(index));
                let maps: Vec<f32> = maps.map(|value| value.to_f32()).collect();
                let features = self.features(tuned, &maps, device)?;
                then(features, tuned)
                    .try_into_vec_as::<f32>()
                    .map_err(device_error)
            })?);
        }
        Ok(done)
    }

    /// Takes the published tensors back by a share, 0 to 1: a mean of both keeps more of what the encoder knew of other pictures than its training
    /// saw (Wortsman et al. 2022, "Robust fine-tuning of zero-shot models").
    pub fn keep_published(&mut self, share: f64) {
        let values = self.tuned.values.iter_mut().zip(&self.published);
        for ((name, _), (value, published)) in self.names.iter().zip(values) {
            let mixed = value.val().inner() * (1.0 - share) + published.clone() * share;
            *value = trainable(name, Tensor::from_inner(mixed));
        }
    }

    /// The tensors that were learned, under the encoder's names.
    ///
    /// # Errors
    ///
    /// When the device fails.
    pub fn tensors(&self) -> Result<BTreeMap<String, HostTensor>, TrainError> {
        let tensors = self.names.iter().zip(&self.tuned.values);
        tensors
            .map(|((name, shape), values)| {
                let data = values
                    .val()
                    .inner()
                    .try_into_vec_as::<f32>()
                    .map_err(device_error)?;
                let shape = shape.clone();
                Ok((name.clone(), HostTensor { shape, data }))
            })
            .collect()
    }
}

/// A map with its columns in reverse order: nearly that of the picture in a mirror. `[channels, rows, columns]`, row-major.
pub fn flipped(mut map: Vec<f32>, [_, _, columns]: [usize; 3]) -> Vec<f32> {
    map.chunks_mut(columns).for_each(<[f32]>::reverse);
    map
}

/// Whether a tensor is of the head or of block number `first` or a later one.
fn is_tuned(name: &str, first: usize) -> bool {
    let block = name.strip_prefix("vision.blocks.");
    let block = block.and_then(|rest| rest.split('.').next()?.parse::<usize>().ok());
    name.starts_with("vision.head.") || block.is_some_and(|block| block >= first)
}

/// Rows of length one.
fn unit(rows: Tensor<2>) -> Tensor<2> {
    let length = rows.clone().powi_scalar(2).sum_dim(1).sqrt();
    rows / length.clamp_min(SMALLEST_LENGTH)
}
