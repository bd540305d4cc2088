// transformers.js over ONNX Runtime Web, on the same weights exported to ONNX.

export async function measure({ device, dtype, tokens, decoded }) {
  const { AutoModelForCausalLM, Tensor, env } =
    await import('/peers/@huggingface/transformers/dist/transformers.web.js');
  env.allowLocalModels = true;
  env.allowRemoteModels = false;
  env.localModelPath = '/models/';
  env.useBrowserCache = false;
  env.backends.onnx.wasm.numThreads = 1;
  env.backends.onnx.wasm.wasmPaths = '/peers/onnxruntime-web/dist/';
  const start = performance.now();
  const model = await AutoModelForCausalLM.from_pretrained('decoder', { device, dtype });
  const load = performance.now() - start;
  const ids = (await (await fetch('/models/prompt.json')).json()).slice(0, tokens);
  const int64 = (values) =>
    new Tensor('int64', BigInt64Array.from(values, BigInt), [1, values.length]);
  const generate = async (given, count) => {
    const times = [];
    const counts = [];
    const begin = performance.now();
    await model.generate({
      inputs: int64(given),
      attention_mask: int64(given.map(() => 1)),
      max_new_tokens: count,
      min_new_tokens: count,
      do_sample: false,
      streamer: {
        put() {
          times.push(performance.now() - begin);
          counts.push({ ...window.counted });
        },
        end() {},
      },
    });
    return { times, counts };
  };
  await generate(ids.slice(0, 4), 1);
  const { times, counts } = await generate(ids, decoded);
  // The streamer is given the prompt first, then each token.
  const [, first] = times;
  const steps = times.length - 2;
  const per = (what) => (counts.at(-1)[what] - counts[1][what]) / steps;
  return {
    load,
    prefill: { tokens: ids.length, milliseconds: first - times[0] },
    decode: { tokens: steps, milliseconds: times.at(-1) - first },
    per_token: {
      dispatches: per('dispatches'),
      submits: per('submits'),
      reads: per('reads'),
      bytes: per('bytes'),
    },
    pipelines: window.counted?.pipelines,
    gpu_bytes: window.counted?.allocated,
  };
}
