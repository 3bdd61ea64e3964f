/** Understands what is in an editor and makes the request of it. */

import {
  type ArgumentNode,
  type DocumentNode,
  type FieldNode,
  GraphQLError,
  Kind,
  type OperationDefinitionNode,
  OperationTypeNode,
  parse,
  print,
  type ValueNode,
  valueFromASTUntyped,
} from 'graphql'

export interface Operation {
  document: DocumentNode
  node: OperationDefinitionNode
  kind: OperationTypeNode
  name: string | null
  /** The first field: a subscription has no other. */
  field: string
  /** What the answer calls it. */
  key: string
  /** Whether it has the arguments of the two-channel protocol. */
  twoChannel: boolean
}

/** The operation at the cursor, else the first. Throws a sentence. */
export function operationAt(text: string, cursor = 0): Operation {
  let document: DocumentNode
  try {
    document = parse(text)
  } catch (error) {
    throw new Error(error instanceof GraphQLError ? readable(error) : String(error))
  }
  const operations = document.definitions.filter((one) => one.kind === Kind.OPERATION_DEFINITION)
  const node =
    operations.find(({ loc }) => loc && loc.start <= cursor && cursor <= loc.end) ?? operations[0]
  if (!node) throw new Error('The document has no operation.')
  const root = rootField(node)
  return {
    document,
    node,
    kind: node.operation,
    name: node.name?.value ?? null,
    field: root?.name.value ?? '',
    key: root?.alias?.value ?? root?.name.value ?? '',
    twoChannel:
      node.operation === OperationTypeNode.SUBSCRIPTION &&
      Boolean(root && (argument(root, 'channelId') || argument(root, 'operation'))),
  }
}

function readable(error: GraphQLError): string {
  const at = error.locations?.[0]
  return at ? `Line ${at.line}, column ${at.column}: ${error.message}` : error.message
}

function rootField(node: OperationDefinitionNode): FieldNode | undefined {
  return node.selectionSet.selections.find((one) => one.kind === Kind.FIELD)
}

function argument(field: FieldNode, name: string): ArgumentNode | undefined {
  return field.arguments?.find((one) => one.name.value === name)
}

export type Variables = Record<string, unknown>

/** The text of a JSON object, where nothing is an empty one. Throws a sentence. */
export function jsonObject(text: string, what: string): Variables {
  if (text.trim() === '') return {}
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new Error(`${what} are not JSON: ${(error as Error).message}`)
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new Error(`${what} must be a JSON object.`)
  }
  return value as Variables
}

export interface Request {
  query: string
  operationName?: string
  variables?: Variables
}

export function request(operation: Operation, variables: Variables): Request {
  // A document of several operations needs the name; without one there is none to give.
  const made: Request = { query: print(operation.document) }
  if (operation.name) made.operationName = operation.name
  if (Object.keys(variables).length > 0) made.variables = variables
  return made
}

const CONFIRMATION = ['ok', 'error', 'stream', 'operation', 'action']

/**
 * A request of the two-channel protocol: the channel's id is filled in where none is given,
 * `operation` says what is to be done, and the answer tells enough to follow the subscription.
 */
export function controlRequest(
  operation: Operation,
  variables: Variables,
  channel: string,
  verb: 'SUBSCRIBE' | 'UNSUBSCRIBE',
  /** Ids of channels that this page had: one in the document is filled in anew. */
  own: Set<string>,
): Request {
  const field = rootField(operation.node)
  if (!field) return request(operation, variables)
  const values = { ...variables }
  const ours = (id: unknown): boolean =>
    id === undefined || id === null || id === '' || own.has(String(id)) || String(id).startsWith('<')
  const set = (name: string, literal: ValueNode, value: string, replace: (old: unknown) => boolean) => {
    const given = argument(field, name)
    if (given?.value.kind === Kind.VARIABLE) {
      const variable = given.value.name.value
      if (replace(values[variable])) values[variable] = value
      return given
    }
    const old = given ? valueFromASTUntyped(given.value) : undefined
    return { kind: Kind.ARGUMENT, name: { kind: Kind.NAME, value: name }, value: replace(old) ? literal : given!.value } as const
  }
  const changed = [
    set('channelId', { kind: Kind.STRING, value: channel }, channel, ours),
    set('operation', { kind: Kind.ENUM, value: verb }, verb, () => true),
  ]
  const others = (field.arguments ?? []).filter(({ name }) => name.value !== 'channelId' && name.value !== 'operation')
  const selected = field.selectionSet?.selections ?? []
  const plain = new Set(selected.flatMap((one) => (one.kind === Kind.FIELD ? [one.alias?.value ?? one.name.value] : [])))
  const missing = CONFIRMATION.filter((name) => !plain.has(name)).map(
    (name) => ({ kind: Kind.FIELD, name: { kind: Kind.NAME, value: name } }) as const,
  )
  const root: FieldNode = {
    ...field,
    arguments: [...changed, ...others],
    selectionSet: { kind: Kind.SELECTION_SET, selections: [...selected, ...missing] },
  }
  return request(withRoot(operation, field, root), values)
}

/** The operation with `true`, or a text, for this argument of its first field, where that says nothing of it. */
export function withArgument(operation: Operation, name: string, text?: string): Operation {
  const field = rootField(operation.node)
  if (!field || argument(field, name)) return operation
  const value: ValueNode = text === undefined ? { kind: Kind.BOOLEAN, value: true } : { kind: Kind.STRING, value: text }
  const added = { kind: Kind.ARGUMENT, name: { kind: Kind.NAME, value: name }, value } as const
  const root: FieldNode = { ...field, arguments: [...(field.arguments ?? []), added] }
  return withRoot(operation, field, root)
}

function withRoot(operation: Operation, field: FieldNode, root: FieldNode): Operation {
  const node: OperationDefinitionNode = {
    ...operation.node,
    selectionSet: {
      ...operation.node.selectionSet,
      selections: operation.node.selectionSet.selections.map((one) => (one === field ? root : one)),
    },
  }
  const document: DocumentNode = {
    ...operation.document,
    definitions: operation.document.definitions.map((one) => (one === operation.node ? node : one)),
  }
  return { ...operation, document, node }
}

/** An argument of the first field as a value, with variables put in. */
export function argumentValue(operation: Operation, variables: Variables, name: string): unknown {
  const field = rootField(operation.node)
  const given = field && argument(field, name)
  return given ? valueFromASTUntyped(given.value, { ...variables }) : undefined
}
