/**
 * What bash computes in a line. It runs commands that it finds in an index, also in one that a variable's text or an
 * operand brings: nothing of it is known that is not plainly a number. It reads, and runs nothing.
 */
import type { Assignment, Command, CommandArgument, ParameterExpansionPart, SyntaxNode, Word } from 'unbash'
import { isLiteral, textOf, unknown } from './words.ts'

/** Lower case: the names of the shell itself, which sets some of them to text of the line, are in upper case. */
const nameOnly = /^[a-z][a-z0-9_]*$/
const token = /\d[\w#@]*|\$[#?$!]|\$\{#\w+(?:\[[@*]\])?\}|\$\{([a-z]\w*)\}|\$?([a-zA-Z_]\w*)|[-+*/%<>=!&|^~?:(),\s"]/y

/** Variables of bash that compute whatever is given to them. */
const computing = /^(HISTCMD|LINENO|OPTIND|S?RANDOM|SECONDS)$/
/** What the shell and its programs act on: only a plain assignment, which a rule can name, is known to set it. */
const acting = new RegExp(
  '^(PATH|IFS|ENV|CDPATH|GLOBIGNORE|PROMPT_COMMAND|PS\\d|(BASH|LD_|DYLD_|GIT_)\\w*|' +
    '\\w*(PAGER|EDITOR|OPT|OPTIONS))$',
)
/** A format that writes to a variable. */
const storing = /%[-#'+ 0-9.*hjlLtz]*n/

export class Computed {
  private readonly expressions: string[] = []
  private readonly numbers = new Set<string>()
  private readonly texts = new Set<string>()
  private isUnsure = false

  /** Known when the whole line was looked at: what sets a variable may stand behind what computes with it. */
  get isKnown(): boolean {
    return !this.isUnsure && this.expressions.every((text) => this.isPlain(text))
  }

  private isPlain(text: string): boolean {
    token.lastIndex = 0
    while (token.lastIndex < text.length) {
      const found = token.exec(text)
      if (!found) return false
      const name = found[1] ?? found[2]
      if (name !== undefined && (!nameOnly.test(name) || !this.numbers.has(name) || this.texts.has(name))) return false
    }
    return true
  }

  /** Each node of the line. */
  look(node: SyntaxNode): void {
    switch (node.type) {
      case 'Word':
        // `{a[index]}>f`: with quotes in the index the parser takes it for a word.
        this.isUnsure ||= /^\{\w+\[.*\}$/s.test(node.text)
        return
      case 'ArithmeticWord':
        this.expressions.push(node.value)
        return
      case 'ArithmeticBinary':
        if (/^([-+*/%&|^]|<<|>>)?=$/.test(node.operator)) this.computes(node.left)
        return
      case 'ArithmeticUnary':
        if (/^(\+\+|--)$/.test(node.operator)) this.computes(node.operand)
        return
      case 'ArithmeticCommandExpansion':
        this.isUnsure = true
        return
      case 'ArithmeticExpansion':
        this.isUnsure ||= node.expression === undefined && !/^\$(\(\(\s*\)\)|\[\s*\])$/.test(node.text)
        return
      case 'ArithmeticCommand':
        this.isUnsure ||= node.expression === undefined && node.body.trim() !== ''
        return
      case 'ParameterExpansion':
        return this.expands(node)
      case 'Assignment':
        return this.assigns(node)
      case 'For':
        return this.stores(textOf(node.name), node.wordlist?.every(isNumber) === true)
      case 'Select':
        return this.stores(textOf(node.name), false)
      case 'FileDescriptorVariable':
        this.isUnsure ||= !/^\w+$/.test(node.name)
        return this.stores(node.name, true)
      case 'TestUnary':
        this.isUnsure ||= /^-[vR]$/.test(node.operator) && !/^"?\w+"?$/.test(node.operand.text)
        return
      case 'TestBinary':
        if (/^-(eq|ne|lt|le|gt|ge)$/.test(node.operator)) this.expressions.push(node.left.text, node.right.text)
        return
      case 'Command':
        return this.calls(node)
    }
  }

  /** The words of a command that another one starts. */
  lookInside([name = '', ...words]: readonly string[]): void {
    for (const word of words) this.setsBy(word)
    const takes = Object.hasOwn(takers, name) || /^(test|\[|printf)$/.test(name)
    const isOdd = (word: string) =>
      !isLiteral(word) || word.includes('[') || storing.test(word) || acting.test(word) || /^-\w*[in]/.test(word)
    this.isUnsure ||= takes && words.some(isOdd)
  }

  private computes(target: SyntaxNode): void {
    if (target.type === 'ArithmeticWord') this.sets(target.value, true)
  }

  private sets(name: string, toNumber: boolean): void {
    if (toNumber) this.numbers.add(name)
    else this.texts.add(name)
    this.isUnsure ||= !toNumber && computing.test(name)
  }

  private stores(name: string, asNumber: boolean): void {
    this.sets(name, asNumber)
    this.isUnsure ||= acting.test(name)
  }

  /** `env x=1 …`, `sudo x=1 …` and their like set what runs inside. */
  private setsBy(word: string): void {
    const [, name, value] = /^([a-zA-Z_]\w*)\+?=(.*)$/s.exec(word) ?? []
    if (name !== undefined) this.sets(name, /^-?\d*$/.test(value ?? ''))
  }

  private indexes({ text }: Word): void {
    if (text !== '@' && text !== '*') this.expressions.push(text)
  }

  private expands({ parameter, prefix, index, operation }: ParameterExpansionPart): void {
    if (index) this.indexes(index)
    const listsKeys = operation?.type === 'Names' || /^[@*]$/.test(index?.text ?? '')
    const isOdd = operation?.type === 'Unknown' || !/^(\w+|[-@*#?$!])$/.test(parameter)
    this.isUnsure ||= isOdd || (prefix === '!' && !listsKeys)
    if (operation?.type === 'Slice') {
      this.expressions.push(operation.offset.text, operation.length?.text ?? '')
    }
    if (operation?.type === 'Default' && operation.operator.endsWith('=')) {
      this.stores(parameter, isNumber(operation.operand))
    }
  }

  private assigns({ name, index, value }: Assignment): void {
    if (index) this.indexes(index)
    this.sets(name, value.type === 'Word' && isNumber(value))
    for (const { text } of value.type === 'ArrayValue' ? value.elements : []) {
      const at = text.startsWith('[') ? text.lastIndexOf(']') : -1
      if (at > 0) this.expressions.push(text.slice(1, at))
    }
  }

  private calls({ name, args }: Command): void {
    const called = name ? textOf(name) : ''
    for (const one of args) if (one.type === 'Word') this.setsBy(textOf(one))
    if (called === 'test' || called === '[') return this.tests(args)
    if (called === 'printf') return this.prints(args)
    if (/^(declare|typeset|local|export|readonly)$/.test(called)) return this.declares(args)
    const taken = Object.hasOwn(takers, called) ? takers[called]?.(args) : undefined
    for (const one of taken ?? []) {
      const text = one.type === 'Word' ? textOf(one) : unknown
      this.isUnsure ||= !isLiteral(text) || text.includes('[')
      this.stores(text, false)
    }
    if (called === 'wait') this.mustBeNumbers(args)
  }

  /** Of the words that only the shell will know. */
  private mustBeNumbers(args: readonly CommandArgument[]): void {
    const open = args.filter((one) => one.type !== 'Word' || !isLiteral(textOf(one)))
    this.expressions.push(...open.map(({ text }) => text))
  }

  /** `-v` takes a name. What may become several words, or the operator itself, may be it. */
  private tests(args: readonly CommandArgument[]): void {
    this.mustBeNumbers(args.filter((one) => one.type !== 'Word' || splits(one)))
    const texts = args.map((one) => (one.type === 'Word' ? textOf(one) : one.text))
    this.isUnsure ||= texts.some((text, at) => {
      const next = texts[at + 1] ?? ''
      const mayTake = /^-[vR]$/.test(text) || (!isLiteral(text) && /^-|^\uE000/.test(text))
      return mayTake && (!isLiteral(next) || next.includes('['))
    })
  }

  /** `-v` and `%n` take a name. */
  private prints(args: readonly CommandArgument[]): void {
    const texts = args.map((one) => (one.type === 'Word' ? textOf(one) : one.text))
    const [first = '', second = ''] = texts
    if (first.startsWith('-v')) {
      this.isUnsure ||= !/^\w+$/.test(first.slice(2) || second)
      this.stores(first.slice(2) || second, false)
    }
    const at = first === '-v' ? 2 : /^(-v.|--$)/s.test(first) ? 1 : 0
    const [format] = args.slice(at)
    const mayBecomeMore = format?.type === 'Word' && splits(format)
    const takesMore = texts.length > at + 1 || mayBecomeMore
    const isOpen = !isLiteral(texts[at] ?? '') || storing.test(texts[at] ?? '')
    this.isUnsure ||= takesMore && isOpen
  }

  /** With `-i` and `-n` what is given later counts as well; an array reads text as if it stood in its brackets. */
  private declares(args: readonly CommandArgument[]): void {
    const words = args.flatMap((one) => (one.type === 'Word' ? [textOf(one)] : []))
    const options = words.flatMap((word) => /^-(\w+)$/.exec(word)?.[1] ?? []).join('')
    this.isUnsure ||= /[in]/.test(options)
    for (const word of words) {
      const [name = '', value] = word.split('=', 2)
      this.isUnsure ||= !isLiteral(name) || name.includes('[') || (value !== undefined && /[aA]/.test(options))
    }
  }
}

type Takes = (args: readonly CommandArgument[]) => readonly CommandArgument[]

/** They take names of variables: which of their words may be one. */
const takers: Readonly<Record<string, Takes>> = {
  read: (args) => args.filter((one, at) => !isValueOf(/^-\w*[dintNpu]$/, args[at - 1], one)),
  mapfile: (args) => args,
  readarray: (args) => args,
  unset: (args) => args,
  getopts: (args) => args.slice(0, 2),
  wait: (args) => args.filter((one) => one.type === 'Word' && isLiteral(textOf(one))),
  declare: () => [],
  typeset: () => [],
  local: () => [],
  export: () => [],
  readonly: () => [],
}

const isValueOf = (option: RegExp, before: CommandArgument | undefined, one: CommandArgument): boolean =>
  before !== undefined && option.test(before.text) && one.type === 'Word' && !splits(one)

/** Whether it may become several words, or another one than it seems. */
const splits = ({ text, parts = [] }: Word): boolean =>
  /\$[@*]|\[[@*]\]/.test(text) ||
  parts.some(({ type }) => !/^(Literal|SingleQuoted|AnsiCQuoted|DoubleQuoted|LocaleString)$/.test(type))

/** Whatever the shell makes of it is a number. */
function isNumber({ text, parts = [] }: Word): boolean {
  if (/^"?-?\d*"?$/.test(text) || /^\{-?\d+\.\.-?\d+(\.\.-?\d+)?\}$/.test(text)) return true
  const [first, ...more] = parts
  const inner = first?.type === 'DoubleQuoted' ? first.parts : parts
  const [only] = inner
  if (!only || more.length > 0 || inner.length > 1) return false
  return only.type === 'ArithmeticExpansion' || /^\$(\{#\w+(\[[@*]\])?\}|\{[#?$!]\}|[#?$!])$/.test(only.text)
}
