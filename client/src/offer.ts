/** What the server offers, as far as it tells its schema. */

import type { GraphQLSchema } from 'graphql'
import type { Answer } from './protocol/connection.ts'
import { fits, introspected, type Known, type Stream, streams } from './schema.ts'
import { INTROSPECTION } from './server.ts'
import { typed } from './store.ts'

export class Offer {
  known: Known = { state: 'loading' }
  streams: Stream[] = []

  constructor(
    private readonly post: (body: object) => Promise<Answer>,
    private readonly onLearned: () => void,
  ) {}

  get schema(): GraphQLSchema | undefined {
    return this.known.state === 'known' ? this.known.schema : undefined
  }

  /** The streams that the chosen protocol can follow. */
  get fitting(): Stream[] {
    return this.streams.filter((stream) => fits(stream, typed.protocol))
  }

  /** Takes what the server tells of itself, which may be asked for already. */
  async learn(asked = this.post(INTROSPECTION)): Promise<void> {
    this.known = await introspected(asked)
    this.streams = this.schema ? streams(this.schema) : []
    this.onLearned()
  }
}
