// Every REST response against the OpenAPI document of its surface (proto/<name>.openapi.json):
// a path and a method that stand there, a status that the operation can have, a body as the
// schema of that status says.

import { documented, fault_finder, pointer_to, read_document, resolve } from './schema.js';

const METHODS = ['get', 'post', 'put', 'patch', 'delete'];
const JSON_TYPE = 'application/json';
const JSON_SCHEMA = 'content/application~1json/schema';

// The names of the surfaces that there are.
export const SURFACES = documented('openapi');

export class Surface {
  operations = []; // {method, template, pointer, value, parameters}

  constructor(name) {
    this.file = `${name}.openapi.json`;
    const { paths, servers = [] } = read_document(this.file);
    const base = (servers[0]?.url ?? '/').replace(/\/$/, '');
    for (const path of Object.keys(paths)) this.#add_path(`${base}${path}`, pointer_to('paths', path));
    // "/users/register" goes before "/users/{id}".
    this.operations.sort((a, b) => a.template.replaceAll('{', '~') < b.template.replaceAll('{', '~') ? -1 : 1);
  }

  #add_path(template, at) {
    const item = resolve(this.file, at);
    for (const method of METHODS.filter((each) => each in item.value)) {
      const value = item.value[method];
      const parameters = [...(item.value.parameters ?? []), ...(value.parameters ?? [])].map((each) =>
        each.$ref ? resolve(this.file, each.$ref).value : each,
      );
      const pointer = `${item.pointer}/${method}`;
      this.operations.push({ method: method.toUpperCase(), template, pointer, value, parameters });
    }
  }

  // {operation}, or, where the path is known and the method is not, {}; throws for a path that
  // no operation has.
  find(method, path) {
    const segments = path.split('/');
    const fitting = this.operations.filter(({ template }) => fits(template.split('/'), segments));
    if (!fitting.length) throw new Error(`${this.file} has no path like ${path}`);
    const { template } = fitting[0];
    return { operation: fitting.find((each) => each.template === template && each.method === method) };
  }

  // What is wrong with a request that is meant to be a good one.
  request_faults({ method, path, query = {}, body }) {
    const { operation } = this.find(method, path);
    if (!operation) return [`the path does not know ${method}`];
    const { value, pointer, parameters } = operation;
    const names = parameters.filter((each) => each.in === 'query').map((each) => each.name);
    const strange = Object.keys(query).filter((name) => !names.includes(name) && !this.#is_credential(name));
    const faults = strange.map((name) => `?${name} is no parameter`);
    if (body === undefined) return value.requestBody?.required ? [...faults, 'it needs a body'] : faults;
    if (!value.requestBody) return [...faults, 'it takes no body'];
    const schema = `${pointer}/requestBody/${JSON_SCHEMA}`;
    return [...faults, ...this.#schema_faults(schema)(body)];
  }

  // What is wrong with an answer: {status, headers, text}.
  response_faults({ method, path }, { status, headers, text }) {
    const { operation } = this.find(method, path);
    // What no path of the document knows is answered alike everywhere.
    const at = operation
      ? this.#response_at(operation, status)
      : status === 405 && pointer_to('components', 'responses', 'BadMethod');
    if (!at) return [`${status} is no status of ${method} ${operation?.template ?? path}`];
    const { value, pointer } = resolve(this.file, at);
    return body_faults(value, headers, text, () =>
      this.#schema_faults(`${pointer}/${JSON_SCHEMA}`),
    );
  }

  #response_at({ value, pointer }, status) {
    return String(status) in value.responses ? `${pointer}/responses/${status}` : null;
  }

  // ?key= of rooms.
  #is_credential(name) {
    const { components = {} } = read_document(this.file);
    return Object.values(components.securitySchemes ?? {}).some(
      (scheme) => scheme.in === 'query' && scheme.name === name,
    );
  }

  #schemas = new Map();
  #schema_faults(pointer) {
    if (!this.#schemas.has(pointer)) this.#schemas.set(pointer, fault_finder(this.file, pointer));
    return this.#schemas.get(pointer);
  }
}

function fits(template, segments) {
  return (
    template.length === segments.length &&
    template.every((part, i) => (part.startsWith('{') ? segments[i] !== '' : part === segments[i]))
  );
}

function body_faults({ content }, headers, text, schema_faults) {
  if (!content) return text === '' ? [] : [`there is a body: ${text.slice(0, 200)}`];
  if (!(JSON_TYPE in content)) return [];
  const type = headers['content-type'] ?? '';
  const faults = type.startsWith(JSON_TYPE) ? [] : [`the content type is ${type || 'missing'}`];
  let body;
  try {
    body = JSON.parse(text);
  } catch {
    return [...faults, `the body is not JSON: ${text.slice(0, 200)}`];
  }
  return [...faults, ...schema_faults()(body)];
}

const known = new Map();

export function surface(name) {
  if (!known.has(name)) known.set(name, new Surface(name));
  return known.get(name);
}
