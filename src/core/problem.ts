/** Expected failure as a value. A Problem is for a person: what happened, why, what to do. Bugs are thrown. */

export interface Problem {
  /** Stable kebab-case word for programs, e.g. `workspace-missing`. */
  kind: string
  /** What happened and why, one or two sentences. */
  text: string
  /** What to do next; absent only where the text already says it. */
  todo?: string
  /** 1-based line in the input that caused it. */
  line?: number
}

export type Result<T> = { ok: true; value: T } | { ok: false; problems: Problem[] }

export const ok = <T>(value: T): Result<T> => ({ ok: true, value })
export const refuse = (...problems: Problem[]): { ok: false; problems: Problem[] } => ({ ok: false, problems })

/** The thrown form, for the outermost layer only (CLI, server): carries problems to the place that prints them. */
export class ProblemError extends Error {
  readonly problems: Problem[]
  constructor(...problems: Problem[]) {
    super(problems.map((p) => p.text).join('\n'))
    this.name = 'ProblemError'
    this.problems = problems
  }
}

/** The message of anything that was thrown. */
export function reasonOf(thrown: unknown): string {
  if (thrown instanceof Error) {
    const cause = thrown.cause instanceof Error ? `: ${thrown.cause.message}` : ''
    return `${thrown.message}${cause}`
  }
  return String(thrown)
}
