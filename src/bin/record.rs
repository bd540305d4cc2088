//! Records what the model answers to the page's ready episodes. See `cargo xtask record`.

#![deny(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use std::fs;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Parser;
use link_context::recording::{Recording, entries, open};

/// Asks the model every ready episode, under every intervention, and writes one file an episode.
#[derive(Parser, Debug)]
struct Arguments {
    /// Folder of the pack.
    #[arg(long)]
    pack: PathBuf,
    /// Folder of the ready episodes.
    #[arg(long)]
    gallery: PathBuf,
    /// Folder for the recordings.
    #[arg(long)]
    out: PathBuf,
    /// File for the example of an embedded episode.
    #[arg(long)]
    example: PathBuf,
}

/// The ready episode that is the example.
const EXAMPLE: &str = "robots";

fn main() -> anyhow::Result<()> {
    let Arguments {
        pack,
        gallery,
        out,
        example,
    } = Arguments::parse();
    let (mut session, hash) = open(&pack)?;
    fs::create_dir_all(&out)?;
    for entry in entries(&gallery)? {
        let recording = Recording::make(&mut session, &hash, &gallery, &entry);
        let recording = pollster::block_on(recording)?;
        let path = out.join(format!("{}.json", entry.id));
        let text = format!("{}\n", serde_json::to_string(&recording)?);
        fs::write(&path, &text).with_context(|| format!("cannot write {}", path.display()))?;
        if entry.id == EXAMPLE {
            let text = recording.shared(&gallery, &entry)?.to_file()?;
            fs::write(&example, text)
                .with_context(|| format!("cannot write {}", example.display()))?;
        }
        let pairs = entry.queries.iter().zip(&recording.queries);
        let right = pairs.filter(|(query, recorded)| recorded.answer.concept == Some(query.answer));
        let (right, all) = (right.count(), entry.queries.len());
        println!("{:<20} {right} of {all} right", entry.id);
    }
    Ok(())
}
