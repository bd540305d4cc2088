//! The operations on WebGPU, in WGSL. Everything that a step of one token does is one dispatch an operation; sequences of several rows take
//! a product by tiles and a few small kernels around it.
//!
//! Bindings are all read and written, as the launching of hand-written kernels has it; no buffer is bound twice.

mod convolution;

use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::tensor::{DType, Shape};
use burn_wgpu::{
    CubeBackend, CubeDim, CubeTensor, KernelSource, SourceKernel, SourceTemplate, into_contiguous,
};
use cubecl::CubeCount;
use cubecl::prelude::KernelId;
use cubecl::server::KernelArguments;

use super::quantised::{BLOCK, Blocks};
use super::{Kernels, Normed};

/// Threads of a workgroup, in every kernel.
const THREADS: usize = 64;
/// Rows of a matrix that a workgroup takes when there is one row of activations: four a thread.
const VECTOR_ROWS: usize = 4 * THREADS;
/// Rows of activations and of a matrix that a workgroup takes otherwise.
const TILE: [usize; 2] = [64, 32];

/// Rows that a workgroup of `norm_rows.wgsl` takes.
const NORMED_ROWS: usize = THREADS / 8;

/// A kernel: pieces of WGSL, and what stands in for the words in double braces.
struct Wgsl {
    name: &'static str,
    pieces: Vec<&'static str>,
    words: Vec<(&'static str, String)>,
}

impl KernelSource for Wgsl {
    fn source(&self) -> SourceTemplate {
        let mut source = SourceTemplate::new(self.pieces.concat());
        for (word, value) in &self.words {
            source = source.register(*word, value.clone());
        }
        source
    }

    fn id(&self) -> KernelId {
        KernelId::new::<Self>().info((self.name, self.words.clone()))
    }

    fn lang(&self) -> &'static str {
        "wgsl"
    }
}

impl Wgsl {
    fn new(name: &'static str, pieces: impl IntoIterator<Item = &'static str>) -> Self {
        Self {
            name,
            pieces: pieces.into_iter().collect(),
            words: Vec::new(),
        }
    }

    fn with(mut self, word: &'static str, value: impl ToString) -> Self {
        self.words.push((word, value.to_string()));
        self
    }

    /// A binding and a term that are there or not.
    fn with_optional(
        self,
        there: bool,
        binding: (&'static str, &'static str),
        term: (&'static str, &'static str),
    ) -> Self {
        let text = |text: &'static str| if there { text } else { "" };
        self.with(binding.0, text(binding.1))
            .with(term.0, text(term.1))
    }

    /// Sends it to the device of the first of `tensors`, which it finds in the order of its bindings.
    fn launch(self, groups: [usize; 2], tensors: &[&CubeTensor]) {
        let Some(first) = tensors.first() else {
            return;
        };
        let bindings = tensors
            .iter()
            .map(|tensor| tensor.handle.clone().binding())
            .collect();
        first.client.launch(
            Box::new(SourceKernel::new(
                self,
                CubeDim::new_3d(THREADS as u32, 1, 1),
            )),
            CubeCount::Static(groups[0] as u32, groups[1] as u32, 1),
            KernelArguments::new().with_buffers(bindings),
        );
    }
}

/// The WGSL of a form of blocks: its values, and its product with a row of activations in the workgroup's memory.
fn blocks_wgsl(blocks: Blocks) -> [&'static str; 2] {
    match blocks {
        Blocks::Q4_1 => [include_str!("q4_1.wgsl"), include_str!("q4_1_vector.wgsl")],
        Blocks::Q8_0 => [include_str!("q8_0.wgsl"), include_str!("q8_0_vector.wgsl")],
    }
}

fn form_name(blocks: Blocks) -> &'static str {
    match blocks {
        Blocks::Q4_1 => "Q4_1",
        Blocks::Q8_0 => "Q8_0",
    }
}

