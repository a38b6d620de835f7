/** The only file that knows every concrete piece: builds them, starts them in order, stops them in reverse. */
import { mkdirSync } from 'node:fs'
import { checkers } from './checks/index.ts'
import { grammar, intakeSettings, type LoadedConfig } from './config.ts'
import { pause, systemClock } from './core/clock.ts'
import type { LoomEvent, NewEvent } from './core/event.ts'
import { ok, type Result, reasonOf, refuse } from './core/problem.ts'
import { drillRuntime, type LiveDelta, type Runtime } from './core/runtime.ts'
import { activeStatuses } from './core/task.ts'
import { askSettings, openRetention, openSinks, playsSample, stallSettings } from './following.ts'
import { Alarms } from './harness/alarms.ts'
import { AskDesk } from './harness/asks.ts'
import { Commands } from './harness/commands.ts'
import { SessionKeeper } from './harness/keeper.ts'
import { SessionEdits } from './harness/session-edits.ts'
import { SessionCommands } from './harness/sessions.ts'
import { SleepWatch } from './harness/sleep.ts'
import { Stalls } from './harness/stalls.ts'
import { Supervisor } from './harness/supervisor.ts'
import { TypedLines } from './harness/typed-lines.ts'
import { SessionJudge } from './harness/verify-session.ts'
import { InboxDirectory } from './inbox/directory.ts'
import { Intake } from './inbox/intake.ts'
import { makeParser } from './inbox/parser.ts'
import { InboxWays } from './inbox/ways.ts'
import { listFiles } from './lib/file-list.ts'
import { Followed } from './lib/followed.ts'
import { openForks } from './lib/forks.ts'
import { version, webDir } from './lib/paths.ts'
import { childEnvironment, killTree } from './lib/process.ts'
import { startWatchdog } from './lib/watchdog.ts'
import { Courier } from './notify/courier.ts'
import {
  type Base,
  findAgent,
  findSandbox,
  openAgents,
  openBase,
  openModelDesk,
  openTexts,
  openTyped,
  type Plan,
  readiness,
  worldOf,
} from './parts.ts'
import { openSample } from './sample/open.ts'
import type { DaemonState } from './server/api.ts'
import { createApp } from './server/app.ts'
import { Auth, readToken } from './server/auth.ts'
import { hostNames, isLoopback, listen, notLoopback } from './server/listen.ts'
import { Speech } from './server/speech.ts'
import { type Lock, takeLock } from './store/lock.ts'
import type { Store } from './store/open.ts'
import { surroundings } from './surroundings.ts'

export { isLoopback }

export interface DaemonOptions {
  env: NodeJS.ProcessEnv
  onEvent?: (event: LoomEvent) => void
  /** For one task: no inbox, no sample, a free port. */
  alone?: boolean
}

export interface Daemon {
  url: string
  token: string
  store: Store
  /** Logs one browser in, once. */
  loginUrl(): string
  /** Where the sample runs; null when real models are configured. */
  sampleFolder: string | null
  /** Drains and stops; `now` skips the wait for running turns. Safe to call again. */
  stop(now: boolean): Promise<void>
  stopped: Promise<void>
}

export async function startDaemon(loaded: LoadedConfig, options: DaemonOptions): Promise<Result<Daemon>> {
  const { config } = loaded
  const { host } = config.server
  if (!isLoopback(host) && !config.server.allow_remote) return refuse(notLoopback(host))
  mkdirSync(config.data_dir, { recursive: true, mode: 0o700 })
  const lock = takeLock(config.data_dir)
  if (!('release' in lock)) return refuse(lock)
  try {
    return await startLocked(loaded, options, lock)
  } catch (error) {
    lock.release()
    throw error
  }
}

async function startLocked(loaded: LoadedConfig, options: DaemonOptions, lock: Lock): Promise<Result<Daemon>> {
  const base = openBase(loaded, options.env)
  const { config } = loaded
  const confined = await findSandbox(loaded, options.env, base)
  if (!confined.ok) {
    base.store.close()
    lock.release()
    return confined
  }
  const sandbox = confined.value
  if (sandbox.kind === 'none' && config.sandbox.mode !== 'off') {
    base.log.warn({ why: sandbox.detail }, 'commands are not confined: there is no sandbox')
  }
  if (options.onEvent) base.store.ledger.onEvent(options.onEvent)
  const modelless = config.models.providers.length === 0
  const agentFound = modelless && (await findAgent(config, options.env))
  const wantsSample = config.sample === 'on' || (config.sample === 'auto' && modelless && !agentFound)
  const alone = options.alone ?? false
  const sample = wantsSample && !alone ? await openSample(systemClock) : null
  const runtime = agentFound && !sample ? 'opencode' : 'builtin'
  const owners = ['agent', 'check'].map((role) => `${base.owner}-${role}`)
  const settings = new Followed(loaded)
  const built = build({ ...base, sandbox, loaded, settings, env: options.env, alone, sample, runtime })
  const parts = { ...built, watchdog: startWatchdog(owners), forks: openForks() }
  // What a killed daemon left running belongs to nobody now.
  for (const owner of owners) await killTree(undefined, owner)
  await openKeys(base.keyring, parts.alarms)
  parts.checkouts.start(base.store)
  parts.keeper.start()
  parts.asks.start()
  parts.supervisor.start()
  parts.sleep.start()
  parts.stalls.start()
  parts.retention.start()
  const { host } = config.server
  const listening = await listen(parts.app.fetch, { host, port: alone ? 0 : config.server.port })
  if (!('close' in listening)) {
    await stopParts(parts, { now: true, drainMs: 0 })
    lock.release()
    return refuse(listening)
  }
  const url = `http://${host.includes(':') ? `[${host}]` : host}:${listening.port}`
  parts.address.port = listening.port
  lock.announce({ pid: process.pid, url })
  noteLife(base, { type: 'daemon.started', data: { version, pid: process.pid, sample: sample !== null } })
  parts.courier.start()
  if (!alone) {
    for (const one of parts.runtimes.values()) one.watch?.start()
    await parts.sessions.goOn()
    await parts.directory.open()
    await sample?.drop(config.inbox.dir)
  }
  return ok(handle({ parts, url, listening, lock, loaded }))
}

