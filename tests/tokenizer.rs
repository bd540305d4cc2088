//! The tokenizer against the Python library `tokenizers`; `fixtures/text/README.md` says what is
//! compared.

use std::sync::LazyLock;

use link_context::text::tokenizer::{StreamDecoder, Tokenizer, TokenizerError};
use proptest::prelude::*;
use serde::Deserialize;
use sha2::{Digest, Sha256};

const TABLES: &str = include_str!("fixtures/text/tables.txt");
const STRINGS: &str = include_str!("fixtures/text/strings.jsonl");
const SPECIAL: usize = 17;
/// The JSON form of a tokenizer of five tokens.
const SMALL: &str = concat!(
    r#"{"version":1,"special":1,"tokens":["<s>","a","b","ab","abb"],"#,
    r#""merges":["a b","ab b"]}"#
);

static TOKENIZER: LazyLock<Tokenizer> = LazyLock::new(|| {
    let mut lines = TABLES.lines().map(str::to_owned);
    let mut tokens: Vec<String> = lines.by_ref().take_while(|line| !line.is_empty()).collect();
    let merges: Vec<String> = lines.collect();
    tokens.extend(merges.iter().map(|merge| merge.replace(' ', "")));
    Tokenizer::from_tables(tokens, merges, SPECIAL).unwrap()
});

#[derive(Deserialize)]
struct Header {
    json_sha256: String,
    /// Unit, number of repeats, number of tokens, hash of the tokens.
    repeated: Vec<(String, usize, usize, String)>,
}

/// One string of the fixture with what the library makes of it.
struct Sample {
    text: String,
    ids: Vec<u32>,
    decoded: String,
}

