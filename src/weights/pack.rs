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

mod manifest;
#[cfg(feature = "cli")]
mod open;
mod reader;
#[cfg(feature = "cli")]
mod write;

use std::io;

use sha2::{Digest as _, Sha256};
use thiserror::Error;

use super::quant::QuantError;
pub use manifest::{FileEntry, Form, Manifest, Part, Source, TensorEntry};
#[cfg(feature = "cli")]
pub use open::OpenPack;
pub use reader::{Adapters, PackReader};
#[cfg(feature = "cli")]
pub use write::write_pack;

/// The version of the manifest that is written and read here.
pub const VERSION: u32 = 4;

/// The most bytes that a shard holds: 4 MiB. Small, because a shard stands in memory beside all that came before it.
pub const SHARD_LIMIT: usize = 4 << 20;

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
