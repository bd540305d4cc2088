// What both kernels of attention are given, and the sizes of a cache, `[2, heads, capacity, width]`.
@group(0) @binding(0) var<storage, read_write> query: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> cache: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> start: array<u32>;
@group(0) @binding(3) var<storage, read_write> mixed: array<vec4f>;
{{evidence_binding}}

const WIDTH = {{width}}u;
const HEADS = {{heads}}u;
const QUERY_HEADS = {{query_heads}}u;
const CAPACITY = {{capacity}}u;
// The channels of a row in fours.
const FOURS = WIDTH / 4u;

