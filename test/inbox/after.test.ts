/** Tasks that come after others, at the door: names become ids, and no file can close a circle. */
import { expect, it, onTestFinished } from 'vitest'
import type { TaskSpec } from '../../src/core/spec.ts'
import { type Source, sources } from '../../src/core/task.ts'
import { Intake } from '../../src/inbox/intake.ts'
import type { SourcePolicy } from '../../src/inbox/policy.ts'
import { specFrom } from '../fakes/tasks.ts'
import { watchWorld } from '../fakes/watch-world.ts'
import { TemporaryWorkspace } from '../fakes/workspace.ts'

it('refuses a rewritten file that would make two tasks wait for each other', async () => {
  const { store } = watchWorld()
  const place = new TemporaryWorkspace()
  onTestFinished(() => place.remove())
  const workspace = place.path
  const policy: SourcePolicy = {
    ...{ workspaceRoots: [workspace], runtimes: [], commands: 'any', autoAccept: true, answers: true, limits: {} },
  }
  const policies = Object.fromEntries(sources.map((source) => [source, policy])) as Record<Source, SourcePolicy>
  const defaults = { workspace, runtime: 'hand', checks: [], limits: {}, checkIntervalMinutes: 5 }
  const rest = {
    defaults,
    namedChecks: {},
    checkers: [],
    runtimes: ['hand'],
    drillDir: '/nowhere',
    sessionOf: () => null,
  }
  const intake = new Intake(store.tasks, { policies, home: '/home/somebody', base: workspace, ...rest })
  const submit = async (spec: TaskSpec) => {
    const origin = { source: 'inbox' as const, externalId: spec.title, bodySha256: '' }
    const accepted = await intake.submit({ ok: true, value: spec }, origin)
    if (accepted.kind !== 'accepted') throw new Error(JSON.stringify(accepted))
    return accepted.task
  }
  const first = await submit(specFrom({ title: 'First' }))
  const second = await submit(specFrom({ title: 'Second', after: ['First'] }))
  const third = await submit(specFrom({ title: 'Third', after: [second.id, 'First'] }))
  expect(third.spec.after).toEqual([second.id, first.id])
  const circle = { ok: true as const, value: specFrom({ title: 'First', after: ['Third'] }) }
  expect(await intake.revise(first, circle)).toBe('circle')
  expect(await intake.revise(third, { ok: true, value: specFrom({ title: 'Third', after: [first.id] }) })).toBe(
    'revised',
  )
})
