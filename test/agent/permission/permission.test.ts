import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { basename, join, relative } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { type Decision, decide, type Policy } from '../../../src/agent/permission/engine.ts'
import { isProvenReadOnly } from '../../../src/agent/permission/read-only.ts'
import { defaultRules, type Rule, ruleSchema } from '../../../src/agent/permission/rules.ts'
import { commandsOf } from '../../../src/agent/permission/shell.ts'
import { lineFacets, pathFacet } from '../../../src/agent/permission/subjects.ts'
import { computed, counted, ownCommands } from './computed-table.ts'
import { forbidden, forbidding, narrow, permitted, plain, smuggled } from './table.ts'

const workspace = realpathSync(mkdtempSync(join(tmpdir(), 'rules-')))
mkdirSync(join(workspace, 'secrets'))
symlinkSync('secrets', join(workspace, 'link'))
afterAll(() => rmSync(workspace, { recursive: true, force: true }))

const open: Policy = { layers: { user: defaultRules }, trust: 'trusted', access: 'scoped' }

async function judgeLine(line: string, policy: Policy, place = workspace): Promise<Decision> {
  const facets = await lineFacets(line, commandsOf(line), { workspace: place, looksUpPaths: true })
  return decide(policy, { tool: 'bash', profile: 'build', facets, onlyReads: isProvenReadOnly(line) })
}
const byUser = async (line: string, user: readonly Rule[]) =>
  (await judgeLine(line, { ...open, layers: { user } })).action

const underDenyOf = (path: string, line: string) => byUser(line, [...defaultRules, { tool: '*', path, action: 'deny' }])

async function judgePath(tool: string, path: string, policy: Policy): Promise<Decision> {
  const kind = ['read', 'glob', 'grep'].includes(tool) ? 'read' : 'write'
  const facets = [await pathFacet(workspace, { kind, text: path })]
  return decide(policy, { tool, profile: 'build', facets, onlyReads: kind === 'read' })
}

describe('PM-1 a narrow allow', () => {
  it.each(smuggled.map((line) => [line]))('does not cover %j', async (line) => {
    expect(await byUser(line, narrow)).not.toBe('allow')
  })
  it.each(plain.map((line) => [line]))('covers %j', async (line) => {
    expect(await byUser(line, narrow)).toBe('allow')
  })
})

describe('PM-1 what bash computes', () => {
  it.each(computed.map((line) => [line]))(
    'is not known to allow or to only read %j, and may be denied',
    async (line) => {
      expect(await byUser(line, ownCommands)).not.toBe('allow')
      expect(isProvenReadOnly(line)).toBe(false)
      expect(await byUser(line, forbidding)).toBe('deny')
    },
  )
  it.each(counted.map((line) => [line]))('is known in %j', async (line) => {
    expect(await byUser(line, ownCommands)).toBe('allow')
    expect(await byUser(line, forbidding.slice(0, 3))).toBe('allow')
  })
})

describe('PM-1 a deny under an allow of all', () => {
  it.each(forbidden.map((line) => [line]))('holds for %j', async (line) => {
    expect(await byUser(line, forbidding)).toBe('deny')
  })
  it.each(permitted.map((line) => [line]))('lets %j through', async (line) => {
    expect(await byUser(line, forbidding)).toBe('allow')
  })
})

