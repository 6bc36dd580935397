"""The documentation: it names everything there is, and its examples do what it says.

In the README and in `docs/`, three kinds of fenced blocks are played, page by page, in a project of their own: a file,
where `<!-- file: NAME -->` stands above the block; a `console`, whose commands must print what stands below them; and
`python`. In a console, an id or a time of the page stands for whatever is printed in its place, in later commands too,
and `…` for any text.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from bmad_messenger.btmsg.roles import MAY, ROLES
from bmad_messenger.cli.btmsg import commands as btmsg
from bmad_messenger.cli.bttask import main as bttask
from bmad_messenger.cli.group import COMMANDS
from bmad_messenger.cli.workflow.options import STOPPED
from bmad_messenger.plugins import spec

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.glob("*.md"))]
PLUGIN = "security"  # the example of docs/plugins.md, the only plugin that the pages get to see

_BLOCK = re.compile(
    r"(?:^<!-- file: (?P<file>\S+) -->\n)?^(?P<fence>`{3,})(?P<kind>\w*)\n(?P<text>.*?)^(?P=fence)$", re.M | re.S
)
_STEP = re.compile(r"^\$ (?P<command>.*\n(?:> .*\n|>\n)*)(?P<output>(?:(?!\$ ).*\n)*)", re.M)
_MESSAGE_ID = r"MSG-\d{8}-[0-9a-f]{4,}"
_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_TIME = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\dZ?)?"
_LOOSE = re.compile(
    rf"(?P<id>{_MESSAGE_ID}|{_UUID})|(?P<time>{_TIME})|(?P<month>\d{{4}}-\d\d(?=/))|(?P<gap>(?<=\S)  +)|(?P<any>…)"
)
_NAME = re.compile(rf"{_UUID}|\b(?:MSG-\d{{8}}-)?[0-9a-f]{{4,}}\b")
_SHORT = re.compile(r"(?<![\w-])[0-9a-f]{4,8}\b")
_PATTERNS = {"time": _TIME, "month": r"\d{4}-\d\d", "gap": "  +", "any": r".*?"}
_PROGRAMS = {
    "bmad-messenger": "bmad_messenger",
    "btmsg": "bmad_messenger.cli.btmsg",
    "bttask": "bmad_messenger.cli.bttask",
}


@dataclass(frozen=True)
class Block:
    """One fenced block; `place` is its page and line, `file` the name of the file that it is."""

    place: str
    kind: str
    text: str
    file: str | None


@dataclass
class Project:
    """A project that the blocks of one page are played in; `ids` gives for each id of the page the one that came."""

    folder: Path
    ids: dict[str, str] = field(default_factory=dict)
    names: dict[str, Any] = field(default_factory=dict)

    def play(self, block: Block) -> None:
        if block.file is not None:
            path = self.folder / block.file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text, encoding="utf-8")
        elif block.kind == "console":
            for step in _STEP.finditer(block.text):
                self._run(re.sub(r"^>( |$)", "", step["command"], flags=re.M), step["output"], block.place)
        elif block.kind == "python":
            exec(compile(block.text, block.place, "exec"), self.names)

    def _run(self, command: str, expected: str, place: str) -> None:
        names = {**self.ids, **{_short(ours): _short(theirs) for ours, theirs in self.ids.items()}}
        command = _NAME.sub(lambda name: names.get(name[0], name[0]), command)
        run = subprocess.run(
            ["sh", "-c", command], cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
        )
        output = run.stdout.decode()
        found = re.fullmatch(self._pattern(expected), output, re.S)
        assert found, f"{place}: $ {command}printed\n{output}in place of\n{expected}"
        if re.search(rf"\b(?:{'|'.join(_PROGRAMS)})\b", command):
            assert (run.returncode != 0) == bool(re.search(r'\berror"?: ', output)), (
                f"{place}: $ {command}ends with {run.returncode}"
            )
        self.ids.update({_id_of(group): theirs for group, theirs in found.groupdict().items()})

    def _pattern(self, expected: str) -> str:
        """A regular expression for the output that a page shows; its groups are the ids that are new."""
        short = {_short(ours): _short(theirs) for ours, theirs in self.ids.items()}
        expected = _SHORT.sub(lambda name: short.get(name[0], name[0]), expected)
        parts, end, new = [], 0, set[str]()
        for loose in _LOOSE.finditer(expected):
            parts.append(re.escape(expected[end : loose.start()]))
            end = loose.end()
            if loose["id"] is None:
                parts.append(_PATTERNS[loose.lastgroup or ""])
            elif loose["id"] in self.ids:
                parts.append(self.ids[loose["id"]])
            else:
                group, kind = _group_of(loose["id"]), _MESSAGE_ID if loose["id"].startswith("MSG-") else _UUID
                parts.append(f"(?P={group})" if group in new else f"(?P<{group}>{kind})")
                new.add(group)
        return "".join([*parts, re.escape(expected[end:])])


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """An empty BMAD project, in which the page's commands are found."""
    programs, packages = tmp_path / "bin", tmp_path / "packages"
    programs.mkdir()
    for name, module in {**_PROGRAMS, "pip": "pip"}.items():
        program = programs / name
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m {module} "$@"\n')
        program.chmod(0o755)
    environment = {
        "HOME": str(tmp_path),  # pip looks around in it
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": f"{ROOT}{os.pathsep}{packages}",
        "BMAD_MESSENGER_PLUGINS": PLUGIN,
        "BMAD_MESSENGER_DISABLE": "",
        "BTMSG_AGENT_ID": "",
        **{f"GIT_{role}_{what}": "dev@example.com" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
        "BTMSG_DB": str(tmp_path / "agor" / "btmsg.db"),
        "PIP_TARGET": str(packages),
        "PIP_NO_BUILD_ISOLATION": "0",  # which means that there is none
        "PIP_NO_CACHE_DIR": "1",
        "PIP_NO_DEPS": "1",
        "PIP_QUIET": "1",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    folder = tmp_path / "project"
    (folder / "_bmad-output").mkdir(parents=True)
    monkeypatch.chdir(folder)
    return Project(folder)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_examples_do_what_the_page_says(page: Path, project: Project) -> None:
    for block in _blocks(page):
        project.play(block)


def test_readme_sets_up_with_two_commands() -> None:
    set_up = re.findall(r"^<!-- (\S+) -->\n```sh\n.*\n```$", (ROOT / "README.md").read_text("utf-8"), re.M)

    assert set_up == ["demo-command", "test-command"]


def test_every_hook_has_a_section() -> None:
    hooks = {name for name, value in vars(spec).items() if hasattr(value, f"{spec.NAME}_spec")}

    assert hooks
    assert hooks - set(re.findall(r"^### `(\w+)", (DOCS / "plugins.md").read_text("utf-8"), re.M)) == set()


def test_every_key_of_the_config_is_documented() -> None:
    page = (DOCS / "configuration.md").read_text("utf-8")
    schema = json.loads((ROOT / "schemas" / "config.schema.json").read_text("utf-8"))

    assert [key for key in _keys(schema) if f"`{key}`" not in page] == []


def test_every_environment_variable_is_documented() -> None:
    code = "\n".join(path.read_text("utf-8") for path in (ROOT / "bmad_messenger").rglob("*.py"))
    page = (DOCS / "configuration.md").read_text("utf-8")

    assert [name for name in set(re.findall(r"\bBMAD_MESSENGER_[A-Z]+\b", code)) if f"`{name}`" not in page] == []


def test_every_type_and_route_is_documented() -> None:
    from bmad_messenger.message import SHIPPED_TYPES
    from bmad_messenger.routes import Routes

    page = (DOCS / "messages.md").read_text("utf-8")

    assert [name for name in (*SHIPPED_TYPES, *Routes.shipped().by_id) if f"`{name}`" not in page] == []


def test_every_exit_code_is_documented() -> None:
    from bmad_messenger import errors

    codes = {STOPPED, *(kind.exit_code for kind in vars(errors).values() if hasattr(kind, "exit_code"))}
    readme = (ROOT / "README.md").read_text("utf-8").partition("\n## Exit codes\n")[2].partition("\n## ")[0]

    assert {str(code) for code in codes} - set(re.findall(r"^\| (\d+) \|", readme, re.M)) == set()


def test_generated_pages_are_up_to_date() -> None:
    source = importlib.util.spec_from_file_location("generate", DOCS / "generate.py")
    assert source is not None
    assert source.loader is not None
    generate = importlib.util.module_from_spec(source)
    source.loader.exec_module(generate)

    assert generate.PAGE.read_text("utf-8") == generate.commands_page(), "run `python docs/generate.py`"
    assert generate.REFERENCE.read_text("utf-8") == generate.reference_page(), "run `python docs/generate.py`"


def test_every_command_has_a_section() -> None:
    page = (DOCS / "commands.md").read_text("utf-8")
    others = {"btmsg": btmsg.SECTIONS, "bttask": bttask.SECTIONS}
    names = {f"{program} {name}" for program, sections in others.items() for one in sections.values() for name in one}

    assert {*COMMANDS, *names} - set(re.findall(r"^### (.+)", page, re.M)) == set()


def test_pages_say_which_role_may_do_what() -> None:
    """The tables of the two pages are together the table in the code."""
    rows = [
        [cell.strip() for cell in row.split("|")]
        for name in ("btmsg.md", "bttask.md")
        for row in re.findall(r"^\| (.* \| (?:yes|no|own)) \|$", (DOCS / name).read_text("utf-8"), re.M)
    ]
    said = {
        what: {role for role, answer in zip(ROLES, answers, strict=True) if answer == "yes"} for what, *answers in rows
    }

    assert said == MAY


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    text = page.read_text("utf-8")
    links = re.findall(r"\]\((?!https?:)([^)]+)", _BLOCK.sub("", text))

    assert [link for link in links if not _leads_somewhere(page, link)] == []


def test_every_page_is_linked_from_the_readme() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")

    assert [page.name for page in DOCS.glob("*.md") if f"](docs/{page.name})" not in readme] == []


def _blocks(page: Path) -> Iterator[Block]:
    text = page.read_text("utf-8")
    for found in _BLOCK.finditer(text):
        line = text.count("\n", 0, found.start()) + 1
        yield Block(f"{page.name}:{line}", found["kind"], found["text"], found["file"])


def _short(name: str) -> str:
    """The part of an id that people write: the end of a message's, the beginning of another."""
    return name.rpartition("-")[2] if name.startswith("MSG-") else name[:8]


def _group_of(name: str) -> str:
    """A name for a group of a regular expression that stands for an id; `_id_of` gives the id back."""
    return f"id_{name.replace('-', '_')}"


def _id_of(group: str) -> str:
    return group.removeprefix("id_").replace("_", "-")


def _keys(schema: dict[str, Any]) -> Iterator[str]:
    """The keys that a schema names, at every level, but for those of a route."""
    for key, value in schema.get("properties", {}).items():
        yield key
        yield from _keys(value)
    for value in schema.get("anyOf", ()):
        yield from _keys(value)


def _leads_somewhere(page: Path, link: str) -> bool:
    path, _, heading = link.partition("#")
    target = page.parent / path if path else page
    if not target.exists() or not heading:
        return target.exists()
    headings = re.findall(r"^#+ (.*)", target.read_text("utf-8"), re.M)
    return heading in {re.sub(r"[^\w\- ]", "", one.lower()).replace(" ", "-") for one in headings}
