// The matrix of the bridge (protocols.md): every event, how each protocol makes it, and the frame
// by which each one shows it, to the byte. null is "—": silence, and
// parley_events_unsayable_total counts one. undefined: silence that is not counted, for the event
// is not offered.
//
// Names in braces are filled in (play.js):
//   {from} {from_num} {from_uuid}      who does it
//   {reader} {reader_uuid}             the user who looks on, by a connection in every protocol
//   {address} {chat} {channel} {room}  where: as free text names it, as the chat of who looks on
//                                      does, as concord and rooms do; {path}: as native REST does
//   {to}                               what simple says besides, in a dialog
//   {id} {ts} {seconds}                the event's
//   {about}                            the message that the event is about
//   {made}                             the number of a room that is new
//
// A row:
//   event    its name
//   kind     the kind of its envelope
//   places   where it can happen (PLACES in play.js)
//   channel  which brings it, where that is not the place's
//   from     whose event it is, where not the maker's: the host's, who owns the room, the server's
//   by       what makes it: a protocol, and behind a comma how, where it has several ways; the
//            frame, a request, or COMES or GOES
//   says     its text, where nothing else tells it from another's
//   inside   who does it has entered the room before; `outside`: the reader has not
//   about    how the message that it is about was sent, each of these in turn (SAID); `theirs`: by
//            the reader, who is told what becomes of it
//   shown    what each protocol shows; "<protocol> from <protocol>" goes first
//   own      the same for the other connections of who did it; without it nobody looks there
//   unread   the text that messaging and chat are shown later, of what was unread; null: none

export const PROTOCOLS = ['simple', 'messaging', 'chat', 'concord', 'rooms'];

// Who does it connects, or closes their connection.
export const COMES = Symbol('comes');
export const GOES = Symbol('goes');

export const ADMIN_TOKEN = 'sesame-sesame-sesame';
export const NIL = '00000000-0000-0000-0000-000000000000';
const everywhere = ['lobby', 'channel', 'den', 'dialog'];
const logged = ['lobby', 'channel', 'dialog'];
const nothing = { simple: null, messaging: null, chat: null, concord: null, rooms: null };

// ---- what frames have in common ------------------------------------------------------------

const request = (type, payload) =>
  `{"type":"request","timestamp":1,"id":"golden","payloadType":"${type}","payload":${payload}}`;

const chat_event = (type, about, payload) =>
  `{"type":"event","timestamp":{ts},"id":"${type}-${about}-{ts}","eventType":"${type}","payload":${payload}}`;

const written = (content, thread = null) =>
  `{"type":"chat_written","channelId":{channel},"threadId":${thread},"sentAt":1,"content":"${content}"}`;

// A request, by whom.
const HOST = { user: '{host}' };
const OPERATOR = { bearer: ADMIN_TOKEN };
const rest = (surface, method, path, body, as = { user: '{from}' }) => ({ surface, method, path, body, as });

const item = (rest) => `{"send":[{"id":9,"rid":"{address}","sid":"{from}"${rest}}]}`;

// As messaging shows it to messaging: with the sender's own id and fields.
const as_sent = (rest) => `{"messages":[{"id":9,"rid":"{address}","sid":"{from}"${rest}}]}`;

// A message in each protocol. `content` is what the text-only ones show, where that differs.
function message(text, { content = text, attachments, thread = null } = {}) {
  const links = attachments ? `,"attachments":${attachments}` : '';
  return {
    simple: `{"type":"message_sent","message":"${content}","timestamp":{ts},"username":"{from}"{to}}`,
    messaging: `{"messages":[{"id":{id},"rid":"{address}","sid":"{from}","text":"${text}"${links}}]}`,
    chat: chat_event(
      'new',
      '{id}',
      `{"chatId":"{chat}","userId":"{from}","messageId":{id},"message":"${text}","attachments":${attachments ?? '[]'}}`,
    ),
    concord: `{"type":"chat_sent","chat":{"id":{id},"createdAt":{ts},"authorId":{from_num},"channelId":{channel},"threadId":${thread},"content":"${content}","edited":false,"reactions":{}}}`,
    rooms: `{"type":"message","time":{seconds},"content":"${content}","user_id":"{from_uuid}","message_id":{id},"room_id":"{room}"}`,
  };
}

// ---- messages --------------------------------------------------------------------------------

// Its bytes are nobody's business: quotes and escapes pass through all five as they came.
const hello = 'hello \\"you\\" caf\\u00e9 \\/ ☕';

