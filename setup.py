"""How the distribution is built; what it consists of is said in pyproject.toml.

In a checkout `resources/` and `sensors/` are folders of their own, and so are the files that Dagster reads.
Installed, names so general would stand in the way of other people's packages: there all of it lies in
`scheduler_defs`, and the imports say so.
"""

from __future__ import annotations

import ast
import re
import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

PACKAGE = "scheduler_defs"
ROOMS = ("resources", "sensors")
FILES = ("dagster.yaml", "workspace.yaml", "docs/schemas", "recipes")
"""What the program looks for in `scheduler_defs.settings.INSTALLATION`."""

_IMPORT = re.compile(rf"^(\s*)from ({'|'.join(ROOMS)})(?=[.\s])", re.MULTILINE)


class BuildPy(build_py):
    """Puts everything into the one package."""

    def run(self) -> None:
        if self.editable_mode:
            super().run()
            return
        built = Path(self.build_lib)
        for name in (PACKAGE, "signalbox", *ROOMS):  # what an earlier build has left
            shutil.rmtree(built / name, ignore_errors=True)
        super().run()
        package = built / PACKAGE
        for name in ROOMS:
            shutil.move(built / name, package / name)
        for path in package.rglob("*.py"):
            text = path.read_text(encoding="utf-8")
            path.write_text(_IMPORT.sub(rf"\1from {PACKAGE}.\2", text), encoding="utf-8")
            refuse_general_names(path)
        for name in FILES:
            copy(Path(name), package / "installed" / name)


def refuse_general_names(path: Path) -> None:
    """Raise ValueError when a module still imports one of the rooms by its name in a checkout."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and not node.level:
            names = [node.module or ""]
        if any(name.partition(".")[0] in ROOMS for name in names):
            raise ValueError(f"{path}:{node.lineno}: write `from {names[0]} import ...` on a line of its own")


def copy(source: Path, target: Path) -> None:
    """A file, or a folder with all that is in it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)
    else:
        shutil.copy(source, target)


setup(cmdclass={"build_py": BuildPy})
