/** Random numbers that are the same at every run of one seed (mulberry32), and what fuzzing makes of them. */
export class Random {
  private state: number

  constructor(seed: number) {
    this.state = seed
  }

  /** From 0 to 1. */
  next(): number {
    this.state = (this.state + 0x6d2b79f5) | 0
    let mixed = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }

  below(max: number): number {
    return Math.floor(this.next() * max)
  }

  pick<T>(list: readonly T[]): T {
    if (list.length === 0) throw new Error('nothing to pick from')
    return list[this.below(list.length)] as T
  }

  chance(share: number): boolean {
    return this.next() < share
  }

  /** A text with some of its characters changed, doubled, cut out or moved. */
  mutate(text: string): string {
    let mutated = text
    for (let n = this.below(6); n >= 0; n--) {
      const at = this.below(mutated.length + 1)
      const length = this.below(30)
      const part = mutated.slice(at, at + length)
      const rest = mutated.slice(at + length)
      const change = this.pick(['cut', 'double', 'swap', 'insert'])
      if (change === 'cut') mutated = mutated.slice(0, at) + rest
      else if (change === 'double') mutated = mutated.slice(0, at) + part + part + rest
      else if (change === 'swap') mutated = rest + part + mutated.slice(0, at)
      else mutated = mutated.slice(0, at) + this.pick(oddities) + mutated.slice(at)
    }
    return mutated
  }
}

/** Characters and words that have broken a parser somewhere. */
export const oddities = [
  ...['\0', '\u001b[31m', '\u202e', '\ufeff', '\r', '\t', '\u2028', '🧵', 'é'.normalize('NFD'), '\\', '"', "'"],
  ...['---\n', '...\n', '```\n', '~~~', '# ', '## ', '## goal\n', '## checks\n', '- [ ] ', '- run: ', '1. ', '> ', '|'],
  ...['__proto__: {a: 1}\n', 'constructor: 1\n', '&a [*a]', '<<: *x', '!!js/function x', '!<tag:x> y', '{', '[', '? '],
  ...[
    'workspace: ',
    'session: ',
    'abort: ',
    'limits:\n  minutes: ',
    '1e999',
    '-0',
    'NaN',
    'null',
    '~',
    '../../etc/passwd',
  ],
  ...['$(id)', '`id`', '%00', '%2e%2e%2f', '<script>', '/(a+)+$/', '%', '{{x}}', ' '.repeat(200), 'a'.repeat(500)],
]
