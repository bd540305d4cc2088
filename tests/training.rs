//! The trainer on the small model of the parity tests: what its episodes ask, that a step learns, and that a run which was cut off goes on
//! as if it had not been.

use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::path::Path;

use burn::tensor::{Device, Int, Tensor, TensorData};
use half::f16;
use link_context::features::ClassFeatures;
use link_context::model::decoder::{Sequence, Watched};
use link_context::model::{LinkContextModel, ModelConfig, Parameters};
use link_context::text::template::{Position, Template};
use link_context::text::tokenizer::Tokenizer;
use link_context::train::adapter::{AdapterConfig, initial_adapter};
use link_context::train::episodes::{Pool, TrainingEpisode, Writer};
use link_context::train::ingredients::Ingredients;
use link_context::train::run::{Run, RunError};
use link_context::train::strategy::{Company, Naming, Rules, Shape};
use link_context::train::{Trainer, rate};
use link_context::weights::HostTensor;
use link_context::weights::pack::{Adapters, OpenPack};
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

const ADAPTER: AdapterConfig = AdapterConfig {
    rank: 4,
    matching_rank: 4,
    scale: 2.0,
};
const RULES: Rules = Rules {
    naming: Naming::Invented { real: 0.0 },
    company: Company::Random,
    ingredients: Ingredients::EVERY_NAME,
};
const SHAPE: Shape = Shape {
    ways: 2,
    shots: 2,
    queries: 2,
};
const CLASSES: usize = 8;
const PICTURES: usize = 6;

fn with(ingredients: Ingredients) -> Rules {
    Rules {
        ingredients: RULES.ingredients | ingredients,
        ..RULES
    }
}

/// The small model, and a pool of classes for it.
struct Setting {
    config: ModelConfig,
    frozen: BTreeMap<String, HostTensor>,
    tokenizer: Tokenizer,
    template: Template,
    pool: Pool,
    blank: Vec<f16>,
}

impl Setting {
    fn new() -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tiny/pack");
        let pack = OpenPack::read(&folder, Adapters::LeftOut).unwrap();
        let config = pack.manifest.config;
        let tokenizer = Tokenizer::from_json(&pack.tokenizer).unwrap();
        let parts = config.connector.parts;
        let template = Template::new(&tokenizer, config.connector.visual_tokens()).unwrap();
        let names = (0..CLASSES).map(|class| format!("class {class}"));
        let width = config.vision.head_channels;
        Self {
            pool: Pool::new(classes(&config), names.collect(), parts),
            frozen: pack
                .tensors
                .into_iter()
                .filter(|(name, _)| !name.starts_with("connector."))
                .map(|(name, tensor)| (name, tensor.decode().unwrap()))
                .collect(),
            config,
            blank: vec![f16::ONE; parts * width],
            tokenizer,
            template,
        }
    }

    fn writer(&self) -> Writer<'_> {
        Writer {
            tokenizer: &self.tokenizer,
            template: &self.template,
            parts: self.config.connector.parts,
            blank: &self.blank,
        }
    }

    fn episodes(&self, step: u64) -> Vec<TrainingEpisode> {
        let mut rng = ChaCha8Rng::seed_from_u64(step);
        (0..4)
            .map(|_| self.writer().draw(&mut rng, &self.pool, SHAPE, RULES))
            .collect()
    }

    /// An adapter that has learned nothing.
    fn adapter(&self) -> BTreeMap<String, HostTensor> {
        let classes: Vec<&ClassFeatures> = self.pool.classes().iter().collect();
        initial_adapter(&self.config, ADAPTER, &classes, 1)
    }

    fn model(&self, device: &Device) -> LinkContextModel {
        let mut parameters = Parameters::new(device);
        for (name, tensor) in self.frozen.clone().into_iter().chain(self.adapter()) {
            parameters.insert(name, tensor);
        }
        LinkContextModel::take(&self.config, &mut parameters).unwrap()
    }

    fn fresh(&self) -> Trainer {
        self.trainer(self.adapter())
    }

    fn trainer(&self, adapter: BTreeMap<String, HostTensor>) -> Trainer {
        let (frozen, device) = (self.frozen.clone(), Device::flex());
        Trainer::new(&self.config, frozen, adapter, ADAPTER, 0.01, &device).unwrap()
    }
}

