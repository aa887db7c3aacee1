// Holds the documents of proto/ (AsyncAPI, OpenAPI) against their specifications, against the
// code where that has the same in a table, and against the pages.
//
//   node documents.js     says what differs, and fails where anything does

import { readFileSync, readdirSync } from 'node:fs';
import { Validator } from '@seriousme/openapi-schema-validator';
import specifications from '@asyncapi/specs';
import Ajv from 'ajv';
import { PROTOCOLS, protocol } from '../lib/contract.js';
import { SURFACES, surface } from '../lib/openapi.js';
import { fault_finder, pointer_to, read_document, resolve } from '../lib/schema.js';

const root = new URL('../../', import.meta.url);
const read = (path) => readFileSync(new URL(path, root), 'utf8');
const sources = readdirSync(new URL('proto/', root));
const documents = sources.filter((each) => /\.(async|open)api\.json$/.test(each));

let wrong = 0;
function say(file, what) {
  console.log(`${file}: ${what}`);
  wrong++;
}

// What is only on one side.
function compare(file, what, ours, theirs, where) {
  for (const each of ours) if (!theirs.has(each)) say(file, `${what} ${each} is not in ${where}`);
  for (const each of theirs) if (!ours.has(each)) say(file, `${what} ${each} is in ${where} alone`);
}

// ---- the documents themselves ----------------------------------------------------------------

function check_asyncapi(file) {
  // The specification brings the schema of schemas along.
  const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: false, meta: false, validateSchema: false });
  const validate = ajv.compile(specifications.schemas['3.0.0']);
  if (validate(read_document(file))) return;
  for (const { instancePath, message } of validate.errors.slice(0, 10)) say(file, `${instancePath} ${message}`);
}

async function check_openapi(file) {
  const { valid, errors } = await new Validator().validate(structuredClone(read_document(file)));
  if (!valid) for (const { instancePath, message } of errors.slice(0, 10)) say(file, `${instancePath} ${message}`);
}

// Where schemas stand in a document: under these names, and under components.schemas.
const SCHEMA_MEMBERS = ['payload', 'query', 'headers', 'schema'];

function schema_pointers(value, pointer = '#') {
  if (value === null || typeof value !== 'object') return [];
  return Object.entries(value).flatMap(([name, member]) => {
    const at = `${pointer}/${encodeURIComponent(name.replaceAll('~', '~0').replaceAll('/', '~1'))}`;
    if (name === 'examples') return [];
    const is_schema = SCHEMA_MEMBERS.includes(name) || pointer === '#/components/schemas';
    return is_schema ? [at] : schema_pointers(member, at);
  });
}

// Each schema compiles, strictly, and is used.
function check_schemas(file) {
  const document = read_document(file);
  for (const pointer of schema_pointers(document)) {
    try {
      fault_finder(file, pointer);
    } catch (error) {
      say(file, `${pointer}: ${error.message}`);
    }
  }
  const text = JSON.stringify(document);
  for (const [kind, parts] of Object.entries(document.components)) {
    if (kind === 'securitySchemes') continue;
    for (const name of Object.keys(parts)) {
      const pointer = `#/components/${kind}/${name}`;
      if (name !== 'BadMethod' && !text.includes(JSON.stringify(pointer))) say(file, `${pointer} is used nowhere`);
    }
  }
}

// ---- the code --------------------------------------------------------------------------------

// static const char *const paths[] = {"/simple", "/", NULL};
function check_paths(name) {
  const [, list] = /\bpaths\[\] = \{([^}]*)\}/.exec(read(`proto/${name}.c`));
  const paths = [...list.matchAll(/"([^"]*)"/g)].map(([, path]) => path);
  const { file, paths: documented } = protocol(name);
  if (String(paths) !== String(documented)) say(file, `it is at ${documented}; in proto/${name}.c at ${paths}`);
}

