/**
 * `openloom drill`: is it still true? Injects what must be caught into the running daemon, and what would harm it into
 * a second daemon of the same program, and fails loudly when one is not caught. The agents are scripts, no models.
 */
import { systemClock } from '../core/clock.ts'
import { ProblemError } from '../core/problem.ts'
import { requireDaemon } from './client.ts'
import { Ended, type Finding, untried } from './drill/finding.ts'
import { drillItems } from './drill/index.ts'
import type { DrillItem } from './drill/item.ts'
import { Stage } from './drill/stage.ts'
import { exit } from './exit.ts'
import { configOf, type Shell, UsageError } from './program.ts'
import { paint, print, printJson, safe } from './terminal.ts'

interface Row extends Finding {
  item: DrillItem
  durationMs: number
}

export async function drill(names: readonly string[], options: { json?: boolean }, shell: Shell): Promise<number> {
  const items = chosen(names)
  const loaded = configOf(shell)
  const client = requireDaemon(loaded, shell.env)
  const interruption = hearSignals()
  const stage = await Stage.open({ client, loaded, shell, signal: interruption.signal })
  const rows: Row[] = []
  const left: string[] = []
  try {
    for (const item of items) {
      const row = await play(item, stage)
      rows.push(row)
      if (!options.json) print(lineOf(row))
    }
  } catch (error) {
    if (!interruption.signal.aborted) throw error
  } finally {
    left.push(...(await stage.close()))
    interruption.forget()
  }
  const code = interruption.signal.aborted ? exit.cancelled : codeOf(rows)
  if (options.json) printJson({ ok: code === exit.ok, items: rows.map(asJson), left })
  else for (const line of summaryOf(rows, left)) print(line)
  return code
}

function chosen(names: readonly string[]): readonly DrillItem[] {
  const unknown = names.find((name) => !drillItems.some((item) => item.name === name))
  if (unknown === undefined)
    return names.length === 0 ? drillItems : drillItems.filter((one) => names.includes(one.name))
  const todo = `There are: ${drillItems.map(({ name }) => name).join(', ')}.`
  throw new UsageError({ kind: 'unknown-drill', text: `The drill has no part "${unknown.slice(0, 80)}".`, todo })
}

/** The first interruption ends the drill in order, so that nothing stays behind; a second one does not hurry it. */
function hearSignals() {
  const stop = new AbortController()
  const onSignal = () => stop.abort()
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  for (const name of signals) process.on(name, onSignal)
  const forget = () => {
    for (const name of signals) process.off(name, onSignal)
  }
  return { signal: stop.signal, forget }
}

async function play(item: DrillItem, stage: Stage): Promise<Row> {
  const startedAt = systemClock.monotonic()
  const finding = await item.run(stage).catch((error: unknown): Finding => {
    if (error instanceof Ended) return error.finding
    // The daemon refused, or is gone: nothing was learnt about this part.
    if (error instanceof ProblemError) return untried(error.problems.map(({ text }) => text).join(' '))
    throw error
  })
  return { item, ...finding, durationMs: Math.round(systemClock.monotonic() - startedAt) }
}

/** A part that could not be tried is not proven, which is neither a pass nor a failure. */
function codeOf(rows: readonly Row[]): number {
  if (rows.some(({ result }) => result === 'missed')) return exit.failed
  return rows.some(({ result }) => result === 'untried') ? exit.unverified : exit.ok
}

const words = { caught: 'caught    ', missed: 'NOT CAUGHT', untried: 'not tried ' } as const
const styles = { caught: 'green', missed: 'red', untried: 'yellow' } as const

function lineOf({ item, result, text, durationMs }: Row): string {
  // Honest work is not caught but recognized: the drill must see that not everything is refused.
  const word = item.name === 'honest-work' && result === 'caught' ? 'recognized' : words[result]
  const line = `${safe(text).replace(/\s+/g, ' ').slice(0, 300)} (${(durationMs / 1_000).toFixed(1)} s)`
  return `${paint(styles[result], word)}  ${item.injects.padEnd(40)}  ${line}`
}

function summaryOf(rows: readonly Row[], left: readonly string[]): string[] {
  const count = (wanted: Finding['result']) => rows.filter(({ result }) => result === wanted)
  const [missing, unknown] = [count('missed'), count('untried')]
  const names = (list: readonly Row[]) => list.map(({ item }) => item.name).join(', ')
  return [
    '',
    ...(missing.length > 0 ? [paint('red', `NOT CAUGHT: ${names(missing)}. Verdicts cannot be trusted now.`)] : []),
    ...(unknown.length > 0 ? [paint('yellow', `Not tried, so nothing is known of: ${names(unknown)}.`)] : []),
    ...(missing.length + unknown.length === 0 ? [`All ${rows.length} parts as they should be.`] : []),
    ...left.map((what) => paint('yellow', `Not removed: ${safe(what)}`)),
  ]
}

const asJson = ({ item: { name, injects, expects }, result, text, durationMs }: Row) => ({
  ...{ name, injects, expects, result, text, durationMs },
})
