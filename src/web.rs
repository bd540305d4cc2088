//! What the page's worker calls: the whole surface between JavaScript and the model, and with its submodules all that knows wasm-bindgen.
//!
//! Structures cross by serde-wasm-bindgen. Whatever goes wrong is thrown as `{ code, subject, detail }`: a code of the texts, the thing it
//! concerns, and the numbers that its sentence needs.

mod error;
mod loader;
mod poll;
mod share;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU32, Ordering};

use js_sys::{Function, Promise, Reflect, Uint8Array};
use serde::Deserialize;
use serde_json::json;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::MessageChannel;
use web_time::Instant;

use self::error::{WebError, from_js, to_js};
use self::poll::Poll;
use crate::device::Opened;
use crate::episode::{
    Concept, Episode, Example, Intervention, Query, interleave, validate_concepts,
};
use crate::folder::{FolderTest, Listed, Listing};
use crate::picture::{self, Square, check_size};
use crate::protocol::cell::Cell as ProtocolCell;
use crate::protocol::task::Trial;
use crate::reply::{Comparison, Reply};
use crate::session::{AnswerToken, Features, LinkedExample, Session};

/// Lets the worker read its messages: a press on Stop, above all. A message to itself, as a timer waits for four milliseconds, a tenth of
/// what a token takes.
async fn yield_now() -> Result<(), WebError> {
    let failed = |_| WebError::internal("a message channel failed");
    let channel = MessageChannel::new().map_err(failed)?;
    let (sender, receiver) = (channel.port2(), channel.port1());
    let promise = Promise::new(&mut |resolve, _| receiver.set_onmessage(Some(&resolve)));
    sender.post_message(&JsValue::NULL).map_err(failed)?;
    let came = JsFuture::from(promise).await;
    receiver.close();
    came.map(|_| ()).map_err(failed)
}

/// Runs once when the module is loaded: a panic then says in the console where it happened.
#[wasm_bindgen(start)]
pub fn start() {
    console_error_panic_hook::set_once();
}

/// Whether a file of so many bytes may be read; throws where it is too large.
#[wasm_bindgen]
pub fn check_file(name: &str, bytes: f64) -> Result<(), JsValue> {
    Ok(check_size(name, bytes / 1e6).map_err(WebError::from)?)
}

/// `[width, height]` in which the browser is to draw a raster of these for `add_raster`; throws where it is too large.
#[wasm_bindgen]
pub fn drawn_size(name: &str, width: u32, height: u32) -> Result<Vec<u32>, JsValue> {
    let (width, height) = picture::drawn_size(name, (width, height)).map_err(WebError::from)?;
    Ok(vec![width, height])
}

/// The pictures on the board, decoded to the squares that the model sees. Lives from the first picture on, before any pack is loaded.
///
/// The squares' bytes are kept by JavaScript, which can give memory back: each is encoded once, and a wasm heap never shrinks.
#[wasm_bindgen]
#[derive(Default)]
pub struct Pictures {
    squares: HashMap<u32, Uint8Array>,
}

#[wasm_bindgen]
impl Pictures {
    /// No pictures.
    #[wasm_bindgen(constructor)]
    pub fn new() -> Self {
        Self::default()
    }

    /// Decodes a file. Gives `{ id, animated, size, rgba }`.
    pub fn add(&mut self, file_name: &str, bytes: &[u8]) -> Result<JsValue, JsValue> {
        let square = Square::decode(file_name, bytes).map_err(WebError::from)?;
        Ok(self.put(square)?.1)
    }

    /// Takes a raster that the browser decoded, for formats that only it can read. Gives the same as `add`.
    pub fn add_raster(
        &mut self,
        file_name: &str,
        width: u32,
        height: u32,
        rgba: &[u8],
    ) -> Result<JsValue, JsValue> {
        let square = Square::from_rgba(file_name, width, height, rgba).map_err(WebError::from)?;
        Ok(self.put(square)?.1)
    }