fn fixture() -> (Header, Vec<Sample>) {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Line {
        Same(String, Vec<u32>),
        Other(String, Vec<u32>, String),
    }
    let mut lines = STRINGS.lines();
    let header = serde_json::from_str(lines.next().unwrap()).unwrap();
    let samples = lines.map(|line| match serde_json::from_str(line).unwrap() {
        Line::Same(text, ids) => Sample {
            decoded: text.clone(),
            text,
            ids,
        },
        Line::Other(text, ids, decoded) => Sample { text, ids, decoded },
    });
    (header, samples.collect())
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn encodes_every_string_as_the_library_does() {
    let (_, samples) = fixture();
    assert!(samples.len() >= 2_000, "only {} strings", samples.len());
    let wrong: Vec<String> = samples
        .iter()
        .map(|sample| (sample, TOKENIZER.encode(&sample.text)))
        .filter(|(sample, ids)| *ids != sample.ids)
        .map(|(sample, ids)| format!("{:?}: {ids:?}, not {:?}", sample.text, sample.ids))
        .collect();
    assert!(
        wrong.is_empty(),
        "{} differ:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn decodes_every_string_as_the_library_does() {
    for Sample { text, ids, decoded } in fixture().1 {
        assert_eq!(TOKENIZER.decode(&ids), decoded, "{text:?}");
    }
}

#[test]
fn encodes_very_long_words_as_the_library_does() {
    for (unit, times, length, hash) in fixture().0.repeated {
        let ids = TOKENIZER.encode(&unit.repeat(times));
        assert_eq!(ids.len(), length, "{times} times {unit:?}");
        let bytes: Vec<u8> = ids.into_iter().flat_map(u32::to_le_bytes).collect();
        assert_eq!(sha256(&bytes), hash, "{times} times {unit:?}");
    }
}

#[test]
fn json_form_is_the_one_python_writes_and_reads_back() {
    let json = TOKENIZER.to_json();
    assert_eq!(sha256(json.as_bytes()), fixture().0.json_sha256);
    let again = Tokenizer::from_json(&json).unwrap();
    assert_eq!(again.vocabulary_size(), 49_152);
    assert_eq!(again.to_json(), json);
}

#[test]
fn special_tokens_are_found_by_text_but_never_encoded() {
    assert_eq!(TOKENIZER.special("<|endoftext|>"), Some(0));
    assert_eq!(TOKENIZER.special("<|im_start|>"), Some(1));
    assert_eq!(TOKENIZER.special("<|im_end|>"), Some(2));
    assert_eq!(TOKENIZER.special("the"), None);
    assert_eq!(TOKENIZER.special(""), None);
    assert_eq!(TOKENIZER.decode(&[1]), "<|im_start|>");
    for id in 0..SPECIAL as u32 {
        let text = TOKENIZER.decode(&[id]);
        let ids = TOKENIZER.encode(&text);
        assert!(
            ids.iter().all(|&id| id >= SPECIAL as u32),
            "{text}: {ids:?}"
        );
        assert_eq!(TOKENIZER.decode(&ids), text);
    }
}

#[test]
fn unknown_ids_have_no_bytes_and_decode_to_the_replacement_character() {
    assert_eq!(TOKENIZER.token_bytes(49_151), Some("ectable".as_bytes()));
    assert_eq!(TOKENIZER.token_bytes(49_152), None);
    assert_eq!(TOKENIZER.token_bytes(u32::MAX), None);
    assert_eq!(TOKENIZER.decode(&[u32::MAX]), "\u{fffd}");
}

#[test]
fn stream_holds_back_incomplete_characters() {
    let text = "a 👨‍👩‍👧 ཀ 𝔊 é";
    let mut decoder = StreamDecoder::default();
    let ids = TOKENIZER.encode(text);
    let pieces: Vec<String> = ids.iter().map(|&id| decoder.push(&TOKENIZER, id)).collect();
    assert!(
        pieces.iter().any(String::is_empty),
        "no token ended within a character"
    );
    assert_eq!(pieces.concat(), text);
    assert_eq!(decoder.finish(), "");

    // A character that never becomes complete is given up when the next token shows so, or at the
    // end.
    let start = *TOKENIZER.encode("👨").first().unwrap();
    let letter = TOKENIZER.encode("a")[0];
    assert_eq!(decoder.push(&TOKENIZER, start), "");
    assert_eq!(decoder.push(&TOKENIZER, letter), "\u{fffd}a");
    assert_eq!(decoder.push(&TOKENIZER, start), "");
    assert_eq!(decoder.finish(), "\u{fffd}");
    assert_eq!(decoder.finish(), "");

    // A byte that cannot begin a character is not held back.
    let inner = (0..252)
        .find(|&id| TOKENIZER.token_bytes(id) == Some(&[0x80]))
        .unwrap();
    assert_eq!(decoder.push(&TOKENIZER, inner), "\u{fffd}");
}

#[test]
fn refuses_tables_that_contradict_themselves() {
    let refuse = |tokens: &[&str], merges: &[&str], special| {
        Tokenizer::from_tables(strings(tokens), strings(merges), special).unwrap_err()
    };
    use TokenizerError as Error;
    assert!(matches!(
        refuse(&["a"], &[], 2),
        Error::TooManySpecial {
            special: 2,
            tokens: 1
        }
    ));
    assert!(matches!(refuse(&["a", ""], &[], 0), Error::EmptyToken(1)));
    assert!(matches!(
        refuse(&["a", "b", "a"], &[], 1),
        Error::DuplicateToken {
            first: 0,
            second: 2
        }
    ));
    assert!(matches!(
        refuse(&["a", "b c"], &[], 0),
        Error::Alphabet {
            token: 1,
            character: ' '
        }
    ));
    assert!(matches!(
        refuse(&["漢"], &[], 0),
        Error::Alphabet {
            token: 0,
            character: '漢'
        }
    ));
    for form in ["ab", "a b c", " a", "a ", "", "a  b"] {
        assert!(
            matches!(refuse(&["a", "b", "ab"], &[form], 0), Error::MergeForm(0)),
            "{form:?}"
        );
    }
    // A part is missing, the product is missing, the product is special, a part is special.
    for (tokens, special, missing) in [
        (["a", "ab", "c"], 0, "b"),
        (["a", "b", "c"], 0, "ab"),
        (["ab", "a", "b"], 1, "ab"),
        (["a", "b", "ab"], 1, "a"),
    ] {
        let error = refuse(&tokens, &["a b"], special);
        assert!(
            matches!(&error, Error::MergeToken { merge: 0, text } if text == missing),
            "{error}"
        );
    }
    let error = refuse(&["a", "b", "ab"], &["a b", "a b"], 0);
    assert!(matches!(
        error,
        Error::DuplicateMerge {
            first: 0,
            second: 1
        }
    ));
    let many = (0..=1 << 20).map(|id: u32| id.to_string()).collect();
    let error = Tokenizer::from_tables(many, Vec::new(), 0).unwrap_err();
    assert!(matches!(error, Error::TooManyTokens(1_048_577)));
}

#[test]
fn refuses_other_json() {
    let refuse = |json: &str| Tokenizer::from_json(json).unwrap_err();
    let deep = "[".repeat(100_000);
    for json in [
        "",
        "null",
        "{}",
        "[]",
        "{\"version\":\"1\"}",
        "{\"version\":1}",
        "{\"version\":-1}",
        &deep,
    ] {
        assert!(
            matches!(refuse(json), TokenizerError::Json(_)),
            "{}",
            &json[..json.len().min(40)]
        );
    }
    // Another version is refused as such, whatever its fields are.
    assert!(matches!(
        refuse("{\"version\":2,\"vocabulary\":{}}"),
        TokenizerError::Version(2)
    ));
    let huge = r#"{"version":1,"special":18446744073709551615,"tokens":[],"merges":[]}"#;
    assert!(matches!(
        refuse(huge),
        TokenizerError::TooManySpecial { .. }
    ));
    assert!(matches!(
        Tokenizer::from_json([0xff, 0xfe]),
        Err(TokenizerError::Json(_))
    ));
}

#[test]
fn merges_the_earliest_rule_first() {
    let tokens = strings(&["<s>", "a", "b", "c", "ab", "bc"]);
    let tokenizer = Tokenizer::from_tables(tokens, strings(&["b c", "a b"]), 1).unwrap();
    assert_eq!(tokenizer.encode("abc"), [1, 5]);
    assert_eq!(tokenizer.encode("aab"), [1, 4]);
    // A byte without a token is left out before the merging, and `<s>` is no token of its text.
    assert_eq!(tokenizer.encode("a-b<s>"), [1, 2]);
    assert_eq!(tokenizer.encode("axb<s>"), [4]);
    assert_eq!(tokenizer.decode(&[0, 1, 5]), "<s>abc");
}

#[test]
fn an_empty_tokenizer_encodes_to_nothing() {
    let empty = r#"{"version":1,"special":0,"tokens":[],"merges":[]}"#;
    let tokenizer = Tokenizer::from_json(empty).unwrap();
    assert_eq!(tokenizer.vocabulary_size(), 0);
    assert!(tokenizer.encode("some text 12").is_empty());
}

/// Whether SmolLM2 has a token for each byte of a character (the module's documentation lists the
/// others).
fn has_tokens(character: char) -> bool {
    !matches!(
        character,
        '\x04' | '\x06' | '\x13' | '\x14' | '\x16' | '\x1d' | '\u{40000}'..='\u{bffff}'
    )
}

proptest! {
    #[test]
    fn decoding_undoes_encoding(text in any::<String>()) {
        let text: String = text.chars().filter(|&character| has_tokens(character)).collect();
        prop_assert_eq!(TOKENIZER.decode(&TOKENIZER.encode(&text)), text);
    }

    #[test]
    fn stream_gives_what_decoding_gives(ids in prop::collection::vec(0..49_160_u32, 0..40)) {
        let bytes: Vec<u8> = ids
            .iter()
            .flat_map(|&id| TOKENIZER.token_bytes(id).unwrap_or("\u{fffd}".as_bytes()))
            .copied()
            .collect();
        let mut decoder = StreamDecoder::default();
        let mut text: String = ids.iter().map(|&id| decoder.push(&TOKENIZER, id)).collect();
        text.push_str(&decoder.finish());
        prop_assert_eq!(&text, &String::from_utf8_lossy(&bytes));
        prop_assert_eq!(text, TOKENIZER.decode(&ids));
    }

    /// Single bytes only, so that nearly every character is broken somewhere.
    #[test]
    fn stream_survives_broken_utf8(ids in prop::collection::vec(17..252_u32, 0..40)) {
        let bytes: Vec<u8> = ids.iter().map(|&id| TOKENIZER.token_bytes(id).unwrap()[0]).collect();
        prop_assert_eq!(TOKENIZER.decode(&ids), String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn hostile_json_is_an_error_or_a_tokenizer(
        place in 0..SMALL.len(),
        byte in any::<u8>(),
        cut in 0..=SMALL.len(),
    ) {
        let mut json = SMALL.as_bytes().to_vec();
        json[place] = byte;
        json.truncate(cut);
        if let Ok(tokenizer) = Tokenizer::from_json(&json) {
            tokenizer.decode(&tokenizer.encode("abba abb <s> b"));
        }
    }
}
