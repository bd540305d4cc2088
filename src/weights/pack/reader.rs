//! Reading a pack shard by shard.

use std::collections::BTreeMap;
use std::io::{self, Read as _};

use flate2::bufread::ZlibDecoder;

use super::{LOW_RANK, Manifest, PackError, Part, unsound, wrong};
use crate::weights::quant::QuantError;
use crate::weights::{EncodedTensor, Encoding};

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
pub(super) const fn merged(stored: Encoding) -> Encoding {
    match stored {
        exact @ (Encoding::F32 | Encoding::F16) => exact,
        Encoding::Q8_0 | Encoding::Q4_1 => Encoding::Q8_0,
    }
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
