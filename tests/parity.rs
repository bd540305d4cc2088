//! The model against PyTorch: the published weights (`fixtures/parity/make.py`), and a small model of the same code whose
//! pack the script itself wrote (`fixtures/tiny/make.py`). Run with `--nocapture`, the tests print what they measure.

use std::collections::HashMap;
use std::fmt::Display;
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use burn::tensor::{Device, Tensor, TensorData};
use link_context::model::connector::MARKS;
use link_context::model::decoder::Sequence;
use link_context::model::vision::Vision;
use link_context::model::{LinkContextModel, ModelConfig, Parameters};
use link_context::picture::Square;
use link_context::session::{Answer, LinkedExample, Session};
use link_context::text::template::{Position, Template, name_tokens};
use link_context::text::tokenizer::Tokenizer;
use link_context::weights::convert::{Precision, originals, tokenizer_json};
use link_context::weights::gguf::Gguf;
use link_context::weights::pack::{Adapters, OpenPack};
use link_context::weights::{HostTensor, Weights, torch};
use pollster::block_on;
use safetensors::{Dtype, SafeTensors};

fn fixture(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(path)
}

fn read(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The tensors of a fixture.
struct Reference {
    floats: HashMap<String, Vec<f32>>,
    integers: HashMap<String, Vec<u32>>,
}

impl Reference {
    fn open(path: &str) -> Self {
        let bytes = read(&fixture(path));
        let words = |view: &[u8]| -> Vec<[u8; 4]> {
            view.chunks_exact(4)
                .map(|word| word.try_into().unwrap())
                .collect()
        };
        let mut reference = Self {
            floats: HashMap::new(),
            integers: HashMap::new(),
        };
        for (name, view) in SafeTensors::deserialize(&bytes).unwrap().iter() {
            let (name, words) = (name.to_owned(), words(view.data()).into_iter());
            match view.dtype() {
                Dtype::F32 => drop(
                    reference
                        .floats
                        .insert(name, words.map(f32::from_le_bytes).collect()),
                ),
                Dtype::I32 => drop(
                    reference
                        .integers
                        .insert(name, words.map(u32::from_le_bytes).collect()),
                ),
                dtype => panic!("{name} is {dtype:?}"),
            }
        }
        reference
    }

    fn floats(&self, name: &str) -> &[f32] {
        &self.floats[name]
    }

    fn integers(&self, name: &str) -> &[u32] {
        &self.integers[name]
    }
}

/// The largest absolute difference; infinite where a value is no number, so that no comparison lets it pass.
fn difference(left: &[f32], right: &[f32]) -> f32 {
    assert_eq!(left.len(), right.len());
    let differences = left
        .iter()
        .zip(right)
        .map(|(left, right)| (left - right).abs());
    differences.fold(0.0, |most, now| {
        if now.is_nan() {
            f32::INFINITY
        } else {
            most.max(now)
        }
    })
}

fn argmax(row: &[f32]) -> u32 {
    (0..row.len())
        .max_by(|&a, &b| row[a].total_cmp(&row[b]))
        .unwrap() as u32
}

fn pixels(index: usize) -> Square {
    let name = format!("picture-{index}.png");
    Square::decode(&name, &read(&fixture("parity").join(&name))).unwrap()
}

/// The three pictures of the fixtures, `[3, 3, 224, 224]`.
fn pictures() -> Tensor<4> {
    let values: Vec<f32> = (0..3).flat_map(|index| pixels(index).to_input()).collect();
    let shape = [3, 3, Square::SIZE, Square::SIZE];
    Tensor::from_data(TensorData::new(values, shape), &Device::flex())
}

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_into_vec().unwrap()
}

/// In what form the matrices are.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Form {
    /// Decoded, with the adapter in them, for plain tensor operations.
    Dense,
    /// In blocks, with the adapter beside them, and as filters, for the kernels.
    Packed,
}

impl Form {
    const BOTH: [Self; 2] = [Self::Dense, Self::Packed];

    /// No tensors yet.
    fn parameters(self) -> Parameters {
        let parameters = Parameters::new(&Device::flex());
        match self {
            Self::Dense => parameters,
            Self::Packed => parameters.for_kernels(),
        }
    }

    fn adapters(self) -> Adapters {
        match self {
            Self::Dense => Adapters::Merged,
            Self::Packed => Adapters::Beside,
        }
    }

    /// What the reference calls a result.
    fn named(self, name: &str) -> String {
        match self {
            Self::Dense => name.to_owned(),
            Self::Packed => format!("beside.{name}"),
        }
    }

