/** Names of models that a person writes: which are taken, and what is said of those that nobody offers. */
import { describe, expect, it } from 'vitest'
import { knownModel } from '../../src/agent/model-names.ts'

const row = (provider: string, model: string) => ({
  ...{ provider, model, isDefault: false, contextTokens: null, price: null },
})

function models(listed: [string, string][], mute: string[] = []) {
  const asked: number[] = []
  return {
    asked,
    known: () => [row('local', 'qwen3-coder'), row('far', 'sonnet')],
    list: async () => {
      asked.push(1)
      const problems = mute.map((provider) => ({ provider, problem: { kind: 'mute', text: 'It does not answer.' } }))
      return { models: listed.map(([provider, model]) => row(provider, model)), problems }
    },
  }
}

const text = async (offered: ReturnType<typeof models>, wanted: string) => {
  const found = await knownModel(offered, wanted)
  return found.ok ? 'taken' : found.problems.map((one) => `${one.text} ${one.todo}`).join()
}

describe('a name of a model', () => {
  it.each(['qwen3-coder', 'local/qwen3-coder', 'far/sonnet'])(
    'that the settings have is taken unasked: %s',
    async (name) => {
      const offered = models([])
      expect(await text(offered, name)).toBe('taken')
      expect(offered.asked).toEqual([])
    },
  )

  it('that only a provider lists is taken once it was asked', async () => {
    expect(await text(models([['local', 'gemma']]), 'gemma')).toBe('taken')
    expect(await text(models([['local', 'gemma']]), 'local/gemma')).toBe('taken')
  })

  it('that nobody offers is refused with the nearest', async () => {
    expect(await text(models([['local', 'gemma']]), 'nope/none')).toMatch(
      /^No provider offers the model "nope\/none"\. The nearest are: /,
    )
    expect(await text(models([]), 'qwen3-codr')).toContain('The nearest are: local/qwen3-coder')
    expect(await text(models([]), 'SONNET')).toContain('The nearest are: far/sonnet')
  })

  it('of a provider that does not answer is taken at its word, and no other', async () => {
    expect(await text(models([], ['far']), 'far/opus')).toBe('taken')
    expect(await text(models([], ['far']), 'opus')).toBe('taken')
    expect(await text(models([], ['far']), 'nope/none')).toContain('No provider offers')
  })
})
