//! GGUF, the file of llama.cpp: metadata, a table of tensors, and their bytes.
//!
//! Format: `docs/gguf.md` of the ggml project, version 3 (2 differs only in what nobody wrote). Only what the published
//! weights need is read; anything else is an error that says what it met.

use std::collections::BTreeMap;

use thiserror::Error;

use super::Encoding;
use super::quant::QuantError;

/// ggml has no tensor of more dimensions.
const MAX_DIMENSIONS: usize = 4;

/// Why a GGUF file could not be read.
#[derive(Debug, Error, Clone, PartialEq)]
pub enum GgufError {
    /// The first four bytes are not `GGUF`.
    #[error("this is not a GGUF file")]
    Magic,
    /// A version that this reader does not know.
    #[error("the GGUF file has version {0}; versions 2 and 3 can be read")]
    Version(u32),
    /// The file ends inside `what`.
    #[error("the GGUF file ends at byte {bytes}, inside {what}")]
    Truncated {
        /// What was being read.
        what: String,
        /// Length of the file.
        bytes: usize,
    },
    /// A text that is not UTF-8.
    #[error("the GGUF file holds a text that is not UTF-8, in {0}")]
    Text(String),
    /// A type of metadata or of tensor that is not among the few supported.
    #[error("the GGUF file holds {what} of type {kind}, which is not supported")]
    Kind {
        /// The metadata key or tensor name.
        what: String,
        /// The type's number in the file.
        kind: u32,
    },
    /// A number out of its range.
    #[error("the GGUF file holds an impossible number, in {0}")]
    Number(String),
    /// A name that occurs twice.
    #[error("the GGUF file holds {0} twice")]
    Duplicate(String),
    /// A tensor whose shape does not fit its encoding.
    #[error("tensor '{name}' of the GGUF file: {source}")]
    Tensor {
        /// The tensor.
        name: String,
        /// What is wrong with it.
        source: QuantError,
    },
    /// Metadata that a caller needs is absent or of another type.
    #[error("the GGUF file has no {kind} '{key}' in its metadata")]
    Missing {
        /// The metadata key.
        key: String,
        /// What it should be.
        kind: &'static str,
    },
}

/// A value of the metadata; numbers are widened.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Any of the integer types.
    Integer(i64),
    /// Either of the floating-point types.
    Float(f64),
    /// A truth value.
    Bool(bool),
    /// UTF-8.
    Text(String),
    /// An array of integers.
    Integers(Vec<i64>),
    /// An array of floating-point numbers.
    Floats(Vec<f64>),
    /// An array of texts.
    Texts(Vec<String>),
}

/// A tensor of the file; its bytes are borrowed from it.
#[derive(Clone, Debug, PartialEq)]
pub struct GgufTensor<'a> {
    /// Sizes, outermost first (the file has them the other way round).
    pub shape: Vec<usize>,
    /// How the bytes are to be read.
    pub encoding: Encoding,
    /// As many as encoding and shape ask for.
    pub bytes: &'a [u8],
}

/// A parsed file.
#[derive(Clone, Debug, PartialEq)]
pub struct Gguf<'a> {
    /// What the file says of itself.
    pub metadata: BTreeMap<String, Value>,
    /// The tensors by name.
    pub tensors: BTreeMap<String, GgufTensor<'a>>,
}

impl<'a> Gguf<'a> {
    /// Reads a whole file.
    ///
    /// Takes memory in proportion to the file only: every count is walked, not believed.
    ///
    /// # Errors
    ///
    /// When the file is no GGUF file, is cut off, or holds what this reader does not know.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, GgufError> {
        let mut cursor = Cursor { bytes, at: 0 };
        if cursor.take(4, "the magic number").ok() != Some(b"GGUF".as_slice()) {
            return Err(GgufError::Magic);
        }
        let version = cursor.u32("the version")?;
        if !(2..=3).contains(&version) {
            return Err(GgufError::Version(version));
        }
        let tensor_count = cursor.u64("the number of tensors")?;
        let metadata_count = cursor.u64("the number of metadata entries")?;

