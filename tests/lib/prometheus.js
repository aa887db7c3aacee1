// The text format of Prometheus (version 0.0.4), checked line by line.

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const SAMPLE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)(?: (-?\d+))?$/;
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(?:,|$)/y;
const TYPES = ['counter', 'gauge', 'histogram', 'summary', 'untyped'];

// {samples: [{name, labels, value}], families: Map name -> {type, help}}; throws at
// the first line that is none.
export function parse_metrics(text) {
  const families = new Map();
  const samples = [];
  const series = new Set();
  const finished = new Set();
  let current = null;
  if (!text.endsWith('\n')) throw new Error('the last line has no end');
  for (const line of text.slice(0, -1).split('\n')) {
    if (line === '') continue;
    if (line.startsWith('#')) read_comment(line, families, samples);
    else {
      const sample = read_sample(line);
      const family = family_of(sample.name, families);
      if (family !== current) {
        if (finished.has(family)) throw new Error(`samples of ${family} do not stand together`);
        if (current) finished.add(current);
        current = family;
      }
      const key = `${sample.name}{${Object.entries(sample.labels).sort().join(';')}}`;
      if (series.has(key)) throw new Error(`twice: ${key}`);
      series.add(key);
      samples.push(sample);
    }
  }
  return { families, samples };
}

function read_comment(line, families, samples) {
  const [, word, name, rest] = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line) ?? [];
  if (!word) return;
  if (!NAME.test(name)) throw new Error(`no name of a metric: ${line}`);
  const family = families.get(name) ?? {};
  const key = word.toLowerCase();
  if (key in family) throw new Error(`${word} twice: ${line}`);
  if (word === 'TYPE' && !TYPES.includes(rest)) throw new Error(`no such type: ${line}`);
  if (word === 'TYPE' && samples.some((sample) => sample.name === name)) {
    throw new Error(`TYPE behind its samples: ${line}`);
  }
  family[key] = rest;
  families.set(name, family);
}

function read_sample(line) {
  const [, name, inner, value] = SAMPLE.exec(line) ?? [];
  if (!name) throw new Error(`no sample: ${line}`);
  if (!/^(NaN|[+-]Inf|[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?)$/.test(value)) {
    throw new Error(`no value: ${line}`);
  }
  const labels = {};
  LABEL.lastIndex = 0;
  while (inner !== undefined && LABEL.lastIndex < inner.length) {
    const at = LABEL.lastIndex;
    const match = LABEL.exec(inner);
    if (!match) throw new Error(`no label at ${at}: ${line}`);
    if (match[1] in labels) throw new Error(`label twice: ${line}`);
    labels[match[1]] = match[2];
  }
  return { name, labels, value: Number(value.replace('Inf', 'Infinity')) };
}

function family_of(name, families) {
  if (families.has(name)) return name;
  const base = name.replace(/_(bucket|sum|count)$/, '');
  if (families.has(base)) return base;
  throw new Error(`no TYPE for ${name}`);
}