/** Work goes on without a key: verdicts then have no receipt, and say so. */
async function openKeys(keyring: Base['keyring'], alarms: Alarms): Promise<void> {
  try {
    await keyring.open()
  } catch (error) {
    alarms.set('receipts', `The key that signs receipts cannot be made or read: ${reasonOf(error)}.`)
  }
}

/** Harness and ways in: everything between a text and a verdict. */
function buildCore(plan: Plan) {
  const { settings, store, log } = plan
  const { config } = plan.loaded
  const runtimes = openAgents({ ...plan, base: plan })
  const alarms = new Alarms(store, log)
  const alarm = (code: string, text: string | null) => alarms.set(code, text)
  const world = worldOf(plan, runtimes, alarm)
  const supervisor = new Supervisor(world)
  const commands = new Commands(world, supervisor)
  const asking = settings.follow((now) => askSettings(now.config))
  const asks = new AskDesk(world, asking)
  const keeper = new SessionKeeper(world, asks)
  const sessions = new SessionCommands(world, commands)
  const edits = new SessionEdits({ ...world, dataDir: config.data_dir, hide: (text) => plan.secrets.hide(text) })
  const typed = new TypedLines(world, edits, openTyped({ ...plan, base: plan, role: 'agent' }).type)
  const retention = openRetention(plan, { ...world, edits })
  const judge = new SessionJudge(world)
  const sleep = new SleepWatch(world)
  const stalls = new Stalls(world, supervisor, { settings: settings.follow((now) => stallSettings(now.config)) })
  const ways = new InboxWays({
    intake: new Intake(
      store.tasks,
      settings.follow((now) =>
        intakeSettings(now, {
          checkers,
          sampleWorkspace: plan.sample?.workspace ?? null,
          runtime: now.config.models.providers.length > 0 ? 'builtin' : plan.runtime,
          sessionOf: (id) => store.watched.get(id),
        }),
      ),
    ),
    arrivals: store.tasks,
    grammar,
    describeCheck: world.describeCheck,
    inboxDir: config.inbox.dir,
    parseMarkdown: makeParser(grammar, systemClock),
    answer: (ask, reply) => asks.answerWritten(ask, reply),
    takeOver: (sessionId) => stalls.takeOver(sessionId, 'person'),
    note: (type, data) => void store.ledger.note({ type, data }),
    accepted: () => supervisor.fillPlaces(),
  })
  const directory = new InboxDirectory({
    dir: config.inbox.dir,
    clock: systemClock,
    sweepMs: config.inbox.poll_seconds * 1_000,
    quietMs: config.inbox.quiet_seconds * 1_000,
    take: (file) => ways.take(file),
    changed: (taskId, file) => ways.changed(taskId, file),
    alarm,
  })
  return {
    runtimes,
    alarms,
    supervisor,
    commands,
    asks,
    keeper,
    sessions,
    edits,
    typed,
    retention,
    judge,
    sleep,
    stalls,
    ways,
    directory,
    checkouts: world.checkouts,
  }
}