    /// How much further the small model's answers may be from the reference's than those of plain tensor operations: the kernels round
    /// activations to 16 bits and filters to 14.
    fn slack(self) -> f32 {
        match self {
            Self::Dense => 1.0,
            Self::Packed => 20.0,
        }
    }

    /// How far logits of the small model may be from the reference's.
    fn bound(self) -> f32 {
        match self {
            Self::Dense => 1e-4,
            // Half of what the reference keeps between a first logit and a second, so that their order is kept too.
            Self::Packed => 1e-2,
        }
    }
}

/// The small model's tensors out of its pack, and its tokenizer.
fn tiny(form: Form) -> (Parameters, Tokenizer) {
    let pack = OpenPack::read(&fixture("tiny/pack"), form.adapters()).unwrap();
    assert_eq!(pack.manifest.config, ModelConfig::tiny());
    let mut parameters = form.parameters();
    for (name, tensor) in pack.tensors {
        parameters.insert_encoded(name, tensor).unwrap();
    }
    (parameters, Tokenizer::from_json(pack.tokenizer).unwrap())
}

fn tiny_session(form: Form) -> Session {
    let (parameters, tokenizer) = tiny(form);
    Session::new(&ModelConfig::tiny(), parameters, tokenizer).unwrap()
}

fn tiny_reference() -> Reference {
    Reference::open("tiny/reference.safetensors")
}

/// The names that the script links to the first two pictures.
fn tiny_names() -> Vec<String> {
    let bytes = read(&fixture("tiny/reference.safetensors"));
    let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
    serde_json::from_str(&header.metadata().as_ref().unwrap()["names"]).unwrap()
}

#[test]
fn tiny_decoder_agrees_at_every_position() {
    let reference = tiny_reference();
    let vocabulary = ModelConfig::tiny().decoder.vocabulary;
    let tops = |logits: &[f32]| -> Vec<u32> { logits.chunks(vocabulary).map(argmax).collect() };
    for form in Form::BOTH {
        let ids = reference.integers("ids");
        let logits = block_on(tiny_session(form).forced_logits(ids, ids.len() / 2)).unwrap();
        let expected = reference.floats(&form.named("logits"));
        let most = difference(&logits, expected);
        println!(
            "tiny decoder {form:?}, {} logits: max abs difference {most:.2e}",
            logits.len()
        );
        assert!(most <= form.bound());
        assert_eq!(tops(&logits), tops(expected));
    }
}

#[test]
fn tiny_pictures_become_the_same_visual_tokens() {
    let reference = tiny_reference();
    let (mut parameters, _) = tiny(Form::Dense);
    let model = LinkContextModel::take(&ModelConfig::tiny(), &mut parameters).unwrap();
    let features = model.features(pictures());
    let visual = model.connector.forward(features.clone(), None, 0).tokens;
    let features = difference(&values(features), reference.floats("features"));
    let visual = difference(&values(visual), reference.floats("visual"));
    println!(
        "tiny pictures: max abs difference {features:.2e} in features, {visual:.2e} in visual tokens"
    );
    assert!(features <= 1e-4 && visual <= 1e-4);
}

/// Pictures and words in one sequence, as training runs it: without a cache.
#[test]
fn tiny_sequence_of_pictures_and_words_agrees() {
    let reference = tiny_reference();
    let config = ModelConfig::tiny();
    for form in Form::BOTH {
        let (mut parameters, tokenizer) = tiny(form);
        let model = LinkContextModel::take(&config, &mut parameters).unwrap();
        let template = Template::new(&tokenizer, config.connector.visual_tokens()).unwrap();
        let mut positions: Vec<Position> = template.begin();
        let names = tiny_names();
        for (picture, name) in names.iter().enumerate() {
            template.push_example(&mut positions, picture, &name_tokens(&tokenizer, name));
        }
        template.push_query(&mut positions, names.len());

        let visual = model
            .connector
            .forward(model.features(pictures()), None, 0)
            .tokens;
        let sequence = Sequence::new(positions.len());
        let hidden = model
            .decoder
            .forward(model.assemble(visual, &positions), &mut [sequence]);
        let last = hidden.narrow(0, positions.len() - 1, 1);
        let logits = values(model.decoder.logits(last));
        let most = difference(&logits, reference.floats(&form.named("linked.logits")));
        println!(
            "tiny sequence {form:?} of {} positions: max abs difference {most:.2e}",
            positions.len()
        );
        assert!(most <= form.bound());
    }
}

