/** What is found in sessions, in scripts with spaces and without, after it was taken back and after an update. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { describe, expect, it, onTestFinished } from 'vitest'
import { systemClock } from '../../src/core/clock.ts'
import type { JournalEntry } from '../../src/core/session.ts'
import { migrationsDir } from '../../src/lib/paths.ts'
import type { TextHit } from '../../src/store/journal-search.ts'
import { openStore, type Store } from '../../src/store/open.ts'

function storeAt(path = ':memory:'): Store {
  const store = openStore({ path, clock: systemClock })
  onTestFinished(() => store.close())
  return store
}

function begin({ sessions }: Store, id: string, title = 'A talk'): void {
  const record = { runtime: 'builtin', workspace: '/', taskId: null, agent: null, model: null, createdAt: 0 }
  sessions.createSession({ ...record, id, title })
}

const prompt = (promptId: string, text: string): JournalEntry => ({ type: 'prompt', promptId, text })
const answer = (text: string): JournalEntry => {
  return { type: 'assistant', runId: 'r', text, reasoning: '', calls: [], finish: 'stop' }
}
const marked = ({ pieces }: TextHit): string[] => pieces.filter(({ found }) => found).map(({ text }) => text)
const find = (store: Store, query: string) => store.search.find(query, 10).hits

describe('SU-1 search in sessions', () => {
  it.each([
    ['请把每个地区的价格表更新一下', '价格', ['价格']],
    ['请把每个地区的价格表更新一下', '价格表 更新', ['价格表', '更新']],
    ['请把每个地区的价格表更新一下', '表', ['表']],
    ['設定ファイルを読み込んでください', 'ファイル', ['ファイル']],
    ['設定ファイルを読み込んでください', '読み', ['読み']],
    ['サーバーが落ちた', 'サーバー', ['サーバー']],
    ['파일에서 가격을 읽어라', '가격 파일', ['파일', '가격']],
    ['อ่านไฟล์นี้ก่อน', 'ก่อน', ['ก่อน']],
    ['use价格table here', 'table', ['table']],
    ['the price table', 'table pri', ['price', 'table']],
    ['the price table', 'rice', []],
    ['a go file', 'go', ['go']],
  ])('of %s finds %s', (text, query, found) => {
    const store = storeAt()
    begin(store, 's_1')
    store.sessions.append('s_1', prompt('p1', text), prompt('p2', '价 a 格 an 무 tab'))
    const hits = find(store, query)
    expect(hits.flatMap(marked)).toEqual(found)
    for (const { pieces } of hits) expect(pieces.map((piece) => piece.text).join('')).toBe(text)
  })

  it('leaves out what was taken back, before and after it was found, and nothing else', () => {
    const store = storeAt()
    for (const id of ['s_1', 's_2']) begin(store, id)
    const places = () => find(store, 'heron').map(({ sessionId, seq }) => [sessionId, seq])
    store.sessions.append('s_1', prompt('p1', 'a heron'), answer('one heron'), prompt('p2', 'second heron'))
    store.sessions.append('s_2', prompt('p2', 'another heron'))
    expect(places()).toHaveLength(4)
    store.sessions.append('s_1', answer('a heron more'), { type: 'undone', promptId: 'p2' })
    const left = [
      ['s_1', 1],
      ['s_1', 2],
      ['s_2', 4],
    ]
    for (const _ of [1, 2]) expect(places().sort()).toEqual(left)
    store.sessions.append('s_1', prompt('p3', 'the third heron'))
    expect(places()).toHaveLength(4)
    store.sessions.append('s_1', { type: 'undone', promptId: 'p1' })
    expect(places()).toEqual([['s_2', 4]])
  })

  it('finds titles by words in any order, of sessions in which nothing was said', () => {
    const store = storeAt()
    begin(store, 's_1', 'Prices per region')
    begin(store, 's_2', '地区价格表')
    const titled = (query: string) => store.search.titled(query, 10).map(({ id }) => id)
    expect([titled('region pri'), titled('价格'), titled('per%'), titled('"'), titled('')]).toEqual([
      ['s_1'],
      ['s_2'],
      [],
      [],
      [],
    ])
  })

  it('finds in a database of before what was there, without what was taken back', () => {
    const folder = mkdtempSync(join(tmpdir(), 'loom-search-'))
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
    const path = join(folder, 'openloom.db')
    const old = openStore({ path, clock: systemClock })
    begin(old, 's_1')
    old.sessions.append('s_1', prompt('p1', '更新价格表'), prompt('p2', 'a heron'), { type: 'undone', promptId: 'p2' })
    old.close()
    const raw = new Database(path)
    raw.exec(
      "insert into journal_text (rowid, text, session_id) values (1, '更新价格表', 's_1'), (2, 'a heron', 's_1')",
    )
    raw.exec(readFileSync(join(migrationsDir, '0007_letters.sql'), 'utf8'))
    raw.close()
    const store = storeAt(path)
    expect([find(store, '价格').length, find(store, 'heron').length]).toEqual([1, 0])
  })
})