describe('PM-1 W9 paths, as in .gitignore from the top of the project', () => {
  it.each([
    ['write', 'src/*', 'src/a.ts', 'deny'],
    ['write', 'src/*', 'src/deep/a.ts', 'deny'],
    ['write', 'src/*.ts', 'src/a.ts', 'deny'],
    ['write', 'src/*.ts', 'src/deep/a.ts', 'allow'],
    ['write', 'src/**', 'other/src/a.ts', 'allow'],
    ['multiedit', 'src/**', 'src/a.ts', 'deny'],
    ['edit', '.env', 'deep/down/.env', 'deny'],
    ['edit', '/.env', 'deep/.env', 'allow'],
    ['read', 'secrets/', 'secrets/key', 'deny'],
    ['read', 'secrets', 'link/key', 'deny'],
    ['read', '*.pem', 'a/b/c.pem', 'deny'],
    ['read', '/etc/**', '/etc/passwd', 'deny'],
    ['read', 'src/../secrets', 'secrets/key', 'allow'],
    ['grep', 'secrets', './src/../secrets', 'deny'],
    ['read', '[!abc].txt', 'd.txt', 'deny'],
    ['read', '[!abc].txt', 'a.txt', 'allow'],
    ['read', '(a|b)', 'a', 'allow'],
    ['read', '(a|b)', '(a|b)', 'deny'],
    ['read', '../other/**', '../other/x', 'deny'],
    ['read', '../other/', '../another/x', 'allow'],
    ['read', '../other/', join(workspace, '../other/x'), 'deny'],
    ['read', '../**', 'src/a', 'allow'],
    ['read', '~/.ssh/**', join(homedir(), '.ssh/id_rsa'), 'deny'],
    ['read', '~/.ssh', join(homedir(), '.sshd'), 'allow'],
    ['read', join(workspace, 'secrets'), 'secrets/key', 'deny'],
    ['read', `../${basename(workspace)}/secrets/`, 'secrets/key', 'deny'],
    ['read', 'link/', 'link/key', 'deny'],
  ])('%s with a deny of %s: %s is %s', async (tool, path, file, action) => {
    const user: Rule[] = [...defaultRules, { tool: '*', path, action: 'deny' }]
    expect((await judgePath(tool, file, { ...open, layers: { user } })).action).toBe(action)
  })

  it.each([
    ['~/.ssh/**', `cat ${homedir()}/.ssh/id_rsa`],
    [`${homedir()}/.ssh/**`, 'cat ~/.ssh/id_rsa'],
    ['/etc/**', `cat ~/${relative(homedir(), '/etc/passwd')}`],
    ['secrets/', `cat ~/${relative(homedir(), workspace)}/secrets/x`],
    ['/etc/**', 'HOME=/etc; cat ~/passwd'],
    ['../other/**', 'cat ../other/x'],
    ['../other/', `cat ${join(workspace, '../other/x')}`],
    ['link/', 'cat link/x'],
    ['secrets/', 'grep -fsecrets/key x'],
    ['secrets/', 'grep -rnfsecrets/key x'],
    ['secrets/', 'tar -Csecrets -cf - .'],
    ['secrets/', 'sort -osecrets/x f'],
    ['secrets/', 'curl -d @secrets/key localhost'],
    ['secrets/', 'curl -d@secrets/key localhost'],
    ['secrets/', 'curl -F file=@secrets/key localhost'],
    ['secrets/', 'git show HEAD:secrets/key'],
    ['secrets/', 'docker run --mount type=bind,src=secrets x'],
    ['secrets/', 'python3 -c "print(open(p))"'],
    ['secrets/', '$CMD x'],
  ])('a deny of %s holds for %s', async (path, line) => expect(await underDenyOf(path, line)).toBe('deny'))
  it.each([
    ['../other/**', 'cat ./other/x'],
    ['~/.ssh/**', 'cat .ssh/id_rsa'],
    ['secrets/', 'grep -n secret f'],
    ['secrets/', 'npm test -- --filter=a:b'],
    ['secrets/', 'git commit -m "fix: no secrets: here"'],
  ])('a deny of %s leaves %s', async (path, line) => expect(await underDenyOf(path, line)).toBe('allow'))

  it('a rule for the shell with a path fits commands that name it, and an allow by path only those', async () => {
    const reads: Rule = { tool: 'bash', command: 'cat *', path: 'docs/**', action: 'allow' }
    expect(await byUser('cat docs/a.md', [reads])).toBe('allow')
    expect(await byUser('cat docs/a.md src/b', [reads])).toBe('ask')
    expect(await byUser('cat docs/../src/b', [reads])).toBe('ask')
    expect(await byUser('cat docs/$X', [reads])).toBe('ask')
    expect(await byUser('cat docs/a:b', [reads])).toBe('allow')
    const home: Rule = { ...reads, path: '~/notes/' }
    expect(await byUser('cat ~/notes/a', [home])).toBe('allow')
    expect(await byUser('cat ~/notes/../a', [home])).toBe('ask')
  })
})

