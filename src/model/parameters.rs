//! Tensors by name on a device, from which the modules take their own, and the matrices among them.

use std::collections::BTreeMap;

use burn::module::{Module, Param, ParamId};
use burn::tensor::{Device, Tensor, TensorData};
use thiserror::Error;

use crate::kernels::quantised::BLOCK;
use crate::kernels::{AdaptedMatrix, ChannelFilters, Filters, QuantisedMatrix};
use crate::weights::pack::LOW_RANK;
use crate::weights::quant::QuantError;
use crate::weights::{EncodedTensor, Encoding, HostTensor};

/// Why a model could not be built from the tensors at hand.
#[derive(Debug, Error, Clone, PartialEq)]
pub enum ParameterError {
    /// No tensor of this name was put in.
    #[error("the weights hold no tensor '{0}'; write the pack again with this version")]
    Missing(String),
    /// The tensor is there, but not in the form that is asked for.
    #[error(
        "tensor '{0}' is not in the form that its part of the model takes; write the pack again with this version"
    )]
    Form(String),
    /// The tensor is there in another shape.
    #[error("tensor '{name}' has shape {found:?} where the model needs {expected:?}")]
    Shape {
        /// Name of the tensor.
        name: String,
        /// Its shape.
        found: Vec<usize>,
        /// What the configuration asks for.
        expected: Vec<usize>,
    },
}

/// Matrices that our kernels multiply by at once: what the whole is called, and its parts from top to bottom. They are put one below the
/// other on their way to the device; done later, the whole would have to find room beside its parts.
const STACKS: [(&str, &[&str]); 4] = [
    (
        "attention.inputs",
        &["attention.query", "attention.key", "attention.value"],
    ),
    (
        "attention.inputs.lora.down",
        &[
            "attention.query.lora.down",
            "attention.key.lora.down",
            "attention.value.lora.down",
        ],
    ),
    (
        "attention.inputs.lora.up",
        &[
            "attention.query.lora.up",
            "attention.key.lora.up",
            "attention.value.lora.up",
        ],
    ),
    (
        "feed_forward.gated",
        &["feed_forward.gate", "feed_forward.up"],
    ),
];

/// Named tensors on a device, taken out one by one as a model is built.
///
/// Each tensor goes to the device when it is put in, so that the host never holds all of them.
pub struct Parameters {
    device: Device,
    for_kernels: bool,
    tensors: BTreeMap<String, (Stored, Vec<usize>)>,
    /// Parts of a stack that is not whole yet.
    parts: BTreeMap<String, EncodedTensor>,
}

/// A tensor on the device.
enum Stored {
    Dense(Tensor<1>),
    Quantised(QuantisedMatrix),
    Filters(Filters),
    ChannelFilters(ChannelFilters),
}

/// A matrix of a linear map, dense or in the blocks in which it was quantised.
#[derive(Module, Debug)]
pub enum Matrix {
    /// `[out, input]`, for training and for a device without kernels of ours.
    Dense(Tensor<2>),
    /// The same in blocks.
    Quantised(QuantisedMatrix),
}

impl Parameters {
    /// No tensors yet, on `device`.
    pub fn new(device: &Device) -> Self {
        Self {
            device: device.clone(),
            for_kernels: false,
            tensors: BTreeMap::new(),
            parts: BTreeMap::new(),
        }
    }

    /// From here on, leaves matrices of quantised blocks as they are, puts those together that are multiplied by at once (`attention.inputs` and
    /// `feed_forward.gated` of a layer), and makes convolutions' filters, and an adapter's thin matrices, what our kernels take.
    pub fn for_kernels(mut self) -> Self {
        self.for_kernels = true;
        self
    }

    /// Whether filters are what our kernels take.
    pub const fn is_for_kernels(&self) -> bool {
        self.for_kernels
    }