// {HTTP_GET, "/room/{}", …}, or ROUTE(GET, "/rooms", …) where a prefix is the same for all.
function check_routes(name) {
  const code = sources.filter((each) => new RegExp(`^${name}(_http\\w*)?\\.c$`).test(each));
  const routes = code.flatMap((each) => {
    const text = read(`proto/${each}`);
    const [, prefix = ''] = /HTTP_##method, "([^"]*)" path/.exec(text) ?? [];
    const found = [...text.matchAll(/(?:\{HTTP_|\bROUTE\()([A-Z]+),\s*"([^"]+)"/g)];
    return found.map(([, method, path]) => `${method} ${prefix}${path}`);
  });
  const { file, operations } = surface(name);
  compare(file, 'the route', new Set(operations.map(as_route)), new Set(routes), code.join(', '));
}

const as_route = ({ method, template }) => `${method} ${template.replaceAll(/\{\w+\}/g, '{}')}`;

// ---- the pages -------------------------------------------------------------------------------

const spans = (text) => [...text.matchAll(/`([^`\n]+)`/g)].map(([, span]) => span);

// The part of a page under a heading; empty where it has none.
function section(page, heading) {
  const [, text = ''] = page.split(new RegExp(`^## ${heading}$`, 'm'));
  return text.split(/^## /m)[0];
}

// The tables of a text: {head, rows}, each a list of cells.
function tables(text) {
  const cells = (line) => line.split(/(?<!\\)\|/).slice(1, -1).map((cell) => cell.trim());
  return [...text.matchAll(/(^\|.*\n)+/gm)].map(([block]) => {
    const [head, , ...rows] = block.trimEnd().split('\n').map(cells);
    return { head, rows };
  });
}

// What stands in code in the columns with one of these names.
function columns(text, names) {
  return tables(text).flatMap(({ head, rows }) => {
    const at = head.findIndex((cell) => names.includes(cell.replaceAll('`', '')));
    return at < 0 ? [] : rows.flatMap((row) => spans(row[at] ?? ''));
  });
}

const codes_of = (file) => resolve(file, '#/components/schemas/errorCode').value.enum;

// The codes in the table under "Errors" are those of the document.
function check_codes(name, page) {
  const { file } = protocol(name);
  const told = columns(section(page, 'Errors'), ['code', 'error']);
  compare(file, 'the code', new Set(codes_of(file)), new Set(told), `${name}.md`);
}

// What tells one message from another, and what a frame is made of where that is nothing.
function names_of({ properties }, hallmarks) {
  const values = hallmarks.flatMap((each) => properties[each]?.enum ?? properties[each]?.const ?? []);
  return values.length ? values : Object.keys(properties);
}

function check_names(name, page) {
  const { file, messages, hallmarks, paths } = protocol(name);
  const text = spans(page).join('\n');
  const is_there = (word) => new RegExp(`(^|")${word}("|$)`, 'm').test(text);
  const names = new Set([...messages.values()].flatMap((message) => names_of(message, hallmarks)));
  for (const each of names) if (!is_there(each)) say(file, `${name}.md does not speak of ${each}`);
  for (const path of paths) if (!spans(page).includes(path)) say(file, `${name}.md does not speak of ${path}`);
  // Tables of names: | `payloadType` | …
  for (const each of columns(page, hallmarks)) if (!names.has(each)) say(file, `${each} is in ${name}.md alone`);
}

// Does a schema speak of any member of this example? One that asks for nothing takes all.
function speaks_of({ properties = {} }, example) {
  return Object.keys(example).some((member) => member in properties);
}

// Frames, and what they are made of: {faults, value} of each schema that an example may be of.
function pieces(file) {
  return schema_pointers(read_document(file)).map((pointer) => ({
    value: resolve(file, pointer).value,
    faults: fault_finder(file, pointer),
  }));
}

// Objects in code: in a line, or a block of lines.
function examples(page) {
  const blocks = [...page.matchAll(/(^ {4}.*\n)+/gm)].map(([block]) => block.trim());
  return [...spans(page), ...blocks].filter((text) => text.startsWith('{"'));
}

// An example may leave things out: "0d9a-…" is some string, ", …" more of the same.
function parse_example(text) {
  const some = '"6ba7b811-9dad-11d1-80b4-00c04fd40001"';
  return JSON.parse(text.replaceAll(', …', '').replaceAll(/"[^"]*…"/g, some));
}

// Frames say by their type what they are; anything else may be any part of a document.
function fits(example, parts) {
  return parts.some(({ value, faults }) => {
    const speaks = 'type' in example ? 'type' in (value.properties ?? {}) : speaks_of(value, example);
    return speaks && !faults(example).length;
  });
}

function check_examples(name, page) {
  const parts = documents.filter((file) => file.split('.')[0] === name).flatMap(pieces);
  for (const text of examples(page)) {
    try {
      if (!fits(parse_example(text), parts)) say(`${name}.md`, `no document has ${text}`);
    } catch {
      say(`${name}.md`, `no JSON: ${text}`);
    }
  }
}

// The codes that its tables of failed requests have are in the document.
function check_rest_codes(name, page) {
  const { file } = surface(name);
  const told = columns(PROTOCOLS.includes(name) ? section(page, 'REST') : page, ['error']);
  for (const each of told) if (!codes_of(file).includes(each)) say(file, `${name}.md has the code ${each}`);
}

const METHOD = /^(GET|POST|PUT|PATCH|DELETE)$/;

// The requests that a cell of a table names: `GET /room/<id>/users?limit`, and behind one, in
// short, `/admins` in place of its last part, or `DELETE` in place of its method.
function requests_in(cell) {
  const found = [];
  for (const span of spans(cell)) {
    const [method, path] = span.replace(/\?.*$/, '').split(' ');
    const last = found.at(-1);
    if (path?.startsWith('/') && METHOD.test(method)) found.push({ method, path });
    else if (!last) continue;
    else if (METHOD.test(span)) found.push({ method: span, path: last.path });
    else if (method.startsWith('/')) found.push({ ...last, path: last.path.replace(/\/[^/]*$/, method) });
  }
  return found;
}

// The page's tables of requests have each operation, and no other.
function check_requests(name, page) {
  const { file, operations } = surface(name);
  const told = new Set();
  for (const [cell = ''] of tables(page).flatMap(({ rows }) => rows)) {
    for (const { method, path } of requests_in(cell)) {
      try {
        const { operation } = surface(name).find(method, path);
        if (operation) told.add(as_route(operation));
        else say(`${name}.md`, `${file} has no ${method} ${path}`);
      } catch (error) {
        say(`${name}.md`, error.message);
      }
    }
  }
  // The original's other spelling of a path is a remark of the page's.
  const spelled = operations.filter(({ template }) => !template.endsWith('/'));
  for (const each of spelled.map(as_route)) if (!told.has(each)) say(`${name}.md`, `no table has ${each}`);
}

// ---- all of it -------------------------------------------------------------------------------

const map = read('proto/README.md');
for (const file of documents) {
  const name = file.split('.')[0];
  const page = read(`proto/${name}.md`);
  if (!page.includes(`](${file})`)) say(file, `${name}.md has no link to it`);
  if (!map.includes(`](${file})`)) say(file, 'proto/README.md has no link to it');
  check_schemas(file);
}
for (const name of PROTOCOLS) {
  const page = read(`proto/${name}.md`);
  check_asyncapi(`${name}.asyncapi.json`);
  check_paths(name);
  check_codes(name, page);
  check_names(name, page);
  check_examples(name, page);
}
for (const name of SURFACES) {
  await check_openapi(`${name}.openapi.json`);
  check_routes(name);
  const page = read(`proto/${name}.md`);
  check_requests(name, page);
  check_rest_codes(name, page);
  if (!PROTOCOLS.includes(name)) check_examples(name, page);
}
process.exit(wrong ? 1 : 0);