    /// Whether an episode, `{ concepts: [{ name, pictures: [id] }], query: id or null }`, can be run; throws the first thing that is wrong.
    pub fn check(&self, episode: JsValue) -> Result<(), JsValue> {
        let Asked { concepts, query } = from_js(episode)?;
        let queries = query.map(|picture| Query { picture }).into_iter().collect();
        Episode { concepts, queries }
            .validate()
            .map_err(WebError::from)?;
        Ok(())
    }

    /// Forgets a picture.
    pub fn remove(&mut self, id: u32) {
        self.squares.remove(&id);
    }

    /// Gives the picture's number, and what the page gets.
    fn put(&mut self, square: Square) -> Result<(u32, JsValue), JsValue> {
        // Never used twice, not even by another board: a session keeps features by this number.
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        let entry = to_js(&json!({ "id": id, "animated": square.animated, "size": Square::SIZE }));
        let rgba = js_sys::Uint8ClampedArray::from(square.to_rgba().as_slice());
        Reflect::set(&entry, &"rgba".into(), &rgba)?;
        self.squares
            .insert(id, Uint8Array::from(square.rgb.as_slice()));
        Ok((id, entry))
    }

    fn square(&self, id: u32) -> Result<Square, WebError> {
        let rgb = self.squares.get(&id).map(Uint8Array::to_vec);
        let rgb = rgb.ok_or_else(|| WebError::internal(format!("no picture {id}")))?;
        Ok(Square {
            size: Square::SIZE,
            rgb,
            animated: false, // no matter to who sees one frame
        })
    }
}

fn check(opened: &Opened) -> Result<(), WebError> {
    opened.fault().map_or(Ok(()), |fault| Err(fault.into()))
}

/// A support set as the page sends it, and what is to be changed in it.
#[derive(Deserialize)]
struct Support {
    concepts: Vec<Concept<u32>>,
    #[serde(default)]
    intervention: Option<Intervention>,
}

/// An episode of one question as the page sends it.
#[derive(Deserialize)]
struct Asked {
    concepts: Vec<Concept<u32>>,
    query: Option<u32>,
}

/// What was linked: enough to say which example is which.
#[derive(Default)]
struct Link {
    names: Vec<String>,
    examples: Vec<Example<u32>>,
}

/// Two answers to one query, as the page sends them.
#[derive(Deserialize)]
struct Compared {
    concepts: Vec<Concept<u32>>,
    intervention: Intervention,
    before: Reply<String>,
    after: Reply<String>,
}

/// The interventions worth a try on `concepts`, `[{ name, pictures: [id] }]`, that a query was answered from.
#[wasm_bindgen]
pub fn what_ifs(concepts: JsValue, answer: JsValue) -> Result<JsValue, JsValue> {
    let concepts: Vec<Concept<u32>> = from_js(concepts)?;
    let answer: Reply<String> = from_js(answer)?;
    Ok(to_js(&answer.worth_trying(&concepts)))
}

/// What two answers to one query show, `{ concepts, intervention, before, after }`, the last two as the page got them. Gives
/// `{ expectation, verdict }`.
#[wasm_bindgen]
pub fn compare(answers: JsValue) -> Result<JsValue, JsValue> {
    let Compared {
        concepts,
        intervention,
        before,
        after,
    } = from_js(answers)?;
    let comparison = Comparison::new(intervention, &concepts, &before.outcome(), &after.outcome());
    Ok(to_js(&comparison))
}

/// What a folder has to test on, from `[{ path, bytes }]`. Gives `{ concepts: [{ name, pictures: [place] }], skipped: [error] }`.
#[wasm_bindgen]
pub fn list_folder(files: JsValue) -> Result<JsValue, JsValue> {
    let files: Vec<Listed> = from_js(files)?;
    Ok(to_js(&Listing::new(&files).map_err(WebError::from)?))
}

/// A run of the 2-way protocol on a folder of pictures.
#[wasm_bindgen]
pub struct WebFolderTest {
    test: RefCell<FolderTest<Features>>,
}

#[wasm_bindgen]
impl WebFolderTest {
    /// Of so many episodes at so many pictures a concept, on concepts of these names.
    #[wasm_bindgen(constructor)]
    pub fn new(
        names: Vec<String>,
        shots: usize,
        episodes: usize,
    ) -> Result<WebFolderTest, JsValue> {
        let cell = ProtocolCell::new(2, shots, None).map_err(WebError::internal)?;
        let test = RefCell::new(FolderTest::new(names, cell, episodes));
        Ok(Self { test })
    }

