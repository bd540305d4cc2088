//! What a run is told on the command line.

use std::path::PathBuf;

use anyhow::bail;
use clap::Parser;
use link_context::arguments;
use link_context::train::ingredients::Ingredients;
use link_context::train::strategy::{Beside, Strategy};

/// Trains the connector and the low-rank adapters on link-context episodes.
#[derive(Parser, Debug)]
pub(crate) struct Arguments {
    /// SmolLM2's GGUF file.
    #[arg(long)]
    pub(crate) gguf: PathBuf,
    /// EfficientNet-Lite0's torch file.
    #[arg(long)]
    pub(crate) torch: PathBuf,
    /// What `cargo xtask train-encoder` wrote, in place of the published encoder's last blocks.
    #[arg(long)]
    pub(crate) encoder: Option<PathBuf>,
    /// A source of pictures, NAME=FOLDER with one subfolder a class; may be given several times.
    #[arg(long, required = true, value_parser = arguments::source)]
    pub(crate) pictures: Vec<(String, PathBuf)>,
    /// JSON that says which classes of each source are for training: {"NAME": {"train": [...], "held_out": [...]}}.
    #[arg(long)]
    pub(crate) split: PathBuf,
    /// What the classes are really called, a class and its names a line with a tab between; a class without a line is called as its folder.
    #[arg(long)]
    pub(crate) names: Option<PathBuf>,
    /// The styles of a source whose files are named STYLE-NUMBER, NAME=FILE: {"train": [...], "held_out": [...]}.
    #[arg(long, value_parser = arguments::source)]
    pub(crate) styles: Vec<(String, PathBuf)>,
    /// How often episodes are drawn from a source beside the others, NAME=NUMBER; 1 where nothing is said.
    #[arg(long, value_parser = arguments::weight)]
    pub(crate) weight: Vec<(String, f64)>,
    /// Plain text, so that the language model still speaks; may be given several times.
    #[arg(long)]
    pub(crate) text: Vec<PathBuf>,
    /// How episodes are made: 2-way, 2-way-random, 2-way-weight, mix or link.
    #[arg(long, default_value_t = Strategy::Link)]
    pub(crate) strategy: Strategy,
    #[arg(long, value_delimiter = ',', help = format!("Ingredients of link to leave out: {}", Ingredients::names()))]
    pub(crate) without: Vec<String>,
    /// Share of link's batches that are pictures to be called what they are, once the link was learned alone.
    #[arg(long, default_value_t = Beside::default().naming, value_parser = arguments::share)]
    pub(crate) naming: f64,
    /// How often such pictures are drawn from a source beside the others, NAME=NUMBER; as by --weight where nothing is said.
    #[arg(long, value_parser = arguments::weight)]
    pub(crate) naming_weight: Vec<(String, f64)>,
    /// Share of link's batches that are plain text.
    #[arg(long, default_value_t = Beside::default().text, value_parser = arguments::share)]
    pub(crate) plain_text: f64,
    /// Folder for checkpoints, the log and cached features. A run goes on from the checkpoint it finds here.
    #[arg(long)]
    pub(crate) out: PathBuf,
    /// Folder for cached features, where several runs or the benchmark are to share them; else they are kept in the run's own.
    #[arg(long)]
    pub(crate) features: Option<PathBuf>,
    /// Adapter to start from, when there is no checkpoint yet; its ranks grow to those given here.
    #[arg(long)]
    pub(crate) start: Option<PathBuf>,
    /// Steps of the optimiser in all.
    #[arg(long, default_value_t = 800, value_parser = arguments::count)]
    pub(crate) steps: usize,
    /// How far the run is on the strategy's way when it begins, 0 to 1: for a run that goes on from another's adapter.
    #[arg(long, default_value_t = 0.0, value_parser = arguments::share)]
    pub(crate) begin: f64,
    /// Episodes a step.
    #[arg(long, default_value_t = 8, value_parser = arguments::count)]
    pub(crate) batch: usize,
    /// Peak learning rate.
    #[arg(long, default_value_t = 1e-3, value_parser = arguments::positive)]
    pub(crate) rate: f64,
    /// Steps over which the learning rate rises.
    #[arg(long, default_value_t = 30)]
    pub(crate) warmup: usize,
    /// Rank of the low-rank adapters on values and outputs.
    #[arg(long, default_value_t = 16, value_parser = arguments::count)]
    pub(crate) rank: usize,
    /// Rank of the low-rank adapters on queries and keys.
    #[arg(long, default_value_t = 32, value_parser = arguments::count)]
    pub(crate) matching_rank: usize,
    /// Factor on the low-rank adapters' output.
    #[arg(long, default_value_t = 2.0, value_parser = arguments::positive)]
    pub(crate) scale: f64,
    /// Weight of learning where to look: of the cross-entropy of the right concept among those whose names are attended to.
    #[arg(long, default_value_t = 0.0, value_parser = arguments::share)]
    pub(crate) leaning: f64,
    /// Weight decay of AdamW.
    #[arg(long, default_value_t = 0.01)]
    pub(crate) weight_decay: f32,
    /// Pictures a class at most.
    #[arg(long, default_value_t = 80, value_parser = arguments::count)]
    pub(crate) limit: usize,
    /// Pictures a training class that are not trained on, the last by name, where it has more than four times as many: to name without
    /// a support set.
    #[arg(long, default_value_t = 8)]
    pub(crate) reserve: usize,
    /// Steps between checkpoints and held-out measurements.
    #[arg(long, default_value_t = 100, value_parser = arguments::count)]
    pub(crate) every: usize,
    /// Held-out episodes a source in each measurement, of two queries each. With 100 of them, four points either way are chance.
    #[arg(long, default_value_t = 100, value_parser = arguments::count)]
    pub(crate) held_out: usize,
    /// Seed of everything random but the held-out episodes, which are the same for every run.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
}

impl Arguments {
    /// The ingredients of the training, once what is told fits together.
    pub(crate) fn ingredients(&self) -> anyhow::Result<Ingredients> {
        if self.naming + self.plain_text > 1.0 {
            bail!("--naming and --plain-text are together more than all batches");
        }
        for (option, weights) in [
            ("--weight", &self.weight),
            ("--naming-weight", &self.naming_weight),
        ] {
            let unknown =
                |(name, _): &&(String, f64)| !self.pictures.iter().any(|(known, _)| known == name);
            if let Some((name, _)) = weights.iter().find(unknown) {
                bail!("{option} is of '{name}', which --pictures does not name");
            }
        }
        Ingredients::without(&self.without).map_err(anyhow::Error::msg)
    }

    /// How often episodes are drawn from a source beside the others.
    pub(crate) fn weight(&self, source: &str) -> f64 {
        given(&self.weight, source).unwrap_or(1.0)
    }

    /// How often pictures to be called what they are are drawn from it.
    pub(crate) fn naming_weight(&self, source: &str) -> f64 {
        given(&self.naming_weight, source).unwrap_or(self.weight(source))
    }

    /// What is trained on beside the link.
    pub(crate) fn beside(&self) -> Beside {
        Beside {
            naming: self.naming,
            text: self.plain_text,
        }
    }

    /// What makes this run another than others, for the log.
    pub(crate) fn setting(&self) -> String {
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
