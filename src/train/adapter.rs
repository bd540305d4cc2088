//! The tensors that are trained: how they start, and how they grow.

use std::collections::BTreeMap;

use rand::{Rng, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::geometry::{Geometry, discriminants};
use crate::features::ClassFeatures;
use crate::model::ModelConfig;
use crate::model::connector::MARKS;
use crate::weights::HostTensor;

/// Start of the connector's learned gain: visual tokens then have about the size of word embeddings.
const INITIAL_GAIN: f32 = 0.1;

/// Start of the connector's two learned sharpnesses, of the discriminants and of the learned vectors. Training changes them by a fifth at most. The
/// first was chosen among 0 to 20, the second began as it is, by how much of the likeness falls to the right pictures, on training and on held-out
/// classes: between 8 and 20 little hangs on it (docs/choices.md).
const INITIAL_SHARPNESS: [f32; 2] = [10.0, 5.0];

const DISCRIMINANTS: &str = "connector.comparison.discriminants";
const SHARPNESS: &str = "connector.comparison.sharpness";

/// Start of the connector's learned pull: what was found in the earlier pictures says more than the picture itself.
const INITIAL_PULL: f32 = 2.0;

/// Start of a mark's root mean square: that of a picture's vector is one.
const INITIAL_MARK: f32 = 0.7;

/// The adapter's sizes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdapterConfig {
    /// Rank of the low-rank adapters on values and outputs: what is carried from one position to another.
    pub rank: usize,
    /// Rank of those on queries and keys: along how many directions pictures are compared.
    pub matching_rank: usize,
    /// Factor on the adapter's output.
    pub scale: f64,
}

/// A fresh adapter: connector tensors and low-rank pairs under their names in the adapter file. The connector's geometry is fitted to
/// the training classes.
pub fn initial_adapter(
    config: &ModelConfig,
    adapter: AdapterConfig,
    classes: &[&ClassFeatures],
    seed: u64,
) -> BTreeMap<String, HostTensor> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut tensors = BTreeMap::new();
    let mut put = |name: String, shape: &[usize], data: Vec<f32>| {
        tensors.insert(
            name,
            HostTensor {
                shape: shape.to_vec(),
                data,
            },
        );
    };
    let (features, width) = (config.vision.head_channels, config.decoder.width);
    let parts = config.connector.parts;
    let geometry = Geometry::fit(classes, parts, features, width, &mut rng);
    let marks = marks(&geometry.loud, width, &mut rng);
    let count = config.connector.discriminants;
    let (mean, deviation) = (&geometry.mean, &geometry.deviation);
    put(
        DISCRIMINANTS.into(),
        &[count, features],
        discriminants(classes, parts, mean, deviation, count),
    );
    put("connector.mean".into(), &[features], geometry.mean);
    put(
        "connector.deviation".into(),
        &[features],
        geometry.deviation,
    );
    put(
        "connector.projection.weight".into(),
        &[width, features],
        geometry.weight,
    );
    put(
        "connector.projection.bias".into(),
        &[width],
        vec![0.0; width],
    );
    put("connector.norm.weight".into(), &[width], vec![1.0; width]);
    put("connector.norm.bias".into(), &[width], vec![0.0; width]);
    put("connector.gain".into(), &[1], vec![INITIAL_GAIN]);
    put(
        "connector.position".into(),
        &[parts, width],
        vec![0.0; parts * width],
    );
    put(
        SHARPNESS.into(),
        &[2],
        INITIAL_SHARPNESS.map(f32::ln).to_vec(),
    );
    put("connector.comparison.pull".into(), &[1], vec![INITIAL_PULL]);
    put(
        "connector.comparison.position".into(),
        &[width],
        vec![0.0; width],
    );
    put("connector.comparison.marks".into(), &[MARKS, width], marks);
    let decoder = &config.decoder;
    let wide = decoder.query_heads * decoder.head_width;
    let narrow = decoder.key_value_heads * decoder.head_width;
    for layer in 0..decoder.layers {
        let shapes = [
            ("query", width, wide, adapter.matching_rank),
            ("key", width, narrow, adapter.matching_rank),
            ("value", width, narrow, adapter.rank),
            ("output", wide, width, adapter.rank),
        ];
        for (part, input, out, rank) in shapes {
            let name = format!("decoder.layers.{layer}.attention.{part}.lora");
            let down = normal(&mut rng, rank * input, input);
            put(format!("{name}.down"), &[rank, input], down);
            put(format!("{name}.up"), &[out, rank], vec![0.0; out * rank]);
        }
    }
    tensors
}

/// Random mixtures of the loud directions, `[MARKS, width]`: what compares pictures along these reads marks too.
fn marks(loud: &[f32], width: usize, rng: &mut impl Rng) -> Vec<f32> {
    let directions = loud.len() / width;
    let mixture = |_| {
        let mut mark = vec![0.0; width];
        for (direction, share) in loud.chunks_exact(width).zip(normal(rng, directions, 1)) {
            let along = mark.iter_mut().zip(direction);
            along.for_each(|(mark, direction)| *mark += share * direction);
        }
        let square: f32 = mark.iter().map(|value| value * value).sum();
        let scale = INITIAL_MARK / (square / width as f32).sqrt();
        mark.iter_mut().for_each(|value| *value *= scale);
        mark
    };
    (0..MARKS).flat_map(mixture).collect()
}

