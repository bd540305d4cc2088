/** What the licences of the works ask to be said beside the pictures. */
import { LICENCES, credit } from './works.mjs';

const row = (work) => {
  const { title, author, licence, package: from, version } = credit(work);
  return `| ${title} | ${author} | [${licence}](${LICENCES[licence]}) | ${from} ${version} |`;
};

/** The MIT licence as Microsoft gives it, which goes with every copy. */
export const MIT = `Copyright (c) Microsoft Corporation.

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and
associated documentation files (the "Software"), to deal in the Software without restriction,
including without limitation the rights to use, copy, modify, merge, publish, distribute, sublicense,
and/or sell copies of the Software, and to permit persons to whom the Software is furnished to do so,
subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial
portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT
LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT.
IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION
WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
`;

/** @param {[string, string[]][]} files pictures and the works in each @returns {string} CREDITS.md */
export const credits = (files) => `# Works in the pictures

Made from the works below: cut out, cropped, mirrored, turned, slanted, recoloured, put together and
laid on a ground, with shapes of this project's own. Each picture stays under the licences of the
works in it; [LICENCE.md](LICENCE.md) has what they ask to be said.

| work | author | licence | taken from |
| --- | --- | --- | --- |
${[...new Set(files.flatMap(([, works]) => works))].sort().map(row).join('\n')}

| picture | works in it |
| --- | --- |
${files.map(([file, works]) => `| ${file} | ${works.map((work) => credit(work).title).join(', ')} |`).join('\n')}
`;

/** @param {Set<string>} works @returns {string} LICENCE.md */
export function licences(works) {
  const under = (licence) =>
    [...works]
      .map(credit)
      .filter((work) => work.licence === licence)
      .map(({ title, author }) => `${title} by ${author}`)
      .sort()
      .join(', ');
  return `# Licences of the pictures

Each picture is made from works of others and stays under their licences. [CREDITS.md](CREDITS.md)
says which works are in which picture. All were changed: cropped, mirrored, turned, recoloured and
put together.

* [CC BY 4.0](${LICENCES['CC-BY-4.0']}): ${under('CC-BY-4.0')}.
* [Apache-2.0](${LICENCES['Apache-2.0']}): ${under('Apache-2.0')}.
* [MIT](${LICENCES.MIT}): ${under('MIT')}.

## MIT License (Fluent Emoji)

${MIT}`;
}
