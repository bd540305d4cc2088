//! The pack: what comes out of it, and damaged ones.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;

use flate2::read::ZlibDecoder;
use link_context::weights::checkpoint::read_safetensors;
use link_context::weights::convert::{Precision, originals};
use link_context::weights::gguf::Gguf;
use link_context::weights::pack::{
    Adapters, Manifest, OpenPack, PackError, PackReader, SHARD_LIMIT, VERSION, write_pack,
};
use link_context::weights::{EncodedTensor, Encoding, HostTensor, Tensors, Weights, torch};
use proptest::prelude::*;
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

use super::{bits_of, config, fixture, path, tiny_weights};

fn read(folder: &TempDir, path: &str) -> Vec<u8> {
    fs::read(folder.path().join(path)).unwrap()
}

fn write(folder: &TempDir, weights: &Weights) -> Manifest {
    let licences = BTreeMap::from([("Apache-2.0".to_owned(), "…".to_owned())]);
    write_pack(
        folder.path(),
        &config(),
        weights,
        "the tables",
        Vec::new(),
        licences,
    )
    .unwrap()
}

/// The pack of the fixtures: its manifest's text, and its shards.
fn tiny_pack() -> (String, Vec<Vec<u8>>) {
    let folder = tempfile::tempdir().unwrap();
    let manifest = write(&folder, &tiny_weights());
    let shards = manifest
        .shards
        .iter()
        .map(|shard| read(&folder, &shard.path))
        .collect();
    (
        String::from_utf8(read(&folder, "manifest.json")).unwrap(),
        shards,
    )
}

#[test]
fn a_pack_read_without_adapters_is_what_was_published() {
    let gguf = fixture("tiny.gguf");
    let gguf = Gguf::parse(&gguf).unwrap();
    let published = originals(
        &gguf,
        torch::read(&path("encoder.pth")).unwrap(),
        &config(),
        Precision::Shipped,
    )
    .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let manifest = write(&folder, &tiny_weights());
    let pack = OpenPack::read(folder.path(), Adapters::LeftOut).unwrap();
    let tensors = pack.tensors;
    assert!(tensors.keys().all(|name| !name.contains(".lora.")));
    let mut matrices = 0;
    for (name, tensor) in &published {
        if name.contains(".attention.") {
            matrices += 1;
            assert_eq!(
                bits_of(&tensors[name].decode().unwrap()),
                bits_of(&tensor.decode().unwrap()),
                "{name}"
            );
        }
    }
    assert!(matrices > 0);

    let lost = folder.path().join(&manifest.shards[0].path);
    fs::remove_file(&lost).unwrap();
    let error = OpenPack::read(folder.path(), Adapters::Merged).unwrap_err();
    assert_eq!(error.subject(), lost.display().to_string());
    assert!(error.to_string().contains("cargo xtask weights"), "{error}");
}

