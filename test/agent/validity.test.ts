import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { systemClock } from '../../src/core/clock.ts'
import type { Runtime } from '../../src/core/runtime.ts'
import type { Journal, JournalEntry } from '../../src/core/session.ts'
import { childEnvironment } from '../../src/lib/process.ts'
import { createBuiltin } from '../../src/runtimes/builtin.ts'
import { fixture, sourceOf } from '../contracts/provider.ts'
import { lookUntil } from '../contracts/runtime.ts'
import { MemoryJournal } from '../fakes/journal.ts'
import { Random } from '../fakes/random.ts'
import { type Answer, startRawServer, status } from '../fakes/raw-server.ts'
import { strictFaults } from '../fakes/strict-history.ts'

const kinds = Object.keys(strictFaults)
const limits = { toolCalls: null, tokens: null }
const rested = ['idle', 'failed', 'interrupted', 'waiting'] as const

/** A journal as a process sees it; once it is killed nothing more is written. */
class MortalJournal implements Journal {
  dead = false
  model = ''
  private readonly inner: MemoryJournal

  constructor(inner: MemoryJournal) {
    this.inner = inner
  }

  createSession: Journal['createSession'] = (session) => this.inner.createSession(session)
  sessionOfTask: Journal['sessionOfTask'] = (taskId) => this.inner.sessionOfTask(taskId)
  setProfile: Journal['setProfile'] = (id, profile) => this.inner.setProfile(id, profile)
  entries: Journal['entries'] = (id) => this.inner.entries(id)

  session(id: string) {
    const found = this.inner.session(id)
    return found && { ...found, model: this.model }
  }

  append(id: string, ...entries: JournalEntry[]) {
    if (this.dead) throw new Error('the process is dead')
    return this.inner.append(id, ...entries)
  }
}

interface Scene {
  random: Random
  faults: string[]
  seen: Record<string, number>
  runtime: Runtime
  journal: MortalJournal
  sessionId: string
}

const count = ({ seen }: Scene, what: string) => {
  seen[what] = (seen[what] ?? 0) + 1
}

/** What servers send, as they have been recorded, with all their faults. */
function answerOf(kind: string, { random }: Scene): Answer {
  const contentType = kind === 'ollama' ? 'application/x-ndjson' : 'text/event-stream'
  const plays = (name: string, { cut = false, as = 'read' } = {}): Answer => {
    const text = fixture(kind, name)
      .replaceAll('"read"', JSON.stringify(as))
      .replaceAll('call_a', random.pick(['call_a', 'call:ä/1']))
    return (response) => {
      response.writeHead(200, { 'content-type': contentType })
      response.end(cut ? text.slice(0, random.below(text.length)) : text)
    }
  }
  const malformed = kind === 'gemini' || kind === 'ollama' ? 'no-ids.txt' : random.pick(['malformed.txt', 'cut.txt'])
  const roll = random.next()
  if (roll < 0.45) return plays('calls.txt')
  if (roll < 0.5) return plays('calls.txt', { as: random.pick(['', 'reäd it', 'x'.repeat(80)]) })
  if (roll < 0.6) return plays('no-ids.txt')
  if (roll < 0.7) return plays(malformed)
  if (roll < 0.8) return plays('speak.txt')
  if (roll < 0.86) return plays(random.pick(['calls.txt', 'speak.txt', 'bad-json.txt']), { cut: true })
  if (roll < 0.9) return plays('error.txt')
  return status(random.chance(0.5) ? 500 : 400, fixture(kind, 'overflow.json'))
}

