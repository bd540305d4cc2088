/** What goes between the modules. For the type checker alone: no browser reads this. */

type Picture = import('./pkg/types.js').Picture;
type Answer = import('./pkg/types.js').Answer;
type Changed = import('./pkg/types.js').Changed;
type Device = import('./pkg/types.js').Device;
type FolderListing = import('./pkg/types.js').FolderListing;
type FolderReport = import('./pkg/types.js').FolderReport;
type Intervention = import('./pkg/types.js').Intervention;
type Progress = import('./pkg/types.js').Progress;
type Rate = import('./pkg/types.js').Rate;

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

/** An answer with all that is shown beside it. */
interface Result {
  answer: Answer;
  link: import('./pkg/types.js').Link;
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
  /** Whether it came with an episode that somebody else asked. */
  came?: boolean;
  /** What it says otherwise than the one that came. */
  compared?: import('./pkg/types.js').Sameness;
}

/** A file of a chosen folder. */
interface Chosen {
  file: File;
  path: string;
}

/** Why something failed; texts/ has a sentence for each code. */
interface Failure {
  code: string;
  subject: string;
  detail: Record<string, unknown>;
}
