/** What wasm-bindgen writes: the surface is src/web.rs. */
declare module '*/link_context.js' {
  const start: (options: { module_or_path: Promise<Response> }) => Promise<{ memory: WebAssembly.Memory }>;
  export default start;
  export const PackLoader: any;
  export const Pictures: any;
  export const WebFolderTest: any;
  export const check_episode_file: any;
  export const check_file: any;
  export const compare: any;
  export const compare_said: any;
  export const drawn_size: any;
  export const list_folder: any;
  export const version: any;
  export const what_ifs: any;
}
