/** The kinds of providers there are. A new one is one file and one line here. */
import { openai } from './openai.ts'

export type { ModelSource, ProviderDeps } from './source.ts'
export { isTransient } from './trouble.ts'

export const providerKinds = [openai] as const
