"""What stood in a newcomer's way before the first run: accounts, addresses, pip's settings, sentences."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import socket
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from scheduler_defs.errors import SignalboxError
from scheduler_defs.settings import settings
from scheduler_defs.stack.components import plan, postgres
from scheduler_defs.stack.components.plan import Options
from scheduler_defs.stack.machine import folders
from scheduler_defs.stack.machine.ports import check_address

ROOT = Path(__file__).parents[2]


@pytest.mark.case("newcomer-I02")
def test_given_a_user_without_an_entry_then_the_line_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(uid: int) -> pwd.struct_passwd:
        raise KeyError(uid)

    def refuses(uid: int, gid: int) -> Callable[[], None]:
        return partial(os.kill, os.getpid(), -1)

    monkeypatch.setattr(pwd, "getpwuid", nobody)
    monkeypatch.setattr(postgres, "known_as", refuses)
    with pytest.raises(SignalboxError, match=r"has no entry in /etc/passwd.*SIGNALBOX_POSTGRES_URL"):
        postgres._caller(ROOT)


@pytest.fixture
def urls(tmp_path: Path) -> dict[str, str]:
    folders.create_state(tmp_path / "state")
    return {
        "SIGNALBOX_STATE": str(tmp_path / "state"),
        "SIGNALBOX_CONFIG": str(tmp_path),
        "SIGNALBOX_POSTGRES_URL": "postgresql://db.example/yard",
        "SIGNALBOX_BROKER_URL": "amqp://mq.example//",
    }


@pytest.mark.case("newcomer-I08")
@pytest.mark.parametrize(
    ("host", "asked_at"),
    [("::", "http://[::1]:"), ("::1", "http://[::1]:"), ("0.0.0.0", "http://127.0.0.1:")],
)
def test_given_a_host_for_everybody_then_the_ui_is_asked_where_it_listens(
    urls: dict[str, str], host: str, asked_at: str
) -> None:
    if ":" in host and not socket.has_ipv6:
        pytest.skip("no IPv6")
    made = plan.make(settings(urls), Options(host=host))
    made.close()
    assert made.ui.startswith(asked_at)


@pytest.mark.case("newcomer-I08")
def test_given_a_host_that_is_none_then_the_line_names_it_and_no_range_of_ports(urls: dict[str, str]) -> None:
    for host in ("x.invalid", "192.0.2.1"):
        with pytest.raises(SignalboxError, match=f"^--host {host}: ") as caught:
            plan.make(settings(urls), Options(host=host))
        assert "no free port" not in str(caught.value)


@pytest.mark.case("newcomer-I08")
def test_given_a_loopback_that_passes_nothing_then_there_is_a_line_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def silent(*_: object, **__: object) -> socket.socket:
        raise TimeoutError

    monkeypatch.setattr(socket, "create_connection", silent)
    with pytest.raises(SignalboxError, match=r"^127\.0\.0\.1: nothing comes through; is the interface up"):
        check_address("127.0.0.1", "127.0.0.1", connects=True)


@pytest.mark.case("newcomer-X-links")
def test_given_another_start_then_the_ui_has_the_port_of_last_time(urls: dict[str, str]) -> None:
    where = settings(urls)
    first = plan.make(where, Options())
    first.close()
    before = first.ui
    with socket.create_server(("127.0.0.1", 0)) as free:
        (where.state / "ui_port").write_text(str(free.getsockname()[1]))
    again = plan.make(where, Options())
    again.close()
    assert again.ui != before and again.ui.endswith((where.state / "ui_port").read_text().strip())


def make_venv(folder: Path, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PIP_")}
    return subprocess.run(
        ["sh", "scripts/make_venv.sh", *words],
        cwd=folder,
        env={**kept, **environ},
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout whose pip only notes with which settings it was asked."""
    folder = tmp_path / "a b"
    for name in ("scripts/make_venv.sh", "Makefile", "requirements.lock", "pyproject.toml"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    python = folder / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text(
        "#!/bin/sh\n"
        'case "$*" in *"pip config list"*) cat "$CONFIGURED" 2>/dev/null; exit 0;; esac\n'
        'env | grep "^PIP_" >>"$NOTES"; echo "asked: $*" >>"$NOTES"; exit 0\n'
    )
    python.chmod(0o755)
    program = folder / ".venv/bin/signalbox"
    program.write_text(f"#!/bin/sh\n'''exec' \"{python}\" \"$0\" \"$@\"\n' '''\n")
    (folder / ".venv/.ready").touch()
    return folder


@pytest.mark.case("newcomer-I09")
def test_given_pip_settings_of_the_environment_then_the_installation_is_not_moved(
    checkout: Path, tmp_path: Path
) -> None:
    notes = tmp_path / "notes"
    elsewhere = {
        "PIP_USER": "1",
        "PIP_TARGET": "/t",
        "PIP_PREFIX": "/p",
        "PIP_ROOT": "/r",
        "PIP_REQUIRE_HASHES": "1",
    }
    ended = make_venv(
        checkout, "run", ".venv", NOTES=str(notes), PIP_INDEX_URL="https://mirror.example", **elsewhere
    )
    assert ended.returncode == 0, ended.stderr
    said = notes.read_text()
    assert "asked: -m pip --disable-pip-version-check --quiet install --no-compile --no-deps" in said
    installing = said[: said.index("install --no-compile --no-deps")].rsplit("asked:", 2)[-2]
    assert "PIP_USER=0" in installing and "PIP_REQUIRE_HASHES=0" in installing
    assert "PIP_INDEX_URL=https://mirror.example" in installing
    assert not re.search("PIP_(TARGET|PREFIX|ROOT)=", installing)


@pytest.mark.case("newcomer-I09")
def test_given_a_pip_conf_that_installs_elsewhere_then_the_line_names_the_setting(
    checkout: Path, tmp_path: Path
) -> None:
    (tmp_path / "configured").write_text(
        "global.index-url='x'\ninstall.prefix='/tmp/x'\ninstall.user='true'\n"
    )
    ended = make_venv(checkout, "run", ".venv", NOTES=os.devnull, CONFIGURED=str(tmp_path / "configured"))
    assert ended.returncode == 1
    (line,) = ended.stderr.strip().splitlines()
    assert "install.prefix" in line and "PIP_CONFIG_FILE=/dev/null make" in line
    assert "index-url" not in line


@pytest.mark.case("newcomer-I09")
def test_given_a_checkout_that_was_renamed_then_make_makes_its_environment_anew(checkout: Path) -> None:
    assert make_venv(checkout, "moved", ".venv").stdout == ""
    renamed = checkout.rename(checkout.with_name("c d"))
    assert make_venv(renamed, "moved", ".venv").stdout == "yes\n"
    would = subprocess.run(
        ["make", "-n", "venv"], cwd=renamed, capture_output=True, text=True, check=True, timeout=60
    )
    assert "make_venv.sh run" in would.stdout


@pytest.mark.case("newcomer-X-dg")
def test_the_page_says_with_what_dg_comes() -> None:
    section = (ROOT / "docs/operations.md").read_text().partition("## Dagster's own tools")[2]
    before = section.partition("dg list defs")[0]
    assert "`make tools` installs it" in before
    assert "dagster-dg-cli" in (ROOT / "pyproject.toml").read_text().partition("dev = [")[2]


@pytest.mark.case("newcomer-X-backup")
def test_the_page_names_every_folder_that_the_program_makes_below_the_state_folder() -> None:
    page = (ROOT / "docs/operations.md").read_text()
    table = page.partition("## The state folder")[2].partition("\n## ")[0]
    kept = (ROOT / "docs/backup.md").read_text()
    for name in (
        "compute_logs/",
        "artifacts/",
        "work/",
        "declarations/",
        "log_triage/",
        "service_map/",
        "run/",
    ):
        assert f"`{name}" in table, name
    for name in ("compute_logs/", "artifacts/", "declarations/", "log_triage/", "service_map/"):
        assert f"`{name}" in kept, name
    source = "".join(path.read_text() for path in (ROOT / "scheduler_defs").rglob("*.py"))
    made = set(re.findall(r'\bstate / "([a-z_]+)"', source)) - {"postgres", "valkey", "lock"}
    missing = {name for name in made if f"`{name}" not in table}
    assert not missing, f"docs/operations.md, The state folder: {sorted(missing)}"


ODD = (
    "who wants a shell says", "groups of like messages", "reckons with", "rests with a reason",
    "plays the declared rules", "is read on under", "that is concerned is asked", "say the load of the machine",
)  # fmt: skip


@pytest.mark.case("newcomer-X-english")
def test_the_pages_read_as_english_and_spell_one_way() -> None:
    for page in [*sorted((ROOT / "docs").rglob("*.md")), ROOT / "README.md", ROOT / "CONTRIBUTING.md"]:
        text = page.read_text()
        flat = " ".join(text.lower().split())
        assert not [phrase for phrase in ODD if phrase in flat], page
        prose = re.sub(r"```.*?```|`[^`]*`", "", text, flags=re.DOTALL)
        assert not re.findall(r"\b[Cc]ancell(?:ed|ing)\b", prose), page


@pytest.mark.case("recovery-B09")
def test_the_pages_say_what_becomes_of_an_entry_that_is_removed_and_added_again() -> None:
    concepts = (ROOT / "docs/concepts.md").read_text()
    section = " ".join(concepts.partition("## Removed and added again")[2].partition("\n## ")[0].split())
    for said in ("switch", "pause", "not made up for", "apply --reset-state", "plan"):
        assert said in section
    assert "concepts.md#removed-and-added-again" in (ROOT / "docs/reference/declarations.md").read_text()
