"""`doctor`: everything that is wrong with a project, with its cause and what mends it."""

from collections.abc import Iterator
from typing import Annotated

import typer

from bmad_messenger.cli.options import Json, Project
from bmad_messenger.cli.output import write_json, write_lines
from bmad_messenger.config import find_project
from bmad_messenger.doctor.diagnosis import Diagnosis
from bmad_messenger.doctor.examination import Report, examine
from bmad_messenger.errors import InvalidError


def doctor(
    fix: Annotated[
        bool, typer.Option("--fix", help="Do what is safe: settle, remove leftovers, renew what `init` made.")
    ] = False,
    as_json: Json = False,
    project: Project = None,
) -> None:
    """Find what is wrong, why, and the command that mends it.

    It looks at queue, archive, settings, plugins, the lock, the clock, leftovers of programs that died, git and btmsg.
    Nothing is changed without --fix. The exit code is 3 where there is an error, and 0 where there are warnings alone.

    \b
    Example:
      bmad-messenger doctor --fix
    """
    report = examine(find_project(project), fix=fix)
    if as_json:
        findings = [finding.to_mapping() for finding in report.findings]
        write_json({"findings": findings, "fixed": [*report.fixed], "about": dict(report.about)})
    else:
        write_lines([*_lines(report)])
    if report.is_ill:
        raise typer.Exit(InvalidError.exit_code)


def _lines(report: Report) -> Iterator[str]:
    yield ", ".join(f"{name} {version}" for name, version in report.about.items())
    yield from (f"fixed: {line}" for line in report.fixed)
    yield from (f"ok: {line}" for line in report.sound)
    for finding in report.findings:
        yield from _finding(finding)
    fixable = sum(finding.fix is not None for finding in report.findings)
    if fixable:
        yield f"`bmad-messenger doctor --fix` mends {fixable} of {len(report.findings)}"


def _finding(finding: Diagnosis) -> Iterator[str]:
    problem = finding.problem
    where = f"{problem.where}: " if problem.where else ""
    hint = f"; {problem.hint}" if problem.hint else ""
    yield f"{where}{problem.severity}: {problem.message}{hint}"
    if finding.mend:
        yield f"  mend: `{finding.mend}`"
