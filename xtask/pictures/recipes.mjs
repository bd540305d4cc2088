/**
 * The invented concepts, each beside the real one that it is most easily mistaken for. `at` has an
 * entry for each drawing of the real thing that can be used, for both alike, and says where the
 * invented one's parts go: shares of the drawing's box from the top left.
 *
 * @typedef {object} Recipe
 * @property {string} group
 * @property {string} invented its name
 * @property {string} real its name
 * @property {string} base the real thing's emoji
 * @property {string[]} parts of PARTS
 * @property {Record<string, any>} at
 * @property {(thing: import('./assemble.mjs').Assembly, at: any) => Promise<void>} invent
 * @property {(thing: import('./assemble.mjs').Assembly, at: any) => Promise<void>} [draw] the real one, where it is more than its emoji
 */
import { ANIMALS } from './recipes-animals.mjs';
import { THINGS } from './recipes-things.mjs';

/** @type {Recipe[]} */
export const RECIPES = [...ANIMALS, ...THINGS];
