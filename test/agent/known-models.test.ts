import { describe, expect, it } from 'vitest'
import { knownModels } from '../../src/agent/model-list.ts'
import type { ModelSource } from '../../src/agent/providers/source.ts'

const source = (name: string, models: string[]): ModelSource =>
  ({
    provider: {
      name,
      models: () => {
        throw new Error('nobody may be asked')
      },
    },
    models,
    price: { big: { input: 3, output: 15 } },
    contextTokens: (model: string) => (model === 'big' ? 200_000 : null),
  }) as unknown as ModelSource

const sources = [source('local', ['small']), source('cloud', ['big', 'other'])]
const told = (fallback: string | null) =>
  knownModels({ sources, fallback }).map(({ provider, model, isDefault }) => [`${provider}/${model}`, isDefault])

describe('the models that the settings name', () => {
  it('are told with what is known of them, and no provider is asked', () => {
    expect(knownModels({ sources }).find(({ model }) => model === 'big')).toEqual({
      ...{ provider: 'cloud', model: 'big', isDefault: false, contextTokens: 200_000 },
      price: { input: 3, output: 15 },
    })
  })

  it.each([
    [null, 'local/small'],
    ['cloud/other', 'cloud/other'],
    ['big', 'cloud/big'],
    ['not-listed', 'local/not-listed'],
  ])('have the one that a session uses that names none: %s', (fallback, expected) => {
    expect(told(fallback).filter(([, isDefault]) => isDefault)).toEqual([[expected, true]])
  })
})
