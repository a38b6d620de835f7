/**
 * The receipt of a verdict: what is known is drafted before the verdict is stored, and signed in the same
 * transaction. It
 * never stands in the way: what could not be read is named in the receipt, and a missing key is an alarm.
 */
import { hostname } from 'node:os'
import type { Census } from '../core/check.ts'
import { ProblemError, reasonOf } from '../core/problem.ts'
import { payloadType, type ReceiptCensus, type ReceiptCheck, type ReceiptDraft, statementOf } from '../core/receipt.ts'
import type { Task } from '../core/task.ts'
import type { CheckRecord, Verdict } from '../core/verdict.ts'
import { canonicalJson } from '../lib/canonical.ts'
import { sha256 } from '../lib/digest.ts'
import { signEnvelope } from '../lib/dsse.ts'
import { failpoint } from '../lib/failpoint.ts'
import { maskLine } from '../lib/mask.ts'
import { version } from '../lib/paths.ts'
import { readTree, type TreeLook } from '../lib/tree.ts'
import { resultsBefore } from './base.ts'
import type { World } from './world.ts'

const titleCharsMax = 200
const alarmCode = 'receipts'

/** What was found, before its place in the chain is known. Bounded in time; null when `signal` ended it. */
export async function draftReceipt(
  task: Task,
  found: { verdict: Verdict; records: readonly CheckRecord[]; look: TreeLook | null },
  world: World,
  signal: AbortSignal,
): Promise<ReceiptDraft | null> {
  const { env, owner, clock } = world
  const { ids } = world.checkouts
  const git = { cwd: task.workspace, env, owner: `${owner}/${task.id}/tree`, signal, ids }
  // The files that were judged, where they were looked at; a sealed worktree has another commit since.
  const look = task.isolation || !found.look ? await readTree(git) : found.look
  if (signal.aborted) return null
  const models = task.sessionId ? world.store.usage.modelsOf(task.sessionId) : []
  const { headCommit, tree, missing } = look
  const before = resultsBefore(task, world)
  return {
    task: {
      id: task.id,
      attempt: task.attempt,
      titleSha256: sha256(task.title),
      specSha256: sha256(canonicalJson(task.spec)),
    },
    verdict: found.verdict,
    checks: found.records.map((record) => receiptCheck(record, before.get(record.index))),
    workspace: { baseCommit: task.baseCommit, headCommit, tree, treeMissing: missing },
    runtime: task.runtime,
    models: (models.length > 0 ? models : [task.spec.model ?? []].flat()).map((name) => maskLine(name, titleCharsMax)),
    taskStartedAt: instant(task.startedAt ?? task.createdAt),
    verdictAt: instant(clock.now()),
    program: { name: 'openloom', version },
    machine: hostname(),
  }
}

const instant = (at: number): string => new Date(at).toISOString()

function receiptCheck(record: CheckRecord, before: CheckRecord | undefined): ReceiptCheck {
  const { title, spec, outcome, origin, base, clean, evidence, startedAt, durationMs } = record
  const outputSha256 = evidence.sha256 ?? null
  // A folder of checklists, or a file behind another name, has a digest that is not of these bytes.
  const isFile = outputSha256 !== null && spec.path === evidence.subject && spec.kind !== 'checklist'
  return {
    title: maskLine(title, titleCharsMax),
    kind: spec.kind,
    specSha256: sha256(canonicalJson(spec)),
    outcome,
    ...(origin ? { origin } : {}),
    ...(base === undefined ? {} : { base }),
    ...(clean ? { clean: clean.outcome } : {}),
    exitCode: evidence.exitCode ?? null,
    outputSha256,
    file: isFile ? String(spec.path) : null,
    startedAt: instant(startedAt),
    durationMs: Math.max(0, Math.round(durationMs)),
    ...testsOf(record, before),
  }
}

function testsOf({ census, flaky, weakened = [], quarantined }: CheckRecord, before: CheckRecord | undefined) {
  return {
    ...(census ? { census: receiptCensus(census) } : {}),
    ...(before?.census ? { baseCensus: receiptCensus(before.census) } : {}),
    ...(flaky ? { flaky } : {}),
    ...(weakened.length > 0 ? { weakened: { reasons: weakened.length, sha256: sha256(canonicalJson(weakened)) } } : {}),
    ...(quarantined
      ? { quarantined: { owner: maskLine(quarantined.owner, titleCharsMax), until: instant(quarantined.until) } }
      : {}),
  }
}

const receiptCensus = ({ names, format, passed, failed, skipped, whole }: Census): ReceiptCensus => ({
  ...{ format, passed, failed, skipped, whole },
  namesSha256: sha256(canonicalJson(names)),
})

/** Inside the transaction of the verdict. Answers why there is none, for `tellOfReceipt` after the commit. */
export function issueReceipt(draft: ReceiptDraft, world: World): string | null {
  const { store, keyring } = world
  const signer = signerOf(keyring)
  if (typeof signer === 'string') return signer
  store.receipts.append(draft, (facts) => signEnvelope(payloadType, canonicalJson(statementOf(facts)), [signer]))
  failpoint('receipt.stored')
  return null
}

function signerOf(keyring: World['keyring']): ReturnType<World['keyring']['signer']> | string {
  try {
    return keyring.signer()
  } catch (error) {
    if (!(error instanceof ProblemError)) return `The key that signs receipts cannot be used: ${reasonOf(error)}.`
    return error.problems.map(({ text, todo }) => [text, todo].filter(Boolean).join(' ')).join('\n')
  }
}

/** A verdict without a receipt is something that a person should know of. */
export const tellOfReceipt = (missing: string | null, world: World): void => world.alarm(alarmCode, missing)
