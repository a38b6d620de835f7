/** The event log in hostile hands: what was changed, removed, moved or begun anew is found at its first row. */
import { createPublicKey, type KeyObject } from 'node:crypto'
import Database from 'better-sqlite3'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { signEnvelope } from '../../src/lib/dsse.ts'
import {
  beginningPayload,
  beginningText,
  checkLog,
  genesis,
  hashOf,
  type LogHead,
  type LogReport,
} from '../../src/store/log-chain.ts'
import { openStore } from '../../src/store/open.ts'
import { HandClock } from '../fakes/clock.ts'
import { SigningHouse } from '../fakes/receipts.ts'
import { taskFrom } from '../fakes/tasks.ts'

let house: SigningHouse
beforeEach(async () => {
  house = new SigningHouse()
  await house.keyring.open()
})
afterEach(() => house.close())

const keys = (): KeyObject[] => house.keyring.keys().map(({ publicKey }) => createPublicKey(publicKey))
const check = (): LogReport => checkLog(house.path, { keys: keys() })
const note = (count: number): void => {
  for (let n = 0; n < count; n++) house.store.ledger.note({ type: 'inbox.noticed', data: { text: `"${n}" ä` } })
}
function tamper(...statements: string[]): void {
  const sqlite = new Database(house.path)
  for (const statement of statements) sqlite.exec(statement)
  sqlite.close()
}

describe('the log', () => {
  it('is whole after ordinary work, reopened and empty too', () => {
    expect(check()).toEqual({ checked: 0, older: 0, receipts: 0, head: null, beginning: null, fault: null })
    house.store.tasks.accept(taskFrom())
    note(3)
    house.issue()
    const again = openStore({ path: house.path, clock: new HandClock() })
    again.ledger.note({ type: 'inbox.noticed', data: { text: 'by another process' } })
    note(1)
    again.close()
    expect(check()).toMatchObject({ checked: 7, older: 0, receipts: 1, fault: null, head: { seq: 7 } })
  })

  it('shows an event to readers without its place in the chain, and as it was told', () => {
    note(1)
    const [event] = house.store.events.after(0, 10)
    expect(event).toEqual({
      ...{ seq: 1, at: house.clock.now(), machine: 'local', type: 'inbox.noticed' },
      ...{ taskId: null, sessionId: null, data: { text: '"0" ä' } },
    })
    expect(house.store.outbox.event(1)?.event).toEqual(event)
    expect(house.store.events.last(1)).toEqual([event])
  })

  it('has no hole where a transaction was undone', () => {
    note(1)
    const undone = () =>
      house.store.ledger.transact(() => {
        house.store.ledger.emit({ type: 'inbox.noticed', data: {} })
        throw new Error('undone')
      })
    expect(undone).toThrow('undone')
    note(1)
    expect(check()).toMatchObject({ checked: 2, fault: null })
  })

  it.each([
    ['changed', 'update events set data = \'{"text":"no"}\' where seq = 5', 5, 'changed'],
    ['given to another task', "update events set task_id = 't_x' where seq = 5", 5, 'changed'],
    ['given another time', 'update events set at = at + 1 where seq = 5', 5, 'changed'],
    ['removed', 'delete from events where seq = 5', 5, 'missing'],
    ['removed at the beginning', 'delete from events where seq <= 2', 1, 'missing'],
    ['removed at the end', 'delete from events where seq = 9', 9, 'missing'],
    ['without its hash', 'update events set hash = null where seq = 5', 5, 'unchained'],
    ['without its hash at the beginning', 'update events set hash = null where seq <= 2', 3, 'changed'],
    [
      'moved',
      [
        'update events set seq = 100 where seq = 5',
        'update events set seq = 5 where seq = 6',
        'update events set seq = 6 where seq = 100',
      ].join('; '),
      5,
      'moved',
    ],
  ])('names the first event that was %s', (_, statement, seq, kind) => {
    note(9)
    tamper(...statement.split('; '))
    expect(check()).toMatchObject({ fault: { seq, kind } })
  })

  it('leaves a hole behind what was removed at the end, also when it goes on', () => {
    note(3)
    tamper('delete from events where seq = 3')
    note(1)
    expect(check()).toMatchObject({ fault: { seq: 3, kind: 'missing' } })
  })

  it('written anew from a point on contradicts the receipts that signed its head', () => {
    note(2)
    house.issue()
    note(2)
    const sqlite = new Database(house.path)
    type Row = Parameters<typeof hashOf>[1]
    const columns = 'seq, at, machine, type, task_id as taskId, session_id as sessionId, data'
    let before = genesis
    for (const row of sqlite.prepare<[], Row>(`select ${columns} from events order by seq`).all()) {
      const data = row.seq === 2 ? '{"text":"forged"}' : row.data
      before = hashOf(before, { ...row, data })
      sqlite.prepare('update events set data = ?, hash = ? where seq = ?').run(data, before, row.seq)
    }
    sqlite.close()
    expect(check()).toMatchObject({ fault: { seq: 2, kind: 'contradicts-receipt' } })
  })

  it.each([
    ['taken out', 'delete from receipts where seq = 2'],
    [
      'put in place of another',
      'update receipts set envelope = (select envelope from receipts where seq = 1) where seq = 2',
    ],
    ['forged', 'update receipts set envelope = replace(envelope, \'"sig":"\', \'"sig":"AAAA\') where seq = 2'],
  ])('does not pass with a receipt %s', (_, statement) => {
    for (let n = 0; n < 3; n++) house.issue()
    expect(check().fault).toBeNull()
    tamper(statement)
    expect(check().fault?.kind).toBe('receipt')
  })

  it('with rows older than the chain says how many it does not cover', () => {
    note(4)
    tamper('update events set hash = null', 'update sqlite_sequence set seq = 4')
    note(2)
    expect(check()).toMatchObject({ checked: 2, older: 4, fault: null })
  })

  it('of half a million events is read in a few seconds', () => {
    const sqlite = new Database(house.path)
    const insert = sqlite.prepare('insert into events values (?, ?, ?, ?, ?, ?, ?, ?)')
    let before = genesis
    const data = JSON.stringify({ text: 'x'.repeat(300) })
    const writing = performance.now()
    sqlite.transaction(() => {
      for (let seq = 1; seq <= 500_000; seq++) {
        const row = { seq, at: seq, machine: 'local', type: 'inbox.noticed', taskId: null, sessionId: null, data }
        before = hashOf(before, row)
        insert.run(seq, seq, 'local', 'inbox.noticed', null, null, data, before)
      }
    })()
    sqlite.close()
    const begun = performance.now()
    expect(check()).toMatchObject({ checked: 500_000, fault: null, head: { hash: before } })
    // A machine that writes them slowly may read them so.
    expect(performance.now() - begun).toBeLessThan(Math.max(15_000, 3 * (begun - writing)))
  }, 600_000)
})