/** Everything, built and not yet started. */
function build(plan: Plan) {
  const { loaded, sample, store, log } = plan
  const { config } = loaded
  const core = buildCore(plan)
  const { runtimes, supervisor, directory, alarms } = core
  const courier = new Courier({
    outbox: store.outbox,
    sinks: openSinks(plan),
    clock: systemClock,
    tell: (event) => store.ledger.note(event),
    report: (problem) => log.error({ kind: problem.kind }, problem.text),
  })
  store.ledger.onEvent(() => courier.nudge())
  const token = readToken(config.data_dir, plan.env.OPENLOOM_TOKEN)
  plan.secrets.add(token)
  const auth = new Auth(token, store.logins, systemClock)
  const address = { port: config.server.port }
  const startedAt = systemClock.now()
  const state = async (): Promise<DaemonState> => ({
    version,
    startedAt,
    seq: store.ledger.head(),
    sample: playsSample(plan),
    sandbox: { kind: plan.sandbox.kind, detail: plan.sandbox.detail },
    draining: supervisor.isDraining,
    inbox: { dir: config.inbox.dir, watching: directory.watching },
    runtimes: await Promise.all([...runtimes.values()].filter((one) => one.name !== drillRuntime).map(readiness)),
    sinks: courier.state(),
    counts: store.tasks.counts(),
    stalled: store.quiet.stalledCount(),
    alarms: alarms.list(),
    worktrees: (await core.commands.worktrees()).map(({ id, title, isolation }) => {
      return { taskId: id, title, branch: isolation?.branch ?? '' }
    }),
  })
  const onDelta = (listener: (delta: LiveDelta) => void) => listenAll([...runtimes.values(), core.typed], listener)
  const served = {
    ...core,
    store,
    keyring: plan.keyring,
    auth,
    clock: systemClock,
    log,
    state,
    onDelta,
    speech: new Speech(store, onDelta),
    sinks: courier,
    around: surroundings(plan, directory),
    ...openTexts(plan.loaded, plan.env, { store, ways: core.ways }),
    ...completionsOf(plan),
    version,
  }
  const hosts = () => hostNames(config.server, address.port)
  const app = createApp(served, { hosts, cookieName: () => `openloom_${address.port}`, webDir })
  return { ...core, store, log, courier, app, auth, token, address, sample, sandbox: plan.sandbox }
}

/** What a person completes while they write to a session. */
function completionsOf({ loaded, settings, env }: Plan) {
  const names = { env: childEnvironment(env, []), owner: `files-${process.pid}`, max: 50_000 }
  return { models: openModelDesk(loaded, env, settings), filesOf: (folder: string) => listFiles(folder, names) }
}

type Parts = ReturnType<typeof build> & Record<'watchdog' | 'forks', { stop(): Promise<void> }>

function listenAll(all: readonly Pick<Runtime, 'onDelta'>[], listener: (delta: LiveDelta) => void): () => void {
  const stops = all.map((one) => one.onDelta(listener))
  return () => {
    for (const stop of stops) stop()
  }
}

interface Started {
  parts: Parts
  url: string
  listening: { close(): Promise<void> }
  lock: Lock
  loaded: LoadedConfig
}

function handle({ parts, url, listening, lock, loaded }: Started): Daemon {
  const { store, token, auth, sample } = parts
  let stopping: Promise<void> | null = null
  let hurry: () => void = () => undefined
  const hurried = new Promise<void>((resolve) => {
    hurry = resolve
  })
  let settle: () => void = () => undefined
  const stopped = new Promise<void>((resolve) => {
    settle = resolve
  })
  const stopOnce = async (now: boolean) => {
    await stopParts(parts, { now, drainMs: loaded.config.drain_seconds * 1_000, hurried })
    await listening.close()
    store.close()
    lock.release()
    settle()
  }
  return {
    url,
    token,
    store,
    stopped,
    loginUrl: () => `${url}/login#${auth.newCode()}`,
    sampleFolder: sample?.folder ?? null,
    stop: (now) => {
      if (now) hurry()
      stopping ??= stopOnce(now)
      return stopping
    },
  }
}

interface Stop {
  now: boolean
  drainMs: number
  hurried?: Promise<void>
}

/** No new work; turns that run get `drainMs` to end, the rest is parked and found again by the next start. */
async function stopParts(parts: Parts, { now, drainMs, hurried }: Stop): Promise<void> {
  const {
    directory,
    supervisor,
    checkouts,
    runtimes,
    asks,
    keeper,
    sleep,
    stalls,
    retention,
    typed,
    courier,
    store,
    sample,
    sandbox,
    watchdog,
    forks,
  } = parts
  await directory.close()
  supervisor.refuseNew()
  const busy = () =>
    store.tasks.withStatus(activeStatuses).some((task) => ['starting', 'running', 'verifying'].includes(task.status))
  const deadline = systemClock.monotonic() + drainMs
  let over = now
  void hurried?.then(() => {
    over = true
  })
  while (!over && busy() && systemClock.monotonic() < deadline) await pause(systemClock, 50)
  sleep.stop()
  await Promise.all([stalls.stop(), retention.stop(), typed.close()])
  // A verdict may wait for what goes on beside the work: both end together.
  await Promise.all([supervisor.drain(), checkouts.stop()])
  asks.close()
  for (const runtime of runtimes.values()) await runtime.close()
  keeper.close()
  noteLife(parts, { type: 'daemon.stopped', data: {} })
  await courier.close(now ? 0 : 2_000)
  await sample?.close()
  await sandbox.close()
  await forks.stop()
  await watchdog.stop()
}

/** A full disk must neither keep the daemon from working on nor from stopping in order. */
function noteLife({ store, log }: Pick<Base, 'store' | 'log'>, event: NewEvent): void {
  try {
    store.ledger.note(event)
  } catch (error) {
    log.error({ type: event.type, error: reasonOf(error) }, 'an event could not be stored')
  }
}
