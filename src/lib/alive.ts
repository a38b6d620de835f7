/** Node ends when nothing but unreferenced timers is left; a command that waits for one of those must not end. */

/** Keeps the process alive until the work is settled. */
export async function keepAlive<T>(work: Promise<T>): Promise<T> {
  const held = setInterval(() => undefined, 2 ** 30)
  try {
    return await work
  } finally {
    clearInterval(held)
  }
}
