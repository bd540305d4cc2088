//! Every kernel against plain tensor operations on the decoded matrices, on every device that this build has.

use burn::tensor::activation::{silu, softmax};
use burn::tensor::module::conv2d;
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Device, Int, Tensor, TensorData};
use link_context::kernels::convolutions::{expanded_depthwise, padded, quadrants, windows};
use link_context::kernels::{
    AdaptedMatrix, ChannelFilters, Filters, Norm, QuantisedMatrix, cache_row, cached_attention,
};
use link_context::weights::{EncodedTensor, Encoding, HostTensor};
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

const ENCODINGS: [Encoding; 2] = [Encoding::Q4_1, Encoding::Q8_0];
const EPSILON: f64 = 1e-5;
/// What filters and activations of 14 bits may cost.
const FILTERS: f32 = 5e-4;
/// One row as in decoding; rows that fill no tile, one tile, and more than one.
const ROWS: [usize; 4] = [1, 3, 32, 45];

fn devices() -> Vec<Device> {
    #[cfg(feature = "webgpu")]
    let gpu = [Device::wgpu(burn::tensor::DeviceKind::DefaultDevice)];
    #[cfg(not(feature = "webgpu"))]
    let gpu = [];
    [Device::flex()].into_iter().chain(gpu).collect()
}

/// A random matrix in blocks of about the size of real ones, as bytes of a file.
fn encoded(rng: &mut ChaCha8Rng, encoding: Encoding, shape: [usize; 2]) -> EncodedTensor {
    let blocks = shape[0] * shape[1] / 32;
    let mut bytes = Vec::new();
    for _ in 0..blocks {
        let mut half =
            |low: f32, high: f32| half::f16::from_f32(rng.random_range(low..high)).to_le_bytes();
        match encoding {
            Encoding::Q4_1 => {
                bytes.extend(half(0.005, 0.02));
                bytes.extend(half(-0.2, 0.0));
                bytes.extend((0..16).map(|_| rng.random::<u8>()));
            }
            _ => {
                bytes.extend(half(0.0003, 0.002));
                bytes.extend((0..32).map(|_| rng.random::<u8>()));
            }
        }
    }
    EncodedTensor {
        encoding,
        shape: shape.to_vec(),
        bytes,
    }
}

fn random<const D: usize>(rng: &mut ChaCha8Rng, shape: [usize; D]) -> TensorData {
    let values: Vec<f32> = (0..shape.iter().product())
        .map(|_| rng.random_range(-2.0..2.0))
        .collect();
    TensorData::new(values, shape)
}

/// A matrix on the device, and decoded on the CPU.
fn matrix(encoded: &EncodedTensor, device: &Device) -> (QuantisedMatrix, Tensor<2>) {
    let decoded = encoded.decode().unwrap();
    let shape = [decoded.shape[0], decoded.shape[1]];
    (
        QuantisedMatrix::new(encoded, device).unwrap(),
        Tensor::from_data(TensorData::new(decoded.data, shape), &Device::flex()),
    )
}

/// A matrix of parts of so many rows, with an adapter beside it for each, and both together, decoded, on the CPU.
fn adapted(
    rng: &mut ChaCha8Rng,
    encoded_matrix: &EncodedTensor,
    parts: &[usize],
    device: &Device,
) -> (AdaptedMatrix, Tensor<2>) {
    let rank = 64;
    let (ours, plain) = matrix(encoded_matrix, device);
    let [out, input] = plain.dims();
    let mut thin = |shape| matrix(&encoded(rng, Encoding::Q8_0, shape), device);
    let (down, plain_down) = thin([parts.len() * rank, input]);
    let (up, plain_up) = thin([out, rank]);
    let mut begin = 0;
    let added = parts.iter().enumerate().map(|(part, rows)| {
        let up = plain_up.clone().narrow(0, begin, *rows);
        begin += rows;
        up.matmul(plain_down.clone().narrow(0, part * rank, rank))
    });
    let plain = plain + Tensor::cat(added.collect(), 0);
    (AdaptedMatrix::beside(ours, down, up), plain)
}

fn on<const D: usize>(data: &TensorData, device: &Device) -> Tensor<D> {
    Tensor::from_data(data.clone(), device)
}

fn norm(weight: &TensorData, device: &Device) -> Norm {
    Norm {
        weight: on(weight, device),
        epsilon: EPSILON,
    }
}

