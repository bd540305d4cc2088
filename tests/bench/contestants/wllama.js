// llama.cpp compiled to WebAssembly, on the GGUF as it is.

export async function measure({ tokens, decoded }) {
  const { Wllama } = await import('/peers/@wllama/wllama/esm/index.js');
  const start = performance.now();
  const wllama = new Wllama(
    { default: '/peers/@wllama/wllama/esm/wasm/wllama.wasm' },
    { suppressNativeLog: true },
  );
  const blob = await (await fetch('/models/model.gguf')).blob();
  await wllama.loadModel([blob], { n_ctx: 1024, n_threads: 1, n_gpu_layers: 0 });
  const load = performance.now() - start;
  const text = await (await fetch('/bench/prompt.txt')).text();
  const words = text.split(' ');
  const complete = (prompt, count) =>
    wllama.createCompletion({ prompt, max_tokens: count, temperature: 0, cache_prompt: false });
  await complete('Once', 2);
  // A word is a token, nearly; its own count is what is divided by.
  const { timings } = await complete(words.slice(0, tokens).join(' '), decoded);
  return {
    load,
    prefill: { tokens: timings.prompt_n, milliseconds: timings.prompt_ms },
    decode: { tokens: timings.predicted_n, milliseconds: timings.predicted_ms },
  };
}
