/** Tensors of a safetensors file as plain arrays; in Node and in a page. */
export function safetensors(file) {
  const length = Number(new DataView(file.buffer, file.byteOffset).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(file.subarray(8, 8 + length)));
  const tensors = { metadata: header.__metadata__ };
  for (const [name, tensor] of Object.entries(header)) {
    if (name === '__metadata__') continue;
    const {
      dtype,
      data_offsets: [start, end],
    } = tensor;
    const bytes = file.slice(8 + length + start, 8 + length + end);
    const Kind = dtype === 'F32' ? Float32Array : Int32Array;
    tensors[name] = [...new Kind(new Uint8Array(bytes).buffer)];
  }
  return tensors;
}
