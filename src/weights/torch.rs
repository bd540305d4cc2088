//! Checkpoints of PyTorch in its old form, before version 1.6: five pickles, then the storages.
//!
//! A pickle is a program for a small stack machine that may call anything by name. This machine knows an `OrderedDict`,
//! tensors and storages, and nothing else: any other name, and any instruction that such files do not need, is an error.
//! The file's layout is that of `_legacy_save` in `torch/serialization.py`, the instructions those of Python's `pickletools`.

use std::collections::BTreeMap;

use thiserror::Error;

use super::{HostTensor, Tensors};

/// The number in the first pickle of every such file.
const MAGIC: i128 = 0x1950_a86a_20f9_469c_fc6c;

/// The number in the second.
const PROTOCOL: i128 = 1001;

/// More than any layer has.
const MAX_DIMENSIONS: usize = 8;

/// Why a torch file could not be read.
#[derive(Debug, Error, Clone, PartialEq)]
pub enum TorchError {
    /// Not the old form of a torch file; the new one is a zip archive.
    #[error("this is not a torch checkpoint in its old form (pickles, not a zip archive)")]
    Magic,
    /// The file ends where more should come.
    #[error("the torch file is cut off at byte {bytes}")]
    Truncated {
        /// Length of the file.
        bytes: usize,
    },
    /// An instruction that no plain checkpoint needs.
    #[error(
        "the torch file's pickle holds the instruction {opcode:#04x} at byte {offset}, which is not allowed"
    )]
    Instruction {
        /// The instruction.
        opcode: u8,
        /// Where it stands.
        offset: usize,
    },
    /// A name that this reader does not know, and would not call if it did.
    #[error("the torch file's pickle names '{0}', which is not allowed")]
    Global(String),
    /// The instructions make no sense.
    #[error("the torch file's pickle is malformed: before byte {offset} should stand {what}")]
    Malformed {
        /// What was expected.
        what: &'static str,
        /// Where.
        offset: usize,
    },
    /// A tensor does not lie within its storage, or the storage is not in the file.
    #[error("tensor '{0}' of the torch file does not lie within its storage")]
    Tensor(String),
    /// The tensors together ask for more memory than the file can justify.
    #[error("the tensors of the torch file overlap beyond reason")]
    Overlap,
}

/// Reads the single-precision tensors of a state dictionary.
///
/// Integer tensors (the batch counters of batch normalisation) are read over. Nothing of the file is executed.
///
/// # Errors
///
/// When the file is no old torch checkpoint, is cut off, or holds anything but tensors by name.
pub fn read(bytes: &[u8]) -> Result<Tensors, TorchError> {
    // Whatever fails in the first two pickles fails because the file is something else.
    let mut at = 0;
    for number in [MAGIC, PROTOCOL] {
        let mut machine = Machine::new(bytes, at);
        if machine.run() != Ok(Value::Integer(number)) {
            return Err(TorchError::Magic);
        }
        at = machine.at;
    }

    let mut system = Machine::new(bytes, at);
    let root = system.run()?;
    let little_endian = (Value::Text("little_endian"), Value::Bool(true));
    if !system
        .entries(root)
        .is_some_and(|entries| entries.contains(&little_endian))
    {
        return Err(system.malformed("a little-endian file"));
    }

    let mut state = Machine::new(bytes, system.at);
    let root = state.run()?;
    let mut keys = Machine::new(bytes, state.at);
    let list = keys.run()?;
    let list = keys
        .items(list)
        .ok_or_else(|| keys.malformed("a list of storages"))?;
    let storages = read_storages(&state, list, keys.at)?;

    let entries = state
        .entries(root)
        .ok_or_else(|| state.malformed("a dictionary of tensors by name"))?;
    let mut tensors = Tensors::new();
    let mut total = 0usize;
    for &(name, value) in entries {
        let (Value::Text(name), Value::Tensor(tensor)) = (name, value) else {
            return Err(state.malformed("a dictionary of tensors by name"));
        };
        let absent = || state.malformed("a tensor and its storage");
        let tensor = state.tensors.get(tensor).ok_or_else(absent)?;
        let storage = state.storages.get(tensor.storage).ok_or_else(absent)?;
        if storage.kind == Kind::Long {
            continue;
        }
        let outside = || TorchError::Tensor(name.to_owned());
        let bytes_of_storage = storages.get(storage.key).ok_or_else(outside)?;
        let count = tensor.elements().ok_or_else(outside)?;
        // Tensors may share a storage, so a small file could ask for much memory; a real one shares little.
        total = total.saturating_add(count);
        if total > bytes.len() {
            return Err(TorchError::Overlap);
        }
        let data = tensor.gather(bytes_of_storage, count).ok_or_else(outside)?;
        tensors.insert(
            name.to_owned(),
            HostTensor {
                shape: tensor.shape.clone(),
                data,
            },
        );
    }
    Ok(tensors)
}