        let mut metadata = BTreeMap::new();
        for _ in 0..metadata_count {
            let key = cursor.text("a metadata key")?;
            let value = cursor.value(&key)?;
            if metadata.contains_key(&key) {
                return Err(GgufError::Duplicate(key));
            }
            metadata.insert(key, value);
        }

        let mut infos = Vec::new();
        for _ in 0..tensor_count {
            infos.push(cursor.tensor_info()?);
        }

        let alignment = match metadata.get("general.alignment") {
            None => 32,
            Some(&Value::Integer(alignment @ 1..=65_536)) => alignment as usize,
            Some(_) => return Err(GgufError::Number("general.alignment".into())),
        };
        let data = bytes
            .get(cursor.at.next_multiple_of(alignment)..)
            .unwrap_or_default();
        let mut tensors = BTreeMap::new();
        for TensorInfo {
            name,
            shape,
            encoding,
            offset,
        } in infos
        {
            let length = encoding.bytes(&shape).map_err(|source| GgufError::Tensor {
                name: name.clone(),
                source,
            })?;
            let slice = usize::try_from(offset)
                .ok()
                .and_then(|start| data.get(start..start.checked_add(length)?))
                .ok_or_else(|| GgufError::Truncated {
                    what: format!("tensor '{name}'"),
                    bytes: bytes.len(),
                })?;
            if tensors.contains_key(&name) {
                return Err(GgufError::Duplicate(name));
            }
            tensors.insert(
                name,
                GgufTensor {
                    shape,
                    encoding,
                    bytes: slice,
                },
            );
        }
        Ok(Self { metadata, tensors })
    }

    /// A number of the metadata, integer or not.
    ///
    /// # Errors
    ///
    /// When there is none under this key.
    pub fn number(&self, key: &str) -> Result<f64, GgufError> {
        match self.metadata.get(key) {
            Some(&Value::Integer(number)) => Ok(number as f64),
            Some(&Value::Float(number)) => Ok(number),
            _ => Err(GgufError::Missing {
                key: key.to_owned(),
                kind: "number",
            }),
        }
    }

    /// A list of texts of the metadata.
    ///
    /// # Errors
    ///
    /// When there is none under this key.
    pub fn texts(&self, key: &str) -> Result<&[String], GgufError> {
        match self.metadata.get(key) {
            Some(Value::Texts(texts)) => Ok(texts),
            _ => Err(GgufError::Missing {
                key: key.to_owned(),
                kind: "list of texts",
            }),
        }
    }

    /// A list of integers of the metadata.
    ///
    /// # Errors
    ///
    /// When there is none under this key.
    pub fn integers(&self, key: &str) -> Result<&[i64], GgufError> {
        match self.metadata.get(key) {
            Some(Value::Integers(integers)) => Ok(integers),
            _ => Err(GgufError::Missing {
                key: key.to_owned(),
                kind: "list of integers",
            }),
        }
    }
}

/// A row of the tensor table.
struct TensorInfo {
    name: String,
    shape: Vec<usize>,
    encoding: Encoding,
    /// From the start of the data.
    offset: u64,
}

