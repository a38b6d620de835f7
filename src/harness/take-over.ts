/**
 * What an agent is told after its turn was stopped from outside. Pure; texts of processes are quoted, bounded, masked.
 */
import type { Activity, Cause, Diagnosis } from '../core/diagnosis.ts'
import { excerptOf } from '../lib/excerpt.ts'
import { maskLine } from '../lib/mask.ts'
import { fenced } from './prompts.ts'

const commandCharsMax = 500
const outputCharsMax = 1_500

const advice: Readonly<Partial<Record<Cause, string>>> = {
  input: 'Nobody can type there: give a command its input from a file, or a flag such as --yes.',
  'held-pipe': 'Start what stays in the background with its output sent to a file, and its input from /dev/null.',
  serving: 'Start a server in the background with its output sent to a file, and end it when you are through with it.',
  network: 'Give every network call a limit of time, and look first whether the other side is there.',
  lock: 'Find out who has the lock before you wait for it, and wait with a limit.',
  spinning: 'If it must take so long, run it with a limit of time and let it print its progress.',
  sleeping: 'Wait for a condition with a limit, not for a fixed long time.',
}

/** `quietMs`: how long nothing was heard; null when a person asked for it. */
export function takeOverPrompt(activity: Activity, diagnosis: Diagnosis, quietMs: number | null): string {
  const minutes = quietMs === null ? null : Math.max(1, Math.round(quietMs / 60_000))
  const why = minutes === null ? 'Somebody asked for it' : `It made no progress for ${minutes} min`
  const parts = [`OpenLoom stopped the last turn and ended all its processes. ${why}.`]
  const { tool } = activity
  if (tool) {
    parts.push(`This was running (${maskLine(tool.name, 40)}):\n${fenced(commandOf(tool.command ?? tool.name))}`)
    const tail = excerptOf(readable(tool.outputTail), outputCharsMax).trim()
    if (tail !== '') parts.push(`The end of what it had printed:\n${fenced(tail)}`)
  }
  parts.push(`Seen from outside: ${diagnosis.text}`)
  const hint = advice[diagnosis.cause]
  if (hint) parts.push(hint)
  parts.push('Look at what is already there, do not run the same thing in the same way again, and go on with the task.')
  return parts.join('\n\n')
}

const commandOf = (command: string): string => maskLine(command, commandCharsMax)

/** Lines stay, control characters go. */
const readable = (text: string): string => text.replace(/[^\P{C}\n\t]/gu, '')
