//! Trains the adapter on folders of pictures. See `cargo xtask train -- --help`.

#![deny(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod arguments;
mod sources;

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::mem;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, bail};
use burn::tensor::Device;
use clap::Parser as _;
use link_context::features::{ClassFeatures, Encoder};
use link_context::model::ModelConfig;
use link_context::text::template::Template;
use link_context::text::tokenizer::Tokenizer;
use link_context::train::adapter::{AdapterConfig, grow, initial_adapter, renew_discriminants};
use link_context::train::episodes::{TrainingEpisode, Writer};
use link_context::train::ingredients::Ingredients;
use link_context::train::log::Line;
use link_context::train::run::Run;
use link_context::train::strategy::{Rules, Shape};
use link_context::train::{Trainer, rate};
use link_context::weights::checkpoint::read_safetensors;
use link_context::weights::convert::{
    ENCODER, Precision, originals, replace_encoder, tokenizer_json,
};
use link_context::weights::gguf::Gguf;
use link_context::weights::pack::sha256;
use link_context::weights::{HostTensor, Weights, torch};
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;

use self::arguments::Arguments;
use self::sources::{Source, Sources, read_text};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What the held-out episodes are drawn by.
const HELD_OUT_SEED: u64 = 0x4845_4c45;

/// What is not trained.
struct Frozen {
    weights: Weights,
    tokenizer: Tokenizer,
    /// Hash of the tuned encoder, if there is one.
    encoder: Option<String>,
}

impl Frozen {
    /// The published weights, behind the tuned encoder if one is named.
    fn read(arguments: &Arguments, config: &ModelConfig) -> anyhow::Result<Self> {
        let gguf_bytes = read(&arguments.gguf)?;
        let gguf = Gguf::parse(&gguf_bytes)?;
        let torch = torch::read(&arguments.torch)
            .with_context(|| format!("cannot read {}", arguments.torch.display()))?;
        let mut weights = originals(&gguf, torch, config, Precision::Shipped)?;
        let mut encoder = None;
        if let Some(path) = &arguments.encoder {
            let bytes = read(path)?;
            let (tuned, _) = read_safetensors(&bytes)
                .with_context(|| format!("cannot read {}", path.display()))?;
            replace_encoder(&mut weights, tuned)
                .with_context(|| format!("{} does not fit", path.display()))?;
            encoder = Some(sha256(&bytes));
        }
        Ok(Self {
            weights,
            tokenizer: Tokenizer::from_json(tokenizer_json(&gguf)?)?,
            encoder,
        })
    }

    fn tensors(&self) -> anyhow::Result<BTreeMap<String, HostTensor>> {
        let weights = self.weights.iter();
        weights
            .map(|(name, tensor)| Ok((name.clone(), tensor.decode()?)))
            .collect()
    }
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let mut ingredients = arguments.ingredients()?;
    let config = ModelConfig::lite0_smollm2();
    let frozen = Frozen::read(&arguments, &config)?;
    let template = Template::new(&frozen.tokenizer, config.connector.visual_tokens())?;
    let text = read_text(&arguments.text, &frozen.tokenizer)?;
    if text.is_empty() {
        ingredients -= Ingredients::PLAIN_TEXT;
    }
    let encoder = Encoder::take(&config, &frozen.weights)?;
    let parts = config.connector.parts;
    let sources = Sources::read(&arguments, &encoder, parts, text)?;
    let blank = encoder.blank()?;
    let writer = Writer {
        tokenizer: &frozen.tokenizer,
        template: &template,
        parts,
        blank: &blank,
    };

    let run = Run::new(&arguments.out);
    let mut checkpoint = run.checkpoint()?;
    let adapter = match &mut checkpoint {
        Some(checkpoint) => mem::take(&mut checkpoint.adapter),
        None => first_adapter(&arguments, &config, &sources, frozen.encoder.as_ref())?,
    };
    let mut trainer = Trainer::new(
        &config,
        frozen.tensors()?,
        adapter,
        adapter_config(&arguments),
        arguments.weight_decay,
        &Device::flex(),
    )?
    .with_leaning(arguments.leaning);
    let mut first = 0;
    if let Some(checkpoint) = checkpoint {
        trainer.load_optimiser(checkpoint.optimiser)?;
        first = checkpoint.step;
        println!("going on from step {first}");
    }
    let mut metadata = BTreeMap::from([("lora_scale".to_owned(), arguments.scale.to_string())]);
    metadata.extend(frozen.encoder.map(|hash| (ENCODER.to_owned(), hash)));

    let mut training = Training {
        arguments: &arguments,
        ingredients,
        sources: &sources,
        writer,
        trainer,
        log: run.log()?,
        losses: Vec::new(),
    };
    training.write(&Line::Setting {
        run: arguments.setting(),
    })?;
    for step in first..arguments.steps {
        training.step(step)?;
        if (step + 1).is_multiple_of(arguments.every) || step + 1 == arguments.steps {
            training.measure(step)?;
            run.save(&mut training.trainer, step + 1, &metadata)?;
        }
    }
    println!("the adapter is {}", run.shipped().display());
    Ok(())
}

