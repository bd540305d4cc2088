//! Episodes as files and links: what is written is read again, whatever is in it; what earlier versions wrote too; and what is neither is
//! refused with the reason.

use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

use link_context::episode::Concept;
use link_context::picture::Square;
use link_context::reply::{ExampleShare, NameProbability, Reply, ReplyTimes, ReplyToken};
use link_context::share::{
    Evidence, FILE_LIMIT, LINK_LIMIT, LinkCost, Said, ShareError, SharedEpisode, SharedPicture,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

fn fixture(name: &str) -> Vec<u8> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/episodes");
    fs::read(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn square(pixel: impl Fn(usize, usize) -> [u8; 3]) -> Square {
    let places = (0..Square::SIZE * Square::SIZE).map(|at| (at % Square::SIZE, at / Square::SIZE));
    Square {
        size: Square::SIZE,
        rgb: places.flat_map(|(x, y)| pixel(x, y)).collect(),
        animated: false,
    }
}

/// Squares of a few colours each, and one of noise, in which nothing can be guessed from the neighbours.
static SQUARES: LazyLock<Vec<Square>> = LazyLock::new(|| {
    let mixed = |x: usize, y: usize| (x * 7919 + y * 104_729).wrapping_mul(2_654_435_761) >> 7;
    let mut squares: Vec<Square> = (0..31_usize)
        .map(|kind| {
            square(|x, y| {
                let part = (x / (8 + kind * 5) + y / (9 + kind * 3)) % 3;
                [(kind * 8) as u8, (part * 100) as u8, (kind * part) as u8]
            })
        })
        .collect();
    squares.push(square(|x, y| {
        [
            mixed(x, y) as u8,
            mixed(y, x + 1) as u8,
            mixed(x + y, y) as u8,
        ]
    }));
    squares
});

/// Any text, with what JSON and addresses must escape among it.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>().prop_map(|name| name.chars().take(80).collect()),
        Just("a\n\"b\\ \u{0} 仙人掌 👩‍🚀 #%&=+/".to_owned()),
    ]
}

fn said(ways: usize, pictures: usize) -> impl Strategy<Value = Said> {
    // As many decimals as a file keeps; what becomes of others has a test of its own.
    let share = || (0..=1_000_000_u32).prop_map(|millionth| (f64::from(millionth) / 1e6) as f32);
    let number = (0..=1_000_000_000_u32).prop_map(|billionth| f64::from(billionth) / 1e9);
    let numbers = vec(number, ways);
    let examples = vec((0..ways.max(1), 0..pictures.max(1), share()), 0..6);
    let tokens = vec((name(), share()), 0..4);
    (
        name(),
        option::of((numbers, examples, tokens, any::<bool>())),
    )
        .prop_map(move |(name, evidence)| Said {
            evidence: evidence.map(|(numbers, examples, tokens, finished)| Evidence {
                answer: Reply {
                    name: name.clone(),
                    finished,
                    concept: (finished && ways > 0).then_some(0),
                    tokens: tokens
                        .into_iter()
                        .map(|(text, probability)| ReplyToken { text, probability })
                        .collect(),
                    concepts: numbers
                        .iter()
                        .map(|&probability| NameProbability {
                            name: name.clone(),
                            probability,
                        })
                        .collect(),
                    examples: examples
                        .into_iter()
                        .filter(|_| ways > 0 && pictures > 0)
                        .map(|(concept, picture, share)| ExampleShare {
                            concept,
                            picture,
                            share,
                        })
                        .collect(),
                    milliseconds: ReplyTimes {
                        encode: 0.1,
                        prefill: 123.456,
                        decode: 0.001,
                        evidence: 1e9,
                    },
                    tokens_per_second: 0.3,
                },
                link: LinkCost {
                    tokens: 7,
                    milliseconds: 98_765.432,
                    encode_milliseconds: 0.0,
                },
            }),
            name,
        })
}

