//! The adapter in training: a batch of episodes, its loss, a step of the optimiser.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

use burn::module::Module as _;
use burn::nn::loss::CrossEntropyLossConfig;
use burn::optim::{AdamWConfig, GradientsParams, ModuleOptimizer};
use burn::tensor::{Device, Int, Tensor, TensorData};
use half::f16;

use super::adapter::AdapterConfig;
use super::episodes::TrainingEpisode;
use super::gradients::{FreshLeaves, Sum, clip};
use super::workers::Workers;
use super::{TrainError, device_error, leaning};
use crate::model::decoder::Sequence;
use crate::model::{LinkContextModel, ModelConfig, ParameterError, Parameters};
use crate::text::template::Position;
use crate::weights::HostTensor;

/// Positions that pass through the model together, at most, unless one episode alone has more.
const TOGETHER: usize = 640;

/// A model in training.
///
/// A batch is dealt to as many threads as there are cores: Flex runs its matrix products on many threads but its other operations on one, so
/// that a whole batch at once would leave cores idle. What a thread has passes through the model together, one sequence after the other without
/// padding, as a product has to lay a matrix out anew each time, however few rows it has.
pub struct Trainer {
    model: LinkContextModel,
    optimiser: ModuleOptimizer,
    parts: usize,
    channels: usize,
    device: Device,
    workers: Workers,
    leaning: f64,
}

/// What was done with each group of episodes, and which ones those were.
type Done<T> = Vec<(Vec<usize>, T)>;

/// What a forward pass over some episodes gives.
struct Passed {
    /// `[supervised, vocabulary]`.
    logits: Tensor<2>,
    /// `[supervised]`.
    targets: Tensor<1, Int>,
    /// The share of the right concept's names in the attention that each told name's place pays to all names, `[told]` of each episode that
    /// has some.
    shares: Vec<Tensor<1>>,
}

impl Trainer {
    /// Puts an adapter beside frozen weights. `frozen` holds `decoder.*` and `vision.*`, `adapter` what [`super::adapter::initial_adapter`] or
    /// [`Trainer::adapter`] gives.
    ///
    /// # Errors
    ///
    /// When a tensor is missing or of another shape.
    pub fn new(
        config: &ModelConfig,
        frozen: impl IntoIterator<Item = (String, HostTensor)>,
        adapter: BTreeMap<String, HostTensor>,
        adapter_config: AdapterConfig,
        weight_decay: f32,
        device: &Device,
    ) -> Result<Self, TrainError> {
        let device = device.clone().autodiff();
        let mut parameters = Parameters::new(&device);
        for (name, tensor) in frozen.into_iter().chain(adapter.clone()) {
            parameters.insert(name, tensor);
        }
        let mut model = LinkContextModel::take(config, &mut parameters)?;
        let shape = |name: &str| {
            let found = adapter.get(name).map(|tensor| tensor.shape.clone());
            let missing = || ParameterError::Missing(name.to_owned());
            found
                .and_then(|shape| shape.try_into().ok())
                .ok_or_else(missing)
        };
        for (name, projection) in model.decoder.adapted() {
            let (down, up) = (format!("{name}.lora.down"), format!("{name}.lora.up"));
            let (down_shape, up_shape): ([usize; 2], [usize; 2]) = (shape(&down)?, shape(&up)?);
            let down = parameters.take(&down, down_shape)?;
            let up = parameters.take(&up, up_shape)?;
            projection.attach(&name, down, up, adapter_config.scale);
        }
        let optimiser = AdamWConfig::new()
            .with_beta_2(0.98)
            .with_epsilon(1e-8)
            .with_weight_decay(weight_decay)
            .init();
        let (parts, channels) = (config.connector.parts, config.vision.head_channels);
        Ok(Self {
            model,
            optimiser,
            parts,
            channels,
            device,
            workers: Workers::new()?,
            leaning: 0.0,
        })
    }