fn plain_norm(x: Tensor<2>, norm: &Norm) -> Tensor<2> {
    let mean = x.clone().powi_scalar(2).mean_dim(1);
    x / (mean + norm.epsilon).sqrt() * norm.weight.clone().unsqueeze()
}

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_into_vec().unwrap()
}

/// Within a ten-thousandth of the largest value: the kernels of the CPU round activations to 16 bits.
fn assert_close<const D: usize>(found: Tensor<D>, expected: Tensor<D>, what: &str) {
    assert_within(1e-4, found, expected, what);
}

/// Within a share of the largest value.
fn assert_within<const D: usize>(share: f32, found: Tensor<D>, expected: Tensor<D>, what: &str) {
    assert_eq!(found.dims(), expected.dims(), "{what}");
    let (found, expected) = (values(found), values(expected));
    let size = expected.iter().fold(0.0_f32, |most, x| most.max(x.abs()));
    for (at, (found, expected)) in found.iter().zip(&expected).enumerate() {
        let difference = (found - expected).abs();
        assert!(
            difference <= share * size,
            "{what}: {found} for {expected} at {at}"
        );
    }
}

#[test]
fn products() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    for device in devices() {
        for encoding in ENCODINGS {
            for (rows, input, out) in [(1, 32, 4), (1, 576, 72), (3, 64, 8), (45, 96, 72)] {
                let what = format!("{device:?} {encoding:?} {rows}x{input}x{out}");
                let encoded = encoded(&mut rng, encoding, [out, input]);
                let (ours, plain) = matrix(&encoded, &device);
                let x = random(&mut rng, [rows, input]);
                let expected = on(&x, &Device::flex()).matmul(plain.clone().transpose());
                assert_close(ours.product(on(&x, &device)), expected.clone(), &what);

                let residual = random(&mut rng, [rows, out]);
                let found = ours.product_onto(on(&x, &device), on(&residual, &device));
                assert_close(found, expected + on(&residual, &Device::flex()), &what);

                let chosen = [out as i32 - 1, 0, out as i32 / 2];
                let rows = |device: &Device| Tensor::<1, Int>::from_data(chosen, device);
                let decoded = plain.select(0, rows(&Device::flex()));
                assert_close(ours.rows(rows(&device)), decoded, &what);
            }
        }
    }
}

/// On the CPU alone: elsewhere adapters are merged.
#[test]
fn products_with_an_adapter_beside() {
    let mut rng = ChaCha8Rng::seed_from_u64(6);
    let cpu = Device::flex();
    for encoding in ENCODINGS {
        for rows in ROWS {
            let (input, out) = (96, 72);
            let encoded = encoded(&mut rng, encoding, [out, input]);
            let (ours, plain) = adapted(&mut rng, &encoded, &[out], &cpu);
            let x: Tensor<2> = on(&random(&mut rng, [rows, input]), &cpu);
            let residual: Tensor<2> = on(&random(&mut rng, [rows, out]), &cpu);
            let found = ours.product_onto(x.clone(), residual.clone());
            let expected = x.matmul(plain.transpose()) + residual;
            assert_close(found, expected, &format!("{encoding:?} {rows}"));
        }
    }
}

#[test]
fn gated_products() {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    for device in devices() {
        for encoding in ENCODINGS {
            for rows in ROWS {
                let (input, out) = (96, 70);
                let encoded = encoded(&mut rng, encoding, [2 * out, input]);
                let (ours, plain) = matrix(&encoded, &device);
                let (x, weight) = (random(&mut rng, [rows, input]), random(&mut rng, [input]));
                let found = ours.gated(on(&x, &device), &norm(&weight, &device));
                let cpu = Device::flex();
                let both = plain_norm(on(&x, &cpu), &norm(&weight, &cpu)).matmul(plain.transpose());
                let gate = both.clone().narrow(1, 0, out);
                let expected = silu(gate) * both.narrow(1, out, out);
                assert_close(found, expected, &format!("{device:?} {encoding:?} {rows}"));
            }
        }
    }
}

