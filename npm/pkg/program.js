/** The program as it lies on the server: a zlib stream, for few hosts of static files compress wasm on the way. */
export async function program() {
  const response = await fetch(new URL('./link_context_bg.bin', import.meta.url));
  if (!response.ok || !response.body) throw new Error(`link_context_bg.bin: ${response.status}`);
  const stream = response.body.pipeThrough(new DecompressionStream('deflate'));
  return new Response(stream, { headers: { 'content-type': 'application/wasm' } });
}
