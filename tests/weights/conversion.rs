//! From the original files and the adapter to the model's tensors.

use std::collections::BTreeMap;

use link_context::model::config::ModelConfig;
use link_context::weights::checkpoint::read_safetensors;
use link_context::weights::convert::{
    ConvertError, Precision, add_adapter, originals, replace_encoder,
};
use link_context::weights::gguf::Gguf;
use link_context::weights::{Encoding, HostTensor, Tensors, torch};

use super::{config, fixture, path, tiny_weights, tiny_weights_in};

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
        torch::read(&path("encoder.pth")).unwrap(),
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
    let torch = torch::read(&path("encoder.pth")).unwrap();
    let error = originals(
        &gguf,
        torch.clone(),
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
        originals(&gguf, torch.clone(), &deeper, Precision::Shipped).unwrap_err(),
        ConvertError::Missing("_blocks.3._expand_conv.weight".into())
    );
    let mut wider = config();
    wider.vision.head_channels = 33;
    assert_eq!(
        originals(&gguf, torch, &wider, Precision::Shipped).unwrap_err(),
        ConvertError::Shape {
            name: "_conv_head.weight".into(),
            found: vec![32, 6, 1, 1],
            expected: vec![33, 6, 1, 1]
        }
    );
}

#[test]
fn a_tuned_encoder_takes_the_place_of_the_published_one() {
    let bytes = fixture("tiny.gguf");
    let gguf = Gguf::parse(&bytes).unwrap();
    let torch = torch::read(&path("encoder.pth")).unwrap();
    for precision in [Precision::Shipped, Precision::Full] {
        let published = originals(&gguf, torch.clone(), &config(), precision).unwrap();
        let name = "vision.head.weight".to_owned();
        let mut tuned = published[&name].decode().unwrap();
        tuned.data.iter_mut().for_each(|value| *value += 0.5);
        let mut weights = published.clone();
        let tensors = Tensors::from([(name.clone(), tuned.clone())]);
        replace_encoder(&mut weights, tensors).unwrap();
        for (other, tensor) in &published {
            assert_eq!(weights[other] == *tensor, *other != name, "{other}");
        }
        assert_eq!(weights[&name].encoding, published[&name].encoding);
        let written = weights[&name].decode().unwrap();
        assert_eq!(written.shape, tuned.shape);
        for (written, tuned) in written.data.iter().zip(&tuned.data) {
            assert!((written - tuned).abs() < 2e-3, "{written} {tuned}");
        }

        let mut refuse = |name: &str, tensor: &HostTensor| {
            let tensors = Tensors::from([(name.to_owned(), tensor.clone())]);
            replace_encoder(&mut weights, tensors).unwrap_err()
        };
        let norm = published["decoder.norm"].decode().unwrap();
        let error = refuse("decoder.norm", &norm);
        assert_eq!(error, ConvertError::NoEncoder("decoder.norm".into()));
        let error = refuse("vision.tail.weight", &norm);
        assert_eq!(error, ConvertError::NoEncoder("vision.tail.weight".into()));
        assert!(matches!(refuse(&name, &norm), ConvertError::Shape { .. }));
        tuned.data[0] = f32::NAN;
        assert!(matches!(
            refuse(&name, &tuned),
            ConvertError::Encoding { .. }
        ));
    }
}

#[test]
fn an_adapter_that_does_not_fit_is_refused_by_name() {
    let (adapter, metadata) = read_safetensors(&fixture("adapter.safetensors")).unwrap();
    let add = |change: &dyn Fn(&mut Tensors), metadata: &BTreeMap<String, String>| {
        let bytes = fixture("tiny.gguf");
        let gguf = Gguf::parse(&bytes).unwrap();
        let mut weights = originals(
            &gguf,
            torch::read(&path("encoder.pth")).unwrap(),
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
