//! From a downloaded pack to a session.

use js_sys::Reflect;
use serde_json::json;
use wasm_bindgen::prelude::*;
use web_sys::WorkerGlobalScope;

use super::error::{WebError, from_js, to_js};
use super::poll::Poll;
use super::{WebSession, check};
use crate::device::{self, Kind, Opened, Preference};
use crate::model::Parameters;
use crate::rehearsal::rehearse;
use crate::session::Session;
use crate::text::tokenizer::Tokenizer;
use crate::weights::pack::{Adapters, Manifest, PackReader, sha256};

/// Takes a pack in, shard by shard, onto a device.
#[wasm_bindgen]
pub struct PackLoader {
    pack: String,
    opened: Opened,
    poll: Poll,
    reader: PackReader,
    parameters: Parameters,
}

#[wasm_bindgen]
impl PackLoader {
    /// SHA-256 of the manifest, in hexadecimal digits: which pack it is.
    pub fn pack(&self) -> String {
        self.pack.clone()
    }

    /// Reads the manifest and opens a device; `preference` is `auto`, `webgpu` or `cpu`.
    pub async fn open(manifest: String, preference: JsValue) -> Result<PackLoader, JsValue> {
        let pack = sha256(manifest.as_bytes());
        let manifest = Manifest::parse(&manifest).map_err(WebError::from)?;
        let preference: Preference = from_js(preference)?;
        let scope: WorkerGlobalScope = js_sys::global().unchecked_into();
        let has_webgpu = Reflect::get(&scope.navigator(), &"gpu".into())
            .is_ok_and(|gpu| !gpu.is_undefined() && !gpu.is_null());
        let opened = device::open(preference, has_webgpu, manifest.largest_tensor())
            .await
            .map_err(|reason| {
                let detail = json!({ "reason": reason, "message": reason.to_string() });
                WebError::new("device-unavailable", "", detail)
            })?;
        let poll = Poll::of(&opened).await;
        let parameters = Parameters::new(&opened.device).for_kernels();
        let adapters = match opened.kind {
            Kind::Cpu => Adapters::Beside,
            Kind::Webgpu => Adapters::Merged,
        };
        Ok(PackLoader {
            pack,
            opened,
            poll,
            reader: PackReader::new(manifest, adapters),
            parameters,
        })
    }

    /// `{ kind, name, reason }`.
    pub fn device(&self) -> JsValue {
        let Opened {
            kind, name, reason, ..
        } = &self.opened;
        to_js(&json!({ "kind": kind, "name": name, "reason": reason }))
    }

    /// `{ tokenizer: { path, bytes, sha256 }, shards: [the same], total_bytes }`.
    pub fn files(&self) -> JsValue {
        let manifest = self.reader.manifest();
        let total: u64 = manifest.shards.iter().map(|shard| shard.bytes).sum();
        to_js(&json!({
            "tokenizer": manifest.tokenizer,
            "shards": manifest.shards,
            "total_bytes": total + manifest.tokenizer.bytes,
        }))
    }

    /// Checks a shard, decodes what it completes and puts it on the device.
    pub async fn push(&mut self, index: usize, bytes: Vec<u8>) -> Result<(), JsValue> {
        self.reader.push_to(index, &bytes, |name, tensor| {
            let inserted = self.parameters.insert_encoded(name, tensor);
            inserted.map_err(WebError::internal)
        })?;
        check(&self.opened)?;
        Ok(())
    }

    /// What compiles the device's kernels while the shards are on their way, where it has any to compile.
    pub fn rehearsal(&self) -> Option<Rehearsal> {
        (self.opened.kind == Kind::Webgpu).then(|| Rehearsal {
            manifest: self.reader.manifest().clone(),
            opened: self.opened.clone(),
            poll: self.poll.clone(),
        })
    }

    /// Builds the model once every shard is in. Uses the loader up.
    pub fn finish(self, tokenizer: &[u8]) -> Result<WebSession, JsValue> {
        let manifest = self.reader.finish().map_err(WebError::from)?;
        let tables = manifest
            .tokenizer_tables(tokenizer)
            .map_err(WebError::from)?;
        let tokenizer = Tokenizer::from_json(tables).map_err(WebError::internal)?;
        let session =
            Session::new(&manifest.config, self.parameters, tokenizer).map_err(WebError::from)?;
        Ok(WebSession::new(self.opened, self.poll, session))
    }
}

/// See `rehearsal.rs`. Apart from the loader, which takes shards in meanwhile.
#[wasm_bindgen]
pub struct Rehearsal {
    manifest: Manifest,
    opened: Opened,
    poll: Poll,
}

#[wasm_bindgen]
impl Rehearsal {
    /// Runs it, and uses it up.
    pub async fn run(self) -> Result<(), JsValue> {
        let work = rehearse(&self.manifest, &self.opened.device);
        let done = self.poll.through(work).await;
        Ok(done.map_err(WebError::internal)?)
    }
}
