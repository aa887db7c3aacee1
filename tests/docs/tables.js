// Holds the tables in the docs against the tables in the code.
//
// A page has a marker with the .def file, and the table up to the next blank line:
//
//   <!-- table of gateway/config.def -->
//   | setting | …
//
//   node tables.js            fails, and says where, when a table differs
//   node tables.js --write    writes the tables anew

import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';

const root = new URL('../../', import.meta.url);
const read = (path) => readFileSync(new URL(path, root), 'utf8');

// The rows of an X-macro table, each a list of its arguments; strings without quotes,
// adjacent ones joined.
function rows(text) {
  const code = text.replace(/\/\*[\s\S]*?\*\//g, '');
  const token = /\s*(?:"((?:[^"\\]|\\.)*)"|([A-Za-z0-9_.-]+)|(,)|(\)))/y;
  const found = [];
  for (const start of code.matchAll(/^X\(/gm)) {
    const row = [''];
    token.lastIndex = start.index + 2;
    for (;;) {
      const match = token.exec(code);
      if (!match) throw new Error(`cannot read the row at: ${code.slice(start.index, start.index + 60)}`);
      const [, string, word, comma, end] = match;
      if (end) break;
      if (comma) row.push('');
      else row[row.length - 1] += string === undefined ? word : JSON.parse(`"${string}"`);
    }
    found.push(row);
  }
  return found;
}

const code = (text) => (text === '' ? '' : `\`${text.replaceAll('|', '\\|')}\``);
const plain = (text) => text.replace(/[|*]/g, '\\$&').replaceAll('<', '&lt;');
const kebab = (name) => name.replaceAll('_', '-');

// How each .def is shown: head and one line a row.
const tables = {
  'gateway/config.def': {
    head: ['flag', 'environment', 'default', 'reload', 'what it is'],
    line: ([name, , value, , when, help]) => [
      code(`--${kebab(name)}`),
      code(`PARLEY_${name.toUpperCase()}`),
      code(value),
      when === 'RELOAD' ? 'yes' : '',
      plain(help),
    ],
  },
  'gateway/metrics.def': {
    head: ['metric', 'type', 'labels', 'what it counts'],
    line: ([, type, family, labels, help]) => [
      code(`parley_${family}`),
      type.toLowerCase(),
      labels === 'NONE' ? '' : labels.toLowerCase().replaceAll('_', ', '),
      plain(help),
    ],
  },
  'proto/base/errors.def': {
    head: ['code', 'HTTP', 'close', 'meaning'],
    line: ([, name, status, close, text]) => [code(name), status, close === '0' ? '' : close, plain(text)],
  },
};

function table(def) {
  const { head, line } = tables[def] ?? {};
  if (!head) throw new Error(`no way to show ${def} is known`);
  const markdown = (cells) => `| ${cells.join(' | ')} |`;
  return [markdown(head), markdown(head.map(() => '---')), ...rows(read(def)).map((row) => markdown(line(row)))].join(
    '\n',
  );
}

const pages = execFileSync('git', ['ls-files', '-co', '--exclude-standard', '*.md'], { cwd: root, encoding: 'utf8' });
const shown = new Set();
let wrong = 0;
for (const page of pages.split('\n').filter(Boolean)) {
  const before = read(page);
  const after = before.replace(
    /(<!-- table of (\S+) -->\n)((?:\|[^\n]*\n)*)/g,
    (_, marker, def) => (shown.add(def), `${marker}${table(def)}\n`),
  );
  if (after === before) continue;
  if (process.argv[2] === '--write') {
    writeFileSync(new URL(page, root), after);
    console.log(`${page}: written`);
  } else {
    console.log(`${page}: a table differs from the code; node tests/docs/tables.js --write`);
    wrong++;
  }
}
for (const def of Object.keys(tables).filter((each) => !shown.has(each))) {
  console.log(`${def}: no page shows it`);
  wrong++;
}
process.exit(wrong ? 1 : 0);
