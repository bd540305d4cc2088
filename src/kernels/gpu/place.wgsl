const WIDTH = {{width}}u;
const HALF = WIDTH / 2u;
const HEADS = {{heads}}u;
const QUERY_HEADS = {{query_heads}}u;
const CAPACITY = {{capacity}}u;

// Rotates a pair of channels of a head at a position and puts it where it belongs; `row` is that of the query.
fn place(head: u32, pair: u32, position: u32, row: u32, first: f32, second: f32) {
  let cosine = rope[position * WIDTH + pair];
  let sine = rope[position * WIDTH + HALF + pair];
  let turned = vec2f(first * cosine - second * sine, second * cosine + first * sine);
  if (head < QUERY_HEADS) {
    let at = (row * QUERY_HEADS + head) * WIDTH + pair;
    query[at] = turned.x;
    query[at + HALF] = turned.y;
    return;
  }
  // Keys first, then values, which are not rotated.
  let cached = head - QUERY_HEADS;
  let at = (cached * CAPACITY + position) * WIDTH + pair;
  if (cached < HEADS) {
    cache[at] = turned.x;
    cache[at + HALF] = turned.y;
  } else {
    cache[at] = first;
    cache[at + HALF] = second;
  }
}
