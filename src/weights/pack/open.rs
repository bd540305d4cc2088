//! Opening a pack that lies in a folder of this machine, shard by shard as the page does.

use std::fs;
use std::path::Path;

use super::{Adapters, Manifest, PackError, PackReader};
use crate::weights::Weights;

/// A whole pack in memory.
#[derive(Clone, Debug)]
pub struct OpenPack {
    /// Its manifest.
    pub manifest: Manifest,
    /// The bytes of `manifest.json`.
    pub manifest_json: Vec<u8>,
    /// The tokenizer's tables.
    pub tokenizer: Vec<u8>,
    /// Every tensor by its name.
    pub tensors: Weights,
}

impl OpenPack {
    /// Reads and checks every file of the pack in `folder`.
    ///
    /// # Errors
    ///
    /// When a file cannot be read or differs from the manifest.
    pub fn read(folder: &Path, adapters: Adapters) -> Result<Self, PackError> {
        let manifest_json = read(&folder.join("manifest.json"))?;
        let manifest = Manifest::parse(&manifest_json)?;
        let tokenizer = read(&folder.join(&manifest.tokenizer.path))?;
        let tokenizer = manifest.tokenizer_tables(&tokenizer)?;
        let mut reader = PackReader::new(manifest.clone(), adapters);
        let mut tensors = Weights::new();
        for (index, shard) in manifest.shards.iter().enumerate() {
            tensors.extend(reader.push(index, &read(&folder.join(&shard.path))?)?);
        }
        Ok(Self {
            manifest: reader.finish()?,
            manifest_json,
            tokenizer,
            tensors,
        })
    }
}

fn read(path: &Path) -> Result<Vec<u8>, PackError> {
    fs::read(path).map_err(|error| PackError::Read {
        path: path.display().to_string(),
        reason: error.to_string(),
    })
}
