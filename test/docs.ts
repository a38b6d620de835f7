/** What documents say of the program, as functions over their text; so that a test can see each complaint. */
import type { z } from 'zod'

export interface Known {
  verbs: ReadonlySet<string>
  optionsOf(verb: string): ReadonlySet<string>
}

/** Verbs of docs/reference/cli.md, those of a verb included (`config show`). */
export const verbsOf = (cli: string): Set<string> =>
  new Set(
    [...cli.matchAll(/^## openloom ([a-z -]+)$/gm)].flatMap((match) => [
      match[1] ?? '',
      ...(match[1] ?? '').split(' '),
    ]),
  )

export function optionsOf(cli: string, verb: string): Set<string> {
  const page = cli.split(/^## openloom ?/m).find((part) => part.startsWith(`${verb}\n`)) ?? ''
  return new Set([...page.matchAll(/(?<![\w-])--?[a-z][a-z-]*/gi)].map((match) => match[0]))
}

/** Every `openloom …` in code, with a verb or an option that does not exist. */
export function docsComplaints(markdown: string, known: Known): string[] {
  const blocks = [...markdown.matchAll(/```sh\n([\s\S]*?)```/g)].flatMap((match) => (match[1] ?? '').split('\n'))
  const inline = [...markdown.matchAll(/`(openloom [^`]+)`/g)].map((match) => match[1] ?? '')
  return [...blocks, ...inline].flatMap((line) => complaintsOf(line, known))
}

/** Some verbs have verbs of their own, with options of their own. */
const program = String.raw`(?:^|[ (])(?:openloom|node dist\/main\.js) `
const nested =
  '(?:config |sessions |skill |memory |key |secret |models (?=test\\b)|flakes (?=quarantine |release )|' +
  'verify (?=task |receipt |log$))?'
const called = new RegExp(`${program}(${nested}[a-z][a-z-]*)(.*)$`)

function complaintsOf(line: string, known: Known): string[] {
  const call = called.exec(line)
  if (!call?.[1] || line.trimStart().startsWith('#')) return []
  const [, verb, rest = ''] = call
  if (!known.verbs.has(verb)) return [`there is no verb "${verb}": ${line.trim()}`]
  const bare = rest.replace(/"[^"]*"|'[^']*'/g, '""').replace(/ #.*$/, '')
  const options = [...bare.matchAll(/(?<=\s)--?[a-z][a-z-]*/gi)].map((match) => match[0])
  const wrong = options.filter((option) => !known.optionsOf(verb).has(option))
  return wrong.map((option) => `"${verb}" has no option ${option}: ${line.trim()}`)
}

/** Anchors that the headings of a page make. */
export const anchorsOf = (markdown: string): Set<string> =>
  new Set(
    [...markdown.matchAll(/^#+ (.+)$/gm)].map((match) =>
      (match[1] ?? '')
        .toLowerCase()
        .replace(/[^\w\s-]/g, '')
        .trim()
        .replaceAll(' ', '-'),
    ),
  )

interface Shape {
  shape?: Record<string, z.ZodType>
  def?: { type: string; innerType?: z.ZodType; valueType?: z.ZodType }
}

/** Dotted paths of the settings; limits, lists and checks are leaves. */
export function leavesOf(schema: z.ZodType, path: readonly string[] = []): string[] {
  const { shape, def } = schema as Shape
  const inner = def?.innerType
  if (path.at(-1) === 'limits') return [path.join('.')]
  if (shape) return Object.entries(shape).flatMap(([key, part]) => leavesOf(part, [...path, key]))
  if (def?.type === 'record') return [[...path, '<name>'].join('.')]
  return inner ? leavesOf(inner, path) : [path.join('.')]
}