#[test]
fn a_pack_gives_the_model_that_the_references_make() {
    let (expected, _) = read_safetensors(&fixture("expected.safetensors")).unwrap();
    let (manifest, shards) = tiny_pack();
    let manifest = Manifest::parse(&manifest).unwrap();
    assert_eq!(manifest.config, config());
    let mut reader = PackReader::new(manifest, Adapters::Merged);
    let mut tensors = BTreeMap::new();
    for (index, shard) in shards.iter().enumerate() {
        for (name, tensor) in reader.push(index, shard).unwrap() {
            tensors.insert(name, tensor.decode().unwrap());
        }
    }
    let manifest = reader.finish().unwrap();
    assert_eq!(
        manifest.total_bytes(),
        shards[0].len() as u64 + manifest.tokenizer.bytes
    );
    assert_eq!(manifest.largest_tensor(), 64 * 32 * 4);

    let (exact, expected): (Tensors, Tensors) = expected
        .into_iter()
        .partition(|(name, _)| name.ends_with(".exact"));
    assert_eq!(
        tensors.keys().collect::<Vec<_>>(),
        expected.keys().collect::<Vec<_>>()
    );
    let mut adapted = 0;
    for (name, expected) in &expected {
        let tensor = &tensors[name];
        let Some(exact) = exact.get(&format!("{name}.exact")) else {
            let mut expected = expected.clone();
            if ["connector.projection.weight", "connector.comparison.marks"].contains(&&**name) {
                // The pack has them in half precision, as the adapter file of the repository has.
                let halved = |value: &mut f32| *value = half::f16::from_f32(*value).to_f32();
                expected.data.iter_mut().for_each(halved);
            }
            assert_eq!(bits_of(tensor), bits_of(&expected), "{name}");
            continue;
        };
        // Merged in single precision here, in double there, then brought to eight bits by both: a block's scale, in half precision, may be
        // its neighbour.
        adapted += 1;
        assert_eq!(tensor.shape, expected.shape, "{name}");
        for (ours, theirs) in tensor.data.iter().zip(&expected.data) {
            let near = 1e-6 + theirs.abs() * f32::from(half::f16::EPSILON);
            assert!((ours - theirs).abs() <= near, "{name}: {ours} {theirs}");
        }
        // What eight bits lose (of values up to 4, a step of 0.03), beside all that the adapter changes (by 0.26 on the average).
        let error = |ours: &HostTensor| {
            let squares = ours
                .data
                .iter()
                .zip(&exact.data)
                .map(|(a, b)| (a - b).powi(2));
            (squares.sum::<f32>() / exact.data.len() as f32).sqrt()
        };
        assert!(error(tensor) < 8e-3, "{name}: {}", error(tensor));
    }
    assert_eq!(adapted, 8);
}

/// Three tensors over three shards; the second straddles all of them. Noise, which zlib cannot make smaller.
fn large_weights() -> Weights {
    let tensor = |encoding, shape: [usize; 2], seed: u32| {
        let mut state = seed;
        let bytes = (0..encoding_bytes(encoding, &shape)).map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            // No exponent of all ones: every number is finite, as equality needs.
            (state >> 24) as u8 & 0xbb
        });
        EncodedTensor {
            encoding,
            shape: shape.to_vec(),
            bytes: bytes.collect(),
        }
    };
    BTreeMap::from([
        ("first".to_owned(), tensor(Encoding::F32, [3_000, 256], 1)),
        (
            "second".to_owned(),
            tensor(Encoding::Q8_0, [5_500, 1024], 2),
        ),
        ("third".to_owned(), tensor(Encoding::Q4_1, [7, 64], 3)),
    ])
}

fn encoding_bytes(encoding: Encoding, shape: &[usize]) -> usize {
    encoding.bytes(shape).unwrap()
}

#[test]
fn a_tensor_straddles_shards_at_whole_rows() {
    let folder = tempfile::tempdir().unwrap();
    let weights = large_weights();
    write(&folder, &weights);
    let manifest = Manifest::parse(read(&folder, "manifest.json")).unwrap();
    assert_eq!(manifest.shards.len(), 3);
    for shard in &manifest.shards {
        let content = read(&folder, &shard.path);
        assert_eq!(content.len() as u64, shard.bytes);
        let mut held = Vec::new();
        ZlibDecoder::new(&content[..])
            .read_to_end(&mut held)
            .unwrap();
        assert_eq!(held.len() as u64, shard.content);
        assert!(held.len() <= SHARD_LIMIT);
        let sha256: String = Sha256::digest(&content)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        assert_eq!(sha256, shard.sha256);
    }
    let parts = &manifest.tensors["second"].parts;
    assert_eq!(
        parts.iter().map(|part| part.shard).collect::<Vec<_>>(),
        [0, 1, 2]
    );
    assert!(parts.iter().all(|part| part.bytes % (1024 / 32 * 34) == 0));
    assert!(SHARD_LIMIT - manifest.shards[1].content as usize <= 1024 / 32 * 34);
    let tokenizer = read(&folder, &manifest.tokenizer.path);
    assert_eq!(
        manifest.tokenizer_tables(&tokenizer).unwrap(),
        b"the tables"
    );
    assert_eq!(
        manifest.tokenizer_tables(&tokenizer[1..]),
        Err(PackError::ShardTruncated {
            path: manifest.tokenizer.path.clone(),
            bytes: tokenizer.len() as u64 - 1,
            expected: tokenizer.len() as u64
        })
    );

    // The last shard first: nothing may depend on the order.
    let paths: Vec<_> = manifest
        .shards
        .iter()
        .map(|shard| shard.path.clone())
        .collect();
    let mut reader = PackReader::new(manifest, Adapters::Merged);
    let mut names = Vec::new();
    for index in [2, 0, 1] {
        for (name, tensor) in reader.push(index, &read(&folder, &paths[index])).unwrap() {
            assert!(tensor == weights[&name], "{name}");
            names.push(name);
        }
    }
    assert_eq!(names, ["third", "first", "second"]);
    reader.finish().unwrap();
}

