/**
 * The design as a test (docs/design/architecture.md §1 and §6), with no exemptions; each guard is seen failing below.
 */
import { describe, expect, it } from 'vitest'
import * as tidy from './tidy.ts'

const root = new URL('..', import.meta.url).pathname
const sources = tidy.readSources(root, ['src', 'frontend/src', 'test', 'bench'])
const known = new Set(sources.map((source) => source.path))
const edges = sources.flatMap((source) => tidy.edgesOf(source, known))

describe('the sources', () => {
  it('keep the sizes: functions, files, components, lines, parameters', () => {
    expect(sources.flatMap(tidy.sizeComplaints)).toEqual([])
  })
  it('hold nothing that is banned', () => {
    expect(sources.flatMap(tidy.bannedComplaints)).toEqual([])
  })
  it('open with a line that says what they are', () => {
    expect(sources.filter((s) => !/\.test\.ts$/.test(s.path)).flatMap(tidy.openingComplaints)).toEqual([])
  })
  it('import only in the allowed directions', () => {
    expect(tidy.directionComplaints(edges)).toEqual([])
  })
  it('have no import cycle', () => {
    expect(tidy.cycleComplaints(edges)).toEqual([])
  })
  it('are all imported by somebody', () => {
    expect(tidy.orphanComplaints(sources, edges)).toEqual([])
  })
  it('keep core small: at most 16 files', () => {
    expect(sources.filter((source) => source.path.startsWith('src/core/')).length).toBeLessThanOrEqual(16)
  })
})

describe('each guard can fail', () => {
  const source = (path: string, text: string) => ({ path, text })
  const edge = (from: string, to: string, typeOnly = false) => ({ from, to, typeOnly })

  it('size', () => {
    const long = `function f() {\n${'  g()\n'.repeat(80)}}\n`
    expect(tidy.sizeComplaints(source('src/core/a.ts', long))).toHaveLength(1)
    expect(tidy.sizeComplaints(source('src/core/a.ts', 'x()\n'.repeat(401)))).toHaveLength(1)
    expect(tidy.sizeComplaints(source('src/core/a.ts', `const a = '${'x'.repeat(130)}'`))).toHaveLength(1)
    expect(tidy.sizeComplaints(source('src/core/a.ts', 'const f = (a, b, c, d, e) => a'))).toHaveLength(1)
    const component = `<script lang="ts">\n${'x()\n'.repeat(90)}</script>\n`
    expect(tidy.sizeComplaints(source('frontend/src/A.svelte', component))).toHaveLength(1)
  })
  it.each(['Date.now()', 'setTimeout(f, 1)', 'let a: any', '// @ts-ignore', '// TODO', 'try { f() } catch {}'])(
    'ban of %s',
    (text) => {
      expect(tidy.bannedComplaints(source('src/harness/a.ts', text))).toHaveLength(1)
    },
  )
  it('opening', () => {
    expect(tidy.openingComplaints(source('src/core/a.ts', 'export {}'))).toHaveLength(1)
  })
  it('direction, also of a planted core → runtime import', () => {
    const planted = source('src/core/a.ts', "import { x } from '../runtimes/b.ts'")
    const found = tidy.edgesOf(planted, new Set(['src/core/a.ts', 'src/runtimes/b.ts']))
    expect(tidy.directionComplaints(found)).toHaveLength(1)
    expect(tidy.directionComplaints([edge('src/checks/a.ts', 'src/store/b.ts')])).toHaveLength(1)
    expect(tidy.directionComplaints([edge('frontend/src/a.ts', 'src/core/b.ts')])).toHaveLength(1)
    expect(tidy.directionComplaints([edge('src/util/a.ts', 'src/core/b.ts')])).toHaveLength(1)
  })
  it('cycle', () => {
    expect(tidy.cycleComplaints([edge('a', 'b'), edge('b', 'c'), edge('c', 'a')])).toHaveLength(1)
  })
  it('orphan', () => {
    expect(
      tidy.orphanComplaints([source('src/lib/a.ts', '')], [edge('test/lib/a.test.ts', 'src/lib/a.ts')]),
    ).toHaveLength(1)
  })
})
