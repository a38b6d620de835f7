import {
  chmodSync,
  lstatSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { isCheckLine } from '../../src/checks/index.ts'
import type { Problem } from '../../src/core/problem.ts'
import { SkillDesk } from '../../src/skills/desk.ts'
import { outlineOf } from '../../src/skills/outline.ts'
import { SkillShelf } from '../../src/skills/shelf.ts'
import { readFront, renamed, withOutline } from '../../src/skills/skill.ts'
import { taskOf } from '../../src/skills/task.ts'
import { Random } from '../fakes/random.ts'

const skillOf = (text: string) => {
  const front = readFront(text, 'one')
  const outline = front.ok ? outlineOf(front.value.body) : null
  if (!front.ok || !outline) throw new Error(JSON.stringify(front))
  return withOutline(front.value, outline, isCheckLine)
}
const problemsOf = (text: string): Problem[] => {
  const front = readFront(text, 'one')
  return front.ok ? [] : front.problems
}

let folder: string
let desk: SkillDesk
const outline = async (body: string) => outlineOf(body)
beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'skills-')))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const options = {
    folder: join(folder, 'user'),
    foreign: [join(folder, 'claude')],
    isCheckLine,
    judge: () => [],
    outline,
  }
  desk = new SkillDesk({
    shelf: new SkillShelf(options),
    trusts: () => false,
    submit: () => Promise.reject(new Error('nothing is to be accepted here')),
    tasksBy: () => [],
  })
})
const mine = (name: string) => ({ name, workspace: null })
const origin = { source: 'cli', externalId: 'once', bodySha256: '' } as const

const release = `---
name: Release
version: 2
parameters:
  - { name: version, type: string, required: true }   # kept
  - name: tries
    type: int
    default: 3
  - { name: dry, type: bool, default: false, about: Only say what would be done. }
required_tools: [read, { name: bash, sensitive: true }]
x-mine: {a: [1,2]}
---

# Goal
Release $version with \${tries} tries; $HOME stays.

# Required tools
- bash

# Procedure
1. Build it:
   \`\`\`sh
   # this is no heading
   make {{version}}
   \`\`\`

# Pitfalls
None.

# Verification
- file: dist/{{version}}.txt
- it looks good
`

describe('SK-1 the text of a skill', () => {
  it('SK-1 says five sections, typed parameters, tools and checks', () => {
    const skill = skillOf(release)
    expect(skill).toMatchObject({ title: 'Release', version: 2, tools: ['read', 'bash'] })
    expect(skill.about).toContain('Release $version')
    expect(skill.parameters.map(({ name, type, required }) => [name, type, required])).toEqual([
      ['version', 'string', true],
      ['tries', 'int', false],
      ['dry', 'bool', false],
    ])
    const titles = ['Goal', 'Required tools', 'Procedure', 'Pitfalls', 'Verification']
    expect(skill.sections.map(({ title }) => title)).toEqual(titles)
    expect(skill.sections[2]?.body).toContain('# this is no heading\n   make {{version}}\n   ```')
    expect(skill.checks).toEqual(['file: dist/{{version}}.txt'])
  })

  it.each([
    ['---\nname: [\n---\n\nx', 2],
    ['---\nparameters:\n  - name: a\n  - { name: b, type: float }\n---\n\nx', 4],
    ['---\nparameters: { a: 1 }\n---\n\nx', 2],
    ['---\nparameters: [{ name: a, type: constructor }]\n---\n\nx', 2],
    ['---\nparameters: [{ name: n, type: int, default: many }]\n---\n\nx', 2],
    ['---\nrequired_tools: read\n---\n\nx', 2],
    ['---\nname: x\n---\n', undefined],
  ])('SK-1 %j cannot be run, and the line is named', (text, line) => {
    expect(problemsOf(text)[0]).toMatchObject({ kind: expect.any(String), ...(line ? { line } : {}) })
  })

  it('SK-1 200 of them come back byte for byte but for the name, whatever else they hold', () => {
    const random = new Random(7)
    for (let n = 0; n < 200; n++) {
      const made = generated(random, n)
      const skill = skillOf(made.text)
      expect(skill.sections.map(({ title }) => title)).toEqual(made.titles)
      expect(skill.sections.map(({ body }) => body)).toEqual(made.bodies)
      expect(skill.parameters.map(({ default: fallback }) => fallback)).toEqual(made.defaults)
      expect(skill.tools).toEqual(made.tools)
      const text = renamed(made.text, 'Other')
      const old = made.text.split('\n')
      expect(text.split('\n').filter((line, at) => line !== old[at])).toEqual(['name: Other'])
      expect(renamed(text, 'x').replace('name: x\n', `name: Skill ${n}\n`)).toBe(made.text)
    }
  })

  it('SK-1 one that is larger than any person writes is refused, and a list looks at no structure', async () => {
    expect(problemsOf('x'.repeat(70_000))[0]?.text).toContain('larger')
    expect(problemsOf(`---\n${'a: [1]\n'.repeat(8_000)}---\nx`)[0]?.kind).toBe('yaml-too-large')
    expect(outlineOf(`${'- '.repeat(60)}a`)).toBeNull()
    await mkdir(join(folder, 'user'))
    writeFileSync(join(folder, 'user', 'tangled.md'), `# Goal\nTangle.\n\n${'- '.repeat(60)}a\n`)
    expect((await desk.list(null)).items).toMatchObject([{ name: 'tangled', about: 'Tangle.', problems: [] }])
    expect(await desk.one(mine('tangled'))).toMatchObject({ value: { skill: null, problems: [{ kind: 'bad-skill' }] } })
  })
})

