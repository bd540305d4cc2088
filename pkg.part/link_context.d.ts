/* tslint:disable */
/* eslint-disable */

/**
 * Takes a pack in, shard by shard, onto a device.
 */
export class PackLoader {
    private constructor();
    free(): void;
    [Symbol.dispose](): void;
    /**
     * `{ kind, name, reason }`.
     */
    device(): any;
    /**
     * `{ tokenizer: { path, bytes, sha256 }, shards: [the same], total_bytes }`.
     */
    files(): any;
    /**
     * Builds the model once every shard is in. Uses the loader up.
     */
    finish(tokenizer: Uint8Array | number[]): WebSession;
    /**
     * Reads the manifest and opens a device; `preference` is `auto`, `webgpu` or `cpu`.
     */
    static open(manifest: string, preference: any): Promise<PackLoader>;
    /**
     * Checks a shard, decodes what it completes and puts it on the device.
     */
    push(index: number, bytes: Uint8Array | number[]): Promise<void>;
}

/**
 * The pictures on the board, decoded to the squares that the model sees. Lives from the first picture on, before any pack is loaded.
 */
export class Pictures {
    free(): void;
    [Symbol.dispose](): void;
    /**
     * Decodes a file. Gives `{ id, animated, size, rgba }`.
     */
    add(file_name: string, bytes: Uint8Array | number[]): any;
    /**
     * Takes a raster that the browser decoded, for formats that only it can read. Gives the same as `add`.
     */
    add_raster(file_name: string, width: number, height: number, rgba: Uint8Array | number[]): any;
    /**
     * Whether an episode, `{ concepts: [{ name, pictures: [id] }], query: id or null }`, can be run; throws the first thing that is wrong.
     */
    check(episode: any): void;
    /**
     * No pictures.
     */
    constructor();
    /**
     * Forgets a picture.
     */
    remove(id: number): void;
}

/**
 * A loaded model. One thing at a time: while it links or answers, another call throws `busy`.
 */
export class WebSession {
    private constructor();
    free(): void;
    [Symbol.dispose](): void;
    /**
     * Names a picture. `on_token` is called with `{ text, probability }` for each token as it comes.
     */
    answer(pictures: Pictures, picture: number, on_token: Function): Promise<any>;
    /**
     * Logits of every next token after each of `ids`, `[ids, vocabulary]` row-major: for a check of a device against a reference.
     */
    forced_logits(ids: Uint32Array | number[]): Promise<Float32Array>;
    /**
     * Encodes what is new and prefills a support set, `{ concepts: [{ name, pictures: [id] }] }`. Gives `{ tokens, milliseconds, encode_milliseconds }`.
     */
    link(pictures: Pictures, support: any): Promise<any>;
    /**
     * Stops the answer after the token it is at.
     */
    stop(): void;
}

/**
 * Runs once when the module is loaded: a panic then says in the console where it happened.
 */
export function start(): void;

/**
 * This crate's version.
 */
export function version(): string;

export type InitInput = RequestInfo | URL | Response | BufferSource | WebAssembly.Module;

export interface InitOutput {
    readonly memory: WebAssembly.Memory;
    readonly __wbg_packloader_free: (a: number, b: number) => void;
    readonly __wbg_pictures_free: (a: number, b: number) => void;
    readonly __wbg_websession_free: (a: number, b: number) => void;
    readonly packloader_device: (a: number) => any;
    readonly packloader_files: (a: number) => any;
    readonly packloader_finish: (a: number, b: number, c: number) => [number, number, number];
    readonly packloader_open: (a: number, b: number, c: any) => any;
    readonly packloader_push: (a: number, b: number, c: number, d: number) => any;
    readonly pictures_add: (a: number, b: number, c: number, d: number, e: number) => [number, number, number];
    readonly pictures_add_raster: (a: number, b: number, c: number, d: number, e: number, f: number, g: number) => [number, number, number];
    readonly pictures_check: (a: number, b: any) => [number, number];
    readonly pictures_new: () => number;
    readonly pictures_remove: (a: number, b: number) => void;
    readonly start: () => void;
    readonly version: () => [number, number];
    readonly websession_answer: (a: number, b: number, c: number, d: any) => any;
    readonly websession_forced_logits: (a: number, b: number, c: number) => any;
    readonly websession_link: (a: number, b: number, c: any) => any;
    readonly websession_stop: (a: number) => void;
    readonly wasm_bindgen__convert__closures_____invoke__h15c7b574eec5bc17: (a: number, b: number, c: any, d: any) => void;
    readonly wasm_bindgen__convert__closures_____invoke__h5db105da640b2818: (a: number, b: number, c: any) => [number, number];
    readonly wasm_bindgen__convert__closures_____invoke__h5db105da640b2818_21: (a: number, b: number, c: any) => [number, number];
    readonly wasm_bindgen__convert__closures_____invoke__h5db105da640b2818_22: (a: number, b: number, c: any) => [number, number];
    readonly wasm_bindgen__convert__closures_____invoke__h72a9433c32488bf0: (a: number, b: number, c: any) => [number, number];
    readonly wasm_bindgen__convert__closures_____invoke__ha086bcf100ce5b68: (a: number, b: number, c: any) => void;
    readonly wasm_bindgen__convert__closures_____invoke__ha086bcf100ce5b68_20: (a: number, b: number, c: any) => void;
    readonly __wbindgen_malloc_command_export: (a: number, b: number) => number;
    readonly __wbindgen_realloc_command_export: (a: number, b: number, c: number, d: number) => number;
    readonly __wbindgen_free_command_export: (a: number, b: number, c: number) => void;
    readonly __wbindgen_exn_store_command_export: (a: number) => void;
    readonly __externref_table_alloc_command_export: () => number;
    readonly __wbindgen_externrefs: WebAssembly.Table;
    readonly __wbindgen_destroy_closure_command_export: (a: number, b: number) => void;
    readonly __externref_table_dealloc_command_export: (a: number) => void;
    readonly __wbindgen_start: () => void;
}

export type SyncInitInput = BufferSource | WebAssembly.Module;

/**
 * Instantiates the given `module`, which can either be bytes or
 * a precompiled `WebAssembly.Module`.
 *
 * @param {{ module: SyncInitInput }} module - Passing `SyncInitInput` directly is deprecated.
 *
 * @returns {InitOutput}
 */
export function initSync(module: { module: SyncInitInput } | SyncInitInput): InitOutput;

/**
 * If `module_or_path` is {RequestInfo} or {URL}, makes a request and
 * for everything else, calls `WebAssembly.instantiate` directly.
 *
 * @param {{ module_or_path: InitInput | Promise<InitInput> }} module_or_path - Passing `InitInput` directly is deprecated.
 *
 * @returns {Promise<InitOutput>}
 */
export default function __wbg_init (module_or_path?: { module_or_path: InitInput | Promise<InitInput> } | InitInput | Promise<InitInput>): Promise<InitOutput>;
