/** What a person sees of sessions on the real server and does to them by command, and what they used. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import type { SessionUsageSums, UsageSum } from '../../src/core/session.ts'
import type { SessionItem, SessionPage, UsageReport } from '../../src/server/api.ts'
import { eventually, type Life } from '../fakes/daemon.ts'
import { OpenCodeServer } from '../fakes/opencode-server.ts'
import { bareHang, bash, done, House, subagent, untilLetGo, writeResult } from './house.ts'

const used = (prompt_tokens: number, completion_tokens: number, cached_tokens = 0) => ({
  usage: { prompt_tokens, completion_tokens, cached_tokens },
})
const write = { tool_calls: [{ name: 'write', arguments: { filePath: 'note.md', content: 'A note.\n' } }] }

const house = new House({
  mine: [untilLetGo, { text: 'The user has it.' }],
  hung: [bareHang, { text: 'I am back.' }, { text: 'Once more.' }],
  task: [write, writeResult, done],
  spender: [
    { ...subagent('saver'), ...used(1_000, 50, 200) },
    { ...writeResult, ...used(2_000, 60) },
    { ...done, ...used(3_000, 70, 1_000) },
  ],
  saver: [
    { ...bash('echo saved'), ...used(400, 20) },
    { text: 'Saved.', ...used(500, 30, 100) },
  ],
})
let life: Life
beforeAll(async () => {
  const runtimes = [{ kind: 'builtin' }, { kind: 'opencode', managed: 'never' }]
  await house.open({}, JSON.stringify({ runtimes, concurrency: { tasks: 12 } }))
  life = await house.start()
})
afterAll(() => house.close())

const itemOf = (id: string, state: string): Promise<SessionItem> =>
  eventually(`${id} is ${state}`, async () => {
    const { items } = await house.asked<SessionPage>('sessions')
    return items.find((item) => item.id === id && item.state === state) ?? null
  })

describe.concurrent('a session that the user started in OpenCode', () => {
  it('is listed with what it does, shown with what was said, and prompted', async () => {
    const folder = house.workspace('mine')
    const id = await house.startElsewhere(folder, 'mine')
    expect(await itemOf(id, 'busy')).toMatchObject({ title: 'mine', workspace: folder, taskId: null })
    await house.begun(folder)
    house.letGo(folder)
    await itemOf(id, 'idle')
    const { out } = await house.openloom(['sessions', 'show', id, '--transcript', '--usage'])
    expect(out).toMatch(/Do mine\..*\[bash completed\].*The user has it\..*/s)
    expect(await house.openloom(['sessions', 'prompt', id, 'Say it again.'])).toMatchObject({ code: 0, out: 'Sent.\n' })
    await eventually('it is told', async () => (await house.prompts(id)).length === 2)
    await itemOf(id, 'idle')
    expect((await house.openloom(['sessions', 'show', id, '--transcript'])).out).toContain('Say it again.')
  })

  it('is stopped with the processes of its tool, and goes on when it is told to', async () => {
    const folder = house.workspace('hung')
    const id = await house.startElsewhere(folder, 'hung')
    await house.begun(folder)
    await itemOf(id, 'busy')
    expect(await house.openloom(['sessions', 'abort', id])).toMatchObject({ code: 0, out: 'Stopped.\n' })
    expect(house.tools(folder)).toEqual([])
    expect(await house.openloom(['sessions', 'resume', id])).toMatchObject({ code: 0 })
    await eventually('it goes on', async () =>
      (await house.openloom(['sessions', 'show', id, '--transcript'])).out.includes('I am back.'),
    )
  })
})

