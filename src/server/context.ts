/** What the routes work with, handed over once by the daemon; and how they answer a refusal. */
import type { Context } from 'hono'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import type { Clock } from '../core/clock.ts'
import type { Problem, Result } from '../core/problem.ts'
import type { LiveDelta } from '../core/runtime.ts'
import type { GuideText, MemoryView } from '../core/session.ts'
import type { SinkLook, SinkTested } from '../core/sink.ts'
import type { SkillFile, SkillRead, SkillRef } from '../core/spec.ts'
import type { Origin, Preview, SkillDetail, SkillList, Source, Submission } from '../core/task.ts'
import type { AskDesk } from '../harness/asks.ts'
import type { Commands } from '../harness/commands.ts'
import type { SessionKeeper } from '../harness/keeper.ts'
import type { SessionEdits } from '../harness/session-edits.ts'
import type { SessionCommands } from '../harness/sessions.ts'
import type { Supervisor } from '../harness/supervisor.ts'
import type { TypedLines } from '../harness/typed-lines.ts'
import type { SessionJudge } from '../harness/verify-session.ts'
import type { Log } from '../lib/log.ts'
import type { Keyring } from '../store/keyring.ts'
import type { Store } from '../store/open.ts'
import type {
  DaemonState,
  FoundList,
  InboxFile,
  InboxPage,
  ModelItem,
  ModelList,
  ProblemBody,
  RuleList,
  SettingAsked,
  SettingChange,
  SettingList,
  SettingWritten,
} from './api.ts'

import type { Auth } from './auth.ts'
import type { Speech } from './speech.ts'

/** The ways in that come over HTTP; behind each stands the one dispatch. */
export interface Ways {
  /** Text of a task. `also`: fields of the request that stand beside the text. */
  submitText(text: string, origin: Origin, also?: Record<string, unknown>): Promise<Submission>
  submitObject(value: Record<string, unknown>, origin: Origin): Promise<Submission>
  /** What would become of it; stores nothing. */
  preview(asked: string | Record<string, unknown>, source: Source): Promise<Preview>
  /** A file by its path, only directly inside the inbox folder. */
  submitInboxFile(path: string): Promise<Submission>
}

/** The courier, as far as a person may ask of it. */
export interface SinkDesk {
  /** Makes it look at once. */
  nudge(): void
  looks(): SinkLook[]
  test(sink: string): Promise<Result<SinkTested>>
}

/** What is around the work, looked at when somebody asks. */
export interface Around {
  settings(): Promise<SettingList>
  rules(): Promise<RuleList>
  preview(asked: SettingAsked): Promise<Result<SettingChange>>
  /** Only while the file is what was `seen`; in use when this is answered. */
  change(asked: SettingAsked, seen: string): Promise<Result<SettingWritten>>
  /** Looks on this machine only, for a few seconds at most. */
  found(): Promise<FoundList>
  inbox(asked: { limit: number; before?: number }): Promise<InboxPage>
  /** Null: nothing has this number. */
  inboxFile(number: number): Promise<InboxFile | null>
}

/** Skills, as far as a person may ask of them. */
export interface Skills {
  list(workspace: string | null): Promise<SkillList>
  one(ref: SkillRef): Promise<Result<SkillDetail>>
  judge(name: string, text: string): Promise<SkillRead>
  begin(ref: SkillRef): Promise<Result<SkillFile>>
  /** Only while the file is what was `seen`. */
  write(ref: SkillRef, text: string, seen: string | null): Promise<Result<SkillFile>>
  remove(ref: SkillRef, seen: string): Promise<Result<SkillFile>>
  duplicate(ref: SkillRef): Promise<Result<SkillFile>>
  run(
    ref: SkillRef,
    asked: { folder?: string | undefined; parameters: Record<string, unknown>; origin: Origin },
  ): Promise<Submission>
}

/** What agents are told in a folder (real path) beside the conversation. */
export interface Guides {
  view(workspace: string): Promise<MemoryView>
  read(workspace: string, path: string): Promise<Result<GuideText>>
  /** Only while the file has this digest. */
  write(workspace: string, file: GuideText): Promise<Result<GuideText>>
  remember(workspace: string, text: string): Promise<Result<GuideText>>
}

