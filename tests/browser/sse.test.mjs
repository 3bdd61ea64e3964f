import { over } from './story.mjs'

over('sse')
