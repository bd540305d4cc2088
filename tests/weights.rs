//! Weights against PyTorch, NumPy and the `gguf` package, and what damaged files do. Fixtures: `fixtures/weights/README.md`.
#![cfg(feature = "cli")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use link_context::model::config::{
    ConnectorConfig, DecoderConfig, ModelConfig, StageConfig, VisionConfig,
};
use link_context::weights::checkpoint::{read_safetensors, write_safetensors};
use link_context::weights::convert::{
    ConvertError, Precision, add_adapter, originals, tokenizer_json,
};
use link_context::weights::gguf::{Gguf, GgufError, Value};
use link_context::weights::pack::{
    Adapters, Manifest, OpenPack, PackError, PackReader, SHARD_LIMIT, VERSION, write_pack,
};
use link_context::weights::quant::{QuantError, decode, encode};
use link_context::weights::torch::{self, TorchError};
use link_context::weights::{EncodedTensor, Encoding, HostTensor, Tensors, Weights};
use proptest::prelude::*;
use safetensors::SafeTensors;
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

fn fixture(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/weights");
    fs::read(folder.join(name)).unwrap()
}

/// The sizes in `fixtures/weights/make.py`.
fn config() -> ModelConfig {
    ModelConfig {
        vision: VisionConfig {
            image_size: 32,
            stem_channels: 4,
            stages: vec![
                StageConfig::new(1, 3, 1, 1, 4),
                StageConfig::new(2, 5, 2, 2, 6),
            ],
            head_channels: 8,
        },
        connector: ConnectorConfig { visual_tokens: 5 },
        decoder: DecoderConfig {
            vocabulary: 40,
            width: 32,
            layers: 2,
            query_heads: 8,
            key_value_heads: 4,
            head_width: 8,
            feed_forward: 64,
            rope_base: 100_000.0,
            norm_epsilon: 1e-5,
            context: 128,
        },
    }
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// What distinguishes two tensors, shapes and all.
fn bits_of(tensor: &HostTensor) -> (&[usize], Vec<u32>) {
    (&tensor.shape, bits(&tensor.data))
}

#[test]
fn blocks_decode_bit_for_bit_as_in_the_gguf_package() {
    let file = fixture("quant.safetensors");
    let file = SafeTensors::deserialize(&file).unwrap();
    for (name, encoding) in [
        ("q8_0", Encoding::Q8_0),
        ("q4_1", Encoding::Q4_1),
        ("published.q8_0", Encoding::Q8_0),
        ("published.q4_1", Encoding::Q4_1),
    ] {
        let bytes = file.tensor(&format!("{name}.bytes")).unwrap();
        let values = file.tensor(&format!("{name}.values")).unwrap();
        let expected = decode(Encoding::F32, values.data()).unwrap();
        assert!(expected.len() >= 2 * 576);
        assert_eq!(
            bits(&decode(encoding, bytes.data()).unwrap()),
            bits(&expected),
            "{name}"
        );
    }
}

#[test]
fn blocks_encode_bit_for_bit_as_in_the_gguf_package() {
    let file = fixture("quant.safetensors");
    let file = SafeTensors::deserialize(&file).unwrap();
    let values = decode(Encoding::F32, file.tensor("encode.values").unwrap().data()).unwrap();
    let expected = file.tensor("encode.bytes").unwrap();
    assert_eq!(encode(Encoding::Q8_0, &values).unwrap(), expected.data());
}

#[test]
fn what_an_encoding_cannot_hold_is_refused() {
    for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        for encoding in [Encoding::F32, Encoding::F16, Encoding::Q8_0] {
            let mut values = [1.0; 32];
            values[7] = value;
            let error = encode(encoding, &values).unwrap_err();
            assert!(matches!(error, QuantError::Range { .. }), "{error}");
        }
    }
    assert!(matches!(
        encode(Encoding::F16, &[65520.0]),
        Err(QuantError::Range { .. })
    ));
    assert!(matches!(
        encode(Encoding::Q8_0, &[65520.0 * 127.0; 32]),
        Err(QuantError::Range { .. })
    ));
    assert!(matches!(
        encode(Encoding::Q8_0, &[1.0; 33]),
        Err(QuantError::Row { .. })
    ));
    assert!(matches!(
        encode(Encoding::Q4_1, &[1.0; 32]),
        Err(QuantError::ReadOnly(_))
    ));
    assert!(matches!(
        decode(Encoding::Q4_1, &[0; 21]),
        Err(QuantError::Length { .. })
    ));
    let huge = [usize::MAX, 32];
    assert!(matches!(
        Encoding::F32.bytes(&huge),
        Err(QuantError::TooLarge { .. })
    ));
}

