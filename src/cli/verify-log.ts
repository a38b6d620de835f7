/** `openloom verify log`: whether the event log is what was written. Reads the file; works beside a running daemon. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { systemClock } from '../core/clock.ts'
import { ProblemError, reasonOf } from '../core/problem.ts'
import { readPublicKey } from '../lib/dsse.ts'
import { Keyring } from '../store/keyring.ts'
import { checkLog, type LogReport } from '../store/log-chain.ts'
import { exit } from './exit.ts'
import { configOf, type Shell } from './program.ts'
import { paint, print, printJson, safe } from './terminal.ts'

export async function verifyLog(options: { json?: boolean }, shell: Shell): Promise<number> {
  const { data_dir } = configOf(shell).config
  const report = read(data_dir)
  const { fault, checked, older, receipts, head, beginning } = report
  if (options.json) printJson({ ok: fault === null, ...report })
  else if (fault) print(`${paint('red', 'wrong')}  ${safe(fault.text)}`)
  else {
    print(`${paint('green', 'ok')}     ${checked} events, ${receipts} receipts`)
    if (head) print(`       up to event ${head.seq}, hash ${head.hash}`)
    if (beginning) {
      const { seq, hash } = beginning
      print(`${paint('dim', 'note')}   events up to ${seq} were let go of; the rest follows ${hash}`)
    }
    if (older > 0) print(`${paint('dim', 'note')}   ${older} events are older than the chain and not covered by it.`)
  }
  return fault ? exit.failed : exit.ok
}

function read(dataDir: string): LogReport {
  const path = join(dataDir, 'openloom.db')
  if (!existsSync(path)) throw new ProblemError({ kind: 'no-store', text: `There is no ${path}.` })
  const keys = new Keyring(dataDir, systemClock).keys().flatMap(({ publicKey }) => readPublicKey(publicKey) ?? [])
  try {
    return checkLog(path, { keys })
  } catch (error) {
    throw new ProblemError({ kind: 'store-unreadable', text: `${path} cannot be read: ${reasonOf(error)}.` })
  }
}
