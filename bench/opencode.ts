/**
 * The same path over the real OpenCode server, how still we are beside it, how quick a take-over is, and how a server
 * with a thousand sessions is followed. Skips itself, saying so, where the server cannot be installed.
 */
import { execFileSync } from 'node:child_process'
import { renameSync, writeFileSync } from 'node:fs'
import { createServer, request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { LoomEvent } from '../src/core/event.ts'
import { FakeOpenCode } from '../test/fakes/opencode.ts'
import { OpenCodeServer } from '../test/fakes/opencode-server.ts'
import type { Row } from './measures.ts'
import { type BenchWorld, costOf, eventsOf, median, openWorld, quantile, until } from './world.ts'

const shell = (command: string) => ({ tool_calls: [{ name: 'bash', arguments: { command, description: 'x' } }] })
const script = {
  conversations: [
    { match: 'Say a word', replies: [{ text: 'Here it is.' }] },
    { match: 'Sleep softly', replies: [shell('sleep 600'), { text: 'Woken.' }] },
    { match: 'Sleep hard', replies: [shell("trap '' TERM INT; sleep 600; sleep 600"), { text: 'Woken.' }] },
  ],
}

const row = (name: string, values: readonly number[], [bar, original]: [number, number | null]): Row => ({
  name,
  value: median([...values]),
  unit: 'ms',
  bar,
  original,
  note: `p99 ${quantile([...values], 0.99).toFixed(0)} ms, n ${values.length}`,
})

/** The bundle lies elsewhere than the installer thinks. */
export function installOpenCode(): void {
  const installer = join(import.meta.dirname, '..', 'scripts', 'opencode.mjs')
  process.env['OPENLOOM_REAL_OPENCODE'] ??= execFileSync(process.execPath, [installer], { encoding: 'utf8' }).trim()
}

export async function openCode(idleSeconds: number): Promise<Row[]> {
  installOpenCode()
  const server = new OpenCodeServer({ script })
  await server.open()
  const proxy = await countingProxy(server.port)
  const world = await openWorld({
    script: [{ text: 'unused' }],
    env: { OPENLOOM_OPENCODE_URL: proxy.url, OPENLOOM_OPENCODE_PASSWORD: server.password ?? '' },
  })
  try {
    const path = await mainPath(world)
    return [...path, ...(await takeOvers(world)), ...(await stillness(world, { server, proxy, idleSeconds }))]
  } finally {
    await world.close()
    await proxy.close()
    await server.close()
  }
}

async function mainPath(world: BenchWorld): Promise<Row[]> {
  const accepted: number[] = []
  const judged: number[] = []
  for (let i = 0; i < 15; i++) {
    // One folder: booting an instance of OpenCode for a new one takes a second that is not ours.
    const workspace = world.workspace('opencode')
    const header = `# Word ${i}\nworkspace: ${workspace}\nruntime: opencode\n`
    const text = `${header}\n## goal\nSay a word.\n\n## checks\n- run: true\n`
    const temporary = join(world.folder, `word-${i}.tmp`)
    writeFileSync(temporary, text)
    const droppedAt = Date.now()
    renameSync(temporary, join(world.inbox, `word-${i}.md`))
    const { id } = await until(async () => {
      const page = (await (await world.get('/api/tasks?limit=1')).json()) as { items: { id: string; title: string }[] }
      return page.items.find((item) => item.title === `Word ${i}`)
    })
    const events = await until(async () => ended(await eventsOf(world, id)), { everyMs: 50 })
    const at = (type: string) => events.find((event) => event.type === type)?.at ?? Number.NaN
    accepted.push(at('prompt.sent') - droppedAt)
    judged.push(at('verdict.reached') - (await finishedAt(world, events)))
  }
  // The first one boots the instance.
  return [
    row('OpenCode: file dropped → prompt accepted, p50', accepted.slice(1), [300, 26_600]),
    row('OpenCode: agent finished → verdict stored, p50', judged.slice(1), [500, 302_000]),
  ]
}

const ended = (events: LoomEvent[]) => (events.some((event) => event.type === 'task.done') ? events : null)

async function finishedAt(world: BenchWorld, events: readonly LoomEvent[]): Promise<number> {
  const sessionId = events.find((event) => event.sessionId)?.sessionId
  const page = (await (await world.get(`/api/sessions/${sessionId}/transcript`)).json()) as {
    messages: { endedAt: number | null }[]
  }
  return page.messages.at(-1)?.endedAt ?? Number.NaN
}

async function takeOvers(world: BenchWorld): Promise<Row[]> {
  const rows: Row[] = []
  for (const [what, goal] of [
    ['a hung `sleep 600`', 'Sleep softly'],
    ['one that ignores TERM', 'Sleep hard'],
  ] as const) {
    const workspace = world.workspace('opencode')
    const checks = ['run: true']
    const made = await world.post('/api/tasks', { goal, workspace, runtime: 'opencode', checks })
    const { id } = (await made.json()) as { id: string }
    const { sessionId } = await until(async () => {
      const found = ((await (await world.get(`/api/tasks/${id}`)).json()) as { task: { sessionId: string | null } })
        .task
      return found.sessionId && sleepers() > 0 ? { sessionId: found.sessionId } : null
    })
    await new Promise((resolve) => setTimeout(resolve, 2_000))
    const startedAt = performance.now()
    await world.post('/api/inbox/trigger', { text: `session: ${sessionId}\nabort: true\n` })
    const wallMs = performance.now() - startedAt
    await until(async () => ended(await eventsOf(world, id)), { everyMs: 50 })
    rows.push({
      name: `OpenCode: take-over of ${what}, asked to new turn running`,
      value: wallMs,
      unit: 'ms',
      bar: 1_000,
      original: null,
      note: `processes left: ${sleepers()}`,
    })
  }
  return rows
}

function sleepers(): number {
  try {
    return Number(execFileSync('pgrep', ['-fc', 'sleep 600'], { encoding: 'utf8' })) || 0
  } catch {
    // Its way to say that there is none.
    return 0
  }
}

interface Proxy {
  url: string
  requests: number
  close(): Promise<void>
}

/** Between us and the server, so that what we ask is counted by somebody else. */
async function countingProxy(port: number): Promise<Proxy> {
  const server: Server = createServer((incoming, outgoing) => {
    proxy.requests += 1
    const { method, headers, url: path } = incoming
    const onward = request({ host: '127.0.0.1', port, method, headers, path, agent: false }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(outgoing)
    })
    onward.on('error', () => outgoing.destroy())
    outgoing.on('close', () => onward.destroy())
    incoming.pipe(onward)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const proxy: Proxy = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests: 0,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
  return proxy
}

async function stillness(
  world: BenchWorld,
  { server, proxy, idleSeconds }: { server: OpenCodeServer; proxy: Proxy; idleSeconds: number },
): Promise<Row[]> {
  for (let i = 0; i < 200; i++) {
    await server.client.call('POST /session', { body: { title: `Quiet ${i}` }, directory: server.work })
  }
  await new Promise((resolve) => setTimeout(resolve, 1_000))
  const before = { requests: proxy.requests, cpu: costOf(world.pid).cpuSeconds }
  await new Promise((resolve) => setTimeout(resolve, idleSeconds * 1_000))
  const requests = ((proxy.requests - before.requests) * 60) / idleSeconds
  const cpu = ((costOf(world.pid).cpuSeconds - before.cpu) * 100) / idleSeconds
  return [
    { name: '200 quiet sessions: requests to OpenCode a minute', value: requests, unit: '', bar: 4, original: 25 },
    { name: '200 quiet sessions: idle CPU', value: cpu, unit: '%', bar: 0.5, original: null },
  ]
}

/** A server that is none: a thousand sessions, thousands of events a second, and nothing lost at the end. */
export async function crowd(seconds: number): Promise<Row[]> {
  const fake = await new FakeOpenCode().open()
  const sessions = Array.from({ length: 1_000 }, (_, i) => fake.world.create('/srv/app', { title: `Session ${i}` }))
  const world = await openWorld({ script: [{ text: 'unused' }], env: { OPENLOOM_OPENCODE_URL: fake.url } })
  try {
    await until(async () => (fake.followers > 0 ? true : null))
    const before = costOf(world.pid).cpuSeconds
    const startedAt = performance.now()
    let sent = 0
    while (performance.now() - startedAt < seconds * 1_000) {
      const due = Math.floor(((performance.now() - startedAt) / 1_000) * 5_000)
      for (; sent < due; sent++) fake.send(burst(sessions[sent % sessions.length]?.id ?? '', sent))
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    const wallS = (performance.now() - startedAt) / 1_000
    const share = ((costOf(world.pid).cpuSeconds - before) * 100) / wallS
    const last = fake.world.create('/srv/app', { title: 'The last' })
    await until(async () => ((await world.get(`/api/sessions/${last.id}`)).status === 200 ? true : null))
    const { rssMb } = costOf(world.pid)
    const note = `${sent} events to 1000 sessions in ${wallS.toFixed(0)} s; the one after them arrived`
    return [
      {
        name: '1000 sessions, 5000 events a second: share of one core',
        value: share,
        unit: '%',
        bar: 100,
        original: null,
        note,
      },
      { name: 'and memory (RSS) afterwards', value: rssMb, unit: 'MB', bar: 250, original: null },
    ]
  } finally {
    await world.close()
    await fake.close()
  }
}

/** Nine of ten are pieces of text, as on a busy day; the rest are states. */
function burst(sessionID: string, n: number): string {
  const id = `evt_${n}`
  const payload =
    n % 10 === 0
      ? { id, type: 'session.status', properties: { sessionID, status: { type: n % 20 === 0 ? 'busy' : 'idle' } } }
      : {
          id,
          type: 'message.part.delta',
          properties: {
            sessionID,
            messageID: `msg_${n}`,
            partID: `prt_${n}`,
            field: 'text',
            delta: 'word '.repeat(20),
          },
        }
  return `data: ${JSON.stringify({ directory: '/srv/app', project: 'p', payload })}\n\n`
}
