/**
 * Parses the arguments and picks a command; loads only what that command needs. As a thread it does one job.
 */
import { isMainThread, parentPort, workerData } from 'node:worker_threads'
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import { guarded } from './cli/guarded.ts'
import { inProject } from './cli/in-project.ts'
import { addModelVerbs } from './cli/model-verbs.ts'
import type { Shell } from './cli/program.ts'
import { addSessionVerbs } from './cli/session-verbs.ts'
import { addTextVerbs } from './cli/text-verbs.ts'
import { keepAlive } from './lib/alive.ts'
import type { Job } from './lib/beside.ts'
import { version } from './lib/paths.ts'

const shell: Shell = { env: process.env, cwd: process.cwd() }

type Action = () => Promise<number>

const number = (text: string): number => {
  const value = Number(text)
  if (!Number.isFinite(value) || text.trim() === '') throw new InvalidArgumentError('It must be a number.')
  return value
}
const count = (text: string): number => {
  if (!/^[1-9]\d{0,8}$/.test(text.trim())) throw new InvalidArgumentError('It must be a whole number from 1 on.')
  return Number(text)
}
const several = (text: string, before: string[] = []): string[] => [...before, text]

function build(pick: (action: Action) => void): Command {
  const program = new Command('openloom')
    .description('Supervises coding agents and decides "done" from the file system, never from their word.')
    .version(version)
    .showHelpAfterError('(openloom --help shows what there is)')
    .exitOverride()
  addDaemonVerbs(program, pick)
  addTaskVerbs(program, pick)
  addWorktreeVerbs(program, pick)
  addProofVerbs(program, pick)
  addFlakeVerbs(program, pick)
  addSessionVerbs(program, shell, pick)
  addAskVerbs(program, pick)
  addLoginVerbs(program, pick)
  addTrustVerbs(program, pick)
  addTextVerbs(program, shell, pick)
  addAgentVerbs(program, pick)
  addModelVerbs(program, shell, pick)
  program.addHelpText(
    'after',
    '\nExit codes: 0 ok, 1 failed, 2 wrong use, 3 a person must act, 4 provider, 5 not verified, 130 cancelled',
  )
  return program
}

function addDaemonVerbs(program: Command, pick: (action: Action) => void): void {
  program
    .command('serve')
    .description('run the daemon in the foreground')
    .option('--host <address>', 'address to listen on')
    .option('--port <number>', 'port to listen on', number)
    .option('--allow-remote', 'allow an address that is not loopback')
    .option('--quiet', 'say nothing about tasks')
    .option('--json', 'print events as JSON lines')
    .action((options) => pick(async () => (await import('./cli/serve.ts')).serve(options, shell)))
  program
    .command('init')
    .description('write an openloom.yaml to begin with')
    .option('--path <folder>', 'where')
    .option('--json', 'answer as JSON')
    .action((options) => pick(async () => (await import('./cli/init.ts')).init(options, shell)))
  program
    .command('doctor')
    .description('look at everything the daemon needs')
    .option('--json', 'answer as JSON')
    .action((options) => pick(async () => (await import('./cli/doctor.ts')).doctor(options, shell)))
  program
    .command('deliveries')
    .description('notifications that were given up')
    .option('--replay', 'try them again')
    .option('--json', 'answer as JSON')
    .action((options) => pick(async () => (await import('./cli/deliveries.ts')).deliveries(options, shell)))
  program
    .command('drill [part...]')
    .description('inject what must be caught into the running daemon, and say whether it is')
    .option('--json', 'answer as JSON')
    .action((parts, options) => pick(async () => (await import('./cli/drill.ts')).drill(parts, options, shell)))
  const config = program.command('config').description('the effective settings')
  config
    .command('show')
    .description('every setting')
    .option('--origin', 'with the place it came from')
    .option('--json', 'answer as JSON')
    .action((options) => pick(async () => (await import('./cli/config.ts')).showConfig(options, shell)))
  config
    .command('schema')
    .description('JSON Schema of openloom.yaml and specs/*.yaml')
    .option('--json', 'answer as JSON (it always does)')
    .action(() => pick(async () => (await import('./cli/config.ts')).showSchema()))
}

const resumable = ['resume', 'retry']
const descriptions: Record<string, string> = {
  pause: 'stop a task for now',
  resume: 'let a paused task go on',
  cancel: 'end a task and everything it started',
  retry: 'give an ended task another round of attempts',
  archive: 'put an ended task out of sight',
}

