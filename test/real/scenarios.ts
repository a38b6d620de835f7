/** What is recorded: each scenario is a script for the model and what its user does, on a folder of its own. */
import type { ScriptInput } from '../../src/sample/script.ts'
import type { Stage } from './stage.ts'

type Replies = Exclude<ScriptInput, { conversations?: unknown } | { replies?: unknown }>

export interface Scenario {
  replies: Replies
  atEnd?: 'error' | 'repeat'
  /** What the subagent's model answers. */
  childReplies?: Replies
  /** `permission` of the folder's opencode.json. */
  permission?: Record<string, unknown>
  /** In the folder that the server was started in, not in one of its own. */
  inStartFolder?: boolean
  /** A server of its own, because it is killed. */
  alone?: boolean
  play(stage: Stage, prompt: string): Promise<void>
}

const bash = (command: string, more: Record<string, unknown> = {}) => ({
  name: 'bash',
  arguments: { command, description: 'Runs a command', ...more },
})
const hang = bash('sleep 600', { timeout: 900_000 })
const task = {
  name: 'task',
  arguments: { description: 'Look around', prompt: 'Child of', subagent_type: 'general' },
}
const question = {
  name: 'question',
  arguments: {
    questions: [
      {
        question: 'Which colour?',
        header: 'Colour',
        options: [
          { label: 'Red', description: 'Like fire' },
          { label: 'Blue', description: 'Like the sea' },
        ],
      },
    ],
  },
}

const startTurn = async (stage: Stage, prompt: string): Promise<string> => {
  const id = await stage.session({ metadata: { openloom_task: 't_example' } })
  await stage.prompt(id, prompt)
  return id
}

/** Prompt, wait for the end, look. */
const wholeTurn = async (stage: Stage, prompt: string): Promise<void> => {
  const id = await startTurn(stage, prompt)
  await stage.idle(id)
  await stage.settle()
  await stage.snapshot('done')
}

const abortAndLook = async (stage: Stage, id: string): Promise<void> => {
  await stage.settle(1_000)
  await stage.snapshot('hung')
  await stage.abort(id)
  await stage.idle(id)
  await stage.settle()
  await stage.snapshot('aborted')
}

const replyTo = async (stage: Stage, reply: Record<string, unknown>): Promise<void> => {
  const { payload } = await stage.next('permission.asked')
  await stage.snapshot('asked')
  await stage.call(`POST /permission/${String(payload.properties['id'])}/reply`, { body: reply })
}

const askingTurn = (reply: Record<string, unknown>) => async (stage: Stage, prompt: string) => {
  const id = await startTurn(stage, prompt)
  await replyTo(stage, reply)
  await stage.idle(id)
  await stage.settle()
  await stage.snapshot('done')
}

const askBash = { bash: 'ask' }
const echoThenDone: Replies = [{ tool_calls: [bash('echo permitted')] }, { text: 'Done.' }]

