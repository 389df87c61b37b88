"""``python -m fieldmark doctor``: in the service's own environment, which is why it is not in the binary."""

from __future__ import annotations

import argparse
import sys


def main(arguments: list[str] | None = None) -> int:
    try:
        from fieldmark import doctor
    except ImportError as error:
        from fieldmark.absent import reason

        print(f"fieldmark: {reason(error)}", file=sys.stderr)
        return 2
    parser = argparse.ArgumentParser(prog="python -m fieldmark", description="Fieldmark in the service's environment.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    doctor.add_to(commands)
    options = parser.parse_args(arguments)
    return int(options.run(options))


if __name__ == "__main__":
    sys.exit(main())
