// What a program asks of the GPU, counted in the browser.

/** Counts what a program asks of the GPU, in `window.counted`. Runs in the page before any of its scripts. */
export function countCalls() {
  window.counted = { dispatches: 0, submits: 0, reads: 0, bytes: 0, pipelines: 0, allocated: 0 };
  if (!globalThis.GPUDevice) return;
  // Which adapter was got: a browser may have a software one without a word.
  const { requestAdapter } = GPU.prototype;
  GPU.prototype.requestAdapter = async function (...given) {
    const adapter = await requestAdapter.apply(this, given);
    if (adapter) window.counted.adapter = adapter.info.architecture || adapter.info.vendor;
    return adapter;
  };
  const watch = (prototype, method, note) => {
    const original = prototype[method];
    prototype[method] = function (...given) {
      note(window.counted, ...given);
      return original.apply(this, given);
    };
  };
  watch(GPUComputePassEncoder.prototype, 'dispatchWorkgroups', (counted) => {
    counted.dispatches += 1;
  });
  watch(GPUQueue.prototype, 'submit', (counted) => {
    counted.submits += 1;
  });
  watch(GPUBuffer.prototype, 'mapAsync', (counted, mode) => {
    if (mode === GPUMapMode.READ) counted.reads += 1;
  });
  watch(GPUCommandEncoder.prototype, 'copyBufferToBuffer', (counted, from, start, to, at, size) => {
    if (to.usage & GPUBufferUsage.MAP_READ) counted.bytes += size;
  });
  const pipeline = (counted) => {
    counted.pipelines += 1;
  };
  watch(GPUDevice.prototype, 'createComputePipeline', pipeline);
  watch(GPUDevice.prototype, 'createComputePipelineAsync', pipeline);
  watch(GPUDevice.prototype, 'createBuffer', (counted, { size }) => {
    counted.allocated += size;
  });
}