/// A board with so many pictures in each row, each used once, in the order of the rows, as a link numbers them.
fn board(rows: Vec<usize>, queries: usize) -> impl Strategy<Value = SharedEpisode> {
    let count = rows.iter().sum::<usize>() + queries;
    let ways = rows.len();
    (
        vec(name(), ways),
        vec((name(), 0..SQUARES.len()), count),
        0..queries.max(1),
        option::of("[0-9a-f]{64}"),
        option::of(vec(option::of(said(ways, count)), queries)),
    )
        .prop_map(move |(names, pictures, asked, pack, answers)| {
            let mut next = 0;
            let mut row = |length: usize| {
                let first = next;
                next += length;
                (first..next).collect()
            };
            let concepts = names.into_iter().zip(&rows);
            SharedEpisode {
                concepts: concepts
                    .map(|(name, &length)| Concept {
                        name,
                        pictures: row(length),
                    })
                    .collect(),
                queries: row(queries),
                asked,
                pictures: pictures
                    .into_iter()
                    .map(|(name, kind)| SharedPicture {
                        name,
                        square: SQUARES[kind].clone(),
                    })
                    .collect(),
                pack,
                answers: answers.unwrap_or_default(),
            }
        })
}

/// Mostly small ones, and half boards too.
fn episode() -> impl Strategy<Value = SharedEpisode> {
    (vec(0..3_usize, 0..4), 0..3_usize).prop_flat_map(|(rows, queries)| board(rows, queries))
}

/// What a link keeps.
fn without_names_and_evidence(mut episode: SharedEpisode) -> SharedEpisode {
    for picture in &mut episode.pictures {
        picture.name.clear();
    }
    for said in episode.answers.iter_mut().flatten() {
        said.evidence = None;
    }
    episode
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn ten_thousand_episodes_survive_a_file(episode in episode()) {
        let file = episode.to_file().unwrap();
        let read = SharedEpisode::from_file(file.as_bytes()).unwrap();
        prop_assert_eq!(&read, &episode);
        // Written again it is the same to the letter.
        prop_assert_eq!(read.to_file().unwrap(), file);
    }

    #[test]
    fn ten_thousand_episodes_survive_a_link(episode in episode()) {
        let link = episode.to_link(LINK_LIMIT).unwrap();
        prop_assert!(link.lossless);
        prop_assert!(link.fragment.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"=.-_".contains(&byte)));
        let read = SharedEpisode::from_link(&link.fragment).unwrap();
        prop_assert_eq!(&read, &without_names_and_evidence(episode));
        prop_assert_eq!(read.to_link(LINK_LIMIT).unwrap(), link);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_that_comes_from_outside_panics(bytes in vec(any::<u8>(), 0..400), place in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let _ = SharedEpisode::from_file(&bytes);
        let _ = SharedEpisode::from_link(&String::from_utf8_lossy(&bytes));
        let mut file = fixture("version-1.lcl.json");
        let at = place.index(file.len());
        file[at] = byte;
        let _ = SharedEpisode::from_file(&file);
        let mut link = fixture("version-1.link.txt");
        let at = place.index(link.len());
        link[at] = byte;
        let _ = SharedEpisode::from_link(String::from_utf8_lossy(&link).trim());
    }
}

/// Mean of the squared differences of levels.
fn mean_square(one: &Square, two: &Square) -> f64 {
    let pairs = one.rgb.iter().zip(&two.rgb);
    let sum: f64 = pairs
        .map(|(&one, &two)| f64::from(one.abs_diff(two)).powi(2))
        .sum();
    sum / one.rgb.len() as f64
}

/// Smooth, as photographs are.
fn smooth(kind: usize) -> Square {
    let wave = |at: usize, period: f64| 127.0 + 120.0 * (at as f64 / period + kind as f64).sin();
    square(|x, y| {
        [
            wave(x + y, 17.0) as u8,
            wave(x, 29.0) as u8,
            wave(y, 41.0) as u8,
        ]
    })
}

