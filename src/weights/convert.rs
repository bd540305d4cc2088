//! The published weights and our adapter under the model's own names.

use std::collections::BTreeMap;

use thiserror::Error;

use super::gguf::{Gguf, GgufError};
use super::pack::LOW_RANK;
use super::quant::QuantError;
use super::{EncodedTensor, Encoding, HostTensor, Tensors, Weights};
use crate::model::config::{DecoderConfig, ModelConfig, VisionConfig};
use crate::model::connector::MARKS;

/// Added to the variance in every batch normalisation of EfficientNet.
const BATCH_NORM_EPSILON: f64 = 1e-3;

/// GGUF's mark for a token that is no text (`<|im_start|>` and the like).
const CONTROL_TOKEN: i64 = 3;

/// The entry of an adapter's metadata that says behind which tuned encoder it was trained, by the SHA-256 of that file; without one it was the
/// published encoder.
pub const ENCODER: &str = "encoder";

/// Why original weights could not be brought into the model's form.
#[derive(Debug, Error, Clone, PartialEq)]
pub enum ConvertError {
    /// The GGUF file is not sound.
    #[error(transparent)]
    Gguf(#[from] GgufError),
    /// The language model has another size or setting than ours.
    #[error("the GGUF file has {key} = {found}, the model needs {expected}")]
    Setting {
        /// The metadata key.
        key: String,
        /// The file's value.
        found: f64,
        /// The configuration's value.
        expected: f64,
    },
    /// A tensor is not in the file.
    #[error("there is no tensor '{0}'")]
    Missing(String),
    /// A tensor has another shape.
    #[error("tensor '{name}' has shape {found:?} where {expected:?} is needed")]
    Shape {
        /// The tensor.
        name: String,
        /// Its shape.
        found: Vec<usize>,
        /// The shape that the model needs.
        expected: Vec<usize>,
    },
    /// A tensor that cannot be encoded.
    #[error("tensor '{name}': {source}")]
    Encoding {
        /// The tensor.
        name: String,
        /// What is wrong with it.
        source: QuantError,
    },
    /// The adapter holds a tensor that the model has no place for.
    #[error("the adapter's tensor '{0}' has no place in the model")]
    Unexpected(String),
    /// The tuned encoder holds a tensor that the encoder has no place for.
    #[error("the tuned encoder's tensor '{0}' has no place in the encoder")]
    NoEncoder(String),
    /// The adapter does not say how strong it is.
    #[error("the adapter's metadata has no number 'lora_scale'")]
    Scale,
    /// The tokenizer's tables do not fit together.
    #[error("the GGUF file's tokenizer has {tokens} tokens but {types} types")]
    Tokenizer {
        /// Number of tokens.
        tokens: usize,
        /// Number of token types.
        types: usize,
    },
}

/// How the tensors are written whose form is ours to choose. The language model's matrices keep their published bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// As the page downloads them: the encoder, the connector's matrix and its marks in f16, the adapter's thin matrices in Q8_0.
    Shipped,
    /// All in f32, to measure what the shorter forms cost.
    Full,
}

impl Precision {
    fn or_full(self, shipped: Encoding) -> Encoding {
        match self {
            Self::Shipped => shipped,
            Self::Full => Encoding::F32,
        }
    }
}

/// The language model and the picture encoder as published, under the model's names; `torch` are the tensors of the encoder's file.
///
/// The language model's matrices keep their quantised bytes. The rows of `query` and `key` stand in the order that
/// rotate-half rope needs. Batch normalisation is folded into the convolutions.
///
/// # Errors
///
/// When the GGUF file is not sound, or one of the two holds another model than `config` says.
pub fn originals(
    gguf: &Gguf<'_>,
    torch: Tensors,
    config: &ModelConfig,
    precision: Precision,
) -> Result<Weights, ConvertError> {
    let mut weights = decoder(gguf, &config.decoder)?;
    weights.extend(encoder(torch, &config.vision, precision)?);
    Ok(weights)
}

/// The picture encoder as published, under the model's names, as [`originals`] has it.
///
/// # Errors
///
/// When the file held another model than `config` says.
pub fn encoder(
    torch: Tensors,
    config: &VisionConfig,
    precision: Precision,
) -> Result<Weights, ConvertError> {
    vision(torch, config, precision.or_full(Encoding::F16))
}