export const MESSAGE = {
  event: 'message',
  kind: 'message.sent',
  places: everywhere,
  text: hello,
  by: {
    simple: `{"type":"send_message","payload_id":"1","message":"${hello}"{to}}`,
    messaging: item(`,"text":"${hello}"`),
    chat: request('new', `{"chatId":"{address}","message":"${hello}"}`),
    concord: written(hello),
    'concord, by REST': rest('concord', 'POST', '/api/channels/{channel}/chats', `{"sentAt":1,"threadId":null,"content":"${hello}"}`),
    native: rest('native', 'POST', '/api/v1/{path}/messages', `{"text":"${hello}"}`),
    rooms: `{"type":"message","content":"${hello}","room_id":"{room}"}`,
  },
  shown: { ...message(hello), 'messaging from messaging': as_sent(`,"text":"${hello}"`) },
  own: { ...message(hello), messaging: undefined },
};

const pictures = '["https://a/1.png",{"url":"https://a/2.png","size":3}]';
const urls = 'https://a/1.png https://a/2.png';

// What a messaging item shows as elsewhere. `rest` is its own, and comes back so.
const bare_item = (event, rest, content, { text = content, attachments } = {}) => ({
  event,
  kind: 'message.sent',
  places: ['lobby', 'dialog'],
  by: { messaging: item(rest) },
  shown: { ...message(text, { content, attachments }), messaging: as_sent(rest) },
});

const TEXTS = [
  bare_item('an item with a text and more', ',"text":"hi","url":"https://a/1.png","x":{"a":[1]}', 'hi'),
  bare_item('an item without text: its url', ',"url":"https://a/1.png","n":1', 'https://a/1.png'),
  bare_item('an item without text and url: its fields', ',"x":[1,2],"y":{"z":"w"}', '{\\"x\\":[1,2],\\"y\\":{\\"z\\":\\"w\\"}}'),
  bare_item('an item whose text and url are none', ',"text":5,"url":null', '{\\"text\\":5,\\"url\\":null}'),
  bare_item('an item of nothing', '', ''),
  bare_item('an item with attachments', `,"text":"look","attachments":${pictures}`, `look ${urls}`, { text: 'look', attachments: pictures }),
  bare_item('an item with a url and attachments', `,"attachments":${pictures},"url":"https://a/0.png"`, `https://a/0.png ${urls}`, { text: 'https://a/0.png', attachments: pictures }),
  bare_item('an item with attachments alone', `,"attachments":${pictures}`, urls, { text: '', attachments: pictures }),
  bare_item('an item with attachments without urls', ',"attachments":[{"size":3}]', '[{\\"size\\":3}]', { text: '', attachments: '[{"size":3}]' }),
  {
    event: 'an item spaced out: its fields as compact JSON',
    kind: 'message.sent',
    places: ['lobby', 'dialog'],
    by: { messaging: '{"send": [ {"id":9, "rid":"{address}", "sid":"{from}", "x" : [1,  2]} ]}' },
    shown: { ...message('{\\"x\\":[1,2]}'), messaging: as_sent(',"x":[1,2]') },
  },
  {
    event: 'attachments',
    kind: 'message.sent',
    places: ['lobby', 'dialog'],
    by: { chat: request('new', `{"chatId":"{address}","message":"look","attachments":${pictures}}`) },
    shown: message('look', { content: `look ${urls}`, attachments: pictures }),
  },
  {
    event: 'attachments alone',
    kind: 'message.sent',
    places: ['lobby', 'dialog'],
    by: { chat: request('new', `{"chatId":"{address}","message":"","attachments":${pictures}}`) },
    shown: message('', { content: urls, attachments: pictures }),
  },
  {
    event: 'a text with fields',
    kind: 'message.sent',
    places: ['lobby', 'dialog'],
    by: { native: rest('native', 'POST', '/api/v1/{path}/messages', `{"text":"look","fields":{"n":[1],"rid":"x","sid":"y"},"attachments":${pictures}}`) },
    shown: {
      ...message('look', { content: `look ${urls}`, attachments: pictures }),
      // Nobody speaks with another's names.
      messaging: `{"messages":[{"id":{id},"rid":"{address}","sid":"{from}","text":"look","attachments":${pictures},"n":[1]}]}`,
    },
  },
  {
    event: 'a message in a thread',
    kind: 'message.sent',
    places: ['lobby', 'dialog'],
    by: { concord: written('in it', 7) },
    shown: message('in it', { thread: 7 }),
  },
];

