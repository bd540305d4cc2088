//! The pictures and the text that a run draws from.

use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context as _, bail};
use link_context::features::{ClassFeatures, ClassNames, Encoder, FeatureReader, Splits, Styles};
use link_context::text::tokenizer::Tokenizer;
use link_context::train::episodes::{Pool, TrainingEpisode, Writer};
use link_context::train::strategy::Draw;
use rand::Rng;
use rand::distr::Distribution as _;
use rand::distr::weighted::WeightedIndex;

use super::arguments::Arguments;

/// One source's classes.
pub(crate) struct Source {
    pub(crate) name: String,
    pub(crate) train: Pool,
    pub(crate) held_out: Pool,
}

/// All that a run draws from, and how often.
pub(crate) struct Sources {
    all: Vec<Source>,
    /// For episodes whose support set must be read.
    linked: WeightedIndex<f64>,
    /// For pictures to be called what they are.
    naming: WeightedIndex<f64>,
    /// Tokens of all texts.
    text: Vec<u32>,
}

impl Sources {
    /// Features of every class of every source; `parts` are those of a picture, `text` what [`read_text`] gave.
    pub(crate) fn read(
        arguments: &Arguments,
        encoder: &Encoder,
        parts: usize,
        text: Vec<u32>,
    ) -> anyhow::Result<Self> {
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
        let pool = |classes: Vec<ClassFeatures>| {
            let names = classes
                .iter()
                .map(|class| known.of(&class.name).swap_remove(0));
            let names = names.collect();
            Pool::new(classes, names, parts)
        };
        let mut all = Vec::new();
        for (name, folder) in &arguments.pictures {
            let classes = splits.of(name)?;
            let start = Instant::now();
            let styles = arguments.styles.iter().find(|(styled, _)| styled == name);
            let styles = styles.map(|(_, path)| Styles::read(path)).transpose()?;
            let [mut train, held_out] =
                reader.split(folder, classes, arguments.limit, styles.as_ref())?;
            for class in &mut train {
                class.split_off(arguments.reserve);
            }
            if train.len().min(held_out.len()) < 2 {
                bail!(
                    "the split of '{name}' needs at least two classes for training and two held out"
                );
            }
            let pictures: usize = train.iter().chain(&held_out).map(ClassFeatures::len).sum();
            println!(
                "{name}: {} + {} classes, {pictures} pictures, {:.0} s",
                train.len(),
                held_out.len(),
                start.elapsed().as_secs_f64()
            );
            all.push(Source {
                name: name.clone(),
                train: pool(train),
                held_out: pool(held_out),
            });
        }
        let names = || all.iter().map(|source| source.name.as_str());
        Ok(Self {
            linked: WeightedIndex::new(names().map(|name| arguments.weight(name)))?,
            naming: WeightedIndex::new(names().map(|name| arguments.naming_weight(name)))?,
            all,
            text,
        })
    }

    /// Every source.
    pub(crate) fn all(&self) -> &[Source] {
        &self.all
    }

    /// One sequence of a batch.
    pub(crate) fn draw(
        &self,
        draw: Draw,
        writer: &Writer<'_>,
        rng: &mut impl Rng,
    ) -> TrainingEpisode {
        match draw {
            Draw::Text => Writer::text(rng, &self.text),
            Draw::Episodes(shape, rules) => {
                let shares = if draw.is_linked() {
                    &self.linked
                } else {
                    &self.naming
                };
                let source = &self.all[shares.sample(rng)];
                writer.draw(rng, &source.train, shape, rules)
            }
        }
    }
}

/// All texts, one after the other.
pub(crate) fn read_text(paths: &[PathBuf], tokenizer: &Tokenizer) -> anyhow::Result<Vec<u32>> {
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