/// What a run starts from that finds no checkpoint; `encoder` is the tuned encoder's hash.
fn first_adapter(
    arguments: &Arguments,
    config: &ModelConfig,
    sources: &Sources,
    encoder: Option<&String>,
) -> anyhow::Result<BTreeMap<String, HostTensor>> {
    let all = sources.all().iter();
    let classes: Vec<&ClassFeatures> = all.flat_map(|source| source.train.classes()).collect();
    let ranks = adapter_config(arguments);
    let Some(start) = &arguments.start else {
        return Ok(initial_adapter(config, ranks, &classes, arguments.seed));
    };
    let (mut adapter, before) = read_safetensors(&read(start)?)?;
    let scale = before.get("lora_scale").map(String::as_str);
    if scale != Some(arguments.scale.to_string().as_str()) {
        bail!(
            "{} was trained with --scale {}",
            start.display(),
            scale.unwrap_or("?")
        );
    }
    grow(&mut adapter, ranks, arguments.seed);
    if before.get(ENCODER) != encoder {
        renew_discriminants(&mut adapter, config, &classes);
    }
    Ok(adapter)
}

fn adapter_config(arguments: &Arguments) -> AdapterConfig {
    AdapterConfig {
        rank: arguments.rank,
        matching_rank: arguments.matching_rank,
        scale: arguments.scale,
    }
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

/// A run as it goes.
struct Training<'a> {
    arguments: &'a Arguments,
    ingredients: Ingredients,
    sources: &'a Sources,
    writer: Writer<'a>,
    trainer: Trainer,
    log: fs::File,
    /// Of the steps on episodes whose support set must be read.
    losses: Vec<f32>,
}

impl Training<'_> {
    /// A step of the optimiser on a batch of its own.
    fn step(&mut self, step: usize) -> anyhow::Result<()> {
        let start = Instant::now();
        let arguments = self.arguments;
        // A generator a step, so that a run that was cut off draws what it would have drawn.
        let mut rng = ChaCha8Rng::seed_from_u64(arguments.seed);
        rng.set_stream(step as u64 + 1);
        let progress =
            arguments.begin + (1.0 - arguments.begin) * step as f64 / arguments.steps as f64;
        let strategy = arguments.strategy;
        let draw = strategy.draw(self.ingredients, arguments.beside(), progress, &mut rng);
        let episodes: Vec<TrainingEpisode> = (0..draw.sequences(arguments.batch))
            .map(|_| self.sources.draw(draw, &self.writer, &mut rng))
            .collect();
        let tokens: usize = episodes.iter().map(|episode| episode.positions.len()).sum();
        let rate = rate(step, arguments.steps, arguments.warmup, arguments.rate);
        let loss = self.trainer.step(&episodes, rate)?;
        if draw.is_linked() {
            self.losses.push(loss);
        }
        let seconds = start.elapsed().as_secs_f64();
        self.write(&Line::Step {
            step,
            loss,
            rate,
            of: draw.to_string(),
            linked: draw.is_linked(),
            tokens,
            seconds,
        })?;
        if (step + 1).is_multiple_of(10) {
            let last = &self.losses[self.losses.len().saturating_sub(10)..];
            let mean = last.iter().sum::<f32>() / last.len().max(1) as f32;
            println!(
                "step {:5}  loss {mean:.4}  {:.0} tokens/s  {seconds:.1} s",
                step + 1,
                tokens as f64 / seconds
            );
        }
        Ok(())
    }

    /// Accuracy on the held-out classes of every source after a step.
    fn measure(&mut self, step: usize) -> anyhow::Result<()> {
        for source in self.sources.all() {
            for shots in [1, 4] {
                let right = self.held_out(source, shots)?;
                let count = right.iter().filter(|right| **right).count();
                let accuracy = count as f64 / right.len() as f64;
                println!(
                    "step {:5}  held out {}: 2-way {shots}-shot exact {:.1} %",
                    step + 1,
                    source.name,
                    accuracy * 100.0
                );
                let digits = right.iter().map(|&right| if right { '1' } else { '0' });
                self.write(&Line::HeldOut {
                    step,
                    source: source.name.clone(),
                    shots,
                    queries: right.len(),
                    exact: accuracy,
                    right: digits.collect(),
                })?;
            }
        }
        Ok(())
    }

    /// Whether greedy decoding would give the exact name, for each of the held-out queries, 2-way.
    fn held_out(&self, source: &Source, shots: usize) -> anyhow::Result<Vec<bool>> {
        // The same episodes every time and for every run, so that the curve, and what sets two runs apart, is of the model alone.
        let mut rng = ChaCha8Rng::seed_from_u64(HELD_OUT_SEED);
        let shape = Shape {
            ways: 2,
            shots,
            queries: 2,
        };
        let (wanted, batch) = (self.arguments.held_out, self.arguments.batch);
        let mut right = Vec::new();
        for _ in 0..wanted.div_ceil(batch) {
            let draw = |_| {
                self.writer
                    .draw(&mut rng, &source.held_out, shape, Rules::HELD_OUT)
            };
            let episodes: Vec<TrainingEpisode> = (0..batch).map(draw).collect();
            right.extend(self.trainer.exact(&episodes)?);
        }
        Ok(right)
    }

    fn write(&mut self, line: &Line) -> anyhow::Result<()> {
        Ok(writeln!(self.log, "{}", serde_json::to_string(line)?)?)
    }
}
