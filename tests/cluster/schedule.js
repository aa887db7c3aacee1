// When what breaks: drawn from a seed, before anything has begun, so that a seed gives the same
// schedule again.

import { random } from '../lib/random.js';

const NODES = 3;

// Of each fault: how often it is drawn, for how long it lasts at most and at least (ms), and what
// it needs for itself: two faults that need the same are not under way at the same time.
const FAULTS = {
  kill_node: { weight: 4, ms: [0, 7000], needs: 'node' },
  kill_worker: { weight: 1, ms: [0, 0], needs: 'node' },
  pause_node: { weight: 2, ms: [100, 3500], needs: 'node' },
  pause_past_lease: { weight: 2, ms: [5500, 8000], needs: 'node' },
  drain_node: { weight: 1, ms: [0, 1000], needs: 'node' },
  rolling_restart: { weight: 1, ms: [0, 300], needs: 'nodes' },
  restart_redis: { weight: 2, ms: [0, 4000], needs: 'redis' },
  pause_redis: { weight: 2, ms: [100, 5000], needs: 'redis' },
  full_disk: { weight: 1, ms: [0, 500], needs: 'redis' },
  full_memory: { weight: 1, ms: [200, 3000], needs: 'redis' },
  flush_scripts: { weight: 1, ms: [0, 0], needs: null },
  kill_commands: { weight: 2, ms: [0, 0], needs: null },
  kill_subscribers: { weight: 3, ms: [0, 0], needs: null },
  client_pause: { weight: 1, ms: [100, 4000], needs: null },
  slow_link: { weight: 2, ms: [500, 6000], needs: 'cable', most: 120 },
  cut_link: { weight: 2, ms: [0, 7000], needs: 'cable' },
  hang_link: { weight: 2, ms: [500, 6000], needs: 'cable' },
  mute_bus: { weight: 2, ms: [500, 6000], needs: 'cable' },
  slow_door: { weight: 1, ms: [500, 5000], needs: 'door', most: 200 },
  cut_door: { weight: 1, ms: [0, 3000], needs: 'door' },
  half_open: { weight: 2, ms: [500, 5000], needs: 'door' },
  cut_clients: { weight: 3, ms: [0, 0], needs: null },
  slow_readers: { weight: 2, ms: [500, 4000], needs: null },
  take_over: { weight: 2, ms: [0, 0], needs: null },
  failover: { weight: 4, ms: [0, 500], needs: 'redis' },
  kill_master: { weight: 3, ms: [1000, 5000], needs: 'redis' },
  pause_master: { weight: 2, ms: [500, 5000], needs: 'redis' },
  move_slots: { weight: 4, ms: [0, 1000], needs: 'redis' },
};

const EVERYWHERE = [
  'kill_node', 'kill_worker', 'pause_node', 'pause_past_lease', 'drain_node', 'rolling_restart',
  'kill_commands', 'kill_subscribers', 'client_pause', 'flush_scripts',
  'slow_door', 'cut_door', 'half_open', 'cut_clients', 'slow_readers', 'take_over',
];

const BETWEEN = ['slow_link', 'cut_link', 'hang_link', 'mute_bus']; // a node and Redis
const OF_MASTERS = ['failover', 'kill_master', 'pause_master'];

// Which faults there are, by Redis' shape. (Sentinels name a master by one address for all: there are
// no cables.)
export const SHAPES = {
  one: [...EVERYWHERE, 'restart_redis', 'pause_redis', 'full_disk', 'full_memory', ...BETWEEN],
  sentinel: [...EVERYWHERE, ...OF_MASTERS],
  cluster: [...EVERYWHERE, ...OF_MASTERS, 'move_slots', ...BETWEEN],
};

const QUIET_AT_START_MS = 1000;
const GAP_MS = [200, 2600]; // between the beginnings of two faults

function needs_of(fault, victim) {
  const { needs } = FAULTS[fault];
  if (!needs) return [];
  if (needs === 'nodes') return Array.from({ length: NODES }, (_, i) => `node ${i}`);
  return [needs === 'redis' ? 'redis' : `${needs} ${victim}`];
}

// [{at_ms, fault, victim, ms, size, needs}], in order. `victim`: of the nodes; `size`: a number
// from 0 to `most`, else to 1000, for whatever the fault wants to choose.
export function schedule({ seed, seconds, shape = 'one', faults = SHAPES[shape] }) {
  const draw = random(seed);
  const between = ([least, most]) => least + draw.below(most - least + 1);
  const hat = faults.flatMap((fault) => Array(FAULTS[fault].weight).fill(fault));
  const plan = [];
  for (let at_ms = QUIET_AT_START_MS; ; at_ms += between(GAP_MS)) {
    const fault = draw.pick(hat);
    const victim = draw.below(NODES);
    const ms = between(FAULTS[fault].ms);
    const size = draw.below(FAULTS[fault].most ?? 1000);
    if (at_ms >= seconds * 1000) return plan;
    plan.push({ at_ms, fault, victim, ms, size, needs: needs_of(fault, victim) });
  }
}