function addTaskVerbs(program: Command, pick: (action: Action) => void): void {
  program
    .command('add [goal]')
    .description('give the daemon a task')
    .option('-w, --workspace <folder>', 'folder to work in (default: this one)')
    .option('-c, --check <line>', 'a check, e.g. "run: npm test"; may be repeated', several)
    .option('--title <text>')
    .option('--runtime <name>')
    .option('--model <name>')
    .option('--worktree', 'work in a git worktree and branch of its own')
    .option('--attempts <number>', 'at most so many attempts', number)
    .option('--minutes <number>', 'at most so many minutes of work', number)
    .option('-f, --file <path>', 'a markdown or YAML task instead of a goal')
    .option('--key <text>', 'Idempotency-Key: the same key twice is one task')
    .option('--json', 'answer as JSON')
    .action((goal, options) => pick(async () => (await import('./cli/add.ts')).add(goal, options, shell)))
  program
    .command('watch [target]')
    .description('run a spec (default: ./openloom.yaml) or follow a task; exits with its outcome')
    .option('--json', 'print the task at the end as JSON')
    .action((target, options) => pick(async () => (await import('./cli/watch.ts')).watch(target, options, shell)))
  program
    .command('status')
    .description('the daemon and its newest tasks')
    .option('--login', 'print a one-time link that logs a browser in')
    .option('--qr', 'with --login: as a QR code too, for a phone')
    .option('--all', 'more tasks')
    .option('--json', 'answer as JSON')
    .action((options) => pick(async () => (await import('./cli/status.ts')).status(options, shell)))
  program
    .command('show <task>')
    .description('one task: what the agent said, what the checks found')
    .option('--json', 'answer as JSON')
    .action((id, options) => pick(async () => (await import('./cli/show.ts')).show(id, options, shell)))
  program
    .command('log [task]')
    .description('the event log')
    .option('-f, --follow', 'go on as events come')
    .option('--json', 'print events as JSON lines')
    .action((id, options) => pick(async () => (await import('./cli/log.ts')).log(id, options, shell)))
  for (const [name, description] of Object.entries(descriptions)) addCommand(program, { name, description, pick })
}

const worktreeVerbs: Record<string, string> = {
  merge: "merge a task's worktree into the branch that is checked out, then let it go",
  keep: "let a task's worktree go and keep its branch",
  drop: "let a task's worktree and branch go; a rescue reference stays",
}

function addWorktreeVerbs(program: Command, pick: (action: Action) => void): void {
  for (const [name, description] of Object.entries(worktreeVerbs)) {
    program
      .command(`${name} <task>`)
      .description(description)
      .option('--ignored', 'also when ignored files go with the folder')
      .option('--json', 'answer as JSON')
      .action((id, options) =>
        pick(async () => (await import('./cli/isolation.ts')).endWorktree(name, id, { options, shell })),
      )
  }
}

function addProofVerbs(program: Command, pick: (action: Action) => void): void {
  const verify = program.command('verify').description('check a task, a receipt or the event log again')
  verify
    .command('task <task>', { isDefault: true })
    .description('run the checks of a task again, now; the word task may be left out')
    .option('--json', 'answer as JSON')
    .action((id, options) => pick(async () => (await import('./cli/verify.ts')).verify(id, options, shell)))
  verify
    .command('session <session>')
    .description('judge what a session did by what its project tests itself with, against the commit it began on')
    .option('--json', 'answer as JSON')
    .action((id, options) => pick(async () => (await import('./cli/verify.ts')).verifySession(id, options, shell)))
  verify
    .command('receipt <file>')
    .description('whether receipts are what was signed; needs no daemon')
    .option('-w, --workspace <folder>', 'whether this folder still is what the newest receipt saw')
    .option('--key <file>', 'public key of the installation that signed (openloom key show)')
    .option('--json', 'answer as JSON')
    .action((file, options) =>
      pick(async () => (await import('./cli/verify-receipt.ts')).verifyReceipt(file, options, shell)),
    )
  verify
    .command('log')
    .description('whether the event log is what was written')
    .option('--json', 'answer as JSON')
    .action((options) => pick(async () => (await import('./cli/verify-log.ts')).verifyLog(options, shell)))
  program
    .command('accept <task>')
    .description('accept that the work changed what judges it; shows the change first')
    .option('--yes', 'accept what is shown')
    .action((id, options) => pick(async () => (await import('./cli/accept.ts')).accept(id, options, shell)))
  program
    .command('receipts [task]')
    .description('the signed receipts of verdicts')
    .option('--export <file>', 'write them to a file, with the keys that check them')
    .option('--json', 'answer as JSON')
    .action((id, options) => pick(async () => (await import('./cli/receipts.ts')).receipts(id, options, shell)))
  const key = program.command('key').description('the key that signs receipts')
  key
    .command('show')
    .description('the public key; former ones too')
    .option('--json', 'answer as JSON')
    .action((options) => pick(async () => (await import('./cli/key.ts')).showKey(options, shell)))
  key
    .command('rotate')
    .description('sign with a new key from now on')
    .option('--json', 'answer as JSON')
    .action((options) => pick(async () => (await import('./cli/key.ts')).rotateKey(options, shell)))
}

