/**
 * One value put into YAML text, or taken out again: every other byte stays as a person wrote it. For texts that
 * `parseYaml` took; it judges nothing and knows no noun.
 */
import { isDeepStrictEqual } from 'node:util'
import { type Document, isCollection, isMap, isPair, isScalar, isSeq, type Pair, parseDocument } from 'yaml'

export type YamlPath = readonly (string | number)[]
type Value = string | number | object

export function putYaml(text: string, path: YamlPath, value: Value): string {
  const wanted = parseDocument(text)
  for (let n = 1; n < path.length; n++)
    if (isEmpty(wanted.getIn(path.slice(0, n), true))) wanted.deleteIn(path.slice(0, n))
  wanted.setIn(path, wanted.createNode(value, { flow: true }))
  return checked(put(text, path, value), wanted)
}

/** What is empty without it goes too. */
export function dropYaml(text: string, path: YamlPath): string {
  const wanted = parseDocument(text)
  let depth = path.length
  while (depth > 1 && itemsAt(wanted, path.slice(0, depth - 1)).length === 1) depth--
  const whole = path.slice(0, depth)
  const next = drop(text, whole, wanted)
  wanted.deleteIn(whole)
  if (itemsAt(wanted, []).length === 0) wanted.contents = null
  return checked(next, wanted)
}

/** An edit that came out otherwise than meant gives way to the whole written anew. */
function checked(made: string | null, wanted: Document): string {
  if (made !== null) {
    const now = parseDocument(made)
    if (now.errors.length === 0 && isDeepStrictEqual(now.toJS(), wanted.toJS())) return made
  }
  return wanted.toString({ lineWidth: 0 })
}

const isEmpty = (node: unknown): boolean => isScalar(node) && node.value === null

const itemsAt = (document: Document, path: YamlPath): readonly unknown[] => {
  const node = path.length === 0 ? document.contents : document.getIn(path, true)
  return isCollection(node) ? node.items : []
}

function put(text: string, path: YamlPath, value: Value): string | null {
  const document = parseDocument(text)
  const old = document.getIn(path, true)
  if (isScalar(old) && old.range && !isEmpty(old)) return splice(text, old.range[0], old.range[1], flow(value))
  if (isCollection(old) && old.flow && old.range) return splice(text, old.range[0], old.range[1], flow(value))
  let depth = path.length - 1
  while (depth > 0 && !isCollection(document.getIn(path.slice(0, depth), true))) depth--
  const holder = depth === 0 ? document.contents : document.getIn(path.slice(0, depth), true)
  const rest = path.slice(depth)
  if (!isCollection(holder)) return document.contents === null ? atLine(text, text.length, block(rest, value, 0)) : null
  if (holder.flow && holder.range) {
    const inner = rest.slice(1).reduceRight<Value>((at, key) => (typeof key === 'number' ? [at] : { [key]: at }), value)
    const own = typeof rest[0] === 'number' ? flow(inner) : `${rest[0]}: ${flow(inner)}`
    const end = text.slice(0, holder.range[1] - 1).trimEnd().length
    return splice(text, end, end, holder.items.length > 0 ? `, ${own}` : ` ${own} `)
  }
  const [key] = rest
  const empty = isMap(holder) ? holder.items.find((item) => isScalar(item.key) && item.key.value === key) : undefined
  const column = columnOf(text, startOf(holder.items[0]), isSeq(holder))
  // `models:` with nothing behind it: its lines come below.
  if (empty) return atLine(text, endOf(empty.key), block(rest.slice(1), value, column + 2))
  return atLine(text, endOf(holder), block(rest, value, column))
}

