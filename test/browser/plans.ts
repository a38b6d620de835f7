/** A session whose plan waits for a word, in its second version, for the browser stories. */
import type { TranscriptPart } from '../../src/core/session.ts'
import { plansOf, type SessionPlan } from '../../src/harness/plans.ts'
import type { Scene } from '../fakes/api.ts'
import { said, talkScene } from './talk.ts'
import { ask } from './watched.ts'

const first = `# Try the upload again

The upload gives up at the first **503**. After this it tries again, and says how often.

1. In \`src/upload.ts\`, wrap the request into \`retried\`: at most 5 times, after \`Retry-After\`.
2. Say the number of tries in the error.
3. Prove it: \`npm test -- upload\`, with a server that answers 503 twice.`

export const planText = `${first.replace('at most 5 times', 'at most 3 times')}
4. Say in the README how often it tries.

| file | change |
|---|---|
| \`src/upload.ts\` | the loop, the error |
| \`README.md\` | a section *Uploads* |

> Left as it is: uploads of more than 100 MB, which have their own way.

<script>window.hacked = 1</script> ![a picture](https://example.org/x.png)`

const call = (n: number, plan: string, state: 'completed' | 'running'): TranscriptPart => {
  const output = state === 'running' ? '' : 'The person wants the plan to be different.'
  const input = JSON.stringify({ plan })
  return { kind: 'tool', callId: `c-plan-${n}`, name: 'submit_plan', input, state, output, childId: null }
}

/** As the journal would tell of it. */
const plans = (): SessionPlan[] => {
  const at = Date.now() - 8 * 60_000
  const handed = (version: number, text: string) =>
    ({ type: 'plan', runId: 'r', callId: `c-plan-${version}`, version, text }) as const
  const reply = { kind: 'feedback' as const, text: 'Three times are enough, and say it in the README.' }
  return plansOf([
    { seq: 1, at, entry: handed(1, first) },
    { seq: 2, at, entry: { type: 'ask.answered', askId: 'a', callId: 'c-plan-1', tool: 'submit_plan', reply } },
    { seq: 3, at: at + 300_000, entry: handed(2, planText) },
  ])
}

export function planScene(text = planText): Scene {
  const scene = talkScene({ state: 'busy', agent: 'plan' })
  const of = { runtime: 'builtin', sessionId: 'ses_talk', rootId: 'ses_talk', workspace: '/home/ada/projects/uploader' }
  const title = 'Retry the upload when the server says 503'
  return {
    ...scene,
    asks: [ask('ask_plan', { kind: 'plan', version: 2, text, fresh: true }, { ...of, title })],
    said: {
      ses_talk: [
        said(1, 'user', 'The upload fails when the server is busy. Plan what is to be done.'),
        said(2, 'assistant', call(1, first, 'completed')),
        said(3, 'assistant', 'The plan, as you want it:', call(2, text, 'running')),
      ],
    },
    changed: {},
    plans: { ses_talk: plans() },
  }
}
