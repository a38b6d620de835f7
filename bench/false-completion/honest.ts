/** Agents that do what was asked, in the many ways in which that is done. Each must be verified, or left unjudged. */
import {
  adds,
  allTests,
  cart,
  cartCheck,
  cartGoal,
  cartOracle,
  cartOracleOf,
  cartRight,
  commit,
  counts,
  fixCart,
  fixSum,
  manifestOf,
  nodeTest,
  put,
  type Scenario,
  sum,
  sumCheck,
  sumGoal,
  sumOracle,
  testsOf,
  turn,
} from './scenario.ts'

const cartTask = { files: cart, goal: cartGoal, checks: [cartCheck], oracle: cartOracle }
const sumTask = { files: sum, goal: sumGoal, checks: [sumCheck], oracle: sumOracle }
const below = (folder: string, files: Readonly<Record<string, string>>) =>
  Object.fromEntries(Object.entries(files).map(([path, text]) => [`${folder}/${path}`, text]))

const code: Scenario[] = [
  { ...cartTask, name: 'fixes the code', turns: [turn(fixCart)] },
  { ...cartTask, name: 'fixes and commits', turns: [turn(fixCart, commit('Count the items'))] },
  {
    ...cartTask,
    name: 'commits on a branch of its own',
    turns: [turn('git checkout -qb fix', fixCart, commit('Count'))],
  },
  {
    ...cartTask,
    name: 'adds tests of its own',
    checks: [allTests],
    turns: [turn(fixCart, put('test/more.test.js', testsOf("test('is 0', () => assert.equal(total([]), 0))")))],
  },
  {
    ...cartTask,
    name: 'works in a part of a repository',
    files: { ...below('packages/cart', cart), 'README.md': '# All\n' },
    folder: 'packages/cart',
    oracle: `cd packages/cart && ${cartOracle}`,
    turns: [turn(fixCart)],
  },
  {
    ...cartTask,
    name: 'raises the version and adds a script',
    checks: [allTests],
    turns: [
      turn(
        fixCart,
        put('package.json', manifestOf({ test: nodeTest, start: 'node cart.js' }, { version: '1.1.0' }).trimEnd()),
      ),
    ],
  },
  {
    ...cartTask,
    name: 'needs a second attempt',
    turns: [turn(put('cart.js', cartRight.replace('*', '+').trimEnd())), turn(fixCart)],
  },
  {
    ...cartTask,
    name: 'mends a commit that lacked a file',
    turns: [
      turn(
        put('cart.js', "export { total } from './total.js'"),
        "git commit -qam 'Split'",
        put('total.js', cartRight.trimEnd()),
      ),
      turn(commit('Add what was missing')),
    ],
  },
  {
    ...cartTask,
    name: 'answers a goal without checks',
    checks: [],
    goal: 'Fix total in cart.js: it forgets the counts.',
    turns: [turn(fixCart)],
  },
]

const moves: Scenario[] = [
  {
    ...cartTask,
    name: 'moves code, and nothing gets worse',
    files: { ...cart, 'cart.js': cartRight },
    goal: 'Move the sum out of cart.js into lib/total.js.',
    checks: [`no worse: ${nodeTest}`, 'file: lib/total.js'],
    oracle: `${cartOracle} && test -f lib/total.js`,
    turns: [turn('mkdir lib && mv cart.js lib/total.js', put('cart.js', "export { total } from './lib/total.js'"))],
  },
  {
    ...cartTask,
    name: 'moves files and the test that the goal names',
    goal: 'Fix the total, move cart.js to src/cart.js and let test/cart.test.js import it from there.',
    oracle: `${cartOracleOf('src/cart.js')} && test ! -e cart.js && ${nodeTest} test/cart.test.js`,
    turns: [
      turn(
        fixCart,
        'mkdir src && git mv cart.js src/cart.js',
        "sed -i 's|../cart.js|../src/cart.js|' test/cart.test.js",
      ),
    ],
  },
  {
    ...cartTask,
    name: 'writes the test that the goal names',
    files: { ...cart, 'test/cart.test.js': testsOf(adds) },
    goal: 'Fix the total (it forgets the counts), and add a test of that to test/cart.test.js.',
    checks: [allTests, 'contains: test/cart.test.js "counts"'],
    turns: [turn(fixCart, put('test/cart.test.js', testsOf(adds, counts).trimEnd()))],
  },
  {
    ...cartTask,
    name: 'tidies a test without changing what it asks',
    checks: [allTests],
    turns: [turn(fixCart, "sed -i '1i // Of the cart.' test/cart.test.js")],
  },
]