/// Reads on from a place in the file.
struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn take(&mut self, count: usize, what: &str) -> Result<&'a [u8], GgufError> {
        let end = self.at.checked_add(count);
        let taken = end
            .and_then(|end| self.bytes.get(self.at..end))
            .ok_or_else(|| GgufError::Truncated {
                what: what.to_owned(),
                bytes: self.bytes.len(),
            })?;
        self.at += count;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self, what: &str) -> Result<[u8; N], GgufError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N, what)?);
        Ok(array)
    }

    fn u32(&mut self, what: &str) -> Result<u32, GgufError> {
        self.array(what).map(u32::from_le_bytes)
    }

    fn u64(&mut self, what: &str) -> Result<u64, GgufError> {
        self.array(what).map(u64::from_le_bytes)
    }

    fn text(&mut self, what: &str) -> Result<String, GgufError> {
        // A length beyond the address space is a truncation like any other.
        let length = usize::try_from(self.u64(what)?).unwrap_or(usize::MAX);
        let bytes = self.take(length, what)?;
        let text = std::str::from_utf8(bytes).map_err(|_| GgufError::Text(what.to_owned()))?;
        Ok(text.to_owned())
    }

    fn value(&mut self, key: &str) -> Result<Value, GgufError> {
        Ok(match self.u32(key)? {
            kind @ (0..=5 | 10 | 11) => Value::Integer(self.integer(kind, key)?),
            kind @ (6 | 12) => Value::Float(self.float(kind, key)?),
            7 => match self.array(key)? {
                [0] => Value::Bool(false),
                [1] => Value::Bool(true),
                _ => return Err(GgufError::Number(key.to_owned())),
            },
            8 => Value::Text(self.text(key)?),
            9 => {
                let kind = self.u32(key)?;
                let count = self.u64(key)?;
                match kind {
                    0..=5 | 10 | 11 => Value::Integers(
                        (0..count)
                            .map(|_| self.integer(kind, key))
                            .collect::<Result<_, _>>()?,
                    ),
                    6 | 12 => Value::Floats(
                        (0..count)
                            .map(|_| self.float(kind, key))
                            .collect::<Result<_, _>>()?,
                    ),
                    8 => Value::Texts(
                        (0..count)
                            .map(|_| self.text(key))
                            .collect::<Result<_, _>>()?,
                    ),
                    _ => {
                        return Err(GgufError::Kind {
                            what: format!("a list '{key}'"),
                            kind,
                        });
                    }
                }
            }
            kind => {
                return Err(GgufError::Kind {
                    what: format!("a value '{key}'"),
                    kind,
                });
            }
        })
    }

    /// The integer types of the format: u8, i8, u16, i16, u32, i32, then u64 and i64.
    fn integer(&mut self, kind: u32, key: &str) -> Result<i64, GgufError> {
        Ok(match kind {
            0 => i64::from(u8::from_le_bytes(self.array(key)?)),
            1 => i64::from(i8::from_le_bytes(self.array(key)?)),
            2 => i64::from(u16::from_le_bytes(self.array(key)?)),
            3 => i64::from(i16::from_le_bytes(self.array(key)?)),
            4 => i64::from(u32::from_le_bytes(self.array(key)?)),
            5 => i64::from(i32::from_le_bytes(self.array(key)?)),
            10 => i64::try_from(u64::from_le_bytes(self.array(key)?))
                .map_err(|_| GgufError::Number(key.to_owned()))?,
            11 => i64::from_le_bytes(self.array(key)?),
            kind => {
                return Err(GgufError::Kind {
                    what: format!("an integer '{key}'"),
                    kind,
                });
            }
        })
    }

    /// The floating-point types of the format: f32 and f64.
    fn float(&mut self, kind: u32, key: &str) -> Result<f64, GgufError> {
        match kind {
            6 => Ok(f64::from(f32::from_le_bytes(self.array(key)?))),
            _ => Ok(f64::from_le_bytes(self.array(key)?)),
        }
    }

    fn tensor_info(&mut self) -> Result<TensorInfo, GgufError> {
        let name = self.text("a tensor's name")?;
        let impossible = || GgufError::Number(format!("the shape of tensor '{name}'"));
        let dimensions = self.u32(&name)? as usize;
        if dimensions > MAX_DIMENSIONS {
            return Err(impossible());
        }
        let mut shape = Vec::with_capacity(dimensions);
        for _ in 0..dimensions {
            shape.push(usize::try_from(self.u64(&name)?).map_err(|_| impossible())?);
        }
        shape.reverse();
        let encoding = match self.u32(&name)? {
            0 => Encoding::F32,
            1 => Encoding::F16,
            3 => Encoding::Q4_1,
            8 => Encoding::Q8_0,
            kind => {
                return Err(GgufError::Kind {
                    what: format!("tensor '{name}'"),
                    kind,
                });
            }
        };
        let offset = self.u64(&name)?;
        Ok(TensorInfo {
            name,
            shape,
            encoding,
            offset,
        })
    }
}
