from collections.abc import Callable

import orjson

TITLE = "orjson.loads"
COLD = True


def observer() -> Callable[[bytes], object]:
    return orjson.loads