export interface ServerWorld {
  store: Store
  keyring: Pick<Keyring, 'keys'>
  commands: Commands
  supervisor: Supervisor
  asks: AskDesk
  sessions: SessionCommands
  edits: SessionEdits
  typed: Pick<TypedLines, 'type'>
  judge: Pick<SessionJudge, 'verify'>
  keeper: Pick<SessionKeeper, 'onChange'>
  ways: Ways
  auth: Auth
  clock: Clock
  log: Log
  state(): Promise<DaemonState>
  onDelta(listener: (delta: LiveDelta) => void): () => void
  speech: Pick<Speech, 'now' | 'since'>
  sinks: SinkDesk
  around: Around
  skills: Skills
  guides: Guides
  /** `known` asks nobody, `list` every provider. */
  models: {
    list(): Promise<{ models: ModelItem[]; problems: ModelList['problems'] }>
    known(): ModelItem[]
    /** The name that a person wrote, where there is such a model. */
    named(wanted: string): Promise<Result<string>>
  }
  /** Names of files below a folder: bounded, ignore rules honoured. */
  filesOf(folder: string): Promise<string[]>
  version: string
}

export interface Variables {
  /** `login`: of a browser, the digest of its cookie. */
  Variables: { by: 'token' | 'cookie'; login: string | null }
}

const titles: Record<number, string> = {
  400: 'Bad request',
  401: 'Not logged in',
  403: 'Forbidden',
  404: 'Not found',
  409: 'Conflict',
  413: 'Too large',
  415: 'Unsupported media type',
  421: 'Misdirected request',
  422: 'Not accepted',
  500: 'Internal error',
  503: 'Not now',
}

/** Kinds of problems that have a status of their own; what is left is the runtime's, which may do better later. */
const statusOf: Record<string, ContentfulStatusCode> = {
  'unknown-ask': 404,
  'unknown-flake': 404,
  'unknown-grant': 404,
  'unknown-session': 404,
  'unknown-sink': 404,
  'unknown-task': 404,
  'no-diff': 404,
  'unknown-step': 404,
  'unknown-message': 404,
  'not-own': 409,
  'session-at-work': 409,
  'nothing-to-undo': 409,
  'bad-session-file': 422,
  'no-turn': 409,
  'not-able': 409,
  'not-paused': 409,
  'session-busy': 409,
  'session-paused': 409,
  overtaken: 409,
  'nothing-to-compact': 409,
  'too-many-messages': 409,
  'bad-message': 422,
  'unknown-model': 422,
  'ambiguous-id': 409,
  'already-answered': 409,
  'ask-gone': 409,
  'no-runtime': 409,
  'session-gone': 409,
  'task-at-work': 409,
  'wrong-state': 409,
  'worktree-gone': 409,
  'not-a-question': 422,
  'not-a-permission': 422,
  'not-a-plan': 422,
  'is-a-plan': 422,
  'not-fresh': 422,
  'wrong-number-of-answers': 422,
  'no-answer': 422,
  'too-many-answers': 422,
  'unknown-choice': 422,
  'unknown-profile': 422,
  'too-long': 422,
  'nothing-to-keep': 422,
  'no-base': 422,
  'no-folder': 422,
  'no-clean-checkout': 422,
  'under-way': 409,
  'bad-setting': 422,
  'setting-elsewhere': 409,
  'setting-not-here': 409,
  'unknown-agent': 404,
  'unknown-skill': 404,
  'bad-skill': 422,
  'unknown-guide': 404,
  'bad-note': 422,
  unreadable: 422,
  'looks-secret': 422,
  'changed-since': 409,
  unwritable: 422,
  outside: 422,
}

/** A refusal whose status follows from its first problem. */
export const refusalOf = (c: Context, problems: readonly Problem[]): Response =>
  refusal(c, statusOf[problems[0]?.kind ?? ''] ?? 503, ...problems)

/** An RFC 9457 answer. What was sent is never echoed beyond what a problem quotes on purpose. */
export function refusal(c: Context, status: ContentfulStatusCode, ...problems: Problem[]): Response {
  const body: ProblemBody = {
    type: `urn:openloom:problem:${problems[0]?.kind ?? 'unknown'}`,
    title: titles[status] ?? 'Refused',
    status,
    detail: problems.map((problem) => [problem.text, problem.todo].filter(Boolean).join(' ')).join('\n'),
    problems,
  }
  return c.body(JSON.stringify(body), status, { 'content-type': 'application/problem+json' })
}
