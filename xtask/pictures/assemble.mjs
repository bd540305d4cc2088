/** Puts a thing together from parts. */
import { draw } from './drawings.mjs';
import { PARTS } from './parts.mjs';
import { blank, fit, lay, open, raw, recolour, trim, turn } from './raster.mjs';
import { PATTERNS, SHAPES } from './shapes.mjs';

/** Side of the box that a thing is put together in; it may stand out of it by half on each side. */
const BOX = 256;

/**
 * Where a part goes, in shares of the box from the top left, and how.
 * @typedef {object} Place
 * @property {number} x its middle
 * @property {number} y its middle; its upper or lower end if `from` says so
 * @property {number} [width] as large as fits
 * @property {number} [height] likewise
 * @property {'top' | 'bottom'} [from]
 * @property {number} [turn] degrees clockwise
 * @property {boolean} [stretch] fill the width and height whatever the part's shape
 */

/** @returns {string} the name under which a recipe places a drawing */
const keyOf = ({ work, id }) =>
  work === 'streamline' && /-\d$/.test(id) ? `${work}${id.slice(-2)}` : work;

/** @returns {any} what a table by work says of a drawing; both works of Fluent may share an entry */
export const entryOf = (table, drawing) =>
  table[keyOf(drawing)] ?? (drawing.work.startsWith('fluent') ? table.fluent : undefined);

const drawingsOf = (catalogue, slug) => Object.values(catalogue.get(slug).drawings).flat();

/** @returns {import('./catalogue.mjs').Drawing[]} those that a recipe can use */
export const drawingsFor = (catalogue, { base, at }) =>
  drawingsOf(catalogue, base).filter((drawing) => entryOf(at, drawing));

/** Collects the parts of one thing, and the drawings that they are. */
export class Assembly {
  #layers = [];
  /** @type {Set<string>} */
  works = new Set();

  /**
   * @param {Map<string, import('./catalogue.mjs').Emoji>} catalogue
   * @param {import('./random.mjs').Random} random
   * @param {import('./catalogue.mjs').Drawing} drawing of the real thing
   */
  constructor(catalogue, random, drawing) {
    this.catalogue = catalogue;
    this.random = random;
    this.drawing = drawing;
  }

  /** Adds the drawing of the real thing, or what a crop [left, top, right, bottom] leaves of it. */
  async base(crop) {
    const raster = await this.#load(this.drawing);
    this.#layers.push({ raster: crop ? keep(raster, crop) : raster, x: 0.5, y: 0.5 });
  }

  /** Adds the drawing of the real thing in a pattern, with its own light and shade. */
  async patterned(pattern, strength) {
    const raster = await this.#load(this.drawing);
    const cover = (await PATTERNS[pattern](this.random, BOX)).data;
    const painted = recolour(raster, (r, g, b, x, y) => {
      const at = (y * BOX + x) * 4;
      const light = (0.3 * r + 0.59 * g + 0.11 * b) / 255;
      // Eyes and outlines stay dark, highlights light.
      const shade = light < 0.22 ? light : 0.55 + 0.6 * light;
      return [r, g, b].map(
        (value, channel) => value * (1 - strength) + cover[at + channel] * shade * strength,
      );
    });
    this.#layers.push({ raster: painted, x: 0.5, y: 0.5 });
  }

  /** Chooses one of a part's drawings: as often as not in the style of the real thing. */
  choose(part) {
    const { slugs, at } = PARTS[part];
    const slug = this.random.pick(slugs);
    const usable = drawingsOf(this.catalogue, slug).filter((drawing) => entryOf(at, drawing));
    const alike = usable.filter(({ work }) => work === this.drawing.work);
    const drawing =
      alike.length && this.random.chance(0.5) ? this.random.pick(alike) : this.random.pick(usable);
    return { drawing, ...entryOf(at, drawing) };
  }

  /** @param {string | ReturnType<Assembly['choose']>} part @param {Place} place */
  async emoji(part, place) {
    const chosen = typeof part === 'string' ? this.choose(part) : part;
    let raster = await this.#load(chosen.drawing);
    if (chosen.turn) raster = await turn(raster, chosen.turn);
    if (chosen.crop) raster = keep(raster, chosen.crop);
    raster = await trim(raster);
    if (chosen.top) {
      raster = await raw(
        open(raster).extract({
          left: 0,
          top: 0,
          width: raster.width,
          height: Math.round(chosen.top * raster.height),
        }),
      );
    }
    await this.#put(raster, place);
  }

  /** @param {string} shape of SHAPES @param {Place} place */
  async shape(shape, place) {
    await this.#put(await SHAPES[shape](this.random, BOX), place);
  }

  /** @param {string} shape @param {Place[]} places where the same one goes */
  async shapes(shape, places) {
    const raster = await SHAPES[shape](this.random, BOX);
    for (const place of places) await this.#put(raster, place);
  }

  /** @returns {Promise<import('./raster.mjs').Raster>} the thing, the first part at the back, cut out */
  async finish() {
    const layers = this.#layers.map(({ raster, x, y }) => ({
      raster,
      x: (0.5 + x) * BOX,
      y: (0.5 + y) * BOX,
    }));
    return trim(await lay(blank(2 * BOX), layers));
  }

  async #load(drawing) {
    this.works.add(drawing.work);
    return draw(drawing, BOX);
  }

  async #put(part, { x, y, width = 3, height = 3, from, turn: angle = 0, stretch = false }) {
    let raster = part;
    if (stretch) {
      const size = [width * BOX, height * BOX].map(Math.round);
      raster = await raw(open(raster).resize(...size, { fit: 'fill' }));
    } else {
      raster = await fit(raster, width * BOX, height * BOX);
    }
    if (angle) raster = await trim(await turn(raster, angle));
    const half = raster.height / BOX / 2;
    const middle = { top: y + half, bottom: y - half }[from] ?? y;
    this.#layers.push({ raster, x, y: middle });
  }
}

/** Clears what is outside of the crop. */
function keep(raster, [left, top, right, bottom]) {
  const data = Buffer.from(raster.data);
  for (let at = 0; at < data.length; at += 4) {
    const x = ((at / 4) % raster.width) / raster.width;
    const y = Math.floor(at / 4 / raster.width) / raster.height;
    if (x < left || x > right || y < top || y > bottom) data[at + 3] = 0;
  }
  return { ...raster, data };
}