/// A kernel for one row of activations.
fn vector_kernel(
    name: &'static str,
    main: &'static str,
    input: usize,
    blocks: Blocks,
    norm: Option<f32>,
) -> Wgsl {
    let [values, product] = blocks_wgsl(blocks);
    let load = match norm {
        Some(_) => include_str!("load_normed.wgsl"),
        None => include_str!("load.wgsl"),
    };
    let shared = include_str!("vector.wgsl");
    let kernel = Wgsl::new(name, [shared, values, product, load, main])
        .with("input", input)
        .with("form", form_name(blocks));
    match norm {
        Some(epsilon) => kernel.with("epsilon", format!("{epsilon:e}")),
        None => kernel,
    }
}

/// A new tensor beside another.
fn beside(of: &CubeTensor, shape: &[usize]) -> CubeTensor {
    let count: usize = shape.iter().product();
    let handle = of.client.empty(count * size_of::<f32>());
    CubeTensor::new_contiguous(
        of.client.clone(),
        of.device.clone(),
        Shape::from(shape.to_vec()),
        handle,
        DType::F32,
    )
}

fn dims<const D: usize>(tensor: &CubeTensor) -> [usize; D] {
    let shape = tensor.meta.shape();
    std::array::from_fn(|dim| shape[dim])
}

/// How a product's value goes into the output at a row of the matrix (`{row}`) and a place of the output (`{at}`), and the tensors that
/// this takes, after the first three bindings: names, types of an element.
struct Finish<'a> {
    name: &'static str,
    term: &'static str,
    tensors: Vec<(&'static str, &'static str, &'a CubeTensor)>,
}

impl Finish<'_> {
    /// As it is.
    fn plain() -> Self {
        Finish {
            name: "plain",
            term: "value",
            tensors: Vec::new(),
        }
    }

    /// Puts it into a product's kernel.
    fn apply(&self, kernel: Wgsl, row: &str, at: &str) -> Wgsl {
        let bindings = self.tensors.iter().zip(3..).map(|((name, element, _), binding)| {
            format!("@group(0) @binding({binding}) var<storage, read_write> {name}: array<{element}>;\n")
        });
        let term = self.term.replace("{row}", row).replace("{at}", at);
        kernel
            .with("extra_bindings", bindings.collect::<String>())
            .with("finish", term)
            .with("finish_name", self.name)
    }
}

/// The kernel of [`product_rows`] for a form of matrix and the WGSL of its values.
fn rows_kernel(form: &'static str, values: &'static str) -> Wgsl {
    let main = include_str!("product_rows.wgsl");
    Wgsl::new("product-rows", [values, main]).with("form", form)
}

/// `x Wᵀ` for several rows of `x`, by tiles.
fn product_rows(
    kernel: Wgsl,
    [x, words, y]: [&CubeTensor; 3],
    [rows, input, out]: [usize; 3],
    finish: &Finish<'_>,
) {
    let kernel = kernel.with("input", input).with("out", out);
    let mut tensors = vec![x, words, y];
    tensors.extend(finish.tensors.iter().map(|(.., tensor)| *tensor));
    finish
        .apply(kernel, "out", "at")
        .launch([out.div_ceil(TILE[1]), rows.div_ceil(TILE[0])], &tensors);
}

/// `x Wᵀ` for one row of `x`, which is normed first where a norm is given.
fn product_vector<'a>(
    [x, words, y]: [&CubeTensor; 3],
    norm: Option<(&'a CubeTensor, f32)>,
    blocks: Blocks,
    mut finish: Finish<'a>,
) {
    let ([_, input], [out, _]) = (dims(x), dims(words));
    let main = include_str!("product_vector.wgsl");
    let epsilon = norm.map(|(_, epsilon)| epsilon);
    let kernel = vector_kernel("product-vector", main, input, blocks, epsilon).with("out", out);
    finish
        .tensors
        .extend(norm.map(|(norm, _)| ("norm", "vec4f", norm)));
    let mut tensors = vec![x, words, y];
    tensors.extend(finish.tensors.iter().map(|(.., tensor)| *tensor));
    finish
        .apply(kernel, "row", "row")
        .launch([out.div_ceil(VECTOR_ROWS), 1], &tensors);
}

