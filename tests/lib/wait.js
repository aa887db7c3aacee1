// Waiting for conditions. Nothing in these tests sleeps in the hope that something
// has happened meanwhile: they wait for what they can observe, bounded in time.

export const PATIENCE_MS = Number(process.env.PARLEY_TEST_PATIENCE_MS ?? 8000);

export function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

// Thrown by a probe: it will never happen.
export class NeverError extends Error {}

// Calls `probe` until it gives something truthy, and returns that. `what` names the
// condition for the error message; a string or a function that makes one.
export async function waitFor(what, probe, patience_ms = PATIENCE_MS) {
  const deadline = Date.now() + patience_ms;
  let last_error;
  for (let delay = 5; ; delay = Math.min(delay * 2, 100)) {
    try {
      const result = await probe();
      if (result) return result;
      last_error = undefined;
    } catch (error) {
      if (error instanceof NeverError) throw error;
      last_error = error;
    }
    if (Date.now() >= deadline) {
      const name = typeof what === 'function' ? what() : what;
      const cause = last_error ? `: ${last_error.message}` : '';
      throw new Error(`did not happen within ${patience_ms} ms: ${name}${cause}`);
    }
    await pause(delay);
  }
}

// The promise's result, or an error that names what did not come.
export function within(patience_ms, what, promise) {
  let timer;
  const timeout = new Promise((_, reject) => {
    timer = setTimeout(() => {
      const name = typeof what === 'function' ? what() : what;
      reject(new Error(`did not come within ${patience_ms} ms: ${name}`));
    }, patience_ms);
  });
  return Promise.race([promise, timeout]).finally(() => clearTimeout(timer));
}
