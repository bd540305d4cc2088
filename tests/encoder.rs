//! Tuning of the encoder's last blocks, on the small model of the parity tests.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use burn::tensor::{Device, Tensor, TensorData};
use half::f16;
use link_context::features::ClassFeatures;
use link_context::model::config::{StageConfig, VisionConfig};
use link_context::model::vision::{Tail, Vision};
use link_context::model::{ModelConfig, Parameters};
use link_context::train::encoder::{Batch, EncoderTrainer, PICTURES, flipped};
use link_context::weights::checkpoint::read_safetensors;
use link_context::weights::pack::{Adapters, OpenPack};
use link_context::weights::{EncodedTensor, HostTensor, Tensors};
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

/// The first block that is tuned.
const FIRST: usize = 2;
const CONCEPTS: usize = 12;

fn encoder() -> (ModelConfig, BTreeMap<String, EncodedTensor>) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tiny/pack");
    let pack = OpenPack::read(&folder, Adapters::LeftOut).unwrap();
    let tensors = pack.tensors.into_iter();
    let vision = tensors.filter(|(name, _)| name.starts_with("vision."));
    (pack.manifest.config, vision.collect())
}

fn decoded(tensors: &BTreeMap<String, EncodedTensor>) -> BTreeMap<String, HostTensor> {
    let decoded =
        |(name, tensor): (&String, &EncodedTensor)| (name.clone(), tensor.decode().unwrap());
    tensors.iter().map(decoded).collect()
}

fn dense(tensors: &BTreeMap<String, HostTensor>) -> Parameters {
    let mut parameters = Parameters::new(&Device::flex());
    for (name, tensor) in tensors {
        parameters.insert(name.clone(), tensor.clone());
    }
    parameters
}

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.try_into_vec_as().unwrap()
}

fn largest_difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter()
        .zip(b)
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, f32::max)
}

/// Maps of concepts in pairs: the two of a pair differ in one channel, pairs in some; noise is on all.
fn classes(config: &VisionConfig, seed: u64) -> Vec<ClassFeatures> {
    let [channels, rows, columns] = config.shape_before(FIRST);
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    (0..CONCEPTS)
        .map(|concept| {
            let files: Vec<String> = (0..8).map(|n| format!("{n}.webp")).collect();
            let values = files.iter().flat_map(|_| 0..channels).flat_map(|channel| {
                let told = channel % (CONCEPTS / 2) == concept / 2;
                let made = channel == CONCEPTS / 2 && concept % 2 == 1;
                let level = f32::from(u8::from(told)) + 1.5 * f32::from(u8::from(made));
                let noise = &mut rng;
                let at = |_| level + noise.random_range(-1.0..1.0);
                (0..rows * columns).map(at).collect::<Vec<f32>>()
            });
            let values = values.map(f16::from_f32).collect();
            ClassFeatures::new(format!("{concept}"), files, values)
        })
        .collect()
}

fn batch(classes: &[ClassFeatures], rng: &mut ChaCha8Rng) -> Batch {
    let mut maps = Vec::new();
    for class in classes {
        for _ in 0..PICTURES {
            let picture = class.picture(rng.random_range(0..class.len()));
            maps.extend(picture.iter().map(|value| value.to_f32()));
        }
    }
    Batch {
        maps,
        paired: classes.len(),
        orders: [[2, 0, 3, 1], [1, 3, 0, 2], [3, 2, 1, 0]],
    }
}