    /// Once all pictures are in. Gives what is left out, `[error]`.
    pub fn begin(&self) -> Result<JsValue, JsValue> {
        let skipped = self.test.borrow_mut().begin();
        Ok(to_js(&skipped.map_err(WebError::from)?))
    }

    /// What came of it so far; see `FolderReport` in src/folder.rs.
    pub fn report(&self) -> JsValue {
        to_js(&self.test.borrow().report())
    }

    /// Every episode so far, as comma-separated values.
    pub fn csv(&self) -> String {
        self.test.borrow().csv()
    }
}

/// A loaded model. One thing at a time: while it links or answers, another call throws `busy`.
#[wasm_bindgen]
pub struct WebSession {
    opened: Opened,
    poll: Poll,
    /// Out while it works, so that no borrow is held over an await.
    session: RefCell<Option<Session>>,
    features: RefCell<HashMap<u32, Features>>,
    /// Of the square that stands for a picture that is not shown.
    blank: RefCell<Option<Features>>,
    linked: RefCell<Link>,
    stop: Cell<bool>,
}

impl WebSession {
    fn new(opened: Opened, poll: Poll, session: Session) -> Self {
        Self {
            opened,
            poll,
            session: RefCell::new(Some(session)),
            features: RefCell::default(),
            blank: RefCell::default(),
            linked: RefCell::default(),
            stop: Cell::new(false),
        }
    }
}

#[wasm_bindgen]
impl WebSession {
    /// Forgets what was made of a picture that is no longer there.
    pub fn forget(&self, picture: u32) {
        self.features.borrow_mut().remove(&picture);
    }

    /// Encodes what is new and prefills a support set, `{ concepts: [{ name, pictures: [id] }], intervention }`, the last where it is to be
    /// changed. Gives `{ tokens, milliseconds, encode_milliseconds }`.
    pub async fn link(&self, pictures: &Pictures, support: JsValue) -> Result<JsValue, JsValue> {
        let Support {
            concepts,
            intervention,
        } = from_js(support)?;
        validate_concepts(&concepts).map_err(WebError::from)?;
        let mut order = interleave(&concepts);
        if let Some(intervention) = intervention {
            intervention.apply(concepts.len(), &mut order);
        }
        let names: Vec<String> = concepts.into_iter().map(|concept| concept.name).collect();
        let mut session = self.take()?;
        let work = async {
            let start = Instant::now();
            let mut examples = Vec::with_capacity(order.len());
            for example in &order {
                let features = if example.blank {
                    self.blank(&session)
                } else {
                    self.encode(&session, pictures, example.picture)?
                };
                let concept = example.concept;
                examples.push(LinkedExample { concept, features });
                yield_now().await?;
            }
            let encode_milliseconds = start.elapsed().as_secs_f64() * 1e3;
            let report = session.link(&names, &examples).await?;
            check(&self.opened)?;
            Ok::<_, WebError>(json!({
                "tokens": report.tokens,
                "milliseconds": report.milliseconds,
                "encode_milliseconds": encode_milliseconds,
            }))
        };
        let result = self.poll.through(work).await;
        self.session.replace(Some(session));
        let report = result?;
        self.linked.replace(Link {
            names,
            examples: order,
        });
        Ok(to_js(&report))
    }

    /// Names a picture. `on_token` is called with `{ text, probability }` for each token as it comes.
    pub async fn answer(
        &self,
        pictures: &Pictures,
        picture: u32,
        on_token: Function,
    ) -> Result<JsValue, JsValue> {
        let mut session = self.take()?;
        self.stop.set(false);
        let work = async {
            let start = Instant::now();
            let query = self.encode(&session, pictures, picture)?;
            let encode = start.elapsed().as_secs_f64() * 1e3;
            yield_now().await?;
            let answer = session
                .answer(&query, async |token: &AnswerToken| {
                    let _ = on_token.call1(&JsValue::NULL, &token_to_js(token));
                    if yield_now().await.is_err() || self.stop.get() {
                        return ControlFlow::Break(());
                    }
                    ControlFlow::Continue(())
                })
                .await?;
            check(&self.opened)?;
            let linked = self.linked.borrow();
            let Link { names, examples } = &*linked;
            Ok::<_, WebError>(Reply::new(&answer, names, examples, encode))
        };
        let result = self.poll.through(work).await;
        self.session.replace(Some(session));
        Ok(to_js(&result?))
    }

