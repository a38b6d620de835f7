/**
 * What the model is shown of a session, kept up row by row: nothing but a function of the rows, and whatever they hold,
 * the messages are well-formed. It stores nothing.
 */
import type { ModelMessage } from '../core/provider.ts'
import type { JournalEntry } from '../core/session.ts'
import { argumentTexts, parseArguments } from './arguments.ts'
import { messageTokens } from './weigh.ts'

type Row<T extends JournalEntry['type']> = Extract<JournalEntry, { type: T }>

export const unknownOutcome =
  'Outcome unknown: the process was killed while this call ran, and its result is lost. It may have happened wholly, ' +
  'partly or not at all. Look before you repeat it.'
export const neverBegun = 'Not run: the turn was interrupted before this call began.'

/** Where the tokens of a request come from. */
export type Source = 'messages' | 'results' | 'summary' | 'instructions'

export interface Shown {
  /** Number of its row. A reply and its results have one number: they are never parted. */
  row: number
  source: Source
  message: ModelMessage
  tokens: number
}

/** What was counted by the server for a request, and what was estimated for its messages. */
export interface Counted {
  tokens: number
  estimated: number
}

const saying: ReadonlySet<JournalEntry['type']> = new Set(['prompt', 'note', 'assistant', 'steered', 'instructions'])
const says = (entry: JournalEntry): boolean =>
  saying.has(entry.type) && !(entry.type === 'instructions' && entry.folder === '')

export class History {
  /** Rows so far that say something to the model; others may stand anywhere between them. */
  rows = 0
  /** Estimated tokens of all messages. */
  tokens = 0
  /** Of the newest request whose reply is here. */
  counted: Counted | null = null
  /** Messages of a person that the model has not got yet, by their ids. */
  readonly waiting = new Map<string, string>()
  /** Folders whose own instructions are among the messages, with their rows. */
  readonly folders = new Map<string, number>()
  /** What instruction files said at the start of the newest run. */
  instructions = ''
  /** What was remembered of the repository then. */
  memory = ''
  /** The plan that a person has had carried out in this session; empty: none. */
  plan = ''
  /** What the person said, also where a summary stands for it now. */
  readonly asked: { row: number; text: string }[] = []
  private shown: Shown[] = []
  private readonly results = new Map<string, { at: Shown; readOnly: boolean; ended: Row<'tool.ended'> | null }>()
  private offered: Row<'plan'> | null = null
  private usage: { runId: string; tokens: number } | null = null

  constructor(entries: readonly JournalEntry[]) {
    for (const entry of entries) this.add(entry)
  }

  messages(): ModelMessage[] {
    return this.shown.map(({ message }) => message)
  }

  list(): readonly Shown[] {
    return this.shown
  }

  add(entry: JournalEntry): void {
    switch (entry.type) {
      case 'prompt':
        this.asked.push({ row: this.rows, text: entry.text })
        this.show('messages', { role: 'user', text: entry.text })
        break
      case 'note':
        this.show('messages', { role: 'user', text: entry.text })
        break
      case 'steer':
        this.waiting.set(entry.messageId, entry.text)
        break
      case 'steered':
        for (const id of entry.messageIds) this.deliver(id)
        break
      case 'instructions':
        this.addInstructions(entry)
        break
      case 'assistant':
        this.addReply(entry)
        break
      case 'tool.started':
      case 'tool.ended':
        this.addResult(entry)
        break
      case 'usage': {
        const { input, cacheRead, cacheWrite } = entry.usage
        const tokens = input + cacheRead + cacheWrite
        // Nothing is never sent: the server did not count.
        this.usage = tokens > 0 ? { runId: entry.runId, tokens } : null
        break
      }
      case 'plan':
        this.offered = entry
        break
      case 'plan.taken':
        if ('profile' in entry.to && entry.callId === this.offered?.callId) this.plan = this.offered.text
        break
      case 'elided':
        for (const { callId, keptChars } of entry.results) this.elide(callId, keptChars)
        break
      case 'compacted':
        // What the summary itself used says nothing about the next request.
        this.usage = null
        this.compact(entry)
        break
      default:
        break
    }
    if (says(entry)) this.rows += 1
  }