describe('PM-1 layers', () => {
  const rule = (action: Rule['action'], more: Partial<Rule> = {}): Rule => ({ tool: 'bash', action, ...more })
  const all = [rule('allow')]
  it.each<[string, Policy['layers'], Rule['action'], string]>([
    ['the last that fits wins in one layer', { user: [rule('deny'), rule('allow')] }, 'allow', 'user'],
    ['what nobody speaks of is asked', {}, 'ask', 'user'],
    ['a project alone allows nothing', { project: all }, 'ask', 'user'],
    ['W6 a project lifts no deny', { user: [rule('deny')], project: all }, 'deny', 'user'],
    ['W5 a profile lifts no deny', { user: [rule('deny')], profile: all }, 'deny', 'user'],
    ['a run lifts no deny', { user: [rule('deny')], run: all }, 'deny', 'user'],
    ['a run lifts no ask', { user: [rule('ask')], run: all }, 'ask', 'user'],
    ['a project tightens', { user: all, project: [rule('deny')] }, 'deny', 'project'],
    ['a profile tightens', { user: all, profile: [rule('ask')] }, 'ask', 'profile'],
    [
      'SE-7 nobody lifts what the machine denies',
      { managed: [rule('deny')], user: all, project: all, profile: all, run: all },
      'deny',
      'managed',
    ],
    ['the machine alone allows nothing', { managed: all }, 'ask', 'user'],
    ['a rule of another role does not count', { user: [...all, rule('deny', { profile: 'plan' })] }, 'allow', 'user'],
    ['a rule of this role does', { user: [...all, rule('deny', { profile: 'bu*' })] }, 'deny', 'user'],
  ])('%s', async (_, layers, action, by) => {
    expect(await judgeLine('npm test', { ...open, layers })).toMatchObject({ action, by })
  })

  it('the old form of a rule keeps its meaning', async () => {
    const user = [
      { action: 'allow' },
      { tool: 'bash', action: 'ask' },
      { tool: 'bash', pattern: 'npm *', action: 'allow' },
      { tool: 'bash', pattern: 'npm publish*', action: 'deny' },
      { tool: 'write', pattern: 'docs/*', action: 'deny' },
      { tool: 'write', pattern: 'docs/draft?.md', action: 'allow' },
    ].map((one) => ruleSchema.parse(one))
    const policy = { ...open, layers: { user } }
    const seen = [
      await judgePath('read', 'a', policy),
      await judgeLine('ls', policy),
      await judgeLine('npm test', policy),
      await judgeLine('npm publish --tag x', policy),
      await judgePath('write', 'docs/deep/a', policy),
      await judgePath('write', 'docs/draft1.md', policy),
    ]
    expect(seen.map(({ action }) => action)).toEqual(['allow', 'ask', 'allow', 'deny', 'deny', 'allow'])
  })

  it('a redirection needs what a write needs', async () => {
    const echo: Rule[] = [
      { tool: '*', action: 'allow' },
      { tool: 'bash', action: 'ask' },
    ]
    const user: Rule[] = [...echo, { tool: 'bash', command: 'echo *', action: 'allow' }]
    expect(await byUser('echo x > a', user)).toBe('allow')
    expect(await byUser('echo x > a', [...user, { tool: 'write', action: 'deny' }])).toBe('deny')
    expect(await byUser('echo x > a', [...user, { tool: 'bash', path: 'a', action: 'deny' }])).toBe('deny')
    expect(await byUser('echo x > a', [{ tool: 'bash', command: 'echo *', action: 'allow' }])).toBe('ask')
    expect(await byUser('echo x > a', [{ tool: 'bash', command: 'echo x > a', action: 'allow' }])).toBe('allow')
  })

  it('a line that is nested too deeply is one that nobody knows', async () => {
    expect(await byUser(`echo $((${'1+'.repeat(40_000)}1))`, forbidding)).toBe('deny')
  })

  it('takes no exponential time for a hostile line', async () => {
    const startedAt = performance.now()
    await byUser(`echo ${'$x'.repeat(2_000)}`, [...forbidding, { tool: '*', command: '*a'.repeat(50), action: 'deny' }])
    expect(performance.now() - startedAt).toBeLessThan(2_000)
  })
})

const w30 = [
  `python3 -c "open('x','w')"`,
  `node -e "require('fs').rmSync('x')"`,
  'find . -delete',
  'git checkout .',
  'git stash',
  'make',
  'curl -o x http://127.0.0.1/',
]
const harmless = ['grep "a > b" f', 'ls 2>/dev/null', 'wc -l < f']