function drop(text: string, path: YamlPath, document: Document): string | null {
  const holder = path.length === 1 ? document.contents : document.getIn(path.slice(0, -1), true)
  if (!isCollection(holder)) return null
  const key = path.at(-1)
  const items: readonly unknown[] = holder.items
  const at = isSeq(holder)
    ? Number(key)
    : items.findIndex((item) => isScalar((item as Pair).key) && keyOf(item) === key)
  if (items[at] === undefined) return text
  if (holder.flow) {
    if (at > 0) return splice(text, endOf(items[at - 1]), endOf(items[at]), '')
    return items.length > 1 ? splice(text, startOf(items[0]), startOf(items[1]), '') : null
  }
  const from = text.lastIndexOf('\n', startOf(items[at]) - 1) + 1
  if (!/^[ ]*(?:- *)?$/.test(text.slice(from, startOf(items[at])))) return null
  return splice(text, from, afterLine(text, endOf(items[at])), '')
}

const keyOf = (item: unknown): unknown => (isPair(item) && isScalar(item.key) ? item.key.value : undefined)
const splice = (text: string, from: number, to: number, by: string) => text.slice(0, from) + by + text.slice(to)
const rangeOf = (node: unknown) => (node as { range?: [number, number, number] | null } | null)?.range
const startOf = (node: unknown): number => rangeOf(isPair(node) ? node.key : node)?.[0] ?? 0

/** Of a list's item, the column of its dash. */
function columnOf(text: string, offset: number, isItem: boolean): number {
  const from = text.lastIndexOf('\n', offset - 1) + 1
  return isItem ? text.slice(from, offset).lastIndexOf('-') : offset - from
}

/** Behind the last character that belongs to it. */
function endOf(node: unknown): number {
  if (isPair(node)) return isEmpty(node.value) || node.value === null ? endOf(node.key) : endOf(node.value)
  if (isCollection(node) && !node.flow && node.items.length > 0) return endOf(node.items.at(-1))
  return rangeOf(node)?.[1] ?? 0
}

function afterLine(text: string, offset: number): number {
  if (text[offset - 1] === '\n') return offset
  const end = text.indexOf('\n', offset)
  return end < 0 ? text.length : end + 1
}

/** Whole lines behind the line of `offset`. */
function atLine(text: string, offset: number, lines: string[]): string {
  const at = afterLine(text, offset)
  const before = at > 0 && text[at - 1] !== '\n' ? '\n' : ''
  const made = `${before}${lines.join('\n')}\n`
  return splice(text, at, at, text.includes('\r\n') ? made.replaceAll('\n', '\r\n') : made)
}

function block(path: YamlPath, value: Value, column: number): string[] {
  const [key, ...rest] = path
  const indent = ' '.repeat(column)
  if (key === undefined) return [`${indent}${flow(value)}`]
  if (typeof key === 'number') return [`${indent}- ${flow(value)}`]
  if (rest.length === 0) return [`${indent}${key}: ${flow(value)}`]
  return [`${indent}${key}:`, ...block(rest, value, column + 2)]
}

/** On one line, as YAML and JSON both read it but for the names. */
function flow(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(flow).join(', ')}]`
  if (typeof value !== 'object' || value === null) return isPlain(value) ? String(value) : JSON.stringify(value)
  const parts = Object.entries(value).map(([key, part]) => `${key}: ${flow(part)}`)
  return `{ ${parts.join(', ')} }`
}

const isPlain = (value: unknown): boolean =>
  typeof value === 'string' &&
  /^[a-z][a-z0-9_./-]*$/i.test(value) &&
  !/^(true|false|null|yes|no|on|off|y|n)$/i.test(value)

export interface LineChange {
  /** Of the first line that differs, in the text as it is. */
  line: number
  removed: string[]
  added: string[]
}

/** Between the lines that both texts begin with and those that both end with. */
export function lineChange(before: string, after: string): LineChange {
  const [old, now] = [linesOf(before), linesOf(after)]
  let start = 0
  while (start < Math.min(old.length, now.length) && old[start] === now[start]) start++
  let end = 0
  const room = Math.min(old.length, now.length) - start
  while (end < room && old[old.length - 1 - end] === now[now.length - 1 - end]) end++
  return { line: start + 1, removed: old.slice(start, old.length - end), added: now.slice(start, now.length - end) }
}

const linesOf = (text: string) => (text === '' ? [] : text.replace(/\r?\n$/, '').split(/\r?\n/))
