//! Trains the adapter on folders of pictures. See `cargo xtask train -- --help`.

#![deny(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::mem;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, bail};
use burn::tensor::Device;
use clap::Parser;
use link_context::features::{
    ClassFeatures, ClassNames, Encoder, FeatureReader, Splits, Styles, share_argument,
    source_argument,
};
use link_context::model::ModelConfig;
use link_context::text::template::Template;
use link_context::text::tokenizer::Tokenizer;
use link_context::train::adapter::{AdapterConfig, grow, initial_adapter, renew_discriminants};
use link_context::train::episodes::{Pool, TrainingEpisode, Writer};
use link_context::train::ingredients::Ingredients;
use link_context::train::log::Line;
use link_context::train::run::Run;
use link_context::train::strategy::{Beside, Draw, Rules, Shape, Strategy};
use link_context::train::{Trainer, rate};
use link_context::weights::checkpoint::read_safetensors;
use link_context::weights::convert::{
    ENCODER, Precision, originals, replace_encoder, tokenizer_json,
};
use link_context::weights::gguf::Gguf;
use link_context::weights::pack::sha256;
use link_context::weights::{HostTensor, Weights, torch};
use rand::SeedableRng as _;
use rand::distr::Distribution as _;
use rand::distr::weighted::WeightedIndex;
use rand_chacha::ChaCha8Rng;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What the held-out episodes are drawn by.
const HELD_OUT_SEED: u64 = 0x4845_4c45;

/// Trains the connector and the low-rank adapters on link-context episodes.
#[derive(Parser, Debug)]
struct Arguments {
    /// SmolLM2's GGUF file.
    #[arg(long)]
    gguf: PathBuf,
    /// EfficientNet-Lite0's torch file.
    #[arg(long)]
    torch: PathBuf,
    /// What `cargo xtask train-encoder` wrote, in place of the published encoder's last blocks.
    #[arg(long)]
    encoder: Option<PathBuf>,
    /// A source of pictures, NAME=FOLDER with one subfolder a class; may be given several times.
    #[arg(long, required = true, value_parser = source_argument)]
    pictures: Vec<(String, PathBuf)>,
    /// JSON that says which classes of each source are for training: {"NAME": {"train": [...], "held_out": [...]}}.
    #[arg(long)]
    split: PathBuf,
    /// What the classes are really called, a class and its names a line with a tab between; a class without a line is called as its folder.
    #[arg(long)]
    names: Option<PathBuf>,
    /// The styles of a source whose files are named STYLE-NUMBER, NAME=FILE: {"train": [...], "held_out": [...]}.
    #[arg(long, value_parser = source_argument)]
    styles: Vec<(String, PathBuf)>,
    /// How often episodes are drawn from a source beside the others, NAME=NUMBER; 1 where nothing is said.
    #[arg(long, value_parser = weight_argument)]
    weight: Vec<(String, f64)>,
    /// Plain text, so that the language model still speaks; may be given several times.
    #[arg(long)]
    text: Vec<PathBuf>,
    /// How episodes are made: 2-way, 2-way-random, 2-way-weight, mix or link.
    #[arg(long, default_value_t = Strategy::Link)]
    strategy: Strategy,
    #[arg(long, value_delimiter = ',', help = format!("Ingredients of link to leave out: {}", Ingredients::names()))]
    without: Vec<String>,
    /// Share of link's batches that are pictures to be called what they are, once the link was learned alone.
    #[arg(long, default_value_t = Beside::default().naming, value_parser = share_argument)]
    naming: f64,
    /// How often such pictures are drawn from a source beside the others, NAME=NUMBER; as by --weight where nothing is said.
    #[arg(long, value_parser = weight_argument)]
    naming_weight: Vec<(String, f64)>,
    /// Share of link's batches that are plain text.
    #[arg(long, default_value_t = Beside::default().text, value_parser = share_argument)]
    plain_text: f64,
    /// Folder for checkpoints, the log and cached features. A run goes on from the checkpoint it finds here.
    #[arg(long)]
    out: PathBuf,
    /// Folder for cached features, where several runs or the benchmark are to share them; else they are kept in the run's own.
    #[arg(long)]
    features: Option<PathBuf>,
    /// Adapter to start from, when there is no checkpoint yet; its ranks grow to those given here.
    #[arg(long)]
    start: Option<PathBuf>,
    /// Steps of the optimiser in all.
    #[arg(long, default_value_t = 800)]
    steps: usize,
    /// How far the run is on the strategy's way when it begins, 0 to 1: for a run that goes on from another's adapter.
    #[arg(long, default_value_t = 0.0, value_parser = share_argument)]
    begin: f64,
    /// Episodes a step.
    #[arg(long, default_value_t = 8)]
    batch: usize,
    /// Peak learning rate.
    #[arg(long, default_value_t = 1e-3)]
    rate: f64,
    /// Steps over which the learning rate rises.
    #[arg(long, default_value_t = 30)]
    warmup: usize,
    /// Rank of the low-rank adapters on values and outputs.
    #[arg(long, default_value_t = 16)]
    rank: usize,
    /// Rank of the low-rank adapters on queries and keys.
    #[arg(long, default_value_t = 32)]
    matching_rank: usize,
    /// Factor on the low-rank adapters' output.
    #[arg(long, default_value_t = 2.0)]
    scale: f64,
    /// Weight of learning where to look: of the cross-entropy of the right concept among those whose names are attended to.
    #[arg(long, default_value_t = 0.0, value_parser = share_argument)]
    leaning: f64,
    /// Weight decay of AdamW.
    #[arg(long, default_value_t = 0.01)]
    weight_decay: f32,
    /// Pictures a class at most.
    #[arg(long, default_value_t = 80)]
    limit: usize,
    /// Pictures a training class that are not trained on, the last by name, where it has more than four times as many: to name without
    /// a support set.
    #[arg(long, default_value_t = 8)]
    reserve: usize,
    /// Steps between checkpoints and held-out measurements.
    #[arg(long, default_value_t = 100)]
    every: usize,
    /// Held-out episodes a source in each measurement, of two queries each. With 100 of them, four points either way are chance.
    #[arg(long, default_value_t = 100)]
    held_out: usize,
    /// Seed of everything random but the held-out episodes, which are the same for every run.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

impl Arguments {
    fn weight(&self, source: &str) -> f64 {
        given(&self.weight, source).unwrap_or(1.0)
    }

