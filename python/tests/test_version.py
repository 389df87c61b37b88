from __future__ import annotations

import hashlib
import subprocess
import sys
import sysconfig
import types
from pathlib import Path

import pytest

from fieldmark import version
from fieldmark.version import Version, code_version, detect, git_version

COMMIT = "9f2c1ab3d4e5f60718293a4b5c6d7e8f90a1b2c3"


@pytest.mark.parametrize(
    ("explicit", "environ", "expected"),
    [
        ("v7", {"GIT_COMMIT": COMMIT}, Version("v7", "setting")),
        (None, {"GIT_COMMIT": COMMIT}, Version("9f2c1ab", "GIT_COMMIT")),
        (None, {"HEROKU_SLUG_COMMIT": COMMIT}, Version("9f2c1ab", "HEROKU_SLUG_COMMIT")),
        (None, {"K_REVISION": "orders-00042-xyz"}, Version("orders-00042-xyz", "K_REVISION")),
        (None, {"GITHUB_SHA": " ", "GAE_VERSION": "20261124t1"}, Version("20261124t1", "GAE_VERSION")),
        (None, {"SOURCE_VERSION": "x" * 300}, Version("x" * 200, "SOURCE_VERSION")),
        (None, {"SOURCE_VERSION": "v7\n2 \udcff"}, Version("v72", "SOURCE_VERSION")),
    ],
)
def test_the_first_rule_that_gives_an_answer_wins(
    explicit: str | None, environ: dict[str, str], expected: Version, tmp_path: Path
) -> None:
    assert detect(explicit, environ, tmp_path, {}) == expected


def test_lambda_s_word_for_unversioned_is_no_version(tmp_path: Path) -> None:
    assert detect(None, {"AWS_LAMBDA_FUNCTION_VERSION": "$LATEST"}, tmp_path, {}).rule == "code"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    (folder / "app").mkdir(parents=True)
    (folder / "app" / "main.py").write_text("x = 1\n")
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", ".")
    commit(folder)
    return folder


def git(folder: Path, *arguments: str) -> str:
    name = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    return subprocess.run(
        ["git", "-C", str(folder), *name, *arguments], check=True, capture_output=True, text=True
    ).stdout.strip()


def commit(folder: Path) -> None:
    git(folder, "commit", "-q", "-m", "work", "--no-verify", "--no-gpg-sign")


def test_git_s_head_is_the_version_from_any_folder_inside(repository: Path) -> None:
    head = git(repository, "rev-parse", "HEAD")[:7]
    assert git_version(repository) == git_version(repository / "app") == head
    assert detect(None, {}, repository).rule == "git"


def test_packed_and_detached_heads_and_work_trees_are_read(repository: Path, tmp_path: Path) -> None:
    head = git(repository, "rev-parse", "HEAD")[:7]
    git(repository, "pack-refs", "--all")
    assert git_version(repository) == head
    git(repository, "worktree", "add", "-q", str(tmp_path / "tree"), "-b", "other")
    assert git_version(tmp_path / "tree") == head
    git(repository, "checkout", "-q", "--detach")
    assert git_version(repository) == head


def test_a_changed_work_tree_is_dirty_with_a_hash_of_the_change(repository: Path) -> None:
    head = git_version(repository)
    (repository / "app" / "main.py").write_text("x = 2\n")
    first = git_version(repository)
    (repository / "app" / "main.py").write_text("x = 3\n")
    second = git_version(repository)
    assert first is not None and first.startswith(f"{head}-dirty.")
    assert second is not None and second.startswith(f"{head}-dirty.")
    assert first != second


def test_a_new_python_file_makes_dirty_and_a_log_file_does_not(repository: Path) -> None:
    head = git_version(repository)
    (repository / "app.log").write_text("line")
    assert git_version(repository) == head
    (repository / "app" / "new.py").write_text("y = 1\n")
    assert git_version(repository) != head


