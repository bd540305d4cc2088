//! Weights against PyTorch, NumPy and the `gguf` package, and what damaged files do. Fixtures: `../fixtures/weights/README.md`.
#![cfg(feature = "cli")]

mod conversion;
mod packs;
mod quantisation;
mod readers;

use std::fs;
use std::path::{Path, PathBuf};

use link_context::model::config::{
    ConnectorConfig, DecoderConfig, ModelConfig, StageConfig, VisionConfig,
};
use link_context::weights::checkpoint::read_safetensors;
use link_context::weights::convert::{Precision, add_adapter, originals};
use link_context::weights::gguf::Gguf;
use link_context::weights::{HostTensor, Weights, torch};

fn path(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/weights");
    folder.join(name)
}

fn fixture(name: &str) -> Vec<u8> {
    fs::read(path(name)).unwrap()
}

/// The sizes in `fixtures/weights/make.py`.
fn config() -> ModelConfig {
    ModelConfig {
        vision: VisionConfig {
            image_size: 32,
            stem_channels: 4,
            stages: vec![
                StageConfig::new(1, 3, 1, 1, 4),
                StageConfig::new(2, 5, 2, 2, 6),
            ],
            head_channels: 32,
        },
        connector: ConnectorConfig {
            parts: 5,
            discriminants: 6,
            content: 0.75,
        },
        decoder: DecoderConfig {
            vocabulary: 40,
            width: 32,
            layers: 2,
            query_heads: 8,
            key_value_heads: 4,
            head_width: 8,
            feed_forward: 64,
            rope_base: 100_000.0,
            norm_epsilon: 1e-5,
            context: 128,
        },
    }
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// What distinguishes two tensors, shapes and all.
fn bits_of(tensor: &HostTensor) -> (&[usize], Vec<u32>) {
    (&tensor.shape, bits(&tensor.data))
}

/// The model of the fixtures, adapter and all, as a pack holds it.
fn tiny_weights() -> Weights {
    tiny_weights_in(Precision::Shipped)
}

fn tiny_weights_in(precision: Precision) -> Weights {
    let bytes = fixture("tiny.gguf");
    let gguf = Gguf::parse(&bytes).unwrap();
    let mut weights = originals(
        &gguf,
        torch::read(&path("encoder.pth")).unwrap(),
        &config(),
        precision,
    )
    .unwrap();
    let (adapter, metadata) = read_safetensors(&fixture("adapter.safetensors")).unwrap();
    add_adapter(&mut weights, adapter, &metadata, &config(), precision).unwrap();
    weights
}