#[test]
fn a_shorter_link_has_smaller_pictures_and_the_same_order() {
    let names = ["cactihog", "hedgehog"];
    let concepts = names.iter().enumerate().map(|(at, name)| Concept {
        name: (*name).to_owned(),
        pictures: vec![2 * at, 2 * at + 1],
    });
    let episode = SharedEpisode {
        concepts: concepts.collect(),
        queries: vec![4],
        pictures: (0..5)
            .map(|kind| SharedPicture {
                name: String::new(),
                square: smooth(kind),
            })
            .collect(),
        ..SharedEpisode::default()
    };
    let mut last = usize::MAX;
    for limit in [1_000_000, 16_000, 8_000, 4_000, 3_000] {
        let link = episode.to_link(limit).unwrap();
        let read = SharedEpisode::from_link(&link.fragment).unwrap();
        println!(
            "{limit}: {} characters, {} pixels",
            link.fragment.len(),
            link.size
        );
        assert!(link.fragment.len() <= limit);
        assert_eq!(link.lossless, limit == 1_000_000);
        assert!(link.size <= last);
        last = link.size;
        assert_eq!(read.concepts, episode.concepts);
        for (place, picture) in read.pictures.iter().enumerate() {
            // Each is most like the one that stood in its place.
            let errors: Vec<f64> = (0..5)
                .map(|kind| mean_square(&picture.square, &smooth(kind)))
                .collect();
            let nearest = (0..5).min_by(|&one, &two| errors[one].total_cmp(&errors[two]));
            assert_eq!(nearest, Some(place), "{errors:?}");
        }
    }
    let error = episode.to_link(800).unwrap_err();
    assert_eq!(error.code(), "episode-link-long");
}

/// What tests/fixtures/episodes/make.py wrote.
fn expected() -> SharedEpisode {
    let picture = |number: usize| SharedPicture {
        name: format!("{number}.png"),
        square: square(|x, y| [x as u8, y as u8, 40 * number as u8]),
    };
    let names = ["klut", "仙人掌刺猬"];
    let name = |probability, name: &str| NameProbability {
        name: name.to_owned(),
        probability,
    };
    let example = |concept, picture, share| ExampleShare {
        concept,
        picture,
        share,
    };
    let token = |text: &str, probability| ReplyToken {
        text: text.to_owned(),
        probability,
    };
    let said = Said {
        name: names[1].to_owned(),
        evidence: Some(Evidence {
            answer: Reply {
                name: names[1].to_owned(),
                finished: true,
                concept: Some(1),
                tokens: vec![token("仙人掌", 0.5), token("刺猬", 1.0)],
                concepts: vec![name(0.25, names[0]), name(0.75, names[1])],
                examples: vec![example(0, 0, 0.25), example(1, 2, 0.5), example(0, 1, 0.25)],
                milliseconds: ReplyTimes {
                    encode: 1.0,
                    prefill: 2.0,
                    decode: 3.0,
                    evidence: 4.0,
                },
                tokens_per_second: 8.0,
            },
            link: LinkCost {
                tokens: 40,
                milliseconds: 5.0,
                encode_milliseconds: 6.0,
            },
        }),
    };
    SharedEpisode {
        concepts: vec![
            Concept {
                name: names[0].to_owned(),
                pictures: vec![0, 1],
            },
            Concept {
                name: names[1].to_owned(),
                pictures: vec![2],
            },
        ],
        queries: vec![3, 4],
        asked: 1,
        pictures: (0..5).map(picture).collect(),
        pack: Some("0123456789abcdef".repeat(4)),
        answers: vec![None, Some(said)],
    }
}

#[test]
fn files_and_links_of_every_version_open() {
    let read = SharedEpisode::from_file(&fixture("version-1.lcl.json")).unwrap();
    assert_eq!(read, expected());
    assert_eq!(read.episode().validate(), Ok(()));
    let link = String::from_utf8(fixture("version-1.link.txt")).unwrap();
    let read = SharedEpisode::from_link(link.trim()).unwrap();
    assert_eq!(read, without_names_and_evidence(expected()));
}

#[test]
fn an_answer_is_kept_to_some_decimals() {
    let mut episode = expected();
    let numbers = |episode: &mut SharedEpisode, probability: f64, share: f32, time: f64| {
        let said = episode.answers[1].as_mut().unwrap();
        let Evidence { answer, link } = said.evidence.as_mut().unwrap();
        answer.concepts[0].probability = probability;
        answer.tokens[0].probability = share;
        answer.examples[0].share = share;
        answer.milliseconds.decode = time;
        link.milliseconds = time;
    };
    numbers(&mut episode, 1.0 / 3.0, 1.0 / 3.0, 100.0 / 3.0);
    let file = episode.to_file().unwrap();
    let read = SharedEpisode::from_file(file.as_bytes()).unwrap();
    numbers(&mut episode, 0.333_333_333, 0.333_333, 33.333);
    assert_eq!(read, episode);
    assert_eq!(read.to_file().unwrap(), file);
    numbers(&mut episode, 3e-27, 3e-27, 1e-9);
    let read = SharedEpisode::from_file(episode.to_file().unwrap().as_bytes()).unwrap();
    numbers(&mut episode, 0.0, 0.0, 0.0);
    assert_eq!(read, episode);
}

