import { createTools } from '../../../src/agent/tools/index.ts'
import { submitPlan } from '../../../src/agent/tools/submit-plan.ts'
import { toolContract } from '../../contracts/tool.ts'

toolContract([...createTools(), submitPlan], {
  read: { good: { file_path: 'a.txt' }, at: (file_path) => ({ file_path }) },
  write: { good: { file_path: 'new.txt', content: 'x' }, at: (file_path) => ({ file_path, content: 'x' }) },
  edit: {
    good: { file_path: 'a.txt', old_string: 'a', new_string: 'b' },
    at: (file_path) => ({ file_path, old_string: 'a', new_string: 'b' }),
  },
  multiedit: {
    good: { file_path: 'a.txt', edits: [{ old_string: 'a', new_string: 'b' }] },
    at: (file_path) => ({ file_path, edits: [{ old_string: 'a', new_string: 'b' }] }),
  },
  notebook_edit: {
    good: { file_path: 'a.ipynb', cell_id: 'a', source: 'x' },
    at: (file_path) => ({ file_path, cell_id: 'a', source: 'x' }),
  },
  glob: { good: { pattern: '*' }, at: (path) => ({ pattern: '*', path }) },
  grep: { good: { pattern: 'x' }, at: (path) => ({ pattern: '.', path }) },
  bash: { good: { command: 'echo hello' } },
  bash_output: { good: { id: 'bg_nobody' } },
  ask_user: { good: { questions: [{ question: 'Which?', choices: ['a', 'b'] }] } },
  submit_plan: { good: { plan: '# One' } },
  work_items: { good: { add: ['one'] } },
  web_fetch: { good: { url: 'http://127.0.0.1:9/' } },
})
