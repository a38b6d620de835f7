/** What is said between `forks.ts` and `fork-server.ts`, by kind of frame; the id is that of the command. */

/** Descriptor of the channel in the server. */
export const channelFd = 3

export const toServer = {
  /** JSON: a LaunchRequest. */
  launch: 1,
  /** Its output is not wanted any more. */
  drop: 2,
}

export const fromServer = {
  /** Of no command: it can be asked. */
  ready: 1,
  /** JSON: the pid, or null. */
  started: 2,
  stdout: 3,
  stderr: 4,
  /** JSON: an Exit. */
  exited: 5,
  closed: 6,
}