async function openScene(seed: number): Promise<Scene & { host(): void; close(): Promise<void> }> {
  const random = new Random(seed)
  const root = await realpath(await mkdtemp(join(tmpdir(), 'validity-')))
  const workspace = join(root, 'project')
  await mkdir(join(workspace, '.git'), { recursive: true })
  for (const name of ['a', 'b']) await writeFile(join(workspace, name), `some words of ${name}\n`.repeat(200))
  await writeFile(join(workspace, 'AGENTS.md'), 'Be brief.')
  const memory = new MemoryJournal(systemClock)
  const scene = { random, faults: [] as string[], seen: {} as Record<string, number>, sessionId: '' } as Scene
  const { url } = await startRawServer(async (response, request) => {
    const kind = request.path.split('/')[2] ?? ''
    if (request.path.endsWith('/api/show')) return status(200, fixture(kind, 'show.json'))(response, request)
    const fault = strictFaults[kind]?.(JSON.parse(request.body) as Record<string, unknown>)
    count(scene, kind)
    if (fault) scene.faults.push(`seed ${seed}, ${kind}: ${fault}`)
    if (scene.journal.dead) return status(500, '')(response, request)
    if (random.chance(0.15)) await scene.runtime.steer?.(scene.sessionId, `word ${random.below(99)}`)
    if (random.chance(0.05)) await scene.runtime.pause?.(scene.sessionId)
    if (random.chance(0.05)) await scene.runtime.compact?.(scene.sessionId)
    if (random.chance(0.06)) scene.journal.dead = true
    return answerOf(kind, scene)(response, request)
  })
  const host = () => {
    scene.journal = new MortalJournal(memory)
    scene.runtime = createBuiltin({
      journal: scene.journal,
      providers: kinds.map((kind) =>
        sourceOf({ name: kind, kind, base_url: `${url}/${kind}`, context_tokens: 6_000, retries: 0 }),
      ),
      defaultModel: null,
      clock: systemClock,
      env: childEnvironment(process.env),
      outputRoot: join(root, 'outputs'),
      owner: `validity-${process.pid}-${seed}`,
      profiles: [{ name: 'build', prompt: 'x', tools: ['read'], stepsMax: 8 }],
      log: () => count(scene, 'killed'),
    })
  }
  host()
  const request = { taskId: 't1', title: 'A task', workspace, agent: null, model: null, session: null }
  const opened = await scene.runtime.open(request)
  scene.sessionId = opened.ok ? opened.value.sessionId : ''
  const close = async () => {
    await scene.runtime.close()
    for (const { entry } of memory.entries(scene.sessionId)) count(scene, entry.type)
    await rm(root, { recursive: true })
  }
  return Object.assign(scene, { host, close })
}

async function play(seed: number): Promise<Scene> {
  const scene = await openScene(seed)
  const { random, sessionId } = scene
  let prompt = 1
  for (let round = 0; round < 12; round++) {
    scene.journal.model = `${random.pick(kinds)}/model-1`
    await scene.runtime.prompt({ sessionId, promptId: `p${prompt}`, text: `go ${prompt}`, limits })
    const { state } = await lookUntil(scene.runtime, sessionId, rested, 10_000)
    if (scene.journal.dead) {
      await scene.runtime.close()
      scene.host()
    } else if (state.kind === 'waiting') await scene.runtime.resume?.(sessionId)
    if (state.kind === 'idle' || random.chance(0.2)) prompt += 1
  }
  await scene.close()
  return scene
}

describe('the history of a session', () => {
  it('is judged: a call without a result is a fault in each protocol', () => {
    const { openai, anthropic, gemini, ollama, 'openai-responses': responses } = strictFaults
    const called = { name: 'read', arguments: '{}' }
    const user = { role: 'user', content: 'go' }
    const chat = [
      user,
      { role: 'assistant', content: null, tool_calls: [{ id: 'c', type: 'function', function: called }] },
    ]
    expect(openai?.({ model: 'm', messages: chat })).toContain('no result')
    expect(ollama?.({ messages: chat })).toContain('not for the model')
    expect(responses?.({ input: [user, { type: 'function_call', call_id: 'c', ...called }] })).toContain('no output')
    const use = { role: 'assistant', content: [{ type: 'tool_use', id: 'c', name: 'read' }] }
    const turn = { role: 'user', content: [{ type: 'text', text: 'go' }] }
    expect(anthropic?.({ messages: [turn, use, turn] })).toContain('do not fit')
    const parts = [{ text: 'go' }]
    const model = { role: 'model', parts: [{ functionCall: { name: 'read' } }] }
    expect(gemini?.({ contents: [{ role: 'user', parts }, model, { role: 'user', parts }] })).toContain('do not fit')
  })

  it('is well-formed in each protocol whatever models send, people do and kills leave behind', async () => {
    const seen: Record<string, number> = {}
    for (let seed = 1; seed <= 25; seed++) {
      const scene = await play(seed)
      expect(scene.faults).toEqual([])
      for (const [what, times] of Object.entries(scene.seen)) seen[what] = (seen[what] ?? 0) + times
    }
    for (const kind of kinds) expect([kind, (seen[kind] ?? 0) > 50]).toEqual([kind, true])
    for (const what of ['killed', 'steered', 'paused', 'resumed', 'compacted', 'elided', 'note']) {
      expect([what, (seen[what] ?? 0) > 5]).toEqual([what, true])
    }
  }, 60_000)
})
