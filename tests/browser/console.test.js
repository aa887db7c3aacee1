// The page at / in a real browser: two panes, each protocol, with a name and with a password.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { World } from '../lib/world.js';
import { Browser } from './browser.js';

let world, browser;

before(async () => {
  world = await World.start({ nodes: 1 });
  browser = await Browser.open(`${world.nodes[0].url}/`);
});

after(async () => {
  await browser?.close();
  await world?.stop();
});

// One of the two panes, as its user sees and uses it.
class Pane {
  constructor(index) {
    this.root = `document.querySelectorAll('.pane')[${index}]`;
  }

  fill(name, value) {
    return browser.evaluate(`{
      const element = ${this.root}.querySelector('[name=${name}]');
      element.value = ${JSON.stringify(value)};
      element.dispatchEvent(new Event('change'));
    }`);
  }

  press(name) {
    return browser.evaluate(`${this.root}.querySelector('[name=${name}]').click()`);
  }

  // Waits until the frames that are shown, one a line, match.
  shows(pattern) {
    const lines = `[...${this.root}.querySelectorAll('li')].map((line) => line.className + ' ' + line.lastChild.textContent).join('\\n')`;
    return browser.until(lines, (text) => pattern.test(text));
  }

  status(pattern) {
    return browser.until(`${this.root}.querySelector('[role=status]').textContent`, (text) => pattern.test(text));
  }

  async connect(protocol, user, password = '') {
    await this.fill('protocol', protocol);
    await this.fill('user', user);
    await this.fill('password', password);
    await this.press('connect');
    await this.status(new RegExp(`^connected as ${user}$`));
  }

  async disconnect() {
    await this.press('connect');
    await this.status(/^not connected$/);
  }

  async say(to, text) {
    await this.fill('to', to);
    await this.fill('text', text);
    await this.press('send');
  }
}

const left = new Pane(0);
const right = new Pane(1);
const LOBBY = { simple: '#lobby', messaging: '#lobby', chat: '#lobby', concord: '1', rooms: '189d48d4-e23d-5fa1-a938-6a97095a488c' };

for (const protocol of Object.keys(LOBBY)) {
  test(`${protocol}: what one pane says in the lobby the other shows, and the other way round`, async () => {
    await left.connect('simple', `left-of-${protocol}`);
    await right.connect(protocol, `right-${protocol}`);
    if (await browser.evaluate(`!${right.root}.querySelector('[name=enter]').hidden`)) {
      await right.fill('to', LOBBY[protocol]);
      await right.press('enter');
      await left.shows(new RegExp(`user_connected.*right-${protocol}`));
    }
    await right.say(LOBBY[protocol], `hello from ${protocol}`);
    await left.shows(new RegExp(`^in .*hello from ${protocol}`, 'm'));
    await left.say('#lobby', `hello to ${protocol}`);
    await right.shows(new RegExp(`^in .*hello to ${protocol}`, 'm'));
    await Promise.all([left.disconnect(), right.disconnect()]);
  });
}

test('an account is made, a wrong password is not let in, the right one is; rooms are listed', async () => {
  await left.fill('protocol', 'concord');
  await left.fill('user', 'keeper');
  await left.fill('password', 'secret');
  await left.press('register');
  await left.shows(/^note keeper is registered$/m);
  await left.fill('password', 'wrong');
  await left.press('connect');
  await left.shows(/^note bad POST tokens: /m);
  await left.connect('concord', 'keeper', 'secret');
  await left.shows(/with a token$/m);
  await left.press('rooms');
  await left.shows(/^note room lobby, public, .*: 1$/m);
  await left.disconnect();
});

test('what waits is marked as read', async () => {
  for (const protocol of ['messaging', 'chat']) {
    const reader = `reader-${protocol}`;
    await left.connect('simple', 'writer');
    await left.say(reader, 'psst');
    await right.connect(protocol, reader);
    await browser.until(`${right.root}.querySelector('[name=read]').textContent`, (text) => text === 'mark 1 as read');
    await right.press('read');
    await right.shows(/^out .*"read"/m);
    await Promise.all([left.disconnect(), right.disconnect()]);
  }
});

test('nothing went wrong in the page, and its policy forbade nothing', () => {
  assert.deepEqual(browser.problems, []);
});