#[test]
fn the_blocks_go_on_from_the_map_before_them() {
    let (config, encoded) = encoder();
    let tensors = decoded(&encoded);
    let mut for_kernels = Parameters::new(&Device::flex()).for_kernels();
    for (name, tensor) in &encoded {
        for_kernels
            .insert_encoded(name.clone(), tensor.clone())
            .unwrap();
    }
    let plain = Vision::take(&config.vision, &mut dense(&tensors)).unwrap();
    let kernels = Vision::take(&config.vision, &mut for_kernels).unwrap();
    let size = config.vision.image_size;
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let pixels: Vec<f32> = (0..2 * 3 * size * size)
        .map(|_| rng.random_range(-1.0..1.0))
        .collect();
    let pixels = || {
        let data = TensorData::new(pixels.clone(), [2, 3, size, size]);
        Tensor::<4>::from_data(data, &Device::flex())
    };
    let features = plain.features(pixels());
    let [pictures, parts, channels] = features.dims();
    assert_eq!((pictures, parts), (2, config.connector.parts));
    let whole = values(features.narrow(1, 0, 1).reshape([pictures, channels]));
    for first in [0, FIRST, FIRST + 1] {
        let tail = Tail::take(&config.vision, &mut dense(&tensors), first).unwrap();
        let map = plain.map_before(first, pixels());
        let [channels, rows, columns] = config.vision.shape_before(first);
        assert_eq!(map.dims(), [2, channels, rows, columns]);
        let means = values(tail.means(map.clone()));
        assert!(largest_difference(&means, &whole) < 1e-5, "{first}");
        // Our kernels round their activations to 16 bits.
        let by_kernels = kernels.map_before(first, pixels());
        assert_eq!(by_kernels.dims(), map.dims());
        assert!(
            largest_difference(&values(by_kernels), &values(map)) < 0.02,
            "{first}"
        );
    }
}

#[test]
fn pictures_of_a_concept_come_to_lie_together() {
    let (config, encoded) = encoder();
    let classes = classes(&config.vision, 1);
    let known: Vec<&ClassFeatures> = classes.iter().collect();
    let tensors = decoded(&encoded);
    let mut trainer = EncoderTrainer::new(
        &config.vision,
        FIRST,
        tensors.clone(),
        &known,
        &Device::flex(),
    )
    .unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let losses: Vec<f32> = (0..60)
        .map(|_| {
            let batch = batch(&classes, &mut rng);
            trainer.step(&batch, 3e-3).unwrap()
        })
        .collect();
    let mean = |losses: &[f32]| losses.iter().sum::<f32>() / losses.len() as f32;
    let (first, last) = (mean(&losses[..5]), mean(&losses[55..]));
    assert!(last < 0.7 * first, "{first} {last}");

    // What comes before the first tuned block is as it was, the rest is not, and is all there.
    let learned = trainer.tensors().unwrap();
    for (name, tensor) in &tensors {
        let block = name
            .strip_prefix("vision.blocks.")
            .and_then(|rest| rest.split('.').next());
        let block = block.map(|block| block.parse::<usize>().unwrap());
        let is_tuned =
            name.starts_with("vision.head.") || block.is_some_and(|block| block >= FIRST);
        assert_eq!(learned.contains_key(name), is_tuned, "{name}");
        if let Some(learned) = learned.get(name) {
            assert_eq!(learned.shape, tensor.shape);
            assert!(
                largest_difference(&learned.data, &tensor.data) > 0.0,
                "{name}"
            );
        }
    }

    // Half of the way back, and the whole.
    trainer.keep_published(0.5);
    let half = trainer.tensors().unwrap();
    trainer.keep_published(1.0);
    let back = trainer.tensors().unwrap();
    for (name, learned) in &learned {
        let published = &tensors[name].data;
        let middle: Vec<f32> = learned
            .data
            .iter()
            .zip(published)
            .map(|(a, b)| (a + b) / 2.0)
            .collect();
        assert!(
            largest_difference(&half[name].data, &middle) < 1e-6,
            "{name}"
        );
        assert!(
            largest_difference(&back[name].data, published) == 0.0,
            "{name}"
        );
    }
}

