// ONNX Runtime Web on the picture encoder exported to ONNX.

export async function measure({ device }) {
  const ort = await import('/peers/onnxruntime-web/dist/ort.webgpu.bundle.min.mjs');
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.wasmPaths = '/peers/onnxruntime-web/dist/';
  const model = new Uint8Array(await (await fetch('/models/encoder.onnx')).arrayBuffer());
  const session = await ort.InferenceSession.create(model, { executionProviders: [device] });
  const size = [1, 3, 224, 224];
  const picture = (seed) =>
    new ort.Tensor(
      'float32',
      Float32Array.from({ length: 3 * 224 * 224 }, (_, at) => Math.sin(at * 0.01 + seed)),
      size,
    );
  const run = (seed) => session.run({ pixels: picture(seed) });
  await run(0);
  const count = device === 'wasm' ? 12 : 4;
  const inputs = Array.from({ length: count }, (_, seed) => picture(seed + 1));
  const start = performance.now();
  for (const pixels of inputs) {
    const { map } = await session.run({ pixels });
    await map.getData();
  }
  return { per_picture: (performance.now() - start) / count };
}
