/** Values of settings as they may be shown: whatever could be a secret is named and hidden. Pure; judges no setting. */

const secretKeys = /secret|token|password|headers/i

/** `mark` stands where a secret is; `hide` masks those that are known in a text. */
export function shownValue(value: unknown, mark: string, hide = (text: string) => text): unknown {
  if (Array.isArray(value)) return value.map((one) => shownValue(one, mark, hide))
  if (typeof value === 'string') return hide(withoutLogin(value, mark))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, part]) => {
      if (secretKeys.test(key) && part !== undefined && typeof part !== 'number') return [key, mark]
      return [key, key === 'url' ? withoutSecrets(String(part), mark) : shownValue(part, mark, hide)]
    }),
  )
}

/** Paths and queries of webhook addresses are often the password. */
function withoutSecrets(url: string, mark: string): string {
  try {
    return `${new URL(url).origin}/…`
  } catch {
    // Not an address: the schema has refused it before.
    return mark
  }
}

/** Of any other address, the name and password in it. */
function withoutLogin(text: string, mark: string): string {
  return text.replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/?#@]*@/i, `$1${mark}@`)
}