    /// Also learns where to look: `weight` times the mean cross-entropy of the right concept among those whose names are attended to, where
    /// a name is predicted that the support set tells (attention to names and stops, averaged over heads and layers, as the page shows it).
    #[must_use]
    pub fn with_leaning(mut self, weight: f64) -> Self {
        self.leaning = weight;
        self
    }

    /// One step of the optimiser over a batch; gives the mean loss a token, in nats.
    ///
    /// # Errors
    ///
    /// When the device fails.
    pub fn step(&mut self, episodes: &[TrainingEpisode], rate: f64) -> Result<f32, TrainError> {
        let tokens: usize = episodes.iter().map(|episode| episode.targets.len()).sum();
        let told: usize = episodes.iter().map(|episode| episode.told.len()).sum();
        let parts = self.each(episodes, |episodes| {
            // Leaves of its own: graphs that share a leaf would be walked one after the other.
            let model = self.model.clone().map(&mut FreshLeaves);
            let passed = self.forward(&model, episodes, &self.device, self.leaning != 0.0);
            let [rows] = passed.targets.dims();
            let loss = CrossEntropyLossConfig::new()
                .init(&self.device)
                .forward(passed.logits, passed.targets);
            let mut loss = loss * (rows as f64 / tokens as f64);
            let value = loss.clone().inner();
            for shares in passed.shares {
                loss = loss - shares.log().sum() * (self.leaning / told as f64);
            }
            let gradients = GradientsParams::from_grads(loss.backward(), &model);
            let value = value.try_into_scalar::<f32>().map_err(device_error)?;
            Ok((value, gradients))
        })?;
        let mut loss = 0.0;
        let mut gradients = GradientsParams::new();
        for (_, (value, more)) in parts {
            loss += value;
            let mut sum = Sum {
                from: more,
                into: gradients,
            };
            self.model.visit(&mut sum);
            gradients = sum.into;
        }
        let gradients = clip(gradients, &self.model)?;
        // The optimiser takes the model and gives it back; clones are handles.
        self.model = self.optimiser.step(rate, self.model.clone(), gradients);
        Ok(loss)
    }

    /// Does `work` on groups of episodes, on as many threads as there are cores; gives which episodes each group had, and the result.
    fn each<T: Send>(
        &self,
        episodes: &[TrainingEpisode],
        work: impl Fn(&[&TrainingEpisode]) -> Result<T, TrainError> + Sync,
    ) -> Result<Done<T>, TrainError> {
        let lengths: Vec<usize> = episodes.iter().map(|of| of.positions.len()).collect();
        let groups = groups(&lengths, self.workers.len());
        let next = AtomicUsize::new(0);
        let done = self.workers.each(vec![(); self.workers.len()], |()| {
            let mut done = Vec::new();
            while let Some(group) = groups.get(next.fetch_add(1, Ordering::Relaxed)) {
                let members: Vec<_> = group.iter().map(|&index| &episodes[index]).collect();
                done.push((group.clone(), work(&members)?));
            }
            Ok(done)
        })?;
        let mut done: Done<T> = done.into_iter().flatten().collect();
        // In an order of their own, whichever thread was the faster: sums are then the same every time.
        done.sort_by(|(one, _), (two, _)| one.cmp(two));
        Ok(done)
    }