    fn beside(&self) -> Beside {
        Beside {
            naming: self.naming,
            text: self.plain_text,
        }
    }

    /// What makes this run another than others, for the log.
    fn setting(&self) -> String {
        let sources = self
            .pictures
            .iter()
            .map(|(name, _)| match self.weight(name) {
                1.0 => name.clone(),
                weight => format!("{name} ({weight} times)"),
            });
        let sources: Vec<String> = sources.collect();
        let mut text = format!(
            "{} of {}, {} x {} episodes, rank {}/{}, rate {}, seed {}",
            self.strategy,
            sources.join(", "),
            self.steps,
            self.batch,
            self.rank,
            self.matching_rank,
            self.rate,
            self.seed
        );
        if self.begin != 0.0 {
            text += &format!(", beginning at {}", self.begin);
        }
        if self.beside() != Beside::default() {
            text += &format!(", naming {}, plain text {}", self.naming, self.plain_text);
        }
        for (source, weight) in &self.naming_weight {
            text += &format!(", naming of {source} {weight} times");
        }
        if self.leaning != 0.0 {
            text += &format!(", leaning {}", self.leaning);
        }
        for ingredient in &self.without {
            text += &format!(", without {ingredient}");
        }
        if let Some(start) = &self.start {
            text += &format!(", from {}", start.display());
        }
        if self.encoder.is_some() {
            text += ", tuned encoder";
        }
        text
    }
}

/// What was given for a source.
fn given(weights: &[(String, f64)], source: &str) -> Option<f64> {
    let given = weights.iter().find(|(name, _)| name == source);
    given.map(|(_, weight)| *weight)
}

/// The weight of a source, as `tiny-imagenet=3`.
fn weight_argument(text: &str) -> Result<(String, f64), String> {
    let parsed = text.rsplit_once('=').and_then(|(name, weight)| {
        let weight: f64 = weight.parse().ok()?;
        (weight.is_finite() && weight > 0.0).then(|| (name.to_owned(), weight))
    });
    parsed.ok_or_else(|| format!("'{text}' is not NAME=NUMBER with a number above 0"))
}

/// One source's classes.
struct Source {
    name: String,
    /// How often it is drawn from beside the others.
    weight: f64,
    train: Pool,
    held_out: Pool,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let config = ModelConfig::lite0_smollm2();
    if arguments.naming + arguments.plain_text > 1.0 {
        bail!("--naming and --plain-text are together more than all batches");
    }
    let mut ingredients = Ingredients::without(&arguments.without).map_err(anyhow::Error::msg)?;
    let read =
        |path: &Path| fs::read(path).with_context(|| format!("cannot read {}", path.display()));
    let gguf_bytes = read(&arguments.gguf)?;
    let gguf = Gguf::parse(&gguf_bytes)?;
    let torch = torch::read(&arguments.torch)
        .with_context(|| format!("cannot read {}", arguments.torch.display()))?;
    let mut weights = originals(&gguf, torch, &config, Precision::Shipped)?;
    let mut metadata = BTreeMap::from([("lora_scale".to_owned(), arguments.scale.to_string())]);
    if let Some(path) = &arguments.encoder {
        let bytes = read(path)?;
        let (tuned, _) =
            read_safetensors(&bytes).with_context(|| format!("cannot read {}", path.display()))?;
        replace_encoder(&mut weights, tuned)
            .with_context(|| format!("{} does not fit", path.display()))?;
        metadata.insert(ENCODER.to_owned(), sha256(&bytes));
    }
    let tokenizer = Tokenizer::from_json(tokenizer_json(&gguf)?)?;
    let template = Template::new(&tokenizer, config.connector.visual_tokens())?;
    let text = read_text(&arguments.text, &tokenizer)?;
    if text.is_empty() {
        ingredients -= Ingredients::PLAIN_TEXT;
    }
    let encoder = Encoder::take(&config, &weights)?;
    let sources = read_sources(&arguments, &config, &encoder)?;
    let blank = encoder.blank()?;

