// Every cell of the bridge, across two nodes, each way: who does it on one, who looks on by all
// five protocols on the other.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { scene, use_world } from '../lib/world.js';
import { play } from './play.js';
import { ADMIN_TOKEN, PROTOCOLS, TABLE } from './table.js';

const world = use_world({ nodes: 2, node: { flags: ['--admin-token', ADMIN_TOKEN, '--presence-grace-ms', 20] } });

const ways = [
  { here: 0, way: 'a to b' },
  { here: 1, way: 'b to a' },
];

function each(row, play_cell) {
  for (const by of Object.keys(row.by)) {
    for (const where of row.places) {
      for (const about of row.about ?? [undefined]) {
        for (const { here, way } of ways) {
          const what = about ? ` of what ${about.replace(',', '')} sent,` : '';
          play_cell({ by, where, about, here }, `${row.event}: by ${by},${what} in the ${where}, ${way}`);
        }
      }
    }
  }
}

test('the table says something of every protocol', () => {
  for (const { event, channel, shown } of TABLE) {
    if (channel === 'parley:all') continue; // not offered to all of them
    for (const protocol of PROTOCOLS) assert.notEqual(shown[protocol], undefined, `${event} in ${protocol}`);
  }
});

for (const row of TABLE) {
  each(row, (cell, name) => {
    scene(world, name, (stage) => play(stage, row, cell));
    if (!row.own) return;
    scene(world, `${name}, to the sender's other connections`, (stage) => play(stage, row, { ...cell, own: true }));
  });
}
