/** What goes between a page and the model. */

/** A picture that was decoded. */
export interface Picture {
  /** By which the answers call it. */
  key: string;
  /** Of the file. */
  name: string;
  /** As the model sees it. */
  square: ImageData;
  /** Whether the file has more frames than this. */
  animated: boolean;
}

/** A name, exactly as typed, and the pictures that say what it stands for. */
export interface ConceptOf<P> {
  name: string;
  pictures: P[];
}

/** A support set and one picture to be named. */
export interface EpisodeOf<P> {
  concepts: ConceptOf<P>[];
  query: P | null;
}

/** A picture, or a file with one, which is decoded when it is met first. */
export type PictureSource = Picture | Blob;

/** A concept as a page gives it. */
export type Concept = ConceptOf<PictureSource>;

/** An episode as a page gives it. */
export type Episode = EpisodeOf<PictureSource>;

/** Where the model is to run; `auto` takes WebGPU where there is a GPU behind it. */
export type Preference = 'auto' | 'webgpu' | 'cpu';

/** Where the model runs. */
export interface Device {
  kind: 'webgpu' | 'cpu';
  /** Empty where the browser hides it. */
  name: string;
  /** Why it is this one. */
  reason: string;
}

/** What there is to load. */
export interface Opened {
  device: Device;
  /** Of the whole pack. */
  bytes: number;
  /** Of these, how many this browser has already. */
  kept: number;
  /** Of the program, and the first digits of the pack's hash. */
  versions: { program: string; pack: string };
}

/** A pack that this browser keeps, whole or in part. */
export interface KeptPack {
  /** SHA-256 of its manifest. */
  pack: string;
  /** Of the folder that it came from. */
  address: string;
  /** Of the whole pack. */
  bytes: number;
  /** Of these, how many are kept. */
  kept: number;
}

/** What linking a support set took. */
export interface Link {
  tokens: number;
  milliseconds: number;
  encode_milliseconds: number;
  /** Whether the same support set was linked before, and nothing had to be done. */
  reused: boolean;
}

/** A token of a name, with its probability after all before it: 1 where the rest of a long name was copied. */
export interface Token {
  text: string;
  probability: number;
}

/** A name with its evidence. */
export interface Answer {
  /** As the model wrote it. */
  name: string;
  /** Whether the model ended the name itself. */
  finished: boolean;
  /** The index of the concept that is named; null where it is none of them. */
  concept: number | null;
  tokens: Token[];
  /** Every concept's name, with the probability of exactly this one. */
  concepts: { name: string; probability: number }[];
  /** Every example in the order that the model read them; `picture` is its key, the shares of the attention add up to one. */
  examples: { concept: number; picture: string; share: number }[];
  milliseconds: { encode: number; prefill: number; decode: number; evidence: number };
  tokens_per_second: number;
}

/** A change of the support set that shows whether an answer comes from it. */
export interface Intervention {
  kind: 'swap' | 'shuffle' | 'blank' | 'drop' | 'reverse' | 'fewer';
}

/** An answer, what linking took, and the interventions worth a try after it. */
export interface Reply {
  answer: Answer;
  link: Link;
  what_ifs: Intervention[];
}

/** The answer under an intervention, what it had to be, and whether it was. */
export interface Changed {
  answer: Answer;
  expectation: {
    kind: 'same' | 'name' | 'other' | 'guess' | 'open';
    concept?: number;
    chance?: number;
  };
  verdict: 'followed' | 'failed' | 'open';
}

/** How far a load is: bytes, and the file that is on its way, from 1 on. */
export interface Progress {
  loaded: number;
  total: number;
  part: number;
  parts: number;
}

/** An answer on its way: its tokens as they come, then the whole. */
export interface Answering extends AsyncIterable<Token> {
  readonly reply: Promise<Reply>;
}

/** What the model said of a query of an episode that was kept or shared. */
export interface Said {
  name: string;
  /** What it rests on; a link has no room for it. */
  evidence?: { answer: Answer; link: Omit<Link, 'reused'> };
  /** The interventions worth a try after it; told when an episode is opened. */
  what_ifs?: Intervention[];
}

/** A board that is kept in a file or shared in a link. */
export interface SharedEpisode {
  concepts: ConceptOf<Picture>[];
  queries: Picture[];
  /** Which query is asked about. */
  asked: number;
  /** SHA-256 of the manifest of the pack that gave the answers; null where that is not known. */
  pack: string | null;
  /** What the model said of each query, or empty. */
  answers: (Said | null)[];
}

/** An episode in the fragment of an address. */
export interface EpisodeLink {
  /** Without the `#`. */
  fragment: string;
  /** Width and height of its pictures, and whether they are the very ones. */
  size: number;
  lossless: boolean;
  /** The whole address as a QR code, a path of SVG in units of its modules; null where it is too long for one. */
  qr: { size: number; path: string } | null;
}

/** What an answer says otherwise than the one that came along. */
export interface Sameness {
  same_name: boolean;
  /** Null where nothing but the name came along. */
  same_evidence: boolean | null;
  /** The largest difference between two probabilities or shares. */
  largest: number;
  /** Null where it is not known. */
  same_pack: boolean | null;
  before: string;
  after: string;
}

/** What a folder has to test on; pictures are places among the files that were listed. */
export interface FolderListing {
  concepts: { name: string; pictures: number[] }[];
  skipped: Failure[];
}

/** How many of how many, with the ends of its 95 % interval. */
export interface Rate {
  count: number;
  of: number;
  share: number;
  low: number;
  high: number;
}

/** What came of a test so far. */
export interface FolderReport {
  exact: Rate;
  likelier: Rate;
  concepts: string[];
  confusion: number[][];
  hardest: { place: number; path: string; right: Rate; probability: number }[];
}

/** What can be wrong with a picture, an episode, the pack, the device, or a folder that is tested on. */
export type FailureCode =
  | 'picture-unreadable'
  | 'picture-unsupported'
  | 'picture-too-large-file'
  | 'picture-too-many-pixels'
  | 'picture-unknown'
  | 'name-empty'
  | 'name-too-long'
  | 'name-duplicate'
  | 'name-control-character'
  | 'concepts-too-few'
  | 'concepts-too-many'
  | 'pictures-too-many'
  | 'concept-without-pictures'
  | 'query-missing'
  | 'sequence-too-long'
  | 'episode-unreadable'
  | 'episode-too-large'
  | 'episode-version'
  | 'episode-picture'
  | 'episode-link-long'
  | 'episode-missing'
  | 'pack-missing'
  | 'pack-version'
  | 'pack-manifest'
  | 'pack-shard-truncated'
  | 'pack-shard-corrupt'
  | 'pack-incomplete'
  | 'download-interrupted'
  | 'not-loaded'
  | 'device-unavailable'
  | 'device-lost'
  | 'out-of-memory'
  | 'folder-concepts-few'
  | 'folder-concepts-many'
  | 'folder-pictures-many'
  | 'folder-pictures-few'
  | 'folder-file-outside'
  | 'engine-missing'
  | 'worker-crashed'
  | 'cancelled'
  | 'busy'
  | 'internal';

/** Why something failed. */
export interface Failure {
  code: FailureCode;
  /** What it concerns: a file, a name. Empty where it is nothing of the kind. */
  subject: string;
  /** The numbers that a sentence about it needs. */
  detail: Record<string, unknown>;
}