def test_without_a_git_program_head_alone_is_the_version(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    head = git_version(repository)
    (repository / "app" / "main.py").write_text("x = 2\n")
    monkeypatch.setenv("PATH", "")
    assert git_version(repository) == head


def test_a_repository_without_a_commit_has_no_version(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    assert git_version(tmp_path) is None


def test_outside_of_git_the_code_of_the_own_modules_is_hashed(tmp_path: Path) -> None:
    package = tmp_path / "shop"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "views.py").write_text("a = 1\n")
    shop = types.ModuleType("shop")
    shop.__path__ = [str(package)]
    modules = {**sys.modules, "shop": shop}

    before = detect(None, {}, tmp_path, modules)
    assert before.rule == "code"
    assert before.name.startswith("code:")
    assert detect(None, {}, tmp_path, modules) == before
    # Not imported yet in this worker, but of the same package.
    (package / "views.py").write_text("a = 2\n")
    assert detect(None, {}, tmp_path, modules).name != before.name


def test_installed_packages_do_not_count_as_own(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text("pass\n")
    main = types.ModuleType("main")
    main.__file__ = str(tmp_path / "main.py")
    alone = code_version({"main": main}, tmp_path)
    assert code_version({"main": main, "pytest": pytest, "json": sys.modules["json"]}, tmp_path) == alone


def test_odd_modules_do_not_disturb(tmp_path: Path) -> None:
    odd = types.ModuleType("odd")
    odd.__path__ = [3]  # type: ignore[list-item]
    odd.__file__ = None
    assert code_version({"odd": odd}, tmp_path).startswith("code:")


def test_a_git_that_hangs_is_given_up(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    head = git_version(repository)
    fake = tmp_path / "bin" / "git"
    fake.parent.mkdir()
    fake.write_text(f"#!{sys.executable}\nimport threading\nthreading.Event().wait()\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(fake.parent))
    monkeypatch.setattr(version, "GIT_SECONDS_MAX", 0.2)
    assert git_version(repository) == head


INSTALLED = """
import sys
from pathlib import Path
import orders.main
from fieldmark.version import detect
print(detect(None, {"IMAGE_TAG": "latest"}, Path("/")).name)
"""


def test_an_installed_application_of_the_same_tag_with_other_code_is_another_version(tmp_path: Path) -> None:
    """As in an image: no git, the application in site-packages, started from a folder that is not its own."""
    home = tmp_path / "environment"
    python = home / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(home)], check=True, timeout=60)
    (packages,) = home.glob("lib/python*/site-packages")
    below = sysconfig.get_paths()["purelib"]  # where this package is
    (packages / "fieldmark.pth").write_text(f"import site; site.addsitedir({below!r})\n")

    def deploy(code: str) -> str:
        install(packages, "orders", "1.0", {"orders/__init__.py": "", "orders/main.py": code})
        return subprocess.run(
            [str(python), "-c", INSTALLED], capture_output=True, text=True, check=True, timeout=60
        ).stdout.strip()

    first = deploy("limit = 1\n")
    assert first.startswith("code:")
    assert deploy("limit = 1\n") == first  # compiled and asked for again: nothing changed
    second = deploy("limit = 2\n")
    assert second != first
    install(packages, "framework", "2.0", {"framework.py": "x = 1\n"})
    assert deploy("limit = 2\n") not in (first, second)  # the same application on something else


def install(packages: Path, name: str, number: str, files: dict[str, str]) -> None:
    """As an installer does, with a record of hashes."""
    lines = []
    for path, text in files.items():
        (packages / path).parent.mkdir(exist_ok=True)
        (packages / path).write_text(text)
        lines.append(f"{path},sha256={hashlib.sha256(text.encode()).hexdigest()},{len(text)}")
    info = packages / f"{name}-{number}.dist-info"
    info.mkdir(exist_ok=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {number}\n")
    (info / "RECORD").write_text("\n".join(lines) + "\n")


def test_a_repository_that_git_will_not_read_still_has_its_head(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where the folder belongs to another user than the process."""
    head = git_version(repository)
    fake = tmp_path / "bin" / "git"
    fake.parent.mkdir()
    fake.write_text(f"#!{sys.executable}\nraise SystemExit(128)\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(fake.parent))
    assert git_version(repository) == head


def test_a_tag_alone_does_not_hide_that_the_work_tree_changed(repository: Path) -> None:
    git(repository, "tag", "v1")
    tagged = detect(None, {}, repository).name
    (repository / "app" / "main.py").write_text("x = 2\n")
    assert detect(None, {}, repository).name != tagged
