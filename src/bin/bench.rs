//! Measures speed, beside others in the same run. See `cargo xtask bench -- --help`.

#![deny(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, bail};
use burn::tensor::Device;
use clap::{Parser, Subcommand};
use link_context::features::ClassFeatures;
use link_context::model::ModelConfig;
use link_context::text::template::Position;
use link_context::train::Trainer;
use link_context::train::adapter::{AdapterConfig, initial_adapter};
use link_context::train::episodes::TrainingEpisode;
use link_context::weights::HostTensor;
use link_context::weights::convert::{Precision, originals};
use link_context::weights::gguf::Gguf;
use link_context::weights::torch;
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measures speed, beside others in the same run: two numbers of two runs cannot be compared on a machine that is shared.
#[derive(Parser, Debug)]
struct Arguments {
    /// SmolLM2's GGUF file.
    #[arg(long, global = true)]
    gguf: Option<PathBuf>,
    /// EfficientNet-Lite0's torch file.
    #[arg(long, global = true)]
    torch: Option<PathBuf>,
    /// Writes JSON in place of the table.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand, Debug)]
enum What {
    /// A step of the trainer, by turns with the same step in PyTorch.
    TrainStep {
        /// A Python with torch, numpy and gguf, to run the script with; without it only ours is measured.
        #[arg(long)]
        python: Option<PathBuf>,
        /// The PyTorch half.
        #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/step/step.py"))]
        script: PathBuf,
        /// Steps that count; one more comes first and does not.
        #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
        steps: u32,
        /// Episodes a step.
        #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..))]
        episodes: u16,
        /// Tokens an episode.
        #[arg(long, default_value_t = 80, value_parser = clap::value_parser!(u16).range(2..=1024))]
        tokens: u16,
        /// Tokens of these that are learned from.
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..))]
        supervised: u16,
    },
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let path = |path: &Option<PathBuf>, option| {
        let given = path.clone();
        given.with_context(|| format!("give {option}; cargo xtask bench does so itself"))
    };
    let gguf = path(&arguments.gguf, "--gguf")?;
    let torch = path(&arguments.torch, "--torch")?;
    let What::TrainStep {
        python,
        script,
        steps,
        episodes,
        tokens,
        supervised,
    } = &arguments.what;
    if supervised >= tokens {
        bail!("an episode of {tokens} tokens cannot have {supervised} to learn from");
    }
    let size = Size {
        episodes: usize::from(*episodes),
        tokens: usize::from(*tokens),
        supervised: usize::from(*supervised),
    };
    let mut ours = Ours::load(&gguf, &torch)?;
    let mut theirs = match python {
        Some(python) => Some(Theirs::start(python, script, &gguf)?),
        None => None,
    };
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let (mut here, mut there) = (Vec::new(), Vec::new());
    // The first step of each fills caches and pools.
    for step in 0..=*steps {
        let seconds = ours.step(&mut rng, size)?;
        if step > 0 {
            here.push(seconds);
        }
        if let Some(theirs) = &mut theirs {
            let seconds = theirs.step(size)?;
            if step > 0 {
                there.push(seconds);
            }
        }
    }
    report(size, &here, &there, arguments.json);
    Ok(())
}

/// The size of a step.
#[derive(Clone, Copy)]
struct Size {
    episodes: usize,
    tokens: usize,
    supervised: usize,
}

/// Prints tokens a second, of the median step of each, and their ratio.
fn report(size: Size, ours: &[f64], theirs: &[f64], json: bool) {
    let speed = |seconds: &[f64]| {
        let mut seconds = seconds.to_vec();
        seconds.sort_by(f64::total_cmp);
        (size.episodes * size.tokens) as f64 / seconds[seconds.len() / 2]
    };
    let here = speed(ours);
    let there = (!theirs.is_empty()).then(|| speed(theirs));
    if json {
        let value = serde_json::json!({
            "episodes": size.episodes, "tokens": size.tokens, "supervised": size.supervised,
            "seconds": { "link-context": ours, "pytorch": theirs },
            "tokens_per_second": { "link-context": here, "pytorch": there },
            "ratio": there.map(|there| here / there),
        });
        println!("{value:#}");
        return;
    }
    println!(
        "a step of {} episodes of {} tokens, {} of them learned from, forward, backward and AdamW, f32",
        size.episodes, size.tokens, size.supervised
    );
    println!(
        "link-context  {here:7.1} tokens/s  (median of {})",
        ours.len()
    );
    if let Some(there) = there {
        println!("PyTorch       {there:7.1} tokens/s");
        println!("ratio         {:7.2}", here / there);
    }
}