/// Gives an adapter that was trained behind another encoder the discriminants of the training classes as this one has them, and the sharpness to
/// begin with.
pub fn renew_discriminants(
    adapter: &mut BTreeMap<String, HostTensor>,
    config: &ModelConfig,
    classes: &[&ClassFeatures],
) {
    let of = |part: &str| adapter.get(&format!("connector.{part}"));
    let (Some(mean), Some(deviation)) = (of("mean"), of("deviation")) else {
        return;
    };
    let (parts, count) = (config.connector.parts, config.connector.discriminants);
    let data = discriminants(classes, parts, &mean.data, &deviation.data, count);
    let shape = vec![count, config.vision.head_channels];
    adapter.insert(DISCRIMINANTS.to_owned(), HostTensor { shape, data });
    let sharpness = adapter.get_mut(SHARPNESS);
    if let Some(first) = sharpness.and_then(|tensor| tensor.data.first_mut()) {
        *first = INITIAL_SHARPNESS[0].ln();
    }
}

/// Gives the low-rank pairs of an adapter the ranks of `config` where theirs are smaller. The new directions start as in a fresh adapter,
/// so that the model still does what it did.
pub fn grow(adapter: &mut BTreeMap<String, HostTensor>, config: AdapterConfig, seed: u64) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    for (name, tensor) in adapter.iter_mut() {
        let matching = name.contains(".query.") || name.contains(".key.");
        let wanted = if matching {
            config.matching_rank
        } else {
            config.rank
        };
        match tensor.shape[..] {
            [rank, input] if name.ends_with(".lora.down") && rank < wanted => {
                let more = normal(&mut rng, (wanted - rank) * input, input);
                tensor.data.extend(more);
                tensor.shape = vec![wanted, input];
            }
            [out, rank] if name.ends_with(".lora.up") && rank < wanted => {
                let rows = tensor.data.chunks_exact(rank);
                let zeros = vec![0.0; wanted - rank];
                tensor.data = rows.flat_map(|row| [row, &zeros].concat()).collect();
                tensor.shape = vec![out, wanted];
            }
            _ => {}
        }
    }
}

/// `count` normal values of variance `1 / fan_in`.
pub(super) fn normal(rng: &mut impl Rng, count: usize, fan_in: usize) -> Vec<f32> {
    let scale = (fan_in as f32).sqrt().recip();
    (0..count)
        .map(|_| {
            // Box and Muller, 1958.
            let radius = (-2.0 * (1.0 - rng.random::<f32>()).ln()).sqrt();
            radius * (std::f32::consts::TAU * rng.random::<f32>()).cos() * scale
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn renewed_discriminants_are_those_of_a_fresh_adapter() {
        let config = ModelConfig::tiny();
        let (features, count) = (config.vision.head_channels, config.connector.discriminants);
        let values = |picture: usize| {
            let of = (0..config.connector.parts * features).map(move |at| (at * at + picture) % 7);
            of.map(|value| half::f16::from_f32(value as f32))
        };
        let files = vec!["0".to_owned(), "1".to_owned()];
        let class = |from| {
            let values = values(from).chain(values(from + 1)).collect();
            ClassFeatures::new(from.to_string(), files.clone(), values)
        };
        let classes = [class(0), class(3), class(5)];
        let classes: Vec<&ClassFeatures> = classes.iter().collect();
        let sizes = AdapterConfig {
            rank: 1,
            matching_rank: 1,
            scale: 1.0,
        };
        let fresh = initial_adapter(&config, sizes, &classes, 1);
        let fitted = &fresh[DISCRIMINANTS];
        assert_eq!(fitted.shape, [count, features]);
        assert!(fitted.data.iter().any(|value| *value != 0.0));
        let mut before = fresh.clone();
        before.get_mut(DISCRIMINANTS).unwrap().data[0] = 9.0;
        before.get_mut(SHARPNESS).unwrap().data[0] = 1.0;
        renew_discriminants(&mut before, &config, &classes);
        assert_eq!(before, fresh);
    }

    #[test]
    fn a_grown_adapter_does_the_same() {
        let tensor = |shape: [usize; 2], data: &[f32]| HostTensor {
            shape: shape.to_vec(),
            data: data.to_vec(),
        };
        let mut adapter = BTreeMap::from([
            ("a.key.lora.down".to_owned(), tensor([1, 2], &[3.0, 5.0])),
            ("a.key.lora.up".to_owned(), tensor([2, 1], &[7.0, 11.0])),
            ("a.value.lora.down".to_owned(), tensor([1, 2], &[1.0, 1.0])),
        ]);
        let config = AdapterConfig {
            rank: 1,
            matching_rank: 3,
            scale: 1.0,
        };
        grow(&mut adapter, config, 1);
        let down = &adapter["a.key.lora.down"];
        assert_eq!(down.shape, [3, 2]);
        assert_eq!(down.data[..2], [3.0, 5.0]);
        assert!(down.data[2..].iter().all(|value| *value != 0.0));
        let up = &adapter["a.key.lora.up"];
        assert_eq!(up.shape, [2, 3]);
        assert_eq!(up.data, [7.0, 0.0, 0.0, 11.0, 0.0, 0.0]);
        assert_eq!(adapter["a.value.lora.down"].shape, [1, 2]);
    }
}