/// Beside PyTorch, on the fixture's own small encoder: the losses of six steps, and tensors after them. Each loss hangs on all gradients before it.
#[test]
fn steps_are_those_of_pytorch() {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/encoder/steps.safetensors");
    let (mut fixture, _) = read_safetensors(&fs::read(path).unwrap()).unwrap();
    let config = VisionConfig {
        image_size: 24,
        stem_channels: 8,
        stages: vec![
            StageConfig::new(2, 3, 2, 2, 8),
            StageConfig::new(1, 5, 2, 2, 12),
            StageConfig::new(1, 3, 1, 2, 12),
        ],
        head_channels: 12,
    };
    let maps = fixture.remove("maps").unwrap();
    let [concepts, pictures, ref map @ ..] = maps.shape[..] else {
        panic!("{:?}", maps.shape);
    };
    assert_eq!((pictures, map), (PICTURES, &config.shape_before(FIRST)[..]));
    let orders = fixture.remove("orders").unwrap().data;
    let (orders, _) = orders.as_chunks::<PICTURES>();
    let orders: Vec<_> = orders
        .iter()
        .map(|order| order.map(|at| at as usize))
        .collect();
    let losses = fixture.remove("losses").unwrap().data;
    let rate = f64::from(fixture.remove("rate").unwrap().data[0]);
    let files: Vec<String> = (0..pictures).map(|n| n.to_string()).collect();
    let classes: Vec<ClassFeatures> = maps
        .data
        .chunks(maps.data.len() / concepts)
        .map(|class| {
            let values = class.iter().copied().map(f16::from_f32).collect();
            ClassFeatures::new(String::new(), files.clone(), values)
        })
        .collect();
    let known: Vec<&ClassFeatures> = classes.iter().collect();
    let (after, before): (Tensors, Tensors) = fixture
        .into_iter()
        .partition(|(name, _)| name.starts_with("after."));
    let mut trainer =
        EncoderTrainer::new(&config, FIRST, before.clone(), &known, &Device::flex()).unwrap();
    let batch = Batch {
        maps: maps.data,
        paired: 6,
        orders: orders.try_into().unwrap(),
    };
    for (step, expected) in losses.iter().enumerate() {
        let loss = trainer.step(&batch, rate).unwrap();
        assert!(
            (loss / expected - 1.0).abs() < 1e-5,
            "{step}: {loss} {expected}"
        );
    }
    let learned = trainer.tensors().unwrap();
    assert_eq!(learned.len(), before.len());
    for (name, learned) in &learned {
        let expected = &after[&format!("after.{name}")].data;
        let moved = largest_difference(&before[name].data, expected);
        let apart = largest_difference(&learned.data, expected);
        assert!(apart < 0.01 * moved, "{name}: {apart} of {moved}");
    }
}

#[test]
fn the_same_seed_learns_the_same() {
    let (config, encoded) = encoder();
    let classes = classes(&config.vision, 3);
    let known: Vec<&ClassFeatures> = classes.iter().collect();
    let run = || {
        let tensors = decoded(&encoded);
        let mut trainer =
            EncoderTrainer::new(&config.vision, FIRST, tensors, &known, &Device::flex()).unwrap();
        let mut rng = ChaCha8Rng::seed_from_u64(4);
        for _ in 0..3 {
            let batch = batch(&classes, &mut rng);
            trainer.step(&batch, 1e-3).unwrap();
        }
        trainer.tensors().unwrap()
    };
    assert_eq!(run(), run());
}

#[test]
fn a_missing_tensor_is_named() {
    let (config, encoded) = encoder();
    let classes = classes(&config.vision, 1);
    let known: Vec<&ClassFeatures> = classes.iter().collect();
    let mut tensors = decoded(&encoded);
    tensors.remove("vision.head.weight").unwrap();
    let error = EncoderTrainer::new(&config.vision, FIRST, tensors, &known, &Device::flex());
    let error = error.err().unwrap().to_string();
    assert!(error.contains("vision.head.weight"), "{error}");
}

#[test]
fn a_map_in_a_mirror_has_its_columns_turned_round() {
    let map = vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
    let turned = flipped(map, [1, 2, 3]);
    assert_eq!(turned, [3.0, 2.0, 1.0, 6.0, 5.0, 4.0]);
}
