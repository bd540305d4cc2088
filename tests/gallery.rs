//! The ready episodes of the page: whole, runnable, and light enough to ship.

use std::fs;
use std::path::PathBuf;

use link_context::episode::{Concept, Episode, Query};
use link_context::picture::Square;
use serde::Deserialize;

#[derive(Deserialize)]
struct Entry {
    id: String,
    title: String,
    concepts: Vec<Concept<String>>,
    queries: Vec<Question>,
    credits: Vec<String>,
}

#[derive(Deserialize)]
struct Question {
    file: String,
    answer: usize,
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("www/gallery")
}

fn entries() -> Vec<Entry> {
    serde_json::from_slice(&fs::read(folder().join("gallery.json")).unwrap()).unwrap()
}

#[test]
fn every_ready_episode_can_be_run() {
    let entries = entries();
    assert!(entries.len() >= 12);
    for Entry {
        id,
        title,
        concepts,
        queries,
        credits,
    } in entries
    {
        assert!(!title.is_empty() && !credits.is_empty(), "{id}");
        assert!(
            concepts
                .iter()
                .all(|concept| (2..=3).contains(&concept.pictures.len())),
            "{id}"
        );
        for concept in 0..concepts.len() {
            assert!(
                queries.iter().any(|query| query.answer == concept),
                "{id}: {concept}"
            );
        }
        assert!(
            queries.iter().all(|query| query.answer < concepts.len()),
            "{id}"
        );
        let queries = queries
            .into_iter()
            .map(|query| Query {
                picture: query.file,
            })
            .collect();
        assert_eq!(Episode { concepts, queries }.validate(), Ok(()), "{id}");
    }
}

#[test]
fn every_picture_is_there_once_small_and_credited() {
    let credits = fs::read_to_string(folder().join("CREDITS.md")).unwrap();
    let mut seen = Vec::new();
    let mut bytes = 0;
    for entry in entries() {
        let supports = entry
            .concepts
            .into_iter()
            .flat_map(|concept| concept.pictures);
        for file in supports.chain(entry.queries.into_iter().map(|query| query.file)) {
            let content = fs::read(folder().join(&file)).unwrap();
            bytes += content.len();
            Square::decode(&file, &content).unwrap();
            assert!(credits.contains(&format!("| {file} |")), "{file}");
            // A query that is also an example would ask for nothing but memory.
            assert!(!seen.contains(&content), "{file}");
            seen.push(content);
        }
    }
    assert!(bytes < 1_500_000, "{bytes} bytes");
}