export const scenarios: Record<string, Scenario> = {
  text: { replies: [{ text: ['Hello ', 'there, ', 'this ', 'is ', 'text.'], chunk_ms: 30 }], play: wholeTurn },
  reasoning: { replies: [{ reasoning: 'I think.', text: 'Thought.' }], play: wholeTurn },
  'twenty-tools': {
    replies: [
      ...[0, 1, 2, 3].map((step) => ({
        tool_calls: [
          { name: 'write', arguments: { filePath: `note-${step}.md`, content: `Note ${step}\n` } },
          { name: 'read', arguments: { filePath: 'README.md' } },
          { name: 'read', arguments: { filePath: 'nowhere.md' } },
          bash(`echo step ${step}`),
          { name: 'todowrite', arguments: { todos: [{ content: 'Write notes', status: 'pending', priority: 'low' }] } },
        ],
      })),
      { text: 'Twenty calls.' },
    ],
    play: async (stage, prompt) => {
      const id = await startTurn(stage, prompt)
      await stage.idle(id)
      await stage.settle()
      await stage.snapshot('done')
      const messages = (await stage.call(`GET /session/${id}/message`)).json as { info: { id: string; role: string } }[]
      const user = messages.find(({ info }) => info.role === 'user')?.info.id
      await stage.call(`GET /session/${id}/diff?messageID=${user}`)
    },
  },
  'hung-bash': {
    replies: [{ tool_calls: [hang] }, { text: 'Done.' }],
    play: async (stage, prompt) => {
      const id = await startTurn(stage, prompt)
      await stage.snapshot('prompted')
      await stage.running('bash')
      await abortAndLook(stage, id)
      await stage.prompt(id, 'Go on')
      await stage.idle(id)
      await stage.settle()
      await stage.snapshot('taken-over')
    },
  },
  'printing-bash': {
    replies: [
      { tool_calls: [bash('for i in 1 2 3 4 5 6; do echo line $i; sleep 0.4; done')] },
      { text: 'It printed six lines.' },
    ],
    play: wholeTurn,
  },
  'mute-model': {
    replies: [{ delay_ms: 600_000, text: 'Late.' }],
    play: async (stage, prompt) => {
      const id = await startTurn(stage, prompt)
      await stage.next('message.updated', ({ info }) => (info as { role: string }).role === 'assistant')
      await abortAndLook(stage, id)
    },
  },
  'stalled-stream': {
    replies: [{ text: ['I begin ', 'and '], fault: 'stall' }],
    play: async (stage, prompt) => {
      const id = await startTurn(stage, prompt)
      await stage.next('message.part.delta')
      await abortAndLook(stage, id)
    },
  },
  'rate-limit': {
    replies: [{ fault: '429', retry_after: 2 }, { text: 'After the limit.' }],
    play: async (stage, prompt) => {
      const id = await startTurn(stage, prompt)
      await stage.next('session.status', ({ status }) => (status as { type: string }).type === 'retry')
      await stage.snapshot('retrying')
      await stage.idle(id)
      await stage.settle()
      await stage.snapshot('done')
    },
  },
  'server-errors': {
    replies: [{ fault: 'http', status: 500, times: 100, retry_after: 0.3, message: 'overloaded' }],
    play: wholeTurn,
  },
  'bad-key': { replies: [{ fault: 'http', status: 401, times: 100, message: 'bad key' }], play: wholeTurn },
  'broken-stream': { replies: [{ text: 'I begin ', fault: 'drop' }, { text: 'Again.' }], play: wholeTurn },
  'unknown-model': {
    replies: [{ text: 'Never asked.' }],
    play: async (stage, prompt) => {
      const id = await stage.session()
      await stage.prompt(id, prompt, { model: { providerID: 'scripted', modelID: 'nobody' } })
      await stage.next('session.error')
      await stage.settle()
      await stage.snapshot('done')
    },
  },
  'unknown-agent': {
    replies: [{ text: 'Never asked.' }],
    play: async (stage, prompt) => {
      const id = await stage.session()
      await stage.prompt(id, prompt, { agent: 'nobody' })
      await stage.next('session.error')
      await stage.settle()
      await stage.snapshot('done')
    },
  },
  'permission-once': {
    replies: echoThenDone,
    permission: askBash,
    inStartFolder: true,
    alone: true,
    play: askingTurn({ reply: 'once' }),
  },
  'permission-rejected': { replies: echoThenDone, permission: askBash, play: askingTurn({ reply: 'reject' }) },
  'permission-rejected-with-message': {
    replies: [{ tool_calls: [bash('echo permitted')] }, { text: 'Then not.' }],
    permission: askBash,
    play: askingTurn({ reply: 'reject', message: 'Use a file instead.' }),
  },
  'permission-elsewhere': {
    replies: echoThenDone,
    permission: askBash,
    play: async (stage, prompt) => {
      const id = await startTurn(stage, prompt)
      const { payload } = await stage.next('permission.asked')
      await stage.snapshot('asked')
      const path = `POST /permission/${String(payload.properties['id'])}/reply`
      await stage.call(path, { body: { reply: 'once' }, directory: stage.server.elsewhere })
      await stage.call(path, { body: { reply: 'once' } })
      await stage.idle(id)
      await stage.snapshot('done')
    },
  },
  /** Two calls of one step that ask: what becomes of the other where one is refused with a word. */
  'permissions-at-once': {
    replies: [{ tool_calls: [bash('echo first'), bash('echo second')] }, { text: 'Neither then.' }],
    permission: askBash,
    play: async (stage, prompt) => {
      const id = await startTurn(stage, prompt)
      const { payload } = await stage.next('permission.asked')
      await stage.next('permission.asked', ({ id: other }) => other !== payload.properties['id'])
      await stage.snapshot('asked')
      const path = `POST /permission/${String(payload.properties['id'])}/reply`
      await stage.call(path, { body: { reply: 'reject', message: 'Not now.' } })
      await stage.idle(id)
      await stage.settle()
      await stage.snapshot('done')
    },
  },
  /** The same call again and again in one step, which the server asks about by itself. */
  'refused-in-circles': {
    replies: [
      { tool_calls: [bash('echo same'), bash('echo same'), bash('echo same'), bash('echo same')] },
      { text: 'Round and round.' },
    ],
    play: askingTurn({ reply: 'reject', message: 'Not now.' }),
  },
  'permission-edit': {
    replies: [
      { tool_calls: [{ name: 'write', arguments: { filePath: 'asked.md', content: 'Asked\n' } }] },
      { text: 'Done.' },
    ],
    permission: { edit: 'ask' },
    play: askingTurn({ reply: 'always' }),
  },
  'ghost-permission': {
    replies: echoThenDone,
    permission: askBash,
    play: async (stage, prompt) => {
      const id = await startTurn(stage, prompt)
      await stage.next('permission.asked')
      await stage.snapshot('asked')
      await stage.abort(id)
      await stage.idle(id)
      await stage.settle(1_000)
      await stage.snapshot('ghost')
    },
  },
  question: {
    replies: [{ tool_calls: [question] }, { text: 'Red it is.' }],
    play: async (stage, prompt) => {
      const id = await startTurn(stage, prompt)
      const { payload } = await stage.next('question.asked')
      await stage.snapshot('asked')
      await stage.call(`POST /question/${String(payload.properties['id'])}/reply`, { body: { answers: [['Red']] } })
      await stage.idle(id)
      await stage.settle()
      await stage.snapshot('done')
    },
  },
  'question-rejected': {
    replies: [{ tool_calls: [question] }, { text: 'No answer then.' }],
    play: async (stage, prompt) => {
      const id = await startTurn(stage, prompt)
      const { payload } = await stage.next('question.asked')
      await stage.call(`POST /question/${String(payload.properties['id'])}/reject`)
      await stage.idle(id)
      await stage.settle()
      await stage.snapshot('done')
    },
  },
  'question-in-own-words': {
    replies: [{ tool_calls: [question] }, { text: 'I go on.' }],
    play: async (stage, prompt) => {
      const id = await startTurn(stage, prompt)
      const { payload } = await stage.next('question.asked')
      const body = { answers: [['Not answered yet: go on with what does not need it.']] }
      await stage.call(`POST /question/${String(payload.properties['id'])}/reply`, { body })
      await stage.idle(id)
      await stage.settle()
      await stage.snapshot('done')
    },
  },
  'subagent-hangs': {
    replies: [{ tool_calls: [task] }, { text: 'Done.' }],
    childReplies: [{ tool_calls: [hang] }, { text: 'Child is done.' }],
    play: async (stage, prompt) => {
      const id = await startTurn(stage, prompt)
      await stage.running('task')
      await stage.running('bash')
      await abortAndLook(stage, id)
    },
  },
  'subagent-asks': {
    replies: [{ tool_calls: [task] }, { text: 'Done.' }],
    childReplies: [{ tool_calls: [bash('echo from the child')] }, { text: 'Child is done.' }],
    permission: askBash,
    play: async (stage, prompt) => {
      const id = await startTurn(stage, prompt)
      await replyTo(stage, { reply: 'once' })
      await stage.idle(id)
      await stage.settle()
      await stage.snapshot('done')
    },
  },
  'cut-off': { replies: [{ text: 'This answer is', finish: 'length' }], play: wholeTurn },
  empty: { replies: [{ fault: 'empty' }, { text: 'Second.' }], play: wholeTurn },
  'server-killed': {
    replies: [{ tool_calls: [hang] }, { text: 'Done.' }],
    alone: true,
    play: async (stage, prompt) => {
      await startTurn(stage, prompt)
      await stage.running('bash')
      await stage.snapshot('hung')
      await stage.server.kill()
      await stage.deafen()
      await stage.server.start()
      await stage.listen()
      await stage.snapshot('restarted')
    },
  },
  'connection-cut': {
    replies: [{ tool_calls: [bash('sleep 1.5')] }, { text: 'Done.' }],
    play: async (stage, prompt) => {
      const id = await startTurn(stage, prompt)
      await stage.running('bash')
      await stage.deafen()
      await stage.settle(2_500)
      await stage.listen()
      await stage.snapshot('reconnected')
      await stage.prompt(id, 'Still there?')
      await stage.settle(1_000)
    },
  },
  'prompt-while-busy': {
    replies: [{ tool_calls: [bash('sleep 1.5')] }, { text: 'First.' }, { text: 'Second.' }],
    atEnd: 'repeat',
    play: async (stage, prompt) => {
      const id = await startTurn(stage, prompt)
      await stage.running('bash')
      await stage.prompt(id, 'And this?')
      await stage.prompt(id, 'And that?')
      await stage.idle(id)
      await stage.settle()
      await stage.snapshot('done')
    },
  },
  'same-message-twice': {
    replies: [{ text: 'Once.' }, { text: 'Twice.' }],
    play: async (stage, prompt) => {
      const id = await stage.session()
      const messageID = 'msg_own00000000000000000001'
      await stage.prompt(id, prompt, { messageID })
      await stage.idle(id)
      await stage.prompt(id, prompt, { messageID })
      await stage.settle(1_500)
      await stage.snapshot('done')
    },
  },
  'same-message-after-abort': {
    replies: [{ fault: 'stall', times: 1 }, { text: 'At the second try.' }],
    play: async (stage, prompt) => {
      const id = await stage.session()
      const messageID = 'msg_own00000000000000000002'
      await stage.prompt(id, prompt, { messageID })
      await stage.next('message.updated', ({ info }) => (info as { role: string }).role === 'assistant')
      await stage.settle(1_000)
      await stage.abort(id)
      await stage.settle()
      await stage.snapshot('aborted')
      await stage.prompt(id, prompt, { messageID })
      await stage.settle(1_500)
      await stage.snapshot('done')
    },
  },
  /** Ids that sort the other way round than the messages came. */
  'own-ids-out-of-order': {
    replies: [{ text: 'To the first.' }, { text: 'To the second.' }],
    play: async (stage, prompt) => {
      const id = await stage.session()
      await stage.prompt(id, prompt, { messageID: 'msg_ownz0000000000000000000' })
      await stage.idle(id)
      await stage.prompt(id, 'And now?', { messageID: 'msg_own00000000000000000000' })
      await stage.idle(id)
      await stage.settle(1_000)
      await stage.snapshot('done')
    },
  },
}
