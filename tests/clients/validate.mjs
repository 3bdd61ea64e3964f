// What graphql-js has against documents, given a server's introspection.
//
// Input: {"query": true} asks for the introspection query; {"introspection": {…}, "documents": […]}
// for a list of messages for each document.
import { text } from "node:stream/consumers";
import { buildClientSchema, getIntrospectionQuery, parse, validate } from "graphql";

const input = JSON.parse(await text(process.stdin));
const output = input.query
  ? getIntrospectionQuery()
  : input.documents.map((document) =>
      validate(buildClientSchema(input.introspection), parse(document)).map((error) => error.message),
    );
console.log(JSON.stringify(output));
