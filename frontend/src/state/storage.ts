/** What this browser keeps for the page between two visits. A browser that keeps nothing is no fault. */

/** False: it was not kept, as there is no room or the browser does not let us. */
export function keep(key: string, value: string): boolean {
  try {
    localStorage.setItem(key, value)
    return true
  } catch (error) {
    if (error instanceof DOMException) return false
    throw error
  }
}

/** The fields that were kept as JSON; none where nothing was, or where it is not ours. */
export function kept(key: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(localStorage.getItem(key) ?? '{}')
    return typeof value === 'object' && value !== null ? { ...value } : {}
  } catch (error) {
    if (error instanceof SyntaxError) return {}
    throw error
  }
}
