/** The server's schema, and documents to begin with that are made from it. */

import {
  buildClientSchema,
  getNamedType,
  getNullableType,
  type GraphQLArgument,
  type GraphQLField,
  type GraphQLInputType,
  type GraphQLOutputType,
  type GraphQLSchema,
  isEnumType,
  isInputObjectType,
  isLeafType,
  isListType,
  isNonNullType,
  isObjectType,
  isRequiredArgument,
  isRequiredInputField,
} from 'graphql'
import type { Protocol } from './config.ts'
import type { Answer } from './protocol/connection.ts'

export type Known =
  | { state: 'loading' }
  | { state: 'known'; schema: GraphQLSchema }
  /** The server answers, but does not tell its schema. */
  | { state: 'off'; reason: string }
  /** The server could not be asked. */
  | { state: 'away'; reason: string }

/** What the answer to an introspection tells. */
export async function introspected(asked: Promise<Answer>): Promise<Known> {
  let answer: Answer
  try {
    answer = await asked
  } catch (error) {
    return { state: 'away', reason: (error as Error).message }
  }
  const { status, body } = answer
  if (body?.data?.__schema) {
    try {
      return { state: 'known', schema: buildClientSchema(body.data) }
    } catch (error) {
      return { state: 'off', reason: `The schema could not be read: ${(error as Error).message}` }
    }
  }
  const said = body?.errors?.[0]?.message
  return { state: 'off', reason: said ? String(said) : `The server answered with status ${status}.` }
}

export interface Stream {
  field: string
  title: string
  description: string
  twoChannel: boolean
}

export function streams(schema: GraphQLSchema): Stream[] {
  const fields = Object.values(schema.getSubscriptionType()?.getFields() ?? {})
  return fields.map((field) => ({
    field: field.name,
    title: titleOf(field.name),
    description: (field.description ?? '').split('\n\n')[0]!.replace(/\s+/g, ' '),
    twoChannel: isTwoChannel(field),
  }))
}

function isTwoChannel(field: GraphQLField<unknown, unknown>): boolean {
  return field.args.some(({ name }) => name === 'channelId')
}

/** Whether a subscription to the field can begin with the rows that there are. */
export function offersSnapshot(schema: GraphQLSchema | undefined, name: string): boolean {
  const field = schema?.getSubscriptionType()?.getFields()[name]
  return field?.args.some((arg) => arg.name === 'snapshot') ?? false
}

export function fits(stream: Stream, protocol: Protocol): boolean {
  return stream.twoChannel === (protocol === 'two-channel')
}

/** `messageSubscription` → `message` */
function baseOf(field: string): string {
  return field.replace(/(Subscription|Changes|Changed|Stream|Events?)$/, '') || field
}

function titleOf(field: string): string {
  const base = baseOf(field)
  return base[0]!.toUpperCase() + base.slice(1)
}

/** A document that subscribes to the field. */
export function subscriptionStarter(schema: GraphQLSchema, name: string): string {
  const field = schema.getSubscriptionType()?.getFields()[name]
  if (!field) return ''
  const twoChannel = isTwoChannel(field)
  const lines: string[] = []
  const optional: string[] = []
  for (const arg of field.args) {
    if (arg.name === 'channelId') lines.push('channelId: $channelId # filled in')
    else if (arg.name === 'operation' && twoChannel) lines.push('operation: SUBSCRIBE')
    else if (arg.name === 'action') lines.push(`action: ${actionOf(arg)}`)
    else if (arg.name === 'data' && twoChannel) lines.push(`data: [${enumNames(arg.type).join(', ')}]`)
    else if (isRequiredArgument(arg)) lines.push(`${arg.name}: ${example(arg.type, arg.name)}`)
    else optional.push(`# ${arg.name}: ${optionalExample(arg)}`)
  }
  const variables = twoChannel ? '($channelId: String!)' : ''
  const args = [...wrapped(lines), ...optional]
  const head =
    lines.length === 0 && optional.length === 0 ? `  ${name}` : [`  ${name}(`, ...args.map((line) => `    ${line}`), '  )'].join('\n')
  return `subscription ${titleOf(name)}${variables} {\n${head}${twoChannel ? confirmation(field.type) : selection(field.type, 1)}\n}\n`
}

/** What the answer to a request of the two-channel protocol is asked for, on one line. */
function confirmation(type: GraphQLOutputType): string {
  const named = getNamedType(type)
  return isObjectType(named) ? ` {\n    ${Object.keys(named.getFields()).join(' ')}\n  }` : ''
}

/** Breaks a long list of enum names over several lines. */
function wrapped(lines: string[]): string[] {
  return lines.flatMap((line) => {
    if (line.length <= 64) return [line]
    const open = line.indexOf('[')
    if (open < 0) return [line]
    const rows: string[] = ['']
    for (const name of line.slice(open + 1, -1).split(', ')) {
      const row = rows.at(-1)!
      if (row !== '' && row.length + name.length > 44) {
        rows[rows.length - 1] = `${row},`
        rows.push(name)
      } else rows[rows.length - 1] = row === '' ? name : `${row}, ${name}`
    }
    return [line.slice(0, open + 1), ...rows.map((row) => `  ${row}`), ']']
  })
}

function actionOf(arg: GraphQLArgument): string {
  const names = enumNames(arg.type)
  return names.includes('ALL_ACTIONS') ? 'ALL_ACTIONS' : example(arg.type, arg.name)
}

function enumNames(type: GraphQLInputType): string[] {
  const named = getNamedType(type)
  return isEnumType(named) ? named.getValues().map(({ name }) => name) : []
}

