import { describe, expect, it } from 'vitest'
import type { AskReply, Question } from '../../../src/core/ask.ts'
import { agentWorld } from '../../fakes/agent-world.ts'
import { toolWorld } from '../../fakes/tool-world.ts'

const questions = [
  { question: 'Which colour?', header: 'Colour', choices: [{ label: 'red', description: 'warm' }, 'blue'] },
  { question: 'What name?' },
]

async function answered(reply: AskReply | null) {
  const world = await toolWorld()
  const asked: Question[][] = []
  world.context.askPerson = async (given) => {
    asked.push(given)
    return reply
  }
  return { asked, result: await world.use('ask_user', { questions }) }
}

describe('PM-6 ask_user', () => {
  it('asks with choices or for own words, and gives question and answer', async () => {
    const { asked, result } = await answered({ kind: 'answers', answers: [['red'], ['Ada']] })
    expect(result).toMatchObject({ ok: true, output: 'Q: Which colour?\nA: red\n\nQ: What name?\nA: Ada' })
    const options = [
      { label: 'red', description: 'warm' },
      { label: 'blue', description: '' },
    ]
    expect(asked).toEqual([
      [
        { header: 'Colour', text: 'Which colour?', options, multiple: false },
        { header: '', text: 'What name?', options: [], multiple: false },
      ],
    ])
  })

  it('says that it was not answered, and what to do then', async () => {
    const { result } = await answered({ kind: 'reject', message: 'Not now.' })
    expect(result).toMatchObject({
      ok: false,
      output: expect.stringMatching(/^Not answered. Not now. Decide yourself/),
    })
  })

  it('never holds up a run for which nobody is there', async () => {
    const call = { name: 'ask_user', arguments: { questions: JSON.stringify(questions) } }
    const world = await agentWorld([{ tool_calls: [call] }, { text: 'I took red.' }])
    expect((await world.run('paint')).state).toMatchObject({ kind: 'idle', complete: true })
    expect(world.outputs()).toEqual([expect.stringContaining('Nobody is there to answer. Decide yourself')])
  })

  it.each([[[]], [[{ question: 'x', choices: ['one'] }]], [Array(11).fill({ question: 'x' })]])(
    'refuses no question, one choice, eleven questions',
    async (given) => {
      const world = await toolWorld()
      await expect(world.use('ask_user', { questions: given })).rejects.toThrow()
    },
  )
})
