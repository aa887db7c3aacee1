// The documents in proto/ that describe what stands on the wire, and ajv, which holds values
// against the schemas inside them.

import { readFileSync, readdirSync } from 'node:fs';
import Ajv2020 from 'ajv/dist/2020.js';

const folder = new URL('../../proto/', import.meta.url);

// Strict: a keyword that is not known, or cannot have an effect, is an error of the document.
// What is required need not be described in the same place, and a type may stand further out.
const ajv = new Ajv2020({
  strict: true,
  strictTypes: false,
  strictRequired: false,
  allErrors: true,
  validateFormats: false,
});

const documents = new Map();

// Whose documents of a kind ("asyncapi", "openapi") there are.
export function documented(kind) {
  const files = readdirSync(folder).filter((file) => file.endsWith(`.${kind}.json`));
  return files.map((file) => file.split('.')[0]).sort();
}

// A document of proto/ by the name of its file, parsed.
export function read_document(name) {
  if (!documents.has(name)) {
    const document = JSON.parse(readFileSync(new URL(name, folder), 'utf8'));
    // The whole of it, so that references from one part to another are found: what stands at its
    // top is no schema, but ajv takes it for one.
    const { id: _, ...root } = document;
    for (const member of Object.keys(root)) {
      if (!(member in ajv.RULES.keywords)) ajv.addKeyword(member);
    }
    ajv.addSchema(root, name, false, false);
    documents.set(name, document);
  }
  return documents.get(name);
}

// What stands at a JSON pointer ("#/components/…"), references followed; with the pointer
// at which it was found.
export function resolve(name, pointer) {
  let value = read_document(name);
  for (const part of pointer.slice(2).split('/').filter(Boolean)) {
    value = value?.[decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~')];
  }
  if (value === undefined) throw new Error(`${name} has nothing at ${pointer}`);
  return value.$ref ? resolve(name, value.$ref) : { value, pointer };
}

// A JSON pointer from the names on the way.
export function pointer_to(...parts) {
  const escaped = parts.map((part) => String(part).replaceAll('~', '~0').replaceAll('/', '~1'));
  return `#/${escaped.map(encodeURIComponent).join('/')}`;
}

// A function that says in words what is wrong with a value by the schema at `pointer` ("#" for
// the whole document): a list, empty where nothing is.
export function fault_finder(name, pointer = '#') {
  read_document(name);
  const validate = ajv.getSchema(`${name}${pointer}`);
  if (!validate) throw new Error(`${name} has no schema at ${pointer}`);
  return (value) => (validate(value) ? [] : [...new Set(telling(validate.errors).map(in_words))]);
}

// That no alternative fits says less than why each does not.
function telling(errors) {
  const single = errors.filter(({ keyword }) => !['anyOf', 'oneOf', 'if'].includes(keyword));
  return single.length ? single : errors;
}

function in_words({ instancePath, keyword, message, params }) {
  const details = {
    additionalProperties: () => `: ${params.additionalProperty}`,
    unevaluatedProperties: () => `: ${params.unevaluatedProperty}`,
    const: () => ` ${JSON.stringify(params.allowedValue)}`,
    enum: () => `: ${params.allowedValues.map((each) => JSON.stringify(each)).join(', ')}`,
  };
  return `${instancePath || 'the whole'} ${message}${details[keyword]?.() ?? ''}`;
}