/** What an optional argument may look like, in a comment. */
function optionalExample(arg: GraphQLArgument): string {
  const named = getNamedType(arg.type)
  if (!isInputObjectType(named)) return example(arg.type, arg.name)
  // A field that a newcomer understands: not the key, and without a lookup in its name.
  const like = Object.values(named.getFields()).find(({ name }) => name.endsWith('__icontains'))
  if (like) return `{ ${like.name}: "hello" }`
  const fields = Object.values(named.getFields()).filter(({ name }) => !name.includes('__'))
  const field = fields.find(({ name }) => !['id', 'and', 'or', 'not'].includes(name.toLowerCase())) ?? fields[0]
  return field ? `{ ${field.name}: ${example(field.type, field.name)} }` : '{}'
}

/** The fields of a type, as deep as is of use. */
function selection(type: GraphQLOutputType, depth: number): string {
  const named = getNamedType(type)
  if (isLeafType(named)) return ''
  const indent = '  '.repeat(depth + 1)
  const lines: string[] = []
  if (isObjectType(named)) {
    for (const field of Object.values(named.getFields())) {
      if (field.args.some(isRequiredArgument) || field.deprecationReason != null) continue
      if (isLeafType(getNamedType(field.type))) lines.push(field.name)
      else if (depth < 3) {
        const nested = selection(field.type, depth + 1)
        if (nested) lines.push(`${field.name}${nested}`)
      }
    }
  }
  if (lines.length === 0) lines.push('__typename')
  return ` {\n${lines.map((line) => indent + line).join('\n')}\n${'  '.repeat(depth)}}`
}

const WORDS: Record<string, string> = { text: 'hello', name: 'zoe', title: 'Hello', email: 'zoe@example.com' }

/** A literal that a type accepts. */
function example(type: GraphQLInputType, name: string, depth = 0): string {
  const nullable = getNullableType(type)
  if (isListType(nullable)) return `[${example(nullable.ofType, name.replace(/s$/, ''), depth)}]`
  if (isEnumType(nullable)) return nullable.getValues()[0]?.name ?? 'null'
  if (isInputObjectType(nullable)) {
    if (depth > 3) return '{}'
    const required = Object.values(nullable.getFields()).filter(isRequiredInputField)
    const inner = required.map((field) => `${field.name}: ${example(field.type, field.name, depth + 1)}`)
    return inner.length === 0 ? '{}' : `{ ${inner.join(', ')} }`
  }
  switch (nullable.toString()) {
    case 'Int':
      return '1'
    case 'Float':
      return '1.5'
    case 'Boolean':
      return 'true'
    case 'ID':
      return '"1"'
    case 'String':
      return `"${WORDS[name] ?? 'hello'}"`
  }
  const scalar = nullable.toString().toLowerCase()
  if (scalar.includes('datetime')) return '"2030-01-02T03:04:05Z"'
  if (scalar.includes('date')) return '"2030-01-02"'
  if (scalar.includes('time')) return '"03:04:05"'
  if (scalar.includes('uuid')) return '"00000000-0000-4000-8000-000000000000"'
  if (scalar.includes('json')) return '{}'
  if (scalar.includes('decimal')) return '"1.50"'
  return '"1"'
}

export interface Call {
  kind: 'mutation' | 'query'
  field: string
  description: string
}

/** All that the pane for changes can run, mutations first. */
export function calls(schema: GraphQLSchema): Call[] {
  const of = (kind: Call['kind'], type: ReturnType<GraphQLSchema['getQueryType']>): Call[] =>
    Object.values(type?.getFields() ?? {}).map(({ name, description }) => ({
      kind,
      field: name,
      description: description ?? '',
    }))
  return [...of('mutation', schema.getMutationType()), ...of('query', schema.getQueryType())]
}

export function callStarter(schema: GraphQLSchema, call: Call): string {
  const type = call.kind === 'mutation' ? schema.getMutationType() : schema.getQueryType()
  const field = type?.getFields()[call.field]
  if (!field) return ''
  const required = field.args.filter(isRequiredArgument)
  const optional = field.args.filter((arg) => !isRequiredArgument(arg))
  const inline = required.map((arg) => `${arg.name}: ${example(arg.type, arg.name)}`)
  // A mutation that changes what it is given needs something to change.
  const shown = optional.find(({ name }) => name in WORDS)
  if (call.kind === 'mutation' && shown && /^(update|edit|change|set)/i.test(call.field)) {
    inline.push(`${shown.name}: ${example(shown.type, shown.name)}`)
  }
  const args = inline.length > 0 ? `(${inline.join(', ')})` : ''
  const title = call.field[0]!.toUpperCase() + call.field.slice(1)
  const rest = optional.filter((arg) => !inline.some((text) => text.startsWith(`${arg.name}:`)))
  const types = rest.map(({ name, type }) => `${name}: ${isNonNullType(type) ? type.ofType : type}`)
  const comment = types.length > 0 ? `  # also: ${types.join(', ')}\n` : ''
  return `${call.kind} ${title} {\n${comment}  ${call.field}${args}${selection(field.type, 1)}\n}\n`
}

/** The mutation that makes an event of the stream likeliest. */
export function callFor(schema: GraphQLSchema, field: string): Call | undefined {
  const all = calls(schema)
  const base = baseOf(field).toLowerCase()
  const makes = /^(create|add|insert|new|post|send|save)/i
  const about = all.filter((call) => call.kind === 'mutation' && call.field.toLowerCase().includes(base))
  return (
    about.find(({ field }) => makes.test(field) && field.toLowerCase().endsWith(base)) ??
    about.find(({ field }) => makes.test(field)) ??
    about[0] ??
    all.find(({ kind }) => kind === 'mutation') ??
    all[0]
  )
}
