/** What the first run shows when there is no model: one task, its workspace, and the script of the agent's part. */
import type { ScriptInput } from './script.ts'

const noRealModel =
  'This model only plays the sample. For real work set OPENLOOM_BASE_URL, OPENLOOM_API_KEY and OPENLOOM_MODEL, ' +
  'start again, and resume the task.'

/**
 * The agent looks, claims success without having done anything, is refuted, and then does the work. It fits nothing but
 * the sample: a task of a person must never be played by a script, in a real folder.
 */
export const sampleScript: ScriptInput = {
  replies: [{ fault: 'http', status: 400, message: noRealModel }],
  at_end: 'repeat',
  conversations: [
    {
      match: 'It greets the reader and says that it was woven',
      replies: [
        {
          chunk_ms: 260,
          text: 'I will look at the folder first.',
          tool_calls: [{ name: 'glob', arguments: { pattern: '*' } }],
        },
        {
          chunk_ms: 260,
          text: 'Everything is in place: hello.md is written and says that it was woven. The task is done.',
        },
        {
          chunk_ms: 260,
          text: 'The check is right, hello.md is not there. I will write it now.',
          tool_calls: [
            {
              name: 'write',
              arguments: {
                file_path: 'hello.md',
                content: '# Hello\n\nThis file was woven by a scripted model, and proven by a check.\n',
              },
            },
          ],
        },
        { chunk_ms: 260, text: 'hello.md is written now. Please look at it again.' },
      ],
    },
  ],
}

export function sampleMarkdown(workspace: string): string {
  return `# Weave a greeting

workspace: ${workspace}

## goal

Write a file hello.md into this folder. It greets the reader and says that it was woven.

## checks

- file: hello.md
- contains: hello.md /woven/
`
}

/** Put into the temporary workspace before the task is dropped. */
export const sampleFiles: Readonly<Record<string, string>> = {
  'README.txt': 'A temporary folder of the OpenLoom sample. The agent works here; you may delete it.\n',
}
