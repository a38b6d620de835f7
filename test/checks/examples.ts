/** One workspace and one answer each: what every checker says, and when. The contract suite runs them all. */
import { sha256 } from '../../src/lib/digest.ts'
import type { CheckExample, CheckExamples } from '../contracts/checker.ts'
import type { TemporaryWorkspace } from '../fakes/workspace.ts'

type Arrange = NonNullable<CheckExample['arrange']>

const example =
  (outcome: CheckExample['outcome']) =>
  (when: string, spec: Record<string, unknown>, says: RegExp, arrange: Arrange = nothing): CheckExample => ({
    ...{ when, outcome, spec, says, arrange },
  })

const pass = example('pass')
const fail = example('fail')
const error = example('error')

function nothing(): undefined {
  return undefined
}

const file =
  (path: string, data: string | Uint8Array): Arrange =>
  (w) => {
    w.write(path, data)
    return undefined
  }

const files =
  (all: Record<string, string>): Arrange =>
  (w) => {
    for (const [path, text] of Object.entries(all)) w.write(path, text)
    return undefined
  }

/** The file is `now`, and was noted as `before` when the task began. */
const noted =
  (before: string | null, now: string | null): Arrange =>
  (w) => {
    if (now !== null) w.write('a', now)
    return { baseline: { a: before === null ? null : sha256(before) } }
  }

/** A repository with two committed files, and what happens after the task began. */
const repository =
  (then: (w: TemporaryWorkspace) => unknown = nothing): Arrange =>
  (w) => {
    const baseCommit = w.write('src/a.ts', 'a').write('readme.md', 'r').commit()
    then(w)
    return { baseCommit }
  }

const deep = `${'['.repeat(900)}${']'.repeat(900)}`
const tooLong = Buffer.alloc(8 * 1024 * 1024 + 1, 'x')
const foreignRoot: Arrange = () => ({ workspace: '/no/such/workspace' })

