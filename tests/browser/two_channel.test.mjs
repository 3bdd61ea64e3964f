import { after, before } from 'node:test'
import { close, launch } from './harness.mjs'
import { overTwoChannels } from './story.mjs'

before(launch)
after(close)
overTwoChannels()
