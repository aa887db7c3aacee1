// Every transcript against live nodes: on one and across two, its frames whole and
// split into fragments. Each of the four has a Redis of its own, for a transcript
// played twice within five minutes is a replay of its sends.

import { describe, test } from 'node:test';
import { check_frames, take_frame_faults } from '../lib/contract.js';
import { TranscriptRun, lobby_attendance, read_transcripts } from '../lib/transcript.js';
import { waitFor, within } from '../lib/wait.js';
import { use_world } from '../lib/world.js';

const TRANSCRIPT_TIMEOUT_MS = 30000;

// Where clients send what is no frame of their protocol (tests/transcripts/README.md).
const BAD_FRAMES = 'errors.json';

// The lobby belongs to all transcripts: the next one begins when it is empty.
async function empty_lobby(world) {
  await waitFor(
    () => `nobody attends the lobby; there are ${lobby_attendance(world.watch)}`,
    async () => {
      await world.watch.settle();
      return lobby_attendance(world.watch).length === 0;
    },
  );
}

async function play(world, transcript, options) {
  const run = new TranscriptRun({ world, transcript, ...options });
  try {
    await within(TRANSCRIPT_TIMEOUT_MS, 'the end of the transcript', run.play());
    await run.end();
    world.watch.check();
    check_frames();
  } catch (error) {
    take_frame_faults();
    error.message += `\n--- frames\n${run.dump()}\n--- logs\n${world.logs()}`;
    throw error;
  } finally {
    await run.abandon();
    await empty_lobby(world);
  }
}

const modes = [
  ['one node, whole frames', { nodes: 1 }],
  ['one node, fragments', { nodes: 1, fragments: true, seed: 7 }],
  ['two nodes, whole frames', { nodes: 2 }],
  ['two nodes, fragments', { nodes: 2, fragments: true, seed: 11 }],
];

for (const [mode, options] of modes) {
  describe(mode, () => {
    const handle = use_world({
      nodes: options.nodes,
      node: { flags: ['--presence-grace-ms', 20] },
    });
    for (const { protocol, file, transcript } of read_transcripts()) {
      test(
        `${protocol}/${file}: ${transcript.name}`,
        { timeout: TRANSCRIPT_TIMEOUT_MS * 3 },
        () => play(handle.world, transcript, { ...options, bad: file === BAD_FRAMES }),
      );
    }
  });
}