/// Classes that lie apart, whose pictures differ.
fn classes(config: &ModelConfig) -> Vec<ClassFeatures> {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let width = config.connector.parts * config.vision.head_channels;
    (0..CLASSES)
        .map(|class| {
            let centre: Vec<f32> = (0..width).map(|_| rng.random_range(0.0..4.0)).collect();
            let values = (0..PICTURES * width)
                .map(|at| f16::from_f32(centre[at % width] + rng.random_range(-0.5..0.5)));
            let values = values.collect();
            let files = (0..PICTURES).map(|picture| picture.to_string()).collect();
            ClassFeatures::new(class.to_string(), files, values)
        })
        .collect()
}

#[test]
fn an_episode_asks_only_what_it_has_told() {
    let setting = Setting::new();
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let ingredients = [
        Ingredients::empty(),
        Ingredients::BLENDS,
        Ingredients::CLUTTER,
        Ingredients::SILENCE,
        Ingredients::EXCHANGE,
        Ingredients::FAINT,
    ];
    for rules in ingredients.map(with) {
        for _ in 0..50 {
            let episode = setting.writer().draw(&mut rng, &setting.pool, SHAPE, rules);
            assert_eq!(episode.pictures.len(), 6);
            for (at, picture) in episode.pictures.iter().enumerate() {
                assert!(
                    !episode.pictures[..at].contains(picture),
                    "picture {at} twice"
                );
            }
            assert_eq!(episode.queries.len(), 2);
            // What follows a supervised position is its target, and a name's first token stood in the episode before.
            let token = |at: usize| match episode.positions[at] {
                Position::Token(token) => token,
                Position::Visual { .. } => panic!("a picture is to be predicted at {at}"),
            };
            for (&at, &target) in episode.supervised.iter().zip(&episode.targets) {
                assert_eq!(token(at + 1), target);
            }
            for query in &episode.queries {
                let name = &episode.targets[query.clone()];
                assert_eq!(name.last(), Some(&setting.template.stop()));
                let start = episode.supervised[query.start] + 1;
                let told = episode.positions[..start].windows(name.len());
                let is_name = |window: &&[Position]| {
                    window
                        .iter()
                        .zip(name)
                        .all(|(position, &token)| *position == Position::Token(token))
                };
                assert!(told.filter(is_name).count() >= SHAPE.shots, "{name:?}");
            }
            // Where to look for a name: at itself and its stop, earlier, and nowhere that bears another.
            assert!(episode.told.len() >= episode.queries.len());
            for told in &episode.told {
                let stop = setting.template.stop();
                let names = |places: &[usize]| -> Vec<Vec<u32>> {
                    let tokens: Vec<u32> = places.iter().map(|&at| token(at)).collect();
                    let names = tokens.split_inclusive(|&token| token == stop);
                    names.map(<[u32]>::to_vec).collect()
                };
                let name = &names(
                    &(told.row + 1..episode.positions.len())
                        .take_while(|&at| matches!(episode.positions[at], Position::Token(_)))
                        .collect::<Vec<_>>(),
                )[0];
                assert!(names(&told.same).iter().all(|same| same == name));
                assert!(names(&told.others).iter().all(|other| other != name));
                let all = told.same.iter().chain(&told.others);
                assert!(all.clone().all(|&at| at < told.row));
                let before = episode.positions[..told.row].iter();
                let stops = before.filter(|&&position| position == Position::Token(stop));
                assert_eq!(all.filter(|&&at| token(at) == stop).count(), stops.count());
            }
        }
    }
}

#[test]
fn a_faint_episode_asks_no_real_name_that_cannot_be_seen() {
    let setting = Setting::new();
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    let rules = Rules {
        naming: Naming::Real,
        ..with(Ingredients::FAINT)
    };
    let mut draw = |rules| setting.writer().draw(&mut rng, &setting.pool, SHAPE, rules);
    let faint: Vec<_> = (0..80).map(|_| draw(rules)).collect();
    let contents = faint.iter().map(|episode| episode.content.unwrap());
    let (unseen, seen): (Vec<f64>, Vec<f64>) = contents.partition(|&content| content == 0.0);
    assert!((5..40).contains(&unseen.len()), "{unseen:?}");
    assert!(seen.iter().all(|content| (0.0..1.0).contains(content)));
    assert!(seen.iter().any(|&content| content < 0.3) && seen.iter().any(|&content| content > 0.7));
    for episode in &faint {
        // Six names stand there; the first of each concept was not told.
        let known = episode
            .supervised
            .iter()
            .filter(|&&at| episode.positions[at + 1] == Position::Token(setting.template.stop()));
        let learned = if episode.content == Some(0.0) { 4 } else { 6 };
        assert_eq!(known.count(), learned, "of content {:?}", episode.content);
    }
    assert_eq!(draw(RULES).content, None);
}

