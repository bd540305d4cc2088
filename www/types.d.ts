/** What goes between the modules and the worker. For the type checker alone: no browser reads this. */

/** A picture that was decoded. */
interface Picture {
  /** The page's own name for it, known to the worker. */
  key: string;
  /** Of the file. */
  name: string;
  /** As the model sees it. */
  square: ImageData;
  /** Whether the file has more frames than this. */
  animated: boolean;
}

interface Concept {
  key: string;
  /** As typed. */
  name: string;
  pictures: Picture[];
}

interface Episode {
  concepts: Concept[];
  /** The pictures that can be asked about. */
  queries: Picture[];
  /** The key of the one that is asked about. */
  query: string | null;
}

/** A ready episode of gallery/gallery.json. */
interface Entry {
  id: string;
  concepts: { name: string; pictures: string[] }[];
  /** `answer` is the index of the right concept. */
  queries: { file: string; answer: number }[];
  credits: string[];
}

/** What the worker gives for a question; see src/reply.rs. */
interface Answer {
  name: string;
  finished: boolean;
  /** The index of the concept that is named; null where it is none of them. */
  concept: number | null;
  tokens: { text: string; probability: number }[];
  concepts: { name: string; probability: number }[];
  examples: { concept: number; picture: string; share: number }[];
  milliseconds: { encode: number; prefill: number; decode: number; evidence: number };
  tokens_per_second: number;
}

/** See src/episode.rs. */
interface Intervention {
  kind: 'swap' | 'shuffle' | 'blank' | 'drop' | 'reverse' | 'fewer';
}

/** The answer under an intervention; see src/episode/what_if.rs. */
interface Changed {
  answer: Answer;
  expectation: {
    kind: 'same' | 'name' | 'other' | 'guess' | 'open';
    concept?: number;
    chance?: number;
  };
  verdict: 'followed' | 'failed' | 'open';
}

/** An answer with all that is shown beside it. */
interface Result {
  answer: Answer;
  link: { milliseconds: number; encode_milliseconds: number; reused: boolean };
  /** The index of the concept that the picture really shows, where that is known. */
  right: number | null;
  /** The interventions that are worth a try. */
  what_ifs: Intervention[];
  /** That it was computed on; empty where it was recorded. */
  device: string;
  /** What the interventions do, where that is known before they are tried. */
  recorded: Changed[];
  /** What they did, by their place. */
  tried: Map<number, Changed>;
}

/** A file of a chosen folder. */
interface Chosen {
  file: File;
  path: string;
}

/** What a folder has to test on; pictures are places among the chosen files. See src/folder.rs. */
interface FolderListing {
  concepts: { name: string; pictures: number[] }[];
  skipped: Failure[];
}

/** How many of how many, with the ends of its interval. */
interface Rate {
  count: number;
  of: number;
  share: number;
  low: number;
  high: number;
}

/** What came of a test so far; see src/folder.rs. */
interface FolderReport {
  exact: Rate;
  likelier: Rate;
  concepts: string[];
  confusion: number[][];
  hardest: { place: number; path: string; right: Rate; probability: number }[];
}

/** Why something failed; texts/ has a sentence for each code. */
interface Failure {
  code: string;
  subject: string;
  detail: Record<string, unknown>;
}

interface Device {
  kind: 'webgpu' | 'cpu';
  /** Empty where the browser hides it. */
  name: string;
  reason: string;
}

/** A file of the pack. */
interface PackFile {
  path: string;
  bytes: number;
  sha256: string;
}

/**
 * The worker takes messages `{id, kind, ...}` and answers each with one `{id, ok}` or `{id, error}`; before that may come `{id, event, ...}`.
 *
 * | kind           | takes                               | gives                                      | events            |
 * | -------------- | ----------------------------------- | ------------------------------------------ | ----------------- |
 * | init           |                                     |                                            |                   |
 * | add-picture    | key, file                           | rgba, size, animated                       |                   |
 * | remove-picture | key                                 |                                            |                   |
 * | check          | concepts [{name, pictures}], query  | (fails where the episode breaks a rule)    |                   |
 * | open           | preference                          | device, bytes, kept, versions              |                   |
 * | load           | preference                          | device, bytes                              | progress          |
 * | cancel         |                                     | (load fails with `cancelled`)              |                   |
 * | ask            | concepts [{name, pictures}], query  | answer or null, link, what_ifs             | stage, token      |
 * | what-if        | the same, intervention, before      | answer or null, link, expectation, verdict | stage, token      |
 * | stop           |                                     | (ask ends early)                           |                   |
 * | test-list      | files [{path, bytes}]               | concepts [{name, pictures}], skipped       |                   |
 * | test-new       | names, shots, episodes              |                                            |                   |
 * | test-picture   | file, path, place, concept          |                                            |                   |
 * | test-begin     |                                     | skipped                                    |                   |
 * | test-episode   |                                     | the report                                 |                   |
 * | test-csv       |                                     | every episode as text                      |                   |
 */
type Kind =
  | 'init'
  | 'add-picture'
  | 'remove-picture'
  | 'check'
  | 'open'
  | 'load'
  | 'cancel'
  | 'ask'
  | 'what-if'
  | 'stop'
  | 'test-list'
  | 'test-new'
  | 'test-picture'
  | 'test-begin'
  | 'test-episode'
  | 'test-csv';
