//! The operations on the CPU, in one thread.

mod attention;
mod convolution;
mod integers;
mod product;

use burn::backend::Flex;
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::tensor::{Element, TensorData};

use wide::f32x4;

use self::convolution::Sizes;
use self::integers::Rows;
use self::product::{Activations, add_adapted, decode_row, product};
use super::convolutions::padded;
use super::quantised::{BLOCK, Blocks};
use super::{AdaptedKernels, AdaptedWords, Convolutions, Kernels, Normed};

/// A tensor of the CPU.
type FlexTensor = FloatTensor<Flex>;

impl Kernels for Flex {
    fn quantised_product(
        x: FloatTensor<Self>,
        words: IntTensor<Self>,
        blocks: Blocks,
    ) -> FloatTensor<Self> {
        let (x, words) = (x.to_contiguous(), words.to_contiguous());
        let [rows, input] = dims(&x);
        let [out, _] = dims(&words);
        let y = product(&Activations::new(values(&x), input), values(&words), blocks);
        FlexTensor::from_data(TensorData::new(y, [rows, out]))
    }

    fn quantised_product_onto(
        x: FloatTensor<Self>,
        words: IntTensor<Self>,
        residual: FloatTensor<Self>,
        blocks: Blocks,
    ) -> FloatTensor<Self> {
        let (x, words) = (x.to_contiguous(), words.to_contiguous());
        let residual = residual.to_contiguous();
        let [rows, input] = dims(&x);
        let [out, _] = dims(&words);
        let mut y = product(&Activations::new(values(&x), input), values(&words), blocks);
        for (y, residual) in y.iter_mut().zip(values::<f32>(&residual)) {
            *y += residual;
        }
        FlexTensor::from_data(TensorData::new(y, [rows, out]))
    }

    fn gated_product(
        x: FloatTensor<Self>,
        norm: FloatTensor<Self>,
        words: IntTensor<Self>,
        Normed { blocks, epsilon }: Normed,
    ) -> FloatTensor<Self> {
        let words = words.to_contiguous();
        let x = normed(&x, &norm, epsilon);
        let rows = x.len();
        let mut y = product(&x, values(&words), blocks);
        let out = y.len() / rows / 2;
        // In the place of what it is made of, of which the front is read before it is written: of many rows both together are megabytes.
        for row in 0..rows {
            for at in 0..out {
                let (gate, up) = (y[2 * row * out + at], y[(2 * row + 1) * out + at]);
                y[row * out + at] = gate / (1.0 + (-gate).exp()) * up;
            }
        }
        y.truncate(rows * out);
        FlexTensor::from_data(TensorData::new(y, [rows, out]))
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
        let words = words.to_contiguous();
        let x = normed(&x, &norm, epsilon);
        let projected = product(&x, values(&words), blocks);
        place(&projected, x.len(), &rope, cache, &start)
    }

    fn cached_attention(
        query: FloatTensor<Self>,
        cache: FloatTensor<Self>,
        start: IntTensor<Self>,
        mut evidence: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let (query, cache) = (query.to_contiguous(), cache.to_contiguous());
        let shape: [usize; 2] = dims(&query);
        let mixed = attention::attend(
            values(&query),
            shape[0],
            values(&cache),
            position(&start),
            attention::Sizes::of(dims(&cache)),
            evidence.storage_mut(),
        );
        (
            FlexTensor::from_data(TensorData::new(mixed, shape)),
            evidence,
        )
    }

    fn likeliest(
        x: FloatTensor<Self>,
        norm: FloatTensor<Self>,
        words: IntTensor<Self>,
        Normed { blocks, epsilon }: Normed,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let words = words.to_contiguous();
        let x = normed(&x, &norm, epsilon);
        let logits = product(&x, values(&words), blocks);
        let (best, highest) =
            logits
                .iter()
                .enumerate()
                .fold((0, f32::NEG_INFINITY), |best, (at, &logit)| {
                    if logit > best.1 { (at, logit) } else { best }
                });
        // In f64: over 49,152 terms an f32 sum drifts.
        let sum: f64 = logits
            .iter()
            .map(|logit| f64::from((logit - highest).exp()))
            .sum();
        let top = vec![best as f32, highest, sum.ln() as f32];
        let out = logits.len();
        (
            FlexTensor::from_data(TensorData::new(logits, [1, out])),
            FlexTensor::from_data(TensorData::new(top, [3])),
        )
    }