/// The bytes of the storages, which stand at the end of the file in the order of `keys`, each after its length.
fn read_storages<'a>(
    state: &Machine<'a>,
    keys: &[Value<'a>],
    at: usize,
) -> Result<BTreeMap<&'a str, &'a [u8]>, TorchError> {
    let declared: BTreeMap<&str, &StorageRef<'_>> = state
        .storages
        .iter()
        .map(|storage| (storage.key, storage))
        .collect();
    let mut file = Machine::new(state.bytes, at);
    let mut storages = BTreeMap::new();
    for key in keys {
        let Value::Text(key) = key else {
            return Err(file.malformed("the name of a storage"));
        };
        let storage = declared
            .get(key)
            .ok_or_else(|| file.malformed("a storage in use"))?;
        let count = u64::from_le_bytes(file.array()?);
        if count != storage.count as u64 {
            return Err(file.malformed("the length of a storage as its tensors have it"));
        }
        let length = storage.count.checked_mul(storage.kind.bytes());
        storages.insert(*key, file.take(length.unwrap_or(usize::MAX))?);
    }
    Ok(storages)
}

/// The storages that occur in such files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Single precision.
    Float,
    /// 64-bit integers.
    Long,
}

impl Kind {
    const fn bytes(self) -> usize {
        match self {
            Self::Float => 4,
            Self::Long => 8,
        }
    }
}

/// The names that the machine knows.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Global {
    OrderedDict,
    RebuildTensor,
    Storage(Kind),
}

/// A value of the machine. Containers are indices into it, so that values are small and copied freely, nothing recurses,
/// and a container that is filled after it was stored in the memo is the same container.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Value<'a> {
    None,
    Bool(bool),
    Integer(i128),
    Text(&'a str),
    Tuple(usize),
    List(usize),
    Dictionary(usize),
    Global(Global),
    Storage(usize),
    Tensor(usize),
}

/// What a persistent id says of a storage.
#[derive(Debug, PartialEq)]
struct StorageRef<'a> {
    key: &'a str,
    kind: Kind,
    /// Elements.
    count: usize,
}

/// A view of a storage; offset and strides count elements.
#[derive(Debug, PartialEq)]
struct TensorRef {
    /// Index into the machine's storages.
    storage: usize,
    offset: usize,
    shape: Vec<usize>,
    strides: Vec<usize>,
}

impl TensorRef {
    fn elements(&self) -> Option<usize> {
        self.shape
            .iter()
            .try_fold(1usize, |product, &size| product.checked_mul(size))
    }

    /// The `count` values in row-major order, or nothing when one of them lies outside.
    fn gather(&self, storage: &[u8], count: usize) -> Option<Vec<f32>> {
        // Before memory is asked for: a stride of zero could make many elements of few.
        if count > storage.len() / Kind::Float.bytes() {
            return None;
        }
        let mut data = Vec::with_capacity(count);
        let mut index = vec![0usize; self.shape.len()];
        for _ in 0..count {
            let mut place = self.offset;
            for (index, stride) in index.iter().zip(&self.strides) {
                place = place.checked_add(index.checked_mul(*stride)?)?;
            }
            let start = place.checked_mul(4)?;
            let bytes = storage.get(start..start.checked_add(4)?)?;
            data.push(f32::from_le_bytes(bytes.try_into().ok()?));
            for (index, size) in index.iter_mut().zip(&self.shape).rev() {
                *index += 1;
                if *index < *size {
                    break;
                }
                *index = 0;
            }
        }
        Some(data)
    }
}

