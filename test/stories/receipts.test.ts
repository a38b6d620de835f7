/** Verdicts leave receipts that hold anywhere: a real daemon, real repositories, and the verbs that check them. */
import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { rotateKey, showKey } from '../../src/cli/key.ts'
import type { Shell } from '../../src/cli/program.ts'
import { receipts } from '../../src/cli/receipts.ts'
import { verifyLog } from '../../src/cli/verify-log.ts'
import { verifyReceipt } from '../../src/cli/verify-receipt.ts'
import { ProblemError } from '../../src/core/problem.ts'
import { type Statement, statementSchema } from '../../src/core/receipt.ts'
import { digestOf, type Envelope } from '../../src/lib/dsse.ts'
import type { ScriptInput } from '../../src/sample/script.ts'
import type { ReceiptList, ReceiptPage } from '../../src/server/api.ts'
import { type Story, tell } from '../fakes/story.ts'

const write = (path: string, content: string) => ({
  tool_calls: [{ name: 'write', arguments: { file_path: path, content } }],
})
const script: ScriptInput = {
  replies: [{ text: 'Done.' }, write('hello.txt', 'hello\n'), { text: 'Now it is.' }],
  at_end: 'repeat',
}

let out = ''
let told = ''
beforeEach(() => {
  out = ''
  told = ''
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    out += String(text)
    return true
  })
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    told += String(text)
    return true
  })
})
afterEach(() => vi.restoreAllMocks())

const shellOf = ({ folder }: Story, data = 'data'): Shell => ({
  cwd: folder,
  env: { HOME: folder, PATH: process.env.PATH, OPENLOOM_DATA_DIR: join(folder, data), OPENLOOM_SAMPLE: 'off' },
})
const git = (cwd: string, ...args: string[]): string => {
  const identity = ['-c', 'user.name=Ada', '-c', 'user.email=ada@localhost']
  return execFileSync('git', [...identity, ...args], { cwd, encoding: 'utf8' }).trim()
}

function repository(story: Story, name = 'work'): string {
  const workspace = story.workspace(name)
  git(workspace, 'init', '-q')
  writeFileSync(join(workspace, 'kept.txt'), 'kept\n')
  git(workspace, 'add', '-A')
  git(workspace, 'commit', '-qm', 'base')
  return workspace
}

async function add(story: Story, workspace: string, more: Record<string, unknown> = {}): Promise<string> {
  const checks = [
    { kind: 'file_exists', path: 'hello.txt' },
    { kind: 'command', run: 'echo --password hunter2secret; exit 0' },
  ]
  const body = { title: 'A very private title', goal: 'Write hello.txt.', workspace, checks, ...more }
  const answer = await story.call('POST', '/api/tasks', body)
  expect(answer.status).toBe(201)
  return ((await answer.json()) as { id: string }).id
}

const envelope = async (story: Story, seq: number): Promise<Envelope> =>
  (await (await story.call('GET', `/api/receipts/${seq}`)).json()) as Envelope
const statement = (one: Envelope): Statement =>
  statementSchema.parse(JSON.parse(Buffer.from(one.payload, 'base64').toString()))

