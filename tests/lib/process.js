// Child processes: one dies or is paused with all that it started, as a machine would;
// and none outlives the test.
//
//   PARLEY_TEST_LOGS  a folder: all that a child prints is also kept there, in <name>.log

import { spawn } from 'node:child_process';
import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PATIENCE_MS, within } from './wait.js';

const LOG_LINES = 400;
const LOGS = process.env.PARLEY_TEST_LOGS;

// What a program never says when it is well: a sanitizer's report, a failed
// assertion, a child that died of a fault of its own (and not by these tests).
const ALARM =
  /(Address|Leak|UndefinedBehavior|Memory)Sanitizer|runtime error:|[Aa]ssertion|signal="?(Segmentation|Aborted|Illegal|Bus|Floating)/;

// Every such line of every child, once, for whoever asks first.
const alarms = [];
export function take_alarms() {
  return alarms.splice(0);
}

const alive = new Set();
const folders = new Set();

function end_everything() {
  for (const child of alive) child.signal('SIGKILL');
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  for (const file of ports) rmSync(file, { force: true });
}

process.on('exit', end_everything);
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(name, () => process.exit(1));

// A folder that goes when the test process ends.
export function temporary_folder(name) {
  const folder = mkdtempSync(join(tmpdir(), `parley-${name}-`));
  folders.add(folder);
  return folder;
}

// Ports below those that the system takes for connections: what is killed finds its port free when
// it is started again. One file a port says whose it is, so that tests that run side by side never
// have the same one.
const FIRST_PORT = 12000;
const LAST_PORT = Number(readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').split(/\s+/)[0]) - 1;
const PORT_TRIES = 1000;
const PORTS = join(tmpdir(), 'parley-test-ports');
const ports = new Set();

function is_alive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code !== 'ESRCH';
  }
}

// Takes the port's file, also from a process that has ended.
function reserve(port) {
  const file = join(PORTS, String(port));
  try {
    writeFileSync(file, String(process.pid), { flag: 'wx' });
    ports.add(file);
    return true;
  } catch {
    try {
      const pid = Number(readFileSync(file, 'utf8'));
      if (pid && !is_alive(pid)) rmSync(file, { force: true }); // drawn again, another time
    } catch {
      /* somebody else did so */
    }
    return false;
  }
}

function is_free(port) {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '0.0.0.0', exclusive: true }, () => server.close(() => resolve(true)));
  });
}

// A port at which nobody listens, whatever the address, and that is this process's until it ends.
export async function free_port() {
  mkdirSync(PORTS, { recursive: true });
  for (let i = 0; i < PORT_TRIES; i++) {
    const port = FIRST_PORT + Math.floor(Math.random() * (LAST_PORT - FIRST_PORT));
    if (reserve(port) && (await is_free(port))) return port;
  }
  throw new Error(`no port is free between ${FIRST_PORT} and ${LAST_PORT}`);
}

// The processes that this one has started, by what Linux tells of it.
export function children_of(pid) {
  try {
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
    return text.trim().split(' ').filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

export function descendants_of(pid) {
  return children_of(pid).flatMap((child) => [child, ...descendants_of(child)]);
}

export class Child {
  // `environment` is added to the test's own, without its PARLEY_* variables: those
  // steer the tests, not the program.
  constructor(name, command, args, { environment = {}, cwd } = {}) {
    const inherited = Object.fromEntries(
      Object.entries(process.env).filter(([key]) => !key.startsWith('PARLEY_')),
    );
    this.name = name;
    this.lines = [];
    this.line_count = 0; // of all lines ever; `lines` are the newest of them
    this.code = null;
    this.by_signal = null;
    this.process = spawn(command, args, {
      cwd,
      env: { ...inherited, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    alive.add(this);
    this.#collect(this.process.stdout);
    this.#collect(this.process.stderr);
    this.exited = new Promise((resolve) => {
      this.process.once('error', (error) => {
        this.lines.push(`cannot be started: ${error.message}`);
        this.#gone(127, null, resolve);
      });
      this.process.once('exit', (code, by_signal) => this.#gone(code, by_signal, resolve));
    });
    this.output_ended = new Promise((resolve) => this.process.once('close', resolve));
  }

  get pid() {
    return this.process.pid;
  }

  get running() {
    return alive.has(this);
  }

  // To all of it: its group, which may outlive the first process, and its descendants,
  // which may have groups of their own.
  signal(name) {
    for (const pid of [-this.pid, ...descendants_of(this.pid)]) {
      try {
        process.kill(pid, name);
      } catch {
        /* gone already */
      }
    }
  }

  // Asks it to end, and waits until it has. Throws when it will not.
  async stop(patience_ms = PATIENCE_MS * 2) {
    if (this.running) {
      this.signal('SIGCONT');
      process.kill(this.pid, 'SIGTERM');
      try {
        await within(patience_ms, `the end of ${this.name} after SIGTERM`, this.exited);
      } catch (error) {
        await this.kill();
        throw error;
      }
    }
    this.signal('SIGKILL');
  }

  async kill() {
    this.signal('SIGKILL');
    await this.exited;
  }

  // What it printed, from line `since` on (a line_count of earlier).
  log(since = 0) {
    const first = Math.max(0, this.lines.length - (this.line_count - since));
    return this.lines.slice(first).map((line) => `  ${this.name} | ${line}`).join('\n');
  }

  #gone(code, by_signal, resolve) {
    this.code = code;
    this.by_signal = by_signal;
    alive.delete(this);
    resolve({ code, by_signal });
  }

  #collect(stream) {
    let rest = '';
    stream.setEncoding('utf8');
    stream.on('data', (text) => {
      if (LOGS) appendFileSync(join(LOGS, `${this.name}.log`), text);
      const lines = (rest + text).split('\n');
      rest = lines.pop();
      this.lines.push(...lines);
      this.line_count += lines.length;
      alarms.push(...lines.filter((line) => ALARM.test(line)).map((line) => `${this.name} | ${line}`));
      if (this.lines.length > LOG_LINES) this.lines.splice(0, this.lines.length - LOG_LINES);
    });
    stream.on('end', () => {
      if (rest) this.lines.push(rest);
      if (ALARM.test(rest)) alarms.push(`${this.name} | ${rest}`);
    });
  }
}

// Runs a program to its end: {code, output}.
export async function run_to_end(command, args, { patience_ms = 10000, ...options } = {}) {
  const child = new Child(command, command, args, options);
  try {
    await within(patience_ms, `the end of ${command} ${args.join(' ')}`, child.exited);
    await child.output_ended;
  } finally {
    if (child.running) await child.kill();
  }
  return { code: child.code, output: child.lines.join('\n') };
}