  private deliver(messageId: string): void {
    const text = this.waiting.get(messageId)
    if (text === undefined) return
    this.waiting.delete(messageId)
    this.asked.push({ row: this.rows, text })
    this.show('messages', { role: 'user', text })
  }

  private addInstructions({ folder, text, memory = '' }: Row<'instructions'>): void {
    if (folder === '') {
      this.instructions = text
      this.memory = memory
      return
    }
    this.folders.set(folder, this.rows)
    this.show('instructions', { role: 'user', text })
  }

  /** A reply with its results right behind it. An empty reply is no message: strict servers refuse it. */
  private addReply(entry: Row<'assistant'>): void {
    if (this.usage?.runId === entry.runId) this.counted = { tokens: this.usage.tokens, estimated: this.tokens }
    this.usage = null
    const { text } = entry
    const thinking = entry.thinking ? { thinking: entry.thinking } : {}
    if (entry.calls.length === 0 && text.trim() === '') return
    const texts = argumentTexts(entry.calls)
    const calls = entry.calls.map(({ id, name }, index) => {
      return { id, name: sendableName(name), argumentsText: sendable(texts[index] ?? '') }
    })
    this.show('messages', { role: 'assistant', text, calls, ...thinking })
    for (const { id, name } of calls) {
      const at = this.show('results', { role: 'tool', callId: id, name, text: neverBegun })
      this.results.set(id, { at, readOnly: false, ended: null })
    }
  }

  private addResult(entry: Row<'tool.started'> | Row<'tool.ended'>): void {
    const result = this.results.get(entry.callId)
    if (!result) return
    if (entry.type === 'tool.ended') {
      result.ended = entry
      this.say(result.at, entry.output === '' ? '(no output)' : entry.output)
    } else {
      result.readOnly = entry.readOnly
      if (!result.ended) this.say(result.at, unknownOutcome)
    }
  }

  private elide(callId: string, keptChars: number): void {
    const result = this.results.get(callId)
    if (!result?.ended) return
    const { output, facts } = result.ended
    if (output.length <= keptChars) return
    const half = Math.floor(keptChars / 2)
    const [head, tail] = [output.slice(0, half), half > 0 ? output.slice(-half) : '']
    const again =
      typeof facts.file === 'string'
        ? `all of it is in ${facts.file}`
        : result.readOnly
          ? 'make the call again if you need them'
          : 'look at the files if you need to know more'
    const count = output.length - head.length - tail.length
    const mark = `[… ${count} characters left out to save room: ${again} …]`
    this.say(result.at, [head, mark, tail].filter(Boolean).join('\n'))
  }

  /** The text takes the place, and the number, of what stood before what is kept. */
  private compact({ kept, text }: Row<'compacted'>): void {
    const first = this.rows - kept
    const stay = this.shown.filter(({ row }) => row >= first)
    for (const [folder, row] of this.folders) if (row < first) this.folders.delete(folder)
    this.shown = []
    this.tokens = stay.reduce((sum, { tokens }) => sum + tokens, 0)
    const { source, message, tokens } = this.show('summary', { role: 'user', text })
    this.shown = [{ row: first - 1, source, message, tokens }, ...stay]
  }

  private show(source: Source, message: ModelMessage): Shown {
    const shown = { row: this.rows, source, message, tokens: messageTokens(message) }
    this.shown.push(shown)
    this.tokens += shown.tokens
    return shown
  }

  /** Messages that went out are never changed: whoever holds the list of a request holds what was sent. */
  private say(at: Shown, text: string): void {
    const message = { ...at.message, text }
    const tokens = messageTokens(message)
    // What a summary took away is not counted any more.
    if (this.shown.includes(at)) this.tokens += tokens - at.tokens
    Object.assign(at, { message, tokens })
  }
}

/** What servers take for the name of a function: the strictest refuse all others, in every later request too. */
const sendableName = (name: string): string => name.replace(/[^\w-]/g, '_').slice(0, 64) || 'unnamed'

/** Servers parse arguments that come back to them; what is no object goes back as one that shows it. */
function sendable(argumentsText: string): string {
  if (argumentsText.trim() === '') return '{}'
  return parseArguments(argumentsText).ok ? argumentsText : JSON.stringify({ _not_json: argumentsText })
}
