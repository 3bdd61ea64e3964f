import { overTwoChannels } from './story.mjs'

overTwoChannels()
