// Every relative link in the docs leads to a file of the repository.

import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';

const root = new URL('../../', import.meta.url);
const pages = execFileSync('git', ['ls-files', '-co', '--exclude-standard', '*.md'], { cwd: root, encoding: 'utf8' });
let broken = 0;
for (const page of pages.split('\n').filter(Boolean)) {
  const text = readFileSync(new URL(page, root), 'utf8').replace(/```[\s\S]*?```/g, '');
  for (const [, target] of text.matchAll(/\]\(([^)\s#]+)[^)]*\)/g)) {
    if (/^[a-z]+:/.test(target) || existsSync(new URL(target, new URL(page, root)))) continue;
    console.log(`${page}: ${target} is not there`);
    broken++;
  }
}
process.exit(broken ? 1 : 0);