/// Our trainer.
struct Ours {
    trainer: Trainer,
    vocabulary: u32,
}

impl Ours {
    fn load(gguf: &Path, torch: &Path) -> anyhow::Result<Self> {
        let read =
            |path: &Path| fs::read(path).with_context(|| format!("cannot read {}", path.display()));
        let config = ModelConfig::lite0_smollm2();
        let gguf = read(gguf)?;
        let weights = originals(
            &Gguf::parse(&gguf)?,
            torch::read(torch).with_context(|| format!("cannot read {}", torch.display()))?,
            &config,
            Precision::Shipped,
        )?;
        let frozen: anyhow::Result<BTreeMap<String, HostTensor>> = weights
            .iter()
            .map(|(name, tensor)| Ok((name.clone(), tensor.decode()?)))
            .collect();
        let adapter = AdapterConfig {
            rank: 16,
            matching_rank: 32,
            scale: 2.0,
        };
        // The values of the connector's map make no difference to its speed.
        let pictures = config.connector.parts * config.vision.head_channels * 2;
        let values = (0..pictures).map(|at| half::f16::from_f32((at % 7) as f32));
        let files = vec!["0".to_owned(), "1".to_owned()];
        let class = ClassFeatures::new("class".to_owned(), files, values.collect());
        let tensors = initial_adapter(&config, adapter, &[&class], 1);
        Ok(Self {
            trainer: Trainer::new(&config, frozen?, tensors, adapter, 0.01, &Device::flex())?,
            vocabulary: config.decoder.vocabulary as u32,
        })
    }

    /// Seconds of a step over random tokens.
    fn step(&mut self, rng: &mut ChaCha8Rng, size: Size) -> anyhow::Result<f64> {
        let mut episode = || {
            let tokens: Vec<u32> = (0..size.tokens)
                .map(|_| rng.random_range(17..self.vocabulary))
                .collect();
            let first = size.tokens - size.supervised;
            TrainingEpisode {
                first_mark: 0,
                content: None,
                pictures: Vec::new(),
                positions: tokens.iter().map(|&token| Position::Token(token)).collect(),
                supervised: (first - 1..size.tokens - 1).collect(),
                targets: tokens[first..].to_vec(),
                queries: Vec::new(),
                told: Vec::new(),
            }
        };
        let episodes: Vec<TrainingEpisode> = (0..size.episodes).map(|_| episode()).collect();
        let start = Instant::now();
        self.trainer.step(&episodes, 1e-4)?;
        Ok(start.elapsed().as_secs_f64())
    }
}

/// PyTorch, in a process of its own that waits between its steps.
struct Theirs {
    process: Child,
    ask: ChildStdin,
    answer: BufReader<ChildStdout>,
}

impl Theirs {
    fn start(python: &Path, script: &Path, gguf: &Path) -> anyhow::Result<Self> {
        let mut process = Command::new(python)
            .arg(script)
            .arg(gguf)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot run {}", python.display()))?;
        let (Some(ask), Some(answer)) = (process.stdin.take(), process.stdout.take()) else {
            bail!("{} has no standard input and output", python.display());
        };
        Ok(Self {
            process,
            ask,
            answer: BufReader::new(answer),
        })
    }

    fn step(&mut self, size: Size) -> anyhow::Result<f64> {
        let told = writeln!(
            self.ask,
            "{} {} {}",
            size.episodes, size.tokens, size.supervised
        );
        let mut line = String::new();
        if told.is_err() || self.answer.read_line(&mut line)? == 0 {
            bail!("PyTorch's half ended; its own message is above");
        }
        line.trim().parse().context("PyTorch's half")
    }
}

impl Drop for Theirs {
    fn drop(&mut self) {
        // It ends when its input does; that cannot be done while the pipe is still held here.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
