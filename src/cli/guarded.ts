/** The outermost catch of every verb; loads what it needs only when something went wrong. */

/** Problems are for people; anything else that is thrown is a bug and shows where. */
export async function guarded(action: () => Promise<number>): Promise<number> {
  try {
    return await action()
  } catch (error) {
    const [{ ProblemError }, { UsageError }] = await Promise.all([import('../core/problem.ts'), import('./program.ts')])
    if (!(error instanceof ProblemError)) throw error
    const { printProblems } = await import('./terminal.ts')
    printProblems(error.problems)
    return error instanceof UsageError ? 2 : 1
  }
}
