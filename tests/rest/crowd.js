// One user by all five protocols at once, now on this node, now on that; and what they hear.

const TEXTS = {
  message_sent: ({ message }) => [message],
  chat_sent: ({ chat }) => [chat.content],
  message: ({ content }) => [content],
};

// The texts that a frame shows, in whichever protocol.
export function texts_of(frame) {
  if (frame.eventType === 'new') return [frame.payload.message];
  return TEXTS[frame.type]?.(frame) ?? frame.messages?.map(({ text }) => text) ?? [];
}

// `room`: the one that simple hears; without one there is no simple connection.
export async function everywhere(stage, user, room) {
  const clients = {
    messaging: await stage.messaging(1, user),
    chat: await stage.chat(0, user),
    concord: await stage.concord(1, user),
    rooms: await stage.rooms(0, user),
  };
  if (room) clients.simple = await stage.simple(1, user, { parameters: { room } });
  return clients;
}

let markers = 0;

// What each of them has been shown by now; `write` sends a direct message to their user, and Redis
// keeps the order: what comes behind that was published later.
export async function heard(clients, write) {
  const marker = `marker ${++markers}`;
  await write(marker);
  const found = {};
  for (const [protocol, client] of Object.entries(clients)) {
    found[protocol] = [];
    for (let texts = []; !texts.includes(marker); ) {
      texts = texts_of(await client.next());
      found[protocol].push(...texts.filter((text) => !text.startsWith('marker ')));
    }
  }
  return found;
}
