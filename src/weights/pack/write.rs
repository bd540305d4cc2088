//! Writing a pack.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::Path;

use flate2::Compression;
use flate2::write::ZlibEncoder;

use super::{
    FileEntry, Manifest, PackError, Part, SHARD_LIMIT, Source, TensorEntry, VERSION, sha256,
};
use crate::model::config::ModelConfig;
use crate::weights::{EncodedTensor, Weights};

/// Writes shards, tokenizer and, last, `manifest.json` into a folder, which is made if need be.
///
/// The same content gives the same bytes. Tensors stand in the order of their names, one after another; what does not fit
/// into a shard goes on in the next one, from a row on.
///
/// # Errors
///
/// When the tensors contradict themselves, or a file cannot be written.
pub fn write_pack(
    folder: &Path,
    config: &ModelConfig,
    weights: &Weights,
    tokenizer: &str,
    sources: Vec<Source>,
    licences: BTreeMap<String, String>,
) -> Result<Manifest, PackError> {
    fs::create_dir_all(folder).map_err(|error| failure(folder, &error))?;
    let mut shards = Shards {
        folder,
        files: Vec::new(),
        current: Vec::new(),
    };
    let mut tensors = BTreeMap::new();
    for (name, tensor) in weights {
        tensors.insert(name.clone(), shards.add(name, tensor)?);
    }
    shards.close()?;

    let tokenizer = store(folder, "tokenizer", tokenizer.as_bytes())?;
    let manifest = Manifest {
        version: VERSION,
        config: config.clone(),
        tensors,
        shards: shards.files,
        tokenizer,
        sources,
        licences,
    };
    // What is written must be what `Manifest::parse` takes.
    manifest.validate()?;
    let path = folder.join("manifest.json");
    let json = serde_json::to_vec(&manifest).map_err(|error| PackError::Write {
        path: path.display().to_string(),
        reason: error.to_string(),
    })?;
    write(&path, &json)?;
    Ok(manifest)
}

/// Fills one shard after another.
struct Shards<'a> {
    folder: &'a Path,
    /// Those that are written.
    files: Vec<FileEntry>,
    /// The bytes of the next.
    current: Vec<u8>,
}

impl Shards<'_> {
    fn add(&mut self, name: &str, tensor: &EncodedTensor) -> Result<TensorEntry, PackError> {
        let wrong = |source| PackError::Tensor {
            name: name.to_owned(),
            source,
        };
        tensor.validate().map_err(wrong)?;
        // A vector's only row is the whole of it; a block of values must not be cut.
        let row = match &*tensor.shape {
            [_, inner @ ..] if !inner.is_empty() => tensor.encoding.bytes(inner).map_err(wrong)?,
            shape => tensor.encoding.bytes(shape).map_err(wrong)?,
        };
        if row > SHARD_LIMIT {
            let reason = format!("a row of tensor '{name}' is larger than a shard");
            return Err(PackError::Manifest { reason });
        }
        let mut parts = Vec::new();
        let mut rest = &*tensor.bytes;
        while !rest.is_empty() {
            let space = SHARD_LIMIT - self.current.len();
            let fitting = space / row * row;
            if fitting == 0 {
                self.close()?;
                continue;
            }
            let (now, later) = rest.split_at(fitting.min(rest.len()));
            let (shard, offset) = (self.files.len(), self.current.len());
            parts.push(Part {
                shard,
                offset,
                bytes: now.len(),
            });
            self.current.extend(now);
            rest = later;
        }
        Ok(TensorEntry {
            encoding: tensor.encoding,
            shape: tensor.shape.clone(),
            parts,
        })
    }

    /// Writes the current shard, if anything is in it.
    fn close(&mut self) -> Result<(), PackError> {
        if !self.current.is_empty() {
            let name = format!("shard-{:02}", self.files.len());
            let file = store(self.folder, &name, &self.current)?;
            self.files.push(file);
            self.current.clear();
        }
        Ok(())
    }
}

/// Writes a file that holds `content`, and gives its entry.
fn store(folder: &Path, name: &str, content: &[u8]) -> Result<FileEntry, PackError> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    let bytes = encoder.write_all(content).and_then(|()| encoder.finish());
    let bytes = bytes.map_err(|error| failure(&folder.join(name), &error))?;
    let sha256 = sha256(&bytes);
    // Named by its bytes, so that no cache on the way gives an old one under the name of a new one.
    let path = format!("{name}-{sha256:.8}.bin");
    write(&folder.join(&path), &bytes)?;
    Ok(FileEntry {
        path,
        bytes: bytes.len() as u64,
        content: content.len() as u64,
        sha256,
    })
}

fn write(path: &Path, content: &[u8]) -> Result<(), PackError> {
    fs::write(path, content).map_err(|error| failure(path, &error))
}

fn failure(path: &Path, error: &std::io::Error) -> PackError {
    PackError::Write {
        path: path.display().to_string(),
        reason: error.to_string(),
    }
}