#[test]
fn the_same_weights_give_the_same_pack() {
    assert_eq!(tiny_pack(), tiny_pack());
}

#[test]
fn a_damaged_shard_is_named_and_may_be_given_again() {
    let (manifest, shards) = tiny_pack();
    let manifest = Manifest::parse(&manifest).unwrap();
    let path = manifest.shards[0].path.clone();
    let mut reader = PackReader::new(manifest, Adapters::Merged);
    let whole = &shards[0];

    let error = reader.push(0, &whole[..100]).unwrap_err();
    let expected = whole.len() as u64;
    assert_eq!(
        error,
        PackError::ShardTruncated {
            path: path.clone(),
            bytes: 100,
            expected
        }
    );
    assert_eq!(
        (error.code(), error.subject()),
        ("pack-shard-truncated", path.as_str())
    );

    let mut damaged = whole.clone();
    damaged[500] ^= 1;
    let error = reader.push(0, &damaged).unwrap_err();
    assert_eq!(error, PackError::ShardCorrupt { path: path.clone() });
    assert_eq!(
        (error.code(), error.subject()),
        ("pack-shard-corrupt", path.as_str())
    );

    assert!(!reader.push(0, whole).unwrap().is_empty());
    for index in [0, 1] {
        assert_eq!(
            reader.push(index, whole).unwrap_err(),
            PackError::NoShard { index }
        );
    }
    reader.finish().unwrap();
}

/// The manifest's own file, so its SHA-256 is right: only a manifest that lies comes here.
#[test]
fn a_shard_that_holds_something_else_is_refused() {
    let (manifest, shards) = tiny_pack();
    let held = |change: fn(&mut Vec<u8>)| {
        let mut shard = shards[0].clone();
        change(&mut shard);
        let mut manifest = Manifest::parse(&manifest).unwrap();
        let entry = &mut manifest.shards[0];
        entry.bytes = shard.len() as u64;
        entry.sha256 = Sha256::digest(&shard)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        PackReader::new(manifest, Adapters::Merged)
            .push(0, &shard)
            .unwrap_err()
    };
    for error in [
        held(|shard| shard.truncate(shard.len() / 2)),
        held(|shard| shard[0] ^= 0xff),
        held(Vec::clear),
    ] {
        assert_eq!(error.code(), "pack-manifest");
        assert!(
            error.to_string().contains("cannot be decompressed"),
            "{error}"
        );
    }
}

#[test]
fn a_missing_shard_is_named() {
    let (manifest, _) = tiny_pack();
    let manifest = Manifest::parse(&manifest).unwrap();
    let path = manifest.shards[0].path.clone();
    let error = PackReader::new(manifest, Adapters::Merged)
        .finish()
        .unwrap_err();
    assert_eq!(error, PackError::Incomplete { path: path.clone() });
    assert_eq!(
        (error.code(), error.subject()),
        ("pack-incomplete", path.as_str())
    );
}

