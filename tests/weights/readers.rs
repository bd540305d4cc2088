//! Files as others wrote them, and damaged ones.

use std::collections::BTreeMap;
use std::io::Write as _;

use link_context::weights::checkpoint::{read_safetensors, write_safetensors};
use link_context::weights::convert::tokenizer_json;
use link_context::weights::gguf::{Gguf, GgufError, Value};
use link_context::weights::torch::{self, TorchError};
use link_context::weights::{EncodedTensor, Encoding, HostTensor, Tensors};
use proptest::prelude::*;
use tempfile::NamedTempFile;

use super::{fixture, path};

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

/// Reads these bytes as a torch file.
fn read_torch(bytes: &[u8]) -> Result<Tensors, TorchError> {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    torch::read(file.path())
}

#[test]
fn torch_views_of_one_storage_come_out_row_major() {
    let tensors = torch::read(&path("views.pth")).unwrap();
    let (expected, _) = read_safetensors(&fixture("views.safetensors")).unwrap();
    assert_eq!(expected.len(), 6);
    assert_eq!(tensors, expected);
}

#[test]
fn a_bad_torch_file_says_what_is_wrong() {
    let says = |bytes: &[u8], what: &str| {
        let error = read_torch(bytes).unwrap_err().to_string();
        assert!(error.contains(what), "{error}");
    };
    says(b"PK\x03\x04", "zip");
    says(b"", "pickle");
    let bytes = fixture("views.pth");
    says(&bytes[..bytes.len() - 1], "end of the file");
    let missing = torch::read(&path("nowhere.pth")).unwrap_err();
    assert!(matches!(missing, TorchError::Io(_)), "{missing}");
}

/// What would run a command if it were loaded by something that trusts it is data to this reader.
#[test]
fn a_torch_file_calls_nothing() {
    let tensors = torch::read(&path("evil.pth")).unwrap();
    assert_eq!(tensors.keys().collect::<Vec<_>>(), ["weight"]);
    assert_eq!(tensors["weight"].shape, [4, 6]);
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
    let tensors = read_torch(&checkpoint(b"K\x02K\x02\x86K\x02K\x01\x86", 4)).unwrap();
    let expected = HostTensor {
        shape: vec![2, 2],
        data: vec![0.0, 1.0, 2.0, 3.0],
    };
    assert_eq!(tensors["w"], expected);
    for sizes in [
        // One row too many; a stride too wide; two billion elements out of one; sizes that overflow.
        b"K\x03K\x02\x86K\x02K\x01\x86".as_slice(),
        b"K\x02K\x02\x86K\x03K\x01\x86",
        b"J\xff\xff\xff\x7f\x85K\x00\x85",
        b"J\xff\xff\xff\x7fJ\xff\xff\xff\x7fJ\xff\xff\xff\x7f\x87K\x01K\x01K\x01\x87",
        // Sizes without strides; one below nothing; no tuples; no sizes.
        b"K\x02\x85)",
        b"J\xff\xff\xff\xff\x85K\x01\x85",
        b"K\x02K\x01",
        b"N)",
    ] {
        let read = read_torch(&checkpoint(sizes, 4));
        assert!(read.is_err(), "{sizes:?}: {read:?}");
    }
}

#[test]
fn a_small_torch_file_cannot_ask_for_much_memory() {
    let whole = checkpoint(b"K\xff\x85K\x01\x85", 255);
    assert_eq!(read_torch(&whole).unwrap()["w"].data.len(), 255);
    // The same tensor under many names: it is remembered, and every further name costs a few bytes.
    let end = whole.windows(4).position(|bytes| bytes == b"}tRs").unwrap();
    let mut file = whole[..end + 3].to_vec();
    file.extend(b"q\x01s");
    for name in b'!'..b'~' {
        file.extend([b'X', 1, 0, 0, 0, name, b'h', 1, b's']);
    }
    file.extend(&whole[end + 4..]);
    let error = read_torch(&file).unwrap_err();
    assert!(matches!(error, TorchError::Overlap), "{error}");
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

#[test]
fn the_same_tensors_and_metadata_are_the_same_bytes() {
    let (tensors, _) = read_safetensors(&fixture("adapter.safetensors")).unwrap();
    let key = |index: usize| (format!("key{index}"), index.to_string());
    let metadata: BTreeMap<String, String> = (0..8).map(key).collect();
    let write = || write_safetensors(&tensors, &metadata, Encoding::F16).unwrap();
    let first = write();
    // An order drawn anew would be this one once in 40,320.
    assert!(first == write());
    assert_eq!(read_safetensors(&first).unwrap().1, metadata);
}

fn half(value: f32) -> [u8; 2] {
    half::f16::from_f32(value).to_le_bytes()
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
            if let Ok(tensors) = read_torch(&damaged(&fixture(name), &changes, cut)) {
                for tensor in tensors.values() {
                    prop_assert_eq!(tensor.shape.iter().product::<usize>(), tensor.data.len());
                }
            }
        }
    }
}