    /// Copies a tensor to the device under its name, in a form for our kernels if that was asked for, else decoded.
    ///
    /// # Errors
    ///
    /// When the number of bytes is not what encoding and shape ask for.
    pub fn insert_encoded(
        &mut self,
        name: String,
        tensor: EncodedTensor,
    ) -> Result<(), QuantError> {
        tensor.validate()?;
        let tensor = match LOW_RANK.iter().position(|suffix| name.ends_with(suffix)) {
            Some(which) if self.for_kernels => thin(tensor, which == 1)?,
            _ => tensor,
        };
        let stack = STACKS.iter().find_map(|&(whole, parts)| {
            let mut prefixes = parts.iter().filter_map(|part| name.strip_suffix(part));
            Some((prefixes.next()?, whole, parts))
        });
        let Some((prefix, whole, parts)) = stack.filter(|_| self.for_kernels) else {
            return self.insert_alone(name, &tensor);
        };
        let whole = format!("{prefix}{whole}");
        let names: Vec<String> = parts.iter().map(|part| format!("{prefix}{part}")).collect();
        self.parts.insert(name, tensor);
        if !names.iter().all(|name| self.parts.contains_key(name)) {
            return Ok(());
        }
        let parts: Vec<EncodedTensor> = names
            .iter()
            .filter_map(|name| self.parts.remove(name))
            .collect();
        if let Some(matrix) = QuantisedMatrix::stack(&parts, &self.device) {
            let shape = matrix.dims().to_vec();
            self.tensors
                .insert(whole, (Stored::Quantised(matrix), shape));
            return Ok(());
        }
        names
            .into_iter()
            .zip(&parts)
            .try_for_each(|(name, part)| self.insert_alone(name, part))
    }

    fn insert_alone(&mut self, name: String, tensor: &EncodedTensor) -> Result<(), QuantError> {
        let stored = match tensor.shape[..] {
            _ if !self.for_kernels => self.dense(tensor.decode()?),
            [_, 1, kernel, _] if kernel > 1 => {
                Stored::ChannelFilters(ChannelFilters::new(&tensor.decode()?, &self.device))
            }
            [_, _, _, _] => Stored::Filters(Filters::new(&tensor.decode()?, &self.device)),
            _ => match QuantisedMatrix::new(tensor, &self.device) {
                Some(matrix) => Stored::Quantised(matrix),
                None => self.dense(tensor.decode()?),
            },
        };
        self.tensors.insert(name, (stored, tensor.shape.clone()));
        Ok(())
    }

    /// Copies a dense tensor to the device under its name.
    pub fn insert(&mut self, name: String, tensor: HostTensor) {
        let shape = tensor.shape.clone();
        let stored = self.dense(tensor);
        self.tensors.insert(name, (stored, shape));
    }

    /// Puts a dense tensor of the device in under its name, its values in a row.
    pub fn insert_tensor(&mut self, name: String, values: Tensor<1>, shape: Vec<usize>) {
        self.tensors.insert(name, (Stored::Dense(values), shape));
    }

    fn dense(&self, HostTensor { data, .. }: HostTensor) -> Stored {
        let length = data.len();
        Stored::Dense(Tensor::from_data(
            TensorData::new(data, [length]),
            &self.device,
        ))
    }

