/** Checks whose results differ on the same files: named beside the verdict, counted, and vouched for by a person. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { listFlakes, quarantineFlake, releaseFlake } from '../../src/cli/flakes.ts'
import { log } from '../../src/cli/log.ts'
import type { Shell } from '../../src/cli/program.ts'
import { show } from '../../src/cli/show.ts'
import { status } from '../../src/cli/status.ts'
import { ProblemError } from '../../src/core/problem.ts'
import type { TaskPage } from '../../src/server/api.ts'
import { type Story, tell } from '../fakes/story.ts'

const write = { tool_calls: [{ name: 'write', arguments: { file_path: 'new.txt', content: 'new\n' } }] }
const script = { replies: [write, { text: 'Done.' }], at_end: 'repeat' as const }
/** Red before the work; afterwards it fails once and passes from then on. */
const moody = 'test -f new.txt || exit 1; test -f .once && exit 0; touch .once; exit 1'

let out = ''
beforeEach(() => {
  out = ''
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    out += String(text)
    return true
  })
})
afterEach(() => vi.restoreAllMocks())

const shellOf = ({ folder }: Story): Shell => ({
  cwd: folder,
  env: { HOME: folder, PATH: process.env.PATH, OPENLOOM_DATA_DIR: join(folder, 'data'), OPENLOOM_SAMPLE: 'off' },
})

async function printed(verb: Promise<number>): Promise<string> {
  out = ''
  expect(await verb).toBe(0)
  return out
}

async function add(story: Story, run: string): Promise<string> {
  const checks = ['file: new.txt', { kind: 'command', run, retries: 1 }]
  const body = { goal: 'Write new.txt', workspace: story.workspace(), checks, limits: { attempts: 1 } }
  return ((await (await story.call('POST', '/api/tasks', body)).json()) as { id: string }).id
}

describe('a check that fails and then passes on the same files', () => {
  it('is named beside the verdict, wherever a person reads it', async () => {
    const story = await tell({ script, env: { OPENLOOM_MUST_FAIL_FIRST: 'yes' } })
    const id = await add(story, moody)
    const { task, attempts } = await story.reaches('done', id)
    expect(task.verdict).toBe('verified')
    expect(attempts.at(-1)?.checks[1]).toMatchObject({ outcome: 'pass', base: 'fail', flaky: { runs: 2, failed: 1 } })
    const { items } = (await (await story.call('GET', '/api/tasks')).json()) as TaskPage
    expect(items[0]).toMatchObject({ id, verdict: 'verified', flaky: 1 })
    const shell = shellOf(story)
    expect(await printed(status({}, shell))).toContain('done, verified, 1 flaky')
    expect(await printed(show(id, {}, shell))).toMatch(/Attempt 1: verified, 1 flaky\n[\s\S]*flaky: 1 of 2 runs failed/)
    expect(await printed(log(id, {}, shell))).toContain('done: verified by its checks, 1 flaky')
    const told = () => story.notifications().find((notice) => notice.event === 'TASK_COMPLETED')?.data
    await vi.waitFor(() => expect(told()).toMatchObject({ summary: 'verified, 1 flaky: 2 of 2 proven.' }))
    expect(await printed(listFlakes({}, shell))).toMatch(/ 1 +2 +50 % +run: test -f new\.txt/)
  })
})

describe('a check that is in quarantine', () => {
  it('refutes nothing when it fails, proves nothing either, and counts again when it is released', async () => {
    const story = await tell({ script })
    const run = 'exit 1'
    expect((await story.reaches('failed', await add(story, run))).task.verdict).toBe('refuted')
    const shell = shellOf(story)
    const id = story.daemon.store.flakes.list()[0]?.id ?? ''
    const options = { owner: 'Ada', days: 7, why: 'the network of the test' }
    expect(await printed(quarantineFlake(id.slice(0, 6), options, shell))).toMatch(/quarantine until .*, Ada/)
    const excused = await story.reaches('done', await add(story, run))
    expect(excused.task).toMatchObject({ verdict: 'verified', progress: { proven: 1, total: 2 } })
    expect(excused.attempts[0]?.checks[1]).toMatchObject({ outcome: 'fail', quarantined: { owner: 'Ada' } })
    expect(await printed(show(excused.task.id, {}, shell))).toContain('in quarantine, Ada')
    expect(await printed(releaseFlake(id, {}, shell))).toContain('counts like any other')
    expect((await story.reaches('failed', await add(story, run))).task.verdict).toBe('refuted')
  })

  it('leaves nothing that is proven when it is all there is', async () => {
    const story = await tell({ script })
    const post = async () => {
      const checks = [{ kind: 'command', run: 'exit 1', retries: 1 }]
      const body = { goal: 'Do it', workspace: story.workspace(), checks, limits: { attempts: 1 } }
      return ((await (await story.call('POST', '/api/tasks', body)).json()) as { id: string }).id
    }
    await story.reaches('failed', await post())
    const id = story.daemon.store.flakes.list()[0]?.id ?? ''
    await quarantineFlake(id, { owner: 'Ada', days: 1 }, shellOf(story))
    expect((await story.reaches('done', await post())).task.verdict).toBe('unverified')
  })

  it('needs an owner and an end within ninety days, and a check that is known', async () => {
    const story = await tell({ script })
    writeFileSync(join(story.workspace(), 'new.txt'), 'new\n')
    await story.reaches('done', await add(story, 'true'))
    const id = story.daemon.store.flakes.list()[0]?.id ?? ''
    const path = `/api/flakes/${id}/quarantine`
    for (const body of [{ days: 3 }, { owner: ' ', days: 3 }, { owner: 'Ada' }, { owner: 'Ada', days: 91 }]) {
      expect((await story.call('POST', path, body)).status).toBe(400)
    }
    expect((await story.call('POST', '/api/flakes/ffffff/quarantine', { owner: 'Ada', days: 3 })).status).toBe(404)
    await expect(releaseFlake('zz', {}, shellOf(story))).rejects.toBeInstanceOf(ProblemError)
    expect(await printed(listFlakes({ json: true }, shellOf(story)))).toContain('"quarantine": null')
  })
})
