/** The shapes that the HTTP API answers. The dashboard and the CLI import these and nothing else of the server. */
import type { Ask, Grant } from '../core/ask.ts'
import type { Census } from '../core/check.ts'
import type { LoomEvent } from '../core/event.ts'
import type { Problem } from '../core/problem.ts'
import type { ContextUse, LiveDelta } from '../core/runtime.ts'
import type { SessionUsageSums, TranscriptPage, UsageSum, Workspace } from '../core/session.ts'
import type { SinkLook, SinkTested } from '../core/sink.ts'
import type { Preview, Task, TaskItem } from '../core/task.ts'
import type { AttemptRecord } from '../core/verdict.ts'
import type { Restored, SessionDiff, Step } from '../harness/file-changes.ts'
import type { IsolationLook } from '../harness/isolation.ts'
import type { SessionPlans } from '../harness/plans.ts'
import type { Undone } from '../harness/session-edits.ts'
import type { Arrival } from '../store/arrivals.ts'
import type { Flake } from '../store/flakes.ts'
import type { TextHit, TitleHit } from '../store/journal-search.ts'
import type { PublicKey } from '../store/keyring.ts'
import type { OpenDelivery } from '../store/outbox.ts'
import type { ReceiptItem, ReceiptRow } from '../store/receipts.ts'
import type { Thread } from '../store/threads.ts'
import type { UsageRow } from '../store/usage.ts'
import type { KnownSession } from '../store/watched.ts'
import type { Changeable, SettingAsked } from './setting-change.ts'

export type { ReceiptItem, SettingAsked }

/**
 * `GET /api/tasks?status=&verdict=&workspace=&runtime=&since=&until=&q=&order=&limit=&after=`: without an order the
 * newest first; `next` is the cursor for `after`, null at the end.
 */
export interface TaskPage {
  items: TaskItem[]
  next: string | null
}

/** `GET /api/weave?hours=&limit=`: the newest tasks that did anything since `from` (ms). */
export interface WeavePage {
  /** The log as it was read. */
  seq: number
  from: number
  items: Thread[]
}

/** `GET /api/tasks/{id}`; `id` may be any unambiguous prefix. */
export interface TaskDetail {
  task: Task
  attempts: AttemptRecord[]
  /** Oldest first; `GET /api/receipts/{seq}` has the envelope. */
  receipts: ReceiptItem[]
  /** What each check counted before the work, by its index; those that counted nothing are not here. */
  testsBefore: Record<number, TestCounts>
  /** What the commands of its last run were confined in; null: none was told, as of an agent that is not our own. */
  sandbox: DaemonState['sandbox']['kind'] | null
}

/** `POST /api/tasks/preview`, with the same body as `POST /api/tasks`. */
export type TaskPreview = Preview

export type TestCounts = Pick<Census, 'passed' | 'failed' | 'skipped'>

/** `GET /api/tasks/{id}/isolation`: null where there is neither folder nor branch (any more). */
export interface IsolationSize {
  look: IsolationLook | null
}

/** `POST /api/tasks/{id}/merge`, `keep` and `drop`: what was done, and how to undo it. */
export interface IsolationAnswer {
  task: Task
  text: string
}

/** `GET /api/tasks/{id}/receipts`. */
export interface ReceiptList {
  items: ReceiptItem[]
}

/** `GET /api/receipts?task=&after=&limit=`: oldest first, with the public keys that check them. */
export interface ReceiptPage {
  items: ReceiptRow[]
  /** For the next `after`; null at the end. */
  next: number | null
  keys: PublicKey[]
}

/** `GET /api/flakes`: checks that are tried again when they fail, those that were flaky last first. */
export interface FlakeList {
  items: Flake[]
}

/**
 * `GET /api/tasks/{id}/events?after=&limit=` and `GET /api/events?after=&limit=`: the oldest first. With
 * `?before=&type=&task=&session=&q=&limit=` the newest first; a page may be short, or empty, before the end of the log.
 */
export interface EventPage {
  items: LoomEvent[]
  /** For the next `after` or `before`; null when there is nothing more on that side. */
  next: number | null
}

/** A session of any runtime, as our own ledger knows it. */
export interface SessionItem extends KnownSession {
  /** Open asks of its whole tree; of a subagent they count at the top. */
  asks: number
}

/** `GET /api/sessions?runtime=&workspace=&state=&task=&q=&roots=&archived=&limit=&after=`: newest first, by touch. */
export interface SessionPage {
  items: SessionItem[]
  next: string | null
}

