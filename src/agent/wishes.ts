/** What a person wants of a run that is going on. The run looks at it between its steps; nothing here stops it. */
export interface Wishes {
  /** Stop after the call in flight and leave the turn open. */
  pause: boolean
  /** Make room in the history before the next model call. */
  compact: boolean
  /** Set by the run: it has looked for the last time, what is wished now comes too late. */
  over: boolean
}

export const noWishes = (): Wishes => ({ pause: false, compact: false, over: false })

/** Whether to stop here; whoever resumes after this finds a run that is over. */
export function pauses(wishes: Wishes): boolean {
  wishes.over ||= wishes.pause
  return wishes.pause
}