    let run = Run::new(&arguments.out);
    let adapter_config = AdapterConfig {
        rank: arguments.rank,
        matching_rank: arguments.matching_rank,
        scale: arguments.scale,
    };
    let mut checkpoint = run.checkpoint()?;
    let classes: Vec<&ClassFeatures> = sources.iter().flat_map(|s| s.train.classes()).collect();
    let adapter = match (&mut checkpoint, &arguments.start) {
        (Some(checkpoint), _) => mem::take(&mut checkpoint.adapter),
        (None, Some(start)) => {
            let (mut adapter, before) = read_safetensors(&read(start)?)?;
            let scale = before.get("lora_scale").map(String::as_str);
            if scale != Some(arguments.scale.to_string().as_str()) {
                bail!(
                    "{} was trained with --scale {}",
                    start.display(),
                    scale.unwrap_or("?")
                );
            }
            grow(&mut adapter, adapter_config, arguments.seed);
            if before.get(ENCODER) != metadata.get(ENCODER) {
                renew_discriminants(&mut adapter, &config, &classes);
            }
            adapter
        }
        (None, None) => initial_adapter(&config, adapter_config, &classes, arguments.seed),
    };
    let frozen = decode(&weights)?;
    let device = Device::flex();
    let mut trainer = Trainer::new(
        &config,
        frozen,
        adapter,
        adapter_config,
        arguments.weight_decay,
        &device,
    )?
    .with_leaning(arguments.leaning);
    let mut first = 0;
    if let Some(checkpoint) = checkpoint {
        trainer.load_optimiser(checkpoint.optimiser)?;
        first = checkpoint.step;
        println!("going on from step {first}");
    }