/// The stack machine, of protocol 2.
struct Machine<'a> {
    bytes: &'a [u8],
    at: usize,
    stack: Vec<Value<'a>>,
    /// Heights of the stack at which marks were set.
    marks: Vec<usize>,
    memo: BTreeMap<u32, Value<'a>>,
    tuples: Vec<Vec<Value<'a>>>,
    lists: Vec<Vec<Value<'a>>>,
    dictionaries: Vec<Vec<(Value<'a>, Value<'a>)>>,
    storages: Vec<StorageRef<'a>>,
    tensors: Vec<TensorRef>,
}

impl<'a> Machine<'a> {
    /// A machine at the start of a pickle.
    fn new(bytes: &'a [u8], at: usize) -> Self {
        Self {
            bytes,
            at,
            stack: Vec::new(),
            marks: Vec::new(),
            memo: BTreeMap::new(),
            tuples: Vec::new(),
            lists: Vec::new(),
            dictionaries: Vec::new(),
            storages: Vec::new(),
            tensors: Vec::new(),
        }
    }

    /// Runs one pickle to its end and gives its value.
    fn run(&mut self) -> Result<Value<'a>, TorchError> {
        loop {
            let offset = self.at;
            let [opcode] = self.array()?;
            match opcode {
                b'.' => return self.pop(),
                // Protocol. The instructions say the rest.
                0x80 => self.array::<1>().map(drop)?,
                b'(' => self.marks.push(self.stack.len()),
                b'N' => self.stack.push(Value::None),
                0x88 => self.stack.push(Value::Bool(true)),
                0x89 => self.stack.push(Value::Bool(false)),
                b'K' => {
                    let [byte] = self.array()?;
                    self.stack.push(Value::Integer(byte.into()));
                }
                b'M' => {
                    let number = u16::from_le_bytes(self.array()?);
                    self.stack.push(Value::Integer(number.into()));
                }
                b'J' => {
                    let number = i32::from_le_bytes(self.array()?);
                    self.stack.push(Value::Integer(number.into()));
                }
                0x8a => {
                    let number = self.long()?;
                    self.stack.push(Value::Integer(number));
                }
                b'X' => {
                    let length = u32::from_le_bytes(self.array()?);
                    let text = self.text(length as usize)?;
                    self.stack.push(Value::Text(text));
                }
                b'c' => {
                    let global = self.global()?;
                    self.stack.push(Value::Global(global));
                }
                b'q' => {
                    let [key] = self.array()?;
                    self.remember(key.into())?;
                }
                b'r' => {
                    let key = u32::from_le_bytes(self.array()?);
                    self.remember(key)?;
                }
                b'h' => {
                    let [key] = self.array()?;
                    self.recall(key.into())?;
                }
                b'j' => {
                    let key = u32::from_le_bytes(self.array()?);
                    self.recall(key)?;
                }
                b')' => self.push_tuple(Vec::new()),
                count @ 0x85..=0x87 => {
                    let items = self.pop_many(usize::from(count - 0x84))?;
                    self.push_tuple(items);
                }
                b't' => {
                    let items = self.pop_to_mark()?;
                    self.push_tuple(items);
                }
                b']' => {
                    self.stack.push(Value::List(self.lists.len()));
                    self.lists.push(Vec::new());
                }
                b'a' => {
                    let items = self.pop_many(1)?;
                    self.append(items)?;
                }
                b'e' => {
                    let items = self.pop_to_mark()?;
                    self.append(items)?;
                }
                b'}' => self.push_dictionary(),
                b's' => {
                    let items = self.pop_many(2)?;
                    self.set_items(&items)?;
                }
                b'u' => {
                    let items = self.pop_to_mark()?;
                    self.set_items(&items)?;
                }
                b'Q' => self.persistent()?,
                b'R' => self.reduce()?,
                // Attributes of the dictionary (`_metadata`: versions of modules). Nothing here needs them.
                b'b' => self.pop().map(drop)?,
                opcode => return Err(TorchError::Instruction { opcode, offset }),
            }
        }
    }

    fn malformed(&self, what: &'static str) -> TorchError {
        TorchError::Malformed {
            what,
            offset: self.at,
        }
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], TorchError> {
        let end = self.at.checked_add(count);
        let taken = end.and_then(|end| self.bytes.get(self.at..end));
        let taken = taken.ok_or(TorchError::Truncated {
            bytes: self.bytes.len(),
        })?;
        self.at += count;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], TorchError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    fn text(&mut self, length: usize) -> Result<&'a str, TorchError> {
        let bytes = self.take(length)?;
        std::str::from_utf8(bytes).map_err(|_| self.malformed("a text in UTF-8"))
    }

    /// A text that ends with a line feed.
    fn line(&mut self) -> Result<&'a str, TorchError> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let length = rest.iter().position(|&byte| byte == b'\n');
        let text = self.text(length.unwrap_or(rest.len()))?;
        self.array::<1>()?;
        Ok(text)
    }

    /// An integer of so many little-endian bytes, in two's complement.
    fn long(&mut self) -> Result<i128, TorchError> {
        let [length] = self.array()?;
        let bytes = self.take(length.into())?;
        let sign = if bytes.last().is_some_and(|byte| byte & 0x80 != 0) {
            0xff
        } else {
            0
        };
        let mut number = [sign; 16];
        number
            .get_mut(..bytes.len())
            .ok_or_else(|| self.malformed("an integer of 16 bytes at most"))?
            .copy_from_slice(bytes);
        Ok(i128::from_le_bytes(number))
    }

    fn global(&mut self) -> Result<Global, TorchError> {
        match (self.line()?, self.line()?) {
            ("collections", "OrderedDict") => Ok(Global::OrderedDict),
            ("torch._utils", "_rebuild_tensor_v2") => Ok(Global::RebuildTensor),
            ("torch", "FloatStorage") => Ok(Global::Storage(Kind::Float)),
            ("torch", "LongStorage") => Ok(Global::Storage(Kind::Long)),
            (module, name) => Err(TorchError::Global(format!("{module}.{name}"))),
        }
    }

    /// Takes the top of the stack, but nothing from below a mark.
    fn pop(&mut self) -> Result<Value<'a>, TorchError> {
        let floor = self.marks.last().copied().unwrap_or(0);
        if self.stack.len() <= floor {
            return Err(self.malformed("a value on the stack"));
        }
        self.stack
            .pop()
            .ok_or_else(|| self.malformed("a value on the stack"))
    }

    fn pop_many(&mut self, count: usize) -> Result<Vec<Value<'a>>, TorchError> {
        let floor = self.marks.last().copied().unwrap_or(0);
        match self.stack.len().checked_sub(count) {
            Some(start) if start >= floor => Ok(self.stack.split_off(start)),
            _ => Err(self.malformed("values on the stack")),
        }
    }

    fn pop_to_mark(&mut self) -> Result<Vec<Value<'a>>, TorchError> {
        let mark = self
            .marks
            .pop()
            .ok_or_else(|| self.malformed("a mark on the stack"))?;
        // `pop` never goes below a mark, so the stack is at least as high.
        Ok(self.stack.split_off(mark))
    }

    fn remember(&mut self, key: u32) -> Result<(), TorchError> {
        let value = *self
            .stack
            .last()
            .ok_or_else(|| self.malformed("a value to remember"))?;
        self.memo.insert(key, value);
        Ok(())
    }

    fn recall(&mut self, key: u32) -> Result<(), TorchError> {
        let value = *self
            .memo
            .get(&key)
            .ok_or_else(|| self.malformed("a value remembered before"))?;
        self.stack.push(value);
        Ok(())
    }

    fn push_tuple(&mut self, items: Vec<Value<'a>>) {
        self.stack.push(Value::Tuple(self.tuples.len()));
        self.tuples.push(items);
    }

    fn push_dictionary(&mut self) {
        self.stack.push(Value::Dictionary(self.dictionaries.len()));
        self.dictionaries.push(Vec::new());
    }

    fn append(&mut self, items: Vec<Value<'a>>) -> Result<(), TorchError> {
        if let Some(&Value::List(list)) = self.stack.last()
            && let Some(list) = self.lists.get_mut(list)
        {
            list.extend(items);
            return Ok(());
        }
        Err(self.malformed("a list to append to"))
    }

    fn set_items(&mut self, items: &[Value<'a>]) -> Result<(), TorchError> {
        if let Some(&Value::Dictionary(dictionary)) = self.stack.last()
            && let Some(dictionary) = self.dictionaries.get_mut(dictionary)
            && let (pairs, []) = items.as_chunks()
        {
            dictionary.extend(pairs.iter().map(|&[key, value]| (key, value)));
            return Ok(());
        }
        Err(self.malformed("a dictionary and pairs to put into it"))
    }

    fn entries(&self, value: Value<'a>) -> Option<&[(Value<'a>, Value<'a>)]> {
        match value {
            Value::Dictionary(index) => self.dictionaries.get(index).map(Vec::as_slice),
            _ => None,
        }
    }

    fn items(&self, value: Value<'a>) -> Option<&[Value<'a>]> {
        match value {
            Value::Tuple(index) => self.tuples.get(index),
            Value::List(index) => self.lists.get(index),
            _ => None,
        }
        .map(Vec::as_slice)
    }

    /// `("storage", type, key, device, elements, None)`; the last is of a view, which torch no longer writes.
    fn persistent(&mut self) -> Result<(), TorchError> {
        let id = self.pop()?;
        let Some(
            &[
                Value::Text("storage"),
                Value::Global(Global::Storage(kind)),
                Value::Text(key),
                Value::Text(_),
                Value::Integer(count),
                Value::None,
            ],
        ) = self.items(id)
        else {
            return Err(self.malformed("the id of a storage"));
        };
        let count = usize::try_from(count).map_err(|_| self.malformed("a storage's length"))?;
        self.stack.push(Value::Storage(self.storages.len()));
        self.storages.push(StorageRef { key, kind, count });
        Ok(())
    }

    /// The two calls that a state dictionary consists of.
    fn reduce(&mut self) -> Result<(), TorchError> {
        let arguments = self.pop()?;
        let callee = self.pop()?;
        let arguments = self.items(arguments).unwrap_or_default();
        match (callee, arguments) {
            (Value::Global(Global::OrderedDict), []) => {
                self.push_dictionary();
                Ok(())
            }
            (
                Value::Global(Global::RebuildTensor),
                // The last two: whether it wants a gradient, and hooks for when it gets one.
                &[
                    Value::Storage(storage),
                    Value::Integer(offset),
                    shape,
                    strides,
                    _,
                    _,
                ],
            ) => {
                let sizes = |value| -> Option<Vec<usize>> {
                    let items = self.items(value)?.iter();
                    let size = |item: &Value<'_>| match *item {
                        Value::Integer(size) => usize::try_from(size).ok(),
                        _ => None,
                    };
                    items.map(size).collect()
                };
                let tensor = match (usize::try_from(offset), sizes(shape), sizes(strides)) {
                    (Ok(offset), Some(shape), Some(strides))
                        if shape.len() == strides.len() && shape.len() <= MAX_DIMENSIONS =>
                    {
                        TensorRef {
                            storage,
                            offset,
                            shape,
                            strides,
                        }
                    }
                    _ => return Err(self.malformed("the sizes of a tensor")),
                };
                self.stack.push(Value::Tensor(self.tensors.len()));
                self.tensors.push(tensor);
                Ok(())
            }
            _ => Err(self.malformed("a call that makes a dictionary or a tensor")),
        }
    }
}
