/** Sharing what is typed by a link, and opening what somebody shared. */

import { type Protocol, PROTOCOLS } from './config.ts'
import { $, copy } from './dom.ts'
import type { Editors } from './editors.ts'
import { shareAddress, type Shared, sharedByAddress, typed } from './store.ts'
import { toast } from './toast.ts'

export class Sharing {
  constructor(
    private readonly editors: Editors,
    private readonly choose: (protocol: Protocol) => void,
  ) {
    $('share').addEventListener('click', () => void this.share())
  }

  private async share(): Promise<void> {
    const link = await shareAddress()
    history.replaceState(null, '', link)
    toast((await copy(link)) ? 'The link is copied. Headers and parameters stay here.' : 'The link is in the address bar.')
  }

  /** Opens what the address carries, if it does. */
  async open(): Promise<void> {
    const shared = await sharedByAddress()
    if (!shared) return
    history.replaceState(null, '', location.pathname + location.search)
    const before = { ...typed }
    this.put(shared)
    const lost = before.document.trim() !== '' && before.document !== shared.document
    toast('Opened a shared link. Nothing runs until you say so.', lost ? { label: 'Undo', run: () => this.put(before) } : undefined)
  }

  private put(values: Partial<Shared>): void {
    this.editors.put(values)
    if (values.protocol && PROTOCOLS.includes(values.protocol)) this.choose(values.protocol)
  }
}
