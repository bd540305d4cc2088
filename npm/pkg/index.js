/**
 * Link-context learning in the browser: show a few pictures of a thing, name it, and ask about another picture.
 */
export { LinkContext } from './client.js';
export { LinkContextError } from './errors.js';
export { FolderTest } from './folder.js';

/** @typedef {import('./types.js').Answer} Answer */
/** @typedef {import('./types.js').Answering} Answering */
/** @typedef {import('./types.js').Changed} Changed */
/** @typedef {import('./types.js').Concept} Concept */
/** @typedef {import('./types.js').Device} Device */
/** @typedef {import('./types.js').Episode} Episode */
/** @typedef {import('./types.js').EpisodeLink} EpisodeLink */
/** @typedef {import('./types.js').Failure} Failure */
/** @typedef {import('./types.js').FailureCode} FailureCode */
/** @typedef {import('./types.js').FolderListing} FolderListing */
/** @typedef {import('./types.js').FolderReport} FolderReport */
/** @typedef {import('./types.js').Intervention} Intervention */
/** @typedef {import('./types.js').KeptPack} KeptPack */
/** @typedef {import('./types.js').Link} Link */
/** @typedef {import('./types.js').Opened} Opened */
/** @typedef {import('./types.js').Picture} Picture */
/** @typedef {import('./types.js').PictureSource} PictureSource */
/** @typedef {import('./types.js').Preference} Preference */
/** @typedef {import('./types.js').Rate} Rate */
/** @typedef {import('./types.js').Reply} Reply */
/** @typedef {import('./types.js').Said} Said */
/** @typedef {import('./types.js').Sameness} Sameness */
/** @typedef {import('./types.js').SharedEpisode} SharedEpisode */
/** @typedef {import('./types.js').Token} Token */
