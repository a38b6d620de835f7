/** What was typed before, for the arrow keys: one JSON text a line, for its owner's eyes only, bounded. */
import { appendFileSync, chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'

const linesMax = 1_000
const charsMax = 4_000

export class History {
  private readonly path: string

  constructor(path: string) {
    this.path = path
  }

  /** The newest first. */
  load(): string[] {
    if (!existsSync(this.path)) return []
    const lines = readFileSync(this.path, 'utf8').split('\n').filter(Boolean)
    if (lines.length > 2 * linesMax) this.shorten(lines.slice(-linesMax))
    return lines.slice(-linesMax).reverse().flatMap(textOf)
  }

  add(text: string): void {
    if (text.trim() === '' || text.length > charsMax) return
    const isNew = !existsSync(this.path)
    if (isNew) mkdirSync(dirname(this.path), { recursive: true, mode: 0o700 })
    appendFileSync(this.path, `${JSON.stringify(text)}\n`, { mode: 0o600 })
    if (isNew) chmodSync(this.path, 0o600)
  }

  private shorten(lines: readonly string[]): void {
    const temporary = `${this.path}.tmp`
    writeFileSync(temporary, `${lines.join('\n')}\n`, { mode: 0o600 })
    renameSync(temporary, this.path)
  }
}

/** A line that a crash left half is no text. */
function textOf(line: string): string[] {
  try {
    const text: unknown = JSON.parse(line)
    return typeof text === 'string' ? [text] : []
  } catch {
    return []
  }
}