/// Log-probabilities of a text, in one go through the cache, from the reference's logits at every position.
#[test]
fn tiny_text_is_as_probable_as_in_the_reference() {
    let reference = tiny_reference();
    let ids: Vec<u32> = reference.integers("ids").to_vec();
    for form in Form::BOTH {
        let mut session = tiny_session(form);
        let ours = block_on(session.text_log_probability(&ids)).unwrap();
        let rows = reference
            .floats(&form.named("logits"))
            .chunks(ModelConfig::tiny().decoder.vocabulary);
        let theirs: f64 = rows
            .zip(&ids[1..])
            .map(|(logits, &next)| {
                let sum: f64 = logits.iter().map(|&logit| f64::from(logit).exp()).sum();
                f64::from(logits[next as usize]) - sum.ln()
            })
            .sum();
        let most = (ours - theirs).abs() / (ids.len() - 1) as f64;
        println!("tiny text {form:?}: difference {most:.2e} a token in log-probability");
        assert!(most <= 1e-5 * f64::from(form.slack()));
        // A text of one token has nothing to predict.
        let nothing = block_on(session.text_log_probability(&ids[..1])).unwrap();
        assert_eq!(nothing, 0.0);
    }
}

/// After an empty support set the model answers in its own words.
#[test]
fn tiny_session_names_without_a_support_set() {
    let reference = tiny_reference();
    for form in Form::BOTH {
        let mut session = tiny_session(form);
        let query = session.encode(&pixels(2));
        block_on(session.link(&[], &[])).unwrap();
        let answer = block_on(session.answer(&query, async |_| ControlFlow::Continue(()))).unwrap();
        let (_, tokenizer) = tiny(Form::Dense);
        let text = tokenizer.decode(reference.integers(&form.named("unlinked.answer")));
        assert_eq!(answer.name, text.strip_prefix(' ').unwrap_or(&text));
        assert!(answer.names.is_empty() && answer.shares.is_empty() && answer.concept.is_none());
        let probabilities: Vec<f32> = answer
            .tokens
            .iter()
            .map(|token| token.probability)
            .collect();
        let most = difference(
            &probabilities,
            reference.floats(&form.named("unlinked.answer.probabilities")),
        );
        println!(
            "tiny session {form:?} without a support set: max abs difference {most:.2e} in the tokens' probabilities"
        );
        assert!(most <= 1e-4 * form.slack());
    }
}

/// The same sequence through the session: support set in the cache, then the query, twice.
#[test]
fn tiny_session_links_and_answers_as_the_reference() {
    let reference = tiny_reference();
    let (_, tokenizer) = tiny(Form::Dense);
    for form in Form::BOTH {
        let mut session = tiny_session(form);
        let example = |concept| LinkedExample {
            concept,
            features: session.encode(&pixels(concept)),
        };
        let (examples, query) = ([example(0), example(1)], session.encode(&pixels(2)));
        block_on(session.link(&tiny_names(), &examples)).unwrap();
        for _ in 0..2 {
            let mut streamed = String::new();
            let answer = block_on(session.answer(&query, async |token| {
                streamed.push_str(&token.text);
                ControlFlow::Continue(())
            }))
            .unwrap();
            let text = tokenizer.decode(reference.integers(&form.named("linked.answer")));
            assert_eq!(answer.name, text.strip_prefix(' ').unwrap_or(&text));
            // The random weights never end a name; a character that is cut off is in the name only.
            assert!(!answer.finished && answer.concept.is_none());
            assert!(answer.name.starts_with(&streamed));

            let probabilities: Vec<f32> = answer
                .tokens
                .iter()
                .map(|token| token.probability)
                .collect();
            let tokens = difference(
                &probabilities,
                reference.floats(&form.named("linked.answer.probabilities")),
            );
            let logs: Vec<f32> = answer.names.iter().map(|&log| log as f32).collect();
            let names = difference(&logs, reference.floats(&form.named("linked.names")));
            let shares = difference(
                &answer.shares,
                reference.floats(&form.named("linked.shares")),
            );
            println!(
                "tiny session {form:?}: max abs difference {tokens:.2e} in the tokens' probabilities, {names:.2e} in the names' \
                 log-probabilities, {shares:.2e} in the examples' shares"
            );
            let slack = form.slack();
            assert!(tokens <= 1e-4 * slack && names <= 1e-3 * slack && shares <= 1e-4 * slack);
        }
    }
}