/// `x Wᵀ`, onto `residual` where there is one.
fn product(
    x: &CubeTensor,
    words: &CubeTensor,
    residual: Option<&CubeTensor>,
    blocks: Blocks,
) -> CubeTensor {
    let [rows, input] = dims(x);
    let [out, _] = dims(words);
    let y = beside(x, &[rows, out]);
    let finish = match residual {
        Some(residual) => Finish {
            name: "residual",
            term: "value + residual[{at}]",
            tensors: vec![("residual", "f32", residual)],
        },
        None => Finish::plain(),
    };
    if rows > 1 {
        let [values, _] = blocks_wgsl(blocks);
        let kernel = rows_kernel(form_name(blocks), values);
        product_rows(kernel, [x, words, &y], [rows, input, out], &finish);
    } else {
        product_vector([x, words, &y], None, blocks, finish);
    }
    y
}

fn norm_rows(x: &CubeTensor, norm: &CubeTensor, epsilon: f32) -> CubeTensor {
    let [rows, input] = dims(x);
    let y = beside(x, &[rows, input]);
    Wgsl::new("norm-rows", [include_str!("norm_rows.wgsl")])
        .with("input", input)
        .with("epsilon", format!("{epsilon:e}"))
        .launch([rows.div_ceil(NORMED_ROWS), 1], &[x, norm, &y]);
    y
}

impl Kernels for CubeBackend {
    fn quantised_product(
        x: FloatTensor<Self>,
        words: IntTensor<Self>,
        blocks: Blocks,
    ) -> FloatTensor<Self> {
        product(&into_contiguous(x), &words, None, blocks)
    }

    fn quantised_product_onto(
        x: FloatTensor<Self>,
        words: IntTensor<Self>,
        residual: FloatTensor<Self>,
        blocks: Blocks,
    ) -> FloatTensor<Self> {
        let residual = into_contiguous(residual);
        product(&into_contiguous(x), &words, Some(&residual), blocks)
    }

    fn gated_product(
        x: FloatTensor<Self>,
        norm: FloatTensor<Self>,
        words: IntTensor<Self>,
        Normed { blocks, epsilon }: Normed,
    ) -> FloatTensor<Self> {
        let x = into_contiguous(x);
        let [rows, input] = dims(&x);
        let [both, _] = dims(&words);
        let out = both / 2;
        let y = beside(&x, &[rows, out]);
        if rows == 1 {
            let main = include_str!("gated_vector.wgsl");
            vector_kernel("gated-vector", main, input, blocks, Some(epsilon))
                .with("out", out)
                .launch([both.div_ceil(VECTOR_ROWS), 1], &[&x, &words, &norm, &y]);
        } else {
            let projected = product(&norm_rows(&x, &norm, epsilon), &words, None, blocks);
            Wgsl::new("gated-rows", [include_str!("gated_rows.wgsl")])
                .with("out", out)
                .launch([out.div_ceil(THREADS), rows], &[&projected, &y]);
        }
        y
    }

