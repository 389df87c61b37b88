import json
from collections.abc import Callable

TITLE = "json.loads"
COLD = False


def observer() -> Callable[[bytes], object]:
    return json.loads
