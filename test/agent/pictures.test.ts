import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { expect, it } from 'vitest'
import { agentWorld } from '../fakes/agent-world.ts'
import { toolWorld } from '../fakes/tool-world.ts'

const png = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
)
const reading = { tool_calls: [{ name: 'read', arguments: { file_path: 'dot.png' } }] }

async function reads(images: boolean, replies: object[] = [reading, { text: 'done' }]) {
  const sent: unknown[] = []
  const debug = { record: (_: string, said: object) => sent.push(said) }
  const world = await agentWorld(replies as Parameters<typeof agentWorld>[0], { provider: { images }, debug })
  await writeFile(world.path('dot.png'), png)
  await world.run('look')
  const copy = () => {
    const ended = world.entries().find((entry) => entry.type === 'tool.ended')
    return String((ended?.facts.picture as { file: string } | undefined)?.file)
  }
  return Object.assign(world, { copy, sent: () => JSON.stringify(sent) })
}

it('TL-1 a picture goes to a model that sees pictures, as it was when it was read', async () => {
  const world = await reads(true, [reading, reading, { text: 'done' }])
  expect(world.sent()).toContain(JSON.stringify({ mediaType: 'image/png', base64: png.toString('base64') }))
  expect(world.requests.at(-1)?.body?.messages.at(-1)?.content).toContain('Images of the call')
  expect(world.outputs()[0]).toContain('It is shown with this result.')
  expect(await readFile(world.copy())).toEqual(png)
  expect(dirname(world.copy())).not.toContain(world.workspace)
})

it('TL-1 a model that sees none is told so', async () => {
  const world = await reads(false)
  expect(world.outputs()[0]).toContain('this model sees no pictures')
  expect(world.sent()).not.toContain('base64')
})

it('TL-1 a picture whose copy is gone is no reason to end the run', async () => {
  const world = await reads(true)
  await rm(dirname(world.copy()), { recursive: true })
  await world.prompt('again', { promptId: 'p2' })
  await world.over()
  expect(world.messages().find(({ role }) => role === 'tool')?.content).toContain('[not shown any more]')
})

it('TL-1 what is too large or no picture is refused', async () => {
  const world = await toolWorld()
  world.context.seesImages = true
  await mkdir(world.context.outputDir, { recursive: true })
  await world.put('large.png', Buffer.concat([png, Buffer.alloc(4_000_000)]))
  expect((await world.use('read', { file_path: 'large.png' })).output).toContain('up to 3750000 bytes')
  await world.put('fake.png', Uint8Array.from([1, 0, 2]))
  expect((await world.use('read', { file_path: 'fake.png' })).output).toContain('binary file')
  for (const [name, start] of Object.entries({
    jpg: 'ffd8ffe000',
    gif: '47494638396100',
    webp: '524946460000000057454250',
  })) {
    await world.put(`a.${name}`, Buffer.concat([Buffer.from(start, 'hex'), Buffer.alloc(20)]))
    const { facts } = await world.use('read', { file_path: join('.', `a.${name}`) })
    expect(facts?.picture).toMatchObject({ file: expect.stringMatching(new RegExp(`${name}$`)) })
  }
})