/// A support set that grows, shrinks or changes at its end is answered as one that is read whole.
#[test]
fn tiny_session_reads_on_from_what_it_has_linked() {
    for form in Form::BOTH {
        let mut session = tiny_session(form);
        let features = [0, 1, 2].map(|picture| session.encode(&pixels(picture)));
        let example = |concept: usize, picture: usize| LinkedExample {
            concept,
            features: features[picture].clone(),
        };
        let first = [example(0, 0), example(1, 1)];
        let sets = [
            vec![example(0, 0), example(1, 1), example(0, 2)],
            vec![example(0, 0), example(1, 2)],
            vec![example(0, 0)],
            vec![example(1, 0), example(1, 1)],
        ];
        for set in sets {
            let asked = |session: &mut Session| {
                let query = session.encode(&pixels(2));
                let go_on = async |_: &_| ControlFlow::Continue(());
                block_on(session.answer(&query, go_on)).unwrap()
            };
            block_on(session.link(&tiny_names(), &first)).unwrap();
            let before = asked(&mut session);
            let report = block_on(session.link(&tiny_names(), &set)).unwrap();
            let grown = asked(&mut session);
            let mut other = session.another();
            assert_eq!(
                block_on(other.link(&tiny_names(), &set)).unwrap().tokens,
                report.tokens
            );
            let whole = asked(&mut other);
            let most = |a: &Answer, b: &Answer| {
                let pairs = a.names.iter().zip(&b.names);
                pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
            };
            assert!(
                most(&grown, &whole) <= 1e-3 * f64::from(form.slack()),
                "{form:?}"
            );
            assert!(most(&grown, &before) > 0.1, "{form:?}: nothing changed");
            assert_eq!(grown.shares.len(), set.len());
            assert!(difference(&grown.shares, &whole.shares) <= 1e-4 * form.slack());
        }
    }
}

/// The published weights under the model's names, and the tokenizer; or what to do about their absence.
static PUBLISHED: LazyLock<Result<(Weights, Tokenizer), String>> = LazyLock::new(|| {
    // As `cargo xtask weights` has it.
    let cache = match std::env::var_os("LINK_CONTEXT_CACHE") {
        Some(folder) => PathBuf::from(folder),
        None => std::env::home_dir()
            .ok_or("there is no home folder: set LINK_CONTEXT_CACHE")?
            .join(".cache/link-context/weights"),
    };
    let original = |name: &str| cache.join("originals").join(name);
    let sentence = |path: &Path, error: &dyn Display| {
        let path = path.display();
        format!("{path} cannot be read ({error}): run `cargo xtask weights` first")
    };
    let gguf = original("SmolLM2-135M-Instruct.Q4_1.gguf");
    let gguf = fs::read(&gguf).map_err(|error| sentence(&gguf, &error))?;
    let encoder = original("efficientnet-lite0-57934424.pth");
    let encoder = torch::read(&encoder).map_err(|error| sentence(&encoder, &error))?;
    let gguf = Gguf::parse(&gguf).unwrap();
    let weights = originals(
        &gguf,
        encoder,
        &ModelConfig::lite0_smollm2(),
        Precision::Shipped,
    )
    .unwrap();
    let tokenizer = Tokenizer::from_json(tokenizer_json(&gguf).unwrap()).unwrap();
    Ok((weights, tokenizer))
});

/// The published tensors whose names begin so, and the tokenizer.
fn published(prefix: &str, form: Form) -> (Parameters, Tokenizer) {
    let (weights, tokenizer) = PUBLISHED
        .as_ref()
        .unwrap_or_else(|sentence| panic!("{sentence}"));
    let mut parameters = form.parameters();
    for (name, tensor) in weights.iter().filter(|(name, _)| name.starts_with(prefix)) {
        parameters
            .insert_encoded(name.clone(), tensor.clone())
            .unwrap();
    }
    (parameters, tokenizer.clone())
}

/// The published weights without an adapter.
fn published_session(form: Form) -> Session {
    let config = ModelConfig::lite0_smollm2();
    let (mut parameters, tokenizer) = published("", form);
    // The connector is ours, not published, and words alone do not come past it.
    let (channels, width) = (config.vision.head_channels, config.decoder.width);
    for (part, shape) in [
        ("mean", vec![channels]),
        ("deviation", vec![channels]),
        ("projection.weight", vec![width, channels]),
        ("projection.bias", vec![width]),
        ("norm.weight", vec![width]),
        ("norm.bias", vec![width]),
        ("gain", vec![1]),
        ("position", vec![config.connector.parts, width]),
        (
            "comparison.discriminants",
            vec![config.connector.discriminants, channels],
        ),
        ("comparison.sharpness", vec![2]),
        ("comparison.pull", vec![1]),
        ("comparison.position", vec![width]),
        ("comparison.marks", vec![MARKS, width]),
    ] {
        let data = vec![0.0; shape.iter().product()];
        parameters.insert(format!("connector.{part}"), HostTensor { shape, data });
    }
    Session::new(&config, parameters, tokenizer).unwrap()
}

