// A page that follows all messages of the chat, and messages for it.

import { graphql, open } from './harness.mjs'

export const ALL = 'subscription All { messageSubscription(channelId: "", action: ALL_ACTIONS, operation: SUBSCRIBE) { ok } }'
const CREATE = 'mutation ($texts: [String!]!) { createMessages(room: 1, texts: $texts) { id } }'

export async function follow(server, options) {
  const ui = await open(server.page, options)
  await ui.run(ALL)
  await ui.live('All')
  return ui
}

/** Their ids. */
export async function write(server, texts) {
  const { createMessages } = await graphql(server, CREATE, { texts })
  return createMessages.map(({ id }) => id)
}
