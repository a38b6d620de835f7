/**
 * The few changes of the user's settings file that the page may ask for: each is shown first, written only while the
 * file is what was seen, and in use at once. It writes no other file.
 */
import { isDeepStrictEqual } from 'node:util'
import { detectProviders } from './agent/providers/detect.ts'
import { type Config, type LoadedConfig, loadConfig, settingsBytesMax } from './config.ts'
import { systemClock } from './core/clock.ts'
import { ok, type Result, refuse } from './core/problem.ts'
import { sinksOf } from './following.ts'
import { isRecord } from './inbox/keys.ts'
import { oneByOne } from './lib/one-by-one.ts'
import { changedSince, readSeen, writeSeen } from './lib/seen-file.ts'
import { parseYaml } from './lib/yaml.ts'
import { dropYaml, lineChange, putYaml, type YamlPath } from './lib/yaml-edit.ts'
import type { Plan } from './parts.ts'
import type { SettingAsked, SettingChange, SettingWritten, SinkFilter } from './server/api.ts'

export const openCodeName = 'OpenCode'

/** Where in the file, and which setting follows; null: the line goes. */
interface Edit {
  path: YamlPath
  value: string | number | object | null
  setting: string
  holds(config: Config): boolean
}

interface Prepared {
  change: SettingChange
  edit: Edit
  text: string
  /** Of the file as it is; null: there is none yet. */
  seen: string | null
}

/** How it is told that there was no file. */
const noFile = 'none'

export class SettingChanges {
  private readonly plan: Plan
  /** Each begins from what the one before has written. */
  private readonly inTurn = oneByOne()

  constructor(plan: Plan) {
    this.plan = plan
  }

  async preview(asked: SettingAsked): Promise<Result<SettingChange>> {
    const prepared = await this.prepare(asked)
    return prepared.ok ? ok(prepared.value.change) : prepared
  }

  change(asked: SettingAsked, seen: string): Promise<Result<SettingWritten>> {
    return this.inTurn(() => this.write(asked, seen))
  }

  private async write(asked: SettingAsked, seen: string): Promise<Result<SettingWritten>> {
    const { settings, store } = this.plan
    const prepared = await this.prepare(asked)
    if (!prepared.ok) return prepared
    const { edit, text, change } = prepared.value
    const { seen: now, ...written } = change
    if (now !== seen) return refuse(changedSince(change.file))
    const kept = await writeSeen(change.file, { text, seen: prepared.value.seen, mode: 0o600 })
    if (!kept.ok) return kept
    const next = loadConfig(settings.now.sources)
    if (!next.ok) return next
    // Whatever else a person changed in the files waits for the next start, as it always has.
    const config = withValue(settings.now.config, edit.setting.split('.'), next.value.config)
    settings.adopt({ ...next.value, config: config as Config })
    store.ledger.note({
      type: 'settings.changed',
      data: { setting: edit.setting, file: change.file, line: change.line },
    })
    return ok(written)
  }

  private async prepare(asked: SettingAsked): Promise<Result<Prepared>> {
    const { settings, secrets } = this.plan
    const { userFile: file, sources } = settings.now
    const read = await readSeen(file, settingsBytesMax)
    if (!read) return refuse({ kind: 'bad-setting', text: `${file} is no text of at most 256 KiB.` })
    const parsed = parseYaml(read.text, { sizeBytesMax: settingsBytesMax })
    if (!parsed.ok)
      return refuse(...parsed.problems.map((one) => ({ ...one, kind: 'bad-setting', text: `${file}: ${one.text}` })))
    const made = await this.editOf(asked, parsed.value.value)
    if (!made.ok) return made
    const edit = made.value
    const text = edit.value === null ? dropYaml(read.text, edit.path) : putYaml(read.text, edit.path, edit.value)
    const next = loadConfig({ ...sources, texts: new Map([[file, text]]) })
    if (!next.ok) return refuse(...next.problems.map((one) => ({ ...one, kind: 'bad-setting' })))
    if (edit.value !== null && !edit.holds(next.value.config)) return refuse(elsewhere(next.value, edit.setting))
    const { line, removed, added } = lineChange(read.text, text)
    const hide = (lines: string[]) => lines.map((one) => secrets.hide(one))
    const change = { asked, file, line, removed: hide(removed), added: hide(added), seen: read.seen ?? noFile }
    return ok({ change, edit, text, seen: read.seen })
  }

