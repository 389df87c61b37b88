"""Certificates for tests."""

from __future__ import annotations

import subprocess
from pathlib import Path

SECONDS_MAX = 60


def make_authority(folder: Path) -> Path:
    """An authority of the test's own, ca.pem, and localhost.pem and other.pem that it signed. Gives the folder."""
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    _openssl(
        *["req", "-x509", *key, "-keyout", f"{folder}/ca.key", "-out", f"{folder}/ca.pem", "-days", "2"],
        *["-subj", "/CN=Test authority", "-addext", "basicConstraints=critical,CA:TRUE"],
        *["-addext", "keyUsage=critical,keyCertSign"],
    )
    for name, names in [("localhost", "DNS:localhost,IP:127.0.0.1"), ("other", "DNS:other.example.org")]:
        _openssl(
            *["req", "-x509", *key, "-keyout", f"{folder}/{name}.key", "-out", f"{folder}/{name}.crt", "-days", "2"],
            *["-subj", f"/CN={name}", "-addext", f"subjectAltName={names}", "-addext", "basicConstraints=CA:FALSE"],
            *["-CA", f"{folder}/ca.pem", "-CAkey", f"{folder}/ca.key"],
        )
        pem = (folder / f"{name}.crt").read_text() + (folder / f"{name}.key").read_text()
        (folder / f"{name}.pem").write_text(pem)
    return folder


def _openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True, timeout=SECONDS_MAX)
