// pager's REST surface on two nodes: what is sent through it is heard, and found again.

import assert from 'node:assert/strict';
import { Client } from '../lib/client.js';
import { scene, use_world } from '../lib/world.js';

const world = use_world({ nodes: 2 });

scene(world, 'a page by REST is heard in pager and in simple, and can be asked for', async (stage) => {
  const [ann, bea] = [stage.name('ann'), stage.name('bea')];
  const pager = await stage.keep(new Client()).open(stage.nodes[1], '/pager', { user: bea }, { protocol: 'pager' });
  const simple = await stage.simple_arrived(1, 'cleo');
  const rest = stage.rest(0, 'pager', { user: ann });

  const { id } = await rest.ok('POST', '/pages', { to: bea, text: 'come' });
  const page = { type: 'page', id, from: ann, to: bea, text: 'come' };
  assert.deepEqual(await pager.next(), page);
  assert.deepEqual(await rest.ok('GET', `/pages/${id}`), page);

  await rest.ok('POST', '/pages', { to: '#lobby', text: 'all of you' });
  assert.equal((await simple.message()).message, 'all of you');
  assert.equal((await pager.next()).to, '#lobby');

  const other = rest.with({ user: stage.name('eve') });
  await other.refused(404, 'GET', `/pages/${id}`);
});