/// Puts what `cargo xtask train-encoder` learned in the place of the published encoder's tensors, in their encodings.
///
/// # Errors
///
/// When one of them has no place in the encoder, another shape, or a value that is not finite.
pub fn replace_encoder(weights: &mut Weights, tuned: Tensors) -> Result<(), ConvertError> {
    for (name, tensor) in tuned {
        let published = weights.get(&name).filter(|_| name.starts_with("vision."));
        let Some(published) = published else {
            return Err(ConvertError::NoEncoder(name));
        };
        let tensor = of_shape(&name, tensor, &published.shape)?;
        let tensor = encode(name.clone(), published.encoding, &tensor)?;
        weights.insert(name, tensor);
    }
    Ok(())
}

/// Puts what we trained beside the originals: the connector, its single vectors always in f32, and the thin matrices of the decoder's attention as
/// [`pack`](super::pack) has them; the adapter's scale goes into `up`.
///
/// `adapter` is named as the trainer writes it: `connector.*`, and `NAME.lora.down` `[rank, in]` and `NAME.lora.up`
/// `[out, rank]` for a matrix `NAME` `[out, in]`, which stands for `NAME + lora_scale * up · down` (Hu et al. 2021).
///
/// # Errors
///
/// When a tensor of the connector is missing, one of the adapter fits nowhere, or a value is not finite.
pub fn add_adapter(
    weights: &mut Weights,
    mut adapter: Tensors,
    metadata: &BTreeMap<String, String>,
    config: &ModelConfig,
    precision: Precision,
) -> Result<(), ConvertError> {
    let scale = metadata
        .get("lora_scale")
        .and_then(|scale| scale.parse::<f32>().ok());
    let scale = scale.ok_or(ConvertError::Scale)?;
    let (channels, width) = (config.vision.head_channels, config.decoder.width);
    for (part, shape) in [
        ("mean", &[channels] as &[usize]),
        ("deviation", &[channels]),
        ("projection.weight", &[width, channels]),
        ("projection.bias", &[width]),
        ("norm.weight", &[width]),
        ("norm.bias", &[width]),
        ("gain", &[1]),
        ("position", &[config.connector.parts, width]),
        (
            "comparison.discriminants",
            &[config.connector.discriminants, channels],
        ),
        ("comparison.sharpness", &[2]),
        ("comparison.pull", &[1]),
        ("comparison.position", &[width]),
        ("comparison.marks", &[MARKS, width]),
    ] {
        let name = format!("connector.{part}");
        let tensor = take(&mut adapter, &name, shape)?;
        let encoding = match part {
            "projection.weight" | "comparison.marks" => precision.or_full(Encoding::F16),
            "comparison.discriminants" => precision.or_full(Encoding::Q8_0),
            _ => Encoding::F32,
        };
        weights.insert(name.clone(), encode(name, encoding, &tensor)?);
    }
    while let Some((name, tensor)) = adapter.pop_first() {
        let base = name.strip_suffix(LOW_RANK[0]);
        let shape = base
            .and_then(|base| weights.get(base))
            .map(|base| &base.shape[..]);
        let (Some(base), Some(&[outputs, inputs]), &[rank, _]) = (base, shape, &tensor.shape[..])
        else {
            return Err(ConvertError::Unexpected(name));
        };
        let up_name = format!("{base}{}", LOW_RANK[1]);
        let down = of_shape(&name, tensor, &[rank, inputs])?;
        let up = take(&mut adapter, &up_name, &[outputs, rank])?;
        let transposed = (0..rank)
            .flat_map(|column| up.data.iter().skip(column).step_by(rank))
            .map(|value| value * scale)
            .collect();
        let up = HostTensor {
            shape: vec![rank, outputs],
            data: transposed,
        };
        let encoding = precision.or_full(Encoding::Q8_0);
        weights.insert(name.clone(), encode(name, encoding, &down)?);
        weights.insert(up_name.clone(), encode(up_name, encoding, &up)?);
    }
    Ok(())
}

/// Takes a tensor out, if it is there and of this shape.
fn take(tensors: &mut Tensors, name: &str, shape: &[usize]) -> Result<HostTensor, ConvertError> {
    let tensor = tensors
        .remove(name)
        .ok_or_else(|| ConvertError::Missing(name.to_owned()))?;
    of_shape(name, tensor, shape)
}

fn of_shape(
    name: &str,
    tensor: HostTensor,
    expected: &[usize],
) -> Result<HostTensor, ConvertError> {
    if tensor.shape == expected {
        return Ok(tensor);
    }
    let (name, expected) = (name.to_owned(), expected.to_vec());
    Err(ConvertError::Shape {
        name,
        found: tensor.shape,
        expected,
    })
}

fn encode(
    name: String,
    encoding: Encoding,
    tensor: &HostTensor,
) -> Result<EncodedTensor, ConvertError> {
    EncodedTensor::encode(encoding, tensor)
        .map_err(|source| ConvertError::Encoding { name, source })
}

