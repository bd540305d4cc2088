//! The sizes of the three parts. They travel in the pack's manifest, so that the page builds what the pack holds.

use std::iter;

use serde::{Deserialize, Serialize};

/// Configuration of a [`LinkContextModel`](super::LinkContextModel).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelConfig {
    /// The picture encoder.
    pub vision: VisionConfig,
    /// What turns picture features into tokens of the decoder.
    pub connector: ConnectorConfig,
    /// The language model.
    pub decoder: DecoderConfig,
}

impl ModelConfig {
    /// EfficientNet-Lite0 and SmolLM2-135M.
    pub fn lite0_smollm2() -> Self {
        Self {
            vision: VisionConfig::lite0(),
            connector: ConnectorConfig {
                parts: 5,
                discriminants: 192,
                content: 0.5,
            },
            decoder: DecoderConfig::smollm2_135m(),
        }
    }

    /// A model of the same code, small enough for a browser's software GPU; for tests. Like the real one it takes squares of 224
    /// pixels to maps of 7 by 7, and its matrices have rows of whole blocks of 32, so that they can be quantised.
    pub fn tiny() -> Self {
        Self {
            vision: VisionConfig {
                image_size: 224,
                stem_channels: 8,
                stages: vec![
                    StageConfig::new(1, 3, 1, 1, 8),
                    StageConfig::new(2, 3, 2, 2, 16),
                    StageConfig::new(1, 5, 2, 2, 16),
                    StageConfig::new(2, 3, 2, 2, 24),
                    StageConfig::new(1, 5, 2, 2, 24),
                ],
                head_channels: 32,
            },
            connector: ConnectorConfig {
                parts: 5,
                discriminants: 12,
                content: 0.75,
            },
            decoder: DecoderConfig {
                vocabulary: 300,
                width: 64,
                layers: 2,
                query_heads: 4,
                key_value_heads: 2,
                head_width: 16,
                feed_forward: 128,
                rope_base: 10_000.0,
                norm_epsilon: 1e-5,
                context: 256,
            },
        }
    }
}

/// Configuration of an EfficientNet-Lite (Tan and Le 2019; the Lite variants drop squeeze-excite and use ReLU6).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VisionConfig {
    /// Side of the input square in pixels.
    pub image_size: usize,
    /// Channels after the first convolution.
    pub stem_channels: usize,
    /// The stages of inverted residual blocks.
    pub stages: Vec<StageConfig>,
    /// Channels of the last map.
    pub head_channels: usize,
}

/// One stage: `repeats` inverted residual blocks, of which the first may stride.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StageConfig {
    /// Number of blocks.
    pub repeats: usize,
    /// Side of the depthwise kernel.
    pub kernel: usize,
    /// Stride of the first block.
    pub stride: usize,
    /// Expansion ratio of the blocks.
    pub expand: usize,
    /// Output channels.
    pub channels: usize,
}

impl StageConfig {
    /// A stage of `repeats` blocks.
    pub fn new(
        repeats: usize,
        kernel: usize,
        stride: usize,
        expand: usize,
        channels: usize,
    ) -> Self {
        Self {
            repeats,
            kernel,
            stride,
            expand,
            channels,
        }
    }
}

impl VisionConfig {
    /// EfficientNet-Lite0: 224 px, 4.65 M parameters with its classifier.
    pub fn lite0() -> Self {
        Self {
            image_size: 224,
            stem_channels: 32,
            stages: vec![
                StageConfig::new(1, 3, 1, 1, 16),
                StageConfig::new(2, 3, 2, 6, 24),
                StageConfig::new(2, 5, 2, 6, 40),
                StageConfig::new(3, 3, 2, 6, 80),
                StageConfig::new(3, 5, 1, 6, 112),
                StageConfig::new(4, 5, 2, 6, 192),
                StageConfig::new(1, 3, 1, 6, 320),
            ],
            head_channels: 1280,
        }
    }

    /// EfficientNet-Lite2: 260 px, deeper and a tenth wider than [`lite0`](Self::lite0).
    pub fn lite2() -> Self {
        Self {
            image_size: 260,
            stem_channels: 32,
            stages: vec![
                StageConfig::new(1, 3, 1, 1, 16),
                StageConfig::new(3, 3, 2, 6, 24),
                StageConfig::new(3, 5, 2, 6, 48),
                StageConfig::new(4, 3, 2, 6, 88),
                StageConfig::new(4, 5, 1, 6, 120),
                StageConfig::new(5, 5, 2, 6, 208),
                StageConfig::new(1, 3, 1, 6, 352),
            ],
            head_channels: 1280,
        }
    }

    /// The stage and the stride of every block.
    pub(super) fn blocks(&self) -> impl Iterator<Item = (&StageConfig, usize)> {
        let strides = |stage: &StageConfig| iter::once(stage.stride).chain(iter::repeat(1));
        self.stages
            .iter()
            .flat_map(move |stage| iter::repeat_n(stage, stage.repeats).zip(strides(stage)))
    }

    /// Shape of the map before block number `block`, `[channels, rows, columns]`.
    pub fn shape_before(&self, block: usize) -> [usize; 3] {
        let stem = (self.stem_channels, self.image_size.div_ceil(2));
        let before = self.blocks().take(block);
        let (channels, side) = before.fold(stem, |(_, side), (stage, stride)| {
            (stage.channels, side.div_ceil(stride))
        });
        [channels, side, side]
    }
}

/// Configuration of the connector.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConnectorConfig {
    /// Vectors of features a picture has: the mean of the map and of its four overlapping quadrants.
    pub parts: usize,
    /// Directions along which pictures are compared as wholes.
    pub discriminants: usize,
    /// How much of what a picture looks like is in its tokens beside its mark, 0 to 1. Training draws it anew for each episode, so that the
    /// decoder also reads what the connector's comparison found and does not compare pictures by itself alone.
    pub content: f64,
}

impl ConnectorConfig {
    /// Tokens a picture takes in the sequence: one a part, and one that compares it with the pictures before it.
    pub fn visual_tokens(&self) -> usize {
        self.parts + 1
    }
}

/// Configuration of a Llama decoder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DecoderConfig {
    /// Number of tokens.
    pub vocabulary: usize,
    /// Width of the residual stream (`d_model`).
    pub width: usize,
    /// Number of blocks.
    pub layers: usize,
    /// Query heads.
    pub query_heads: usize,
    /// Key/value heads, each shared by `query_heads / key_value_heads` query heads.
    pub key_value_heads: usize,
    /// Width of a head.
    pub head_width: usize,
    /// Width of the gated feed-forward.
    pub feed_forward: usize,
    /// Base of the rotary frequencies.
    pub rope_base: f64,
    /// Added to the mean square in every RMS norm.
    pub norm_epsilon: f64,
    /// Positions the model was trained for.
    pub context: usize,
}

impl DecoderConfig {
    /// SmolLM2-135M. Its own context is 8192; the page keeps a static cache of 2048.
    pub fn smollm2_135m() -> Self {
        Self {
            vocabulary: 49_152,
            width: 576,
            layers: 30,
            query_heads: 9,
            key_value_heads: 3,
            head_width: 64,
            feed_forward: 1536,
            rope_base: 100_000.0,
            norm_epsilon: 1e-5,
            context: 2048,
        }
    }
}
