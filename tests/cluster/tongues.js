// What an actor (actor.js) says and hears, in each protocol.
//
//   open    connects
//   say     sends an item {id, text, to}; `to` is {room} or {user}
//   hear    one frame: gives {shown, answers, refused, readable, marked, online, there}, each a list:
//           shown      texts, as they were shown
//           answers    ids of items that are stored
//           refused    {id, code}; id null: one of them, nobody knows which
//           readable   what can be marked as read: {mark, text}
//           marked     marks that have been carried out
//           unmarked   marks that were refused
//           online     [user, whether they are], of contacts
//           there      [user, whether they are], of who attends the lobby
//   mark    marks one as read, where the protocol can
//   resends whether an item can be sent again, and is then the same message
//   owed    whether members are shown what a room's log said while they were away
//   keeps   whether what is said in it is stored
//   greets  whether a newcomer is told of their own coming

import { ChatClient, ConcordClient, LOBBY, MessagingClient, RoomsClient, SimpleClient } from '../lib/client.js';

const options = (handshake_ms) => ({ handshake_ms });

export const dialog_of = (one, other) => [one, other].sort().join('|');

const COMINGS = { user_connected: true, user_disconnected: false, enter: true, exit: false };

const simple = {
  resends: true,
  owed: false,
  keeps: true,
  greets: true,
  open: (node, actor, ms) => SimpleClient.open(node, actor.user, { ...options(ms), parameters: { room: actor.room } }),
  say(client, { id, text, to }) {
    const address = to.user ?? `#${to.room}`;
    client.say(text, { payload_id: id, to: address });
  },
  hear(frame) {
    if (frame.type === 'message_sent') return { shown: [frame.message] };
    if (frame.type in COMINGS) return { there: [[frame.username, COMINGS[frame.type]]] };
    if (frame.type !== 'reply') return {};
    if (frame.error === null) return { answers: [frame.payload_id] };
    return { refused: [{ id: frame.payload_id, code: frame.error }] };
  },
};

const messaging = {
  resends: true,
  owed: true,
  keeps: true,
  open: (node, actor, ms) => MessagingClient.open(node, actor.user, options(ms)),
  say(client, { id, text, to }) {
    client.put({ id, rid: to.user ?? `#${to.room}`, text });
  },
  hear({ messages = [], sent = [], errors = [] }) {
    return {
      shown: messages.map(({ text }) => text),
      readable: messages.filter(({ rid }) => !String(rid).startsWith('#')).map(({ id, text }) => ({ mark: id, text })),
      answers: sent.map(({ id }) => id),
      refused: errors.filter(({ section }) => section !== 'read').map(({ id, code }) => ({ id, code })),
      unmarked: errors.filter(({ section }) => section === 'read').map(({ id }) => id),
    };
  },
  mark(client, { mark }) {
    client.mark(mark);
  },
};

const chat = {
  resends: true,
  owed: true,
  keeps: true,
  open: (node, actor, ms) => ChatClient.open(node, actor.user, { ...options(ms), presence: true }),
  say(client, { id, text, to }) {
    client.request('new', { chatId: to.user ?? `#${to.room}`, message: text }, id);
  },
  hear({ type, id, eventType, payload }) {
    if (type === 'response') {
      const mark = /^read (.*)$/.exec(id)?.[1];
      if (mark) return payload.error ? { unmarked: [Number(mark)] } : { marked: [Number(mark)] };
      return payload.error ? { refused: [{ id, code: payload.error }] } : { answers: [id] };
    }
    if (eventType === 'online' || eventType === 'offline') return { online: [[payload.userId, eventType === 'online']] };
    if (eventType !== 'new') return {};
    const { chatId, messageId, message } = payload;
    const direct = !chatId.startsWith('#');
    return { shown: [message], readable: direct ? [{ mark: messageId, chatId, text: message }] : [] };
  },
  mark(client, { mark, chatId }) {
    client.request('read', { chatId, messageId: mark }, `read ${mark}`);
  },
};

const concord = {
  resends: false,
  owed: true,
  keeps: true,
  own: true,
  open: (node, actor, ms) => ConcordClient.open(node, actor.user, options(ms)),
  say(client, { text, to }, { user, book }) {
    client.write(to.room ? book.rooms.get(to.room).num : book.dialogs.get(dialog_of(user, to.user)).num, text);
  },
  hear(frame) {
    if (frame.type === 'error') return { refused: [{ id: null, code: frame.code }] };
    return frame.type === 'chat_sent' ? { shown: [frame.chat.content] } : {};
  },
};

const rooms = {
  resends: false,
  owed: true,
  keeps: false,
  own: true,
  open: (node, actor, ms) => RoomsClient.open(node, actor.user, options(ms)),
  say(client, { text, to }, { user, book }) {
    client.say(to.room ? book.rooms.get(to.room).uuid : book.dialogs.get(dialog_of(user, to.user)).uuid, text);
  },
  hear(frame, client, actor) {
    if (frame.type === 'ping') client.send({ type: 'pong', time: frame.time });
    if (frame.type === 'error') return { refused: [{ id: null, code: frame.error }] };
    if (frame.type in COMINGS && frame.room_id === LOBBY.uuid) {
      return { there: [[actor.book.names.get(frame.user_id), COMINGS[frame.type]]] };
    }
    return frame.type === 'message' ? { shown: [frame.content] } : {};
  },
};

export const TONGUES = { simple, messaging, chat, concord, rooms };
export const LOBBY_ROOM = LOBBY.id;