#[test]
fn blank_support_pictures_leave_the_names_alone_to_choose_from() {
    let setting = Setting::new();
    let mut rng = ChaCha8Rng::seed_from_u64(12);
    let rules = with(Ingredients::BLANK);
    let support = SHAPE.ways * SHAPE.shots;
    let (mut blank, mut targets) = (0, [0, 0]);
    for _ in 0..400 {
        let episode = setting.writer().draw(&mut rng, &setting.pool, SHAPE, rules);
        let is_blank = |picture: &Vec<f16>| *picture == setting.blank;
        let (shown, queries) = episode.pictures.split_at(support);
        assert!(!queries.iter().any(is_blank));
        if !shown.iter().any(is_blank) {
            assert!(episode.told.len() >= episode.queries.len());
            continue;
        }
        assert!(shown.iter().all(is_blank));
        blank += 1;
        // The queries' names alone are learned from, and no place to look at.
        let learned: usize = episode.queries.iter().map(Range::len).sum();
        assert_eq!(learned, episode.supervised.len());
        assert!(episode.told.is_empty());
        // The name that is asked for is that of the last example as often as it is not.
        let stop = Position::Token(setting.template.stop());
        for query in &episode.queries {
            let name = &episode.targets[query.clone()];
            let first_query = episode.supervised[episode.queries[0].start];
            let before = &episode.positions[..first_query];
            let end = before.iter().rposition(|position| *position == stop);
            let last = &before[..=end.unwrap()];
            let is_last = last.len() >= name.len()
                && last[last.len() - name.len()..]
                    .iter()
                    .zip(name)
                    .all(|(position, &token)| *position == Position::Token(token));
            targets[usize::from(is_last)] += 1;
        }
    }
    assert!((16..50).contains(&blank), "{blank} of 400");
    assert!(targets.iter().all(|&count| count >= 16), "{targets:?}");
}

#[test]
fn a_picture_without_content_is_its_mark() {
    let setting = Setting::new();
    let device = Device::flex();
    let model = setting.model(&device);
    let mut rng = ChaCha8Rng::seed_from_u64(10);
    let channels = setting.config.vision.head_channels;
    let parts = setting.config.connector.parts;
    let mut picture = || {
        let values: Vec<f32> = (0..parts * channels).map(|_| rng.random()).collect();
        Tensor::<3>::from_data(TensorData::new(values, [1, parts, channels]), &device)
    };
    let pictures = [picture(), picture()];
    let tokens = |content: Option<f64>| {
        pictures.clone().map(|picture| {
            let visual = match content {
                Some(content) => model.connector.forward_at(content, picture, None, 3),
                None => model.connector.forward(picture, None, 3),
            };
            visual.tokens.try_into_vec_as::<f32>().unwrap()
        })
    };
    let [first, second] = tokens(Some(0.0));
    assert_eq!(first, second);
    let [first, second] = tokens(Some(1.0));
    assert_ne!(first, second);
    assert_eq!(tokens(None), tokens(Some(setting.config.connector.content)));
}

/// What is watched is the attention itself, and watching changes nothing.
#[test]
fn watched_positions_pay_all_they_have_to_those_before_them() {
    let setting = Setting::new();
    let device = Device::flex();
    let model = setting.model(&device);
    let tokens: Vec<i32> = (20..32).collect();
    let embedded = model
        .decoder
        .embed(Tensor::from_data(tokens.as_slice(), &device));
    let mut sequences = [Sequence::new(tokens.len())];
    let plain = model.decoder.forward(embedded.clone(), &mut sequences);
    let rows = Tensor::<1, Int>::from_data([3, 9], &device);
    sequences[0].watched = Some(Watched::new(rows, tokens.len()));
    let hidden = model.decoder.forward(embedded, &mut sequences);
    let [Sequence { watched, .. }] = sequences;
    let watched = watched.unwrap();
    assert_eq!(
        hidden.try_into_vec_as::<f32>().unwrap(),
        plain.try_into_vec_as::<f32>().unwrap()
    );
    let config = &setting.config.decoder;
    let mean = watched.paid / (config.query_heads * config.layers) as f64;
    let paid = mean.try_into_vec_as::<f32>().unwrap();
    for (row, paid) in [3, 9].into_iter().zip(paid.chunks_exact(tokens.len())) {
        assert!((paid.iter().sum::<f32>() - 1.0).abs() < 1e-5, "{paid:?}");
        assert!(paid[..=row].iter().all(|&share| share > 0.0), "{paid:?}");
        assert!(paid[row + 1..].iter().all(|&share| share == 0.0));
    }
}

