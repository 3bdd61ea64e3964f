/** Asks the server for its schema early: it answers while the browser reads and makes the page. */

import type { Answer } from './protocol/connection.ts'
import { INTROSPECTION, Server } from './server.ts'

declare global {
  interface Window {
    /** The answer to the introspection that the page's head asked for. */
    introspected?: Promise<Answer>
  }
}

window.introspected = new Server().post(INTROSPECTION)
// Whoever awaits it sees the failure; until then it is nobody's fault.
window.introspected.catch(() => {})
