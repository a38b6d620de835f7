import { describe, expect, it } from 'vitest'
import { maskLine, plainLine } from '../../src/lib/mask.ts'

describe('a command line that is shown', () => {
  it.each([
    ['curl https://bob:hunter22@example.test/x', 'curl https://[hidden]@example.test/x'],
    ['API_KEY=abc123 npm test', 'API_KEY=[hidden] npm test'],
    ['tool --token abc --verbose', 'tool --token [hidden] --verbose'],
    ['tool --password="a b" go', 'tool --password=[hidden] go'],
    [`curl -H 'Authorization: Bearer abc.def.ghi' x`, `curl -H 'Authorization: [hidden]' x`],
    ['curl -u bob:hunter22 x', 'curl -u bob:[hidden] x'],
    ['echo sk-abcdefghijklmnop', 'echo [hidden]'],
    ['GET /?access_token=zzz&page=2', 'GET /?access_token=[hidden]&page=2'],
    ['npm run dev', 'npm run dev'],
    ['sort -k 2 monkeys.txt', 'sort -k 2 monkeys.txt'],
  ])('hides secrets: %s', (line, shown) => {
    expect(maskLine(line, 500)).toBe(shown)
  })

  it('is one line without control characters, and cut', () => {
    expect(plainLine('a\u001b[31mb\n\u202ec\u0000', 100)).toBe('a [31mb c')
    expect(maskLine('x'.repeat(600), 500)).toHaveLength(500)
  })

  it('is read in no time, however it is made', () => {
    const startedAt = performance.now()
    for (const part of ['token', '-', '--key ', 'a-', 'bearer ', '://']) maskLine(part.repeat(4_000), 500)
    expect(performance.now() - startedAt).toBeLessThan(500)
  })
})