function addFlakeVerbs(program: Command, pick: (action: Action) => void): void {
  const load = () => import('./cli/flakes.ts')
  const flakes = program
    .command('flakes')
    .description('checks that are tried again, and how often their results differed')
    .option('--json', 'answer as JSON')
    .action((options) => pick(async () => (await load()).listFlakes(options, shell)))
  flakes
    .command('quarantine <check>')
    .description('let its failure refute nothing for some days')
    .requiredOption('--owner <name>', 'who answers for it')
    .requiredOption('--days <number>', 'until it counts again, at most 90', number)
    .option('--why <text>', 'what is known about it')
    .option('--json', 'answer as JSON')
    .action((id, _, verb) => pick(async () => (await load()).quarantineFlake(id, verb.optsWithGlobals(), shell)))
  flakes
    .command('release <check>')
    .description('let it count again')
    .option('--json', 'answer as JSON')
    .action((id, _, verb) => pick(async () => (await load()).releaseFlake(id, verb.optsWithGlobals(), shell)))
}

function addLoginVerbs(program: Command, pick: (action: Action) => void): void {
  const load = () => import('./cli/logins.ts')
  const logins = program
    .command('logins')
    .description('browsers that are signed in')
    .option('--json', 'answer as JSON')
    .action((options) => pick(async () => (await load()).listLogins(options, shell)))
  logins
    .command('end [id]')
    .description('sign a browser out, as one that is lost')
    .option('--all', 'every browser')
    .option('--json', 'answer as JSON')
    .action((id, _, verb) => pick(async () => (await load()).endLogins(id, verb.optsWithGlobals(), shell)))
}

function addTrustVerbs(program: Command, pick: (action: Action) => void): void {
  const load = () => import('./cli/trust.ts')
  const trust = program
    .command('trust [folder]')
    .description('trust a folder (default: this one): agents work there, and its own rules are taken')
    .addOption(new Option('--read-only', 'agents only read there').conflicts('untrusted'))
    .option('--untrusted', 'agents only read there, and ask before each command')
    .option('--root', 'agents reach paths outside of it, too')
    .option('--json', 'answer as JSON')
    .action((folder, options) => pick(async () => (await load()).trust(folder, options, shell)))
  trust
    .command('list')
    .description('what was said about folders')
    .option('--json', 'answer as JSON')
    .action((_, verb) => pick(async () => (await load()).listTrust(verb.optsWithGlobals(), shell)))
}

function addAskVerbs(program: Command, pick: (action: Action) => void): void {
  const load = () => import('./cli/asks.ts')
  program
    .command('asks')
    .description('what sessions ask: permissions, questions and plans')
    .option('--all', 'answered ones too')
    .option('--grants', 'what was allowed for good instead')
    .option('--revoke <grant>', 'take a grant back')
    .option('--json', 'answer as JSON')
    .action((options) => pick(async () => (await load()).asks(options, shell)))
  program
    .command('approve <ask>')
    .description('allow what is asked, once; have a plan carried out')
    .option('--always', 'allow exactly this, in this folder, from now on')
    .option('--fresh', 'of a plan: carried out in a session of its own')
    .option('--json', 'answer as JSON')
    .action((id, options) => pick(async () => (await load()).approve(id, options, shell)))
  program
    .command('deny <ask>')
    .description('deny a permission, refuse to answer a question, reject a plan')
    .option('--message <text>', 'what the agent is told')
    .option('--json', 'answer as JSON')
    .action((id, options) => pick(async () => (await load()).deny(id, options, shell)))
  program
    .command('answer <ask> <choice...>')
    .description('answer a question: one argument a question, an option or your own words; of a plan: what to change')
    .option('--json', 'answer as JSON')
    .action((id, texts, options) => pick(async () => (await load()).answer(id, texts, { options, shell })))
  program
    .command('usage')
    .description('tokens and cost')
    .option('--by <group>', 'model (default), task, session, workspace or day')
    .option('--since <instant>', 'today, yesterday, week, month, 24h, 7d or a date')
    .option('--until <instant>', 'the same')
    .option('--json', 'answer as JSON')
    .action((options) => pick(async () => (await import('./cli/usage.ts')).usage(options, shell)))
}

