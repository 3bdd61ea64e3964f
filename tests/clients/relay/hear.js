// What subscribe.mjs asks.
import { graphql } from "relay-runtime";

export default graphql`
  subscription hearSubscription { messageChanges { action id data { room text } } }
`;