    fn attention_inputs(
        x: FloatTensor<Self>,
        norm: FloatTensor<Self>,
        words: IntTensor<Self>,
        rope: FloatTensor<Self>,
        cache: FloatTensor<Self>,
        start: IntTensor<Self>,
        Normed { blocks, epsilon }: Normed,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let x = into_contiguous(x);
        let [rows, input] = dims(&x);
        let [all, _] = dims(&words);
        let [_, heads, capacity, width] = dims(&cache);
        let wide = all - 2 * heads * width;
        let query = beside(&x, &[rows, wide]);
        let sized = |kernel: Wgsl| {
            kernel
                .with("width", width)
                .with("heads", heads)
                .with("query_heads", wide / width)
                .with("capacity", capacity)
        };
        if rows == 1 {
            let main = concat!(
                include_str!("place.wgsl"),
                include_str!("inputs_vector.wgsl")
            );
            let kernel = vector_kernel("inputs-vector", main, input, blocks, Some(epsilon));
            let tensors = [&x, &words, &norm, &rope, &start, &cache, &query];
            sized(kernel).launch([all.div_ceil(VECTOR_ROWS), 1], &tensors);
        } else {
            let projected = product(&norm_rows(&x, &norm, epsilon), &words, None, blocks);
            let pieces = [include_str!("place.wgsl"), include_str!("inputs_rows.wgsl")];
            let tensors = [&projected, &rope, &start, &cache, &query];
            sized(Wgsl::new("inputs-rows", pieces))
                .launch([(all / 2).div_ceil(THREADS), rows], &tensors);
        }
        (query, cache)
    }

    fn cached_attention(
        query: FloatTensor<Self>,
        cache: FloatTensor<Self>,
        start: IntTensor<Self>,
        evidence: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let query = into_contiguous(query);
        let [rows, wide] = dims(&query);
        let [_, heads, capacity, width] = dims(&cache);
        let query_heads = wide / width;
        let mixed = beside(&query, &[rows, wide]);
        let wanted = evidence.meta.shape().num_elements() == query_heads * capacity;
        let binding = "@group(0) @binding(4) var<storage, read_write> evidence: array<f32>;";
        let mut tensors = vec![&query, &cache, &start, &mixed];
        if wanted {
            tensors.push(&evidence);
        }
        let (name, main, evidence_term, groups) = if rows == 1 {
            let main = include_str!("attention.wgsl");
            (
                "attention",
                main,
                include_str!("evidence.wgsl"),
                query_heads,
            )
        } else {
            let main = include_str!("attention_rows.wgsl");
            let groups = (rows * query_heads).div_ceil(THREADS);
            (
                "attention-rows",
                main,
                include_str!("evidence_rows.wgsl"),
                groups,
            )
        };
        Wgsl::new(name, [include_str!("attention_cache.wgsl"), main])
            .with("width", width)
            .with("heads", heads)
            .with("query_heads", query_heads)
            .with("capacity", capacity)
            .with_optional(
                wanted,
                ("evidence_binding", binding),
                ("evidence", evidence_term),
            )
            .launch([groups, 1], &tensors);
        (mixed, evidence)
    }

    fn likeliest(
        x: FloatTensor<Self>,
        norm: FloatTensor<Self>,
        words: IntTensor<Self>,
        Normed { blocks, epsilon }: Normed,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let x = into_contiguous(x);
        let [out, _] = dims(&words);
        let (logits, top) = (beside(&x, &[1, out]), beside(&x, &[3]));
        let norm = Some((&norm, epsilon));
        product_vector([&x, &words, &logits], norm, blocks, Finish::plain());
        Wgsl::new("top", [include_str!("top.wgsl")])
            .with("out", out)
            .launch([1, 1], &[&logits, &top]);
        (logits, top)
    }

    fn quantised_rows(
        words: IntTensor<Self>,
        rows: IntTensor<Self>,
        blocks: Blocks,
    ) -> FloatTensor<Self> {
        let rows = into_contiguous(rows);
        let [count] = dims(&rows);
        let [_, row_words] = dims(&words);
        let input = row_words / blocks.words() * BLOCK;
        let y = beside(&rows, &[count, input]);
        let [values, _] = blocks_wgsl(blocks);
        Wgsl::new("decoded-rows", [values, include_str!("decoded_rows.wgsl")])
            .with("input", input)
            .with("form", form_name(blocks))
            .launch([count, 1], &[&words, &rows, &y]);
        y
    }
}
