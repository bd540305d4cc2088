//! The operations of a picture encoder on WebGPU.

use burn::backend::tensor::{FloatTensor, IntTensor};
use burn_wgpu::{CubeBackend, CubeTensor, into_contiguous};

use super::{Finish, THREADS, Wgsl, beside, dims, product_rows, rows_kernel};
use crate::kernels::Convolutions;
use crate::kernels::convolutions::{padded, parts, same_padding};

impl Convolutions for CubeBackend {
    fn windows(pixels: FloatTensor<Self>, kernel: usize, stride: usize) -> FloatTensor<Self> {
        let pixels = into_contiguous(pixels);
        let [pictures, channels, height, width] = dims(&pixels);
        let [rows, columns] = [height.div_ceil(stride), width.div_ceil(stride)];
        let room = padded(channels * kernel * kernel);
        let y = beside(&pixels, &[pictures, rows, columns, room]);
        let source = Wgsl::new("windows", [include_str!("windows.wgsl")])
            .with("channels", channels)
            .with("room", room);
        window(source, [height, width], kernel, stride).launch(
            [(rows * columns * room).div_ceil(THREADS), pictures],
            &[&pixels, &y],
        );
        y
    }

    fn pointwise(
        x: FloatTensor<Self>,
        words: IntTensor<Self>,
        bias: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let term = "clamp(value + bias_of({row}), 0.0, 6.0)";
        pointwise(x, &words, bias, ("relu6", term), None)
    }

    fn pointwise_linear(
        x: FloatTensor<Self>,
        words: IntTensor<Self>,
        bias: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        pointwise(x, &words, bias, ("linear", "value + bias_of({row})"), None)
    }

    fn pointwise_onto(
        x: FloatTensor<Self>,
        words: IntTensor<Self>,
        bias: FloatTensor<Self>,
        residual: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let term = "value + bias_of({row}) + residual[{at}]";
        pointwise(
            x,
            &words,
            bias,
            ("onto", term),
            Some(into_contiguous(residual)),
        )
    }

    fn depthwise(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        stride: usize,
    ) -> FloatTensor<Self> {
        let (x, bias) = (into_contiguous(x), into_contiguous(bias));
        let [pictures, height, width, room] = dims(&x);
        let [taps, _] = dims(&weight);
        let [channels] = dims(&bias);
        let [rows, columns] = [height.div_ceil(stride), width.div_ceil(stride)];
        let y = beside(&x, &[pictures, rows, columns, room]);
        let source = Wgsl::new("depthwise", [include_str!("depthwise.wgsl")])
            .with("channels", channels)
            .with("fours", room / 4);
        window(source, [height, width], taps.isqrt(), stride).launch(
            [(rows * columns * room / 4).div_ceil(THREADS), pictures],
            &[&x, &weight, &bias, &y],
        );
        y
    }

    fn quadrants(map: FloatTensor<Self>, channels: usize) -> FloatTensor<Self> {
        let map = into_contiguous(map);
        let [pictures, height, width, room] = dims(&map);
        let y = beside(&map, &[pictures, 5, channels]);
        let parts = parts(height, width)
            .map(|[top, left, rows, columns]| format!("vec4u({top}, {left}, {rows}, {columns})"));
        Wgsl::new("quadrants", [include_str!("quadrants.wgsl")])
            .with("height", height)
            .with("width", width)
            .with("channels", channels)
            .with("room", room)
            .with("parts", parts.join(", "))
            .launch([(5 * channels).div_ceil(THREADS), pictures], &[&map, &y]);
        y
    }
}

/// Where a window lies.
fn window(source: Wgsl, [height, width]: [usize; 2], kernel: usize, stride: usize) -> Wgsl {
    source
        .with("height", height)
        .with("width", width)
        .with("rows", height.div_ceil(stride))
        .with("columns", width.div_ceil(stride))
        .with("kernel", kernel)
        .with("stride", stride)
        .with("top", same_padding(height, kernel, stride).0)
        .with("left", same_padding(width, kernel, stride).0)
}

/// A convolution of every pixel by itself, with the name and the term of what is done to a value.
fn pointwise(
    x: CubeTensor,
    words: &CubeTensor,
    bias: CubeTensor,
    (name, term): (&'static str, &'static str),
    residual: Option<CubeTensor>,
) -> CubeTensor {
    let (x, bias) = (into_contiguous(x), into_contiguous(bias));
    let [pictures, height, width, input] = dims(&x);
    let [out, _] = dims(words);
    let [channels] = dims(&bias);
    let y = beside(&x, &[pictures, height, width, out]);
    let mut finish = Finish {
        name,
        term,
        tensors: vec![("bias", "f32", &bias)],
    };
    finish.tensors.extend(
        residual
            .iter()
            .map(|residual| ("residual", "f32", residual)),
    );
    let sizes = [pictures * height * width, input, out];
    let kernel = rows_kernel("filters", include_str!("filters.wgsl")).with("channels", channels);
    product_rows(kernel, [&x, words, &y], sizes, &finish);
    y
}