export const fileExamples: Record<string, CheckExamples> = {
  file_exists: {
    at: (path) => ({ path }),
    examples: [
      pass('it is there', { path: 'a' }, /exists \(1 bytes/, file('a', 'x')),
      pass('it is a folder', { path: 'd' }, /folder/, file('d/a', 'x')),
      fail('it is missing', { path: 'a/b' }, /does not exist/),
      fail('it may not be empty and is', { path: 'a', not_empty: true }, /is empty/, file('a', '')),
      error('it is elsewhere', { path: '/etc/hosts' }, /outside the workspace/),
    ],
  },
  file_absent: {
    at: (path) => ({ path }),
    examples: [
      pass('nothing is there', { path: 'a/b' }, /does not exist/),
      fail('it is there', { path: 'a' }, /still there \(a file/, file('a', '')),
      fail('a broken symlink is there', { path: 'a' }, /a symlink/, (w) => {
        w.link('a', 'nowhere')
        return undefined
      }),
      error('it is elsewhere', { path: '/no/such/file' }, /outside the workspace/),
    ],
  },
  file_contains: {
    at: (path) => ({ path, text: 'secret' }),
    examples: [
      pass('the text is there', { path: 'a', text: 'two' }, /contains "two" \(line 2\)/, file('a', 'one\ntwo\n')),
      pass('a simple pattern is found', { path: 'a', regex: '^two$', flags: 'm' }, /line 2/, file('a', 'one\ntwo\n')),
      pass('a pattern with choices is found', { path: 'a', regex: 't(w|h)o+' }, /line 2/, file('a', 'one\ntwo\n')),
      fail('the text is not there', { path: 'a', text: 'two' }, /does not contain "two"/, file('a', 'one\n')),
      fail('the pattern is not there', { path: 'a', regex: 'tw.*' }, /not contain \/tw\.\*\//, file('a', 'one\n')),
      fail('the file is missing', { path: 'a', text: 'two' }, /does not exist/),
      fail('it is not text', { path: 'a', text: 'two' }, /not UTF-8/, file('a', Buffer.from([0xff, 0xfe, 0x00]))),
      error('the file is larger than is read', { path: 'a', text: 'x' }, /at most/, file('a', tooLong)),
    ],
  },
  file_changed: {
    at: (path) => ({ path }),
    examples: [
      pass('its bytes differ', { path: 'a' }, /has changed/, noted('before', 'now')),
      pass('it is new', { path: 'a' }, /was added/, noted(null, 'now')),
      fail('it was only touched', { path: 'a' }, /is as it was/, noted('same', 'same')),
      fail('it is gone', { path: 'a' }, /not there/, noted('before', null)),
      error('its start was not noted', { path: 'a' }, /not noted/, file('a', '')),
    ],
  },
  glob_count: {
    examples: [
      pass(
        'enough files match',
        { glob: '**/*.ts', min: 2 },
        /2 files match/,
        files({ 'a.ts': '', 'b/c.ts': '', 'node_modules/d.ts': '', 'e.md': '' }),
      ),
      pass('none may match', { glob: '*.orig', max: 0 }, /0 files match .* <= 0/),
      fail('nothing matches', { glob: '**/*.ts' }, /0 files .* >= 1/),
      error('the workspace is gone', { glob: '*', max: 0 }, /cannot be read/, foreignRoot),
    ],
  },
}

const inJson = (spec: Record<string, unknown>) => ({ path: 'p.json', ...spec })
const inYaml = (spec: Record<string, unknown>) => ({ path: 'a.yml', ...spec })

export const contentExamples: Record<string, CheckExamples> = {
  json_path: {
    at: (path) => ({ path, at: '$' }),
    examples: [
      pass(
        'the value is equal',
        inJson({ at: '$.a[1].b', equals: { c: 1 } }),
        /expected == \{"c":1\}/,
        file('p.json', '{"a":[0,{"b":{"c":1}}]}'),
      ),
      pass('it is in the range', inJson({ at: 'pct', min: 80, max: 100 }), /is 81\.5/, file('p.json', '{"pct":81.5}')),
      fail('the value differs', inJson({ at: '$.v', equals: '1' }), /is 1; expected == "1"/, file('p.json', '{"v":1}')),
      fail('only a prototype has it', inJson({ at: '$.constructor' }), /is not there/, file('p.json', '{}')),
      fail('it is not JSON', inJson({ at: '$' }), /cannot be read as/, file('p.json', '{a:')),
      error('it is nested too deep', inJson({ at: '$' }), /nested deeper/, file('p.json', deep)),
    ],
  },
  yaml_path: {
    at: (path) => ({ path, at: '$' }),
    examples: [
      pass(
        'the value is equal',
        inYaml({ at: '$.on.push[0]', equals: 'main' }),
        /"main"/,
        file('a.yml', 'x: &b main\non:\n  push: [*b]\n'),
      ),
      fail('the value is missing', inYaml({ at: '$.on' }), /not there/, file('a.yml', 'a: 1\n')),
      fail('a key is there twice', inYaml({ at: '$' }), /twice\. \(line 2\)/, file('a.yml', 'a: 1\na: 2\n')),
      error('it is nested too deep', inYaml({ at: '$' }), /nested deeper/, file('a.yml', deep)),
    ],
  },
  checklist: {
    at: (path) => ({ path }),
    examples: [
      pass(
        'all boxes are ticked, those in code aside',
        { path: 't.md' },
        /2 of 2/,
        file('t.md', '# T\n- [x] a\n  1. [X] b\n\n```\n- [ ] c\n```\n\ntext\n\n    - [ ] d\n'),
      ),
      pass(
        'every tasks.md of an OpenSpec change is ticked',
        { path: 'openspec/changes/add' },
        /2 of 2/,
        files({ 'openspec/changes/add/tasks.md': '- [x] a\n', 'openspec/changes/add/b/tasks.md': '- [x] b\n' }),
      ),
      fail('a box is open', { path: 't.md' }, /1 of 2/, file('t.md', '- [x] a\n- [ ] *b*\n')),
      fail('it has no boxes', { path: 't.md' }, /no boxes/, file('t.md', '- a')),
      fail('it is missing', { path: 't.md' }, /does not exist/),
      fail('the folder has none', { path: 'd' }, /no tasks/, file('d/a', '')),
      error('it is nested too deep', { path: 't.md' }, /too deep/, file('t.md', `${'- '.repeat(500)}[x] a\n`)),
    ],
  },
}

const endless = 'setsid sleep 300 & sleep 300'
const literally = '$(touch pwned)'

export const programExamples: Record<string, CheckExamples> = {
  command: {
    long: { run: endless },
    examples: [
      pass('it ends with 0', { run: 'pwd; echo ok' }, /ended with 0; expected exit code 0/),
      pass('it ends with what is expected', { run: 'exit 3', exit_code: 3 }, /ended with 3/),
      pass('no shell reads its argv', { run: ['test', literally, '=', literally] }, /ended with 0/),
      pass('it runs in a folder', { run: 'test -f a', cwd: 'd' }, /ended with 0/, file('d/a', '')),
      fail('it ends otherwise', { run: 'false' }, /ended with 1; expected exit code 0/),
      fail('it kills itself', { run: 'kill -9 $$' }, /killed by SIGKILL/),
      fail('its folder is missing', { run: 'true', cwd: 'd' }, /folder d/),
      fail('it does not end in time', { run: endless, timeout_seconds: 0.2 }, /did not end within 0\.2 s/),
      error('the program is missing', { run: ['no-such-program'] }, /program is missing/),
      error('the shell misses a program', { run: 'no-such-program' }, /program is missing/),
    ],
  },
  git_clean: {
    examples: [
      pass('all is committed', {}, /Nothing is uncommitted/, repository()),
      fail(
        'a file is new',
        {},
        /1 paths/,
        repository((w) => w.write('new', '')),
      ),
      fail(
        'a change is hidden from git',
        {},
        /1 paths/,
        repository((w) => {
          w.run('git', 'update-index', '--assume-unchanged', 'src/a.ts')
          w.write('src/a.ts', 'other')
        }),
      ),
      error('there is no repository', {}, /git repository/),
    ],
  },
  git_diff: {
    examples: [
      pass(
        'changes, committed or not, are inside',
        { inside: ['src/**'] },
        /3 paths have changed/,
        repository((w) => {
          w.write('src/committed.ts', '').commit()
          w.write('src/a.ts', 'changed').write('src/new é.ts', '')
        }),
      ),
      fail(
        'a change is not inside',
        { inside: ['src/**'] },
        /1 of 1/,
        repository((w) => w.write('readme.md', 'changed')),
      ),
      fail(
        'a change is where none may be',
        { outside: ['src/*'] },
        /1 of 1/,
        repository((w) => w.write('src/new.ts', '')),
      ),
      fail('nothing has changed', {}, /Nothing has changed/, repository()),
      pass('nothing has changed and it may', { allow_empty: true }, /Nothing has changed/, repository()),
      error('the start is unknown', {}, /No commit was noted/, (w) => {
        repository()(w)
        return undefined
      }),
    ],
  },
}

/** `at` gives a URL of the test's own server. */
export const httpExamples = (at: (path: string) => string): CheckExamples => ({
  long: { url: at('/slow') },
  examples: [
    pass('it answers as expected', { url: at('/'), contains: 'well' }, /answered 200/),
    pass('a redirect is expected', { url: at('/moved'), status: 302 }, /answered 302/),
    fail('it redirects', { url: at('/moved') }, /answered 302; expected 200/),
    fail('the text is missing', { url: at('/'), contains: 'ill' }, /without the text/),
    fail('it does not end', { url: at('/slow'), timeout_seconds: 0.2 }, /within 0\.2 s/),
    fail('it floods', { url: at('/flood'), contains: 'y' }, /without the text/),
    fail('nobody listens', { url: 'http://127.0.0.1:9/' }, /ECONNREFUSED/),
    error('it is private', { url: 'http://169.254.169.254/' }, /private network/),
    error('it is private in disguise', { url: 'http://[::ffff:a00:1]/' }, /private network/),
  ],
})
