import { over } from './story.mjs'

over('transport-ws')
