// The UUID that the contract gives a user, room or dialog (version 5, URL namespace).

import { createHash } from 'node:crypto';

const URL_NAMESPACE = '6ba7b8119dad11d180b400c04fd430c8';

export function uuid_of(kind, id) {
  const bytes = createHash('sha1')
    .update(Buffer.from(URL_NAMESPACE, 'hex'))
    .update(`parley:${kind}:${id}`)
    .digest()
    .subarray(0, 16);
  bytes[6] = (bytes[6] & 0x0f) | 0x50;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}
