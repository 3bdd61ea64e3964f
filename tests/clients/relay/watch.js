// What drops.mjs asks.
import { graphql } from "relay-runtime";

export default graphql`
  subscription watchSubscription($after: Cursor) {
    messageChanges(ready: true, after: $after, action: CREATE) { action id data { text } }
  }
`;
