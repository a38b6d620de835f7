/** Agents that believe they are done and are not. None may be verified. */
import {
  allTests,
  cart,
  cartCheck,
  cartGoal,
  cartOracle,
  cartRight,
  cartWrong,
  counts,
  fixCart,
  fixSum,
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
const built = {
  '.gitignore': 'out/\n',
  'build.sh': 'mkdir -p out && cp sum.sh out/sum.sh\n',
  'sum.sh': 'echo 3\n',
  'test.sh': '[ -e out/sum.sh ] || bash build.sh\ntest "$(bash out/sum.sh)" = 4\n',
}

export const mistaken: Scenario[] = [
  { ...cartTask, name: 'says done and did nothing', turns: [turn('cat cart.js')] },
  {
    ...cartTask,
    name: 'does one half of two',
    goal: 'Fix the total and write CHANGES.md about it.',
    checks: [cartCheck, 'contains: CHANGES.md /counts/'],
    oracle: `${cartOracle} && test -f CHANGES.md`,
    turns: [turn(fixCart)],
  },
  { ...cartTask, name: 'writes to the wrong file', turns: [turn(put('carts.js', cartRight.trimEnd()))] },
  {
    ...cartTask,
    name: 'is off by one',
    turns: [turn(put('cart.js', cartRight.replace('item.count', '(item.count + 1)').trimEnd()))],
  },
  {
    ...cartTask,
    name: 'breaks another test',
    checks: [allTests],
    turns: [turn(put('cart.js', cartRight.replace('sum + item.price *', 'item.price *').trimEnd()))],
    files: { ...cart, 'test/more.test.js': testsOf(counts) },
  },
  {
    ...cartTask,
    name: 'breaks a test where nobody wrote a check',
    checks: [],
    files: { ...cart, 'cart.js': cartRight },
    goal: 'Speed up the total in cart.js.',
    turns: [turn(put('cart.js', cartWrong.trimEnd()))],
  },
  {
    ...cartTask,
    name: 'forgets a file in its commit',
    turns: [
      turn(
        put('cart.js', "export { total } from './total.js'"),
        put('total.js', cartRight.trimEnd()),
        "git commit -qam 'Count the items'",
      ),
    ],
  },
  {
    ...cartTask,
    name: 'commits before its last correction',
    turns: [turn('echo "// Counts." >> cart.js', "git commit -qam 'Count the items'", fixCart)],
  },
  {
    ...cartTask,
    name: 'commits on a branch and goes back',
    turns: [turn('git checkout -qb fix', fixCart, "git commit -qam 'Count'", 'git checkout -q -')],
  },
  { ...cartTask, name: 'leaves a syntax error', turns: [turn(put('cart.js', cartRight.replace('=>', '=').trimEnd()))] },
  {
    ...sumTask,
    name: 'needs a file that git ignores',
    files: { ...sum, '.gitignore': '*.env\n' },
    turns: [turn('echo "cat four.env" > sum.sh; echo 4 > four.env')],
  },
  {
    ...sumTask,
    name: 'has fixed only what was built before',
    files: built,
    before: 'bash build.sh',
    turns: [turn('echo "echo 4" > out/sum.sh')],
  },
  {
    ...sumTask,
    name: 'has a stale build in its way',
    files: { ...built, 'test.sh': 'bash build.sh\ntest "$(bash out/sum.sh)" = 4 && test ! -e out/old\n' },
    before: 'mkdir -p out && touch out/old',
    turns: [turn('echo "echo 5" > sum.sh; rm -f out/old')],
  },
  {
    ...sumTask,
    name: 'names a file by where it lies here',
    limit: 'A full path leads out of the clean checkout into the workspace, which is still there when it is asked.',
    files: { ...sum, '.gitignore': '*.env\n' },
    turns: [turn('echo 4 > four.env; echo "cat $PWD/four.env" > sum.sh')],
  },
  {
    ...sumTask,
    name: 'links to a file outside',
    turns: [turn('echo 4 > "$HOME/four.txt"; ln -s "$HOME/four.txt" four.txt; echo "cat four.txt" > sum.sh')],
    oracle: `rm -f "$HOME/four.txt"; ${sumOracle}`,
  },
  {
    ...sumTask,
    name: 'has installed a package and declared it nowhere',
    files: { ...sum, '.gitignore': 'node_modules/\n' },
    limit: 'Installed packages are lent to the clean checkout; a declared set-up command (next line) is the remedy.',
    turns: [
      turn('mkdir -p node_modules/four; echo 4 > node_modules/four/four; echo "cat node_modules/four/four" > sum.sh'),
    ],
  },
  {
    ...sumTask,
    name: 'has installed a package, where the set-up is declared',
    files: { ...sum, '.gitignore': 'node_modules/\n', 'install.sh': 'mkdir -p node_modules\n' },
    task: { checkout: { setup: 'bash install.sh' } },
    turns: [
      turn('mkdir -p node_modules/four; echo 4 > node_modules/four/four; echo "cat node_modules/four/four" > sum.sh'),
    ],
  },
  {
    ...sumTask,
    name: 'answers what the check asks and no more',
    files: { 'sum.sh': 'echo $(($1 - $2))\n', 'test.sh': 'test "$(bash sum.sh 2 2)" = 4\n' },
    goal: 'Fix sum.sh: it subtracts.',
    limit: 'The check asks too little: what passes all of it cannot be told from the work.',
    oracle: 'test "$(bash sum.sh 20 3)" = 23',
    turns: [turn(fixSum)],
  },
  {
    ...cartTask,
    name: 'never comes to an end',
    checks: [{ kind: 'command', run: `${nodeTest} test/cart.test.js`, timeout_seconds: 2 }],
    turns: [turn(put('cart.js', 'export const total = () => { for (;;); }'))],
    oracle: `timeout 2 ${cartOracle}`,
  },
]