// ---- what becomes of messages ----------------------------------------------------------------

const about_it = (thread) => `"chatId":{about},"channelId":{channel},"threadId":${thread}`;

const edited = (about, content, thread = null) => ({
  event: 'edit',
  kind: 'message.edited',
  places: logged,
  about,
  by: {
    chat: request('edit', '{"chatId":"{address}","messageId":{about},"message":"mended"}'),
    'concord, by REST': rest('concord', 'PATCH', '/api/chats/{about}', '{"content":"mended"}'),
    native: rest('native', 'PATCH', '/api/v1/messages/{about}', '{"text":"mended"}'),
  },
  shown: {
    ...nothing,
    chat: chat_event('edit', '{about}', '{"chatId":"{chat}","messageId":{about},"message":"mended"}'),
    concord: `{"type":"chat_edited",${about_it(thread)},"content":"${content}"}`,
  },
  unread: 'mended',
});

const deleted = (about, thread = null) => ({
  event: 'delete',
  kind: 'message.deleted',
  places: logged,
  about,
  by: {
    chat: request('delete', '{"chatId":"{address}","messageId":{about}}'),
    'concord, by REST': rest('concord', 'DELETE', '/api/chats/{about}'),
    native: rest('native', 'DELETE', '/api/v1/messages/{about}'),
  },
  shown: {
    ...nothing,
    chat: chat_event('delete', '{about}', '{"chatId":"{chat}","messageId":{about}}'),
    concord: `{"type":"chat_deleted",${about_it(thread)}}`,
  },
  unread: null,
});

// How messages are sent that something becomes of.
export const SAID = {
  ...MESSAGE.by,
  'chat, with attachments': request('new', `{"chatId":"{address}","message":"${hello}","attachments":${pictures}}`),
  'concord, in a thread': written(hello, 7),
};

const CHANGES = [
  edited(['chat', 'concord', 'messaging'], 'mended'),
  edited(['chat, with attachments'], `mended ${urls}`),
  edited(['concord, in a thread'], 'mended', 7),
  deleted(['chat', 'concord', 'messaging']),
  deleted(['concord, in a thread'], 7),
  {
    event: 'reaction',
    kind: 'reaction.updated',
    places: logged,
    about: ['chat', 'concord', 'messaging'],
    by: {
      concord: '{"type":"chat_reaction","chatId":{about},"reaction":"😂","adding":true}',
      'concord, by REST': rest('concord', 'POST', '/api/chats/{about}/reactions', '{"reaction":"😂","adding":true}'),
      native: rest('native', 'PUT', `/api/v1/messages/{about}/reactions/${encodeURIComponent('😂')}`),
    },
    shown: {
      ...nothing,
      concord: `{"type":"chat_reactions_updated",${about_it(null)},"reactions":{"😂":1}}`,
    },
  },
  {
    event: 'reaction',
    kind: 'reaction.updated',
    places: logged,
    about: ['concord, in a thread'],
    by: { concord: '{"type":"chat_reaction","chatId":{about},"reaction":"\\u2714","adding":true}' },
    shown: {
      ...nothing,
      concord: `{"type":"chat_reactions_updated",${about_it(7)},"reactions":{"✔":1}}`,
    },
  },
  {
    event: 'typing',
    kind: 'typing',
    places: everywhere,
    by: {
      chat: request('typing', '{"chatId":"{address}"}'),
      'chat, as an event': '{"type":"event","eventType":"typing","payload":{"chatId":"{address}"}}',
      concord: '{"type":"chat_typing","channelId":{channel},"threadId":null,"sentAt":1}',
    },
    shown: {
      ...nothing,
      chat: chat_event('typing', '{from_num}', '{"chatId":"{chat}","userId":"{from}"}'),
      concord: '{"type":"chat_typing","userId":{from_num},"channelId":{channel},"threadId":null,"sentAt":{ts}}',
    },
  },
];

// ---- receipts --------------------------------------------------------------------------------

const receipt = '{"chatId":"{chat}","messageId":{about},"timestamp":{ts}}';
const delivered = { ...nothing, chat: chat_event('dlvrd', '{about}', receipt) };
const read = {
  ...nothing,
  chat: chat_event('read', '{about}', receipt),
  rooms: '{"type":"read","message_id":{about},"user_id":"{from_uuid}"}',
};
const reads = {
  chat: request('read', '{"chatId":"{address}","messageId":{about}}'),
  rooms: '{"type":"read","message_id":{about}}',
};

