/**
 * What a person sees of a run: words as they come, one line a call and its outcome. All of it is hostile and made safe;
 * while somebody types, it waits.
 */
import type { LoomEvent } from '../../core/event.ts'
import type { LiveDelta } from '../../core/runtime.ts'
import { cut, paint, safe } from '../terminal.ts'

const heldCharsMax = 1_000_000

export class View {
  private readonly output: Pick<NodeJS.WriteStream, 'write' | 'columns'>
  private held: string | null = null
  private column = 0

  constructor(output: Pick<NodeJS.WriteStream, 'write' | 'columns'>) {
    this.output = output
  }

  /** Words of the agent as they come. */
  delta({ kind, text }: Pick<LiveDelta, 'kind' | 'text'>): void {
    if (kind === 'text') this.write(safe(text))
  }

  event({ type, data }: LoomEvent): void {
    const wide = Math.max(40, (this.output.columns ?? 80) - 12)
    if (type === 'tool.started') {
      this.line(paint('dim', `  ${cut(`${String(data.name)} ${callWords(data.summary)}`, wide)}`))
    } else if (type === 'tool.ended') {
      const mark = data.ok ? paint('green', 'ok') : paint('red', 'failed')
      const [first = ''] = String(data.summary ?? '')
        .trim()
        .split('\n')
      this.line(`    ${mark} ${paint('dim', cut(first, wide))}`)
    }
  }

  line(text: string): void {
    this.fresh()
    this.write(`${text}\n`)
  }

  /** To the start of a line. */
  fresh(): void {
    if (this.column > 0) this.write('\n')
  }

  hold(): void {
    this.fresh()
    this.held ??= ''
  }

  release(): void {
    const text = this.held
    this.held = null
    if (text) this.output.write(text)
  }

  private write(text: string): void {
    if (text === '') return
    this.column = text.endsWith('\n') ? 0 : 1
    if (this.held === null) this.output.write(text)
    else this.held = (this.held + text).slice(-heldCharsMax)
  }
}

/** The arguments of a call in few words: what it is about, where that can be told. */
export function callWords(summary: unknown): string {
  const text = String(summary ?? '')
  try {
    const given = JSON.parse(text) as Record<string, unknown>
    const subject = given.command ?? given.file_path ?? given.pattern ?? given.url ?? given.path
    return typeof subject === 'string' ? subject : text
  } catch {
    // It was cut short for the log.
    return text
  }
}