#[test]
fn published_decoder_agrees_over_64_positions() {
    let reference = Reference::open("parity/decoder.safetensors");
    let config = ModelConfig::lite0_smollm2();
    let mut session = published_session(Form::Dense);
    let ids = reference.integers("ids");
    assert_eq!(ids.len(), 64);
    let logits = block_on(session.forced_logits(ids, 32)).unwrap();
    let rows: Vec<&[f32]> = logits.chunks(config.decoder.vocabulary).collect();
    assert_eq!(rows.len(), ids.len());

    let columns = reference.integers("columns");
    assert!(columns.len() >= 1024);
    let picked: Vec<f32> = rows
        .iter()
        .flat_map(|row| columns.iter().map(|&column| row[column as usize]))
        .collect();
    let most = difference(&picked, reference.floats("logits"));
    let tops: Vec<u32> = rows.iter().map(|row| argmax(row)).collect();
    let highest: Vec<f32> = rows
        .iter()
        .zip(&tops)
        .map(|(row, &top)| row[top as usize])
        .collect();
    let highest = difference(&highest, reference.floats("highest"));
    let logsumexp: Vec<f32> = rows
        .iter()
        .map(|row| {
            row.iter()
                .map(|&logit| f64::from(logit).exp())
                .sum::<f64>()
                .ln() as f32
        })
        .collect();
    let logsumexp = difference(&logsumexp, reference.floats("logsumexp"));
    println!(
        "published decoder, 64 positions: max abs difference {most:.2e} in {} columns, {highest:.2e} in the highest \
         logit, {logsumexp:.2e} in the logarithm of the sum",
        columns.len()
    );
    assert!(most <= 2e-3 && highest <= 2e-3 && logsumexp <= 2e-3);
    assert_eq!(tops, reference.integers("argmax"));
}

#[test]
fn packed_decoder_agrees_over_2048_positions_of_a_text() {
    const LENGTH: usize = 256;
    let reference = Reference::open("parity/text.safetensors");
    let vocabulary = ModelConfig::lite0_smollm2().decoder.vocabulary;
    let mut session = published_session(Form::Packed);
    let (ids, tops) = (reference.integers("ids"), reference.integers("argmax"));
    let margins = reference.floats("margins");
    assert_eq!(ids.len(), 2048);
    let (mut same, mut widest) = (0, 0.0f32);
    for (sequence, ids) in ids.chunks(LENGTH).enumerate() {
        let logits = block_on(session.forced_logits(ids, LENGTH / 2)).unwrap();
        for (place, row) in logits.chunks(vocabulary).enumerate() {
            let at = sequence * LENGTH + place;
            if argmax(row) == tops[at] {
                same += 1;
            } else {
                widest = widest.max(margins[at]);
            }
        }
    }
    println!(
        "published decoder in blocks: the same top token at {same} of {} positions, margin of the others at most {widest:.4}",
        ids.len()
    );
    assert!(same * 1000 >= ids.len() * 995);
}

#[test]
fn published_encoder_agrees_on_three_pictures() {
    let reference = Reference::open("parity/encoder.safetensors");
    let config = ModelConfig::lite0_smollm2().vision;
    let expected = reference.floats("features");
    let dot = |left: &[f32], right: &[f32]| -> f64 {
        left.iter()
            .zip(right)
            .map(|(&left, &right)| f64::from(left) * f64::from(right))
            .sum()
    };
    for form in Form::BOTH {
        let vision = Vision::take(&config, &mut published("vision.", form).0).unwrap();
        let features = values(vision.features(pictures()));
        let rows = || {
            features
                .chunks(config.head_channels)
                .zip(expected.chunks(config.head_channels))
        };
        assert_eq!((features.len(), rows().len()), (expected.len(), 15));
        let cosines: Vec<f64> = rows()
            .map(|(found, expected)| {
                dot(found, expected) / (dot(found, found) * dot(expected, expected)).sqrt()
            })
            .collect();
        let least = cosines.iter().copied().fold(1.0, f64::min);
        let most = difference(&features, expected);
        println!(
            "published encoder {form:?}, 15 vectors: cosine at least {least:.7}, max abs difference {most:.2e}"
        );
        assert!(cosines.iter().all(|&cosine| cosine >= 0.9999));
        // A cosine is blind to the scale.
        assert!(rows().all(|(found, expected)| {
            (dot(found, found) / dot(expected, expected) - 1.0).abs() < 1e-2
        }));
    }
}