const RECEIPTS = [
  {
    event: 'delivered',
    kind: 'message.delivered',
    places: everywhere,
    about: ['chat'],
    theirs: true,
    by: { chat: request('dlvrd', '{"chatId":"{address}","messageId":{about}}') },
    shown: delivered,
  },
  {
    event: 'delivered, as the pong proves',
    kind: 'message.delivered',
    places: ['dialog'],
    about: ['chat'],
    theirs: true,
    by: Object.fromEntries(PROTOCOLS.map((protocol) => [protocol, COMES])),
    shown: delivered,
  },
  {
    event: 'read in a room',
    kind: 'message.read',
    places: ['lobby', 'channel', 'den'],
    about: ['chat', 'messaging', 'concord', 'rooms'],
    theirs: true,
    by: reads,
    shown: read,
  },
  {
    event: 'read in a dialog',
    kind: 'message.read',
    places: ['dialog'],
    about: ['chat', 'concord', 'rooms'],
    theirs: true,
    by: reads,
    shown: read,
  },
  {
    event: 'read in a dialog',
    kind: 'message.read',
    places: ['dialog'],
    about: ['simple', 'messaging'],
    theirs: true,
    by: { chat: reads.chat },
    shown: read,
  },
  {
    event: 'read in a dialog',
    kind: 'message.read',
    places: ['dialog'],
    about: ['chat'],
    theirs: true,
    by: { messaging: '{"read":[{"id":{about}}]}' },
    shown: read,
  },
];

// ---- coming and going ------------------------------------------------------------------------

const passage = (verb, ends) => ({
  simple: ends,
  concord: ends,
  messaging: `{"${verb}":[{"rid":"{address}"}]}`,
  chat: request(verb, '{"chatId":"{address}"}'),
  rooms: `{"type":"${verb}","room_id":"{room}"}`,
});
const frames_of = (by) => Object.fromEntries(Object.entries(by).filter(([, act]) => typeof act === 'string'));
const told = (verb, type) => ({
  ...nothing,
  simple: `{"type":"${verb}","timestamp":{ts},"username":"{from}"}`,
  rooms: `{"type":"${type}","user_id":"{from_uuid}","room_id":"{room}"}`,
});
const status = (name) => ({
  ...nothing,
  chat: chat_event(name, '{from_num}', '{"userId":"{from}"}'),
  concord: `{"type":"user_status_updated","userId":{from_num},"status":"${name.toUpperCase()}"}`,
});
const ends = (end) => Object.fromEntries(PROTOCOLS.map((protocol) => [protocol, end]));

export const ENTER = passage('enter', COMES);

const PASSAGES = [
  {
    event: 'enter',
    kind: 'room.entered',
    places: ['lobby'],
    by: ENTER,
    shown: told('user_connected', 'enter'),
  },
  {
    event: 'enter',
    kind: 'room.entered',
    places: ['channel', 'den'],
    by: { ...frames_of(ENTER), native: rest('native', 'PUT', '/api/v1/{path}/members/{from}') },
    shown: told('user_connected', 'enter'),
  },
  {
    event: 'exit',
    kind: 'room.exited',
    places: ['lobby'],
    inside: true,
    by: passage('exit', GOES),
    shown: told('user_disconnected', 'exit'),
  },
  {
    event: 'exit',
    kind: 'room.exited',
    places: ['channel', 'den'],
    inside: true,
    by: { ...frames_of(passage('exit', GOES)), native: rest('native', 'DELETE', '/api/v1/{path}/members/{from}') },
    shown: told('user_disconnected', 'exit'),
  },
  { event: 'online', kind: 'presence.online', places: ['dialog'], by: ends(COMES), shown: status('online') },
  { event: 'offline', kind: 'presence.offline', places: ['dialog'], by: ends(GOES), shown: status('offline') },
];

// ---- rooms and their people --------------------------------------------------------------------

const to_reader = 'parley:user:{{reader}}';
const kick = (text, permanent) => ({
  ...nothing,
  rooms: `{"type":"kick","room_id":"{room}","message":"${text}","permanent":${permanent}}`,
});

