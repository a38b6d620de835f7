/** Why the built-in runtime does not do what it is asked. Words only. */
import type { Problem } from '../core/problem.ts'

export const isPaused: Problem = {
  kind: 'session-paused',
  text: 'A person has paused this session.',
  todo: 'Resume it first.',
}

export const isClosed: Problem = { kind: 'runtime-closed', text: 'The runtime is shutting down.' }

export const missing = (sessionId: string): Problem => ({
  kind: 'session-missing',
  text: `The built-in runtime has no session ${sessionId}.`,
})

export const busy = (sessionId: string): Problem => ({
  kind: 'session-busy',
  text: `The session ${sessionId} answers another prompt.`,
})

export const unknownTools = (names: readonly string[]): Problem => ({
  kind: 'unknown-tools',
  text: `It needs tools that are not here: ${names.join(', ').slice(0, 300)}.`,
  todo: 'Look at docs/guide/tools.md for their names; a tool of the project is offered once it is trusted.',
})

export const deniedTools = (names: readonly string[]): Problem => ({
  kind: 'denied-tools',
  text: `It needs tools that the permission rules deny: ${names.join(', ').slice(0, 300)}.`,
  todo: 'Change the rule, or leave the tool out of its list.',
})

export const unknownAgent = (name: string, known: readonly string[]): Problem => ({
  kind: 'agent-unknown',
  text: `There is no agent "${name}". There are: ${known.join(', ')}.`,
})