    fn quantised_rows(
        words: IntTensor<Self>,
        rows: IntTensor<Self>,
        blocks: Blocks,
    ) -> FloatTensor<Self> {
        let (words, rows) = (words.to_contiguous(), rows.to_contiguous());
        let [_, row_words] = dims(&words);
        let input = row_words / blocks.words() * BLOCK;
        let chosen = values::<i32>(&rows);
        let mut y = Vec::with_capacity(chosen.len() * input);
        for &row in chosen {
            decode_row(values(&words), row as usize, input, blocks, &mut y);
        }
        FlexTensor::from_data(TensorData::new(y, [chosen.len(), input]))
    }
}

impl AdaptedKernels for Flex {
    fn adapted_product_onto(
        x: FloatTensor<Self>,
        words: AdaptedWords<Self>,
        residual: FloatTensor<Self>,
        blocks: Blocks,
    ) -> FloatTensor<Self> {
        let x = x.to_contiguous();
        let [rows, input] = dims(&x);
        let [out, _] = dims(&words.matrix);
        let x = Activations::new(values(&x), input);
        let mut y = adapted(&x, &words, blocks, &[out]);
        let residual = residual.to_contiguous();
        for (y, residual) in y.iter_mut().zip(values::<f32>(&residual)) {
            *y += residual;
        }
        FlexTensor::from_data(TensorData::new(y, [rows, out]))
    }

    fn adapted_attention_inputs(
        x: FloatTensor<Self>,
        norm: FloatTensor<Self>,
        words: AdaptedWords<Self>,
        rope: FloatTensor<Self>,
        cache: FloatTensor<Self>,
        start: IntTensor<Self>,
        Normed { blocks, epsilon }: Normed,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let x = normed(&x, &norm, epsilon);
        let [all, _] = dims(&words.matrix);
        let narrow = attention::Sizes::of(dims(&cache)).narrow();
        let projected = adapted(&x, &words, blocks, &[all - 2 * narrow, narrow, narrow]);
        place(&projected, x.len(), &rope, cache, &start)
    }
}

/// The product with a matrix of parts of these widths, and what their adapters add to it.
fn adapted(
    x: &Activations,
    words: &AdaptedWords<Flex>,
    blocks: Blocks,
    parts: &[usize],
) -> Vec<f32> {
    let [matrix, down, up] = [&words.matrix, &words.down, &words.up].map(FlexTensor::to_contiguous);
    let mut y = product(x, values(&matrix), blocks);
    add_adapted(x, values(&down), values(&up), parts, &mut y);
    y
}

impl Convolutions for Flex {
    fn windows(pixels: FloatTensor<Self>, kernel: usize, stride: usize) -> FloatTensor<Self> {
        let pixels = pixels.to_contiguous();
        let [pictures, channels, height, width] = dims(&pixels);
        let sizes = Sizes {
            pictures,
            height,
            width,
            channels,
            kernel,
            stride,
        };
        let [rows, columns] = sizes.out();
        let y = convolution::windows(values(&pixels), sizes);
        let room = padded(channels * kernel * kernel);
        FlexTensor::from_data(TensorData::new(y, [pictures, rows, columns, room]))
    }

    fn pointwise(
        x: FloatTensor<Self>,
        words: IntTensor<Self>,
        bias: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        pointwise(x, &words, &bias, |sum, _| convolution::relu6(sum))
    }

    fn pointwise_linear(
        x: FloatTensor<Self>,
        words: IntTensor<Self>,
        bias: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        pointwise(x, &words, &bias, |sum, _| sum)
    }

    fn pointwise_onto(
        x: FloatTensor<Self>,
        words: IntTensor<Self>,
        bias: FloatTensor<Self>,
        residual: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let residual = residual.to_contiguous();
        let residual = values::<f32>(&residual);
        pointwise(x, &words, &bias, |sum, at| {
            let (fours, _) = residual[at..].as_chunks::<4>();
            sum + f32x4::from(fours[0])
        })
    }

    fn depthwise(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        stride: usize,
    ) -> FloatTensor<Self> {
        let (x, weight) = (x.to_contiguous(), weight.to_contiguous());
        let bias = bias.to_contiguous();
        let [pictures, height, width, channels] = dims(&x);
        let [taps, _] = dims(&weight);
        let sizes = Sizes {
            pictures,
            height,
            width,
            channels,
            kernel: taps.isqrt(),
            stride,
        };
        let [rows, columns] = sizes.out();
        let y = convolution::depthwise(values(&x), values(&weight), values(&bias), sizes);
        FlexTensor::from_data(TensorData::new(y, [pictures, rows, columns, channels]))
    }