/// A cache of these keys and values.
fn cache_of(rows: &TensorData, device: &Device) -> Tensor<4> {
    let [two, heads, capacity, width] = rows.shape().dims();
    let row = cache_row(width, device);
    if row == width {
        return on(rows, device);
    }
    let values: Vec<f32> = rows.clone().try_into_vec().unwrap();
    let mut cache = Vec::new();
    for values in values.chunks_exact(width) {
        let scale = values.iter().fold(0.0_f32, |most, x| most.max(x.abs())) / 32_767.0;
        cache.push(scale);
        let integer = |x: f32| u32::from(((x / scale).round() as i16).cast_unsigned());
        let pairs = values.chunks_exact(2);
        cache.extend(pairs.map(|x| f32::from_bits(integer(x[0]) | integer(x[1]) << 16)));
    }
    let cache = TensorData::new(cache, [two, heads, capacity, row]);
    Tensor::from_data(cache, device)
}

/// The keys and values of a cache, on the CPU.
fn cached(cache: Tensor<4>, width: usize) -> Tensor<4> {
    let [two, heads, capacity, row] = cache.dims();
    let mut rows = values(cache);
    if row < width {
        let of = |row: &[f32]| {
            let scale = row[0];
            let pairs = row[1..].iter().map(|pair| pair.to_bits());
            let integers = pairs.flat_map(|pair| [pair as i16, (pair >> 16) as i16]);
            integers
                .map(move |x| f32::from(x) * scale)
                .collect::<Vec<_>>()
        };
        rows = rows.chunks_exact(row).flat_map(of).collect();
    }
    let rows = TensorData::new(rows, [two, heads, capacity, width]);
    Tensor::from_data(rows, &Device::flex())
}

/// Queries, keys and values into a cache that holds some already, then attention over all of it; with an adapter beside the matrix, too, on
/// the CPU.
#[test]
fn attention_over_a_cache() {
    let (width, heads, query_heads, capacity, input) = (32, 2, 6, 80, 64);
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let with_adapter = [(Device::flex(), true)];
    let devices = devices().into_iter().map(|device| (device, false));
    for (device, is_adapted) in devices.chain(with_adapter) {
        for encoding in ENCODINGS {
            for (rows, start) in ROWS.into_iter().zip([20, 0, 7, 35]) {
                let what = format!("{device:?} {encoding:?} {rows} after {start}, {is_adapted}");
                let cpu = Device::flex();
                let all = (query_heads + 2 * heads) * width;
                let encoded = encoded(&mut rng, encoding, [all, input]);
                let (ours, plain) = if is_adapted {
                    let parts = [query_heads * width, heads * width, heads * width];
                    adapted(&mut rng, &encoded, &parts, &device)
                } else {
                    let (ours, plain) = matrix(&encoded, &device);
                    (AdaptedMatrix::merged(ours), plain)
                };
                let (x, weight) = (random(&mut rng, [rows, input]), random(&mut rng, [input]));
                let rope = random(&mut rng, [capacity, width]);
                let before = random(&mut rng, [2, heads, capacity, width]);
                let paid = random(&mut rng, [query_heads, capacity]);
                let position = Tensor::<1, Int>::from_data([start as i32], &device);

                let (query, cache) = ours.attention_inputs(
                    on(&x, &device),
                    &norm(&weight, &device),
                    &on(&rope, &device),
                    cache_of(&before, &device),
                    &position,
                );
                let (mixed, evidence) =
                    cached_attention(query.clone(), &cache, &position, on(&paid, &device));

                let y = plain_norm(on(&x, &cpu), &norm(&weight, &cpu)).matmul(plain.transpose());
                let part = |from: usize, n: usize| {
                    y.clone()
                        .narrow(1, from * width, n * width)
                        .reshape([rows, n, width])
                        .swap_dims(0, 1)
                };
                let half = width / 2;
                let table: Tensor<2> = on::<2>(&rope, &cpu).narrow(0, start, rows);
                let rotate = |x: Tensor<3>| {
                    let angle = |from| table.clone().narrow(1, from, half).unsqueeze::<3>();
                    let (a, b) = (x.clone().narrow(2, 0, half), x.narrow(2, half, half));
                    let first = a.clone() * angle(0) - b.clone() * angle(half);
                    Tensor::cat(vec![first, b * angle(0) + a * angle(half)], 2)
                };
                let queries = rotate(part(0, query_heads));
                let new = Tensor::stack::<4>(
                    vec![
                        rotate(part(query_heads, heads)),
                        part(query_heads + heads, heads),
                    ],
                    0,
                );
                let seen = [0..2, 0..heads, start..start + rows, 0..width];
                let after = on::<4>(&before, &cpu).slice_assign(seen, new);
                let flat = |x: Tensor<3>| x.swap_dims(0, 1).reshape([rows, query_heads * width]);
                assert_close(query.clone(), flat(queries), &what);
                assert_close(cached(cache.clone(), width), after, &what);

                // From the same queries, keys and values, so that a softmax does not enlarge the rounding of the products before it.
                let queries = on::<2>(&query.into_data(), &cpu)
                    .reshape([rows, query_heads, width])
                    .swap_dims(0, 1);
                let after = cached(cache, width);
                let total = start + rows;
                let repeated = |which: usize| {
                    after
                        .clone()
                        .slice([which..which + 1, 0..heads, 0..total, 0..width])
                        .reshape([heads, 1, total, width])
                        .expand([heads, query_heads / heads, total, width])
                        .reshape([query_heads, total, width])
                };
                let scores = queries.matmul(repeated(0).transpose()) / (width as f64).sqrt();
                let mask =
                    Tensor::<2, burn::tensor::Bool>::tril_mask([rows, total], start as i64, &cpu);
                let mask = mask.unsqueeze::<3>().expand([query_heads, rows, total]);
                let shares = softmax(scores.mask_fill(mask, f32::NEG_INFINITY), 2);
                assert_close(mixed, flat(shares.clone().matmul(repeated(1))), &what);
                let last = shares.narrow(1, rows - 1, 1).reshape([query_heads, total]);
                let seen = [0..query_heads, 0..total];
                let sum = on::<2>(&paid, &cpu).slice(seen.clone()) + last;
                assert_close(
                    evidence,
                    on::<2>(&paid, &cpu).slice_assign(seen, sum),
                    &what,
                );
            }
        }
    }
}

