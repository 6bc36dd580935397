"""`git install`: attributes and drivers of a clone, put in, checked and taken out."""

from __future__ import annotations

import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bmad_messenger import Messenger
from bmad_messenger.config import Project
from bmad_messenger.errors import DamagedError, InvalidError, NotFoundError
from bmad_messenger.git.install import driver_settings, install, missing, uninstall
from tests.git.real_git import git

ATTRIBUTES = "_bmad-output/messenger/.gitattributes"
QUEUE = "_bmad-output/messenger/message-queue.yaml"
RECORD = "_bmad-output/messenger/archive/2025-01/MSG-20250115-a1b2.yaml"
RUN = "_bmad-output/messenger/runs/welcome-20250115-a1b2c3d4.yaml"


@pytest.fixture
def project(repository: Path) -> Project:
    """The project of the repository."""
    return Project(repository)


def attributes_of(folder: Path, path: str) -> set[str]:
    """What git knows of a file: `merge: bmad-messenger`, ..."""
    told = git(folder, "check-attr", "merge", "diff", "--", path)
    return {line.partition(f"{path}: ")[2] for line in told.splitlines()}


def files_of(folder: Path) -> dict[Path, bytes]:
    """Every file that an install may change."""
    paths = [folder / ".git/config", folder / ATTRIBUTES, *(folder / ".git/hooks").iterdir()]
    return {path: path.read_bytes() for path in paths if path.exists()}


@pytest.mark.parametrize(("path", "diff"), [(QUEUE, "bmad-messenger"), (RECORD, "unspecified"), (RUN, "unspecified")])
def test_git_knows_how_to_merge_and_show(project: Project, path: str, diff: str) -> None:
    install(project)

    assert attributes_of(project.root, path) == {"merge: bmad-messenger", f"diff: {diff}"}


@pytest.mark.parametrize(
    "path",
    ["_bmad-output/messenger/config.yaml", "other/message-queue.yaml", "archive/a.yaml", "runs/a.yaml"],
)
def test_other_files_are_merged_as_before(project: Project, path: str) -> None:
    install(project)

    assert attributes_of(project.root, path) == {"merge: unspecified", "diff: unspecified"}


@pytest.mark.parametrize("where", [".gitattributes", "_bmad-output/.gitattributes", "the user's own"])
@pytest.mark.parametrize("path", [QUEUE, RECORD, "_bmad-output/messenger/config.yaml"])
def test_size_of_the_markers_is_git_s_own_whatever_the_user_has_set(
    project: Project, tmp_path: Path, where: str, path: str
) -> None:
    install(project)
    file = tmp_path / "attributes" if where == "the user's own" else project.root / where
    file.write_text("* conflict-marker-size=32\n")
    git(project.root, "config", "core.attributesFile", str(tmp_path / "attributes"))

    assert git(project.root, "check-attr", "conflict-marker-size", "--", path).split()[-1] == "7"
    assert missing(project) == []


def test_block_of_another_version_is_missed_and_renewed(project: Project) -> None:
    install(project)
    path = project.root / ATTRIBUTES
    path.write_text(path.read_text().replace("* conflict-marker-size=7\n", ""))

    assert {problem.hint for problem in missing(project)} == {"run `bmad-messenger git install`"}
    install(project)
    assert missing(project) == []


def test_what_was_done_is_told(project: Project) -> None:
    assert install(project, pre_commit=True, post_merge=True) == [
        f"wrote {ATTRIBUTES}: commit it, so that every clone has it",
        "set merge.bmad-messenger.name",
        "set merge.bmad-messenger.driver",
        "set merge.bmad-messenger.recursive",
        "set merge.bmad-messenger-base.driver",
        "set diff.bmad-messenger.textconv",
        "made the hook .git/hooks/pre-commit",
        "made the hook .git/hooks/post-merge",
        "made the hook .git/hooks/post-rewrite",
    ]


def test_second_time_changes_nothing(project: Project) -> None:
    install(project, pre_commit=True, post_merge=True)
    before = files_of(project.root)

    assert install(project, pre_commit=True, post_merge=True) == []
    assert files_of(project.root) == before


def test_nothing_is_missing_afterwards(project: Project) -> None:
    install(project, pre_commit=True, post_merge=True)

    assert missing(project, pre_commit=True, post_merge=True) == []


def test_everything_comes_out_again(project: Project) -> None:
    before = files_of(project.root)
    install(project, pre_commit=True, post_merge=True)
    uninstall(project)

    assert files_of(project.root) == before
    assert uninstall(project) == []


