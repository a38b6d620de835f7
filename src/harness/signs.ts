/** Signs of life of a busy session, and when two of them differ enough to be progress. Pure. */
import { z } from 'zod'
import type { Activity } from '../core/diagnosis.ts'
import type { SessionState } from '../core/session.ts'

const markSchema = z.object({
  state: z.string(),
  call: z.string().nullable(),
  outputBytes: z.number(),
  lastProgressAt: z.number().nullable(),
})

/** What a session looked like. */
export type Mark = z.infer<typeof markSchema>

export function markOf({ state, tool, lastProgressAt }: Activity): Mark {
  const call = tool && `${tool.sessionId}/${tool.callId}`
  return { state: state.kind, call, outputBytes: tool?.outputBytes ?? 0, lastProgressAt }
}

/** A runtime that forgot something (after a restart, say) has not made progress by that. */
export function progressed(before: Mark, now: Mark): boolean {
  if (before.state !== now.state || before.call !== now.call) return true
  if (now.outputBytes > before.outputBytes) return true
  return (now.lastProgressAt ?? 0) > (before.lastProgressAt ?? 0)
}

export const writeMark = (mark: Mark): string => JSON.stringify(mark)

/** Null for what an older version wrote. */
export function parseMark(text: string | null): Mark | null {
  try {
    return markSchema
      .nullable()
      .catch(null)
      .parse(JSON.parse(text ?? 'null'))
  } catch {
    return null
  }
}

/** Something goes on in it, or waits for somebody. */
export const isBusyKind = (kind: SessionState['kind']): boolean =>
  kind === 'busy' || kind === 'starting' || kind === 'waiting' || kind === 'retrying'