describe.concurrent('a session of a task', () => {
  it('shows what it changed, and is left to its task', async () => {
    house.drop({ name: 'task', keys: { ask: 'wait' }, permission: { bash: 'ask' } })
    await house.ask(life, 'task')
    const id = await house.session(life, 'task')
    const refused = await house.openloom(['sessions', 'prompt', id, 'Stop that.'])
    expect(refused).toMatchObject({ code: 1, err: expect.stringContaining('openloom pause') })
    await house.answer(life, 'task', { reply: 'once' })
    expect(await house.over(life, 'task')).toMatchObject({ status: 'done' })
    const { out } = await house.openloom(['sessions', 'show', id.slice(0, 20), '--diff'])
    expect(out).toMatch(/added note\.md {2}\+1 -0.*\+A note\./s)
  })

  it('used what the model said that it used, and a parent what its subagents used as well', async () => {
    house.drop({ name: 'spender' })
    const task = await house.over(life, 'spender')
    expect(task).toMatchObject({ status: 'done', attempt: 1 })
    const id = await house.session(life, 'spender')
    const own = { input: 800 + 2_000 + 2_000, output: 180, reasoning: 0, cacheRead: 1_200, cacheWrite: 0 }
    const total = { ...own, input: own.input + 400 + 400, output: own.output + 50, cacheRead: 1_300 }
    const cost = ({ input, output, cacheRead }: typeof own) => ({ costMicros: input + 2 * output + cacheRead / 10 })
    const isWhole = async () => {
      const { usage } = await house.asked<{ usage: SessionUsageSums }>('sessions', 'show', id)
      return usage.total.input >= total.input && usage
    }
    expect(await eventually('all figures are kept', isWhole)).toMatchObject({
      own: { ...own, ...cost(own), atLeast: false },
      total: { ...total, ...cost(total) },
    })
    const rowOf = async (by: string, key: string) => {
      const { items } = await house.asked<UsageReport>('usage', '--by', by, '--since', 'today')
      return items.find((row) => row.key === key) as UsageSum & { total?: UsageSum }
    }
    expect(await rowOf('task', task.id)).toMatchObject({ ...total, ...cost(total) })
    expect(await rowOf('session', id)).toMatchObject({ ...own, total: { ...total, ...cost(total) } })
    expect((await rowOf('model', 'scripted/scripted-model')).input).toBeGreaterThanOrEqual(total.input)
    expect((await house.openloom(['usage'])).out).toContain('scripted/scripted-model')
  })
})

interface Finding {
  name: string
  ok: boolean
  text: string
}

describe('openloom doctor', () => {
  const lineOf = async (env: Record<string, string>): Promise<Finding[]> => {
    const { out } = await house.openloom(['doctor', '--json'], env)
    return (JSON.parse(out) as Finding[]).filter(({ name }) => name === 'runtime opencode')
  }
  const answering = async (): Promise<string> => {
    const server = createServer((_, response) => {
      response.setHeader('content-type', 'text/html')
      response.end('<p>Welcome</p>')
    })
    onTestFinished(() => void server.close())
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  }

  it('says in one line what is wrong with a server, and what is there', async () => {
    const { url, password } = house.server
    const right = { OPENLOOM_OPENCODE_URL: url, OPENLOOM_OPENCODE_PASSWORD: password ?? '' }
    expect(await lineOf(right)).toMatchObject([{ ok: true, text: expect.stringContaining('OpenCode 1.') }])
    const cases = [
      [{ OPENLOOM_OPENCODE_URL: 'http://127.0.0.1:9' }, 'Start `opencode serve`'],
      [{ ...right, OPENLOOM_OPENCODE_PASSWORD: 'wrong' }, 'refuses the password'],
      [{ OPENLOOM_OPENCODE_URL: url }, 'wants a password'],
      [{ OPENLOOM_OPENCODE_URL: await answering() }, 'is no OpenCode server'],
    ] as const
    for (const [env, words] of cases) {
      expect(await lineOf(env), words).toMatchObject([{ ok: false, text: expect.stringContaining(words) }])
    }
  })

  it('says that a server has no model, and that it stands open', async () => {
    const bare = new OpenCodeServer({ script: [done], password: null, config: { enabled_providers: ['nobody'] } })
    onTestFinished(() => bare.close())
    await bare.open()
    const texts = (await lineOf({ OPENLOOM_OPENCODE_URL: bare.url })).filter(({ ok }) => !ok).map(({ text }) => text)
    expect(texts).toMatchObject([expect.stringContaining('without a password'), expect.stringContaining('no model')])
  })
})
