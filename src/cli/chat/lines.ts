/**
 * Lines that a person types, at a terminal or through a pipe. While the agent speaks the terminal is its; the first key
 * takes it back until the line is sent. It knows nothing of what the lines mean.
 */
import { createInterface, type Interface } from 'node:readline'
import { Transform, Writable } from 'node:stream'
import { meantBy, Pastes, pasteOff, pasteOn, signedOf } from './paste.ts'

export interface LinesOptions {
  input: NodeJS.ReadStream
  output: NodeJS.WriteStream
  /** The newest first. */
  history: string[]
  complete(line: string): Promise<[string[], string]>
  /** Ctrl-C; `line` is what stands there. True: handled, go on. */
  onInterrupt(line: string): boolean
  /** A person begins, or ends, to type while nobody asked for a line. */
  onTyping(typing: boolean): void
  /** A line that nobody asked for; done when it was told on. */
  onUnasked(line: string): Promise<void>
}

/** Nothing more is read from a pipe while so many lines of it wait. */
const waitingMax = 1_000

export class Lines {
  readonly isTerminal: boolean
  private readonly options: LinesOptions
  private readonly reader: Interface
  private readonly gate = { open: true }
  /** From a pipe: read before anybody asked. */
  private readonly waiting: string[] = []
  private isFull = false
  private asked: ((line: string | null) => void) | null = null
  private told: Promise<void> = Promise.resolve()
  private typing = false
  /** Whoever waits until nobody types. */
  private onFree: (() => void) | null = null
  private ended = false

  constructor(options: LinesOptions) {
    this.options = options
    const { input, output, history } = options
    this.isTerminal = Boolean(input.isTTY && output.isTTY)
    const completer = (line: string, done: (error: null, found: [string[], string]) => void) => {
      options.complete(meantBy(line)).then(
        (found) => done(null, found),
        () => done(null, [[], line]),
      )
    }
    const typed = this.isTerminal ? keysOf(input) : input
    this.reader = createInterface({
      input: typed,
      output: this.isTerminal ? gated(output, this.gate) : output,
      terminal: this.isTerminal,
      ...(this.isTerminal
        ? { history: history.map(signedOf), historySize: 1_000, removeHistoryDuplicates: true, completer }
        : {}),
    })
    this.reader.on('line', (line) => this.take(this.isTerminal ? meantBy(line) : line))
    this.reader.on('close', () => this.end())
    this.reader.on('SIGINT', () => this.interrupt())
    if (!this.isTerminal) return
    typed.on('keypress', () => setImmediate(() => this.lookAtTyping()))
    output.write(pasteOn)
    // However this program ends by itself, its terminal goes on.
    process.once('exit', this.pasteEnds)
  }

  /** A person has begun a line that nobody asked for. */
  get isHalfTyped(): boolean {
    return this.isTerminal && !this.asked && this.reader.line !== ''
  }

  /**
   * The next line, of which what is half typed is the beginning; null: there is none any more, or `signal` ended the
   * waiting.
   */
  read(prompt: string, signal?: AbortSignal): Promise<string | null> {
    const early = this.waiting.shift()
    if (this.isFull && this.waiting.length === 0) this.fill()
    if (early !== undefined) return Promise.resolve(early)
    if (this.ended || signal?.aborted) return Promise.resolve(null)
    return new Promise((resolve) => {
      const settle = (line: string | null) => {
        signal?.removeEventListener('abort', onAbort)
        this.asked = null
        this.gate.open = false
        resolve(line)
      }
      const onAbort = () => {
        this.drop()
        settle(null)
      }
      signal?.addEventListener('abort', onAbort, { once: true })
      if (this.isTerminal) this.show(prompt, this.putAside())
      this.asked = settle
    })
  }

