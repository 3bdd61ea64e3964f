/** What survives a reload, and what a shared address carries. */

import type { Protocol } from './config.ts'

export interface Typed {
  document: string
  variables: string
  change: string
  changeVariables: string
  headers: string
  parameters: [string, string][] | null
  protocol: Protocol
  /** Whether subscriptions begin with the rows that there are. */
  snapshot: boolean
  theme: 'auto' | 'light' | 'dark'
  filter: string
}

const empty: Typed = {
  document: '',
  variables: '',
  change: '',
  changeVariables: '',
  headers: '',
  parameters: null,
  protocol: 'two-channel',
  snapshot: false,
  theme: 'auto',
  filter: '',
}

const KEY = `graphex-client:${location.pathname}`

function load(): Typed {
  try {
    return { ...empty, ...JSON.parse(localStorage.getItem(KEY) ?? '{}') }
  } catch {
    return { ...empty }
  }
}

export const typed: Typed = load()

let timer = 0

function write(): void {
  clearTimeout(timer)
  timer = 0
  try {
    localStorage.setItem(KEY, JSON.stringify(typed))
  } catch {
    // Private windows and full stores: the page works without.
  }
}

/** Remembers a part soon, and at the latest when the page goes away. */
export function remember<K extends keyof Typed>(name: K, value: Typed[K]): void {
  if (typed[name] === value) return
  typed[name] = value
  if (timer === 0) timer = window.setTimeout(write, 300)
}

addEventListener('pagehide', () => {
  if (timer !== 0) write()
})

export function forget(): void {
  clearTimeout(timer)
  timer = 0
  localStorage.removeItem(KEY)
}

/** What is shared. Headers and parameters stay here: they may be secrets. */
export type Shared = Pick<Typed, 'document' | 'variables' | 'change' | 'changeVariables' | 'protocol'>

const SHARED = ['document', 'variables', 'change', 'changeVariables', 'protocol'] as const

async function through(bytes: Uint8Array, by: CompressionStream | DecompressionStream): Promise<Uint8Array> {
  const stream = new Blob([bytes as BlobPart]).stream().pipeThrough(by)
  return new Uint8Array(await new Response(stream).arrayBuffer())
}

export async function shareAddress(): Promise<string> {
  const shared = Object.fromEntries(SHARED.map((name) => [name, typed[name]]))
  const bytes = await through(new TextEncoder().encode(JSON.stringify(shared)), new CompressionStream('deflate-raw'))
  const binary = Array.from(bytes, (byte) => String.fromCharCode(byte)).join('')
  const code = btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '')
  return `${location.origin}${location.pathname}${location.search}#share=${code}`
}

/** What the address carries; `null` for nothing or nonsense. */
export async function sharedByAddress(): Promise<Partial<Shared> | null> {
  const code = /^#share=([\w-]+)$/.exec(location.hash)?.[1]
  if (!code) return null
  try {
    const binary = atob(code.replaceAll('-', '+').replaceAll('_', '/'))
    const bytes = Uint8Array.from(binary, (char) => char.charCodeAt(0))
    const value = JSON.parse(new TextDecoder().decode(await through(bytes, new DecompressionStream('deflate-raw'))))
    const strings = SHARED.filter((name) => typeof value?.[name] === 'string')
    return Object.fromEntries(strings.map((name) => [name, value[name]]))
  } catch {
    return null
  }
}
