//! Tunes the picture encoder's last blocks on folders of pictures. See `cargo xtask train-encoder -- --help`.

#![deny(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, bail};
use burn::tensor::Device;
use clap::Parser;
use link_context::arguments;
use link_context::features::{ClassFeatures, Encoder, FeatureReader, Split, Splits, Styles};
use link_context::model::ModelConfig;
use link_context::train::encoder::{Batch, EncoderTrainer, PICTURES, flipped};
use link_context::train::rate;
use link_context::weights::Encoding;
use link_context::weights::checkpoint::write_safetensors;
use link_context::weights::convert::{Precision, encoder};
use link_context::weights::torch;
use rand::seq::{IndexedRandom as _, SliceRandom as _, index};
use rand::{Rng, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Tunes the picture encoder's last blocks and its head, so that pictures of one concept lie together.
#[derive(Parser, Debug)]
struct Arguments {
    /// EfficientNet-Lite0's torch file.
    #[arg(long)]
    torch: PathBuf,
    /// A source of pictures, NAME=FOLDER with one subfolder a class; may be given several times.
    #[arg(long, required = true, value_parser = arguments::source)]
    pictures: Vec<(String, PathBuf)>,
    /// JSON that says which classes of each source are for training: {"NAME": {"train": [...], "held_out": [...]}}. One file for all sources but
    /// those of --paired.
    #[arg(long)]
    split: PathBuf,
    /// The styles of a source whose files are named STYLE-NUMBER, NAME=FILE: {"train": [...], "held_out": [...]}.
    #[arg(long, value_parser = arguments::source)]
    styles: Vec<(String, PathBuf)>,
    /// A source as `cargo xtask pictures scenes` draws it, NAME=FOLDER: its classes come in pairs N-plain and N-made, of which either is most
    /// easily mistaken for the other, and its folder has their split. May be given several times.
    #[arg(long, required = true, value_parser = arguments::source)]
    paired: Vec<(String, PathBuf)>,
    /// Folder for the tensors and the log.
    #[arg(long)]
    out: PathBuf,
    /// Folder for cached maps; else they are kept in the run's own.
    #[arg(long)]
    features: Option<PathBuf>,
    /// The first block that is tuned.
    #[arg(long, default_value_t = 11)]
    first: usize,
    /// Steps of the optimiser.
    #[arg(long, default_value_t = 1000, value_parser = arguments::count)]
    steps: usize,
    /// Concepts a step, four pictures each: half of them in pairs, the others of one source.
    #[arg(long, default_value_t = 24, value_parser = arguments::count)]
    batch: usize,
    /// Peak learning rate.
    #[arg(long, default_value_t = 2e-4, value_parser = arguments::positive)]
    rate: f64,
    /// Steps over which the learning rate rises.
    #[arg(long, default_value_t = 20)]
    warmup: usize,
    /// Share of the published tensors in those that are written, 0 to 1.
    #[arg(long, default_value_t = 0.3, value_parser = arguments::share)]
    keep: f64,
    /// Pictures a class at most.
    #[arg(long, default_value_t = 100, value_parser = arguments::count)]
    limit: usize,
    /// Pictures a training class that are not trained on, the last by name, where it has more than four times as many: as the adapter's
    /// trainer is told, or the encoder would know what is to be named without a support set.
    #[arg(long, default_value_t = 8)]
    reserve: usize,
    /// Steps between held-out measurements.
    #[arg(long, default_value_t = 250, value_parser = arguments::count)]
    every: usize,
    /// Held-out episodes a figure.
    #[arg(long, default_value_t = 1000, value_parser = arguments::count)]
    held_out: usize,
    /// Seed of everything random.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// A line of the log.
#[derive(Serialize)]
#[serde(untagged)]
enum Line {
    Setting {
        run: String,
    },
    Step {
        step: usize,
        loss: f32,
        rate: f64,
        seconds: f64,
    },
    /// The nearest prototype on held-out classes, one of two.
    HeldOut {
        step: usize,
        source: String,
        shots: usize,
        queries: usize,
        right: f64,
    },
}

/// One source's classes.
struct Source {
    name: String,
    /// Whether each two stand together.
    paired: bool,
    train: Vec<ClassFeatures>,
    held_out: Vec<ClassFeatures>,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let config = ModelConfig::lite0_smollm2().vision;
    let torch = torch::read(&arguments.torch)
        .with_context(|| format!("cannot read {}", arguments.torch.display()))?;
    let weights = encoder(torch, &config, Precision::Shipped)?;
    let sources = read_sources(
        &arguments,
        Encoder::take(&ModelConfig::lite0_smollm2(), &weights)?,
    )?;
    let tensors = weights
        .iter()
        .map(|(name, tensor)| Ok((name.clone(), tensor.decode()?)));
    let tensors: BTreeMap<_, _> = tensors.collect::<anyhow::Result<_>>()?;
    let classes: Vec<&ClassFeatures> = sources.iter().flat_map(|source| &source.train).collect();
    let start = Instant::now();
    let device = Device::flex();
    let mut trainer = EncoderTrainer::new(&config, arguments.first, tensors, &classes, &device)?;
    println!("fitted, {:.0} s", start.elapsed().as_secs_f64());

    fs::create_dir_all(&arguments.out)?;
    let log = arguments.out.join("encoder.jsonl");
    let mut log =
        fs::File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
    let mut write = |line: &Line| -> anyhow::Result<()> {
        Ok(writeln!(log, "{}", serde_json::to_string(line)?)?)
    };
    write(&Line::Setting {
        run: arguments.setting(),
    })?;
    let shape = config.shape_before(arguments.first);
    let mut rng = ChaCha8Rng::seed_from_u64(arguments.seed);
    let path = arguments.out.join("encoder.safetensors");
    for step in 0..arguments.steps {
        if step == 0 {
            measure(&trainer, &sources, &arguments, step, &mut write)?;
        }
        let start = Instant::now();
        let batch = draw(&sources, arguments.batch, shape, &mut rng);
        let rate = rate(step, arguments.steps, arguments.warmup, arguments.rate);
        let loss = trainer.step(&batch, rate)?;
        let seconds = start.elapsed().as_secs_f64();
        write(&Line::Step {
            step,
            loss,
            rate,
            seconds,
        })?;
        if (step + 1) % 10 == 0 {
            println!("step {:5}  loss {loss:.4}  {seconds:.1} s", step + 1);
        }
        if (step + 1) % arguments.every == 0 || step + 1 == arguments.steps {
            measure(&trainer, &sources, &arguments, step + 1, &mut write)?;
        }
    }
    trainer.keep_published(arguments.keep);
    let tensors = write_safetensors(&trainer.tensors()?, &BTreeMap::new(), Encoding::F16)?;
    fs::write(&path, tensors).with_context(|| format!("cannot write {}", path.display()))?;
    println!("with {} of the published tensors:", arguments.keep);
    measure(
        &trainer,
        &sources,
        &arguments,
        arguments.steps + 1,
        &mut write,
    )?;
    println!("the tensors are {}", path.display());
    Ok(())
}

impl Arguments {
    /// What makes this run another than others, for the log.
    fn setting(&self) -> String {
        let names = self.pictures.iter().chain(&self.paired);
        let names: Vec<&str> = names.map(|(name, _)| name.as_str()).collect();
        format!(
            "blocks from {} on, {}, {} x {} concepts, rate {}, keep {}, seed {}",
            self.first,
            names.join(", "),
            self.steps,
            self.batch,
            self.rate,
            self.keep,
            self.seed
        )
    }
}

/// Maps of every class of every source.
fn read_sources(arguments: &Arguments, encoder: Encoder) -> anyhow::Result<Vec<Source>> {
    let encoder = encoder.until(arguments.first);
    let cache = arguments
        .features
        .clone()
        .unwrap_or_else(|| arguments.out.join("features"));
    let reader = FeatureReader::new(&encoder, &cache);
    let single = arguments.pictures.iter().map(|source| (source, false));
    let all = single.chain(arguments.paired.iter().map(|source| (source, true)));
    let mut sources = Vec::new();
    for ((name, folder), paired) in all {
        let start = Instant::now();
        let path = if paired {
            folder.join("split.json")
        } else {
            arguments.split.clone()
        };
        let splits = Splits::read(&path)?;
        let split = splits.of(if paired { "scenes" } else { name })?;
        let split = if paired {
            in_pairs(split, &path)?
        } else {
            split.clone()
        };
        let styles = arguments.styles.iter().find(|(styled, _)| styled == name);
        let styles = styles.map(|(_, path)| Styles::read(path)).transpose()?;
        let [mut train, held_out] =
            reader.split(folder, &split, arguments.limit, styles.as_ref())?;
        for class in &mut train {
            class.split_off(arguments.reserve);
        }
        if train.len() < arguments.batch || held_out.len() < 2 {
            bail!(
                "the split of '{name}' needs at least {} classes for training and two held out",
                arguments.batch
            );
        }
        let pictures: usize = train.iter().chain(&held_out).map(ClassFeatures::len).sum();
        println!(
            "{name}: {} + {} classes, {pictures} pictures, {:.0} s",
            train.len(),
            held_out.len(),
            start.elapsed().as_secs_f64()
        );
        sources.push(Source {
            name: name.clone(),
            paired,
            train,
            held_out,
        });
    }
    Ok(sources)
}

/// A split with each N-plain's N-made after it.
fn in_pairs(split: &Split, path: &Path) -> anyhow::Result<Split> {
    let paired = |listed: &[String]| -> anyhow::Result<Vec<String>> {
        let plain = listed
            .iter()
            .filter_map(|class| class.strip_suffix("-plain"));
        let both: Vec<String> = plain
            .flat_map(|number| [format!("{number}-plain"), format!("{number}-made")])
            .collect();
        if both.len() != listed.len() || !both.iter().all(|class| listed.contains(class)) {
            bail!(
                "{}: the classes are not pairs of N-plain and N-made",
                path.display()
            );
        }
        Ok(both)
    };
    Ok(Split {
        train: paired(&split.train)?,
        held_out: paired(&split.held_out)?,
    })
}

/// Half of the concepts in pairs, of any of the sources that have them, the others of one of the rest.
fn draw(sources: &[Source], concepts: usize, shape: [usize; 3], rng: &mut impl Rng) -> Batch {
    let mut chosen: Vec<&ClassFeatures> = Vec::new();
    let pairs: Vec<&[ClassFeatures]> = sources
        .iter()
        .filter(|source| source.paired)
        .flat_map(|source| source.train.chunks_exact(2))
        .collect();
    for pair in pairs.choose_multiple(rng, concepts / 4) {
        chosen.extend(pair.iter());
    }
    let paired = chosen.len();
    let single: Vec<&Source> = sources.iter().filter(|source| !source.paired).collect();
    if let Some(source) = single.choose(rng) {
        let rest = index::sample(
            rng,
            source.train.len(),
            (concepts - paired).min(source.train.len()),
        );
        chosen.extend(rest.iter().filter_map(|at| source.train.get(at)));
    }
    let mut maps = Vec::new();
    for class in chosen {
        let drawn = index::sample(rng, class.len(), PICTURES.min(class.len())).into_vec();
        for &at in drawn.iter().cycle().take(PICTURES) {
            let map = class.picture(at).iter().map(|value| value.to_f32());
            if rng.random_bool(0.5) {
                maps.extend(flipped(map.collect(), shape));
            } else {
                maps.extend(map);
            }
        }
    }
    let orders = std::array::from_fn(|_| {
        let mut order = std::array::from_fn(|picture| picture);
        order.shuffle(rng);
        order
    });
    Batch {
        maps,
        paired,
        orders,
    }
}

/// How often the nearest prototype is right, on the held-out classes of every source.
fn measure(
    trainer: &EncoderTrainer,
    sources: &[Source],
    arguments: &Arguments,
    step: usize,
    write: &mut impl FnMut(&Line) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    for source in sources {
        let places = source.held_out.iter().map(|class| trainer.places(class));
        let places: Vec<_> = places.collect::<Result<_, _>>()?;
        for shots in [1, 4] {
            // The same episodes every time.
            let mut rng = ChaCha8Rng::seed_from_u64(arguments.seed);
            let mut right = 0;
            for _ in 0..arguments.held_out {
                let first = rng.random_range(0..places.len());
                let other = if source.paired {
                    first ^ 1
                } else {
                    (first + rng.random_range(1..places.len())) % places.len()
                };
                right += usize::from(is_nearer(&places[first], &places[other], shots, &mut rng));
            }
            let right = right as f64 / arguments.held_out as f64;
            println!(
                "step {step:5}  held out {}: {shots} shots, nearest {:.1} %",
                source.name,
                right * 100.0
            );
            write(&Line::HeldOut {
                step,
                source: source.name.clone(),
                shots,
                queries: arguments.held_out,
                right,
            })?;
        }
    }
    Ok(())
}

/// Whether a picture of `own` is nearer to the mean of some others of its own than to that of as many of `other`.
fn is_nearer(own: &[Vec<f32>], other: &[Vec<f32>], shots: usize, rng: &mut impl Rng) -> bool {
    let shots = shots.min(own.len() - 1).min(other.len());
    let mut drawn = index::sample(rng, own.len(), shots + 1).into_vec();
    let Some(query) = drawn.pop() else {
        return false;
    };
    let likeness = |class: &[Vec<f32>], of: &[usize]| -> f32 {
        let mut mean = vec![0.0; own[query].len()];
        for &at in of {
            mean.iter_mut()
                .zip(&class[at])
                .for_each(|(sum, value)| *sum += value);
        }
        let length = mean.iter().map(|value| value * value).sum::<f32>().sqrt();
        let dot: f32 = mean.iter().zip(&own[query]).map(|(a, b)| a * b).sum();
        dot / length
    };
    let others = index::sample(rng, other.len(), shots).into_vec();
    likeness(own, &drawn) > likeness(other, &others)
}
