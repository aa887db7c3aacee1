// From samples to judged figures, and those as a table.

export function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

function series_value(samples, value) {
  const unavailable = samples?.find((s) => s.unavailable)?.unavailable;
  if (!samples?.length || unavailable) return { unavailable: unavailable ?? 'not measured' };
  return { value: median(samples.map(value)) };
}

function meets(number, target) {
  return number >= (target.at_least ?? -Infinity) && number <= (target.at_most ?? Infinity);
}

// One line of the table. `measured` has the samples of the group by series. `limit` is
// what the figure is divided by; `beside` is only shown.
export function judge(figure, measured, group, cores) {
  const { value, unavailable } = series_value(measured[figure.of], figure.value);
  const line = { what: figure.what, unit: figure.unit, target: figure.target, value };
  const limit = series_value(measured[figure.limit ?? figure.beside], figure.value);
  line.limit = limit.value;
  line.unavailable = unavailable ?? (figure.limit ? limit.unavailable : undefined);
  if (line.unavailable) return { ...line, verdict: `n/a: ${line.unavailable}` };
  if (figure.limit) line.ratio = value / limit.value;
  if (!figure.target) line.verdict = '';
  else if (group.needs_cores > cores) line.verdict = `n/a: ${cores} cores`;
  else line.verdict = meets(line.ratio ?? value, figure.target) ? 'met' : 'missed';
  return line;
}

function amount(number, unit) {
  if (number === undefined) return '';
  const digits = number >= 1000 ? 0 : number >= 10 ? 1 : 2;
  const text = number.toFixed(digits).replace(/\B(?=(\d{3})+(?!\d))/g, (comma, _, at, all) => {
    const point = all.indexOf('.');
    return point >= 0 && at > point ? '' : ',';
  });
  return unit ? `${text} ${unit}` : text;
}

function target_text({ target, ratio, unit }) {
  if (!target) return '';
  const [sign, number] = 'at_least' in target ? ['≥', target.at_least] : ['≤', target.at_most];
  return `${sign} ${ratio === undefined ? amount(number, unit) : number.toFixed(2)}`;
}

const head = ['figure', 'measured', 'limit', 'ratio', 'target', 'verdict'];

function cells(line) {
  return [
    line.what,
    amount(line.value, line.unit),
    amount(line.limit, line.unit),
    line.ratio === undefined ? '' : line.ratio.toFixed(2),
    target_text(line),
    line.verdict,
  ];
}

// Markdown that can be read as it is.
export function table(lines) {
  const rows = [head, ...lines.map(cells)];
  const widths = head.map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const pad = (row) => `| ${row.map((cell, column) => cell.padEnd(widths[column])).join(' | ')} |`;
  const rule = `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`;
  return [pad(rows[0]), rule, ...rows.slice(1).map(pad)].join('\n');
}