describe('each verdict', () => {
  it('yields a receipt: who, what, on which files, chained to the one before', async () => {
    const story = await tell({ script })
    const workspace = repository(story)
    const id = await add(story, workspace)
    const { attempts, receipts: items } = await story.reaches('done', id)
    expect(items.map(({ seq, attempt }) => [seq, attempt])).toEqual([
      [1, 1],
      [2, 2],
    ])
    const [first, second] = [await envelope(story, 1), await envelope(story, 2)]
    expect(items.map(({ digest }) => digest)).toEqual([digestOf(first), digestOf(second)])
    const { subject, predicate } = statement(second)
    const facts = predicate.openloom
    const head = git(workspace, 'rev-parse', 'HEAD')
    git(workspace, 'add', '-A')
    git(workspace, 'commit', '-qm', 'after')
    expect(subject).toEqual([{ name: 'workspace', digest: { gitTree: git(workspace, 'rev-parse', 'HEAD^{tree}') } }])
    expect(facts).toMatchObject({ seq: 2, prev: digestOf(first), verdict: 'verified', task: { id, attempt: 2 } })
    expect(facts.workspace).toMatchObject({ baseCommit: head, headCommit: head, treeMissing: null })
    expect([predicate.result, predicate.failedTests]).toEqual(['PASSED', []])
    expect(statement(first).predicate).toMatchObject({ result: 'FAILED', failedTests: ['file: hello.txt'] })
    expect(facts.checks.map(({ outputSha256 }) => outputSha256)).toEqual(
      attempts[1]?.checks.map(({ evidence }) => evidence.sha256),
    )
    expect([facts.runtime, facts.models]).toEqual(['builtin', ['env/scripted-model']])
    const list = (await (await story.call('GET', `/api/tasks/${id}/receipts`)).json()) as ReceiptList
    expect(list.items).toEqual(items)
    expect((await story.call('GET', '/api/receipts/9')).status).toBe(404)
  })

  it('keeps what is private out of it: title, goal, secrets, output, paths of the machine', async () => {
    const story = await tell({ script })
    const workspace = repository(story)
    await story.reaches('done', await add(story, workspace))
    const text = Buffer.from((await envelope(story, 2)).payload, 'base64').toString()
    for (const secret of ['private title', 'Write hello', 'hunter2secret', workspace, 'hello\\n', 'Now it is']) {
      expect(text).not.toContain(secret)
    }
  })

  it('leaves index, references, stashes and files of the user as they were', async () => {
    const story = await tell({ script: { replies: [{ text: 'Done.' }] } })
    const workspace = repository(story)
    writeFileSync(join(workspace, 'kept.txt'), 'stashed\n')
    git(workspace, 'stash')
    writeFileSync(join(workspace, 'hello.txt'), 'mine\n')
    writeFileSync(join(workspace, 'staged.txt'), 'staged\n')
    git(workspace, 'add', 'staged.txt')
    const before = execFileSync('bash', ['-c', 'find . -type f | sort | xargs sha256sum'], { cwd: workspace })
    await story.reaches('done', await add(story, workspace))
    expect(execFileSync('bash', ['-c', 'find . -type f | sort | xargs sha256sum'], { cwd: workspace })).toEqual(before)
  })

  it('has one without git, and one that says why when the files could not be named', async () => {
    const story = await tell({ script })
    const plain = story.workspace('plain')
    await story.reaches('done', await add(story, plain))
    const { workspace } = statement(await envelope(story, 2)).predicate.openloom
    expect(workspace).toMatchObject({ baseCommit: null, headCommit: null, tree: { listing: 'folder', entries: 1 } })
    const odd = repository(story, 'odd')
    git(odd, 'config', 'core.worktree', plain)
    await story.reaches('done', await add(story, odd, { checks: [] }))
    const { subject, predicate } = statement(await envelope(story, 3))
    expect(predicate.openloom.workspace).toMatchObject({
      tree: null,
      treeMissing: 'git takes another folder for the work tree',
    })
    expect(subject[0]?.name).toMatch(/^task t_/)
    expect(predicate.result).toBe('FAILED')
  })

  it('is reached without a key too: an alarm, and the next one is signed again', async () => {
    const story = await tell({ script })
    const [key] = story.daemon.store.receipts.after(0, 1)
    expect(key).toBeUndefined()
    const keys = join(story.folder, 'data', 'keys')
    cpSync(keys, join(story.folder, 'saved'), { recursive: true })
    rmSync(keys, { recursive: true })
    const id = await add(story, story.workspace('a'))
    expect((await story.reaches('done', id)).receipts).toEqual([])
    const state = (await (await story.call('GET', '/api/state')).json()) as { alarms: { code: string }[] }
    expect(state.alarms.map(({ code }) => code)).toContain('receipts')
    cpSync(join(story.folder, 'saved'), keys, { recursive: true })
    const next = await story.reaches('done', await add(story, story.workspace('b'), { checks: [] }))
    expect(next.receipts.map(({ seq }) => seq)).toEqual([1])
    await vi.waitFor(async () => {
      const now = (await (await story.call('GET', '/api/state')).json()) as typeof state
      expect(now.alarms).toEqual([])
    })
  })

  it('of many tasks at a time stands in one whole chain, and the log holds', async () => {
    const story = await tell({ script: { replies: [{ text: 'Done.' }], at_end: 'repeat' } })
    const ids = await Promise.all([1, 2, 3, 4, 5, 6].map((n) => add(story, repository(story, `w${n}`), { checks: [] })))
    for (const id of ids) await story.reaches('done', id)
    const shell = shellOf(story)
    expect(await receipts(undefined, { export: 'all.json' }, shell)).toBe(0)
    expect(await verifyReceipt('all.json', {}, shell)).toBe(0)
    expect(await verifyLog({}, shell)).toBe(0)
    expect(out).toMatch(/6 receipts/)
  })
})

