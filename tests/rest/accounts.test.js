// What one authenticates with, live: session keys and tokens, at the doors and inside frames; what
// ends them; and that neither they nor a password are kept or told anywhere (protocols.md, "How you
// say it"; rooms, concord; backend/account.h).

import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import {
  ChatClient,
  ConcordClient,
  MessagingClient,
  RefusedError,
  RoomsClient,
  SimpleClient,
} from '../lib/client.js';
import { uuid_of } from '../lib/uuid.js';
import { waitFor } from '../lib/wait.js';
import { scene, use_world } from '../lib/world.js';
import { claims_of, make_token } from './jwt.js';

const ADMIN = 'the-operator-s-own-token';
const SECRET = 'what tokens of this test are signed with';
const world = use_world({
  nodes: 2,
  redis: { aof: 'always' },
  node: { flags: ['--admin-token', ADMIN, '--token-secret', SECRET, '--log-level', 'debug'] },
});
const TOKENS = '/api/v1/tokens';
const WRONG_KEY = 'x'.repeat(32);

const PROTOCOLS = {
  simple: [SimpleClient, 'username'],
  messaging: [MessagingClient, 'client_id'],
  chat: [ChatClient, 'user'],
  concord: [ConcordClient, 'user'],
  rooms: [RoomsClient, 'user'],
};
// What each REST surface tells whoever comes in by it.
const WHO_AM_I = { native: TOKENS, concord: '/api/self', rooms: `/room/${uuid_of('room', 'lobby')}` };

const operator = (stage) => stage.rest(0, 'native', { bearer: ADMIN });

// A user with a credential of that kind.
async function issue(stage, user, kind = 'token') {
  await operator(stage).call('POST', '/api/v1/users', { id: user }); // may be there
  return (await operator(stage).ok('POST', TOKENS, { user, kind })).token;
}

// A connection by that credential alone. `claim`: whom it says it is besides.
async function enter(stage, index, protocol, user, credential, claim) {
  const [kind, parameter] = PROTOCOLS[protocol];
  const parameters = { [parameter]: claim, token: credential };
  return stage.keep(await kind.open(stage.nodes[index], user, { parameters }));
}

// So that the user may come in again by a protocol that lets them in once.
async function leave(stage, client) {
  const sessions = `parley:user:{${client.user}}:sessions`;
  await client.close();
  await waitFor('the session to be gone', async () => !(await stage.redis.command('EXISTS', sessions)));
}

async function refused(status, opening) {
  await assert.rejects(opening, (error) => error instanceof RefusedError && error.status === status);
}

// No door lets this credential in.
async function assert_no_good(stage, credential, why) {
  for (const protocol of Object.keys(PROTOCOLS)) {
    await assert.rejects(enter(stage, 1, protocol, 'nobody', credential), { status: 401 }, `${protocol}: ${why}`);
  }
  for (const [name, path] of Object.entries(WHO_AM_I)) {
    const { status } = await stage.rest(1, name, { bearer: credential }).call('GET', path);
    assert.equal(status, 401, `${name}: ${why}`);
  }
  const { status } = await stage.rest(1, 'rooms', { key: credential }).call('GET', WHO_AM_I.rooms);
  assert.equal(status, 401, why);
}

async function assert_good(stage, credential, user) {
  const self = await stage.rest(1, 'concord', { bearer: credential }).ok('GET', '/api/self');
  assert.equal(self.username, user);
}

// ---- at the door -----------------------------------------------------------------------------

