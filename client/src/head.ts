/** What runs in the page's head, before the rest of the page is read. */

import './theme.ts'
import './early.ts'
