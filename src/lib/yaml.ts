/**
 * Hostile YAML to plain data with line numbers. Refuses what a parser must not even see: size, depth and number of
 * nodes are judged by the lexer first, because nested text parsed twice aborts Node where no catch can see it.
 */
import { type Document, isAlias, isMap, isPair, isScalar, isSeq, Lexer, LineCounter, parseDocument, visit } from 'yaml'
import { ok, type Problem, type Result, refuse } from '../core/problem.ts'

export interface YamlOptions {
  sizeBytesMax: number
  depthMax?: number
  nodesMax?: number
  /** How often an anchor may be reused; 0, the default, refuses the first alias. */
  aliasesMax?: number
  /** Line of the whole file on which the text begins: 2 for front matter behind its `---`. */
  firstLine?: number
}

export interface YamlValue {
  value: unknown
  /** Line of the key or item at `path`, else of the deepest part of the path that exists. */
  lineOf(path: readonly PropertyKey[]): number | undefined
}

export const yamlDepthMax = 64
export const yamlNodesMax = 10_000

export function parseYaml(text: string, options: YamlOptions): Result<YamlValue> {
  const firstLine = options.firstLine ?? 1
  const sizeBytes = Buffer.byteLength(text)
  if (sizeBytes > options.sizeBytesMax) {
    const line = firstLine
    const why = `The YAML text has ${sizeBytes} bytes; at most ${options.sizeBytesMax} are read.`
    return refuse({ kind: 'yaml-too-large', text: why, todo: 'Make it smaller.', line })
  }
  const shape = shapeProblem(text, options, firstLine)
  if (shape) return refuse(shape)
  const lines = new LineCounter()
  // Unique keys are checked below: the library's own check is quadratic.
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: false, logLevel: 'error' })
  const lineAt = (offset: number) => lines.linePos(offset).line + firstLine - 1
  const faults = [...document.errors, ...document.warnings].map(
    (fault): Problem => ({ kind: 'yaml-invalid', text: firstSentence(fault.message), line: lineAt(fault.pos[0]) }),
  )
  const problems = faults.length > 0 ? faults : contentProblems(document, options.aliasesMax ?? 0, lineAt)
  if (problems.length > 0) return refuse(...problems.slice(0, 20))
  return toValue(document, options.aliasesMax ?? 0, lineAt)
}

function toValue(document: Document, aliasesMax: number, lineAt: (offset: number) => number): Result<YamlValue> {
  try {
    const value: unknown = document.toJS({ maxAliasCount: aliasesMax })
    return ok({ value, lineOf: (path) => lineOfPath(document, path, lineAt) })
  } catch (error) {
    // The only thrown refusal of toJS: aliases that expand to more than is allowed.
    if (!(error instanceof ReferenceError)) throw error
    return refuse({ kind: 'yaml-alias', text: `${error.message}.`, todo: 'Write the values out.' })
  }
}

/** The library's text without its position and excerpt, which the problem carries as `line`. */
function firstSentence(message: string): string {
  const sentence = message.split('\n')[0]?.replace(/ at line \d+, column \d+:?$/, '') ?? message
  return sentence.endsWith('.') ? sentence : `${sentence}.`
}

/** Depth and number of nodes, from tokens alone. A level of block style is a deeper column, one of flow a bracket. */
function shapeProblem(text: string, options: YamlOptions, firstLine: number): Problem | null {
  const depthMax = options.depthMax ?? yamlDepthMax
  const nodesMax = options.nodesMax ?? yamlNodesMax
  const columns: number[] = []
  let [flow, column, line, nodes, isScalarNext] = [0, 0, firstLine, 0, false]
  for (const token of new Lexer().lex(text)) {
    if (token === '\u001f') {
      isScalarNext = true
      continue
    }
    if (token === '\u0002' || token === '\u0018' || token === '\ufeff') continue
    const opens = !isScalarNext && (token === '[' || token === '{')
    if (opens) flow++
    else if (!isScalarNext && (token === ']' || token === '}')) flow = Math.max(0, flow - 1)
    const isNode = isScalarNext || opens || token === '-' || token === '?'
    if (isNode) nodes++
    if (isNode && flow === 0) {
      while ((columns.at(-1) ?? -1) >= column) columns.pop()
      columns.push(column)
    }
    if (columns.length + flow > depthMax) {
      return { kind: 'yaml-too-deep', text: `The YAML text is nested deeper than ${depthMax} levels.`, line }
    }
    if (nodes > nodesMax) {
      return { kind: 'yaml-too-large', text: `The YAML text has more than ${nodesMax} values.`, line }
    }
    const breaks = token.split('\n').length - 1
    line += breaks
    column = breaks > 0 ? token.length - token.lastIndexOf('\n') - 1 : column + token.length
    isScalarNext = false
  }
  return null
}

const forbiddenKeys = ['__proto__', 'constructor', 'prototype']

function contentProblems(document: Document, aliasesMax: number, lineAt: (offset: number) => number): Problem[] {
  const problems: Problem[] = []
  const add = (kind: string, text: string, node: unknown) => {
    const offset = (node as { range?: [number, number, number] | null } | null)?.range?.[0]
    problems.push({ kind, text, ...(offset === undefined ? {} : { line: lineAt(offset) }) })
  }
  visit(document, {
    Alias(_, node) {
      if (aliasesMax === 0) add('yaml-alias', `Aliases (*${node.source}) are not allowed here.`, node)
    },
    Map(_, map) {
      const seen = new Set<string>()
      for (const { key } of map.items) {
        const isPlain = isScalar(key) && (key.value === null || typeof key.value !== 'object')
        if (!isPlain) {
          add('yaml-key', 'A key must be plain text.', isPair(key) || isAlias(key) ? map : key)
          continue
        }
        const name = String(key.value)
        if (forbiddenKeys.includes(name)) add('yaml-key', `The key "${name}" is not allowed.`, key)
        if (seen.has(name)) add('yaml-duplicate', `The key "${name}" is there twice.`, key)
        seen.add(name)
      }
    },
  })
  return problems
}

function lineOfPath(
  document: Document,
  path: readonly PropertyKey[],
  lineAt: (offset: number) => number,
): number | undefined {
  let node: unknown = document.contents
  let offset = rangeStart(node)
  for (const part of path) {
    if (isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(part))
      if (!pair) break
      offset = rangeStart(pair.key) ?? offset
      node = pair.value
    } else if (isSeq(node)) {
      node = node.items[Number(part)]
      if (node === undefined) break
      offset = rangeStart(node) ?? offset
    } else break
  }
  return offset === undefined ? undefined : lineAt(offset)
}

const rangeStart = (node: unknown): number | undefined =>
  (node as { range?: [number, number, number] | null } | null)?.range?.[0]