scene(world, 'a token or a key opens every door, in a header, as ?token=, as ?key=', async (stage) => {
  for (const kind of ['token', 'key']) {
    const user = stage.name(kind);
    const credential = await issue(stage, user, kind);
    for (const [name, path] of Object.entries(WHO_AM_I)) {
      await stage.rest(0, name, { bearer: credential }).ok('GET', path);
      await stage.rest(1, name).ok('GET', path, undefined, { query: { token: credential } });
    }
    await stage.rest(0, 'rooms', { key: credential }).ok('GET', WHO_AM_I.rooms);
    for (const [protocol, [type, parameter]] of Object.entries(PROTOCOLS)) {
      await leave(stage, await enter(stage, 1, protocol, user, credential));
      const headers = { authorization: `Bearer ${credential}` };
      const parameters = { [parameter]: undefined };
      await leave(stage, stage.keep(await type.open(stage.nodes[0], user, { parameters, headers })));
    }
    const parameters = { user: undefined, key: credential };
    const by_key = stage.keep(await RoomsClient.open(stage.nodes[1], user, { parameters }));
    await by_key.enter();
  }
});

scene(world, 'what is no credential opens none', async (stage) => {
  const bad = {
    garbage: 'garbage',
    'of the form of a key': WRONG_KEY,
    'of the form of a token': 'a.b.c',
    'a long one': 'x'.repeat(5000),
  };
  for (const [why, credential] of Object.entries(bad)) await assert_no_good(stage, credential, why);
  await refused(401, enter(stage, 0, 'concord', 'nobody', '')); // an empty one is none
  await refused(401, enter(stage, 0, 'chat', 'operator', ADMIN)); // the operator is no user
});

scene(world, 'a credential of one user is not for another, whatever they claim', async (stage) => {
  const [alice, bob] = [stage.name('alice'), stage.name('bob')];
  for (const kind of ['token', 'key']) {
    const credential = await issue(stage, alice, kind);
    for (const protocol of Object.keys(PROTOCOLS)) {
      await refused(403, enter(stage, 1, protocol, bob, credential, bob));
      await leave(stage, await enter(stage, 1, protocol, alice, credential, alice));
    }
    for (const [name, path] of Object.entries(WHO_AM_I)) {
      await stage.rest(0, name, { bearer: credential, user: alice }).ok('GET', path);
      await stage.rest(0, name, { bearer: credential, user: bob }).refused(403, 'GET', path);
    }
  }
});

scene(world, 'tokens that we did not sign so are none', async (stage) => {
  const user = stage.name('alice');
  const good = await issue(stage, user);
  const claims = claims_of(good);
  await assert_good(stage, make_token(claims, SECRET), user); // we know how to make them
  const other = claims_of(await issue(stage, stage.name('bob')));
  const [head, body, signature] = good.split('.');
  const soon = Math.floor(Date.now() / 1000) - 10;
  const bad = {
    'alg none': make_token(claims, SECRET, { alg: 'none' }),
    'alg None': make_token(claims, SECRET, { alg: 'none', says: 'None' }),
    'alg none, signed all the same': make_token(claims, SECRET, { says: 'none' }),
    HS384: make_token(claims, SECRET, { alg: 'HS384' }),
    HS512: make_token(claims, SECRET, { alg: 'HS512' }),
    RS256: make_token(claims, SECRET, { alg: 'RS256' }),
    'RS256 in name': make_token(claims, SECRET, { says: 'RS256' }),
    'HS256 in name': make_token(claims, SECRET, { alg: 'HS512', says: 'HS256' }),
    'no algorithm': make_token(claims, SECRET, { head: { alg: undefined } }),
    'an algorithm that is null': make_token(claims, SECRET, { says: null }),
    'another secret': make_token(claims, `${SECRET}.`),
    'no signature': `${head}.${body}.`,
    "another's body": `${head}.${make_token(other, SECRET).split('.')[1]}.${signature}`,
    'a changed signature': `${head}.${body}.${signature.startsWith('A') ? 'B' : 'A'}${signature.slice(1)}`,
    'a shorter signature': good.slice(0, -4),
    "another's name": make_token({ ...claims, sub: other.sub }, SECRET),
    "another's id": make_token({ ...claims, jti: other.jti }, SECRET),
    'an id that was never given': make_token({ ...claims, jti: '00'.repeat(20) }, SECRET),
    'no id': make_token({ ...claims, jti: undefined }, SECRET),
    'no user': make_token({ ...claims, sub: undefined }, SECRET),
    'no end': make_token({ ...claims, exp: undefined }, SECRET),
    'an end that was': make_token({ ...claims, exp: soon }, SECRET),
    'an end before all time': make_token({ ...claims, exp: -1 }, SECRET),
    'an end that is no number': make_token({ ...claims, exp: `${claims.exp}` }, SECRET),
    'an end that is no whole number': make_token({ ...claims, exp: 1e300 }, SECRET),
    'an end beyond 64 bits': make_token(`{"sub":"${user}","jti":"${claims.jti}","exp":99999999999999999999}`, SECRET),
    'another type': make_token(claims, SECRET, { head: { typ: 'JWE' } }),
    'a user of another type': make_token({ ...claims, sub: [user] }, SECRET),
    'an id of another type': make_token({ ...claims, jti: 1 }, SECRET),
    'a body that is none': make_token('alice', SECRET),
    'a body that is a list': make_token([claims], SECRET),
    'a body that nests': make_token(`{"a":${'['.repeat(1500)}`, SECRET),
  };
  for (const [why, credential] of Object.entries(bad)) await assert_no_good(stage, credential, why);
  // Its id is good as long as Redis says so, and no longer: a timer beyond all time closes nothing.
  await assert_good(stage, make_token({ ...claims, exp: Number.MAX_SAFE_INTEGER }, SECRET), user);
  await assert_good(stage, good, user);
});

