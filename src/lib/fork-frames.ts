/** What is said between `forks.ts` and `fork-server.ts`, by kind of frame; the id is that of the command. */

/** Descriptor of the channel in the server. */
export const channelFd = 3

/** Raised with every change of what follows: a program that was updated may be served by its successor's server. */
export const protocol = 1

export const toServer = {
  /** JSON: a LaunchRequest. */
  launch: 1,
  /** Is answered by `alive`. */
  ask: 2,
}

export const fromServer = {
  /** Of no command: it can be asked. JSON: its protocol. */
  ready: 1,
  /** JSON: the pid, or null. */
  started: 2,
  stdout: 3,
  stderr: 4,
  /** JSON: an Exit. */
  exited: 5,
  closed: 6,
  /** Of no command. */
  alive: 7,
}
