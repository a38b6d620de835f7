/** The program's own diary (pino, JSON lines on stderr). Facts about tasks go to the event log, never only here. */
import { type Logger, pino } from 'pino'

export type Log = Pick<Logger, 'debug' | 'info' | 'warn' | 'error'>

/** Values that must never be written, wherever they turn up. */
export class Secrets {
  private readonly values = new Set<string>()

  /** Short values are left out: hiding "yes" would garble everything and hide nothing. */
  add(value: string | undefined): void {
    if (!value || value.length < 8) return
    const inJson = JSON.stringify(value).slice(1, -1)
    const forms = [value, inJson, encodeURIComponent(value), Buffer.from(value).toString('base64')]
    for (const form of forms) this.values.add(form)
  }

  hide(text: string): string {
    let hidden = text
    for (const value of this.values) hidden = hidden.replaceAll(value, '[secret]')
    return hidden
  }
}

export function openLog(level: string, secrets: Secrets): Log {
  const write = (line: string) => process.stderr.write(secrets.hide(line))
  return pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, { write })
}
