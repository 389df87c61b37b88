"""Which version of the application is running. Never empty, and the same in every worker of one deployment.

Rules, the first that gives an answer: the ``version`` setting · a variable that the platform sets · git's HEAD, with
``-dirty`` and a hash when the work tree differs · ``code:`` and a hash of what is installed and of the application's
own modules, so that other code under the same tag is another version, in an image without git too.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from types import ModuleType

from fieldmark.settings import fitting

# Set at deployment by the platforms' own build or run environment, by name of the platform.
PLATFORM_VARIABLES = (
    "GIT_COMMIT",
    "GIT_SHA",
    "COMMIT_SHA",
    "SOURCE_VERSION",
    "HEROKU_SLUG_COMMIT",
    "RENDER_GIT_COMMIT",
    "RAILWAY_GIT_COMMIT_SHA",
    "VERCEL_GIT_COMMIT_SHA",
    "KOYEB_GIT_SHA",
    "CI_COMMIT_SHA",
    "GITHUB_SHA",
    "K_REVISION",
    "CONTAINER_APP_REVISION",
    "GAE_VERSION",
    "AWS_LAMBDA_FUNCTION_VERSION",
)
COMMIT_CHARACTERS = 7
HASH_CHARACTERS = 8
CODE_FILES_MAX = 5_000
GIT_SECONDS_MAX = 2.0
# Not what differs from one installation of the same to the next: caches, scripts, where it came from.
_RECORDED_CODE = re.compile(r"^.*\.(?:py|so),sha256=.*$", re.MULTILINE)


@dataclass(frozen=True)
class Version:
    name: str
    rule: str  # which rule won, for people: "setting", "GIT_COMMIT", "git", "code"


def detect(
    explicit: str | None,
    environ: Mapping[str, str],
    folder: Path,
    modules: Mapping[str, ModuleType] | None = None,
) -> Version:
    """The version of what runs in ``folder``. Reads files and may call git for at most a few seconds."""
    if explicit:
        return Version(explicit, "setting")
    for variable in PLATFORM_VARIABLES:
        value = fitting(environ.get(variable, "")).strip()
        if value and value != "$LATEST":
            return Version(_shorten(value), variable)
    head = git_version(folder)
    if head:
        return Version(head, "git")
    return Version(code_version(sys.modules if modules is None else modules, folder), "code")


def _shorten(value: str) -> str:
    return value[:COMMIT_CHARACTERS] if re.fullmatch(r"[0-9a-f]{40}", value) else value


# ------------------------------------------------------------------ git


def git_version(folder: Path) -> str | None:
    """HEAD of the repository around ``folder``; None outside of one."""
    git_folder = _git_folder(folder)
    head = _read_head(git_folder) if git_folder else None
    if head is None:
        return None
    dirty = _dirty_hash(folder)
    return head[:COMMIT_CHARACTERS] + (f"-dirty.{dirty}" if dirty else "")


def _git_folder(folder: Path) -> Path | None:
    for parent in (folder, *folder.parents):
        entry = parent / ".git"
        if entry.is_dir():
            return entry
        if entry.is_file():  # a work tree or a submodule: "gitdir: <path>"
            target = _first_line(entry).removeprefix("gitdir:").strip()
            return (parent / target) if target else None
    return None


def _read_head(git_folder: Path) -> str | None:
    head = _first_line(git_folder / "HEAD")
    if not head.startswith("ref:"):
        return head or None
    name = head.removeprefix("ref:").strip()
    common = _first_line(git_folder / "commondir")
    for place in (git_folder, git_folder / common):
        value = _first_line(place / name)
        if value:
            return value
        for line in _lines(place / "packed-refs"):
            commit, _, packed_name = line.partition(" ")
            if packed_name.strip() == name:
                return commit
    return None


def _dirty_hash(folder: Path) -> str | None:
    """A hash of what differs from HEAD: tracked files, and Python files that git does not know yet."""
    changes = _git(folder, "diff", "HEAD", "--no-ext-diff", "--no-textconv", "--no-color", "--binary")
    unknown = _git(folder, "ls-files", "-z", "--others", "--exclude-standard", "--", "*.py")
    if not changes and not unknown:
        return None
    digest = hashlib.sha256(changes or b"")
    for name in sorted((unknown or b"").split(b"\0")):
        if name:
            digest.update(name + b"\0" + _content(folder / name.decode(errors="surrogateescape")))
    return digest.hexdigest()[:HASH_CHARACTERS]


def _git(folder: Path, *arguments: str) -> bytes | None:
    try:
        return subprocess.run(
            ["git", "-C", str(folder), "--no-optional-locks", *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=GIT_SECONDS_MAX,
            check=True,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None  # no git here, or it will not read this repository: HEAD alone has to do


# ------------------------------------------------------------------ code


def code_version(modules: Mapping[str, ModuleType], folder: Path) -> str:
    """A hash of the sources of the application's own packages — those below ``folder``, else those not installed — and
    of all that is installed: an application may be, and what it stands on is code too.

    Whole packages, whatever of them is imported yet, so that every worker comes to the same hash.
    """
    installed = tuple(Path(path).resolve() for path in {*sysconfig.get_paths().values(), sys.prefix})
    roots = {root for root in map(_root_of, _top_level(modules)) if root is not None}
    own = {root for root in roots if not _inside(root, installed)}
    below = {root for root in own if _inside(root, (folder.resolve(),))}
    digest = hashlib.sha256()
    for name, path in sorted(_sources(below or own)):
        digest.update(name.encode(errors="surrogateescape") + b"\0" + _content(path))
    for line in sorted(_installed()):
        digest.update(line + b"\n")
    return f"code:{digest.hexdigest()[:HASH_CHARACTERS]}"


def _installed() -> Iterable[bytes]:
    """A line for each file of code of each installed distribution, as its installer recorded them."""
    for distribution in metadata.distributions():
        try:
            record = distribution.read_text("RECORD")
            if record is None:  # as Debian's own packages are
                yield f"{distribution.name} {distribution.version}".encode()
            else:
                yield from (line.encode() for line in _RECORDED_CODE.findall(record))
        except Exception:  # half removed, or in a form of its own: the others tell enough
            continue


def _top_level(modules: Mapping[str, ModuleType]) -> Iterable[ModuleType]:
    return [
        module
        for name, module in list(modules.items())
        if "." not in name and name.partition(".")[0] != __name__.partition(".")[0]
    ]


def _root_of(module: ModuleType) -> Path | None:
    """A package's folder, or a single module's file."""
    try:
        packages = [Path(path).resolve() for path in getattr(module, "__path__", [])]
        if packages:
            return packages[0]
        file = getattr(module, "__file__", None)
        return Path(file).resolve() if isinstance(file, str) and file.endswith(".py") else None
    except (OSError, TypeError, ValueError):
        return None  # a module that pretends


def _inside(path: Path, folders: tuple[Path, ...]) -> bool:
    return any(path.is_relative_to(folder) for folder in folders)


def _sources(roots: Iterable[Path]) -> list[tuple[str, Path]]:
    found: list[tuple[str, Path]] = []
    for root in sorted(roots):
        files = [root] if root.is_file() else sorted(root.rglob("*.py"))
        found += [(str(file.relative_to(root.parent)), file) for file in files]
    return found[:CODE_FILES_MAX]


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _lines(path: Path) -> list[str]:
    return _content(path).decode(errors="replace").splitlines()


def _first_line(path: Path) -> str:
    return next(iter(_lines(path)), "").strip()