#[test]
fn gguf_metadata_is_read_in_every_type() {
    let bytes = fixture("tiny.gguf");
    let gguf = Gguf::parse(&bytes).unwrap();
    for (key, value) in [
        ("general.architecture", Value::Text("llama".into())),
        ("llama.block_count", Value::Integer(2)),
        ("llama.rope.freq_base", Value::Float(100_000.0)),
        ("test.u8", Value::Integer(200)),
        ("test.i8", Value::Integer(-100)),
        ("test.u16", Value::Integer(60_000)),
        ("test.i16", Value::Integer(-30_000)),
        ("test.i32", Value::Integer(-2_000_000_000)),
        ("test.u64", Value::Integer(1 << 60)),
        ("test.i64", Value::Integer(-(1 << 60))),
        ("test.f64", Value::Float(0.1)),
        ("test.bool", Value::Bool(true)),
        ("test.floats", Value::Floats(vec![0.5, -2.0])),
    ] {
        assert_eq!(gguf.metadata.get(key), Some(&value), "{key}");
    }
    assert_eq!(
        gguf.number("test.u8").unwrap() + gguf.number("test.f64").unwrap(),
        200.1
    );
    let error = gguf.number("test.none").unwrap_err();
    assert_eq!(
        error.to_string(),
        "the GGUF file has no number 'test.none' in its metadata"
    );
    assert_eq!(gguf.tensors["token_embd.weight"].shape, [40, 32]);
    assert_eq!(gguf.tensors["blk.1.ffn_down.weight"].shape, [32, 64]);
}

#[test]
fn the_tokenizer_comes_out_of_the_gguf_file() {
    let bytes = fixture("tiny.gguf");
    let json = tokenizer_json(&Gguf::parse(&bytes).unwrap()).unwrap();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let expected = serde_json::json!({
        "version": 1,
        "special": 2,
        "tokens": ["<|endoftext|>", "<|im_start|>", "a", "b", "Ġé\"", "ab"],
        "merges": ["a b"],
    });
    assert_eq!(json, expected);
}

#[test]
fn a_bad_gguf_file_says_what_is_wrong() {
    let bytes = fixture("tiny.gguf");
    assert_eq!(
        Gguf::parse(b"GIF89a").unwrap_err().to_string(),
        "this is not a GGUF file"
    );
    let mut other = bytes.clone();
    other[4] = 9;
    assert_eq!(Gguf::parse(&other).unwrap_err(), GgufError::Version(9));
    let cut = Gguf::parse(&bytes[..bytes.len() - 64]).unwrap_err();
    assert_eq!(
        cut.to_string(),
        format!(
            "the GGUF file ends at byte {}, inside tensor 'blk.1.ffn_down.weight'",
            bytes.len() - 64
        )
    );
    // Counts that no file could hold are not believed.
    let mut many = bytes.clone();
    many[8..24].fill(0xff);
    assert!(matches!(
        Gguf::parse(&many),
        Err(GgufError::Truncated { .. } | GgufError::Text(_) | GgufError::Kind { .. })
    ));
}

#[test]
fn torch_views_of_one_storage_come_out_row_major() {
    let tensors = torch::read(&fixture("views.pth")).unwrap();
    let (expected, _) = read_safetensors(&fixture("views.safetensors")).unwrap();
    assert_eq!(expected.len(), 6);
    assert_eq!(tensors, expected);
}