  private async editOf(asked: SettingAsked, written: unknown): Promise<Result<Edit>> {
    const { settings, env } = this.plan
    if (asked.kind === 'filter') return filterEdit(asked, written, this.plan)
    if (asked.kind === 'set') return setEdit(asked, written, settings.now.config)
    if (asked.name === openCodeName) {
      const value = asked.on ? 'opencode' : null
      return setEdit({ kind: 'set', path: 'defaults.runtime', value }, written, settings.now.config)
    }
    const listed = listAt(written, ['models', 'providers'])
    const at = listed.findIndex((one) => isRecord(one) && one.name === asked.name)
    const holds = ({ models }: Config) => models.providers.some(({ name }) => name === asked.name)
    const place = (n: number) => ({ path: ['models', 'providers', n], setting: 'models.providers', holds })
    if (!asked.on) return at < 0 ? refuse(notHere(asked.name)) : ok({ ...place(at), value: null })
    const found = (await detectProviders({ env, clock: systemClock })).find((one) => one.settings.name === asked.name)
    if (!found) return refuse({ kind: 'unknown-agent', text: `${asked.name} is not found on this machine any more.` })
    return ok({ ...place(listed.length), value: found.settings })
  }
}

function setEdit(
  { path, value }: Extract<SettingAsked, { kind: 'set' }>,
  written: unknown,
  { runtimes }: Config,
): Result<Edit> {
  const keys = path.split('.')
  const holds = (config: Config) => isDeepStrictEqual(valueAt(config, keys), value)
  const edit = { path: keys, value, setting: path, holds }
  if (value === null) return valueAt(written, keys) === undefined ? refuse(notHere(path)) : ok(edit)
  const names: string[] = runtimes.map(({ kind }) => kind)
  if (path !== 'defaults.runtime' || names.includes(String(value))) return ok(edit)
  return refuse({
    kind: 'bad-setting',
    text: `There is no runtime ${value} here.`,
    todo: `Known: ${names.join(', ')}.`,
  })
}

function filterEdit(
  { sink, events }: Extract<SettingAsked, { kind: 'filter' }>,
  written: unknown,
  plan: Plan,
): Result<Edit> {
  const { now } = plan.settings
  const at = sinksOf(now, plan).findIndex(({ id }) => id === sink)
  const given = now.config.notify.sinks
  if (!given[at]) return refuse({ kind: 'unknown-sink', text: 'There is no such sink in the settings.' })
  const listed = listAt(written, ['notify', 'sinks'])
  // Those of the environment come before those of the file.
  const n = at - (given.length - listed.length)
  if (listed[n] === undefined) return refuse(elsewhere(now, 'notify.sinks'))
  const path = ['notify', 'sinks', n, 'events']
  if (events === null && valueAt(listed[n], ['events']) === undefined) return refuse(notHere(`The filter of ${sink}`))
  const holds = ({ notify }: Config) => isDeepStrictEqual(notify.sinks[at]?.events, events)
  return ok({ path, value: events, setting: 'notify.sinks', holds })
}

/** What each sink is told, and whether that can be changed here. */
export async function filtersOf(plan: Plan): Promise<SinkFilter[]> {
  const { now } = plan.settings
  const read = await readSeen(now.userFile, settingsBytesMax)
  const parsed = parseYaml(read?.text ?? '', { sizeBytesMax: settingsBytesMax })
  const written = parsed.ok ? parsed.value.value : null
  const ids = sinksOf(now, plan).map(({ id }) => id)
  return now.config.notify.sinks.map(({ events }, at) => {
    const sink = ids[at] ?? ''
    const [put, drop] = [events, null].map((one) => filterEdit({ kind: 'filter', sink, events: one }, written, plan))
    const [why] = put?.ok === false ? put.problems : []
    return { sink, events, isHere: drop?.ok === true, fixed: why ? why.text : null }
  })
}

const notHere = (what: string) => ({
  kind: 'setting-not-here',
  text: `${what} does not stand in the user's settings file.`,
  todo: 'What stands somewhere else is changed there.',
})

function elsewhere({ origins, userFile }: LoadedConfig, setting: string) {
  const origin = origins.get(setting) ?? 'another place'
  const text = `${setting} comes from ${origin}, which wins over ${userFile}.`
  return { kind: 'setting-elsewhere', text, todo: 'Change it there.' }
}

function listAt(tree: unknown, path: YamlPath): unknown[] {
  const found = valueAt(tree, path)
  return Array.isArray(found) ? found : []
}

export function valueAt(tree: unknown, path: YamlPath): unknown {
  return path.reduce(
    (at: unknown, key) => (typeof at === 'object' && at !== null ? Reflect.get(at, key) : undefined),
    tree,
  )
}

/** The tree with the one value of the other tree. */
function withValue(tree: unknown, [key, ...rest]: readonly string[], from: unknown): unknown {
  if (key === undefined) return from
  const branch = isRecord(tree) ? tree : {}
  return { ...branch, [key]: withValue(branch[key], rest, isRecord(from) ? from[key] : undefined) }
}