    /// For every query of every episode, whether greedy decoding would give its exact name followed by the stop: that is so when each
    /// token of both is the likeliest after the ones before it.
    ///
    /// # Errors
    ///
    /// When the device fails.
    pub fn exact(&self, episodes: &[TrainingEpisode]) -> Result<Vec<bool>, TrainError> {
        // Without the graph: nobody walks it back, and until then it would hold gigabytes.
        let model = self.model.valid();
        let device = self.device.clone().inner();
        let done = self.each(episodes, |episodes| {
            let passed = self.forward(&model, episodes, &device, false);
            let likeliest = passed.logits.argmax(1).try_into_vec_as::<i32>();
            let likeliest = likeliest.map_err(device_error)?;
            let mut rows = likeliest.as_slice();
            let right = episodes.iter().map(|episode| {
                let (own, others) = rows.split_at(episode.targets.len());
                rows = others;
                let exact = |query: &Range<usize>| {
                    let right = |row| u32::try_from(own[row]) == Ok(episode.targets[row]);
                    query.clone().all(right)
                };
                episode.queries.iter().map(exact).collect()
            });
            Ok(right.collect::<Vec<Vec<bool>>>())
        })?;
        let each = done
            .into_iter()
            .flat_map(|(group, right)| group.into_iter().zip(right));
        let in_order: BTreeMap<usize, Vec<bool>> = each.collect();
        Ok(in_order.into_values().flatten().collect())
    }

    /// The share of the right concept's names in the attention that is paid to names where one is predicted that the support set tells, the
    /// mean over all such places. Not a number where there is none.
    ///
    /// # Errors
    ///
    /// When the device fails.
    pub fn leaning_share(&self, episodes: &[TrainingEpisode]) -> Result<f32, TrainError> {
        let model = self.model.valid();
        let device = self.device.clone().inner();
        let shares = self.each(episodes, |episodes| {
            let shares = self.forward(&model, episodes, &device, true).shares;
            let values = |shares: Tensor<1>| shares.try_into_vec_as::<f32>().map_err(device_error);
            Ok(shares
                .into_iter()
                .map(values)
                .collect::<Result<Vec<_>, _>>()?
                .concat())
        })?;
        let shares: Vec<f32> = shares.into_iter().flat_map(|(_, shares)| shares).collect();
        Ok(shares.iter().sum::<f32>() / shares.len() as f32)
    }

    /// Some episodes through the model together; `watched` asks for the shares.
    fn forward(
        &self,
        model: &LinkContextModel,
        episodes: &[&TrainingEpisode],
        device: &Device,
        watched: bool,
    ) -> Passed {
        let mut visual = Vec::with_capacity(episodes.len());
        let (mut positions, mut supervised) = (Vec::new(), Vec::new());
        let (mut targets, mut sequences) = (Vec::new(), Vec::new());
        let mut pictures = 0;
        for episode in episodes {
            let shape = [episode.pictures.len().max(1), self.parts, self.channels];
            let mut features: Vec<f32> = episode
                .pictures
                .iter()
                .flatten()
                .copied()
                .map(f16::to_f32)
                .collect();
            // Words alone: a tensor of nothing cannot pass through the connector.
            features.resize(shape.iter().product(), 0.0);
            let features = Tensor::from_data(TensorData::new(features, shape), device);
            let connector = &model.connector;
            let seen = match episode.content {
                Some(content) => connector.forward_at(content, features, None, episode.first_mark),
                None => connector.forward(features, None, episode.first_mark),
            };
            visual.push(seen.tokens);
            let first = positions.len();
            supervised.extend(episode.supervised.iter().map(|&row| (first + row) as i32));
            targets.extend(episode.targets.iter().map(|&token| token as i32));
            positions.extend(episode.positions.iter().map(|&position| match position {
                Position::Visual { picture, part } => Position::Visual {
                    picture: pictures + picture,
                    part,
                },
                word => word,
            }));
            pictures += shape[0];
            let len = episode.positions.len();
            let wanted = watched && !episode.told.is_empty();
            let watched = wanted.then(|| leaning::watch(&episode.told, len, device));
            sequences.push(Sequence { len, watched });
        }
        let ints = |values: Vec<i32>| {
            let length = values.len();
            Tensor::<1, Int>::from_data(TensorData::new(values, [length]), device)
        };
        let embedded = model.assemble(Tensor::cat(visual, 0), &positions);
        let hidden = model.decoder.forward(embedded, &mut sequences);
        let watched = sequences.iter().zip(episodes);
        let shares = watched.filter_map(|(sequence, episode)| {
            let watched = sequence.watched.as_ref()?;
            Some(leaning::shares(watched, &episode.told))
        });
        Passed {
            logits: model.decoder.logits(hidden.select(0, ints(supervised))),
            targets: ints(targets),
            shares: shares.collect(),
        }
    }