/// Sequences that pass through the decoder together are as if each were alone.
#[test]
fn sequences_do_not_see_each_other() {
    let setting = Setting::new();
    let device = Device::flex();
    let model = setting.model(&device);
    let decoder = &model.decoder;
    let embed = |tokens: Vec<i32>| decoder.embed(Tensor::from_data(tokens.as_slice(), &device));
    let [first, second] = [(20..32).collect(), (7..12).collect()].map(embed);
    let sequence = |of: &Tensor<2>| Sequence::new(of.dims()[0]);
    let alone = [&first, &second].map(|of| {
        let hidden = decoder.forward(of.clone(), &mut [sequence(of)]);
        hidden.try_into_vec_as::<f32>().unwrap()
    });
    let mut both = [sequence(&first), sequence(&second)];
    let together = decoder.forward(Tensor::cat(vec![first, second], 0), &mut both);
    let together = together.try_into_vec_as::<f32>().unwrap();
    for (alone, together) in alone.concat().into_iter().zip(together) {
        assert!((alone - together).abs() < 1e-4, "{alone} {together}");
    }
}

/// A model that also learns where to look comes to look there, on the episodes that it learns from.
#[test]
fn leaning_is_learned() {
    let setting = Setting::new();
    let episodes = setting.episodes(1);
    let after_steps = |leaning: f64, steps: usize| {
        let mut trainer = setting.fresh().with_leaning(leaning);
        for _ in 0..steps {
            trainer.step(&episodes, 3e-3).unwrap();
        }
        trainer.leaning_share(&episodes).unwrap()
    };
    let [before, without, with] = [(1.0, 0), (0.0, 40), (1.0, 40)].map(|(l, n)| after_steps(l, n));
    assert!(with > before + 0.1, "{before} {with}");
    assert!(with > without + 0.1, "{without} {with}");
}

/// A pool may have fewer pictures than an episode asks for.
#[test]
fn clutter_ends_where_the_pictures_end() {
    let setting = Setting::new();
    let few = setting.pool.classes()[..2]
        .iter()
        .cloned()
        .map(|mut class| {
            class.split_off(1);
            class
        });
    let names = ["a", "b"].map(str::to_owned).to_vec();
    let pool = Pool::new(few.collect(), names, setting.config.connector.parts);
    let rules = with(Ingredients::CLUTTER);
    let shape = Shape {
        ways: 2,
        shots: 20,
        queries: 20,
    };
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    for _ in 0..20 {
        let episode = setting.writer().draw(&mut rng, &pool, shape, rules);
        assert!(!episode.pictures.is_empty());
    }
}

/// Silent channels are silent in every picture of an episode, and in about half of the episodes there are some.
#[test]
fn channels_are_silent_together() {
    let setting = Setting::new();
    let mut rng = ChaCha8Rng::seed_from_u64(6);
    let rules = with(Ingredients::SILENCE);
    let (mut silent, mut channels) = (0, 0);
    for _ in 0..200 {
        let episode = setting.writer().draw(&mut rng, &setting.pool, SHAPE, rules);
        let (first, others) = episode.pictures.split_first().unwrap();
        let same = |&at: &usize| others.iter().all(|picture| picture[at] == first[at]);
        // The first token's: mirroring moves the others.
        let of = setting.config.vision.head_channels;
        let found = (0..of).filter(same).count();
        silent += usize::from(found > 0);
        channels += found;
        assert!(found < of, "nothing is left");
    }
    assert!((60..140).contains(&silent), "{silent} of 200");
    assert!(channels > silent * setting.config.vision.head_channels / 4);
}

