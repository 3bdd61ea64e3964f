import { after, before } from 'node:test'
import { close, launch } from './harness.mjs'
import { over } from './story.mjs'

before(launch)
after(close)
over('transport-ws')