    fn expanded_depthwise(
        x: FloatTensor<Self>,
        words: IntTensor<Self>,
        bias: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        depthwise_bias: FloatTensor<Self>,
        stride: usize,
    ) -> FloatTensor<Self> {
        let [words, bias, weight, depthwise_bias] =
            [words, bias, weight, depthwise_bias].map(|tensor| tensor.to_contiguous());
        let [pictures, height, width, input] = dims(&x);
        let [taps, channels] = dims(&weight);
        let sizes = Sizes {
            pictures,
            height,
            width,
            channels,
            kernel: taps.isqrt(),
            stride,
        };
        let [rows, columns] = sizes.out();
        let y = convolution::expanded_depthwise(
            &into_rows(x, input),
            input,
            (values(&words), values(&bias)),
            (values(&weight), values(&depthwise_bias)),
            sizes,
        );
        FlexTensor::from_data(TensorData::new(y, [pictures, rows, columns, channels]))
    }

    fn quadrants(map: FloatTensor<Self>, channels: usize) -> FloatTensor<Self> {
        let map = map.to_contiguous();
        let [pictures, height, width, room] = dims(&map);
        let sizes = Sizes {
            pictures,
            height,
            width,
            channels: room,
            kernel: 1,
            stride: 1,
        };
        let y = convolution::quadrants(values(&map), sizes, channels);
        FlexTensor::from_data(TensorData::new(y, [pictures, 5, channels]))
    }
}

/// A convolution of every pixel by itself, with what is done to four of its outputs, given where they begin.
fn pointwise(
    x: FlexTensor,
    words: &FlexTensor,
    bias: &FlexTensor,
    finish: impl Fn(f32x4, usize) -> f32x4,
) -> FlexTensor {
    let (words, bias) = (words.to_contiguous(), bias.to_contiguous());
    let [pictures, height, width, input] = dims(&x);
    let [out, _] = dims(&words);
    let x = into_rows(x, input);
    let y = convolution::product(&x, input, values(&words), values(&bias), finish);
    FlexTensor::from_data(TensorData::new(y, [pictures, height, width, out]))
}

/// A map's rows. The map itself, twice as large, is then not needed any more.
fn into_rows(x: FlexTensor, width: usize) -> Rows {
    convolution::rows_of(values(&x.to_contiguous()), width)
}

/// Rotates projected queries and keys, puts keys and values into the cache, and gives the queries and the cache.
fn place(
    projected: &[f32],
    rows: usize,
    rope: &FlexTensor,
    mut cache: FlexTensor,
    start: &IntTensor<Flex>,
) -> (FlexTensor, FlexTensor) {
    let rope = rope.to_contiguous();
    let sizes = attention::Sizes::of(dims(&cache));
    let (start, rope) = (position(start), values(&rope));
    let query = attention::place(projected, rows, rope, cache.storage_mut(), start, sizes);
    let wide = query.len() / rows;
    let query = FlexTensor::from_data(TensorData::new(query, [rows, wide]));
    (query, cache)
}

/// Normed rows as a product takes them.
fn normed(x: &FlexTensor, norm: &FlexTensor, epsilon: f32) -> Activations {
    let (x, norm) = (x.to_contiguous(), norm.to_contiguous());
    let [rows, input] = dims(&x);
    let weight = values::<f32>(&norm);
    let mut y = Vec::with_capacity(rows * input);
    for row in values::<f32>(&x).chunks_exact(input) {
        let square: f32 = row.iter().map(|x| x * x).sum();
        let scale = (square / input as f32 + epsilon).sqrt().recip();
        y.extend(row.iter().zip(weight).map(|(x, weight)| x * scale * weight));
    }
    Activations::new(&y, input)
}

fn position(start: &IntTensor<Flex>) -> usize {
    values::<i32>(start)[0] as usize
}

fn dims<const D: usize>(tensor: &FlexTensor) -> [usize; D] {
    let shape = tensor.layout().shape();
    std::array::from_fn(|dim| shape[dim])
}

/// The values of a contiguous tensor.
fn values<E: Element + bytemuck::Pod>(tensor: &FlexTensor) -> &[E] {
    let start = tensor.layout().start_offset();
    &tensor.storage()[start..start + tensor.layout().num_elements()]
}
