// The matrix of protocols.md, "The bridge", for simple and messaging: every event,
// and how each of the two shows it. `null` is "—": nothing is shown, and a metric
// counts it.
//
// In what is expected, {id}, {ts} and names in braces stand for what the run fills in.

// Events that a user of one of the two protocols makes. `from` and `to` are clients
// on different nodes; `shown` is what the receiver gets.
export const made = [
  {
    event: 'room message',
    from: 'simple',
    to: 'messaging',
    act: { type: 'send_message', payload_id: '1', message: 'hello "room" ☕' },
    shown: { messages: [{ id: '{id}', rid: '#lobby', sid: '{from}', text: 'hello "room" ☕' }] },
  },
  {
    event: 'room message',
    from: 'messaging',
    to: 'simple',
    act: { send: [{ id: 9, rid: '#lobby', sid: '{from}', text: 'hello "room" ☕', extra: 1 }] },
    shown: {
      type: 'message_sent',
      message: 'hello "room" ☕',
      timestamp: '{ts}',
      username: '{from}',
    },
  },
  {
    event: 'room message',
    from: 'messaging',
    to: 'messaging',
    act: { send: [{ id: 9, rid: '#lobby', sid: '{from}', text: 'hello', extra: { a: [1] } }] },
    shown: {
      messages: [{ id: 9, rid: '#lobby', sid: '{from}', text: 'hello', extra: { a: [1] } }],
    },
  },
  {
    event: 'room message',
    from: 'simple',
    to: 'simple',
    act: { type: 'send_message', payload_id: '1', message: 'hello' },
    shown: { type: 'message_sent', message: 'hello', timestamp: '{ts}', username: '{from}' },
  },
  {
    event: 'direct message',
    from: 'simple',
    to: 'messaging',
    act: { type: 'send_message', payload_id: '1', message: 'psst', to: '{to}' },
    shown: { messages: [{ id: '{id}', rid: '{to}', sid: '{from}', text: 'psst' }] },
  },
  {
    event: 'direct message',
    from: 'messaging',
    to: 'simple',
    act: { send: [{ id: 9, rid: '{to}', sid: '{from}', text: 'psst' }] },
    shown: {
      type: 'message_sent',
      message: 'psst',
      timestamp: '{ts}',
      username: '{from}',
      to: '{to}',
    },
  },
  {
    event: 'direct message',
    from: 'messaging',
    to: 'messaging',
    act: { send: [{ id: 9, rid: '{to}', sid: '{from}', url: 'https://a/1.png' }] },
    shown: { messages: [{ id: 9, rid: '{to}', sid: '{from}', url: 'https://a/1.png' }] },
  },
  {
    event: 'direct message',
    from: 'simple',
    to: 'simple',
    act: { type: 'send_message', payload_id: '1', message: 'psst', to: '{to}' },
    shown: {
      type: 'message_sent',
      message: 'psst',
      timestamp: '{ts}',
      username: '{from}',
      to: '{to}',
    },
  },
  {
    event: 'item without text: its url',
    from: 'messaging',
    to: 'simple',
    act: { send: [{ id: 9, rid: '{to}', sid: '{from}', url: 'https://web.com/pic.png', n: 1 }] },
    shown: {
      type: 'message_sent',
      message: 'https://web.com/pic.png',
      timestamp: '{ts}',
      username: '{from}',
      to: '{to}',
    },
  },
  {
    event: 'item without text and url: its fields as compact JSON',
    from: 'messaging',
    to: 'simple',
    act: '{"send": [ {"id":9, "rid":"{to}", "sid":"{from}", "x" : [1,  2], "y": {"z" :"w"}} ]}',
    shown: {
      type: 'message_sent',
      message: '{"x":[1,2],"y":{"z":"w"}}',
      timestamp: '{ts}',
      username: '{from}',
      to: '{to}',
    },
  },
  {
    event: 'item with a text that is none',
    from: 'messaging',
    to: 'simple',
    act: { send: [{ id: 9, rid: '{to}', sid: '{from}', text: 5 }] },
    shown: {
      type: 'message_sent',
      message: '{"text":5}',
      timestamp: '{ts}',
      username: '{from}',
      to: '{to}',
    },
  },
  {
    event: 'attachments behind the text',
    from: 'messaging',
    to: 'simple',
    act: {
      send: [
        {
          id: 9,
          rid: '{to}',
          sid: '{from}',
          text: 'look',
          attachments: ['https://a/1.png', { url: 'https://a/2.png', size: 3 }],
        },
      ],
    },
    shown: {
      type: 'message_sent',
      message: 'look https://a/1.png https://a/2.png',
      timestamp: '{ts}',
      username: '{from}',
      to: '{to}',
    },
  },
];

