//! The rehearsal asks a model in little of the forms that the real one has: compared with what the reader makes of the whole pack.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use link_context::rehearsal::rehearse;
use link_context::weights::Encoding;
use link_context::weights::pack::{Adapters, Manifest, OpenPack};
use pollster::block_on;

const LAYERS: &str = "decoder.layers.";

type Layer = BTreeMap<String, (Encoding, Vec<usize>)>;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tiny/pack")
}

fn manifest() -> Manifest {
    Manifest::parse(fs::read(folder().join("manifest.json")).unwrap()).unwrap()
}

/// The tensors that are no layer's, and those of each layer.
fn sorted(
    tensors: impl IntoIterator<Item = (String, (Encoding, Vec<usize>))>,
) -> (Layer, Vec<Layer>) {
    let (mut others, mut layers) = (Layer::new(), BTreeMap::<usize, Layer>::new());
    for (name, form) in tensors {
        match name
            .strip_prefix(LAYERS)
            .and_then(|rest| rest.split_once('.'))
        {
            Some((layer, part)) => {
                let layer = layers.entry(layer.parse().unwrap()).or_default();
                layer.insert(part.to_owned(), form);
            }
            None => {
                others.insert(name, form);
            }
        }
    }
    (others, layers.into_values().collect())
}

#[test]
fn the_model_in_little_has_each_form_once() {
    let (config, forms) = manifest().outline();
    let pack = OpenPack::read(&folder(), Adapters::Merged).unwrap();
    let whole = pack.tensors.into_iter();
    let whole = whole.map(|(name, tensor)| (name, (tensor.encoding, tensor.shape)));
    let ((others, layers), (all_others, all_layers)) = (sorted(forms), sorted(whole));
    assert_eq!(others, all_others);
    assert_eq!(config.decoder.layers, layers.len());
    let set = |layers: Vec<Layer>| -> BTreeSet<String> {
        layers
            .into_iter()
            .map(|layer| format!("{layer:?}"))
            .collect()
    };
    let count = layers.len();
    let distinct = set(layers);
    assert_eq!(distinct.len(), count);
    assert_eq!(distinct, set(all_layers));
}

#[test]
fn a_layer_like_another_is_left_out() {
    let once = manifest();
    let mut twice = once.clone();
    twice.config.decoder.layers += 1;
    let last = format!("{LAYERS}{}.", once.config.decoder.layers - 1);
    let more = format!("{LAYERS}{}.", once.config.decoder.layers);
    for (name, entry) in &once.tensors {
        if let Some(part) = name.strip_prefix(&last) {
            twice.tensors.insert(format!("{more}{part}"), entry.clone());
        }
    }
    assert!(twice.tensors.len() > once.tensors.len());
    assert_eq!(twice.outline(), once.outline());
}

#[test]
fn a_rehearsal_comes_to_its_end() {
    block_on(rehearse(&manifest(), &Device::flex())).unwrap();
}

#[test]
fn a_manifest_that_makes_no_model_ends_it_too() {
    let mut manifest = manifest();
    manifest.tensors.remove("decoder.norm").unwrap();
    let error = block_on(rehearse(&manifest, &Device::flex())).unwrap_err();
    assert!(error.to_string().contains("decoder.norm"), "{error}");
}
