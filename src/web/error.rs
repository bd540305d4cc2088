//! How values and failures cross into JavaScript.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use wasm_bindgen::prelude::*;

use crate::device::Fault;
use crate::episode::EpisodeError;
use crate::folder::FolderError;
use crate::picture::{self, PictureError};
use crate::session::SessionError;
use crate::weights::pack::PackError;

/// A failure as the page gets it.
#[derive(Serialize)]
pub(super) struct WebError {
    code: &'static str,
    subject: String,
    detail: Value,
}

impl WebError {
    pub(super) fn new(code: &'static str, subject: impl Into<String>, detail: Value) -> Self {
        Self {
            code,
            subject: subject.into(),
            detail,
        }
    }

    pub(super) fn internal(message: impl ToString) -> Self {
        Self::new("internal", "", json!({ "message": message.to_string() }))
    }
}

impl From<WebError> for JsValue {
    fn from(error: WebError) -> Self {
        to_js(&error)
    }
}

impl From<PictureError> for WebError {
    fn from(error: PictureError) -> Self {
        let detail = match &error {
            PictureError::TooLargeFile { megabytes, .. } => {
                json!({ "megabytes": megabytes, "limit": picture::FILE_LIMIT })
            }
            PictureError::TooManyPixels { megapixels, .. } => {
                json!({ "megapixels": megapixels, "limit": picture::RASTER_LIMIT })
            }
            _ => json!({ "message": error.to_string() }),
        };
        Self::new(error.code(), error.name(), detail)
    }
}

impl From<SessionError> for WebError {
    fn from(error: SessionError) -> Self {
        match error {
            SessionError::TooLong { tokens, limit } => Self::new(
                "sequence-too-long",
                "",
                json!({ "tokens": tokens, "limit": limit }),
            ),
            SessionError::Device(message) => {
                Self::new("device-lost", "", json!({ "message": message }))
            }
            other => Self::internal(other),
        }
    }
}

impl From<Fault> for WebError {
    fn from(fault: Fault) -> Self {
        let detail = json!({ "message": fault.to_string() });
        match fault {
            Fault::Lost(_) | Fault::Invalid(_) => Self::new("device-lost", "", detail),
            Fault::OutOfMemory(_) => Self::new("out-of-memory", "", detail),
        }
    }
}

impl From<PackError> for WebError {
    fn from(error: PackError) -> Self {
        let detail = match &error {
            PackError::ShardTruncated {
                bytes, expected, ..
            } => {
                json!({ "bytes": bytes, "expected": expected })
            }
            _ => json!({ "message": error.to_string() }),
        };
        Self::new(error.code(), error.subject(), detail)
    }
}

impl From<EpisodeError> for WebError {
    fn from(error: EpisodeError) -> Self {
        let subject = match &error {
            EpisodeError::ControlCharacter { name, .. }
            | EpisodeError::LongName { name, .. }
            | EpisodeError::DuplicateName { name, .. }
            | EpisodeError::TooManyPictures { name, .. }
            | EpisodeError::NoPicture { name, .. } => name.clone(),
            _ => String::new(),
        };
        let (concept, message) = (error.concept(), error.to_string());
        let detail = match &error {
            EpisodeError::LongName { length, limit, .. } => json!({
                "concept": concept, "message": message, "length": length, "limit": limit,
            }),
            EpisodeError::TooManyConcepts { count, limit }
            | EpisodeError::TooManyQueries { count, limit }
            | EpisodeError::TooManyPictures { count, limit, .. } => json!({
                "concept": concept, "message": message, "count": count, "limit": limit,
            }),
            _ => json!({ "concept": concept, "message": message }),
        };
        Self::new(error.code(), subject, detail)
    }
}

impl From<FolderError> for WebError {
    fn from(error: FolderError) -> Self {
        let count = match error {
            FolderError::FewConcepts(count) => count,
            FolderError::Task(_) => 0,
        };
        let detail = json!({ "count": count, "message": error.to_string() });
        Self::new(error.code(), "", detail)
    }
}

/// Plain objects and arrays, as JSON has them.
pub(super) fn to_js(value: &impl Serialize) -> JsValue {
    value
        .serialize(&serde_wasm_bindgen::Serializer::json_compatible())
        .unwrap_or_else(|error| JsValue::from_str(&error.to_string()))
}

pub(super) fn from_js<T: for<'a> Deserialize<'a>>(value: JsValue) -> Result<T, WebError> {
    serde_wasm_bindgen::from_value(value).map_err(WebError::internal)
}
