/** What `sw-files.js` says, which `cargo xtask dist` writes: the files of the site, and the hash of them all. */
declare const FILES: string[];
declare const VERSION: string;
