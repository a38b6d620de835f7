/** The lines of `go test -json`. A package that cannot be built, or that dies, is a failure by its name. */
import { textOf } from './json.ts'
import { joined, type Mark, type Tally } from './tally.ts'

const marks: Readonly<Record<string, Mark>> = { pass: 'passed', fail: 'failed', skip: 'skipped' }
const actions = ['start', 'run', 'pause', 'cont', 'bench', 'build-output', 'build-fail', ...Object.keys(marks)]

export const isGo = (value: unknown): boolean =>
  actions.includes(textOf(value, 'Action')) && textOf(value, 'Package') + textOf(value, 'ImportPath') !== ''

/** Reads one line after the other. */
export class GoTests {
  private readonly tally: Tally
  private readonly running = new Set<string>()
  private readonly failing = new Set<string>()

  constructor(tally: Tally) {
    this.tally = tally
  }

  see(line: unknown): void {
    const [action, place, test] = [textOf(line, 'Action'), textOf(line, 'Package'), textOf(line, 'Test')]
    const mark = marks[action]
    if (test !== '') {
      const name = joined([place, test])
      if (action === 'run') this.running.add(name)
      if (!mark) return
      this.running.delete(name)
      this.tally.add(mark, name)
      if (mark === 'failed') this.failing.add(place)
    } else if (mark === 'failed' && !this.failing.has(place)) {
      this.tally.add('failed', place)
    }
  }

  /** What began and never ended took its package with it. */
  end(): void {
    for (const name of this.running) this.tally.add('failed', name)
  }
}
