/**
 * @generated SignedSource<<c290f45f03756fce15c8aa7d65ba6f44>>
 * @lightSyntaxTransform
 */

/* eslint-disable */

'use strict';

var node = (function(){
var v0 = [
  {
    "defaultValue": null,
    "kind": "LocalArgument",
    "name": "after"
  }
],
v1 = [
  {
    "alias": null,
    "args": [
      {
        "kind": "Literal",
        "name": "action",
        "value": "CREATE"
      },
      {
        "kind": "Variable",
        "name": "after",
        "variableName": "after"
      },
      {
        "kind": "Literal",
        "name": "ready",
        "value": true
      }
    ],
    "concreteType": "MessageChange",
    "kind": "LinkedField",
    "name": "messageChanges",
    "plural": false,
    "selections": [
      {
        "alias": null,
        "args": null,
        "kind": "ScalarField",
        "name": "action",
        "storageKey": null
      },
      {
        "alias": null,
        "args": null,
        "kind": "ScalarField",
        "name": "id",
        "storageKey": null
      },
      {
        "alias": null,
        "args": null,
        "concreteType": "MessageData",
        "kind": "LinkedField",
        "name": "data",
        "plural": false,
        "selections": [
          {
            "alias": null,
            "args": null,
            "kind": "ScalarField",
            "name": "text",
            "storageKey": null
          }
        ],
        "storageKey": null
      }
    ],
    "storageKey": null
  }
];
return {
  "fragment": {
    "argumentDefinitions": (v0/*:: as any*/),
    "kind": "Fragment",
    "metadata": null,
    "name": "watchSubscription",
    "selections": (v1/*:: as any*/),
    "type": "Subscription",
    "abstractKey": null
  },
  "kind": "Request",
  "operation": {
    "argumentDefinitions": (v0/*:: as any*/),
    "kind": "Operation",
    "name": "watchSubscription",
    "selections": (v1/*:: as any*/)
  },
  "params": {
    "cacheID": "8027b6a4a5a1ca80b6239e64acf13174",
    "id": null,
    "metadata": {},
    "name": "watchSubscription",
    "operationKind": "subscription",
    "text": "subscription watchSubscription(\n  $after: Cursor\n) {\n  messageChanges(ready: true, after: $after, action: CREATE) {\n    action\n    id\n    data {\n      text\n    }\n  }\n}\n"
  }
};
})();

node.hash = "adbf03e375bc031e1981cde7aa3d45a1";

export default node;
