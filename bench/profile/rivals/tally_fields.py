from collections.abc import Callable

import orjson

from tally import Tally

TITLE = "tally in Python on orjson"
COLD = False


def observer() -> Callable[[bytes], object]:
    tally = Tally()
    return lambda body: tally.count(orjson.loads(body))
