import { describe, expect, it, onTestFinished } from 'vitest'
import { openStore } from '../../src/store/open.ts'
import { HandClock } from '../fakes/clock.ts'

const spec = { kind: 'command', run: 'npm test', retries: 2 }
const day = 24 * 3600 * 1000

function open() {
  const clock = new HandClock()
  const store = openStore({ path: ':memory:', clock })
  onTestFinished(() => store.close())
  const saw = (workspace: string, flaky: boolean) =>
    store.ledger.transact(() => store.flakes.saw(workspace, spec, { title: 'run: npm test', flaky }))
  return { clock, store, flakes: store.flakes, saw }
}

describe('the ledger of flakes', () => {
  it('counts looks and those that differed, for each folder by itself', () => {
    const { flakes, saw, clock } = open()
    for (const flaky of [false, true, false, false]) saw('/a', flaky)
    saw('/b', false)
    const [first, second] = flakes.list()
    expect(first).toMatchObject({ workspace: '/a', looks: 4, flaky: 1, rate: 0.25, flakyAt: clock.now() })
    expect(second).toMatchObject({ workspace: '/b', looks: 1, flaky: 0, rate: 0, flakyAt: null, quarantine: null })
    expect(first?.id).not.toBe(second?.id)
  })

  it('finds a check by the start of its id', () => {
    const { flakes, saw } = open()
    saw('/a', true)
    const id = flakes.list()[0]?.id ?? ''
    expect(flakes.find(id.slice(0, 4)).map((one) => one.id)).toEqual([id])
    expect([flakes.find(''), flakes.find('zz'), flakes.find(`${id}0`)]).toEqual([[], [], []])
  })

  it('holds a quarantine until its day, for that check in that folder only', async () => {
    const { flakes, saw, clock, store } = open()
    saw('/a', true)
    saw('/b', true)
    const quarantine = { owner: 'Ada', until: clock.now() + 2 * day, why: 'the network' }
    const [flake] = flakes.list().filter((one) => one.workspace === '/a')
    if (!flake) throw new Error('there is none')
    flakes.quarantine(flake, quarantine)
    expect(flakes.quarantineOf('/a', spec)).toEqual(quarantine)
    expect(flakes.quarantineOf('/b', spec)).toBeNull()
    expect(flakes.quarantineOf('/a', { ...spec, run: 'npm run other' })).toBeNull()
    await clock.advance(2 * day)
    expect(flakes.quarantineOf('/a', spec)).toBeNull()
    expect(store.events.after(0, 10).map((event) => event.type)).toEqual(['check.quarantined'])
  })

  it('lets it count again when a person says so', () => {
    const { flakes, saw, clock } = open()
    saw('/a', true)
    const [flake] = flakes.list()
    if (!flake) throw new Error('there is none')
    flakes.quarantine(flake, { owner: 'Ada', until: clock.now() + day, why: '' })
    flakes.release(flake)
    expect(flakes.quarantineOf('/a', spec)).toBeNull()
  })
})
