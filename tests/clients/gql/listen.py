# PyPI gql: subscribes, and prints each result as a line of JSON. With "resumes" it goes on after its last
# cursor, with the lines of guide/resume.md.
#
# Argument: {"url": "ws://…", "params": {…}, "query": "…", "resumes": true or false}.
import asyncio
import json
import sys

from gql import Client, gql
from gql.transport.exceptions import TransportError
from gql.transport.websockets import WebsocketsTransport

asked = json.loads(sys.argv[1])


def tell(result):
    print(json.dumps({"data": result.data, "extensions": result.extensions}), flush=True)


async def listen(url, params, query):
    after = None
    while True:
        transport = WebsocketsTransport(url=url, init_payload=params, subprotocols=["graphql-transport-ws"])
        try:
            async with Client(transport=transport) as session:
                if asked["resumes"]:
                    query.variable_values = {"after": after}
                async for result in session.subscribe(query, get_execution_result=True):
                    after = (result.extensions or {}).get("graphex", {}).get("cursor", after)
                    tell(result)
        except (TransportError, OSError):
            await asyncio.sleep(0.05)


asyncio.run(listen(asked["url"], asked["params"], gql(asked["query"])))