describe('DU-5 a log whose oldest part was let go of', () => {
  const sign = (beginning: LogHead) =>
    signEnvelope(beginningPayload, beginningText(beginning), [house.keyring.signer()])
  const trim = (keep: number, sinks: string[] = []) =>
    house.store.logTrim.trim({ before: 0, keep, least: 1, sinks, sign })

  it('still proves what is left, and says where it begins, again and again', () => {
    note(10)
    house.issue()
    const seventh = house.store.events.after(6, 1)
    expect(trim(5)).toEqual({ removed: 6, fault: null })
    expect(check()).toMatchObject({ checked: 6, receipts: 1, beginning: { seq: 6 }, fault: null })
    expect(house.store.events.after(0, 1)).toEqual(seventh)
    note(3)
    expect(trim(4).removed).toBe(5)
    expect(check()).toMatchObject({ checked: 5, beginning: { seq: 11 }, head: { seq: 16 }, fault: null })
    expect(house.store.events.before(1e9, { limit: 50 })).toMatchObject({ next: null, items: { length: 5 } })
    tamper('delete from events where seq = 12')
    expect(check().fault).toMatchObject({ seq: 12, kind: 'missing' })
  })

  it.each([
    ['begins where nobody signed', 'update events set data = replace(data, \'"seq":6\', \'"seq":7\') where seq = 12'],
    [
      'was signed by somebody else',
      'update events set data = replace(data, \'"sig":"\', \'"sig":"AAAA\') where seq = 12',
    ],
  ])('does not pass when it %s', (_, statement) => {
    note(11)
    expect(trim(5).removed).toBe(6)
    expect(check().fault).toBeNull()
    tamper(statement)
    expect(check().fault).toMatchObject({ seq: 12, kind: 'beginning' })
  })

  it('keeps what was tampered with, what a task that is open did, and what a sink has not delivered', () => {
    note(3)
    house.store.outbox.setCursor('phone', 3)
    house.store.ledger.note({ type: 'tool.started', data: {} })
    house.store.ledger.note({ type: 'alarm.raised', data: { text: 'not told yet' } })
    note(5)
    expect(trim(1, ['phone']).removed).toBe(4)
    house.store.outbox.defer({ sink: 'phone', seq: 5, attempts: 1, dueAt: 1, problem: 'busy' })
    expect(trim(1, ['phone']).removed).toBe(0)
    house.store.outbox.settle('phone', 5)
    house.store.outbox.setCursor('phone', 11)
    const created = house.store.ledger.head() + 1
    house.store.tasks.accept(taskFrom())
    note(5)
    trim(1, ['phone'])
    expect(house.store.events.first()).toBe(created)
    tamper("update tasks set status = 'done'", `update events set data = '{}' where seq = ${created + 1}`)
    expect(trim(1)).toEqual({ removed: 0, fault: expect.stringContaining(`Event ${created + 1} does not fit`) })
  })
})
