//! The folder of a run: its checkpoint, its log, and the adapter in the form the repository keeps.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{TrainError, Trainer};
use crate::weights::checkpoint::{CheckpointError, read_safetensors, write_safetensors};
use crate::weights::{Encoding, HostTensor};

/// Why a checkpoint could not be written or gone on from.
#[derive(Debug, Error)]
pub enum RunError {
    /// A file could not be read or written.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file that says how far the run is cannot be read.
    #[error("{path}: {source}; to begin anew, name another folder or delete this file")]
    State {
        /// Which.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
    /// The adapter of the checkpoint cannot be read or written.
    #[error("{path}: {source}")]
    Adapter {
        /// Which.
        path: PathBuf,
        /// Why.
        source: CheckpointError,
    },
    /// The trainer did not give what it holds.
    #[error(transparent)]
    Trainer(#[from] TrainError),
}

/// The files of a run.
#[derive(Clone, Debug)]
pub struct Run {
    folder: PathBuf,
}

/// Where a run that was cut off goes on.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    /// Steps done.
    pub step: usize,
    /// The adapter's tensors.
    pub adapter: BTreeMap<String, HostTensor>,
    /// For [`Trainer::load_optimiser`].
    pub optimiser: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
struct State {
    step: usize,
}

impl Run {
    /// The run in `folder`.
    pub fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
        }
    }

    /// The adapter in half the size, as the repository keeps it.
    pub fn shipped(&self) -> PathBuf {
        self.folder.join("adapter-f16.safetensors")
    }

    fn adapter(&self, step: usize) -> PathBuf {
        self.folder.join(format!("adapter-{step}.safetensors"))
    }

    fn optimiser(&self, step: usize) -> PathBuf {
        self.folder.join(format!("optimiser-{step}.bpk"))
    }

    /// Says of which step the checkpoint is. The checkpoint is the files of that step, and no others.
    fn state(&self) -> PathBuf {
        self.folder.join("state.json")
    }

    /// The log, to be written on.
    ///
    /// # Errors
    ///
    /// When the folder or the file cannot be made.
    pub fn log(&self) -> Result<fs::File, RunError> {
        let path = self.folder.join("log.jsonl");
        let mut options = fs::OpenOptions::new();
        fs::create_dir_all(&self.folder)
            .and_then(|()| options.create(true).append(true).open(&path))
            .map_err(|source| RunError::File { path, source })
    }

    /// The checkpoint, if there is one.
    ///
    /// # Errors
    ///
    /// When there is one that cannot be read.
    pub fn checkpoint(&self) -> Result<Option<Checkpoint>, RunError> {
        let Some(step) = self.step()? else {
            return Ok(None);
        };
        let path = self.adapter(step);
        let adapter = read_safetensors(&read(&path)?);
        let (adapter, _) = adapter.map_err(|source| RunError::Adapter { path, source })?;
        Ok(Some(Checkpoint {
            step,
            adapter,
            optimiser: read(&self.optimiser(step))?,
        }))
    }

    fn step(&self) -> Result<Option<usize>, RunError> {
        let path = self.state();
        if !path.exists() {
            return Ok(None);
        }
        let state = serde_json::from_slice(&read(&path)?);
        let State { step } = state.map_err(|source| RunError::State { path, source })?;
        Ok(Some(step))
    }

    /// Writes a checkpoint after `step` steps, `metadata` with the adapter, beside the last one, which counts until the new one is whole and then goes.
    ///
    /// # Errors
    ///
    /// When the device fails or a file cannot be written.
    pub fn save(
        &self,
        trainer: &mut Trainer,
        step: usize,
        metadata: &BTreeMap<String, String>,
    ) -> Result<(), RunError> {
        let adapter = trainer.adapter()?;
        let encoded =
            |path: PathBuf, encoding| match write_safetensors(&adapter, metadata, encoding) {
                Ok(bytes) => Ok((path, bytes)),
                Err(source) => Err(RunError::Adapter { path, source }),
            };
        let state = serde_json::to_vec(&State { step });
        let state = state.map_err(|source| RunError::State {
            path: self.state(),
            source,
        })?;
        let last = self.step()?;
        let files = [
            encoded(self.adapter(step), Encoding::F32)?,
            (self.optimiser(step), trainer.optimiser_state()?),
            encoded(self.shipped(), Encoding::F16)?,
            // Last: from here on the new one counts.
            (self.state(), state),
        ];
        for (path, bytes) in &files {
            let partial = path.with_extension("partial");
            fs::write(&partial, bytes).map_err(named(path))?;
            fs::rename(&partial, path).map_err(named(path))?;
        }
        if let Some(last) = last.filter(|&last| last != step) {
            for path in [self.adapter(last), self.optimiser(last)] {
                fs::remove_file(&path).map_err(named(&path))?;
            }
        }
        Ok(())
    }
}

fn read(path: &Path) -> Result<Vec<u8>, RunError> {
    fs::read(path).map_err(named(path))
}

fn named(path: &Path) -> impl Fn(io::Error) -> RunError {
    let path = path.to_owned();
    move |source| RunError::File {
        path: path.clone(),
        source,
    }
}