/** `GET /api/sessions/{id}`; `id` may be any unambiguous start. */
export interface SessionDetail {
  session: SessionItem
  /** Of our own: why its last turn has no whole answer; null: it has, or is not over, or a person ended it. */
  unfinished: Problem | null
  root: { id: string; title: string }
  /** Kept by us and not by another program: it can be renamed, forked, taken back and steered here. */
  own: boolean
  /** Those it can have, the usual first; none: its runtime keeps them to itself. */
  profiles: string[]
  children: SessionItem[]
  /** Open ones of its tree, the oldest first. */
  asks: AskItem[]
  usage: SessionUsageSums
}

/** `GET /api/sessions/{id}/files?q=`: names of files of its workspace, as the ignore rules let them be seen. */
export interface FileNames {
  items: string[]
}

/** A model of a configured provider and what is known of it; null: unknown. Prices: per million tokens. */
export interface ModelItem {
  provider: string
  model: string
  isDefault: boolean
  contextTokens: number | null
  price: { input: number; output: number } | null
}

/** `GET /api/models?ask=true`: without `ask` no provider is asked. */
export interface ModelList {
  items: ModelItem[]
  problems: { provider: string; problem: { text: string; todo?: string } }[]
}

/** `GET /api/sessions/search?q=&limit=`: the best first. */
export interface SessionSearch {
  titled: TitleHit[]
  items: (TextHit & { title: string; workspace: string })[]
  /** The newest rows are not in the index yet; the next search goes on with them. */
  partial: boolean
}

/** `GET /api/sessions/{id}/steps`: oldest first. */
export interface SessionSteps {
  items: Step[]
}

/** `POST /api/sessions/{id}/undo` and `restore`, `GET /api/sessions/{id}/context`. */
export type { ContextUse, Restored, SessionDiff, SessionPlans, Undone }

/** An ask with the title of the session at the top. */
export interface AskItem extends Ask {
  title: string
  /** When it is denied because nobody answered; null: it waits. */
  deadlineAt: number | null
  keepable: boolean
}

/** `GET /api/asks?status=open|answered|gone|all` and `GET /api/grants`. */
export interface AskList {
  items: AskItem[]
}
export interface GrantList {
  items: Grant[]
}

/** `GET /api/workspaces`, `PUT /api/workspaces`. */
export interface WorkspaceList {
  items: Workspace[]
  /** Folders that tasks and sessions worked in, the latest first. */
  recent: string[]
}

/** `permissions`: the project's own rules that were taken with it. */
export interface WorkspaceSaid {
  workspace: Workspace
  permissions: unknown
  /** Names of the files that it brings as tools. */
  tools: string[]
}

/** `GET /api/usage?by=session|task|model|workspace|day&since=&until=`. */
export interface UsageReport {
  by: string
  /** Epoch ms; null: without end. */
  since: number | null
  until: number | null
  whole: UsageSum
  /** `label`: title of the session or task; `total`: of a session with its subagents. */
  items: (UsageRow & { label: string | null; total?: UsageSum })[]
}

/** `GET /api/sinks`, `POST /api/sinks/{id}/test`. */
export interface SinkList {
  items: SinkLook[]
}
export type { OpenDelivery, SinkTested }

/** `GET /api/deliveries?state=dead|waiting&limit=`, and what `POST /api/deliveries/replay` answers. */
export interface DeliveryList {
  items: OpenDelivery[]
}
export interface Replayed {
  ok: true
  replayed: number
}

/** A file of the inbox and what became of it. */
export interface InboxItem {
  number: number
  name: string
  at: number
  outcome: 'accepted' | 'rejected' | 'obeyed'
  task: Arrival['task']
  /** Of a rejected one; null: they are not known any more. */
  problems: Problem[] | null
}

/** `GET /api/inbox?limit=&before=`: the newest first; `next` is for `before`, null at the end. */
export interface InboxPage {
  dir: string
  watching: boolean
  /** Files that lie there and were not taken yet: the first of their names, and how many more. */
  waiting: { names: string[]; more: number }
  items: InboxItem[]
  next: number | null
}

/** `GET /api/inbox/{number}`: with the text as it lies in the folder; null: not there any more. */
export interface InboxFile {
  item: InboxItem
  text: string | null
}

export type SettingOrigin =
  | { kind: 'default' | 'command line' }
  /** Null: made of several. */
  | { kind: 'environment'; variable: string | null }
  | { kind: 'file'; file: string; line: number }

export interface SettingItem {
  /** Dotted. */
  path: string
  /** Null: not given, and without a default. Secrets are never in it. */
  value: unknown
  origin: SettingOrigin
  about: string | null
  /** Null: not here. */
  change: (SettingInput & { path: Changeable }) | null
}

