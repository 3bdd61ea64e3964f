import { looks } from './looks.mjs'

looks('light')
