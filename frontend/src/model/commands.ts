/** What can be written to a session instead of words to the agent: names as in `openloom chat`. Pure. */

export interface Command {
  name: string
  /** How its argument is called; absent: it takes none. */
  takes?: string
  does: string
  /** Only while the session works, or only while it rests. */
  only?: 'at work' | 'at rest'
}

export const commands = [
  { name: 'compact', does: 'make room in the history now' },
  { name: 'export', takes: '[md|json]', does: 'the session as a file: json comes back, md is for people' },
  { name: 'fork', does: 'go on in a copy, and leave this one as it is' },
  { name: 'model', takes: '[name]', does: 'another model from the next turn on; without a name: the usual one' },
  { name: 'new', does: 'begin a new session in this folder' },
  { name: 'profile', takes: '[name]', does: 'another profile from the next turn on; no name: the usual one' },
  { name: 'remember', takes: '<text>', does: 'keep one line for every session in this repository' },
  { name: 'rename', takes: '<title>', does: 'give this session another title' },
  { name: 'sessions', does: 'all sessions' },
  { name: 'stop', does: 'end the turn and what it runs', only: 'at work' },
  { name: 'archive', does: 'put this session away' },
  { name: 'undo', takes: '[files]', does: 'take the last turn back; files: with what it changed', only: 'at rest' },
] as const satisfies readonly Command[]

export type CommandName = (typeof commands)[number]['name']

/** A command that stands alone in the field; null: these are words for the agent. */
export function commandIn(text: string): { name: CommandName; argument: string } | null {
  const [, word, argument = ''] = /^\/([a-z]+)(?:\s+([\s\S]*))?$/.exec(text.trim()) ?? []
  const found = commands.find(({ name }) => name === word)
  return found ? { name: found.name, argument: argument.trim() } : null
}

/** A shell line of the person's own, behind a `!`; null: there is none. */
export const lineIn = (text: string): string | null => /^!\s*(\S[\s\S]*)$/.exec(text)?.[1]?.trim() ?? null

/** A word behind a slash that is no command. A path is none, and a blank before it makes it words. */
export function unknownIn(text: string): string | null {
  const word = /^\/([a-z_-]+)(?:\s|$)/i.exec(text)?.[1]
  return word === undefined || commands.some(({ name }) => name === word) ? null : word
}

/** What is being written where the cursor stands, and may be completed. */
export type Draft = { kind: 'command' | 'model' | 'profile' | 'file'; typed: string; from: number }

export function draftAt(text: string, cursor: number): Draft | null {
  const before = text.slice(0, cursor)
  const command = /^\/([a-z]*)$/.exec(before)?.[1]
  if (command !== undefined) return { kind: 'command', typed: command, from: 0 }
  const [, name, named = ''] = /^\/(model|profile)\s+(\S*)$/.exec(before) ?? []
  if (name === 'model' || name === 'profile') return { kind: name, typed: named, from: cursor - named.length }
  // In quotes a name may have blanks, and is open until the second one.
  const file = /(?:^|\s)(@(?:"([^"\n]*)|([^\s"]*)))$/.exec(before)
  if (!file) return null
  return { kind: 'file', typed: file[2] ?? file[3] ?? '', from: cursor - (file[1]?.length ?? 0) }
}

export function commandsFor(typed: string, active: boolean): Command[] {
  const all: readonly Command[] = commands
  return all.filter(({ name, only }) => name.startsWith(typed) && (!only || (only === 'at work') === active))
}

/** As it stands in the field: in quotes where it has blanks. Null: no quotes would hold it. */
export function fileOffer(name: string): string | null {
  if (/["\n]/.test(name)) return null
  return /\s/.test(name) ? `@"${name}"` : `@${name}`
}