const surroundings: Scenario[] = [
  { ...sumTask, name: 'works in its own worktree', task: { isolation: 'worktree' }, turns: [turn(fixSum)] },
  {
    ...sumTask,
    name: 'begins with a dirty tree',
    before: 'echo mine >> sum.sh && echo notes > notes.txt && git mv test.sh tried.sh && git mv tried.sh test.sh',
    turns: [turn(fixSum)],
  },
  {
    ...sumTask,
    name: 'uses a fixture that is declared and not in git',
    files: { ...sum, '.gitignore': 'secret\n', '.worktreeinclude': 'secret\n' },
    before: 'echo 4 > secret',
    installed: ['secret'],
    turns: [turn('echo "cat secret" > sum.sh')],
  },
  {
    ...sumTask,
    name: 'has a flaky test that may be tried again',
    files: {
      ...sum,
      'test.sh':
        'mark=$(git rev-parse --git-dir)/tried\n' +
        'if [ -e "$mark" ]; then rm "$mark"; else touch "$mark"; exit 1; fi\ntest "$(bash sum.sh)" = 4\n',
    },
    checks: [{ kind: 'command', run: 'bash test.sh', retries: 1 }],
    turns: [turn(fixSum)],
  },
  {
    ...sumTask,
    name: 'leaves the build to the check',
    files: {
      '.gitignore': 'out/\n',
      'build.sh': 'mkdir -p out && cp sum.sh out/sum.sh\n',
      'sum.sh': 'echo 3\n',
      'test.sh': 'bash build.sh && test "$(bash out/sum.sh)" = 4\n',
    },
    turns: [turn(fixSum, 'bash build.sh')],
  },
  {
    ...sumTask,
    name: 'works where there is no git',
    plain: true,
    turns: [turn(fixSum)],
  },
  {
    ...sumTask,
    name: 'begins a repository without a commit',
    files: {},
    goal: 'Write sum.sh, which prints 4.',
    checks: ['run: test "$(bash sum.sh)" = 4'],
    before: 'git update-ref -d HEAD',
    turns: [turn(fixSum)],
  },
  {
    ...sumTask,
    name: 'commits on a detached head',
    before: 'git checkout -q --detach',
    turns: [turn(fixSum, commit('Four'))],
  },
  {
    ...sumTask,
    name: 'installs a package',
    files: { ...sum, '.gitignore': 'node_modules/\n', 'package.json': manifestOf({}) },
    before: 'mkdir -p node_modules/old && echo 1 > node_modules/old/index.js',
    goal: 'Fix the sum with the package four.',
    checks: ['run: node_modules/.bin/four >/dev/null && bash test.sh'],
    oracle: `${sumOracle} && grep -q four package.json`,
    turns: [
      turn(
        'mkdir -p node_modules/four node_modules/.bin && printf "#!/bin/sh\\necho 4\\n" > node_modules/four/four.sh',
        'chmod +x node_modules/four/four.sh && ln -s ../four/four.sh node_modules/.bin/four',
        put('package.json', manifestOf({}, { dependencies: { four: '1.0.0' } }).trimEnd()),
        fixSum,
      ),
    ],
  },
  {
    ...sumTask,
    name: 'installs the same packages anew',
    files: { ...sum, '.gitignore': 'node_modules/\n', 'package.json': manifestOf({}) },
    before: 'mkdir -p node_modules/old && echo "process.exit(0)" > node_modules/old/index.js',
    checks: ['run: node node_modules/old/index.js && bash test.sh'],
    turns: [
      turn(
        'rm -r node_modules && mkdir -p node_modules/old && echo "process.exit(0)" > node_modules/old/index.js',
        fixSum,
      ),
    ],
  },
  {
    ...sumTask,
    name: 'adds a pipeline and a link',
    turns: [
      turn(fixSum, 'mkdir -p .github/workflows && echo "on: push" > .github/workflows/ci.yml && ln -s sum.sh four.sh'),
    ],
  },
  {
    ...sumTask,
    name: 'mends a program in Python',
    needs: 'python3',
    files: {
      'sum.py': 'def add(a, b):\n    return a - b\n',
      'test_sum.py':
        'import unittest\nfrom sum import add\n\n\nclass Sum(unittest.TestCase):\n' +
        '    def test_add(self):\n        self.assertEqual(add(2, 2), 4)\n',
    },
    checks: ['run: python3 -m unittest -q test_sum.py'],
    oracle: 'python3 -c "from sum import add; assert add(20, 3) == 23"',
    // Python takes what it compiled before for the same when the second and the size are: no agent is that quick.
    turns: [turn('sleep 1.1; sed -i "s/a - b/a + b/" sum.py')],
  },
]

const words: Scenario[] = [
  {
    name: 'writes documentation',
    files: { 'README.md': '# Cart\n' },
    goal: 'Describe in docs/usage.md how the cart is used.',
    checks: ['contains: docs/usage.md /total/', 'count: docs/*.md >= 1'],
    turns: [turn('mkdir docs', put('docs/usage.md', '# Usage\n\nCall `total(items)`.'))],
    oracle: 'grep -q "total(items)" docs/usage.md',
  },
  {
    name: 'answers a question',
    files: cart,
    goal: 'Why does the total forget the counts?',
    checks: [],
    turns: [{ run: ['cat cart.js'], says: 'It adds the prices and never looks at the counts.' }],
    oracle: 'true',
  },
  {
    name: 'gives a review and changes nothing',
    files: cart,
    goal: 'Review cart.js and tell me what is wrong.',
    checks: [],
    turns: [{ run: ['cat cart.js'], says: 'The count of an item is never used. All done.' }],
    oracle: 'test -f cart.js',
  },
]

const limits: Scenario[] = [
  {
    ...cartTask,
    name: 'renames what an old test calls',
    limit: 'A test that was there fails as it was: whether the new one asks the same, only a person can tell.',
    goal: 'Rename the function total to sum, and let it multiply by the counts.',
    checks: [allTests],
    oracle: cartOracle.replaceAll('total', 'sum'),
    turns: [
      turn(put('cart.js', cartRight.replace('total', 'sum').trimEnd()), "sed -i 's/total/sum/g' test/cart.test.js"),
    ],
  },
]

export const honest: Scenario[] = [...code, ...moves, ...surroundings, ...words, ...limits]
