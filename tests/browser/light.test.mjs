import { after, before } from 'node:test'
import { close, launch } from './harness.mjs'
import { looks } from './looks.mjs'

before(launch)
after(close)
looks('light')