/// Channels that change places do so in every picture of an episode, in about half of the episodes, and keep how far each value lies from its
/// channel's mean in the channel's own measure.
#[test]
fn channels_change_places_together() {
    let setting = Setting::new();
    let mut rng = ChaCha8Rng::seed_from_u64(8);
    let rules = with(Ingredients::EXCHANGE);
    let of = setting.config.vision.head_channels;
    let pictures: Vec<&[f16]> = setting
        .pool
        .classes()
        .iter()
        .flat_map(|class| (0..class.len()).map(|at| class.picture(at)))
        .collect();
    let column = |at: usize| -> Vec<f32> {
        pictures
            .iter()
            .map(|picture| picture[at].to_f32())
            .collect()
    };
    let spread: Vec<(f32, f32)> = (0..of)
        .map(|at| {
            let values = column(at);
            let mean = values.iter().sum::<f32>() / values.len() as f32;
            let variance = values
                .iter()
                .map(|value| (value - mean).powi(2))
                .sum::<f32>();
            (mean, (variance / values.len() as f32).sqrt())
        })
        .collect();
    // The first token's: mirroring moves the others.
    let standing = |picture: &[f16]| -> Vec<f32> {
        let values = picture[..of].iter().zip(&spread);
        values
            .map(|(value, (mean, deviation))| (value.to_f32() - mean) / deviation)
            .collect()
    };
    let sorted = |picture: &[f16]| {
        let mut values = standing(picture);
        values.sort_by(f32::total_cmp);
        values
    };
    let known: Vec<Vec<f32>> = pictures.iter().map(|picture| sorted(picture)).collect();
    let mut exchanged = 0;
    for _ in 0..100 {
        let episode = setting.writer().draw(&mut rng, &setting.pool, SHAPE, rules);
        let new = episode
            .pictures
            .iter()
            .filter(|picture| !pictures.iter().any(|known| known[..of] == picture[..of]));
        let new = new.count();
        assert!(new == 0 || new == episode.pictures.len(), "{new}");
        exchanged += usize::from(new > 0);
        for picture in &episode.pictures {
            let values = sorted(picture);
            let off = |other: &Vec<f32>| {
                let pairs = values.iter().zip(other);
                pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
            };
            let nearest = known.iter().map(off).fold(f32::MAX, f32::min);
            assert!(nearest < 1e-2, "{nearest}");
        }
    }
    assert!((30..70).contains(&exchanged), "{exchanged} of 100");
}

#[test]
fn a_step_learns() {
    let setting = Setting::new();
    let mut trainer = setting.fresh();
    let episodes = setting.episodes(0);
    let losses: Vec<f32> = (0..12)
        .map(|_| trainer.step(&episodes, 3e-3).unwrap())
        .collect();
    assert!(losses[11] < 0.9 * losses[0], "{losses:?}");
}

#[test]
fn a_run_that_was_cut_off_goes_on_to_the_same_losses() {
    let setting = Setting::new();
    let step = |trainer: &mut Trainer, at: usize| {
        let episodes = setting.episodes(at as u64);
        trainer.step(&episodes, rate(at, 6, 2, 1e-2)).unwrap()
    };
    let folder = tempfile::tempdir().unwrap();
    let run = Run::new(folder.path());
    assert!(run.checkpoint().unwrap().is_none());

    let mut whole = setting.fresh();
    let mut losses = Vec::new();
    for at in 0..6 {
        if at == 2 || at == 3 {
            run.save(&mut whole, at, &BTreeMap::new()).unwrap();
        }
        losses.push(step(&mut whole, at));
    }
    assert!(!folder.path().join("adapter-2.safetensors").exists());
    // A save that was cut off before its last file does not count.
    for file in ["adapter-5.safetensors", "optimiser-5.bpk"] {
        fs::write(folder.path().join(file), "half").unwrap();
    }

    let checkpoint = run.checkpoint().unwrap().unwrap();
    assert_eq!(checkpoint.step, 3);
    let mut resumed = setting.trainer(checkpoint.adapter);
    resumed.load_optimiser(checkpoint.optimiser).unwrap();
    let again: Vec<f32> = (3..6).map(|at| step(&mut resumed, at)).collect();
    assert_eq!(again, losses[3..]);
}

#[test]
fn a_spoilt_checkpoint_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.json");
    fs::write(&path, "{").unwrap();
    let error = Run::new(folder.path()).checkpoint().unwrap_err();
    assert!(matches!(error, RunError::State { .. }));
    assert!(error.to_string().contains("state.json"), "{error}");
}
