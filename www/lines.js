/** Lines from the picture to name to each example: the thicker, the larger its share of the attention. For the eye alone, as the shares
 * stand in words under the pictures. */
import { byId, within } from './dom.js';

const SVG = 'http://www.w3.org/2000/svg';

/** Widths of the thinnest and the thickest line, in pixels. */
const WIDTHS = [0.75, 9];

/** @param {HTMLElement} query where the lines begin @param {(picture: string) => HTMLElement | undefined} exampleOf a picture's key */
export function createLines(query, exampleOf) {
  const desk = byId('desk', HTMLElement);
  const canvas = within(desk, '.lines', SVGSVGElement);
  /** @type {Answer['examples']} */
  let examples = [];

  function draw() {
    const { left, top } = desk.getBoundingClientRect();
    const from = query.getBoundingClientRect();
    const most = Math.max(...examples.map(({ share }) => share));
    const boxes = examples.map(({ picture }) => exampleOf(picture)?.getBoundingClientRect());
    const beside = boxes.some((box) => box && box.bottom > from.top); // else it is below them all
    const lines = examples.flatMap(({ concept, share }, index) => {
      const to = boxes[index];
      if (!to?.width || !from.width) return [];
      const path = document.createElementNS(SVG, 'path');
      // From the side that looks at the example, and with a bend, so that lines to one row part.
      const [startX, startY] = beside
        ? [to.right <= from.left ? from.left : from.right, from.top + from.height / 2]
        : [from.left + from.width / 2, from.top];
      const [endX, endY] = [to.left + to.width / 2, to.top + to.width / 2];
      const [x1, y1, x2, y2] = [startX - left, startY - top, endX - left, endY - top];
      const bend = beside ? `${(x1 + x2) / 2} ${y1}` : `${x1} ${(y1 + y2) / 2}`;
      path.setAttribute('d', `M${x1} ${y1}Q${bend} ${x2} ${y2}`);
      path.setAttribute('stroke-width', String(WIDTHS[0] + (WIDTHS[1] * share) / most));
      path.dataset.concept = String(concept);
      return [path];
    });
    canvas.replaceChildren(...lines);
  }

  new ResizeObserver(draw).observe(desk);

  return {
    /** @param {Answer['examples']} next none where there is no answer to the board as it is */
    show(next) {
      examples = next;
      draw();
    },
  };
}