#[test]
fn the_likeliest_of_all_logits() {
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    for device in devices() {
        for encoding in ENCODINGS {
            for out in [4, 16, 3000] {
                let what = format!("{device:?} {encoding:?} {out}");
                let cpu = Device::flex();
                let encoded = encoded(&mut rng, encoding, [out, 96]);
                let (ours, plain) = matrix(&encoded, &device);
                let (x, weight) = (random(&mut rng, [1, 96]), random(&mut rng, [96]));
                let found = ours.likeliest(on(&x, &device), &norm(&weight, &device));
                let expected =
                    plain_norm(on(&x, &cpu), &norm(&weight, &cpu)).matmul(plain.transpose());
                assert_close(found.logits, expected.clone(), &what);
                let (highest, index) = expected.clone().max_dim_with_indices(1);
                let sum = (expected - highest.clone())
                    .exp()
                    .sum()
                    .log()
                    .unsqueeze::<2>();
                let expected = Tensor::cat(vec![index.float(), highest, sum], 1);
                let (found, expected) = (values(found.top), values(expected));
                assert_eq!(found[0], expected[0], "{what}");
                for (found, expected) in found.iter().zip(&expected) {
                    assert!(
                        (found - expected).abs() < 1e-3,
                        "{what}: {found} {expected}"
                    );
                }
            }
        }
    }
}

/// A map with its channels side by side, and zeros beside them, back as Burn has it.
fn channels_first(map: Tensor<4>, channels: usize) -> Tensor<4> {
    let [pictures, height, width, room] = map.dims();
    assert_eq!(room, padded(channels));
    let map = Tensor::<4>::from_data(map.into_data(), &Device::flex());
    for pixel in values(map.clone()).chunks_exact(room) {
        assert!(pixel[channels..].iter().all(|value| *value == 0.0));
    }
    map.slice([0..pictures, 0..height, 0..width, 0..channels])
        .permute([0, 3, 1, 2])
}

/// As TensorFlow's SAME has it.
fn same(
    x: Tensor<4>,
    weight: Tensor<4>,
    bias: Tensor<1>,
    stride: usize,
    groups: usize,
) -> Tensor<4> {
    let [_, _, height, width] = x.dims();
    let [_, _, kernel, _] = weight.dims();
    let mut options = ConvOptions::new([stride; 2], [0; 2], [1; 2], groups);
    options.padding = [height, width].map(|size| {
        let all = ((size.div_ceil(stride) - 1) * stride + kernel).saturating_sub(size);
        (all / 2, all - all / 2)
    });
    conv2d(x, weight, Some(bias), options)
}

fn host(data: &TensorData) -> HostTensor {
    HostTensor {
        shape: data.shape().to_vec(),
        data: data.clone().try_into_vec().unwrap(),
    }
}

