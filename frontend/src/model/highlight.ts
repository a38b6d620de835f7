/** Code in colours: comments, strings, numbers, and the words of common languages. It understands no language. */

export interface Token {
  kind: 'plain' | 'note' | 'string' | 'number' | 'word'
  text: string
}

const cNotes = String.raw`//[^\n]*|/\*[\s\S]*?(?:\*/|$)`
const hashNotes = String.raw`(?<![^\s])#[^\n]*`
const quoted = String.raw`"(?:[^"\\\n]|\\.)*"?|'(?:[^'\\\n]|\\.)*'?`
const ticked = `${quoted}|${'`'}(?:[^${'`'}\\\\]|\\\\[\\s\\S])*${'`'}?`
const tripled = String.raw`"""[\s\S]*?(?:"""|$)|'''[\s\S]*?(?:'''|$)|${quoted}`

const words = {
  script:
    'as async await break case catch class const continue default delete do else enum export extends false finally ' +
    'for from function if implements import in instanceof interface let new null of private public readonly return ' +
    'satisfies static super switch this throw true try type typeof undefined var void while yield',
  system:
    'auto bool break case chan char const continue crate default defer do double else enum extern false fn for func ' +
    'go goto if impl import int interface let long loop map match mod mut nil null package private pub public range ' +
    'return self static struct switch true type unsafe use var void where while class new extends override val fun',
  python:
    'and as assert async await break class continue def del elif else except False finally for from global if import ' +
    'in is lambda None nonlocal not or pass raise return self True try while with yield',
  shell: 'case do done elif else esac exit export fi for function if in local return set source then until while',
  sql:
    'add all alter and as asc by case create delete desc distinct drop else end exists from group having in index ' +
    'inner insert into is join key left like limit not null on or order outer primary references returning right ' +
    'select set table then union unique update values when where with',
  data: 'true false null yes no on off',
}

interface Language {
  pattern: RegExp
  words: ReadonlySet<string>
  foldCase?: true
}

const language = (notes: string, strings: string, known: string): Language => ({
  pattern: new RegExp(`(${notes})|(${strings})|(\\b\\d[\\w.]*)|([A-Za-z_$][\\w$]*)`, 'g'),
  words: new Set(known.split(' ')),
})

const script = language(cNotes, ticked, words.script)
const system = language(cNotes, ticked, words.system)
const python = language(hashNotes, tripled, words.python)
const shell = language(hashNotes, quoted, words.shell)
const data = language(hashNotes, quoted, words.data)
const style = language(cNotes, quoted, '')
const markup = language(String.raw`<!--[\s\S]*?(?:-->|$)`, quoted, '')
const sql: Language = { ...language(String.raw`--[^\n]*|/\*[\s\S]*?(?:\*/|$)`, quoted, words.sql), foldCase: true }

const table: [Language, string][] = [
  [script, 'js jsx mjs cjs ts tsx mts cts javascript typescript svelte vue json5 jsonc'],
  [system, 'c h cc cpp hpp cs go java kt kotlin rs rust swift scala dart php zig'],
  [python, 'py python rb ruby'],
  [shell, 'sh bash zsh shell console dockerfile makefile'],
  [data, 'json yaml yml toml ini'],
  [style, 'css scss less'],
  [markup, 'html xml svg'],
  [sql, 'sql'],
]
const languages = new Map(table.flatMap(([one, names]) => names.split(' ').map((name) => [name, one] as const)))

const kinds = ['note', 'string', 'number'] as const
const charsMax = 40_000

/** `name`: a language or the ending of a file; one that is not known stays plain. */
export function tokensOf(text: string, name: string): Token[] {
  const found = languages.get(name.toLowerCase())
  if (!found || text.length > charsMax) return [{ kind: 'plain', text }]
  const tokens: Token[] = []
  let end = 0
  for (const match of text.matchAll(found.pattern)) {
    const kind = kindOf(match, found)
    if (!kind) continue
    if (match.index > end) tokens.push({ kind: 'plain', text: text.slice(end, match.index) })
    tokens.push({ kind, text: match[0] })
    end = match.index + match[0].length
  }
  if (end < text.length) tokens.push({ kind: 'plain', text: text.slice(end) })
  return tokens
}

function kindOf(match: RegExpMatchArray, { words: known, foldCase }: Language): Token['kind'] | null {
  const kind = kinds.find((_, n) => match[n + 1] !== undefined)
  if (kind) return kind
  return known.has(foldCase ? match[0].toLowerCase() : match[0]) ? 'word' : null
}

/** What a path says of its language. */
export const languageOf = (path: string): string => /([^./\\]+)$/.exec(path)?.[1] ?? ''