const ROOMS = [
  {
    event: 'invite',
    kind: 'room.invited',
    places: ['lobby', 'den'],
    channel: to_reader,
    inside: true,
    outside: true,
    by: {
      rooms: '{"type":"invite","user_id":"{reader_uuid}","room_id":"{room}"}',
      'rooms, by REST': rest('rooms', 'PUT', '/room/{room}/users', '{"user_id":"{reader_uuid}"}'),
      native: rest('native', 'PUT', '/api/v1/{path}/invites/{reader}'),
    },
    shown: { ...nothing, rooms: '{"type":"invite","user_id":"{from_uuid}","room_id":"{room}"}' },
  },
  {
    event: 'kick',
    kind: 'room.kicked',
    places: ['den'],
    channel: to_reader,
    from: 'host',
    by: {
      'rooms, by REST': rest('rooms', 'DELETE', '/room/{room}/users', '{"user_id":"{reader_uuid}","message":"enough"}', HOST),
    },
    shown: kick('enough', false),
  },
  {
    event: 'kick for good',
    kind: 'room.kicked',
    places: ['den'],
    channel: to_reader,
    from: 'host',
    by: {
      'rooms, by REST': rest('rooms', 'PUT', '/room/{room}/bans', '{"user_id":"{reader_uuid}"}', HOST),
      native: rest('native', 'PUT', '/api/v1/{path}/bans/{reader}', undefined, HOST),
    },
    shown: kick('', true),
  },
  {
    event: 'kick without a word',
    kind: 'room.kicked',
    places: ['den'],
    channel: to_reader,
    from: 'host',
    by: { native: rest('native', 'DELETE', '/api/v1/{path}/members/{reader}', undefined, HOST) },
    shown: kick('', false),
  },
  {
    event: 'kick of another',
    kind: 'room.exited',
    places: ['den'],
    inside: true,
    by: { 'rooms, by REST': rest('rooms', 'DELETE', '/room/{room}/users', '{"user_id":"{from_uuid}"}', HOST) },
    shown: told('user_disconnected', 'exit'),
  },
  {
    event: 'room made',
    kind: 'room.created',
    places: ['lobby'],
    channel: 'parley:all',
    by: {
      'concord, by REST': rest('concord', 'POST', '/api/channels', '{"name":"made by {from}","description":"where it is warm"}'),
      native: rest('native', 'POST', '/api/v1/rooms', '{"name":"made by {from}","description":"where it is warm","public":true}'),
    },
    // Those alone are told who hear public rooms.
    shown: {
      concord: '{"type":"channel_created","channel":{"id":{made},"parentChannelId":null,"ordinality":0,"name":"made by {from}","description":"where it is warm","capabilities":[],"createdAt":{ts},"createdByUserId":{from_num}}}',
    },
  },
  {
    event: 'room deleted',
    kind: 'room.deleted',
    places: ['channel', 'den'],
    from: 'host',
    by: {
      'concord, by REST': rest('concord', 'DELETE', '/api/channels/{channel}', undefined, HOST),
      native: rest('native', 'DELETE', '/api/v1/{path}', undefined, HOST),
    },
    shown: { ...nothing, concord: '{"type":"channel_deleted","channelId":{channel}}' },
  },
];

// ---- notices -----------------------------------------------------------------------------------

const noon = 'down at noon, {host}';

// A message of the server's, in each protocol. `place`: in one of the server's own.
function notice_shown(place = {}) {
  const names = { '"username":"{from}"': '"username":null', '{from}': 'server', '{from_num}': 0, '{from_uuid}': NIL, ...place };
  const fill_in = (frame) => Object.entries(names).reduce((text, [name, value]) => text.replaceAll(name, value), frame);
  return Object.fromEntries(Object.entries(message(noon)).map(([protocol, frame]) => [protocol, fill_in(frame)]));
}

const notice = (event, to, row) => ({
  event,
  kind: 'notice',
  from: 'server',
  says: noon,
  by: { native: rest('native', 'POST', '/api/v1/notices', `{"to":"${to}","text":"${noon}"}`, OPERATOR) },
  ...row,
});

const with_server = { '{address}': '{reader}', '{chat}': 'server', '{channel}': 0, '{room}': NIL, '{to}': ',"to":"{reader}"' };

const NOTICES = [
  notice('notice to a user', '{reader}', { places: ['lobby'], channel: to_reader, shown: notice_shown(with_server) }),
  notice('notice to a room', '{address}', { places: ['lobby', 'channel', 'den'], shown: notice_shown() }),
  notice('notice to all', 'all', { places: ['lobby'], shown: notice_shown() }),
];

export const TABLE = [MESSAGE, ...TEXTS, ...CHANGES, ...RECEIPTS, ...PASSAGES, ...ROOMS, ...NOTICES];
