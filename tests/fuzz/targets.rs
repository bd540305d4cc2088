//! Everything that reads what comes from outside, under libFuzzer: `cargo xtask fuzz`. An input may be refused; it must not panic, take more
//! than a second, or take more memory than the command allows.
//!
//! One program for all targets, which links once: the environment's `FUZZ_TARGET` says which it is.

#![no_main]
#![allow(clippy::panic, reason = "a panic is a target's way to tell")]

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::{env, fs};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use flate2::Compression;
use flate2::write::ZlibEncoder;
use libfuzzer_sys::fuzz_target;
use link_context::picture::Square;
use link_context::share::{FRAGMENT, SharedEpisode};
use link_context::text::template::{Template, name_of, name_tokens};
use link_context::text::tokenizer::{StreamDecoder, Tokenizer};
use link_context::weights::checkpoint::read_safetensors;
use link_context::weights::gguf::Gguf;
use link_context::weights::pack::{Adapters, Manifest, PackReader, sha256};
use link_context::weights::torch;
use serde_json::{Value, json};

type Target = fn(&[u8]);

const TARGETS: [(&str, Target); 10] = [
    ("gguf", gguf),
    ("torch", torch),
    ("safetensors", safetensors),
    ("manifest", manifest),
    ("pack", pack),
    ("episode-file", episode_file),
    ("link", link),
    ("picture", picture),
    ("tokenizer", tokenizer),
    ("template", template),
];

static TARGET: OnceLock<Target> = OnceLock::new();

fuzz_target!(
    init: {
        let wanted = env::var("FUZZ_TARGET").unwrap_or_default();
        let found = TARGETS.iter().find(|(name, _)| *name == wanted);
        let (_, target) = found.unwrap_or_else(|| panic!("FUZZ_TARGET is '{wanted}', which is no target"));
        TARGET.get_or_init(|| *target);
    },
    |bytes: &[u8]| {
        if let Some(target) = TARGET.get() {
            target(bytes);
        }
    }
);

fn gguf(bytes: &[u8]) {
    let Ok(file) = Gguf::parse(bytes) else { return };
    for key in file.metadata.keys() {
        let _ = (file.number(key), file.texts(key), file.integers(key));
    }
}

fn torch(bytes: &[u8]) {
    static FILE: OnceLock<PathBuf> = OnceLock::new();
    let name = || env::temp_dir().join(format!("link-context-fuzz-{}.pth", std::process::id()));
    let path = FILE.get_or_init(name);
    if fs::write(path, bytes).is_ok() {
        let _ = torch::read(path);
    }
}

fn safetensors(bytes: &[u8]) {
    let _ = read_safetensors(bytes);
}

fn manifest(bytes: &[u8]) {
    if let Ok(manifest) = Manifest::parse(bytes) {
        let _ = (manifest.largest_tensor(), manifest.total_bytes());
        let _ = PackReader::new(manifest, Adapters::Merged).finish();
    }
}

/// A file of the small pack of the tests.
fn tiny(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/tiny/pack");
    fs::read(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// A zlib stream.
fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut stream = ZlibEncoder::new(Vec::new(), Compression::fast());
    let written = stream.write_all(bytes);
    written.and_then(|()| stream.finish()).unwrap_or_default()
}

/// A shard that its manifest vouches for: the manifest of the small pack, with the shard's length and hash put in.
fn pack(bytes: &[u8]) {
    static MANIFEST: OnceLock<Value> = OnceLock::new();
    let [which, how, shard @ ..] = bytes else {
        return;
    };
    // As it is, or what is inside of one.
    let shard = if how & 2 == 0 {
        shard.to_vec()
    } else {
        packed(shard)
    };
    let read = || serde_json::from_slice(&tiny("manifest.json")).unwrap_or_default();
    let mut manifest = MANIFEST.get_or_init(read).clone();
    let Some(shards) = manifest["shards"].as_array_mut() else {
        return;
    };
    let index = usize::from(*which) % shards.len().max(1);
    shards[index]["bytes"] = json!(shard.len());
    shards[index]["sha256"] = json!(sha256(&shard));
    let adapters = if how & 1 == 0 {
        Adapters::Merged
    } else {
        Adapters::Beside
    };
    if let Ok(manifest) = Manifest::parse(manifest.to_string()) {
        let mut reader = PackReader::new(manifest, adapters);
        let _ = reader.push(index, &shard);
        let _ = reader.push(index, &shard);
    }
}

fn episode_file(bytes: &[u8]) {
    if let Ok(episode) = SharedEpisode::from_file(bytes) {
        // What can be read can be written, and is the same then.
        let written = episode.to_file().map(String::into_bytes);
        let again = written.and_then(|file| SharedEpisode::from_file(&file));
        assert_eq!(again.ok().as_ref(), Some(&episode));
    }
}

/// A fragment as it is, or what is inside of one.
fn link(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if text.starts_with(FRAGMENT) {
        let _ = SharedEpisode::from_link(&text);
    } else {
        let packed = URL_SAFE_NO_PAD.encode(packed(bytes));
        let _ = SharedEpisode::from_link(&format!("{FRAGMENT}1.{packed}"));
    }
}

fn picture(bytes: &[u8]) {
    if let Ok(square) = Square::decode("picture", bytes) {
        assert_eq!(square.rgb.len(), Square::SIZE * Square::SIZE * 3);
    }
}

fn tokenizer(bytes: &[u8]) {
    if let Ok(tokenizer) = Tokenizer::from_json(bytes) {
        let text = "A cactihog, 12 grolts\n 刺猬 🦔";
        let ids = tokenizer.encode(text);
        let _ = tokenizer.decode(&ids);
        let _ = Tokenizer::from_json(tokenizer.to_json());
    }
}

/// Any text as a name, through a tokenizer that has every byte.
fn template(bytes: &[u8]) {
    static TOKENIZER: OnceLock<Tokenizer> = OnceLock::new();
    let tokenizer = TOKENIZER.get_or_init(|| {
        let read = || {
            let manifest = Manifest::parse(tiny("manifest.json")).ok()?;
            let tables = manifest.tokenizer_tables(&tiny(&manifest.tokenizer.path));
            Tokenizer::from_json(tables.ok()?).ok()
        };
        read().unwrap_or_else(|| panic!("the small pack has no tokenizer"))
    });
    let name = String::from_utf8_lossy(bytes);
    let tokens = name_tokens(tokenizer, &name);
    assert_eq!(name_of(&tokenizer.decode(&tokens)), name);
    let mut stream = StreamDecoder::default();
    let pieces = tokens.iter().map(|&id| stream.push(tokenizer, id));
    let streamed: String = pieces.collect();
    assert_eq!(name_of(&(streamed + &stream.finish())), name);
    if let Ok(template) = Template::new(tokenizer, 6) {
        let mut positions = template.begin();
        let before = positions.len();
        let range = template.push_example(&mut positions, 0, &tokens);
        assert_eq!(positions.len(), before + template.example_len(&tokens));
        assert_eq!(range.len(), tokens.len() + 1);
    }
}
