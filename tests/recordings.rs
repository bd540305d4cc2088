//! The recorded episodes of the page, against the model: what is shown as its answer must still be its answer.
//!
//! `cargo xtask test` says where the pack is; without it, set LINK_CONTEXT_PACK to the folder that `cargo xtask weights` prints.

use std::fs;
use std::path::{Path, PathBuf};

use link_context::recording::{Entry, EntryQuery, Recorded, Recording, entries, open};

fn www() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("www")
}

fn kept(id: &str) -> Recording {
    Recording::read(&www().join(format!("recorded/{id}.json"))).unwrap()
}

#[test]
fn every_ready_episode_is_recorded_and_nothing_else() {
    let mut files: Vec<String> = fs::read_dir(www().join("recorded"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort();
    let mut expected = Vec::new();
    for entry in entries(&www().join("gallery")).unwrap() {
        let recording = kept(&entry.id);
        assert_eq!(recording.queries.len(), entry.queries.len(), "{}", entry.id);
        for query in &recording.queries {
            // Drop is for an answer that is one of the names.
            let least = 5 + usize::from(query.answer.concept.is_some());
            assert_eq!(query.what_ifs.len(), least, "{}", entry.id);
        }
        expected.push(format!("{}.json", entry.id));
    }
    expected.sort();
    assert_eq!(files, expected);
}

#[test]
fn some_ready_episodes_show_the_model_fail() {
    let entries = entries(&www().join("gallery")).unwrap();
    let fails = |entry: &&Entry| {
        let pairs = entry.queries.iter().zip(kept(&entry.id).queries);
        let wrong = |(query, recorded): (&EntryQuery, Recorded)| {
            recorded.answer.concept != Some(query.answer)
        };
        pairs.into_iter().any(wrong)
    };
    let count = entries.iter().filter(fails).count();
    assert!(count >= 3, "the model fails at {count} ready episodes");
}

#[test]
fn the_model_still_gives_every_recorded_answer() {
    let pack =
        std::env::var("LINK_CONTEXT_PACK").expect("LINK_CONTEXT_PACK: the folder of the pack");
    let gallery = www().join("gallery");
    let (mut session, hash) = open(Path::new(&pack)).unwrap();
    for entry in entries(&gallery).unwrap() {
        let again = Recording::make(&mut session, &hash, &gallery, &entry);
        let again = pollster::block_on(again).unwrap();
        let differences = kept(&entry.id).differences(&again);
        assert!(
            differences.is_empty(),
            "{}: `cargo xtask record` records it anew\n{}",
            entry.id,
            differences.join("\n")
        );
    }
}