/// The tables of the language model's tokenizer, in the form that `text::tokenizer` reads (version 1).
///
/// # Errors
///
/// When the GGUF file has none, or they do not fit together.
pub fn tokenizer_json(gguf: &Gguf<'_>) -> Result<String, ConvertError> {
    let tokens = gguf.texts("tokenizer.ggml.tokens")?;
    let merges = gguf.texts("tokenizer.ggml.merges")?;
    let types = gguf.integers("tokenizer.ggml.token_type")?;
    if types.len() != tokens.len() {
        return Err(ConvertError::Tokenizer {
            tokens: tokens.len(),
            types: types.len(),
        });
    }
    let special = types
        .iter()
        .take_while(|&&kind| kind == CONTROL_TOKEN)
        .count();
    let tables =
        serde_json::json!({ "version": 1, "special": special, "tokens": tokens, "merges": merges });
    Ok(tables.to_string())
}

/// Llama's tensors from llama.cpp's names.
fn decoder(gguf: &Gguf<'_>, config: &DecoderConfig) -> Result<Weights, ConvertError> {
    let settings = [
        ("llama.vocab_size", config.vocabulary as f64),
        ("llama.embedding_length", config.width as f64),
        ("llama.block_count", config.layers as f64),
        ("llama.attention.head_count", config.query_heads as f64),
        (
            "llama.attention.head_count_kv",
            config.key_value_heads as f64,
        ),
        ("llama.rope.dimension_count", config.head_width as f64),
        ("llama.feed_forward_length", config.feed_forward as f64),
        ("llama.rope.freq_base", config.rope_base),
        (
            "llama.attention.layer_norm_rms_epsilon",
            config.norm_epsilon,
        ),
    ];
    for (key, expected) in settings {
        let found = gguf.number(key)?;
        // The file has some of them in single precision.
        if (found - expected).abs() > expected.abs() * f64::from(f32::EPSILON) {
            return Err(ConvertError::Setting {
                key: key.to_owned(),
                found,
                expected,
            });
        }
    }

    let (width, hidden) = (config.width, config.feed_forward);
    let queries = config.query_heads * config.head_width;
    let keys = config.key_value_heads * config.head_width;
    let take = |name: String, shape: &[usize]| -> Result<EncodedTensor, ConvertError> {
        let Some(tensor) = gguf.tensors.get(&name) else {
            return Err(ConvertError::Missing(name));
        };
        if tensor.shape != shape {
            let (found, expected) = (tensor.shape.clone(), shape.to_vec());
            return Err(ConvertError::Shape {
                name,
                found,
                expected,
            });
        }
        let (encoding, shape) = (tensor.encoding, tensor.shape.clone());
        Ok(EncodedTensor {
            encoding,
            shape,
            bytes: tensor.bytes.to_vec(),
        })
    };

    let mut weights = Weights::new();
    let embedding = take("token_embd.weight".into(), &[config.vocabulary, width])?;
    weights.insert("decoder.embedding".into(), embedding);
    weights.insert(
        "decoder.norm".into(),
        take("output_norm.weight".into(), &[width])?,
    );
    for layer in 0..config.layers {
        for (ours, theirs, shape) in [
            ("attention_norm", "attn_norm", &[width] as &[usize]),
            ("attention.query", "attn_q", &[queries, width]),
            ("attention.key", "attn_k", &[keys, width]),
            ("attention.value", "attn_v", &[keys, width]),
            ("attention.output", "attn_output", &[width, queries]),
            ("feed_forward_norm", "ffn_norm", &[width]),
            ("feed_forward.gate", "ffn_gate", &[hidden, width]),
            ("feed_forward.up", "ffn_up", &[hidden, width]),
            ("feed_forward.down", "ffn_down", &[width, hidden]),
        ] {
            let mut tensor = take(format!("blk.{layer}.{theirs}.weight"), shape)?;
            if let ("attn_q" | "attn_k", &[rows, _]) = (theirs, shape) {
                tensor.bytes = rotate_half_rows(&tensor.bytes, rows, config.head_width);
            }
            weights.insert(format!("decoder.layers.{layer}.{ours}"), tensor);
        }
    }
    Ok(weights)
}