#[test]
fn a_manifest_of_another_version_says_so() {
    let error = Manifest::parse(r#"{"version": 7, "something": "new"}"#).unwrap_err();
    assert_eq!(error, PackError::Version { found: 7 });
    assert_eq!(error.code(), "pack-version");
    assert_ne!(VERSION, 7);
}

#[test]
fn a_manifest_that_contradicts_itself_is_refused() {
    let (manifest, _) = tiny_pack();
    let tensor = "/tensors/decoder.embedding";
    let cases = [
        ("/config/connector/content", serde_json::json!(1.5)),
        ("/config/connector/content", serde_json::json!(-0.1)),
        ("/shards/0/path", serde_json::json!("../secret")),
        ("/shards/0/path", serde_json::json!("a/b")),
        ("/shards/0/path", serde_json::json!("")),
        ("/shards/0/bytes", serde_json::json!(2 * SHARD_LIMIT)),
        ("/shards/0/content", serde_json::json!(SHARD_LIMIT + 1)),
        ("/shards/0/content", serde_json::json!(100)),
        ("/tokenizer/content", serde_json::json!(u64::MAX)),
        ("/tokenizer/path", serde_json::json!(".hidden")),
        (&format!("{tensor}/shape"), serde_json::json!([40, 33])),
        (&format!("{tensor}/shape"), serde_json::json!([40, 64])),
        (
            &format!("{tensor}/shape"),
            serde_json::json!([u64::MAX, 32]),
        ),
        (&format!("{tensor}/encoding"), serde_json::json!("f32")),
        (&format!("{tensor}/encoding"), serde_json::json!("q2_k")),
        (&format!("{tensor}/parts/0/shard"), serde_json::json!(1)),
        (
            &format!("{tensor}/parts/0/offset"),
            serde_json::json!(u64::MAX),
        ),
        (&format!("{tensor}/parts/0/bytes"), serde_json::json!(34)),
        (&format!("{tensor}/parts"), serde_json::json!([])),
        (
            "/tensors/decoder.layers.0.attention.key.lora.up/shape",
            serde_json::json!([1, 96]),
        ),
    ];
    for (path, value) in cases {
        let mut json: serde_json::Value = serde_json::from_str(&manifest).unwrap();
        *json.pointer_mut(path).unwrap() = value.clone();
        let error = Manifest::parse(json.to_string()).unwrap_err();
        assert_eq!(error.code(), "pack-manifest", "{path} {value}: {error}");
    }
    // Tensors that share bytes could ask for more memory than the shards account for.
    let mut json: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    let entry = json["tensors"]["decoder.embedding"].clone();
    json["tensors"]["again"] = entry;
    let error = Manifest::parse(json.to_string()).unwrap_err();
    assert!(error.to_string().ends_with("is used twice"), "{error}");
    // A thin matrix alone.
    let mut json: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    let tensors = json["tensors"].as_object_mut().unwrap();
    tensors
        .remove("decoder.layers.0.attention.key.lora.down")
        .unwrap();
    let error = Manifest::parse(json.to_string()).unwrap_err();
    assert_eq!(error.code(), "pack-manifest");
}

#[test]
fn weights_that_contradict_themselves_are_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let mut weights = tiny_weights();
    weights.get_mut("decoder.norm").unwrap().bytes.pop();
    let error = write_pack(
        folder.path(),
        &config(),
        &weights,
        "",
        Vec::new(),
        BTreeMap::new(),
    )
    .unwrap_err();
    assert_eq!(
        error.to_string(),
        "tensor 'decoder.norm': 127 bytes of F32 where 128 belong"
    );
    assert!(!folder.path().join("manifest.json").exists());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_damaged_manifest_never_panics(
        changes in prop::collection::vec((any::<prop::sample::Index>(), b'0'..=b'9'), 1..4),
    ) {
        // Digits for digits, so that most of what comes out is still JSON, with other numbers.
        let (manifest, shards) = &*TINY_PACK;
        let digits: Vec<usize> = manifest
            .bytes()
            .enumerate()
            .filter(|(_, byte)| byte.is_ascii_digit())
            .map(|(place, _)| place)
            .collect();
        let mut json = manifest.clone().into_bytes();
        for (place, digit) in changes {
            json[digits[place.index(digits.len())]] = digit;
        }
        if let Ok(manifest) = Manifest::parse(&json) {
            let mut reader = PackReader::new(manifest, Adapters::Merged);
            let _ = reader.push(0, &shards[0]);
            let _ = reader.finish();
        }
    }
}

static TINY_PACK: std::sync::LazyLock<(String, Vec<Vec<u8>>)> = std::sync::LazyLock::new(tiny_pack);