    /// The device of every tensor.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Whether a tensor of this name is there.
    pub fn contains(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// Takes a tensor out, decoded if it stands in blocks. Filters for our kernels cannot be had back.
    ///
    /// # Errors
    ///
    /// When it is missing or not of the shape that the configuration asks for.
    pub fn take<const D: usize>(
        &mut self,
        name: &str,
        expected: [usize; D],
    ) -> Result<Tensor<D>, ParameterError> {
        Ok(match self.take_stored(name, &expected)? {
            Stored::Dense(flat) => flat.reshape(expected),
            Stored::Quantised(matrix) => matrix.decode().reshape(expected),
            Stored::Filters(_) | Stored::ChannelFilters(_) => return Err(other_form(name)),
        })
    }

    /// Takes the filters of a convolution that sees all channels, for our kernels.
    ///
    /// # Errors
    ///
    /// When they are missing, in another form, or not of the shape that the configuration asks for.
    pub fn take_filters(
        &mut self,
        name: &str,
        expected: [usize; 4],
    ) -> Result<Filters, ParameterError> {
        match self.take_stored(name, &expected)? {
            Stored::Filters(filters) => Ok(filters),
            _ => Err(other_form(name)),
        }
    }

    /// Takes the filters of a convolution that has one a channel, for our kernels.
    ///
    /// # Errors
    ///
    /// When they are missing, in another form, or not of the shape that the configuration asks for.
    pub fn take_channel_filters(
        &mut self,
        name: &str,
        expected: [usize; 4],
    ) -> Result<ChannelFilters, ParameterError> {
        match self.take_stored(name, &expected)? {
            Stored::ChannelFilters(filters) => Ok(filters),
            _ => Err(other_form(name)),
        }
    }

    /// Takes a matrix out as it stands.
    ///
    /// # Errors
    ///
    /// When it is missing or not of the shape that the configuration asks for.
    pub fn take_matrix(
        &mut self,
        name: &str,
        expected: [usize; 2],
    ) -> Result<Matrix, ParameterError> {
        Ok(match self.take_stored(name, &expected)? {
            Stored::Dense(flat) => Matrix::Dense(flat.reshape(expected)),
            Stored::Quantised(matrix) => Matrix::Quantised(matrix),
            Stored::Filters(_) | Stored::ChannelFilters(_) => return Err(other_form(name)),
        })
    }

    /// Whether a matrix stands in blocks.
    pub fn is_quantised(&self, name: &str) -> bool {
        matches!(self.tensors.get(name), Some((Stored::Quantised(_), _)))
    }

    /// Takes a matrix out that stands in blocks.
    ///
    /// # Errors
    ///
    /// When it is missing, stands in none, or is not of the shape that the configuration asks for.
    pub fn take_blocks(
        &mut self,
        name: &str,
        expected: [usize; 2],
    ) -> Result<QuantisedMatrix, ParameterError> {
        match self.take_stored(name, &expected)? {
            Stored::Quantised(matrix) => Ok(matrix),
            _ => Err(other_form(name)),
        }
    }

    /// Takes a matrix out that stands in blocks, with the thin matrices of an adapter where they stand beside it, of `parts` that lie one below
    /// the other and have one each.
    ///
    /// # Errors
    ///
    /// When one of them is missing, stands in none, or is not of the shape that the configuration asks for.
    pub fn take_adapted(
        &mut self,
        name: &str,
        [out, input]: [usize; 2],
        parts: usize,
    ) -> Result<AdaptedMatrix, ParameterError> {
        let matrix = self.take_blocks(name, [out, input])?;
        let [down, up] = LOW_RANK.map(|suffix| format!("{name}{suffix}"));
        let Some((_, shape)) = self.tensors.get(&down) else {
            return Ok(AdaptedMatrix::merged(matrix));
        };
        let ranks = shape.first().copied().unwrap_or(0);
        let down = self.take_blocks(&down, [ranks, input])?;
        let up = self.take_blocks(&up, [out, ranks / parts])?;
        Ok(AdaptedMatrix::beside(matrix, down, up))
    }

    /// The name of a thin matrix that nobody took, if there is one: the model would answer without it.
    pub fn left_thin_matrix(&self) -> Option<&str> {
        let mut names = self.tensors.keys().chain(self.parts.keys());
        let name = names.find(|name| LOW_RANK.iter().any(|suffix| name.ends_with(suffix)));
        name.map(String::as_str)
    }

    fn take_stored(&mut self, name: &str, expected: &[usize]) -> Result<Stored, ParameterError> {
        let (stored, shape) = self
            .tensors
            .remove(name)
            .ok_or_else(|| ParameterError::Missing(name.to_owned()))?;
        if shape == expected {
            return Ok(stored);
        }
        Err(ParameterError::Shape {
            name: name.to_owned(),
            found: shape,
            expected: expected.to_vec(),
        })
    }
}

/// A thin matrix as our kernels multiply by it: in Q8_0, its ranks filled up with zeros to whole blocks, and `up` turned to `[out, rank]`.
fn thin(tensor: EncodedTensor, is_up: bool) -> Result<EncodedTensor, QuantError> {
    let &[rank, width] = &tensor.shape[..] else {
        return Ok(tensor);
    };
    let ranks = rank.next_multiple_of(BLOCK);
    let HostTensor { mut data, .. } = tensor.decode()?;
    data.resize(ranks * width, 0.0);
    let mut shape = vec![ranks, width];
    if is_up {
        let columns = (0..width).flat_map(|column| data.iter().skip(column).step_by(width));
        data = columns.copied().collect();
        shape.reverse();
    }
    EncodedTensor::encode(Encoding::Q8_0, &HostTensor { shape, data })
}

fn other_form(name: &str) -> ParameterError {
    ParameterError::Form(name.to_owned())
}

/// A tensor that training may change, under an identity that depends on its name alone: an optimiser's state is keyed by it, and must find
/// its tensor again in another process.
pub(crate) fn trainable<const D: usize>(name: &str, tensor: Tensor<D>) -> Param<Tensor<D>> {
    // FNV-1a, 64 bits.
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    // Outside autodiff nothing is tracked yet; the wish is kept for a device that does.
    Param::initialized(ParamId::from(hash), tensor).set_require_grad(true)
}
