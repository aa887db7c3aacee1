// Patterns of transcripts (tests/transcripts/README.md, "Patterns"): match tells
// whether a value fits, expand fills in what an earlier step remembered.

const TYPES = {
  number: (value) => typeof value === 'number',
  string: (value) => typeof value === 'string',
  boolean: (value) => typeof value === 'boolean',
  object: (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
  array: Array.isArray,
  value: () => true,
};

function special(pattern) {
  if (!TYPES.object(pattern)) return null;
  return Object.keys(pattern).find((key) => key.startsWith('$') && key !== '$more') ?? null;
}

// Null where `value` fits, else what does not, with its place. `memory` is a Map;
// captures of a failed match must not be used, so give it a copy to try with.
export function mismatch(pattern, value, memory, place = '') {
  const here = place || 'the value';
  switch (special(pattern)) {
    case '$any': {
      const fits = TYPES[pattern.$any];
      if (!fits) throw new Error(`no such type: ${pattern.$any}`);
      return fits(value) ? null : `${here} is no ${pattern.$any}: ${JSON.stringify(value)}`;
    }
    case '$capture':
      memory.set(pattern.$capture, value);
      return null;
    case '$same':
      if (!memory.has(pattern.$same)) throw new Error(`nothing was captured as ${pattern.$same}`);
      return JSON.stringify(value) === JSON.stringify(memory.get(pattern.$same))
        ? null
        : `${here} is ${JSON.stringify(value)}, not ${JSON.stringify(memory.get(pattern.$same))}`;
    case '$match':
      return typeof value === 'string' && new RegExp(pattern.$match, 'u').test(value)
        ? null
        : `${here} does not match ${pattern.$match}: ${JSON.stringify(value)}`;
    case '$repeat':
      return value === expand(pattern, memory) ? null : `${here} is not the repeated text`;
    case null:
      return plain_mismatch(pattern, value, memory, here);
    default:
      throw new Error(`no such pattern: ${JSON.stringify(pattern)}`);
  }
}

function plain_mismatch(pattern, value, memory, here) {
  if (Array.isArray(pattern)) {
    if (!Array.isArray(value) || value.length !== pattern.length) {
      return `${here} is no array of ${pattern.length}: ${JSON.stringify(value)}`;
    }
    for (let i = 0; i < pattern.length; i++) {
      const fault = mismatch(pattern[i], value[i], memory, `${here}[${i}]`);
      if (fault) return fault;
    }
    return null;
  }
  if (TYPES.object(pattern)) return object_mismatch(pattern, value, memory, here);
  return value === pattern
    ? null
    : `${here} is ${JSON.stringify(value)}, not ${JSON.stringify(pattern)}`;
}

function object_mismatch(pattern, value, memory, here) {
  if (!TYPES.object(value)) return `${here} is no object: ${JSON.stringify(value)}`;
  const wanted = Object.keys(pattern).filter((key) => key !== '$more');
  let members = Object.keys(value);
  if (pattern.$more) members = members.filter((key) => wanted.includes(key));
  if (String(members) !== String(wanted)) {
    return `${here} has the members ${members.join(', ')}, not ${wanted.join(', ')}`;
  }
  for (const key of wanted) {
    const fault = mismatch(pattern[key], value[key], memory, `${here}.${key}`);
    if (fault) return fault;
  }
  return null;
}

// What is to be sent: `$same` and `$repeat` filled in. Names of members keep order.
export function expand(value, memory) {
  if (Array.isArray(value)) return value.map((item) => expand(item, memory));
  if (!TYPES.object(value)) return value;
  if ('$same' in value) {
    if (!memory.has(value.$same)) throw new Error(`nothing was captured as ${value.$same}`);
    return memory.get(value.$same);
  }
  if ('$repeat' in value) return value.$repeat[0].repeat(value.$repeat[1]);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, expand(item, memory)]));
}
