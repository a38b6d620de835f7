/** What a command runs besides itself: the shape of the answer. It knows no command. */
export interface Inside {
  /** Only a way to start what is inside: that must be allowed, this need not be. */
  transparent: boolean
  commands: { env: string[]; words: string[] }[]
  /** Shell text that is run. */
  texts: string[]
  /** Runs what cannot be read from the line. */
  arbitrary: boolean
  /** The same command in other words, for rules that forbid. */
  also: string[][]
}

export const inside = (part: Partial<Inside>): Inside => ({
  ...{ transparent: false, commands: [], texts: [], arbitrary: false, also: [] },
  ...part,
})
export const nothing = inside({})
export const arbitrary = inside({ arbitrary: true })
