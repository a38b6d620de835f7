/**
 * A shell line as every simple command that may run in it, read by a real parser; what cannot be read says so. It
 * judges nothing and knows no rules.
 */
import { type Command, forEachChild, type ParsedScript, parse, type Redirection, type SyntaxNode } from 'unbash'
import { Computed } from './computed.ts'
import { insideOfVariable } from './variables.ts'
import { isLiteral, isReadable, textOf, unknown } from './words.ts'
import { baseName, insideOf } from './wrappers.ts'

export interface SimpleCommand {
  /** The command first; none for a line of assignments or of redirections alone. */
  words: string[]
  /** `NAME=value` before it. */
  env: string[]
  redirects: { kind: 'read' | 'write'; target: string }[]
  /** It only starts what stands inside, which is in the list too. */
  transparent: boolean
  /** The same in other words, for rules that forbid. */
  also: string[][]
}

export interface Line {
  ok: true
  commands: SimpleCommand[]
  /** Kinds of syntax that occur in it. */
  kinds: Set<string>
  /** Functions that it defines: their names are no commands any more. */
  functions: string[]
  /** Variables that it sets. */
  variables: string[]
}
export type Reading = Line | { ok: false; why: string }

const lineCharsMax = 100_000
const depthMax = 8
const nestingMax = 500
const commandsMax = 500

/** `unknown` as the only word: something runs that cannot be read from the line. */
const anything = (): SimpleCommand => ({ words: [unknown], env: [], redirects: [], transparent: false, also: [] })

export function commandsOf(line: string): Reading {
  if (line.length > lineCharsMax) return { ok: false, why: 'it is too long to be read' }
  if (!isReadable(line)) return { ok: false, why: 'it holds characters that cannot be seen' }
  const found: Line = { ok: true, commands: [], kinds: new Set(), functions: [], variables: [] }
  const reader = new Reader(found)
  const why = reader.read(line, 0)
  if (!reader.computed.isKnown) found.commands.push(anything())
  return why === null ? found : { ok: false, why }
}

class Reader {
  readonly computed = new Computed()
  private readonly found: Line
  private why: string | null = null
  private nesting = 0

  constructor(found: Line) {
    this.found = found
  }

  /** Null, or why it cannot be read. */
  read(text: string, depth: number): string | null {
    if (depth > depthMax) return 'it is nested too deeply'
    if (!isReadable(text)) return 'it holds characters that cannot be seen'
    this.visit(parse(text), depth)
    return this.why
  }

  private visit(node: SyntaxNode, depth: number): void {
    if (this.why !== null) return
    this.found.kinds.add(node.type)
    this.computed.look(node)
    this.look(node, depth)
    if (++this.nesting > nestingMax) this.refuse('it is nested too deeply')
    forEachChild(node, (child) => this.visit(child, depth))
    this.nesting--
  }

  private look(node: SyntaxNode, depth: number): void {
    const { commands, functions, variables } = this.found
    switch (node.type) {
      case 'Script':
        return this.refuse((node as ParsedScript).errors?.[0]?.message ?? null)
      case 'Command':
        return this.take(commandFrom(node), depth)
      case 'Redirected':
        commands.push({ ...anything(), words: [], redirects: node.redirects.flatMap(redirectFrom) })
        return
      case 'Function':
        functions.push(textOf(node.name))
        return
      case 'For':
      case 'Select':
        variables.push(textOf(node.name))
        return
      case 'Assignment': {
        variables.push(node.name)
        // Arithmetic runs what stands in the index of a variable's text.
        const hidden = node.value.type === 'Word' && /\$\(|`/.test(textOf(node.value))
        if (hidden) commands.push(anything())
        return this.sets(node.name, node.value.type === 'Word' ? textOf(node.value) : unknown, depth)
      }
      case 'FileDescriptorVariable':
        variables.push(node.name)
        return
      case 'ParameterExpansion':
        if (node.operation?.type === 'Transform') commands.push(anything())
        return
    }
  }

  private refuse(message: string | null): void {
    if (message !== null) this.why ??= `it cannot be read: ${message}`
  }

  private setsBy(word: string, depth: number): void {
    const [, name, value = ''] = /^(\w+)=(.*)$/s.exec(word) ?? []
    if (name !== undefined) this.sets(name, value, depth)
  }

  private sets(name: string, value: string, depth: number): void {
    const inside = insideOfVariable(name, value)
    if (inside.arbitrary) this.found.commands.push(anything())
    for (const text of inside.texts) if (this.why === null) this.why = this.read(text, depth + 1)
  }

  private take(command: SimpleCommand, depth: number): void {
    const { commands } = this.found
    if (commands.length >= commandsMax) return this.refuse('too many commands')
    commands.push(command)
    if (command.words.length === 0) return
    for (const word of command.words.slice(1)) this.setsBy(word, depth)
    const inside = insideOf(command.words)
    command.transparent = inside.transparent
    command.also.push(...inside.also)
    if (inside.arbitrary && isLiteral(command.words[0] ?? '')) commands.push(anything())
    for (const { env, words } of inside.commands) {
      if (depth > depthMax) return this.refuse('nested too deeply')
      this.computed.lookInside([...words.slice(0, 1), ...env, ...words.slice(1)])
      for (const text of env) this.setsBy(text, depth)
      this.take({ ...anything(), words, env: [...command.env, ...env] }, depth + 1)
    }
    for (const text of inside.texts) if (this.why === null) this.why = this.read(text, depth + 1)
  }
}

function commandFrom({ name, prefix, args, redirects }: Command): SimpleCommand {
  const env = prefix.flatMap((one) => (one.type === 'Assignment' ? [one.text] : []))
  const words = args.map((one) => (one.type === 'Word' ? textOf(one) : assignmentText(one.name, one.value)))
  return {
    ...anything(),
    words: name ? [textOf(name), ...words] : [],
    env: env.map((text) => (/[$`{*?[~]/.test(text) ? text.replace(/=.*$/s, `=${unknown}`) : text)),
    redirects: redirects.flatMap(redirectFrom),
  }
}

type AssignmentValue = Extract<Command['prefix'][number], { type: 'Assignment' }>['value']

const assignmentText = (name: string, value: AssignmentValue): string =>
  `${name}=${value.type === 'Word' ? textOf(value) : unknown}`

const harmless = /^\/dev\/(null|stdout|stderr|tty|zero)$|^\/dev\/fd\/\d$/

function redirectFrom(one: Redirection): SimpleCommand['redirects'] {
  if (one.type !== 'Redirect') return []
  const target = one.target ? textOf(one.target) : unknown
  if (/^[<>]&$/.test(one.operator) && /^(\d+|-|\d+-)$/.test(target)) return []
  if (harmless.test(target)) return []
  return [{ kind: one.operator === '<' ? 'read' : 'write', target }]
}

export const nameOf = ({ words }: SimpleCommand): string => baseName(words[0] ?? '')
