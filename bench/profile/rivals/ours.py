from collections.abc import Callable

import fieldmark

TITLE = "ours, from Python"
COLD = True


def observer() -> Callable[[bytes], object]:
    return fieldmark.Profile().observe