// ---- inside frames -----------------------------------------------------------------------------

scene(world, 'the key in a frame of rooms must be its user\'s', async (stage) => {
  const [alice, bob] = [stage.name('alice'), stage.name('bob')];
  const [key, second] = [await issue(stage, alice, 'key'), await issue(stage, alice, 'key')];
  const [token, bobs] = [await issue(stage, alice), await issue(stage, bob, 'key')];
  const room_id = uuid_of('room', 'lobby');
  const user_id = uuid_of('user', bob);
  const frames = {
    message: { content: 'hello', room_id },
    invite: { user_id, room_id },
    enter: { room_id },
    exit: { room_id },
  };
  const ways_in = { key: { key }, token: { token }, claim: { user: alice } };
  for (const [way, parameters] of Object.entries(ways_in)) {
    const client = await RoomsClient.open(stage.nodes[1], alice, { parameters: { user: undefined, ...parameters } });
    stage.keep(client);
    await client.enter();
    for (const [type, members] of Object.entries(frames)) {
      for (const bad of [bobs, WRONG_KEY, 'short', '', 7]) {
        client.send({ type, key: bad, ...members }, { bad: true });
        const { error, request } = await client.until_keeping((frame) => frame.type === 'error');
        assert.deepEqual({ error, request }, { error: 'bad_key', request: type }, `${bad} by ${way}`);
      }
    }
    for (const good of [key, second, token, null, undefined]) {
      const content = `by ${way}, with ${good}`;
      client.send({ type: 'message', key: good, content, room_id });
      await client.message((frame) => frame.content === content);
    }
    // Commands are carried out in the order in which they came, also behind a key that is looked up.
    client.send({ type: 'message', key: second, content: 'first', room_id });
    client.send({ type: 'message', content: 'second', room_id });
    const order = [await client.message(), await client.message()].map(({ content }) => content);
    assert.deepEqual(order, ['first', 'second']);
    await client.close();
  }
});

scene(world, 'a key that is revoked is no good inside a frame either', async (stage) => {
  const alice = stage.name('alice');
  const [key, second] = [await issue(stage, alice, 'key'), await issue(stage, alice, 'key')];
  const client = stage.keep(await RoomsClient.open(stage.nodes[1], alice, { parameters: { user: undefined, key } }));
  const room_id = uuid_of('room', 'lobby');
  await client.enter();
  client.send({ type: 'message', key: second, content: 'good', room_id });
  await client.message();
  await stage.rest(0, 'rooms').ok('DELETE', '/key', { key: second, user_id: uuid_of('user', alice) });
  client.send({ type: 'message', key: second, content: 'bad', room_id });
  assert.equal((await client.until_keeping((frame) => frame.type === 'error')).error, 'bad_key');
  client.send({ type: 'message', key, content: 'good still', room_id });
  assert.equal((await client.message()).content, 'good still');
});