/// As an encoder begins and goes on: windows, a filter a channel, then every pixel by itself, with a residual and without.
#[test]
fn convolutions() {
    let cpu = Device::flex();
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    for device in devices() {
        for (pictures, height, width, kernel, stride, channels, out) in [
            (1, 7, 7, 3, 1, 32, 32),
            (2, 9, 6, 5, 2, 40, 20),
            (1, 6, 11, 3, 2, 144, 70),
        ] {
            let what = format!(
                "{device:?} {pictures}x{height}x{width} {kernel}/{stride} {channels}>{out}"
            );
            let mut filters = |shape: [usize; 4]| {
                let (weight, bias) = (random(&mut rng, shape), random(&mut rng, [shape[0]]));
                (weight, bias)
            };
            let (stem, stem_bias) = filters([channels, 3, kernel, kernel]);
            let (wise, wise_bias) = filters([channels, 1, kernel, kernel]);
            let (point, point_bias) = filters([out, channels, 1, 1]);
            let (square, square_bias) = filters([out, out, 1, 1]);
            let (wide, wide_bias) = filters([channels, channels, 1, 1]);
            let pixels = random(&mut rng, [pictures, 3, height, width]);

            // Each step is compared on what the step before it gave, so that no rounding is counted twice.
            let cpu_on = |data: &TensorData| on::<4>(data, &cpu);
            let bias = |data: &TensorData| on::<1>(data, &device);
            let plain = |x: Tensor<4>, weight: &TensorData, bias: &TensorData, stride, groups| {
                same(x, cpu_on(weight), on(bias, &cpu), stride, groups)
            };
            let under = windows(on(&pixels, &device), kernel, stride);
            let begun = Filters::new(&host(&stem), &device).pointwise(under, &bias(&stem_bias));
            let expected = plain(cpu_on(&pixels), &stem, &stem_bias, stride, 1).clamp(0.0, 6.0);
            let first = channels_first(begun.clone(), channels);
            assert_within(FILTERS, first.clone(), expected, &what);

            let each_filters = ChannelFilters::new(&host(&wise), &device);
            let each = each_filters.depthwise(begun, &bias(&wise_bias), stride);
            let expected = plain(first, &wise, &wise_bias, stride, channels).clamp(0.0, 6.0);
            let second = channels_first(each.clone(), channels);
            assert_close(second.clone(), expected, &what);

            let wide = Filters::new(&host(&wide), &device);
            let (wide_bias, wise_bias) = (bias(&wide_bias), bias(&wise_bias));
            let expected = wide.pointwise(each.clone(), &wide_bias);
            let expected = each_filters.depthwise(expected, &wise_bias, stride);
            let found = expanded_depthwise(
                each.clone(),
                (&wide, &wide_bias),
                (&each_filters, &wise_bias),
                stride,
            );
            assert_close(found, expected, &what);

            let filters = Filters::new(&host(&point), &device);
            let ours = filters.pointwise_onto(each, &bias(&point_bias), None);
            let expected = plain(second, &point, &point_bias, 1, 1);
            let third = channels_first(ours.clone(), out);
            assert_within(FILTERS, third.clone(), expected, &what);

            let filters = Filters::new(&host(&square), &device);
            let again = filters.pointwise_onto(ours.clone(), &bias(&square_bias), Some(ours));
            let expected = third.clone() + plain(third, &square, &square_bias, 1, 1);
            let fourth = channels_first(again.clone(), out);
            assert_within(FILTERS, fourth.clone(), expected, &what);

            let [_, _, rows, columns] = fourth.dims();
            let (half_rows, half_columns) = (rows.div_ceil(2), columns.div_ceil(2));
            let mean = |rows: std::ops::Range<usize>, columns: std::ops::Range<usize>| {
                fourth
                    .clone()
                    .slice([0..pictures, 0..out, rows, columns])
                    .mean_dims(&[2, 3])
                    .reshape([pictures, 1, out])
            };
            let (top, left) = (0..half_rows, 0..half_columns);
            let (bottom, right) = (rows - half_rows..rows, columns - half_columns..columns);
            let parts = vec![
                mean(0..rows, 0..columns),
                mean(top.clone(), left.clone()),
                mean(top, right.clone()),
                mean(bottom.clone(), left),
                mean(bottom, right),
            ];
            assert_close(quadrants(again, out), Tensor::cat(parts, 1), &what);
        }
    }
}
