/** Which emoji count as concepts of their own: of a family of near-duplicates, only the first few. */

/** Never kept: a category, or a name. */
const LEFT_OUT = [
  ({ category }) => category === 'Flags' || category === 'Component',
  ({ slug }) => /skin-tone|^flag-|-flag$|facing-right$/.test(slug),
];

/** Faces that show more than another bend of mouth and brows. */
const FACES = new Set(
  `smiling-face-with-sunglasses smiling-face-with-heart-eyes smiling-face-with-horns
  smiling-face-with-halo nerd-face sleeping-face loudly-crying-face face-with-tears-of-joy
  face-with-medical-mask face-with-thermometer face-with-head-bandage zipper-mouth-face
  money-mouth-face nauseated-face sneezing-face thinking-face cowboy-hat-face clown-face
  exploding-head face-screaming-in-fear pouting-face neutral-face upside-down-face
  face-blowing-a-kiss angry-face-with-horns face-with-tongue grinning-face star-struck
  hugging-face dizzy-face zany-face`.split(/\s+/),
);

const ZODIAC =
  'aries|taurus|gemini|cancer|leo|virgo|libra|scorpio|sagittarius|capricorn|aquarius|pisces|ophiuchus';

/**
 * Families: who belongs to one, and how many of it are kept.
 * @type {[(emoji: import('./catalogue.mjs').Emoji) => boolean | undefined, number][]}
 */
const FAMILIES = [
  [/-(oclock|thirty)$/, 2],
  [/^keycap/, 2],
  [/^letter-/, 2],
  [/^(input-|japanese-.*-button$)/, 1],
  [/-button(-blood-type)?$/, 4],
  [/arrow(s?$|-curving)|arrow$/, 2, 'Symbols'],
  [new RegExp(`^(${ZODIAC})$`), 2],
  [/-(circle|square|diamond|triangle-.*)$/, 2, 'Symbols'],
  [/^(white|red|double|exclamation)-.*(exclamation|question)|exclamation-question/, 1],
  [/-heart$/, 4],
  [/-(crescent|gibbous|quarter)-moon$|^(new|full|crescent)-moon$/, 2],
  [/-moon-face$/, 1],
  [/(^|-)cat-with-|-cat$/, 2, 'Smileys & Emotion'],
  [/-mailbox-/, 1],
  [/speaker/, 2, 'Objects'],
  [/^(blue|green|orange|closed)-book$/, 1],
  [/-banknote$/, 1],
  [/-medal$/, 2],
  [/^globe-showing/, 1],
  [/envelope|^e-mail$/, 2, 'Objects'],
  [/index-pointing/, 2],
  [/^(left|right)-facing-fist$/, 1],
  [/chart-(in|de)creasing/, 1],
  [/file-folder$/, 1],
  [/^(sun-behind|cloud-with)/, 3],
  [/-no-evil-monkey$/, 1],
  [/^magnifying-glass/, 1],
  [/(un)?locked/, 2],
  [/^family/, 1],
  [/^couple-/, 1],
  [/^kiss(-|$)/, 1],
  [/holding-hands$/, 1],
  [/-(train|tram|rail|railway)$|^(train|tram|tram-car|metro|railway-car|monorail|station)$/, 4],
  [/^(bus|minibus|trolleybus|oncoming-bus)$/, 2],
  [/^(taxi|oncoming-taxi)$/, 1],
  [/^(police-car|oncoming-police-car)$/, 1],
  [/^(automobile|oncoming-automobile|sport-utility-vehicle)$/, 2],
  [/calendar$/, 2],
  [/^(houses?|house-with-garden)$/, 2],
  [/^snowman/, 1],
  [/^umbrella-/, 2],
  [/^hourglass/, 1],
  [/(cross|star)(-of-david)?$|^(om|khanda|atom-symbol|wheel-of-dharma)$/, 4, 'Symbols'],
  [/^no-|prohibited/, 3, 'Symbols'],
  [/^sunrise|^sunset/, 2],
  [/^musical-notes?$/, 1],
].map(([pattern, most, category]) => [
  (emoji) => pattern.test(emoji.slug) && (!category || emoji.category === category),
  most,
]);

/** Men and women who do what a person does, or each the other's counterpart, are one. */
const role = ({ slug, category }) =>
  category === 'People & Body'
    ? slug.replace(/^(man|woman|men|women|person|people)-(?=.)/, '')
    : undefined;

/**
 * @param {import('./catalogue.mjs').Emoji[]} emoji
 * @param {number} fewest styles of a concept
 * @param {Set<string>} wanted slugs that stay whatever their family
 * @returns {import('./catalogue.mjs').Emoji[]}
 */
export function concepts(emoji, fewest, wanted) {
  const styles = ({ drawings }) => Object.keys(drawings).length;
  const counts = new Map();
  const roles = new Set();
  const isKept = (one) => {
    if (styles(one) < fewest || LEFT_OUT.some((is) => is(one))) return false;
    if (wanted.has(one.slug)) return true;
    const isFace = one.category === 'Smileys & Emotion' && /(^|-)(face|head)(-|$)/.test(one.slug);
    if (isFace && !FACES.has(one.slug)) return false;
    const doing = role(one);
    if (doing && roles.has(doing)) return false;
    if (doing) roles.add(doing);
    const family = FAMILIES.find(([has]) => has(one));
    if (!family) return true;
    const count = (counts.get(family) ?? 0) + 1;
    counts.set(family, count);
    return count <= family[1];
  };
  // The most drawn member of a family stands for it.
  const kept = new Set(
    [...emoji].sort((a, b) => styles(b) - styles(a) || (a.slug < b.slug ? -1 : 1)).filter(isKept),
  );
  return emoji.filter((one) => kept.has(one));
}