  /**
   * The answer to what was just said. A line that is half typed was not meant for it, nor are the keys that still come:
   * it is sent or emptied first, below all that the person has to know.
   */
  async answer(prompt: string, signal?: AbortSignal): Promise<string | null> {
    await this.told
    while (this.isHalfTyped && !this.ended && !signal?.aborted) {
      const half = this.putAside()
      const free = new Promise<void>((resolve) => {
        this.onFree = resolve
        signal?.addEventListener('abort', () => resolve(), { once: true })
      })
      this.setTyping(true)
      this.reader.write(half)
      await free
      await this.told
    }
    return this.read(prompt, signal)
  }

  /** Empties the line and shows the prompt again. */
  clear(): void {
    this.reader.write(null, { ctrl: true, name: 'e' })
    this.reader.write(null, { ctrl: true, name: 'u' })
  }

  /** Shows the prompt again. */
  again(): void {
    this.reader.prompt()
  }

  close(): void {
    this.reader.close()
  }

  private readonly pasteEnds = (): void => {
    process.off('exit', this.pasteEnds)
    this.options.output.write(pasteOff)
  }

  private take(line: string): void {
    if (this.asked) return this.asked(line)
    if (this.isTerminal) {
      this.setTyping(false)
      if (line.trim() !== '') this.told = this.options.onUnasked(line)
      return
    }
    this.waiting.push(line)
    // What was read already still comes: a pipe gives so much at once.
    if (this.waiting.length < waitingMax || this.isFull) return
    this.isFull = true
    this.reader.pause()
  }

  private fill(): void {
    this.isFull = false
    if (!this.ended) this.reader.resume()
  }

  /** Takes the half-typed line, which it gives, off the screen, so that what was held back is shown in its place. */
  private putAside(): string {
    const half = this.reader.line
    if (half !== '' || this.typing) {
      this.reader.setPrompt('')
      this.clear()
    }
    this.setTyping(false)
    return half
  }

  private show(prompt: string, half: string): void {
    this.gate.open = true
    this.reader.setPrompt(prompt)
    this.reader.prompt()
    this.reader.write(half)
  }

  /** What was begun as an answer is none to whatever is asked next. */
  private drop(): void {
    if (!this.isTerminal) return
    this.clear()
    this.options.output.write('\n')
  }

  private end(): void {
    if (this.isTerminal && !this.ended) this.pasteEnds()
    this.ended = true
    if (this.typing) this.options.output.write('\n')
    this.setTyping(false)
    this.asked?.(null)
  }

  private interrupt(): void {
    if (this.options.onInterrupt(this.reader.line)) return
    this.close()
  }

  private lookAtTyping(): void {
    if (this.asked || this.ended) return
    this.setTyping(this.reader.line !== '')
  }

  private setTyping(typing: boolean): void {
    if (typing === this.typing) return
    this.typing = typing
    this.options.onTyping(typing)
    this.gate.open = typing
    if (!typing) {
      this.onFree?.()
      this.onFree = null
      return
    }
    this.reader.setPrompt('» ')
    this.reader.prompt(true)
  }
}

/** The keys of a terminal, which readline puts into raw mode and lets go of at its end. */
function keysOf(input: NodeJS.ReadStream): Transform {
  const pastes = new Pastes()
  const keys = new Transform({
    transform(chunk: Buffer, _, done) {
      done(null, pastes.keysOf(chunk))
    },
  })
  const setRawMode = (isRaw: boolean) => input.setRawMode(isRaw)
  const pause = () => {
    input.pause()
    return Transform.prototype.pause.call(keys)
  }
  const resume = () => {
    input.resume()
    return Transform.prototype.resume.call(keys)
  }
  return input.pipe(Object.assign(keys, { setRawMode, pause, resume }))
}

/** readline writes its echo through this; closed, nothing of it is seen. */
function gated(output: NodeJS.WriteStream, gate: { open: boolean }): NodeJS.WritableStream {
  const stream = new Writable({
    write(chunk: Buffer, _, done) {
      if (gate.open) output.write(chunk)
      done()
    },
  })
  const columns = { get: () => output.columns }
  return Object.defineProperties(stream, { columns, isTTY: { value: true } })
}