fn file_error(change: impl Fn(&mut serde_json::Value)) -> ShareError {
    let mut file = serde_json::from_slice(&fixture("version-1.lcl.json")).unwrap();
    change(&mut file);
    SharedEpisode::from_file(file.to_string().as_bytes()).unwrap_err()
}

#[test]
fn what_is_wrong_with_a_file_is_said() {
    type Change<'a> = &'a dyn Fn(&mut serde_json::Value);
    let cases: [(&str, Change); 12] = [
        ("episode-version", &|file| file["version"] = 2.into()),
        ("episode-unreadable", &|file| file["format"] = "x".into()),
        ("episode-unreadable", &|file| file["extra"] = 1.into()),
        ("episode-unreadable", &|file| {
            file["settings"]["asked"] = 2.into()
        }),
        ("episode-unreadable", &|file| {
            file["queries"][0]["picture"] = 5.into()
        }),
        ("episode-unreadable", &|file| file["pack"] = "abc".into()),
        ("episode-unreadable", &|file| {
            file["concepts"][0]["name"] = "x".repeat(1001).into()
        }),
        ("episode-unreadable", &|file| {
            file["answers"][1]["evidence"]["answer"]["concept"] = 2.into();
        }),
        ("episode-unreadable", &|file| {
            file["answers"][1]["evidence"]["answer"]["examples"][0]["share"] = 1.5.into();
        }),
        ("episode-picture", &|file| {
            file["pictures"][1]["data"] = "https://example.org/a.png".into()
        }),
        ("episode-picture", &|file| {
            file["pictures"][1]["data"] = "data:image/png;base64,AAAA".into();
        }),
        // A PNG of one pixel.
        ("episode-picture", &|file| {
            file["pictures"][1]["data"] = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==".into();
        }),
    ];
    for (place, (code, change)) in cases.iter().enumerate() {
        let error = file_error(change);
        assert_eq!(error.code(), *code, "case {place}: {error}");
    }
    let large = vec![b' '; FILE_LIMIT + 1];
    let error = SharedEpisode::from_file(&large).unwrap_err();
    assert_eq!(error.code(), "episode-too-large");
    let error = SharedEpisode::from_file(b"{\"concepts\":[]}").unwrap_err();
    assert_eq!(error.code(), "episode-unreadable");
}

#[test]
fn a_link_that_was_cut_off_or_is_of_a_later_version_is_told() {
    let link = String::from_utf8(fixture("version-1.link.txt")).unwrap();
    let link = link.trim();
    for length in [0, 5, 11, link.len() / 2, link.len() - 1] {
        let error = SharedEpisode::from_link(&link[..length]).unwrap_err();
        assert_eq!(error.code(), "episode-unreadable", "{length}: {error}");
    }
    let error = SharedEpisode::from_link(&link.replace("=1.", "=2.")).unwrap_err();
    assert_eq!(error.code(), "episode-version");
    let error = SharedEpisode::from_link(&"a".repeat(LINK_LIMIT + 1)).unwrap_err();
    assert_eq!(error.code(), "episode-too-large");
}

#[test]
fn an_answer_is_compared_with_the_one_that_came_along() {
    let episode = expected();
    let said = episode.answers[1].clone().unwrap();
    let mut now = said.evidence.clone().unwrap().answer;
    let same = said.compare(&now, Some(true));
    assert!(same.same_name && same.same_evidence == Some(true) && same.largest == 0.0);
    now.concepts[0].probability += 0.01;
    let near = said.compare(&now, Some(true));
    assert_eq!((near.same_evidence, near.same_name), (Some(true), true));
    assert!((near.largest - 0.01).abs() < 1e-9);
    now.examples[0].share += 0.1;
    assert_eq!(said.compare(&now, None).same_evidence, Some(false));
    now.name = "klut".to_owned();
    let other = said.compare(&now, Some(false));
    assert!(!other.same_name);
    assert_eq!(
        (other.before.as_str(), other.after.as_str()),
        ("仙人掌刺猬", "klut")
    );
    // A link has the name alone.
    let bare = Said {
        evidence: None,
        ..said
    };
    assert_eq!(bare.compare(&now, None).same_evidence, None);
}