def test_lines_of_the_user_stay(project: Project) -> None:
    path = project.root / ATTRIBUTES
    path.write_bytes(b"*.yaml merge=union\r\n# mine")
    install(project)
    assert path.read_bytes().startswith(b"*.yaml merge=union\r\n# mine\n")
    assert "merge: bmad-messenger" in attributes_of(project.root, QUEUE)

    uninstall(project)
    assert path.read_bytes() == b"*.yaml merge=union\r\n# mine"


def test_settings_of_the_user_stay(project: Project) -> None:
    git(project.root, "config", "merge.bmad-messenger.mine", "1")
    install(project)
    uninstall(project)

    assert git(project.root, "config", "merge.bmad-messenger.mine") == "1\n"


def test_driver_of_another_python_is_replaced(project: Project) -> None:
    git(project.root, "config", "--add", "merge.bmad-messenger.driver", "one")
    git(project.root, "config", "--add", "merge.bmad-messenger.driver", "two")
    install(project)

    told = git(project.root, "config", "--get-all", "merge.bmad-messenger.driver")
    assert told == f"{driver_settings()['merge.bmad-messenger.driver']}\n"


def test_link_in_place_of_the_attributes_is_refused(project: Project) -> None:
    (project.root / ATTRIBUTES).symlink_to(project.root / "elsewhere")

    with pytest.raises(InvalidError, match="git does not follow a link here"):
        install(project)


def test_damaged_block_is_refused_and_nothing_is_changed(project: Project) -> None:
    install(project)
    path = project.root / ATTRIBUTES
    path.write_text(path.read_text().rpartition("# <<<")[0])
    git(project.root, "config", "--unset", "merge.bmad-messenger.driver")
    before = files_of(project.root)

    with pytest.raises(DamagedError, match=r"\.gitattributes:1: a mark"):
        install(project)
    assert files_of(project.root) == before


