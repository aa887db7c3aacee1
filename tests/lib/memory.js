// What Linux says of a process' memory.

import { readFileSync } from 'node:fs';
import { descendants_of } from './process.js';

function resident(pid) {
  const [, kib] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kib ?? 0) / 1024;
}

// A sanitized program keeps what was freed for a while: its memory says nothing.
export const memory_tells = !process.env.PARLEY_SANITIZED;

// Resident MiB of a Child and all that it started.
export function resident_mib(child) {
  return [child.pid, ...descendants_of(child.pid)].reduce((sum, pid) => sum + resident(pid), 0);
}