/// Moves the rows of a query or key matrix from llama.cpp's order to that of rotate-half rope.
///
/// llama.cpp turns neighbouring rows of a head against each other, rotate-half turns row `i` against row
/// `i + head_width / 2`: the even rows of each head come first, then the odd ones. Whole rows move, so their quantised
/// bytes are left as they are. (`permute` in llama.cpp's `convert_hf_to_gguf.py`, backwards.)
fn rotate_half_rows(bytes: &[u8], rows: usize, head_width: usize) -> Vec<u8> {
    let row_bytes = bytes.len() / rows;
    let mut moved = Vec::with_capacity(bytes.len());
    for head in bytes.chunks_exact((row_bytes * head_width).max(1)) {
        for first in [0, 1] {
            let rows = head.chunks_exact(row_bytes).skip(first).step_by(2);
            moved.extend(rows.flatten());
        }
    }
    moved
}

/// EfficientNet-Lite's convolutions from the names of the `efficientnet_pytorch` family.
fn vision(
    mut torch: Tensors,
    config: &VisionConfig,
    encoding: Encoding,
) -> Result<Weights, ConvertError> {
    let mut weights = Weights::new();
    let mut fold = |ours: String, convolution: String, norm: String, shape: [usize; 4]| {
        let [weight, bias] = fold_batch_norm(&mut torch, &convolution, &norm, shape)?;
        for (part, tensor) in [("weight", weight), ("bias", bias)] {
            let name = format!("vision.{ours}.{part}");
            let encoded = EncodedTensor::encode(encoding, &tensor).map_err(|source| {
                ConvertError::Encoding {
                    name: name.clone(),
                    source,
                }
            })?;
            weights.insert(name, encoded);
        }
        Ok::<(), ConvertError>(())
    };

    let mut channels = config.stem_channels;
    fold(
        "stem".into(),
        "_conv_stem".into(),
        "_bn0".into(),
        [channels, 3, 3, 3],
    )?;
    let stages = config
        .stages
        .iter()
        .flat_map(|stage| std::iter::repeat_n(stage, stage.repeats));
    for (block, stage) in stages.enumerate() {
        let (ours, theirs) = (format!("blocks.{block}"), format!("_blocks.{block}"));
        let hidden = channels * stage.expand;
        for (part, convolution, norm, shape) in [
            ("expand", "_expand_conv", "_bn0", [hidden, channels, 1, 1]),
            (
                "depthwise",
                "_depthwise_conv",
                "_bn1",
                [hidden, 1, stage.kernel, stage.kernel],
            ),
            (
                "project",
                "_project_conv",
                "_bn2",
                [stage.channels, hidden, 1, 1],
            ),
        ] {
            if part == "expand" && stage.expand == 1 {
                continue;
            }
            fold(
                format!("{ours}.{part}"),
                format!("{theirs}.{convolution}"),
                format!("{theirs}.{norm}"),
                shape,
            )?;
        }
        channels = stage.channels;
    }
    let shape = [config.head_channels, channels, 1, 1];
    fold("head".into(), "_conv_head".into(), "_bn1".into(), shape)?;
    Ok(weights)
}

/// A convolution without bias and the batch normalisation after it as one convolution: weight and bias.
///
/// `weight * gamma / sqrt(variance + epsilon)` and `beta - mean * gamma / sqrt(variance + epsilon)`, channel by channel
/// (Ioffe and Szegedy 2015), in double precision.
fn fold_batch_norm(
    torch: &mut Tensors,
    convolution: &str,
    norm: &str,
    shape: [usize; 4],
) -> Result<[HostTensor; 2], ConvertError> {
    let weight = take(torch, &format!("{convolution}.weight"), &shape)?.data;
    let channels = shape[0];
    let mut of_norm = |part: &str| take(torch, &format!("{norm}.{part}"), &[channels]);
    let (gamma, beta) = (of_norm("weight")?.data, of_norm("bias")?.data);
    let (mean, variance) = (of_norm("running_mean")?.data, of_norm("running_var")?.data);

    let mut folded = Vec::with_capacity(weight.len());
    let mut bias = Vec::with_capacity(channels);
    let norms = (gamma.iter().zip(&beta)).zip(mean.iter().zip(&variance));
    let kernels = weight.chunks_exact(weight.len() / channels);
    for (kernel, ((&gamma, &beta), (&mean, &variance))) in kernels.zip(norms) {
        let deviation = (f64::from(variance) + BATCH_NORM_EPSILON).sqrt();
        let factor = f64::from(gamma) / deviation;
        folded.extend(
            kernel
                .iter()
                .map(|&value| (f64::from(value) * factor) as f32),
        );
        bias.push((f64::from(beta) - f64::from(mean) * factor) as f32);
    }
    Ok([
        HostTensor {
            shape: shape.to_vec(),
            data: folded,
        },
        HostTensor {
            shape: vec![channels],
            data: bias,
        },
    ])
}
