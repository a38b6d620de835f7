/** What of the settings is in use as soon as it changes: read anew by whom it concerns. The rest needs a new start. */

import { createSource, type ModelSource } from './agent/providers/index.ts'
import { openaiSchema } from './agent/providers/openai.ts'
import { type Config, type LoadedConfig, toPath } from './config.ts'
import { systemClock } from './core/clock.ts'
import { drillRuntime } from './core/runtime.ts'
import type { Sink } from './core/sink.ts'
import { Retention, type RetentionWorld } from './harness/retention.ts'
import type { World } from './harness/world.ts'
import type { Followed } from './lib/followed.ts'
import { newId } from './lib/id.ts'
import type { Secrets } from './lib/log.ts'
import { createSinks } from './notify/index.ts'
import type { Sample } from './sample/open.ts'
import type { Store } from './store/open.ts'
import { SecretStore } from './store/secrets.ts'

export type FollowedConfig = Followed<LoadedConfig>

interface Following {
  settings: FollowedConfig
  store: Store
  /** For one task alone. */
  alone: boolean
  sample: Sample | null
}

interface ProviderOptions {
  sample: Sample | null
  env: NodeJS.ProcessEnv
  mask: Secrets
}

export function openProviders(settings: FollowedConfig, { sample, env, mask }: ProviderOptions): ModelSource[] {
  const { data_dir, keychain } = settings.now.config
  const stored = new SecretStore(data_dir, { keychain, mask })
  const secret = (name: string) => stored.read(name)
  // What a provider has learnt of its models stays with it.
  const made = new Map<string, ModelSource>()
  return settings.follow(({ config: { models } }) => {
    const configs = [...models.providers, ...(sample ? [openaiSchema.parse(sample.provider)] : [])]
    return configs.map((config) => {
      const key = JSON.stringify(config)
      const source = made.get(key) ?? createSource(config, { clock: systemClock, env, secret })
      made.set(key, source)
      return source
    })
  })
}

export function openSinks(plan: Following): Sink[] {
  const { settings, store } = plan
  const now = settings.follow((loaded) => new Map(sinksOf(loaded, plan).map((sink) => [sink.id, sink])))
  return sinksOf(settings.now, plan).map(
    (sink): Sink => ({
      ...sink,
      wants: (event) =>
        (now.get(sink.id) ?? sink).wants(event) &&
        // Nobody is to be woken by a drill.
        !(event.taskId && store.tasks.get(event.taskId)?.runtime === drillRuntime),
    }),
  )
}

/** What no sink of now has delivered is kept. */
export function openRetention(plan: Following, world: Omit<RetentionWorld, 'dataDir' | 'sinks'>): Retention {
  const { settings } = plan
  const here = { dataDir: settings.now.config.data_dir, sinks: sinksOf(settings.now, plan) }
  return new Retention(
    { ...world, ...here },
    settings.follow((now) => ({ ...now.config.retention })),
  )
}

export function sinksOf(loaded: LoadedConfig, { alone, sample }: Omit<Following, 'store'>): Sink[] {
  const { sinks } = loaded.config.notify
  const demo = sample
    ? [{ kind: 'file' as const, name: 'sample', dir: sample.notificationsDir, events: ['*'], prefix: '' }]
    : []
  const placed = [...sinks, ...demo].map((sink) =>
    sink.kind === 'file' ? { ...sink, dir: toPath(sink.dir, loaded) } : sink,
  )
  return createSinks(alone ? sinks : placed, { clock: systemClock })
}

export function harnessSettings({ settings, alone }: Following): World['settings'] {
  // For one task: what else lies in the store waits for the daemon.
  const after = alone ? newId('t', systemClock.now()) : ''
  return settings.follow(({ config: { concurrency, defaults, sources } }) => ({
    concurrency,
    after,
    attemptsMax: defaults.limits.attempts ?? 3,
    mustFailFirst: defaults.must_fail_first,
    baseMs: defaults.base_seconds * 1_000,
    protect: defaults.protect,
    checkout: defaults.checkout,
    projectChecks: defaults.project_checks,
    proposeChecks: defaults.propose_checks,
    commitTrailer: defaults.commit_trailer,
    waitForBase: defaults.wait_for_base,
    afterCrash: defaults.after_crash,
    runsCommands: (source) => sources[source === 'sample' ? 'inbox' : source].commands !== 'none',
    backoff: { firstMs: 2_000, factor: 2, maxMs: 300_000 },
    reconcileMs: defaults.check_interval_minutes * 60_000,
  }))
}

export function stallSettings({ stale_busy, defaults }: Config) {
  const { checks, every_seconds, after_seconds } = stale_busy
  const afterMs = after_seconds === undefined ? null : after_seconds * 1_000
  return { everyMs: every_seconds * 1_000, checks, afterMs, onHang: defaults.on_hang }
}

export const askSettings = ({ defaults }: Config) => ({
  ask: defaults.ask,
  deadlineMinutes: defaults.ask_deadline_minutes,
})

/** Whether there is nothing to work with but the script of the sample. */
export const playsSample = ({ sample, settings }: Following): boolean =>
  sample !== null && (settings.now.config.sample === 'on' || settings.now.config.models.providers.length === 0)