    /// Encodes a picture and puts it into a test, under a concept's index, with its path and its place among the folder's files. The picture
    /// itself is then not needed any more.
    pub fn test_picture(
        &self,
        test: &WebFolderTest,
        pictures: &Pictures,
        picture: u32,
        concept: usize,
        path: String,
        place: usize,
    ) -> Result<(), JsValue> {
        let session = self.take()?;
        let features = pictures
            .square(picture)
            .map(|square| session.encode(&square));
        self.session.replace(Some(session));
        test.test.borrow_mut().push(concept, path, place, features?);
        check(&self.opened)?;
        Ok(())
    }

    /// Asks a test's next episode, after which another support set is linked. Gives whether there was one.
    pub async fn test_episode(&self, test: &WebFolderTest) -> Result<bool, JsValue> {
        let trial = test.test.borrow().next_trial().map_err(WebError::from)?;
        let Some(trial) = trial else {
            return Ok(false);
        };
        let features = features_of(&test.test.borrow(), &trial);
        let (examples, query) =
            features.ok_or_else(|| WebError::internal("an episode of unknown pictures"))?;
        let mut session = self.take()?;
        let work = async {
            session.link(&trial.names, &examples).await?;
            let answer = session
                .answer(&query, async |_| ControlFlow::Continue(()))
                .await?;
            check(&self.opened)?;
            Ok::<_, WebError>(answer)
        };
        let result = self.poll.through(work).await;
        self.session.replace(Some(session));
        test.test.borrow_mut().score(trial, &result?);
        Ok(true)
    }

    /// Stops the answer after the token it is at.
    pub fn stop(&self) {
        self.stop.set(true);
    }

    /// Logits of every next token after each of `ids`, `[ids, vocabulary]` row-major: for a check of a device against a reference.
    pub async fn forced_logits(&self, ids: Vec<u32>, at_once: usize) -> Result<Vec<f32>, JsValue> {
        let mut session = self.take()?;
        let work = session.forced_logits(&ids, at_once);
        let result = self.poll.through(work).await;
        self.session.replace(Some(session));
        check(&self.opened)?;
        Ok(result.map_err(WebError::from)?)
    }

    fn take(&self) -> Result<Session, WebError> {
        self.session
            .take()
            .ok_or_else(|| WebError::new("busy", "", json!({})))
    }

    fn blank(&self, session: &Session) -> Features {
        let mut blank = self.blank.borrow_mut();
        blank
            .get_or_insert_with(|| session.encode(&Square::blank()))
            .clone()
    }

    fn encode(
        &self,
        session: &Session,
        pictures: &Pictures,
        id: u32,
    ) -> Result<Features, WebError> {
        if let Some(features) = self.features.borrow().get(&id) {
            return Ok(features.clone());
        }
        let features = session.encode(&pictures.square(id)?);
        self.features.borrow_mut().insert(id, features.clone());
        Ok(features)
    }
}

/// An episode's support set and query, as a session takes them; none where the test has not all of the pictures.
fn features_of(
    test: &FolderTest<Features>,
    trial: &Trial,
) -> Option<(Vec<LinkedExample>, Features)> {
    let examples = trial.examples.iter().map(|example| {
        Some(LinkedExample {
            concept: example.concept,
            features: test.features(example.picture)?,
        })
    });
    Some((
        examples.collect::<Option<_>>()?,
        test.features(trial.query)?,
    ))
}

fn token_to_js(token: &AnswerToken) -> JsValue {
    to_js(&json!({ "text": token.text, "probability": token.probability }))
}

/// This crate's version.
#[wasm_bindgen]
pub fn version() -> String {
    env!("CARGO_PKG_VERSION").to_owned()
}