#[test]
fn a_bad_torch_file_says_what_is_wrong() {
    // The name of `os.system` in a pickle is that of the platform's own module.
    assert_eq!(
        torch::read(&fixture("evil.pth")).unwrap_err(),
        TorchError::Global("posix.system".into())
    );
    assert_eq!(
        torch::read(b"PK\x03\x04").unwrap_err(),
        TorchError::Magic,
        "a zip archive"
    );
    assert_eq!(torch::read(b"").unwrap_err(), TorchError::Magic);
    let bytes = fixture("views.pth");
    let length = bytes.len() - 1;
    assert_eq!(
        torch::read(&bytes[..length]).unwrap_err(),
        TorchError::Truncated { bytes: length }
    );
    // BINPUT to INST, which would make an object of any class.
    let mut other = bytes.clone();
    let place = other.iter().rposition(|&byte| byte == b'q').unwrap();
    other[place] = b'i';
    assert_eq!(
        torch::read(&other).unwrap_err(),
        TorchError::Instruction {
            opcode: b'i',
            offset: place
        }
    );
}

/// A checkpoint of one tensor, of `count` values in its storage, with these instructions for size and stride.
fn checkpoint(sizes: &[u8], count: u8) -> Vec<u8> {
    let system = fixture("views.pth");
    let mut file = Vec::new();
    file.extend(b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03.");
    assert!(system.starts_with(&file));
    file.extend(b"\x80\x02}X\x0d\0\0\0little_endian\x88s.");
    file.extend(b"\x80\x02}X\x01\0\0\0wctorch._utils\n_rebuild_tensor_v2\n(");
    file.extend(b"(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x001X\x03\0\0\0cpuK");
    file.extend([count]);
    file.extend(b"NtQK\0");
    file.extend(sizes);
    file.extend(b"\x89}tRs.\x80\x02]X\x01\0\0\x001a.");
    file.extend(u64::from(count).to_le_bytes());
    file.extend((0..count).flat_map(|value| f32::from(value).to_le_bytes()));
    file
}

#[test]
fn a_torch_tensor_must_lie_within_its_storage() {
    let tensors = torch::read(&checkpoint(b"K\x02K\x02\x86K\x02K\x01\x86", 4)).unwrap();
    let expected = HostTensor {
        shape: vec![2, 2],
        data: vec![0.0, 1.0, 2.0, 3.0],
    };
    assert_eq!(tensors["w"], expected);
    for sizes in [
        // One row too many; a stride too wide; five and two billion elements out of one; sizes that overflow.
        b"K\x03K\x02\x86K\x02K\x01\x86".as_slice(),
        b"K\x02K\x02\x86K\x03K\x01\x86",
        b"K\x05\x85K\x00\x85",
        b"J\xff\xff\xff\x7f\x85K\x00\x85",
        b"\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f\x86K\0K\0\x86",
    ] {
        let error = torch::read(&checkpoint(sizes, 4)).unwrap_err();
        assert!(
            matches!(error, TorchError::Tensor(_) | TorchError::Overlap),
            "{error}"
        );
    }
    for sizes in [
        b"K\x02\x85)".as_slice(),
        b"J\xff\xff\xff\xff\x85K\x01\x85",
        b"K\x02K\x01",
        b"N)",
    ] {
        let error = torch::read(&checkpoint(sizes, 4)).unwrap_err();
        assert!(matches!(error, TorchError::Malformed { .. }), "{error}");
    }
}

#[test]
fn a_small_torch_file_cannot_ask_for_much_memory() {
    let whole = checkpoint(b"K\xff\x85K\x01\x85", 255);
    assert_eq!(torch::read(&whole).unwrap()["w"].data.len(), 255);
    // The same tensor under many names: it is remembered, and every further name costs a few bytes.
    let end = whole.windows(4).position(|bytes| bytes == b"}tRs").unwrap();
    let mut file = whole[..end + 3].to_vec();
    file.extend(b"q\x01s");
    for name in b'!'..b'~' {
        file.extend([b'X', 1, 0, 0, 0, name, b'h', 1, b's']);
    }
    file.extend(&whole[end + 4..]);
    assert_eq!(torch::read(&file).unwrap_err(), TorchError::Overlap);
}

#[test]
fn safetensors_come_back_as_they_were_written() {
    let (tensors, metadata) = read_safetensors(&fixture("adapter.safetensors")).unwrap();
    assert_eq!(tensors["connector.position"].shape, [5, 32]);
    assert_eq!(
        metadata,
        BTreeMap::from([("lora_scale".into(), "1.5".into())])
    );
    let written = write_safetensors(&tensors, &metadata, Encoding::F32).unwrap();
    assert_eq!(read_safetensors(&written).unwrap(), (tensors, metadata));

    let halves = [("h", [half(1.5), half(-2.0)].concat())];
    let view = |data| {
        safetensors::tensor::TensorView::new(safetensors::Dtype::F16, vec![2], data).unwrap()
    };
    let file =
        safetensors::serialize(halves.iter().map(|(name, data)| (name, view(data))), None).unwrap();
    let (tensors, _) = read_safetensors(&file).unwrap();
    assert_eq!(tensors["h"].data, [1.5, -2.0]);
    assert!(read_safetensors(&file[..file.len() - 1]).is_err());
}

fn half(value: f32) -> [u8; 2] {
    half::f16::from_f32(value).to_le_bytes()
}

/// The model of the fixtures, adapter and all, as a pack holds it.
fn tiny_weights() -> Weights {
    tiny_weights_in(Precision::Shipped)
}

fn tiny_weights_in(precision: Precision) -> Weights {
    let bytes = fixture("tiny.gguf");
    let gguf = Gguf::parse(&bytes).unwrap();
    let mut weights = originals(&gguf, &fixture("encoder.pth"), &config(), precision).unwrap();
    let (adapter, metadata) = read_safetensors(&fixture("adapter.safetensors")).unwrap();
    add_adapter(&mut weights, adapter, &metadata, &config(), precision).unwrap();
    weights
}

#[test]
fn full_precision_keeps_the_adapter_as_it_was_trained() {
    let (adapter, _) = read_safetensors(&fixture("adapter.safetensors")).unwrap();
    let (full, shipped) = (tiny_weights_in(Precision::Full), tiny_weights());
    for name in [
        "connector.projection.weight",
        "decoder.layers.0.attention.query.lora.down",
    ] {
        assert_eq!(full[name].decode().unwrap(), adapter[name], "{name}");
        assert_ne!(shipped[name].encoding, Encoding::F32, "{name}");
    }
    // What was published in few bits is not ours to change.
    let published = "decoder.layers.1.feed_forward.down";
    assert_eq!(full[published], shipped[published]);
}

#[test]
fn the_published_matrices_keep_their_bytes() {
    let bytes = fixture("tiny.gguf");
    let gguf = Gguf::parse(&bytes).unwrap();
    let weights = originals(
        &gguf,
        &fixture("encoder.pth"),
        &config(),
        Precision::Shipped,
    )
    .unwrap();
    let same = |ours: &str, theirs: &str| {
        let (ours, theirs) = (&weights[ours], &gguf.tensors[theirs]);
        ours.encoding == theirs.encoding && ours.bytes == theirs.bytes
    };
    assert!(same("decoder.embedding", "token_embd.weight"));
    assert!(same(
        "decoder.layers.1.feed_forward.down",
        "blk.1.ffn_down.weight"
    ));
    assert!(same(
        "decoder.layers.1.attention.value",
        "blk.1.attn_v.weight"
    ));
    assert!(!same(
        "decoder.layers.1.attention.key",
        "blk.1.attn_k.weight"
    ));
    assert_eq!(
        weights["vision.blocks.1.depthwise.weight"].encoding,
        Encoding::F16
    );
}

#[test]
fn another_model_is_refused_by_name() {
    let bytes = fixture("tiny.gguf");
    let gguf = Gguf::parse(&bytes).unwrap();
    let torch = fixture("encoder.pth");
    let error = originals(
        &gguf,
        &torch,
        &ModelConfig::lite0_smollm2(),
        Precision::Shipped,
    )
    .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the GGUF file has llama.vocab_size = 40, the model needs 49152"
    );

    let mut deeper = config();
    deeper.vision.stages[1].repeats = 3;
    assert_eq!(
        originals(&gguf, &torch, &deeper, Precision::Shipped).unwrap_err(),
        ConvertError::Missing("_blocks.3._expand_conv.weight".into())
    );
    let mut wider = config();
    wider.vision.head_channels = 9;
    assert_eq!(
        originals(&gguf, &torch, &wider, Precision::Shipped).unwrap_err(),
        ConvertError::Shape {
            name: "_conv_head.weight".into(),
            found: vec![8, 6, 1, 1],
            expected: vec![9, 6, 1, 1]
        }
    );
}

