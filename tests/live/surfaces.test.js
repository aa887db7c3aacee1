// Each operation that a document of REST has (proto/*.openapi.json) is served, and answers as it
// stands there, to whoever asks whatever.

import { http } from '../lib/http.js';
import { SURFACES, surface } from '../lib/openapi.js';
import { scene, use_world } from '../lib/world.js';

const world = use_world({ nodes: 1 });

// Somebody's, and nobody's: rooms names by UUID, the others by number or name.
const SOME = { rooms: '6ba7b811-9dad-11d1-80b4-00c04fd40001' };
const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'];
const bad = { bad: true };

for (const name of SURFACES) {
  const { operations } = surface(name);
  const path_of = (template) => template.replaceAll(/\{\w+\}/g, SOME[name] ?? '7');

  for (const { method, template, value } of operations) {
    scene(world, `${name}: ${method} ${template}`, async (stage) => {
      const path = path_of(template);
      const nobody = stage.rest(0, name);
      const somebody = nobody.with({ user: stage.name('somebody') });
      for (const asker of [nobody, nobody.with({ bearer: 'bad' }), somebody]) {
        await asker.call(method, path, undefined, bad);
      }
      if (!value.requestBody) return;
      await somebody.call(method, path, {}, bad);
      await somebody.refused(400, method, path, '[]', bad);
      await somebody.refused(400, method, path, '{"a":', bad);
    });
  }

  scene(world, `${name}: other methods are told so, with those that there are`, async (stage) => {
    for (const path of new Set(operations.map(({ template }) => path_of(template)))) {
      const fitting = METHODS.filter((method) => surface(name).find(method, path).operation);
      for (const method of METHODS.filter((each) => !fitting.includes(each))) {
        const { headers } = await stage.rest(0, name).call(method, path, undefined, bad);
        const allowed = headers.allow?.split(/, */).filter((each) => METHODS.includes(each)) ?? [];
        const told = String(allowed.sort()) === String(fitting.sort());
        if (!told) throw new Error(`${method} ${path}: Allow is ${headers.allow}, not ${fitting}`);
      }
    }
  });
}

scene(world, 'what no document has is not found', async ({ nodes }) => {
  for (const path of ['/api', '/api/v1', '/api/v1/', '/api/nothing', '/users', '/key/', '/room//users']) {
    const { status } = await http(nodes[0].url, path);
    if (status !== 404) throw new Error(`${path}: ${status}`);
  }
});
