// What is measured and how it is judged (targets). A series is one way through one
// server, measured again and again; the series of a group take turns. A figure is a
// line of the table: what of which series, beside which limit, and what it must reach.
// To add one, add a row.

const bare = (mode) => ({ kind: 'bare', mode });
const parley = { kind: 'parley' };
const redis = { kind: 'redis' };

const fanout = (outstanding) => ['fanout', '--outstanding', outstanding];
const direct = (outstanding, ...more) => ['direct', '--outstanding', outstanding, ...more];
const room = (outstanding, ...more) => ['room', '--outstanding', outstanding, ...more];

const rate = (s) => s.rate;
const node_cpu = (s) => (s.cpu_node / s.count) * 1e6;
const all_cpu = (s) => ((s.cpu_node + (s.cpu_redis ?? 0)) / s.count) * 1e6;

// ---- shapes that recur -------------------------------------------------------------------

// As a share of a limit: at least `target`, or merely shown.
function share(what, of, limit, unit, target) {
  return { what, of, limit, unit, value: rate, target: target && { at_least: target } };
}
const paced = (...more) => ({ paced_by: 'saturation', load: direct(1, ...more) });

export const groups = {
  fanout: {
    title: 'Fan-out: 1 sender, 1,000 receivers in the lobby (simple), 128-byte text',
    series: {
      'bare 1': { server: bare('fanout'), load: fanout(1) },
      'parley 1': { server: parley, load: fanout(1) },
      'bare 8': { server: bare('coalesce'), load: fanout(8) },
      'parley 8': { server: parley, load: fanout(8) },
      'bare 32': { server: bare('coalesce'), load: fanout(32) },
      'parley 32': { server: parley, load: fanout(32) },
    },
    figures: [
      share('1 outstanding, of the bare server', 'parley 1', 'bare 1', 'deliveries/s', 0.9),
      share('8 outstanding, of the bare server that coalesces', 'parley 8', 'bare 8', 'deliveries/s', 0.6),
      share('32 outstanding, of the bare server that coalesces', 'parley 32', 'bare 32', 'deliveries/s', 0.6),
      {
        what: 'CPU of the node for a million deliveries, 1 outstanding, of the bare server',
        of: 'parley 1',
        limit: 'bare 1',
        unit: 's',
        value: node_cpu,
        target: { at_most: 1.15 },
      },
      { what: 'with that, CPU of Redis', of: 'parley 1', unit: 's', value: (s) => (s.cpu_redis / s.count) * 1e6 },
    ],
  },

  room: {
    title: 'Room messages: 200 pairs, each in a room of its own (simple)',
    series: {
      'relay 1': { server: bare('relay'), load: room(1, '--no-replies') },
      'parley 1': { server: { ...parley, rooms: 200 }, load: room(1) },
      'relay 4': { server: bare('relay'), load: room(4, '--no-replies') },
      'parley 4': { server: { ...parley, rooms: 200 }, load: room(4) },
    },
    figures: [
      share('1 outstanding, of the bare relay', 'parley 1', 'relay 1', 'messages/s', 0.6),
      share('4 outstanding, of the bare relay', 'parley 4', 'relay 4', 'messages/s', 0.5),
    ],
  },

  direct: {
    title: 'Stored direct messages, acknowledged: 200 pairs (messaging), append-only file every second',
    series: {
      'relay 1': { server: bare('relay'), load: direct(1, '--no-replies') },
      'answering relay 1': { server: bare('answer'), load: direct(1) },
      'redis 1': { server: redis, load: ['redis', '--outstanding', 1] },
      'parley 1': { server: parley, load: direct(1) },
      'parley 1, read': { server: parley, load: direct(1, '--reads') },
      'relay 4': { server: bare('relay'), load: direct(4, '--no-replies') },
      'answering relay 4': { server: bare('answer'), load: direct(4) },
      'redis 4': { server: redis, load: ['redis', '--outstanding', 4] },
      'parley 4': { server: parley, load: direct(4) },
      'parley 4, read': { server: parley, load: direct(4, '--reads') },
    },
    figures: [1, 4].flatMap((k) => [
      share(`${k} outstanding, of the bare relay`, `parley ${k}`, `relay ${k}`, 'messages/s', 0.4),
      share(`${k} outstanding, of Redis alone`, `parley ${k}`, `redis ${k}`, 'messages/s', 0.7),
      share(`${k} outstanding, of a bare relay that answers the sender`, `parley ${k}`, `answering relay ${k}`, 'messages/s'),
      share(`${k} outstanding and marked as read, of the bare relay`, `parley ${k}, read`, `relay ${k}`, 'messages/s'),
      {
        what: `CPU of node and Redis for a million, ${k} outstanding`,
        of: `parley ${k}`,
        unit: 's',
        value: all_cpu,
        target: { at_most: 25 },
      },
      { what: 'of that, the node', of: `parley ${k}`, unit: 's', value: node_cpu },
    ]),
  },

  latency: {
    title: 'Delivery time of stored direct messages, 200 pairs, at half of the rate that saturates the node',
    // Measured once before the others, which then run at half of its rate.
    saturation: { server: parley, load: direct(4) },
    series: {
      relay: { server: bare('relay'), ...paced('--no-replies') },
      parley: { server: parley, ...paced() },
    },
    figures: [
      {
        what: 'p99, of the bare relay at that rate',
        of: 'parley',
        limit: 'relay',
        unit: 'µs',
        value: (s) => s.p99_us,
        target: { at_most: 3 },
      },
      { what: 'p50, of the bare relay at that rate', of: 'parley', limit: 'relay', unit: 'µs', value: (s) => s.p50_us },
    ],
  },

  idle: {
    title: 'Idle connections: 10,000 (messaging)',
    samples: 1,
    series: {
      relay: { server: bare('relay'), load: ['idle', '--no-replies'] },
      parley: { server: parley, load: ['idle'] },
    },
    figures: [
      {
        what: 'memory of the node for each (proportional set size)',
        of: 'parley',
        beside: 'relay',
        unit: 'bytes',
        value: (s) => s.node_bytes_each,
        target: { at_most: 4096 },
      },
      {
        what: 'memory of Redis for each',
        of: 'parley',
        unit: 'bytes',
        value: (s) => s.redis_bytes_each,
        target: { at_most: 1024 },
      },
    ],
  },

  connect: {
    title: 'Connecting: 15,000 (messaging), presence and unread list included, 64 in flight',
    series: {
      relay: { server: bare('relay'), load: ['connect', '--no-replies'] },
      parley: { server: parley, load: ['connect'] },
    },
    figures: [
      {
        what: 'connections a second',
        of: 'parley',
        beside: 'relay',
        unit: '/s',
        value: rate,
        target: { at_least: 15000 },
      },
      {
        what: 'rate of the last thousand, of the first thousand (1, but for noise)',
        of: 'parley',
        beside: 'relay',
        unit: '',
        value: (s) => s.last_to_first,
        target: { at_least: 0.95 },
      },
    ],
  },

  workers: {
    title: 'Two workers against one',
    needs_cores: 4,
    series: {
      'fan-out, 1 worker': { server: parley, load: fanout(8) },
      'fan-out, 2 workers': { server: { ...parley, workers: 2 }, load: fanout(8) },
      'direct, 1 worker': { server: parley, load: direct(4) },
      'direct, 2 workers': { server: { ...parley, workers: 2 }, load: direct(4) },
    },
    figures: [
      share('fan-out, 8 outstanding', 'fan-out, 2 workers', 'fan-out, 1 worker', 'deliveries/s', 1.5),
      share('direct, 4 outstanding', 'direct, 2 workers', 'direct, 1 worker', 'messages/s', 1.5),
    ],
  },
};
