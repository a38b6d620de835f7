import { describe, expect, it } from 'vitest'
import { parseFiles, parseRow, parseTime, readTable } from '../../src/lib/ps.ts'

describe('the process table by ps', () => {
  it('has this process, where ps runs', async () => {
    expect((await readTable())?.get(process.pid)).toMatchObject({ pid: process.pid, ppid: process.ppid })
  })

  it('reads the rows of macOS', () => {
    expect(parseRow('  712     1   712 Ss     1:02.50  10240 Sat Nov 21 06:24:26 2026     launch helper')).toEqual({
      ...{ pid: 712, ppid: 1, group: 712, session: 712, state: 'S', name: 'launch helper' },
      ...{ cpuMs: 62_500, childrenCpuMs: 0, memoryKb: 10_240, startedAt: Date.parse('2026-11-21 06:24:26') },
    })
    expect(parseRow('')).toBeNull()
    expect(parseRow('ps: not a row')).toBeNull()
  })

  it.each([
    ['0:00.01', 10],
    ['00:00:07', 7_000],
    ['2-01:00:00', 176_400_000],
  ])('reads the time %s', (text, ms) => {
    expect(parseTime(text)).toBe(ms)
  })
})

describe('open files by lsof', () => {
  it('are pipes, sockets, the folder and the input, by process', () => {
    const text = [
      ...['p10', 'fcwd', 'tDIR', 'n/w', 'f0', 'ar', 'tCHR', 'n/dev/null', 'f1', 'aw', 'tPIPE', 'd0x1', 'n->0x2'],
      ...['f5', 'au', 'tIPv4', 'd0x9', 'n127.0.0.1:3000', 'TST=LISTEN', 'TQR=0'],
      ...['p11', 'fcwd', 'tDIR', 'n/v', 'f4', 'au', 'tIPv4', 'n127.0.0.1:5->127.0.0.1:6', 'TST=ESTABLISHED'],
    ].join('\n')
    const files = parseFiles(text)
    expect(files.get(10)).toMatchObject({
      cwd: '/w',
      files: [{ fd: 0, kind: 'null' }, { fd: 1, kind: 'pipe', id: '0x1', writes: true }, { kind: 'socket' }],
      sockets: [{ state: 'listens', local: '127.0.0.1:3000' }],
    })
    expect(files.get(11)?.sockets).toEqual([{ state: 'connected', local: '127.0.0.1:5', remote: '127.0.0.1:6' }])
    expect([...files.keys()]).toEqual([10, 11])
  })
})
