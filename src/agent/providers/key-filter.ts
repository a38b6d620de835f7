/** Takes keys out of what servers echo: of whole texts, and of a reply that streams. It knows no place of keys. */
import type { ModelEvent } from '../../core/provider.ts'

const mark = '[key]'
/** Fewer characters at the end of a text that was cut tell nothing: that many are how keys of one maker begin. */
const cutCharsMin = 8
/** Shorter ones are no secrets, as are these, and a reply may hold such words for its own sake. */
const secretCharsMin = 8
const dummyKeys: readonly string[] = ['lm-studio', 'not-needed', 'no-key-required', 'sk-no-key-required']

const isGap = (char: string | undefined): boolean => char !== undefined && (char === '\\' || char.trim() === '')

/**
 * What stands at `at`: a key ends before `end`, or the text ends in the middle of one. Line breaks and the escapes of
 * JSON may stand between its characters, as many as it has itself.
 */
function keyAt(text: string, key: string, at: number): { end: number; chars: number } | null {
  let [chars, end] = [0, at]
  const last = Math.min(text.length, at + key.length * 2)
  while (chars < key.length && end < last) {
    const char = text[end]
    if (char === key[chars]) chars += 1
    else if (!isGap(char) && !(text[end - 1] === '\\' && /[nrt]/.test(char ?? ''))) return null
    end += 1
  }
  return chars === key.length || end === text.length ? { end, chars } : null
}

/** Splits a text in front of what may be the beginning of a key, when nothing follows. */
function splitAtKey(text: string, key: string): { clean: string; open: string; openChars: number } {
  const first = key[0] ?? ''
  let [clean, from] = ['', 0]
  for (let at = text.indexOf(first); at >= 0; at = text.indexOf(first, at)) {
    const found = keyAt(text, key, at)
    if (!found) at += 1
    else if (found.chars < key.length) {
      return { clean: clean + text.slice(from, at), open: text.slice(at), openChars: found.chars }
    } else {
      clean += text.slice(from, at) + mark
      at = found.end
      from = at
    }
  }
  return { clean: clean + text.slice(from), open: '', openChars: 0 }
}

/** A whole text without the key, also where it was cut in the middle of it. */
export function withoutKey(text: string, key: string): string {
  const { clean, open, openChars } = splitAtKey(text, key)
  return clean + (openChars >= cutCharsMin ? mark : open)
}

type Shown = Extract<ModelEvent, { delta: string }>

/** What of one kind may be the beginning of the key, and how much of it has gone out because others had to follow. */
interface Open {
  text: string
  out: number
}

/** The events of one try without the key. What may be its beginning waits for what follows; the rest does not. */
export class KeyFilter {
  private readonly key: string
  private readonly open: Record<Shown['type'], Open> = { text: { text: '', out: 0 }, reasoning: { text: '', out: 0 } }

  private constructor(key: string) {
    this.key = key
  }

  /** Null: there is nothing to hide. */
  static of(key: string | null): KeyFilter | null {
    return key === null || key.length < secretCharsMin || dummyKeys.includes(key) ? null : new KeyFilter(key)
  }

  take(events: readonly ModelEvent[]): ModelEvent[] {
    return events.flatMap((event): ModelEvent[] => {
      switch (event.type) {
        case 'text':
          return [...this.release('reasoning'), ...this.said(event)]
        case 'reasoning':
          return [...this.release('text'), ...this.said(event)]
        case 'call': {
          const { id, name, argumentsText } = event.call
          const clean = (text: string) => withoutKey(text, this.key)
          return [{ ...event, call: { id: clean(id), name: clean(name), argumentsText: clean(argumentsText) } }]
        }
        case 'thinking':
          // It goes back as it came or not at all: servers refuse what was changed in it.
          return withoutKey(event.thinking.data, this.key) === event.thinking.data ? [event] : []
        default:
          return [event]
      }
    })
  }

  /** What waited, when nothing follows. */
  rest(): ModelEvent[] {
    return [...this.release('reasoning'), ...this.release('text')]
  }

  private said({ type, delta }: Shown): ModelEvent[] {
    const { text, out } = this.open[type]
    const all = text + delta
    const { clean, open } = splitAtKey(all, this.key)
    this.open[type] = { text: open, out: Math.max(0, out - (all.length - open.length)) }
    const isKey = keyAt(all, this.key, 0)?.chars === this.key.length
    return shown(type, isKey ? clean : clean.slice(out))
  }

  private release(type: Shown['type']): ModelEvent[] {
    const { text, out } = this.open[type]
    this.open[type].out = text.length
    return shown(type, text.slice(out))
  }
}

const shown = (type: Shown['type'], delta: string): ModelEvent[] => (delta === '' ? [] : [{ type, delta }])
