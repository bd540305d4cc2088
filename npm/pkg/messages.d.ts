/**
 * The worker takes messages `{id, kind, ...}` and answers each with one `{id, ok}` or `{id, error}`; before that may come `{id, event, ...}`.
 *
 * | kind           | takes                               | gives                                      | events            |
 * | -------------- | ----------------------------------- | ------------------------------------------ | ----------------- |
 * | init           | pack                                |                                            |                   |
 * | add-picture    | key, name, file                     | rgba, size, animated                       |                   |
 * | remove-picture | key                                 |                                            |                   |
 * | check          | concepts [{name, pictures}], query  | (fails where the episode breaks a rule)    |                   |
 * | open           | preference                          | device, bytes, kept, versions              |                   |
 * | load           | preference                          | device, bytes                              | progress          |
 * | packs          |                                     | [{pack, address, bytes, kept}]             |                   |
 * | remove-pack    | pack                                |                                            |                   |
 * | link           | concepts                            | link                                       |                   |
 * | ask            | concepts, query                     | answer, link, what_ifs                     | stage, token      |
 * | what-if        | the same, intervention, before      | answer, expectation, verdict               | stage, token      |
 * | open-episode   | prefix, file or fragment            | a board with its pictures                  |                   |
 * | save-episode   | a board                             | the file                                   |                   |
 * | link-episode   | a board, limit, address             | fragment, size, lossless, qr               |                   |
 * | compare-said   | said, now, pack                     | the difference                             |                   |
 * | abort          | of                                  | (what has that id fails with `cancelled`)  |                   |
 * | test-list      | files [{path, bytes}]               | concepts [{name, pictures}], skipped       |                   |
 * | test-new       | names, shots, episodes              |                                            |                   |
 * | test-picture   | file, path, place, concept          |                                            |                   |
 * | test-begin     |                                     | skipped                                    |                   |
 * | test-episode   |                                     | the report                                 |                   |
 * | test-csv       |                                     | every episode as text                      |                   |
 */
export type Kind =
  | 'init'
  | 'add-picture'
  | 'remove-picture'
  | 'check'
  | 'open'
  | 'load'
  | 'packs'
  | 'remove-pack'
  | 'link'
  | 'ask'
  | 'what-if'
  | 'open-episode'
  | 'save-episode'
  | 'link-episode'
  | 'compare-said'
  | 'abort'
  | 'test-list'
  | 'test-new'
  | 'test-picture'
  | 'test-begin'
  | 'test-episode'
  | 'test-csv';

/** A file of the pack. */
export interface PackFile {
  path: string;
  bytes: number;
  sha256: string;
}