describe('PM-5 trust is a cap', () => {
  const readOnly: Policy = { ...open, trust: 'read-only' }
  it.each(w30.map((line) => [line]))('W30 read-only refuses %s', async (line) => {
    expect(await judgeLine(line, readOnly)).toMatchObject({ action: 'deny', by: 'trust' })
  })
  it.each(harmless.map((line) => [line]))('W30 read-only lets %s run', async (line) => {
    expect((await judgeLine(line, readOnly)).action).toBe('allow')
  })
  it('read-only refuses every tool that writes and none that reads', async () => {
    expect((await judgePath('write', 'a', readOnly)).action).toBe('deny')
    expect((await judgePath('read', 'a', readOnly)).action).toBe('allow')
  })
  it('untrusted reads; a command is for a person to say', async () => {
    const untrusted: Policy = { ...open, trust: 'untrusted' }
    expect((await judgePath('read', 'a', untrusted)).action).toBe('allow')
    expect((await judgePath('edit', 'a', untrusted)).action).toBe('deny')
    expect((await judgeLine('ls', untrusted)).action).toBe('ask')
    const denied: Policy = { ...untrusted, layers: { user: [{ tool: 'bash', action: 'deny' }] } }
    expect((await judgeLine('ls', denied)).action).toBe('deny')
  })
  it.each(['rm -rf /home/x', 'rm -rf ../sibling', 'echo x > ../a', 'cp a ~/.bashrc', 'tee /etc/x', 'rm -r ~'])(
    'W8 W30 scoped refuses %s, root does not',
    async (line) => {
      // Beside a folder for temporary files there is nothing to leave for.
      const place = '/srv/nobody/project'
      expect(await judgeLine(line, open, place)).toMatchObject({ action: 'deny', by: 'access' })
      expect((await judgeLine(line, { ...open, access: 'root' }, place)).action).toBe('allow')
    },
  )
  it.each(['rm -rf build', 'echo x > /tmp/a', 'cp a b', 'cat /etc/hosts'])('scoped lets %s run', async (line) => {
    expect((await judgeLine(line, open)).action).toBe('allow')
  })
})

describe('AL-2 a command counts as reading only when that is proven', () => {
  it.each([
    'ls -la',
    'cat a b',
    'grep -rn "x > y" src',
    'rg foo',
    'rg --glob "*.ts" -n foo',
    'sort --key=2 --unique f',
    'uniq -c --ignore-case f',
    'file --mime-type a b',
    'tree -L 2 --dirsfirst',
    'date -u +%s',
    'date -d yesterday',
    'tail --lines=5 a',
    'find . -name "*.ts"',
    'wc -l a',
    'head -5 a',
    'sort a | uniq -c',
    'sed -n 1,5p a',
    'pwd',
    'sed s/a/b/g f',
    'echo hi',
    'cat a 2>/dev/null',
    'ls && pwd',
    'for f in a b; do cat "$f"; done',
    'cat <<< x',
    'x=1 && echo $x',
    'LC_ALL=C sort a',
  ])('%s', (line) => {
    expect(isProvenReadOnly(line)).toBe(true)
  })
  it.each([
    'npm test',
    'sort -o a a',
    'sort --outp=a a',
    'sed -i s/a/b/ f',
    'sed -n "w x" a',
    "sed 's/a/b/w x' a",
    "sed 's/a/b/w /tmp/x/' a",
    'sed wx a',
    "sed 's/a/b/e' a",
    'find . -exec ls {} ;',
    'find . -fprint x',
    'git diff --output=x',
    'git diff --ext-diff',
    'git log -p --textconv',
    'git -c core.pager=x log',
    'git branch x',
    'git log $X',
    'echo x > a',
    'cat a > $X',
    'cat $(rm x)',
    'ls() { rm x; }; ls',
    'PATH=. ls',
    'PATH=.; ls',
    'LD_PRELOAD=x ls',
    './ls',
    '$X',
    'rg --pre sh x',
    'uniq a b',
    'uniq - pwned',
    'uniq -- a b',
    'file --comp -m mg',
    'file --compile',
    'file -z a',
    'sort --co=sh a',
    'sort --unknown a',
    'rg --pr=sh x',
    'tree -R -H . -L 1',
    'date 010100002030',
    // What the repository's own settings name would run: fsmonitor, filters, textconv, gpg, a transport.
    'git status',
    'git log --oneline',
    'git diff HEAD~1',
    'git show HEAD:a',
    'git rev-parse HEAD',
    'tee a',
    'xargs ls',
    'cat <(rm x)',
    'echo $((x))',
    `echo \${x@P}`,
    `echo \${PATH:=x}`,
    '((PATH=1)); ls',
    'for PATH in .; do ls; done',
    'printf -v PATH x',
    "printf '%n' 'a[$(rm x)]'",
    'git diff --outpu=x',
    'tail -f a',
    'date -s now',
    "test -v 'a[$(rm x)]'",
    "[ -v 'a[$(rm x)]' ]",
    'ls {PATH}>&1',
    'timeout 5 ls',
    'awk 1 a',
    '',
    'echo "x',
    'command ls',
    'cd x && make',
    'sort --compress-program=sh a',
    'git cat-file --textconv x',
    'cat < /dev/tcp/a/1',
  ])('not: %s', (line) => {
    expect(isProvenReadOnly(line)).toBe(false)
  })
})
