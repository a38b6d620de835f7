/** An ask is a permission or a question that a session waits for. It is answered by a person, a rule or a deadline. */

/** What a runtime reports; it may be reported any number of times. */
export interface PendingAsk {
  /** The runtime's own id, unique within it. */
  id: string
  /** Of the session that asks, which may be a subagent. */
  sessionId: string
  /** Where the answer must be sent (OpenCode: the directory of the asking session). */
  scope: string
  request: AskRequest
}

export type AskRequest =
  | {
      kind: 'permission'
      /** What it wants to do, e.g. `bash`, `edit`, `webfetch`. */
      permission: string
      /** On what: shell lines, paths, addresses. Hostile text. */
      patterns: string[]
      /** What the runtime would cover with "always"; shown before anybody says always. */
      always: string[]
      /** The command, diff or path in question, for a person; at most 8,000 characters. */
      detail: string
    }
  | { kind: 'question'; questions: Question[] }

export interface Question {
  header: string
  text: string
  options: { label: string; description: string }[]
  /** More than one option may be chosen. */
  multiple: boolean
}

export type AskReply =
  | { kind: 'once' }
  /** Kept as a rule of OpenLoom; towards the runtime it is `once`. */
  | { kind: 'always' }
  | { kind: 'reject'; message: string | null }
  /** One list a question, in order: labels of options or words of one's own. */
  | { kind: 'answers'; answers: string[][] }

export const askStatuses = ['open', 'answered', 'gone'] as const
/** `gone`: it left by itself: answered elsewhere, or its turn is over. */
export type AskStatus = (typeof askStatuses)[number]

/** Who answered. */
export type AskAuthority = 'person' | 'rule' | 'task' | 'deadline'

/** An ask as the store keeps it. */
export interface Ask {
  id: string
  runtime: string
  sessionId: string
  /** The session at the top of the tree. */
  rootId: string
  taskId: string | null
  workspace: string
  scope: string
  request: AskRequest
  status: AskStatus
  reply: AskReply | null
  by: AskAuthority | null
  askedAt: number
  endedAt: number | null
}

/** A stored "always": covers exactly this permission on exactly these patterns, in this workspace. */
export interface Grant {
  id: string
  runtime: string
  workspace: string
  permission: string
  /** Compared as a whole, not as a glob: what a person saw is what is allowed. */
  pattern: string
  createdAt: number
  askId: string
}