// ---- ends --------------------------------------------------------------------------------------

// Connections by all five protocols, on both nodes: by one credential, by another of the same user,
// and by none.
async function company(stage, user, credential, other) {
  const gone = [], here = [];
  for (const [i, protocol] of ['simple', 'messaging', 'chat', 'concord', 'rooms'].entries()) {
    gone.push(await enter(stage, i % 2, protocol, user, credential));
  }
  for (const [i, protocol] of ['chat', 'concord', 'rooms'].entries()) {
    gone.push(await enter(stage, (i + 1) % 2, protocol, user, credential));
    here.push(await enter(stage, i % 2, protocol, user, other));
    here.push(await enter(stage, i % 2, protocol, user, undefined, user));
  }
  return { gone, here };
}

const REVOKE = {
  'concord token by the native API': {
    kind: 'token',
    revoke: (stage, user, credential) => stage.rest(0, 'native', { bearer: credential }).ok('DELETE', TOKENS),
  },
  'session key by the native API': {
    kind: 'key',
    revoke: (stage, user, credential) => stage.rest(1, 'native', { bearer: credential }).ok('DELETE', TOKENS),
  },
  'session key by rooms': {
    kind: 'key',
    revoke: (stage, user, key) => stage.rest(0, 'rooms').ok('DELETE', '/key', { key, user_id: uuid_of('user', user) }),
  },
};

for (const [what, { kind, revoke }] of Object.entries(REVOKE)) {
  scene(world, `a revoked ${what} closes what came in by it, on both nodes, and nothing else`, async (stage) => {
    const user = stage.name('alice');
    const credential = await issue(stage, user, kind);
    const other = await issue(stage, user, kind);
    const { gone, here } = await company(stage, user, credential, other);
    await revoke(stage, user, credential);
    for (const client of gone) await client.expect_close(4401);
    for (const client of here) await client.round_trip();
    assert.ok(here.every((client) => client.is_open));
    await assert_no_good(stage, credential, 'it was revoked');
    await assert_good(stage, other, user);
  });
}

scene(world, 'a new token leaves the old one as it is', async (stage) => {
  const user = stage.name('alice');
  const old = await issue(stage, user);
  const { token } = await stage.rest(0, 'concord', { bearer: old }).ok('GET', '/api/tokens/recycle');
  assert.notEqual(token, old);
  for (const each of [old, token]) await assert_good(stage, each, user);
});

scene(world, 'a user who is deleted is closed everywhere, however they came in', async (stage) => {
  const user = stage.name('alice');
  const [credential, other] = [await issue(stage, user), await issue(stage, user, 'key')];
  const { gone, here } = await company(stage, user, credential, other);
  await stage.rest(1, 'native', { bearer: credential }).ok('DELETE', `/api/v1/users/${user}`);
  for (const client of [...gone, ...here]) await client.expect_close(4401);
  for (const each of [credential, other]) await assert_no_good(stage, each, 'its user is gone');
});

// Its life is made short where it is kept, which is what decides.
async function shorten(stage, user, credential, ends_ms) {
  const keys = `parley:user:{${user}}:keys`;
  for (const [id, record] of Object.entries(await stage.redis.hash(keys))) {
    const [kind, created] = record.split(' ');
    await stage.redis.command('HSET', keys, id, `${kind} ${created} ${ends_ms}`);
  }
}