    /// The adapter's tensors by their names in the adapter file.
    ///
    /// # Errors
    ///
    /// When the device fails.
    pub fn adapter(&mut self) -> Result<BTreeMap<String, HostTensor>, TrainError> {
        let mut named = self.model.connector.named_tensors();
        for (name, projection) in self.model.decoder.adapted() {
            if let Some((down, up)) = projection.low_rank() {
                for (part, tensor) in [("down", down), ("up", up)] {
                    let shape = tensor.dims().to_vec();
                    named.push((format!("{name}.lora.{part}"), tensor.flatten(0, 1), shape));
                }
            }
        }
        let host = |tensor: Tensor<1>| {
            let data = tensor.inner().try_into_vec_as::<f32>();
            data.map_err(device_error)
        };
        named
            .into_iter()
            .map(|(name, tensor, shape)| {
                Ok((
                    name,
                    HostTensor {
                        shape,
                        data: host(tensor)?,
                    },
                ))
            })
            .collect()
    }

    /// The optimiser's state, for a checkpoint.
    ///
    /// # Errors
    ///
    /// When it cannot be written as bytes.
    pub fn optimiser_state(&self) -> Result<Vec<u8>, TrainError> {
        let bytes = self.optimiser.into_bytes();
        bytes
            .map(|bytes| bytes.to_vec())
            .map_err(|e| TrainError::Optimiser(format!("{e:?}")))
    }

    /// Goes on from a checkpoint's optimiser state.
    ///
    /// # Errors
    ///
    /// When the bytes are no such state.
    pub fn load_optimiser(&mut self, bytes: Vec<u8>) -> Result<(), TrainError> {
        let loaded = self
            .optimiser
            .clone()
            .from_bytes(burn::tensor::Bytes::from_bytes_vec(bytes));
        self.optimiser = loaded.map_err(|e| TrainError::Optimiser(format!("{e:?}")))?;
        Ok(())
    }
}

/// Deals sequences of these lengths to groups, of which there are at least `threads` where there are sequences enough, and no thread waits long
/// for another's last: the longest first, each to the group that has the least. Gives indexes, none twice.
fn groups(lengths: &[usize], threads: usize) -> Vec<Vec<usize>> {
    let total: usize = lengths.iter().sum();
    let wanted = total.div_ceil(TOGETHER).next_multiple_of(threads.max(1));
    let mut groups = vec![(0, Vec::new()); wanted.min(lengths.len())];
    let mut order: Vec<usize> = (0..lengths.len()).collect();
    order.sort_by_key(|&index| Reverse(lengths[index]));
    for index in order {
        if let Some((length, group)) = groups.iter_mut().min_by_key(|(length, _)| *length) {
            *length += lengths[index];
            group.push(index);
        }
    }
    groups.sort_by_key(|(length, _)| Reverse(*length));
    groups.into_iter().map(|(_, group)| group).collect()
}

#[cfg(test)]
mod tests {
    use super::{TOGETHER, groups};

    #[test]
    fn every_sequence_is_in_one_group() {
        for lengths in [
            vec![],
            vec![5],
            vec![600, 40, 300, 300, 40, 700],
            vec![13; 64],
        ] {
            let dealt = groups(&lengths, 2);
            let mut all = dealt.concat();
            all.sort_unstable();
            assert_eq!(all, (0..lengths.len()).collect::<Vec<_>>());
            assert_eq!(dealt.len() % 2, lengths.len().min(2) % 2);
            let longest = lengths.iter().max().copied().unwrap_or(0);
            for group in dealt {
                let length: usize = group.iter().map(|&index| lengths[index]).sum();
                assert!(
                    !group.is_empty() && length <= TOGETHER + longest,
                    "{length}"
                );
            }
        }
    }
}
