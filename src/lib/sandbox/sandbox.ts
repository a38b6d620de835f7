/**
 * Confines commands by means of the operating system. It knows places and networks; who may do what is not its matter.
 */
import { z } from 'zod'
import type { Argv, Confinement } from '../../core/tool.ts'

export const networks = ['none', 'proxy', 'open'] as const
export type Network = (typeof networks)[number]

export const sandboxSchema = z.strictObject({
  mode: z
    .enum(['auto', 'require', 'off'])
    .default('auto')
    .describe('auto: where this machine can; require: the daemon does not start without.'),
  network: z
    .enum(networks)
    .default('proxy')
    .describe('proxy: public addresses only, through a proxy of the daemon; open: the network of this machine.'),
  allow_hosts: z.array(z.string().min(1)).default([]).describe('Host names the proxy lets through; empty: every one.'),
  also_read: z.array(z.string().min(1)).default([]).describe('Further folders that commands may read.'),
  also_write: z.array(z.string().min(1)).default([]).describe('Further folders that commands may change.'),
  memory_mb: z.number().int().min(64).optional().describe('Address space of one process; absent: no limit.'),
  processes: z.number().int().min(16).default(4_096).describe('Of one command, threads included.'),
  file_mb: z.number().int().min(1).default(16_384).describe('Size of one file that a command writes.'),
})
export type SandboxSettings = z.output<typeof sandboxSchema>

/** Where the commands of one run, or of one check, work. Real paths. */
export interface Place {
  workspace: string
  /** False: nothing but what is private to the command can be changed. */
  writable: boolean
  /** Named when the proxy refuses something. */
  owner: string
  alsoRead?: readonly string[]
  alsoWrite?: readonly string[]
}

/** What a command is shown beside its workspace. */
export type Shown = Pick<Place, 'alsoRead' | 'alsoWrite'>

export interface Sandbox {
  readonly kind: Confinement['kind']
  /** What it is, or why there is none, for a person. */
  readonly detail: string
  confine(place: Place): Confinement
  close(): Promise<void>
}

const asIs = (argv: Argv): Argv => argv

export const unconfined: Confinement = { kind: 'none', wrap: asIs }

export const noSandbox = (detail: string): Sandbox => ({
  kind: 'none',
  detail,
  confine: () => unconfined,
  close: async () => undefined,
})
