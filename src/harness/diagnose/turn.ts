/** What can be said of a silent turn without looking at processes. Pure. */
import type { Activity, Cause } from '../../core/diagnosis.ts'
import { plainLine } from '../../lib/mask.ts'
import { quote, spanOf } from './words.ts'

export interface Judgement {
  cause: Cause
  text: string
}

/** Shorter silences of a model are its usual thinking. */
const silenceMs = 30_000

/** Null: a tool runs, and its processes must be looked at. */
export function judgeTurn(activity: Activity, now: number): Judgement | null {
  const { state, tool, hostAlive } = activity
  if (hostAlive === false) {
    return { cause: 'server-dead', text: `The server of the session is dead${sinceProgress(activity, now)}.` }
  }
  switch (state.kind) {
    case 'waiting': {
      if (state.for === 'resume') return { cause: 'unknown', text: 'A person has paused it.' }
      const what = { permission: 'a permission', question: 'the answer to a question', plan: 'a word on its plan' }
      const cause = state.for === 'permission' ? 'permission' : 'question'
      return { cause, text: `It waits for ${what[state.for]}: ${plainLine(state.text, 300)}` }
    }
    case 'retrying': {
      const wait = state.nextAt > now ? `in ${spanOf(state.nextAt - now)}` : 'now'
      const why = plainLine(state.text, 300)
      return { cause: 'retrying', text: `The provider refuses; try ${state.attempt} comes ${wait}. It said: ${why}` }
    }
    case 'unreachable':
      return { cause: 'unknown', text: `The session could not be looked at: ${plainLine(state.text, 300)}` }
    case 'busy':
    case 'starting':
      return tool ? null : judgeModel(activity, now)
    default:
      return { cause: 'unknown', text: `The session is not busy: it is ${state.kind}.` }
  }
}

function judgeModel(activity: Activity, now: number): Judgement {
  const { lastProgressAt } = activity
  const quietMs = lastProgressAt === null ? null : now - lastProgressAt
  if (quietMs !== null && quietMs < silenceMs) {
    return { cause: 'working', text: `The model works; its last sign of life came ${spanOf(quietMs)} ago.` }
  }
  const what = {
    none: 'The model has not begun to answer',
    streaming: 'The answer of the model broke off in the middle',
    between: 'No tool runs, and the model has not begun its next step',
  }[activity.model]
  return { cause: 'model-silent', text: `${what}${sinceProgress(activity, now)}.` }
}

function sinceProgress({ lastProgressAt }: Activity, now: number): string {
  return lastProgressAt === null ? '' : `; nothing has come for ${spanOf(now - lastProgressAt)}`
}

/** A tool whose processes cannot be judged. */
export function judgeUnseen(activity: Activity, kind: 'none' | 'ambiguous' | 'unseen', now: number): Judgement {
  const { tool } = activity
  const name = tool?.command ? quote(tool.command) : `The tool ${quote(tool?.name ?? '?')}`
  const since = tool ? ` after ${spanOf(now - tool.startedAt)}` : ''
  if (!tool?.command) return { cause: 'unknown', text: `${name} has not returned${since}; it shows no process.` }
  const text = {
    none: `${name} has no process any more, but the tool has not returned${since}.`,
    ambiguous: `${name} has not returned${since}; several like it run in the same server and cannot be told apart.`,
    unseen: `${name} has not returned${since}; its processes cannot be seen from here.`,
  }
  return { cause: 'unknown', text: text[kind] }
}