const bodies = [
  'Do it.',
  '```sh\n# a comment\nls\n```',
  '- one\n  - two\n\n1. three',
  '| a |\n|---|\n| # b |',
  'ä "ü" $x',
]
const values = ['plain', '"a # b"', "'it''s'", '|-\n      first\n      # second', '>-\n      folded']
const spoken = ['plain', 'a # b', "it's", 'first\n# second', 'folded']

function generated(random: Random, n: number) {
  const titles = ['Goal', 'Required tools', 'Procedure', 'Pitfalls', 'Verification']
  const chosen = titles.map(() => random.pick(bodies))
  const picks = Array.from({ length: random.below(4) }, () => random.below(values.length))
  const names = picks.map((pick, at) => `  - name: p${at}\n    default: ${values[pick]}\n`)
  const parameters = picks.length > 0 ? `parameters:\n${names.join('')}` : ''
  const flow = random.chance(0.5)
  const tools = flow
    ? 'required_tools: [ read ,"grep" ]   # few\n'
    : 'required_tools:\n- name: bash\n  sensitive: true\n'
  const unknown = random.chance(0.5) ? 'x-other: {b: 1,   a: [ 2,3 ]}\n# a word of mine\n' : ''
  const head = `name: Skill ${n}\n${unknown}${parameters}${tools}`
  const gap = random.chance(0.5) ? '\n\n' : '\n'
  const level = random.chance(0.5) ? '#' : '##'
  const text = `---\n${head}---\n${titles.map((title, at) => `${level} ${title}${gap}${chosen[at]}\n`).join('\n')}`
  const defaults = picks.map((pick) => spoken[pick])
  return { text, titles, bodies: chosen, defaults, tools: flow ? ['read', 'grep'] : ['bash'] }
}

describe('SK-3 values', () => {
  const run = (given: Record<string, unknown>) => taskOf(skillOf(release), { path: '/s/release.md', given })

  it('SK-3 stand in the words and in the checks; dollars of others stay', () => {
    const made = run({ version: '1.2', tries: '5', dry: 'yes' })
    const task = made.ok ? made.value : {}
    expect(task).toMatchObject({
      title: 'Release (version=1.2, tries=5, dry=true)',
      ask: 'deny',
      tools: ['read', 'bash'],
    })
    expect(task.goal).toContain('Release 1.2 with 5 tries; $HOME stays.')
    expect(task.goal).toContain('make 1.2')
    expect(task.goal).toMatch(/Parameters:\n- dry: true$/)
    expect(task.checks).toEqual(['file: dist/1.2.txt'])
  })

  it.each([
    [{}, 'parameter-missing'],
    [{ version: '' }, 'parameter-missing'],
    [{ version: 'a', tries: 'many' }, 'parameter-bad'],
    [{ version: 'a', tries: 1.5 }, 'parameter-bad'],
    [{ version: 'a', dry: 'perhaps' }, 'parameter-bad'],
    [{ version: 'a', trys: 1 }, 'parameter-unknown'],
    [{ version: 'a; rm -rf ~' }, 'parameter-bad'],
    [{ version: '../../etc/passwd' }, 'parameter-bad'],
    [{ version: '-rf' }, 'parameter-bad'],
    [{ version: 'a', dry: 'constructor' }, 'parameter-bad'],
  ])('SK-3 %j is refused as %s', (given, kind) => {
    const made = run(given)
    expect(made.ok ? [] : made.problems.map((problem) => problem.kind)).toContain(kind)
  })
})

