/** The examples of the guide on verdicts: each ends as the guide says, in the project that they all work in. */
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { readSpecFile } from '../../src/config.ts'
import type { TaskStatus } from '../../src/core/task.ts'
import type { ScriptInput } from '../../src/sample/script.ts'
import { tell } from '../fakes/story.ts'

const root = join(import.meta.dirname, '../..')
const folder = join(root, 'specs/verdicts')
const names = readdirSync(folder).flatMap((name) => (name.endsWith('.yaml') ? [name.slice(0, -5)] : []))
const guide = readFileSync(join(root, 'docs/guide/verdicts.md'), 'utf8')
const script = JSON.parse(readFileSync(join(folder, 'agent.json'), 'utf8')) as ScriptInput

const ends: Record<string, [TaskStatus, string]> = {
  verified: ['done', 'verified'],
  'proposed-checks': ['done', 'verified (proposed checks)'],
  'project-checks': ['done', 'verified (project checks)'],
  refuted: ['failed', 'refuted'],
  'works-only-here': ['failed', 'works-only-here'],
  'works-only-clean': ['failed', 'works-only-clean'],
  weakened: ['failed', 'weakened'],
  tampered: ['paused', 'tampered'],
  unknown: ['failed', 'unknown'],
  unverified: ['done', 'unverified'],
  vacuous: ['done', 'vacuous'],
  flaky: ['done', 'verified'],
}

it('has an example of each outcome, and tells of each', () => {
  expect(names).toEqual(Object.keys(ends).sort())
  for (const name of names) expect(guide).toContain(`try.sh ${name}`)
})

it.each(names)('%s ends as the guide says', async (name) => {
  const story = await tell({ script, env: { OPENLOOM_MUST_FAIL_FIRST: 'yes' } })
  const workspace = story.workspace('project')
  execFileSync('bash', [join(folder, 'project.sh')], { cwd: workspace })
  const spec = readSpecFile(join(folder, `${name}.yaml`))
  if (!spec.ok) throw new Error(JSON.stringify(spec.problems))
  const answer = await story.call('POST', '/api/tasks', { ...spec.value, workspace })
  const { id } = (await answer.json()) as { id: string }
  const [status, verdict] = ends[name] ?? ['archived', '']
  const { attempts } = await story.reaches(status, id)
  expect(attempts.at(-1)?.verdict).toBe(verdict)
  expect(attempts.at(-1)?.checks.some((check) => check.flaky)).toBe(name === 'flaky')
})