const author = { id: '{from}', num: 900001, uuid: '11111111-1111-4111-8111-111111111111', name: '{from}' };
const server = { id: 'server', num: 0, uuid: '00000000-0000-0000-0000-000000000000', name: 'server' };
const reader = { kind: 'user', id: '{to}', num: 900002, uuid: '22222222-2222-4222-8222-222222222222', name: '{to}' };
const dialog = { id: '{from}|{to}', num: 900003, uuid: '33333333-3333-4333-8333-333333333333' };
const elsewhere = { kind: 'room', id: 'elsewhere', num: 900004, uuid: '44444444-4444-4444-8444-444444444444', name: 'elsewhere' };

function to_user(kind, rest) {
  return { v: 1, id: 0, seq: 0, kind, ts: 1700000000000, from: author, to: reader, dialog, ...rest };
}

function of_room(kind, rest) {
  return { v: 1, id: 0, seq: 0, kind, ts: 1700000000000, from: author, to: elsewhere, ...rest };
}

const about = { message: 65537 };

// Events that only protocols of later make, or an operator: the test publishes them.
// `simple` and `messaging` are what a connected reader of each is shown.
export const published = [
  { event: 'edit', envelope: to_user('message.edited', { body: { text: 'new', ...about } }), simple: null, messaging: null },
  { event: 'delete', envelope: to_user('message.deleted', { body: about }), simple: null, messaging: null },
  { event: 'reaction', envelope: to_user('reaction.updated', { body: { reactions: { '😂': 2 }, ...about } }), simple: null, messaging: null },
  { event: 'typing', envelope: to_user('typing'), simple: null, messaging: null },
  { event: 'delivered', envelope: to_user('message.delivered', { body: about }), simple: null, messaging: null },
  { event: 'read', envelope: to_user('message.read', { body: about }), simple: null, messaging: null },
  { event: 'online', envelope: to_user('presence.online'), simple: null, messaging: null },
  { event: 'offline', envelope: to_user('presence.offline'), simple: null, messaging: null },
  { event: 'invite', envelope: of_room('room.invited', { body: { user: { ...reader, kind: undefined } } }), simple: null, messaging: null },
  { event: 'kick', envelope: of_room('room.kicked', { body: { user: { ...reader, kind: undefined }, permanent: true } }), simple: null, messaging: null },
  { event: 'room created', envelope: of_room('room.created'), simple: null, messaging: null },
  { event: 'room deleted', envelope: of_room('room.deleted'), simple: null, messaging: null },
  {
    event: 'notice of the server',
    envelope: {
      ...to_user('notice', { keep: 'never', body: { text: 'going down at noon' } }),
      id: 4503599627370497,
      from: server,
      dialog: { ...dialog, id: '{to}|server' },
    },
    simple: {
      type: 'message_sent',
      message: 'going down at noon',
      timestamp: 1700000000000,
      username: null,
      to: '{to}',
    },
    messaging: {
      messages: [{ id: 4503599627370497, rid: '{to}', sid: 'server', text: 'going down at noon' }],
    },
  },
];