describe('SK-5 the folders', () => {
  it('SK-5 a name leads nowhere else (W15), nor does a link of a project', async () => {
    const project = join(folder, 'project')
    await mkdir(join(project, '.openloom'), { recursive: true })
    await mkdir(join(folder, 'secret'))
    writeFileSync(join(folder, 'secret', 'a.md'), 'secret')
    symlinkSync(join(folder, 'secret'), join(project, '.openloom', 'skills'))
    for (const name of ['..', '../secret/a', 'a/b', '.', ''])
      expect(await desk.one(mine(name))).toMatchObject({ ok: false })
    expect((await desk.list(project)).items).toEqual([])
    expect(await desk.one({ name: 'a', workspace: project })).toMatchObject({ ok: false })
    expect(await desk.write({ name: 'b', workspace: project }, 'x', null)).toMatchObject({ ok: false })
  })

  it('SK-6 a SKILL.md of another program is read, not written; its copy is ours', async () => {
    await mkdir(join(folder, 'claude', 'review'), { recursive: true })
    const text = '---\nname: review\ndescription: Reviews a change.\nallowed-tools: Read, Grep\n---\n\nRead the diff.\n'
    writeFileSync(join(folder, 'claude', 'review', 'SKILL.md'), text)
    const { items } = await desk.list(null)
    expect(items).toMatchObject([{ name: 'review', about: 'Reviews a change.', own: false }])
    const found = await desk.one(mine('review'))
    const seen = found.ok ? found.value.sha256 : ''
    expect(await desk.write(mine('review'), 'mine now', seen)).toMatchObject({
      ok: false,
      problems: [{ kind: 'not-own' }],
    })
    expect(await desk.remove(mine('review'), seen)).toMatchObject({ ok: false, problems: [{ kind: 'not-own' }] })
    expect(await desk.duplicate(mine('review'))).toMatchObject({
      ok: true,
      value: { name: 'review-2', own: true, text: text.replace('name: review', 'name: "review 2"') },
    })
  })

  it('SK-5 is not written over what somebody changed meanwhile', async () => {
    const first = await desk.write(mine('a'), 'one', null)
    const seen = first.ok ? first.value.sha256 : ''
    expect(await desk.write(mine('a'), 'again', null)).toMatchObject({ problems: [{ kind: 'changed-since' }] })
    writeFileSync(join(folder, 'user', 'a.md'), 'by hand')
    expect(await desk.write(mine('a'), 'two', seen)).toMatchObject({ problems: [{ kind: 'changed-since' }] })
    expect(await desk.remove(mine('a'), seen)).toMatchObject({ problems: [{ kind: 'changed-since' }] })
    expect(readFileSync(join(folder, 'user', 'a.md'), 'utf8')).toBe('by hand')
    expect(await desk.duplicate(mine('a'))).toMatchObject({ value: { name: 'a-2', text: 'by hand' } })
  })

  it('SK-5 one whose whole text cannot be shown is not written over, nor copied as nothing', async () => {
    await mkdir(join(folder, 'user'))
    const path = join(folder, 'user', 'a.md')
    writeFileSync(path, 'x'.repeat(70_000))
    const found = await desk.one(mine('a'))
    const seen = found.ok ? found.value.sha256 : ''
    const refused = { ok: false, problems: [{ kind: 'bad-skill' }] }
    expect(await desk.write(mine('a'), 'mine', seen)).toMatchObject(refused)
    expect(await desk.duplicate(mine('a'))).toMatchObject(refused)
    expect([statSync(path).size, (await desk.list(null)).items.length]).toEqual([70_000, 1])
  })

  it('SK-5 of two changes of one text one holds, and the rights of the file stay', async () => {
    const first = await desk.write(mine('a'), 'one', null)
    const seen = first.ok ? first.value.sha256 : ''
    chmodSync(join(folder, 'user', 'a.md'), 0o600)
    const both = await Promise.all(['two', 'three'].map((text) => desk.write(mine('a'), text, seen)))
    expect(both.filter(({ ok }) => !ok)).toMatchObject([{ problems: [{ kind: 'changed-since' }] }])
    const text = readFileSync(join(folder, 'user', 'a.md'), 'utf8')
    expect(both).toContainEqual(expect.objectContaining({ value: expect.objectContaining({ text }) }))
    expect(statSync(join(folder, 'user', 'a.md')).mode & 0o777).toBe(0o600)
  })

  it('SK-5 a link of the user to where they keep their files is a skill, and stays a link', async () => {
    await mkdir(join(folder, 'user'))
    await mkdir(join(folder, 'dotfiles'))
    writeFileSync(join(folder, 'dotfiles', 'a.md'), 'Do it.')
    symlinkSync(join(folder, 'dotfiles', 'a.md'), join(folder, 'user', 'a.md'))
    expect((await desk.list(null)).items).toMatchObject([{ name: 'a', about: 'Do it.' }])
    const found = await desk.one(mine('a'))
    expect(await desk.write(mine('a'), 'Do more.', found.ok ? found.value.sha256 : '')).toMatchObject({ ok: true })
    expect(readFileSync(join(folder, 'dotfiles', 'a.md'), 'utf8')).toBe('Do more.')
    expect(lstatSync(join(folder, 'user', 'a.md')).isSymbolicLink()).toBe(true)
  })

  it('SK-3 a parameter may be called like anything', async () => {
    const skill = skillOf('---\nparameters: [{ name: constructor, default: plain }]\n---\n\nBuild {{constructor}}.')
    expect(taskOf(skill, { path: '/s', given: {} })).toMatchObject({
      value: { goal: expect.stringContaining('Build plain.') },
    })
  })

  it('SK-3 of a project that nobody trusts is shown and not run', async () => {
    const project = join(folder, 'project')
    await mkdir(join(project, '.openloom', 'skills'), { recursive: true })
    writeFileSync(join(project, '.openloom', 'skills', 'a.md'), 'Do it.')
    const { items } = await desk.list(project)
    expect(items).toMatchObject([{ name: 'a', workspace: project, barred: { kind: 'skill-untrusted' } }])
    const made = await desk.run({ name: 'a', workspace: project }, { parameters: {}, origin })
    expect(made).toMatchObject({ kind: 'refused', problems: [{ kind: 'skill-untrusted' }] })
  })
})
