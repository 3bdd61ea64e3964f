/** What the server says about itself, and the addresses made of it. */

export interface Config {
  title: string
  /** The WebSocket of the two-channel protocol. */
  ws: string
  /** GraphQL over HTTP and SSE; graphql-transport-ws has the same path. */
  http: string
  /** Query parameters to begin with, for a browser cannot send headers with a WebSocket. */
  parameters: [string, string][]
}

export type Protocol = 'two-channel' | 'transport-ws' | 'sse'

export const PROTOCOLS: Protocol[] = ['two-channel', 'transport-ws', 'sse']

export const PROTOCOL_NAMES: Record<Protocol, string> = {
  'two-channel': 'Two-channel',
  'transport-ws': 'graphql-transport-ws',
  sse: 'GraphQL over SSE',
}

const fallback: Config = { title: 'graphex', ws: '/ws/', http: '/graphql', parameters: [] }

function read(): Config {
  const meta = document.querySelector('meta[name="graphex-client"]')
  try {
    return { ...fallback, ...JSON.parse(meta?.getAttribute('content') || '{}') }
  } catch {
    return fallback
  }
}

export const config = read()

/** The whole address of a path; throws where the path cannot be one. */
function address(path: string, parameters: [string, string][]): URL {
  // A URL parser takes a backslash for a slash, but the path of a server may well have one.
  const url = new URL(path.replaceAll('\\', '%5C'), location.href)
  url.hash = ''
  for (const [name, value] of parameters) if (name) url.searchParams.set(name, value)
  return url
}

function socketAddress(path: string, parameters: [string, string][]): string {
  const url = address(path, parameters)
  if (url.protocol === 'http:') url.protocol = 'ws:'
  if (url.protocol === 'https:') url.protocol = 'wss:'
  return url.href
}

export interface Addresses {
  http: string
  twoChannel: string
  transportWs: string
}

export function addresses(parameters: [string, string][]): Addresses {
  return {
    http: address(config.http, parameters).href,
    twoChannel: socketAddress(config.ws, parameters),
    transportWs: socketAddress(config.http, parameters),
  }
}
