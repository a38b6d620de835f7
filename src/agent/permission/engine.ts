/**
 * The one judge of calls: rules in layers, of which the strictest wins, and the caps that a person set for a workspace.
 * Pure; it asks nobody.
 */
import type { Workspace } from '../../core/session.ts'
import type { ToolFiles } from '../../lib/project/tools.ts'
import { type Action, type Call, type Rule, saidBy, strictest } from './rules.ts'
import type { Facet } from './subjects.ts'

/** The user's layer alone can allow: what it does not speak of is asked. The others only tighten. */
export const layerNames = ['managed', 'user', 'project', 'profile', 'run'] as const
export type LayerName = (typeof layerNames)[number]

export interface Policy extends Pick<Workspace, 'trust' | 'access'> {
  layers: Readonly<Partial<Record<LayerName, readonly Rule[]>>>
  /** A person said that the project is trusted; without a word on it only `trust` says so. */
  accepted?: boolean
  /** Tools that the project brings, as a person took them. */
  tools?: ToolFiles
  /** What a person says of the workspace at this moment: a run keeps the rules of its start, and no older trust. */
  now?(): Pick<Workspace, 'trust' | 'access'>
}

export interface Judged extends Call {
  facets: readonly Facet[]
  /** Whether its shell line was proven to change nothing; null for calls without one. */
  onlyReads: boolean | null
  /** It is a tool of the project. */
  ofProject?: boolean
}

export interface Decision {
  action: Action
  /** The layer, or the cap. */
  by: LayerName | 'trust' | 'access'
  /** What it was about. */
  text: string
}

/** Deny by a rule, then the caps, then the rest of the rules. */
export function decide(policy: Policy, call: Judged): Decision {
  const ruled = byRules(policy, call)
  if (ruled.action === 'deny') return ruled
  const capped = byCaps(policy, call)
  // Of two that are as strict the cap is named: neither a task nor a kept word answers for it.
  return capped && strictest(capped.action, ruled.action) === capped.action ? capped : ruled
}

function byRules({ layers }: Policy, call: Judged): Decision {
  let found: Decision = { action: 'allow', by: 'user', text: '' }
  for (const facet of call.facets) {
    for (const by of layerNames) {
      const said = saidBy(layers[by] ?? [], call, facet) ?? (by === 'user' && !facet.transparent ? 'ask' : null)
      if (said !== null && said !== found.action && strictest(said, found.action) === said) {
        found = { action: said, by, text: shownOf(facet) }
      }
    }
  }
  return found
}

function byCaps(policy: Policy, { tool, facets, onlyReads, ofProject }: Judged): Decision | null {
  const { trust, access } = policy.now?.() ?? policy
  const cap = (action: Action, facet: Facet): Decision => ({ action, by: 'trust', text: shownOf(facet) })
  if (trust !== 'trusted' && ofProject) return { action: 'deny', by: 'trust', text: tool }
  const change = facets.find((facet) => facet.kind === 'write')
  const command = facets.find((facet) => facet.kind === 'command')
  if (trust !== 'trusted' && change) return cap('deny', change)
  if (trust === 'read-only' && command && onlyReads !== true) return cap('deny', command)
  const leaving = facets.find((facet) => facet.leaves !== null)
  if (access === 'scoped' && leaving) return { action: 'deny', by: 'access', text: leaving.leaves ?? '' }
  const outward = command ?? facets.find((facet) => facet.kind === 'address')
  return trust === 'untrusted' && outward ? cap('ask', outward) : null
}

/**
 * What a search below a permitted folder must leave out, as its own tool or `read` would be refused it: paths from the
 * workspace. Null: no rule speaks of paths.
 */
export function hidingOf(policy: Policy, call: Call & { from: string }): ((path: string) => boolean) | null {
  const layers = Object.values(policy.layers)
  const isNarrow = ({ action, path, pattern }: Rule) =>
    action !== 'allow' && (path !== undefined || (pattern !== undefined && pattern !== '*'))
  if (!layers.some((rules) => rules.some(isNarrow))) return null
  const said = (tool: string, path: string): Action =>
    byRules(policy, {
      ...call,
      tool,
      onlyReads: null,
      facets: [{ ...seen, perhaps: [], from: call.from, texts: [path], paths: [path] }],
    }).action
  return (path) => said(call.tool, path) !== 'allow' || said('read', path) === 'deny'
}

const seen = { kind: 'read', line: null, transparent: false, leaves: null } as const

const shownOf = ({ line, texts }: Facet): string => line ?? texts[0] ?? ''

/** What the model and the log are told. */
export function reasonOf({ action, by, text }: Decision, tool: string): string {
  const who = {
    trust: 'the trust that a person gave this workspace does',
    access: 'the workspace is the only place to write to; that',
    managed: 'the rules of this machine do',
    user: 'a rule',
    project: 'a rule of the project',
    profile: 'your role',
    run: 'a rule of this run',
  }[by]
  return action === 'deny' ? `Not permitted: ${who} not allow ${tool} for ${text}.` : `${tool} ${text}`
}
