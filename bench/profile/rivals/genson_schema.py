"""A JSON schema of everything seen: presence and types."""

from collections.abc import Callable

import orjson
from genson import SchemaBuilder

TITLE = "genson on orjson"
COLD = False


def observer() -> Callable[[bytes], object]:
    builder = SchemaBuilder()
    return lambda body: builder.add_object(orjson.loads(body))
