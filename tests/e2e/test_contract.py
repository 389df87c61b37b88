"""The HTTP API does what openapi.yaml says: thousands of requests from its own schemas, right ones and wrong ones,
against a server with data in it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from binary import port_of, serving
from traffic import batch, send

CONTRACT = Path(__file__).parent.parent.parent / "server" / "api" / "openapi.yaml"
# Of each operation, and of each kind: what is right, what is wrong, and requests that lead to another.
EXAMPLES = int(os.environ.get("FIELDMARK_CONTRACT_EXAMPLES", "40"))
SECONDS_MAX = 280


def test_no_request_finds_the_contract_broken(tmp_path):
    with serving(tmp_path / "data") as (process, url):
        for version, minutes_ago in [("v1", 90), ("v2", 30)]:
            body = batch("shop", "production", version, minutes_ago=minutes_ago, minutes=30)
            assert send(port_of(url), body) == 200
        (tmp_path / "hooks.py").write_text(HOOKS)
        command = [str(Path(sys.executable).parent / "st"), "run", str(CONTRACT), "--url", url]
        # No schema says that a migration brings no version, or that a name has so many bytes, not characters; that
        # with `field` a deletion leaves the service, which test_forget.py looks at; and here nobody needs a token:
        # test_tokens.py asks for those.
        command += ["--checks", "all", "--exclude-checks", "positive_data_acceptance,use_after_free,ignored_auth"]
        command += ["--phases", "examples,coverage,fuzzing,stateful", "--max-examples", str(EXAMPLES)]
        command += ["--seed", "7", "--generation-deterministic", "--no-color"]
        command += ["--request-timeout", "10"]
        environment = {**os.environ, "SCHEMATHESIS_HOOKS": "hooks"}
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=SECONDS_MAX
        )
        assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
        assert process.poll() is None


# Half of the requests ask for the service that is there: names from nowhere mostly meet 404.
HOOKS = """
from zlib import crc32

import schemathesis
from hypothesis import strategies

schemathesis.openapi.media_type("application/vnd.fieldmark.batch", strategies.binary(max_size=2000))


@schemathesis.hook
def map_path_parameters(context, path_parameters):
    if path_parameters and crc32(str(sorted(path_parameters.items())).encode(errors="replace")) % 2:
        for name, value in [("service", "shop"), ("environment", "production")]:
            if name in path_parameters:
                path_parameters[name] = value
    return path_parameters
"""