describe('a receipt that was taken along', () => {
  let story: Story
  let workspace: string
  beforeEach(async () => {
    story = await tell({ script })
    workspace = repository(story)
    await story.reaches('done', await add(story, workspace))
    await receipts(undefined, { export: 'chain.json' }, shellOf(story))
    out = ''
    await showKey({}, shellOf(story))
    writeFileSync(join(story.folder, 'key.pem'), out)
    out = ''
  })
  const elsewhere = () => shellOf(story, 'nothing-here')
  const verify = async (options = {}, file = 'chain.json'): Promise<[number, string]> => {
    out = ''
    const code = await verifyReceipt(file, options, elsewhere())
    return [code, out]
  }

  it('is checked on another machine, with the key, against a clone of the work', async () => {
    git(workspace, 'add', '-A')
    git(workspace, 'commit', '-qm', 'the work')
    git(story.folder, 'clone', '-q', workspace, 'clone')
    const [code, text] = await verify({ key: 'key.pem', workspace: 'clone' })
    expect([code, text]).toEqual([0, expect.stringContaining('the files are the same')])
    expect(text).toMatch(/2 {2}verified {2}t_\w+ attempt 2 .* key [0-9a-f]{16}/)
    const json = await verify({ key: 'key.pem', workspace: 'clone', json: true })
    expect(JSON.parse(json[1])).toMatchObject({ ok: true, faults: [], receipts: [{ seq: 1 }, { seq: 2 }] })
  })

  it('does not fit a workspace that went on: tree, commit and file are named', async () => {
    expect((await verify({ key: 'key.pem', workspace }))[0]).toBe(0)
    writeFileSync(join(workspace, 'hello.txt'), 'other\n')
    git(workspace, 'commit', '-qm', 'on', '--allow-empty')
    const [code, text] = await verify({ key: 'key.pem', workspace })
    expect(code).toBe(1)
    expect(text).toContain('The files are not those of receipt 2')
    expect(text).toContain('The folder stands on commit')
    expect(text).toContain('hello.txt is not the file that the check "file: hello.txt" read.')
  })

  it('alone wants a key, and takes that of its own installation', async () => {
    writeFileSync(join(story.folder, 'one.json'), JSON.stringify(await envelope(story, 2)))
    const refused = await verifyReceipt('one.json', {}, elsewhere()).catch((error: unknown) => error)
    expect(refused).toBeInstanceOf(ProblemError)
    expect((await verify({ key: 'key.pem' }, 'one.json'))[0]).toBe(0)
    expect(await verifyReceipt('one.json', {}, shellOf(story))).toBe(0)
    expect(out).toContain('Checked with the keys of this installation.')
  })

  it('still holds after the key was rotated, under the old key and the new one', async () => {
    await rotateKey({}, shellOf(story))
    expect(told).toContain('former key')
    await story.reaches('done', await add(story, story.workspace('more'), { checks: [] }))
    await receipts(undefined, { export: 'chain.json' }, shellOf(story))
    out = ''
    await showKey({ json: true }, shellOf(story))
    const { publicKey, former } = JSON.parse(out) as { publicKey: string; former: unknown[] }
    expect(former).toHaveLength(1)
    writeFileSync(join(story.folder, 'new.pem'), publicKey)
    expect((await verify({ key: 'key.pem' }))[0]).toBe(0)
    expect((await verify({ key: 'new.pem' }))[0]).toBe(0)
    expect(await verifyLog({}, shellOf(story))).toBe(0)
  })

  it('that lost a link or was changed is named, and the file of one task passes', async () => {
    const page = (await (await story.call('GET', '/api/receipts')).json()) as ReceiptPage
    await story.reaches('done', await add(story, story.workspace('more'), { checks: [] }))
    await receipts(undefined, { export: 'chain.json' }, shellOf(story))
    const bundle = JSON.parse(readFileSync(join(story.folder, 'chain.json'), 'utf8')) as { envelopes: Envelope[] }
    bundle.envelopes.splice(1, 1)
    writeFileSync(join(story.folder, 'gap.json'), JSON.stringify(bundle))
    expect(await verify({ key: 'key.pem' }, 'gap.json')).toEqual([
      1,
      expect.stringContaining('Receipt 2 is missing between 1 and 3.'),
    ])
    expect(await receipts(page.items[0]?.taskId, { export: 'task.json' }, shellOf(story))).toBe(0)
    expect((await verify({ key: 'key.pem' }, 'task.json'))[0]).toBe(0)
  })

  it.each([
    ['a missing file', 'none.json', {}],
    ['a missing workspace', 'chain.json', { workspace: 'none' }],
    ['a private key', 'chain.json', { key: 'private.pem' }],
  ])('is refused as wrong use with %s', async (_, file, options) => {
    writeFileSync(join(story.folder, 'private.pem'), '-----BEGIN PRIVATE KEY-----\nMC4=\n-----END PRIVATE KEY-----\n')
    expect(existsSync(join(story.folder, 'chain.json'))).toBe(true)
    await expect(verifyReceipt(file, options, elsewhere())).rejects.toBeInstanceOf(ProblemError)
  })
})
