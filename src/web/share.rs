//! Episodes that leave the page and come to it.

use std::collections::HashMap;

use js_sys::{Array, Reflect, Uint8Array};
use serde::{Deserialize, Serialize};
use serde_json::json;
use wasm_bindgen::prelude::*;

use super::Pictures;
use super::error::{WebError, from_js, to_js};
use crate::episode::Concept;
use crate::reply::Reply;
use crate::share::{Qr, Said, ShareError, SharedEpisode, SharedPicture, check_file, lossless};

impl From<ShareError> for WebError {
    fn from(error: ShareError) -> Self {
        let detail = match &error {
            ShareError::TooLarge { length, limit, .. } | ShareError::LongLink { length, limit } => {
                json!({ "length": length, "limit": limit })
            }
            ShareError::Version { found, known } => json!({ "found": found, "known": known }),
            ShareError::Picture { place, .. } => {
                json!({ "number": place + 1, "message": error.to_string() })
            }
            ShareError::Unreadable { reason } => json!({ "message": reason }),
        };
        Self::new(error.code(), "", detail)
    }
}

/// A board as the page sends it, and as it gets one.
#[derive(Serialize, Deserialize)]
struct Board {
    concepts: Vec<Concept<u32>>,
    queries: Vec<u32>,
    asked: usize,
    pack: Option<String>,
    answers: Vec<Option<Said<u32>>>,
}

/// The names of the board's pictures, by their numbers.
#[derive(Deserialize)]
struct Named {
    id: u32,
    name: String,
}

/// An answer that came with an episode, the one to the same query now, and the packs that gave them.
#[derive(Deserialize)]
struct Again {
    said: Said<String>,
    now: Reply<String>,
    packs: (Option<String>, Option<String>),
}

#[wasm_bindgen]
impl Pictures {
    /// Reads an episode file. Gives `{ concepts: [{ name, pictures: [id] }], queries: [id], asked, pack, answers, pictures: [{ id, name,
    /// animated, size, rgba, file }] }`; `file` is the picture as a file from which it can be added again.
    pub fn open_file(&mut self, bytes: &[u8]) -> Result<JsValue, JsValue> {
        let episode = SharedEpisode::from_file(bytes).map_err(WebError::from)?;
        self.take_in(episode)
    }

    /// Reads the fragment of an address. Gives the same as `open_file`.
    pub fn open_link(&mut self, fragment: &str) -> Result<JsValue, JsValue> {
        let episode = SharedEpisode::from_link(fragment).map_err(WebError::from)?;
        self.take_in(episode)
    }

    /// A board, as `open_file` gives it, and the names of its pictures, `[{ id, name }]`, as an episode file.
    pub fn to_file(&self, board: JsValue, names: JsValue) -> Result<String, JsValue> {
        let episode = self.shared(board, names)?;
        Ok(episode.to_file().map_err(WebError::from)?)
    }

    /// The same as a link of at most so many characters behind `address`. Gives `{ fragment, size, lossless, qr: { size, path } or null }`.
    pub fn to_link(
        &self,
        board: JsValue,
        names: JsValue,
        limit: usize,
        address: &str,
    ) -> Result<JsValue, JsValue> {
        let episode = self.shared(board, names)?;
        let before = address.chars().count() + 1;
        let link = episode
            .to_link(limit.saturating_sub(before))
            .map_err(|error| match error {
                // Who reads it counts the whole link.
                ShareError::LongLink { length, .. } => ShareError::LongLink {
                    length: length + before,
                    limit,
                },
                other => other,
            })
            .map_err(WebError::from)?;
        let qr = Qr::new(&format!("{address}#{}", link.fragment));
        Ok(to_js(&json!({
            "fragment": link.fragment,
            "size": link.size,
            "lossless": link.lossless,
            "qr": qr,
        })))
    }

    fn shared(&self, board: JsValue, names: JsValue) -> Result<SharedEpisode, WebError> {
        let board: Board = from_js(board)?;
        let names: Vec<Named> = from_js(names)?;
        let mut pictures = Vec::with_capacity(names.len());
        let mut places = HashMap::new();
        for Named { id, name } in names {
            let square = self.square(id)?;
            places.insert(id, pictures.len());
            pictures.push(SharedPicture { name, square });
        }
        let place = |id: u32| places.get(&id).copied();
        let unknown = || WebError::internal("a picture without a name");
        let row = |ids: Vec<u32>| -> Result<Vec<usize>, WebError> {
            ids.into_iter()
                .map(place)
                .collect::<Option<_>>()
                .ok_or_else(unknown)
        };
        let concepts = board
            .concepts
            .into_iter()
            .map(|Concept { name, pictures }| {
                let pictures = row(pictures)?;
                Ok(Concept { name, pictures })
            });
        // An answer to other pictures than these is not one to this board.
        let answers = board.answers.into_iter().map(|said| said?.refer(place));
        Ok(SharedEpisode {
            concepts: concepts.collect::<Result<_, WebError>>()?,
            queries: row(board.queries)?,
            asked: board.asked,
            pictures,
            pack: board.pack,
            answers: answers.collect(),
        })
    }

    fn take_in(&mut self, episode: SharedEpisode) -> Result<JsValue, JsValue> {
        let pictures = Array::new();
        let mut ids = Vec::with_capacity(episode.pictures.len());
        for SharedPicture { name, square } in episode.pictures {
            let file = lossless(&square).map_err(WebError::from)?;
            let (id, entry) = self.put(square)?;
            Reflect::set(&entry, &"name".into(), &name.into())?;
            Reflect::set(&entry, &"file".into(), &Uint8Array::from(file.as_slice()))?;
            ids.push(id);
            pictures.push(&entry);
        }
        let id = |place: usize| ids.get(place).copied();
        let row = |places: Vec<usize>| places.into_iter().filter_map(id).collect();
        let concepts = episode.concepts.into_iter();
        let answers = episode.answers.into_iter();
        let board = to_js(&Board {
            concepts: concepts
                .map(|Concept { name, pictures }| Concept {
                    name,
                    pictures: row(pictures),
                })
                .collect(),
            queries: row(episode.queries),
            asked: episode.asked,
            pack: episode.pack,
            answers: answers.map(|said| said?.refer(id)).collect(),
        });
        Reflect::set(&board, &"pictures".into(), &pictures)?;
        Ok(board)
    }
}

/// Whether an episode file of so many bytes may be read; throws where it is too large.
#[wasm_bindgen]
pub fn check_episode_file(bytes: f64) -> Result<(), JsValue> {
    Ok(check_file(bytes as usize).map_err(WebError::from)?)
}

/// What an answer says otherwise than the one that came with its episode, `{ said, now, packs: [before, now] }`. Gives a `Sameness` of
/// src/share/mod.rs.
#[wasm_bindgen]
pub fn compare_said(again: JsValue) -> Result<JsValue, JsValue> {
    let Again { said, now, packs } = from_js(again)?;
    let same_pack = packs.0.zip(packs.1).map(|(before, now)| before == now);
    Ok(to_js(&said.compare(&now, same_pack)))
}