    let writer = Writer {
        tokenizer: &tokenizer,
        template: &template,
        parts: config.connector.parts,
        blank: &blank,
    };
    let shares = WeightedIndex::new(sources.iter().map(|source| source.weight))?;
    let naming_shares = WeightedIndex::new(
        sources
            .iter()
            .map(|source| given(&arguments.naming_weight, &source.name).unwrap_or(source.weight)),
    )?;
    let mut log = run.log()?;
    write_line(
        &mut log,
        &Line::Setting {
            run: arguments.setting(),
        },
    )?;
    let mut losses = Vec::new();
    for step in first..arguments.steps {
        let start = Instant::now();
        // A generator a step, so that a run that was cut off draws what it would have drawn.
        let mut rng = ChaCha8Rng::seed_from_u64(arguments.seed);
        rng.set_stream(step as u64 + 1);
        let progress =
            arguments.begin + (1.0 - arguments.begin) * step as f64 / arguments.steps as f64;
        let draw = arguments
            .strategy
            .draw(ingredients, arguments.beside(), progress, &mut rng);
        let shares = if draw.is_linked() {
            &shares
        } else {
            &naming_shares
        };
        let episodes: Vec<TrainingEpisode> = (0..draw.sequences(arguments.batch))
            .map(|_| match draw {
                Draw::Text => Writer::text(&mut rng, &text),
                Draw::Episodes(shape, rules) => {
                    let source = &sources[shares.sample(&mut rng)];
                    writer.draw(&mut rng, &source.train, shape, rules)
                }
            })
            .collect();
        let tokens: usize = episodes.iter().map(|episode| episode.positions.len()).sum();
        let rate = rate(step, arguments.steps, arguments.warmup, arguments.rate);
        let loss = trainer.step(&episodes, rate)?;
        if draw.is_linked() {
            losses.push(loss);
        }
        let seconds = start.elapsed().as_secs_f64();
        let line = Line::Step {
            step,
            loss,
            rate,
            of: draw.to_string(),
            linked: draw.is_linked(),
            tokens,
            seconds,
        };
        write_line(&mut log, &line)?;
        if (step + 1) % 10 == 0 {
            let last = &losses[losses.len().saturating_sub(10)..];
            let mean = last.iter().sum::<f32>() / last.len().max(1) as f32;
            println!(
                "step {:5}  loss {mean:.4}  {:.0} tokens/s  {seconds:.1} s",
                step + 1,
                tokens as f64 / seconds
            );
        }
        if (step + 1) % arguments.every == 0 || step + 1 == arguments.steps {
            for source in &sources {
                for shots in [1, 4] {
                    let right = held_out(&trainer, source, shots, &arguments, writer)?;
                    let count = right.iter().filter(|right| **right).count();
                    let accuracy = count as f64 / right.len() as f64;
                    println!(
                        "step {:5}  held out {}: 2-way {shots}-shot exact {:.1} %",
                        step + 1,
                        source.name,
                        accuracy * 100.0
                    );
                    let line = Line::HeldOut {
                        step,
                        source: source.name.clone(),
                        shots,
                        queries: right.len(),
                        exact: accuracy,
                        right: right
                            .iter()
                            .map(|&right| if right { '1' } else { '0' })
                            .collect(),
                    };
                    write_line(&mut log, &line)?;
                }
            }
            run.save(&mut trainer, step + 1, &metadata)?;
        }
    }
    println!("the adapter is {}", run.shipped().display());
    Ok(())
}

fn write_line(log: &mut fs::File, line: &Line) -> anyhow::Result<()> {
    Ok(writeln!(log, "{}", serde_json::to_string(line)?)?)
}

/// Features of every class of every source.
fn read_sources(
    arguments: &Arguments,
    config: &ModelConfig,
    encoder: &Encoder,
) -> anyhow::Result<Vec<Source>> {
    let splits = Splits::read(&arguments.split)?;
    let known = match &arguments.names {
        Some(path) => ClassNames::read(path)?,
        None => ClassNames::default(),
    };
    let cache = match &arguments.features {
        Some(folder) => folder.clone(),
        None => arguments.out.join("features"),
    };
    let reader = FeatureReader::new(encoder, &cache);
    let parts = config.connector.parts;
    for (option, weights) in [
        ("--weight", &arguments.weight),
        ("--naming-weight", &arguments.naming_weight),
    ] {
        let unknown = |(name, _): &&(String, f64)| {
            !arguments.pictures.iter().any(|(source, _)| source == name)
        };
        if let Some((name, _)) = weights.iter().find(unknown) {
            bail!("{option} is of '{name}', which --pictures does not name");
        }
    }
    let mut sources = Vec::new();
    for (name, folder) in &arguments.pictures {
        let classes = splits.of(name)?;
        let start = Instant::now();
        let pool = |classes: Vec<ClassFeatures>| {
            let names = classes
                .iter()
                .map(|class| known.of(&class.name).swap_remove(0));
            let names = names.collect();
            Pool::new(classes, names, parts)
        };
        let styles = arguments.styles.iter().find(|(styled, _)| styled == name);
        let styles = styles.map(|(_, path)| Styles::read(path)).transpose()?;
        let [mut train, held_out] =
            reader.split(folder, classes, arguments.limit, styles.as_ref())?;
        for class in &mut train {
            class.split_off(arguments.reserve);
        }
        if train.len().min(held_out.len()) < 2 {
            bail!("the split of '{name}' needs at least two classes for training and two held out");
        }
        let source = Source {
            name: name.clone(),
            weight: arguments.weight(name),
            train: pool(train),
            held_out: pool(held_out),
        };
        let (train, held_out) = (source.train.classes(), source.held_out.classes());
        let pictures: usize = train.iter().chain(held_out).map(ClassFeatures::len).sum();
        println!(
            "{name}: {} + {} classes, {pictures} pictures, {:.0} s",
            train.len(),
            held_out.len(),
            start.elapsed().as_secs_f64()
        );
        sources.push(source);
    }
    Ok(sources)
}

/// All texts, one after the other.
fn read_text(paths: &[PathBuf], tokenizer: &Tokenizer) -> anyhow::Result<Vec<u32>> {
    let mut tokens = Vec::new();
    for path in paths {
        let text = fs::read_to_string(path);
        let text = text.with_context(|| format!("cannot read {}", path.display()))?;
        let more = tokenizer.encode(&text);
        if more.len() < 2 {
            bail!("{} holds no text to learn from", path.display());
        }
        tokens.extend(more);
    }
    Ok(tokens)
}

fn decode(weights: &Weights) -> anyhow::Result<BTreeMap<String, HostTensor>> {
    weights
        .iter()
        .map(|(name, tensor)| Ok((name.clone(), tensor.decode()?)))
        .collect()
}

/// Whether greedy decoding would give the exact name, for each of the held-out queries, 2-way.
fn held_out(
    trainer: &Trainer,
    source: &Source,
    shots: usize,
    arguments: &Arguments,
    writer: Writer<'_>,
) -> anyhow::Result<Vec<bool>> {
    // The same episodes every time and for every run, so that the curve, and what sets two runs apart, is of the model alone.
    let mut rng = ChaCha8Rng::seed_from_u64(HELD_OUT_SEED);
    let shape = Shape {
        ways: 2,
        shots,
        queries: 2,
    };
    let mut right = Vec::new();
    for _ in 0..arguments.held_out.div_ceil(arguments.batch) {
        let episodes: Vec<TrainingEpisode> = (0..arguments.batch)
            .map(|_| writer.draw(&mut rng, &source.held_out, shape, Rules::HELD_OUT))
            .collect();
        right.extend(trainer.exact(&episodes)?);
    }
    Ok(right)
}
