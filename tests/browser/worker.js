// What a test puts into the page's worker.

/** Runs something in the worker before the program does. @param {import('@playwright/test').Page} page @param {string | (() => void)} prelude */
export async function inWorker(page, prelude) {
  await page.route('**/pkg/worker.js', async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, body: `(${prelude})();\n${await response.text()}` });
  });
}

/**
 * Counts what the worker holds, for `self.held`: bytes of the program's memory and of the graphics card's buffers. A buffer counts until it is destroyed or nothing knows it any more, as
 * wgpu lets go of most without destroying them. Runs in the worker, of a browser with `--js-flags=--expose-gc`.
 */
export function countHeld() {
  const held = { memory: null, gpu: 0 };
  self.held = async () => {
    // What is let go of is told of in a task of its own.
    for (let time = 0; time < 3; time += 1) {
      globalThis.gc();
      await new Promise((go) => setTimeout(go, 20));
    }
    return { heap: held.memory?.buffer.byteLength ?? 0, gpu: held.gpu };
  };
  const instantiate = WebAssembly.instantiateStreaming;
  WebAssembly.instantiateStreaming = async (...given) => {
    const made = await instantiate.apply(WebAssembly, given);
    held.memory = made.instance.exports.memory;
    return made;
  };
  if (!globalThis.GPUDevice) return;
  const { createBuffer } = GPUDevice.prototype;
  const { destroy } = GPUBuffer.prototype;
  const forgotten = new FinalizationRegistry((size) => {
    held.gpu -= size;
  });
  GPUDevice.prototype.createBuffer = function (given) {
    const buffer = createBuffer.call(this, given);
    forgotten.register(buffer, given.size, buffer);
    held.gpu += given.size;
    return buffer;
  };
  GPUBuffer.prototype.destroy = function () {
    if (forgotten.unregister(this)) held.gpu -= this.size;
    destroy.call(this);
  };
}
