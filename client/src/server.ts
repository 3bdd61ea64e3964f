/** The server as requests see it: its addresses, the headers, and the answers. */

import { getIntrospectionQuery } from 'graphql'
import { type Addresses, addresses, config } from './config.ts'
import { jsonObject } from './document.ts'
import type { Answer } from './protocol/connection.ts'
import { remember, typed } from './store.ts'

export const INTROSPECTION = { query: getIntrospectionQuery(), operationName: 'IntrospectionQuery' }

export class Server {
  private given: [string, string][] = typed.parameters ?? config.parameters

  /** The query parameters of every address. */
  get parameters(): [string, string][] {
    return this.given
  }

  set parameters(parameters: [string, string][]) {
    this.given = parameters
    remember('parameters', parameters)
  }

  /** Throws where a path cannot be an address. */
  addresses(): Addresses {
    return addresses(this.given)
  }

  /** The headers of every request: what the editor holds, as far as they are strings. */
  headers(): Record<string, string> {
    try {
      const all = Object.entries(jsonObject(typed.headers, 'The headers'))
      return Object.fromEntries(all.map(([name, value]) => [name, String(value)]))
    } catch {
      return {}
    }
  }

  async post(body: object, signal?: AbortSignal): Promise<Answer> {
    const started = performance.now()
    const response = await fetch(this.addresses().http, {
      method: 'POST',
      headers: { accept: 'application/graphql-response+json, application/json;q=0.9', ...this.headers(), 'content-type': 'application/json' },
      body: JSON.stringify(body),
      signal: signal ?? null,
      cache: 'no-store',
    })
    const answer = await response.text()
    let parsed: unknown = null
    try {
      parsed = JSON.parse(answer)
    } catch {
      // Shown as the text that it is.
    }
    return { status: response.status, text: answer, body: parsed, took: performance.now() - started }
  }
}