#[test]
fn an_adapter_that_does_not_fit_is_refused_by_name() {
    let (adapter, metadata) = read_safetensors(&fixture("adapter.safetensors")).unwrap();
    let add = |change: &dyn Fn(&mut Tensors), metadata: &BTreeMap<String, String>| {
        let bytes = fixture("tiny.gguf");
        let gguf = Gguf::parse(&bytes).unwrap();
        let mut weights = originals(
            &gguf,
            &fixture("encoder.pth"),
            &config(),
            Precision::Shipped,
        )
        .unwrap();
        let mut adapter = adapter.clone();
        change(&mut adapter);
        add_adapter(
            &mut weights,
            adapter,
            metadata,
            &config(),
            Precision::Shipped,
        )
        .unwrap_err()
    };
    assert_eq!(add(&|_| {}, &BTreeMap::new()), ConvertError::Scale);

    let gain = "connector.gain".to_owned();
    let error = add(&|adapter| drop(adapter.remove(&gain)), &metadata);
    assert_eq!(error, ConvertError::Missing(gain.clone()));

    let up = "decoder.layers.0.attention.key.lora.up".to_owned();
    let error = add(&|adapter| drop(adapter.remove(&up)), &metadata);
    assert_eq!(error, ConvertError::Missing(up.clone()));
    let down = "decoder.layers.0.attention.key.lora.down".to_owned();
    let error = add(&|adapter| drop(adapter.remove(&down)), &metadata);
    assert_eq!(error, ConvertError::Unexpected(up));

    let nowhere = |adapter: &mut Tensors| {
        let tensor = adapter[&down].clone();
        adapter.insert("decoder.layers.2.attention.key.lora.down".into(), tensor);
    };
    let error = add(&nowhere, &metadata);
    assert_eq!(
        error,
        ConvertError::Unexpected("decoder.layers.2.attention.key.lora.down".into())
    );

    let diverged = |adapter: &mut Tensors| adapter.get_mut(&gain).unwrap().data[0] = f32::NAN;
    let error = add(&diverged, &metadata).to_string();
    assert_eq!(
        error,
        "tensor 'connector.gain': the value NaN cannot be written as F32"
    );
}

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
        &fixture("encoder.pth"),
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
    let mut reader = PackReader::new(manifest);
    let mut tensors = BTreeMap::new();
    for (index, shard) in shards.iter().enumerate() {
        for (name, tensor) in reader.push(index, shard).unwrap() {
            tensors.insert(name, tensor.decode().unwrap());
        }
    }
    let manifest = reader.finish().unwrap();
    assert_eq!(manifest.total_bytes(), shards[0].len() as u64 + 10);
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
            if name == "connector.projection.weight" {
                // The pack has it in half precision, as the adapter file of the repository has.
                let halved = |value: &mut f32| *value = half::f16::from_f32(*value).to_f32();
                expected.data.iter_mut().for_each(halved);
            }
            assert_eq!(bits_of(tensor), bits_of(&expected), "{name}");
            continue;
        };
        // Merged in single precision here, in double there, then brought to eight bits by both.
        adapted += 1;
        assert_eq!(tensor.shape, expected.shape, "{name}");
        for (ours, theirs) in tensor.data.iter().zip(&expected.data) {
            assert!((ours - theirs).abs() <= 1e-6, "{name}: {ours} {theirs}");
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

/// Three tensors over three shards; the second straddles all of them.
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
        ("first".to_owned(), tensor(Encoding::F32, [15_000, 256], 1)),
        (
            "second".to_owned(),
            tensor(Encoding::Q8_0, [18_000, 1024], 2),
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
        assert!(content.len() <= SHARD_LIMIT);
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
    assert!(SHARD_LIMIT - manifest.shards[1].bytes as usize <= 1024 / 32 * 34);
    manifest.check_tokenizer(b"the tables").unwrap();
    assert_eq!(
        manifest.check_tokenizer(b"the table"),
        Err(PackError::ShardTruncated {
            path: "tokenizer.json".into(),
            bytes: 9,
            expected: 10
        })
    );

    // The last shard first: nothing may depend on the order.
    let paths: Vec<_> = manifest
        .shards
        .iter()
        .map(|shard| shard.path.clone())
        .collect();
    let mut reader = PackReader::new(manifest);
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
    let mut reader = PackReader::new(manifest);
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

#[test]
fn a_missing_shard_is_named() {
    let (manifest, _) = tiny_pack();
    let manifest = Manifest::parse(&manifest).unwrap();
    let path = manifest.shards[0].path.clone();
    let error = PackReader::new(manifest).finish().unwrap_err();
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
        ("/shards/0/path", serde_json::json!("../secret")),
        ("/shards/0/path", serde_json::json!("a/b")),
        ("/shards/0/path", serde_json::json!("")),
        ("/shards/0/bytes", serde_json::json!(SHARD_LIMIT + 1)),
        ("/shards/0/bytes", serde_json::json!(100)),
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

/// A file with some bytes changed, then cut off.
fn damaged(
    file: &[u8],
    changes: &[(prop::sample::Index, u8)],
    cut: Option<prop::sample::Index>,
) -> Vec<u8> {
    let mut file = file.to_vec();
    for (place, byte) in changes {
        let place = place.index(file.len());
        file[place] = *byte;
    }
    if let Some(cut) = cut {
        file.truncate(cut.index(file.len()));
    }
    file
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damaged_files_never_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut in any::<Option<prop::sample::Index>>(),
    ) {
        let gguf = fixture("tiny.gguf");
        // The tables at the front are what can be wrong; the weights behind them are any bytes at all.
        for length in [gguf.len(), 3000] {
            let mut file = damaged(&gguf[..length], &changes, cut);
            if cut.is_none() {
                file.extend(&gguf[length..]);
            }
            if let Ok(gguf) = Gguf::parse(&file) {
                for tensor in gguf.tensors.values() {
                    let (encoding, shape) = (tensor.encoding, tensor.shape.clone());
                    let decoded = EncodedTensor { encoding, shape, bytes: tensor.bytes.to_vec() };
                    prop_assert!(decoded.decode().is_ok());
                }
            }
        }
        for name in ["views.pth", "encoder.pth"] {
            if let Ok(tensors) = torch::read(&damaged(&fixture(name), &changes, cut)) {
                for tensor in tensors.values() {
                    prop_assert_eq!(tensor.shape.iter().product::<usize>(), tensor.data.len());
                }
            }
        }
    }

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
            let mut reader = PackReader::new(manifest);
            let _ = reader.push(0, &shards[0]);
            let _ = reader.finish();
        }
    }
}

static TINY_PACK: std::sync::LazyLock<(String, Vec<Vec<u8>>)> = std::sync::LazyLock::new(tiny_pack);