interface CommandVerb {
  name: string
  description: string
  pick: (action: Action) => void
}

function addCommand(program: Command, { name, description, pick }: CommandVerb): void {
  const verb = program.command(`${name} <task>`).description(description).option('--json', 'answer as JSON')
  if (resumable.includes(name)) {
    verb
      .option('--minutes <number>', 'new limit', number)
      .option('--attempts <number>', 'new limit', number)
      .option('--tool-calls <number>', 'new limit', number)
      .option('--tokens <number>', 'new limit', number)
  }
  verb.action((id, options) =>
    pick(async () => (await import('./cli/command.ts')).command(name, id, { options, shell })),
  )
}

function addAgentVerbs(program: Command, pick: (action: Action) => void): void {
  program
    .command('run')
    .description('one run of the built-in agent in this folder, without a daemon')
    .option('-p, --prompt <text>', 'what to do; what comes through a pipe stands behind it')
    .option('--agent <profile>', 'build or plan')
    .option('--model <name>', 'provider/model or model')
    .option('--max-steps <number>', 'at most so many model calls', count)
    .option('--allow <rule>', 'e.g. "bash(npm test*)"; may be repeated', several)
    .option('--deny <rule>', 'the same, forbidden', several)
    .addOption(new Option('--session <id>', 'go on in an earlier session').conflicts('continue'))
    .option('--continue', 'go on in the last session of this folder')
    .option('--output-schema <file>', 'JSON Schema that the answer must fit')
    .addOption(new Option('--json', 'one JSON object at the end').conflicts('streamJson'))
    .option('--stream-json', 'events as JSON lines')
    .action((options) => pick(async () => (await import('./cli/run.ts')).run(options, shell)))
  program
    .command('chat [folder]')
    .description('talk with the built-in agent in a folder (default: this one), without a daemon')
    .option('--agent <profile>', 'build or plan')
    .option('--model <name>', 'provider/model or model')
    .option('--allow <rule>', 'e.g. "bash(npm test*)": not asked for; may be repeated', several)
    .option('--deny <rule>', 'the same, forbidden', several)
    .addOption(new Option('--session <id>', 'go on in an earlier session').conflicts('continue'))
    .option('--continue', 'go on in the last session of this folder')
    .action((folder, options) => pick(async () => (await import('./cli/chat.ts')).chat(folder, options, shell)))
  program
    .command('scripted-model <file>')
    .description('serve a script as a model, for tests and demonstrations')
    .option('--port <number>', 'port to listen on', number)
    .option('--log <file>', 'write each request as a JSON line')
    .action((file, options) =>
      pick(async () => (await import('./cli/scripted-model.ts')).scriptedModel(file, options, shell)),
    )
}

async function main(): Promise<number> {
  const chosen: Action[] = []
  try {
    await build((action) => chosen.push(action)).parseAsync(process.argv)
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
    throw error
  }
  const [action] = chosen
  return action ? keepAlive(guarded(() => inProject(shell, action))) : 2
}

/** The other side of lib/beside.ts. */
async function doJob(job: Job): Promise<unknown> {
  if (job.kind === 'page') return (await import('./agent/tools/web-page.ts')).readPage(job)
  if (job.kind === 'outline') return (await import('./skills/outline.ts')).outlineOf(String(job.text))
  const [{ grammar }, { dispatchText }] = await Promise.all([import('./config.ts'), import('./inbox/dispatch.ts')])
  return dispatchText(String(job.text), grammar)
}

// `openloom … | head`: the reader has enough, which is no fault.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1))

if (isMainThread) process.exitCode = await main()
else parentPort?.postMessage(await doJob(workerData as Job))
