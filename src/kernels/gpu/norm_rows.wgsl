@group(0) @binding(0) var<storage, read_write> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> norm: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

const INPUT = {{input}}u;

var<workgroup> partial: array<f32, 64>;

@compute @workgroup_size(64, 1, 1)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let row = group.x * INPUT;
  var square = 0.0;
  for (var i = local; i < INPUT; i += 64u) {
    square += x[row + i] * x[row + i];
  }
  partial[local] = square;
  let scale = inverseSqrt(sum_all(local) / f32(INPUT) + {{epsilon}});
  for (var i = local; i < INPUT; i += 64u) {
    y[row + i] = x[row + i] * scale * norm[i];
  }
}
