/**
 * @generated SignedSource<<c65a73e568db5cadd7abf1da1e294408>>
 * @lightSyntaxTransform
 */

/* eslint-disable */

'use strict';

var node = (function(){
var v0 = [
  {
    "alias": null,
    "args": null,
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
            "name": "room",
            "storageKey": null
          },
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
    "argumentDefinitions": [],
    "kind": "Fragment",
    "metadata": null,
    "name": "hearSubscription",
    "selections": (v0/*:: as any*/),
    "type": "Subscription",
    "abstractKey": null
  },
  "kind": "Request",
  "operation": {
    "argumentDefinitions": [],
    "kind": "Operation",
    "name": "hearSubscription",
    "selections": (v0/*:: as any*/)
  },
  "params": {
    "cacheID": "3b7b03ad4996a1181d3c51d9a73ce223",
    "id": null,
    "metadata": {},
    "name": "hearSubscription",
    "operationKind": "subscription",
    "text": "subscription hearSubscription {\n  messageChanges {\n    action\n    id\n    data {\n      room\n      text\n    }\n  }\n}\n"
  }
};
})();

node.hash = "449dbd3e1002e32fa1b6daa5bb06b8c6";

export default node;