def test_project_without_a_messenger_is_an_error(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")

    with pytest.raises(NotFoundError, match="bmad-messenger init"):
        install(Project(tmp_path))


def test_project_outside_of_git_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    Messenger.open(tmp_path).init()

    with pytest.raises(NotFoundError, match="no git repository"):
        install(Project(tmp_path))


class TestMissing:
    """What `--check` finds."""

    def test_nothing_is_there_yet(self, project: Project) -> None:
        assert [str(problem) for problem in missing(project)] == [
            f"{ATTRIBUTES} does not say how git merges the queue; run `bmad-messenger git install`",
            f"{ATTRIBUTES} does not say how git merges the archive; run `bmad-messenger git install`",
            f"{ATTRIBUTES} does not say how git merges the runs; run `bmad-messenger git install`",
            "this clone has no merge driver: merge.bmad-messenger.driver is not set; run `bmad-messenger git install`",
            "this clone has no diff driver: diff.bmad-messenger.textconv is not set; run `bmad-messenger git install`",
        ]

    def test_a_clone_has_the_attributes_and_no_drivers(self, project: Project, tmp_path: Path) -> None:
        install(project)
        git(project.root, "add", ".")
        git(project.root, "commit", "--quiet", "-m", "Attributes")
        clone = tmp_path / "clone"
        git(tmp_path, "clone", "--quiet", str(project.root), str(clone))

        assert [problem.message.partition(":")[0] for problem in missing(Project(clone))] == [
            "this clone has no merge driver",
            "this clone has no diff driver",
        ]

    def test_a_program_that_is_gone(self, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(sys, "executable", "/no/such/python")
            install(project, pre_commit=True)

        assert [problem.message for problem in missing(project)] == [
            "the merge driver does not run: merge.bmad-messenger.driver leads nowhere",
            "the diff driver does not run: diff.bmad-messenger.textconv leads nowhere",
            "the hook pre-commit does not run",
        ]

    def test_attributes_that_stand_above_ours(self, project: Project) -> None:
        install(project)
        (project.root / ".git/info/attributes").write_text("*.yaml merge=union\n")
        problems = missing(project)

        assert [problem.message for problem in problems] == [
            f"other attributes stand above those of {ATTRIBUTES} for the queue",
            f"other attributes stand above those of {ATTRIBUTES} for the archive",
            f"other attributes stand above those of {ATTRIBUTES} for the runs",
        ]
        assert problems[0].hint == f"see `git check-attr -a {QUEUE}`"

    def test_hooks_only_where_they_are_asked_for(self, project: Project) -> None:
        install(project, pre_commit=True)

        assert missing(project) == []
        assert [str(problem) for problem in missing(project, pre_commit=True, post_merge=True)] == [
            "there is no hook post-merge of bmad-messenger; run `bmad-messenger git install --post-merge`",
            "there is no hook post-rewrite of bmad-messenger; run `bmad-messenger git install --post-merge`",
        ]


class TestPlaces:
    """Where a project may lie in a repository, and a repository in a file system."""

    @pytest.mark.parametrize("name", ["it's in $HOME", 'say "hi"; späte Übergabe', "--help"])
    def test_any_name(self, tmp_path: Path, name: str) -> None:
        folder = tmp_path / name
        folder.mkdir()
        git(folder, "init", "--quiet")
        Messenger.open(folder).init()
        install(Project(folder), pre_commit=True)

        assert missing(Project(folder), pre_commit=True) == []

    def test_python_at_any_place(self, project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        python = tmp_path / "it's a $folder" / "python"
        python.parent.mkdir()
        python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
        python.chmod(0o755)
        monkeypatch.setattr(sys, "executable", str(python))
        install(project, pre_commit=True)

        assert missing(project, pre_commit=True) == []

    def test_two_projects_in_one_repository(self, repository: Path) -> None:
        projects = [Project(repository / name) for name in ("one", "an other")]
        for project in projects:
            Messenger(project).init()
            install(project, pre_commit=True)

        assert [missing(project) for project in projects] == [[], []]

    def test_what_another_project_needs_stays(self, repository: Path) -> None:
        one, other = Project(repository / "one"), Project(repository)
        for project in (one, other):
            Messenger(project).init()
            install(project, pre_commit=True)

        assert uninstall(one) == [
            f"removed {ATTRIBUTES}",
            f"left drivers and hooks in place, since {ATTRIBUTES} needs them",
        ]
        assert missing(other, pre_commit=True) == []
        uninstall(other)
        assert not (repository / ".git/hooks/pre-commit").exists()

    def test_linked_work_tree_has_the_drivers_of_the_first(self, project: Project, tmp_path: Path) -> None:
        install(project, pre_commit=True)
        git(project.root, "add", ".")
        git(project.root, "commit", "--quiet", "--no-verify", "-m", "Attributes")
        linked = tmp_path / "linked tree"
        git(project.root, "worktree", "add", "--quiet", "--detach", str(linked))

        assert missing(Project(linked), pre_commit=True) == []
        assert install(Project(linked), pre_commit=True) == []

    def test_installed_from_a_linked_work_tree(self, project: Project, tmp_path: Path) -> None:
        linked = tmp_path / "linked tree"
        git(project.root, "worktree", "add", "--quiet", "--detach", str(linked))
        install(Project(linked), pre_commit=True)

        assert (project.root / ".git/hooks/pre-commit").exists()
        assert missing(Project(linked), pre_commit=True) == []

    def test_uninstall_tells_which_other_work_trees_lose_it(self, project: Project, tmp_path: Path) -> None:
        install(project, pre_commit=True)
        linked, gone = tmp_path / "linked tree", tmp_path / "gone"
        for tree in (linked, gone):
            git(project.root, "worktree", "add", "--quiet", "--detach", str(tree))
        shutil.rmtree(gone)

        done = uninstall(project)
        cure = "`bmad-messenger git install` there brings them back"
        assert done[-1] == f"the drivers and hooks were those of {linked} too: {cure}"
        assert uninstall(project) == []

    def test_uninstall_in_a_linked_work_tree_tells_of_the_first(self, project: Project, tmp_path: Path) -> None:
        install(project)
        linked = tmp_path / "linked tree"
        git(project.root, "worktree", "add", "--quiet", "--detach", str(linked))

        assert f"those of {project.root} too" in uninstall(Project(linked))[-1]

    def test_submodule(self, project: Project, tmp_path: Path) -> None:
        above = tmp_path / "above"
        above.mkdir()
        git(above, "init", "--quiet")
        git(above, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(project.root), "sub")
        install(Project(above / "sub"), pre_commit=True)

        assert missing(Project(above / "sub"), pre_commit=True) == []
        assert (above / ".git/modules/sub/hooks/pre-commit").exists()

    def test_repository_of_the_output_folder_alone(self, tmp_path: Path) -> None:
        project = Project(tmp_path)
        Messenger(project).init()
        git(tmp_path / "_bmad-output", "init", "--quiet")
        install(project, pre_commit=True)

        assert missing(project, pre_commit=True) == []
        assert (tmp_path / "_bmad-output/.git/hooks/pre-commit").exists()


def test_eight_at_once(project: Project) -> None:
    with ThreadPoolExecutor(8) as pool:
        runs = [pool.submit(install, project, pre_commit=True, post_merge=True) for _ in range(8)]

    assert all(isinstance(run.result(), list) for run in runs)
    assert missing(project, pre_commit=True, post_merge=True) == []
    values = git(project.root, "config", "--get-all", "merge.bmad-messenger.driver").splitlines()
    assert len(values) == 1
