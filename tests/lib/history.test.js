// The checker of the fault machine can fail: each guarantee broken by hand.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { History } from './history.js';

const options = { timeout: 5000 };

function shown(history, receiver, ...messages) {
  const show = history.connection(receiver, `${receiver}'s`);
  for (const message of messages) show(message);
}

test('what is acknowledged and not shown is missing, for each who is owed it', options, () => {
  const history = new History();
  history.acknowledge('a/0', ['bob', 'carol']);
  history.acknowledge('a/1', 'bob');
  shown(history, 'bob', 'a/0');
  assert.deepEqual(history.missing(), ['a/0 for carol', 'a/1 for bob']);
});

test('what a master kept that is one again may be below what a room is shown by now', options, () => {
  const history = new History();
  history.lossy = true;
  for (const [message, to] of [['a/0', '#den'], ['a/1', '#den'], ['a/2', 'bob']]) history.say(message, to);
  history.doubt('a', 0, 0);
  history.doubt('a', 2, 2);
  history.masters = 2;
  for (const message of ['a/0', 'a/1', 'a/2']) history.acknowledge(message, 'bob');
  assert.deepEqual(['a/0', 'a/1', 'a/2'].map((message) => history.may_be_below(message)), [true, false, false]);
  history.say('b/0', '#den');
  history.doubt('b', 0, 0);
  history.masters = 3;
  history.acknowledge('b/0', 'bob');
  assert.ok(!history.may_be_below('b/0'), 'one master came, and knew nothing of it');
});

test('twice on one connection is a fault, on two it is none', options, () => {
  const history = new History();
  shown(history, 'bob', 'a/0');
  shown(history, 'bob', 'a/0');
  assert.deepEqual(history.twice_faults(), []);
  shown(history, 'bob', 'a/1', 'a/1');
  assert.match(history.twice_faults()[0], /a\/1 twice/);
  history.doubt('a', 1, 1);
  assert.equal(history.twice_faults().length, 1, 'one Redis forgets nothing');
  history.lossy = true;
  assert.deepEqual(history.twice_faults(), []);
});

test('what was read does not come back, on a later connection', options, () => {
  const history = new History();
  const show = history.connection('bob', 'first');
  history.mark_read('bob', 'a/0');
  show('a/0');
  assert.deepEqual(history.faults, [], 'it was under way');
  shown(history, 'bob', 'a/0');
  assert.match(history.faults[0], /a\/0, which was read/);
});

test('the order of a sender is that of each conversation', options, () => {
  const history = new History();
  for (const [message, to] of [['a/0', '#den'], ['a/1', 'bob'], ['a/2', '#den'], ['a/3', 'bob']]) history.say(message, to);
  shown(history, 'bob', 'a/1', 'a/0', 'a/3', 'a/2');
  assert.deepEqual(history.order_faults(), []);
  shown(history, 'bob', 'a/3', 'a/1');
  assert.match(history.order_faults()[0], /a\/1 after a\/3/);
});

test('where no order is promised none is asked for, and nothing else is excused', options, () => {
  const history = new History();
  history.lossy = true;
  for (let i = 0; i < 4; i++) history.say(`a/${i}`, 'bob');
  history.unorder('a', 1, 2);
  shown(history, 'bob', 'a/0', 'a/2', 'a/1', 'a/3');
  assert.deepEqual(history.order_faults(), []);
  shown(history, 'bob', 'a/3', 'a/2');
  assert.match(history.order_faults()[0], /a\/2 after a\/3/);
  shown(history, 'carol', 'a/1', 'a/1');
  assert.equal(history.twice_faults().length, 1);
});

test('what failed on the way may come behind what was sent until then, and not behind later ones', options, () => {
  const history = new History();
  for (let i = 0; i < 6; i++) history.say(`a/${i}`, 'bob');
  history.doubt('a', 1, 3);
  shown(history, 'bob', 'a/0', 'a/3', 'a/2', 'a/1', 'a/4');
  assert.deepEqual(history.order_faults(), []);
  shown(history, 'bob', 'a/4', 'a/2');
  assert.equal(history.order_faults().length, 1);
  history.abandon('a/2');
  assert.deepEqual(history.order_faults(), []);
});

test('what was sent again around a failover has another stamp than it was shown by', options, () => {
  const history = new History();
  const stamps = new Map([['a/0', 9], ['b/0', 2], ['b/1', 3]]); // a/0 was 1, and forgotten
  shown(history, 'bob', 'a/0', 'b/0', 'b/1');
  history.doubt('a', 0, 0);
  assert.equal(history.stamp_faults('the log', stamps).length, 1);
  history.lossy = true;
  assert.deepEqual(history.stamp_faults('the log', stamps, { dense: true }), []);
  shown(history, 'carol', 'b/1', 'b/0');
  assert.equal(history.stamp_faults('the log', stamps).length, 1, 'all others keep theirs');
});

test('a log is shown in its order, and without holes', options, () => {
  const history = new History();
  const stamps = new Map([['a/0', 1], ['b/0', 2], ['a/1', 5], ['b/1', 6]]);
  shown(history, 'bob', 'b/0', 'c/0', 'a/1');
  assert.deepEqual(history.stamp_faults('the log', stamps, { dense: true }), []);
  assert.match(history.stamp_faults('the log', stamps, { dense: true, reaches_end: () => true })[0], /not shown b\/1/);
  shown(history, 'carol', 'a/1', 'b/0');
  assert.match(history.stamp_faults('the log', stamps)[0], /b\/0 out of the order/);
  shown(history, 'dave', 'a/0', 'a/1');
  assert.match(history.stamp_faults('the log', stamps, { dense: true }).at(-1), /dave's was not shown b\/0/);
  const hides = (receiver, message) => message.startsWith('b/');
  assert.equal(history.stamp_faults('the log', stamps, { dense: true, hides }).length, 1, "carol's order alone");
});