for (const kind of ['token', 'key']) {
  scene(world, `a ${kind} that expires closes what came in by it`, async (stage) => {
    const user = stage.name('alice');
    const credential = await issue(stage, user, kind);
    const ends_ms = Date.now() + 2500;
    await shorten(stage, user, credential, ends_ms);
    const clients = [];
    for (const [i, protocol] of Object.keys(PROTOCOLS).entries()) {
      clients.push(await enter(stage, i % 2, protocol, user, credential));
    }
    const other = await stage.chat(0, 'alice');
    for (const client of clients) await client.expect_close(4401);
    assert.ok(Date.now() >= ends_ms, 'it was closed too early');
    await assert_no_good(stage, credential, 'it has expired');
    await other.round_trip();
  });
}

// ---- secrets -----------------------------------------------------------------------------------

const files_in = (folder) => readdirSync(folder)
  .map((name) => join(folder, name))
  .flatMap((path) => (statSync(path).isDirectory() ? files_in(path) : [path]));

scene(world, 'no password, key or token is in any key of Redis, its file, or a log', async (stage) => {
  const secrets = [];
  const secret = (text) => secrets[secrets.push(text) - 1];
  const [alice, bob] = [stage.name('alice'), stage.name('bob')];
  const password = secret(`correct-horse-${stage.suffix}`);
  const wrong = secret(`wrong-horse-${stage.suffix}`);
  const next = secret(`battery-staple-${stage.suffix}`);
  const concord = stage.rest(0, 'concord');
  const rooms = stage.rest(1, 'rooms');
  const native = stage.rest(0, 'native');

  await concord.ok('POST', '/api/users/register', { username: alice, password });
  await concord.refused(400, 'POST', '/api/tokens', { username: alice, password: wrong });
  const token = secret((await concord.ok('POST', '/api/tokens', { username: alice, password })).token);
  const recycled = secret((await concord.with({ bearer: token }).ok('GET', '/api/tokens/recycle')).token);
  const made = await rooms.ok('POST', '/user', { username: bob, password });
  const [key, user_id] = [secret(made.key), made.user_id];
  await rooms.refused(401, 'POST', '/key', { user_id, password: wrong });
  const second = secret((await rooms.ok('POST', '/key', { user_id, password })).key);
  await native.with({ bearer: token }).ok('PATCH', `/api/v1/users/${alice}`, { password: next });
  await native.refused(401, 'POST', TOKENS, { user: alice, password });
  secret((await native.ok('POST', TOKENS, { user: alice, password: next })).token);

  const chat = await enter(stage, 0, 'chat', alice, token);
  await chat.say('#lobby', 'hello');
  const client = stage.keep(await RoomsClient.open(stage.nodes[1], bob, { parameters: { user: undefined, key } }));
  const room_id = uuid_of('room', 'lobby');
  for (const each of [second, secret(`no-key-of-mine-${stage.suffix}`.slice(0, 32))]) {
    client.send({ type: 'message', key: each, content: 'hello', room_id }, { bad: true });
  }
  await client.until_keeping((frame) => frame.type === 'error');
  await refused(401, enter(stage, 1, 'concord', alice, secret(`${token.slice(0, -3)}xyz`)));
  await stage.rest(1, 'native', { bearer: recycled }).ok('DELETE', TOKENS);
  await rooms.ok('DELETE', `/key`, undefined, { query: { key, user_id } });
  await client.expect_close(4401);

  const told = secrets.concat(secrets.filter((each) => each.includes('.')).map((each) => each.split('.')[2]));
  await waitFor('the log to say so', () => /session_close.* reason=unauthorized/.test(stage.world.logs()));
  const log = stage.world.logs();
  const files = files_in(stage.redis.folder).map((path) => readFileSync(path, 'latin1'));
  assert.ok(files.some((text) => text.includes(alice)), 'the file holds what was done');
  for (const each of told) {
    assert.equal(await stage.text_in_redis(each), null, each);
    assert.ok(!log.includes(each), `the log has ${each}`);
    assert.ok(!files.some((text) => text.includes(each)), `the file has ${each}`);
    assert.ok(!(await stage.nodes[0].metrics()).includes(each));
  }
});
