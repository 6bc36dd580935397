"""A project's own rules: its types, its agents, its routes, and two messengers of one project at once."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from bmad_messenger import InvalidError, Messenger, NotFoundError, Priority, Problem, Status

RETRO = {
    "title": "Retrospective",
    "description": "What was learned.",
    "type": "object",
    "required": ["learned"],
    "properties": {"learned": {"type": "string"}},
    "default_priority": "low",
}


def configured(root: Path, config: str, problems: list[Problem] | None = None) -> Messenger:
    messenger = Messenger.open(root)
    messenger.init()
    messenger.project.config.write_text(config)
    return Messenger.open(root, report=None if problems is None else problems.append)


@pytest.fixture
def retro(messenger: Messenger) -> Messenger:
    """A project with a type of its own."""
    messenger.project.schemas.mkdir(parents=True)
    (messenger.project.schemas / "retro.schema.json").write_text(json.dumps(RETRO))
    return messenger


def test_a_type_of_the_project_is_sent_with_its_default_priority(retro: Messenger) -> None:
    sent = retro.send(type="retro", from_agent="sm", to_agents="all", payload={"learned": "test first"})

    assert sent.priority is Priority.LOW
    assert retro.receive("dev", type_filter="retro", peek=True) == [sent]


def test_a_type_of_the_project_knows_near_misses(retro: Messenger) -> None:
    with pytest.raises(InvalidError, match="did you mean `learned`"):
        retro.send(type="retro", from_agent="sm", to_agent="dev", payload={"learnd": "test first"})


def test_a_broken_type_of_the_project_is_refused_with_its_place(retro: Messenger) -> None:
    file = retro.project.schemas / "retro.schema.json"
    file.write_text(json.dumps({**RETRO, "default_priority": "lowest"}, indent=2))

    with pytest.raises(InvalidError) as caught:
        retro.send(type="retro", from_agent="sm", to_agent="dev", payload={"learned": "test first"})

    problem = caught.value.problem
    assert (problem.path, problem.line) == ("_bmad-output/messenger/schemas/retro.schema.json", 13)


def test_agents_are_added_and_removed(tmp_path: Path) -> None:
    messenger = configured(tmp_path, "agents: {add: [qa], remove: [tea]}\n")
    payload = {"message": "news"}

    assert messenger.send(type="notify", from_agent="pm", to_agent="qa", payload=payload).to_agent == "qa"
    with pytest.raises(NotFoundError):
        messenger.send(type="notify", from_agent="pm", to_agent="tea", payload=payload)


def test_a_list_of_agents_replaces_the_roster(tmp_path: Path) -> None:
    messenger = configured(tmp_path, "agents: [bmad-agent-pm, bmad-agent-dev]\n")
    messenger.send(type="notify", from_agent="bmad-agent-pm", to_agents="all", payload={"message": "news"})

    (read,) = messenger.receive("bmad-agent-dev")

    assert read.status is Status.READ


HANDOFF = {"artifact_path": "README.md", "context_summary": "done", "next_actions": ["go on"]}


@pytest.mark.parametrize("config", ["", "routes: warn\n"])
def test_a_handoff_off_the_routes_is_a_warning(config: str, tmp_path: Path) -> None:
    problems: list[Problem] = []
    messenger = configured(tmp_path, config, problems)
    (tmp_path / "README.md").touch()

    messenger.send(type="handoff", from_agent="pm", to_agent="tea", payload=HANDOFF)

    assert [(problem.code, problem.severity) for problem in problems] == [("no-route", "warning")]


@pytest.mark.parametrize("config", ["routes: strict\n", "routes: {policy: strict}\n"])
def test_a_handoff_off_the_routes_is_an_error_where_the_project_is_strict(config: str, tmp_path: Path) -> None:
    messenger = configured(tmp_path, config)

    with pytest.raises(InvalidError, match="no route joins pm to tea"):
        messenger.send(type="handoff", from_agent="pm", to_agent="tea", payload=HANDOFF)


def test_a_route_of_the_project_joins_them(tmp_path: Path) -> None:
    route = "{id: test-plan, from: pm, to: tea, trigger: Plan wanted, payload: {plan_path: {type: string}}}"
    messenger = configured(tmp_path, f"routes: {{policy: strict, add: [{route}]}}\n")

    sent = messenger.send(route="Plan wanted", payload={"plan_path": "plan.md"})

    assert (sent.route, sent.to_agent) == ("test-plan", "tea")


def test_an_invalid_config_is_refused_with_every_problem_and_its_place(tmp_path: Path) -> None:
    with pytest.raises(InvalidError) as caught:
        configured(tmp_path, "limits:\n  thread_lenght: 5\nroutes: strikt\n")

    file = "_bmad-output/messenger/config.yaml"
    assert {(problem.path, problem.line) for problem in caught.value.problems} == {(file, 2), (file, 3)}


def test_two_messengers_in_one_process_send_at_once(tmp_path: Path) -> None:
    start, failures = threading.Barrier(4), list[Exception]()

    def work(name: str) -> None:
        messenger = Messenger.open(tmp_path)
        start.wait()
        try:
            for number in range(5):
                payload = {"message": f"{name} {number}"}
                messenger.send(type="notify", from_agent="pm", to_agent="dev", payload=payload)
        except Exception as error:  # noqa: BLE001  # it is the main thread that has to fail
            failures.append(error)

    workers = [threading.Thread(target=work, args=(str(number),)) for number in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    messenger = Messenger.open(tmp_path)
    assert failures == []
    assert {message.payload["message"] for message in messenger.list()} == {
        f"{w} {n}" for w in range(4) for n in range(5)
    }
    assert messenger.validate() == []
    assert sorted(messenger.archive.ids()) == sorted(message.message_id for message in messenger.list())


def test_one_messenger_serves_several_threads(messenger: Messenger) -> None:
    def work() -> None:
        messenger.send(type="notify", from_agent="pm", to_agent="dev", payload={"message": "news"})

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert len(messenger.list()) == 4
