"""The build backend asks for a Node.js only where there is none."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def backend() -> ModuleType:
    spec = importlib.util.spec_from_file_location("fieldmark_build", ROOT / "python/backend/fieldmark_build.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("answer", "asks"),
    [("v24.1.0", False), ("v20.19.0", False), ("v20.18.3", True), ("v12.0.0", True), ("", True), (None, True)],
)
def test_a_node_is_required_where_none_is_new_enough(
    answer: str | None, asks: bool, backend: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    if answer is not None:
        for name in ("node", "npm"):
            (tmp_path / name).write_text(f"#!/bin/sh\necho '{answer}'\n")
            (tmp_path / name).chmod(0o755)
    assert (backend._node_requirement() != []) == asks


def test_every_hook_that_pip_may_call_is_there(backend: ModuleType) -> None:
    for hook in ("wheel", "editable"):
        assert callable(getattr(backend, f"build_{hook}"))
        assert callable(getattr(backend, f"get_requires_for_build_{hook}"))
        assert callable(getattr(backend, f"prepare_metadata_for_build_{hook}"))
