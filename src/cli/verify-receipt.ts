/**
 * `openloom verify receipt FILE`: whether receipts are what was signed, and whether a folder still is what they saw.
 */

import { type KeyObject, randomUUID } from 'node:crypto'
import { statSync } from 'node:fs'
import { realpath } from 'node:fs/promises'
import { resolve } from 'node:path'
import { systemClock } from '../core/clock.ts'
import { reasonOf } from '../core/problem.ts'
import { digestInside } from '../lib/digest.ts'
import { readPublicKey } from '../lib/dsse.ts'
import { decodeUtf8, errnoOf, readBounded } from '../lib/files.ts'
import { childEnvironment } from '../lib/process.ts'
import { readTree, treeLimits } from '../lib/tree.ts'
import { Keyring } from '../store/keyring.ts'
import { exit } from './exit.ts'
import { configOf, type Shell, UsageError } from './program.ts'
import { type Bundle, linkKeys, parseBundle } from './receipt-bundle.ts'
import { type Proof, type ProvenReceipt, prove } from './receipt-proof.ts'
import { paint, print, printJson, safe, table } from './terminal.ts'

export interface VerifyReceiptOptions {
  workspace?: string
  key?: string
  json?: boolean
}

const fileBytesMax = 256 * 1024 * 1024
const shownMax = 20

export async function verifyReceipt(path: string, options: VerifyReceiptOptions, shell: Shell): Promise<number> {
  const bundle = parseBundle(await readText(resolve(shell.cwd, path)))
  const proof = bundle ? proofOf(bundle, await readKey(options, shell), shell) : noReceipts
  const newest = proof.receipts.reduce<ProvenReceipt | null>(
    (most, one) => (most && most.facts.seq > one.facts.seq ? most : one),
    null,
  )
  if (options.workspace !== undefined) await compare(newest, await folderOf(options.workspace, shell), { proof, shell })
  const ok = proof.faults.length === 0
  if (options.json) {
    const receipts = proof.receipts.map(({ facts, digest, keyid }) => ({ digest, keyid, ...facts }))
    printJson({ ok, faults: proof.faults, notes: proof.notes, receipts })
  } else show(proof)
  return ok ? exit.ok : exit.failed
}

const noReceipts: Proof = {
  receipts: [],
  faults: ['This file holds no receipts, or JSON that names a key twice.'],
  notes: [],
}

async function readText(path: string): Promise<string> {
  try {
    const { bytes, whole } = await readBounded(path, fileBytesMax)
    if (whole) return decodeUtf8(bytes) ?? ''
  } catch (error) {
    throw new UsageError({ kind: 'file-unreadable', text: `${path} cannot be read (${errnoOf(error)}).` })
  }
  throw new UsageError({ kind: 'file-too-large', text: `${path} has over ${fileBytesMax} bytes.` })
}

async function readKey({ key: path }: VerifyReceiptOptions, shell: Shell): Promise<KeyObject | null> {
  if (path === undefined) return null
  const key = readPublicKey(await readText(resolve(shell.cwd, path)))
  if (key) return key
  const todo = 'Write `openloom key show` of the signing machine into a file.'
  throw new UsageError({ kind: 'no-key', text: `${path} holds no Ed25519 public key (PEM).`, todo })
}

/** Envelopes without keys are checked with the given key, or with those of this installation where it has some. */
function proofOf(bundle: Bundle, trusted: KeyObject | null, shell: Shell): Proof {
  if (bundle.keys.length > 0 || trusted) return prove(bundle, trusted)
  const own = linkKeys(new Keyring(configOf(shell).config.data_dir, systemClock).keys())
  const newest = own.keys.at(-1)
  if (!newest) {
    const text = 'The file holds no key, and this installation has none.'
    throw new UsageError({ kind: 'no-key', text, todo: 'Give the public key with --key FILE.' })
  }
  const proof = prove({ ...bundle, keys: own.keys }, newest.key)
  return { ...proof, notes: ['Checked with the keys of this installation.', ...proof.notes] }
}

async function folderOf(path: string, { cwd }: Shell): Promise<string> {
  const folder = resolve(cwd, path)
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return realpath(folder)
  throw new UsageError({ kind: 'workspace-missing', text: `${folder} is no folder.` })
}

/** Holds the folder against the newest receipt: an older one saw it before the work went on. */
async function compare(
  newest: ProvenReceipt | null,
  folder: string,
  { proof, shell }: { proof: Proof; shell: Shell },
): Promise<void> {
  if (newest === null) return
  const { seq, workspace, checks } = newest.facts
  const { tree, headCommit, treeMissing } = workspace
  if (tree === null) {
    proof.faults.push(`Receipt ${seq} holds no tree to compare with: ${treeMissing ?? 'unknown'}.`)
  } else {
    const git = { cwd: folder, env: childEnvironment(shell.env), owner: `loom-verify-${randomUUID()}` }
    const limits = { ...treeLimits, limitMs: 120_000 }
    const now = await readTree({ ...git, listing: tree.listing }, limits)
    const sameTree = now.tree?.gitTree === tree.gitTree
    if (now.tree === null) proof.faults.push(`The files of ${folder} cannot be compared: ${now.missing}.`)
    else if (!sameTree) {
      proof.faults.push(`The files are not those of receipt ${seq}: tree ${now.tree.gitTree}, then ${tree.gitTree}.`)
    }
    if (now.tree !== null && now.headCommit !== headCommit) {
      const commits = `${now.headCommit ?? 'none'}, at receipt ${seq} it was ${headCommit ?? 'none'}`
      const text = `The folder stands on commit ${commits}`
      if (sameTree) proof.notes.push(`${text}; the files are the same.`)
      else proof.faults.push(`${text}.`)
    }
  }
  for (const { file, outputSha256, title } of checks) {
    if (file === null) continue
    try {
      if ((await digestInside(folder, file)) === outputSha256) continue
      proof.faults.push(`${file} is not the file that the check "${title}" read.`)
    } catch (error) {
      proof.faults.push(`${file}, which the check "${title}" read, cannot be compared: ${reasonOf(error)}.`)
    }
  }
}

function show({ receipts, faults, notes }: Proof): void {
  const rows = receipts
    .slice(-shownMax)
    .map(({ facts, keyid }) => [
      String(facts.seq),
      safe(facts.verdict),
      `${safe(facts.task.id)} attempt ${facts.task.attempt}`,
      facts.verdictAt,
      `key ${keyid}`,
    ])
  if (receipts.length > shownMax) print(`… ${receipts.length - shownMax} older ones`)
  if (rows.length > 0) print(table(rows))
  for (const fault of faults) print(`${paint('red', 'wrong')}  ${safe(fault)}`)
  for (const note of notes) print(`${paint('dim', 'note')}   ${safe(note)}`)
  const count = `${receipts.length} receipt${receipts.length === 1 ? '' : 's'}`
  print(faults.length === 0 ? `${paint('green', 'ok')}     ${count}` : `${faults.length} thing(s) wrong`)
}
