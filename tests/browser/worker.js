// What a test puts into the page's worker.

/** Runs something in the worker before the program does. @param {import('@playwright/test').Page} page @param {string | (() => void)} prelude */
export async function inWorker(page, prelude) {
  await page.route('**/pkg/worker.js', async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, body: `(${prelude})();\n${await response.text()}` });
  });
}

/** Counts what the worker holds, in `self.held`: bytes of the program's memory and of the graphics card's buffers. Runs in the worker. */
export function countHeld() {
  const held = { memory: null, gpu: 0 };
  self.held = () => ({ heap: held.memory?.buffer.byteLength ?? 0, gpu: held.gpu });
  const instantiate = WebAssembly.instantiateStreaming;
  WebAssembly.instantiateStreaming = async (...given) => {
    const made = await instantiate.apply(WebAssembly, given);
    held.memory = made.instance.exports.memory;
    return made;
  };
  if (!globalThis.GPUDevice) return;
  const { createBuffer } = GPUDevice.prototype;
  const { destroy } = GPUBuffer.prototype;
  const alive = new WeakSet();
  GPUDevice.prototype.createBuffer = function (given) {
    const buffer = createBuffer.call(this, given);
    alive.add(buffer);
    held.gpu += given.size;
    return buffer;
  };
  GPUBuffer.prototype.destroy = function () {
    if (alive.delete(this)) held.gpu -= this.size;
    destroy.call(this);
  };
}