/** How a setting is given on the page. */
export interface SettingInput {
  form: 'number' | 'text' | 'choice'
  choices: string[]
  min: number | null
  max: number | null
  /** Its line stands in the user's file: taken away, what it was before holds again. */
  isHere: boolean
  /** Why it cannot be changed here; null: it can. */
  fixed: string | null
}

/** `POST /api/settings/preview`: what the user's file would become. Of a refused one, nothing. */
export interface SettingChange {
  asked: SettingAsked
  file: string
  /** Of the first line that differs. */
  line: number
  removed: string[]
  added: string[]
  /** The file as it was when this was made out; said when it is written. */
  seen: string
}

/** `PUT /api/settings`: written, and in use. */
export type SettingWritten = Omit<SettingChange, 'seen'>

/** Whether there is a key, and where it is kept; never the key. */
export interface KeyLook {
  provider: string
  /** The variable that the settings name. */
  variable: string | null
  from: 'environment' | 'stored' | null
}

/** Something on this machine that could work for us: an agent, a model server, a key by its name. */
export interface FoundItem {
  name: string
  /** What gave it away. */
  because: string
  /** In use already; what a few lines of settings would bring into use; or nothing that OpenLoom works with yet. */
  state: 'used' | 'usable' | 'foreign'
  todo: string
  /** What its one button writes; null: it has none. */
  change: SettingChange | null
}

/** `GET /api/found`. */
export interface FoundList {
  items: FoundItem[]
  /** The user's own file of settings, there or not. */
  file: string
}

/** `GET /api/settings`. */
export interface SettingList {
  items: SettingItem[]
  /** Files that were read; a later one wins. */
  files: string[]
  /** The user's own, which the page may write; there or not. */
  userFile: string
  keys: KeyLook[]
  /** What each sink of the settings is told. */
  filters: SinkFilter[]
}

export interface SinkFilter extends Pick<SettingInput, 'isHere' | 'fixed'> {
  sink: string
  events: string[]
}

/** `GET /api/rules`: lists of permission rules in force, with where each stands. The strictest list wins. */
export interface RuleList {
  items: RuleLayer[]
}
export interface RuleLayer {
  from: 'machine' | 'default' | 'user' | 'project'
  /** File and line, or the folder of the project. */
  where: string
  rules: PermissionRule[]
  /** Why the list of a project is not the one that it brings. */
  note: string | null
}
export interface PermissionRule {
  tool: string
  action: 'allow' | 'deny' | 'ask'
  path?: string | undefined
  command?: string | undefined
  profile?: string | undefined
  pattern?: string | undefined
}

/** `GET /api/state`: what the page's frame shows; small, and re-read only after a reconnect. */
export interface DaemonState {
  version: string
  startedAt: number
  /** Highest event when this was read: connect the stream with `Last-Event-ID: <seq>` and nothing is missed. */
  seq: number
  /** True while the daemon runs on the scripted sample model; the page says so in plain sight. */
  sample: boolean
  draining: boolean
  /** What commands of agents and checks run in, and why nothing, where it is `none`. */
  sandbox: { kind: 'bwrap' | 'none'; detail: string }
  inbox: { dir: string; watching: boolean }
  runtimes: { name: string; ready: boolean; detail: string; profiles: string[] }[]
  sinks: { id: string; kind: string; label: string; pending: number; dead: number }[]
  counts: Record<string, number>
  /** Sessions that hang right now. */
  stalled: number
  alarms: { code: string; text: string; since: number }[]
  /** Ended tasks whose worktree waits for merge, keep or drop; at most a hundred. */
  worktrees: { taskId: string; title: string; branch: string }[]
}

/** The stream `GET /api/live` (SSE). `event: event` frames carry a LoomEvent and its `seq` as SSE id; `Last-Event-ID`
 * (header, or `?after=`) resumes; where events after it were let go of, `event: gap` ({after, next}) says so first.
 * The others have no id and are never replayed: `saying` has, once, all that is being said, `delta` each word from then
 * on in its place between the events. Words with an earlier `since` than a transcript's stand in it. */
export type LiveFrame =
  | { event: 'event'; data: LoomEvent }
  /** Sessions that are different now. Null: too many to name. */
  | { event: 'sessions'; data: { ids: string[] | null } }
  | { event: 'delta'; data: Spoken & LiveDelta }
  | { event: 'saying'; data: (Spoken & { sessionId: string; parts: Omit<LiveDelta, 'sessionId'>[] })[] }
type Spoken = { taskId: string | null; since: number }
export type Told = TranscriptPage & { since: number }

/** RFC 9457 `application/problem+json` of every refusal. */
export interface ProblemBody {
  type: string
  title: string
  status: number
  detail: string
  problems: { kind: string; text: string; todo?: string; line?: number }[]
}
