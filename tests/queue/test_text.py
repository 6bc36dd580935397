"""The scan by line: it finds every message's borders, or says where it can't."""

from __future__ import annotations

from textwrap import dedent

import pytest

from bmad_messenger.errors import DamagedError, InvalidError
from bmad_messenger.queue.text import scan

TWO = """\
# The queue of our team.
messages:
  - message_id: "MSG-20250115-a1b2"
    status: "pending"
    payload:
      message: "one"

  # The second is for later.
  - message_id: "MSG-20250115-c3d4"
    status: "read"
    payload:
      message: "two"
"""


def message(rest: str, margin: int = 2) -> str:
    """A queue of one message that ends with these lines, written from its keys' column on."""
    lines = ['- message_id: "MSG-20250115-a1b2"', *(f"  {line}" if line else "" for line in dedent(rest).split("\n"))]
    return "messages:\n" + "\n".join(f"{' ' * margin}{line}" if line else "" for line in lines)


def test_messages_are_found_by_their_dashes() -> None:
    queue = scan(TWO)

    assert [TWO[start : TWO.index("\n", start)] for start in queue.starts] == [
        '  - message_id: "MSG-20250115-a1b2"',
        '  - message_id: "MSG-20250115-c3d4"',
    ]
    assert (queue.margin, queue.end) == (2, len(TWO))


def test_item_ends_with_its_last_line() -> None:
    assert scan(TWO).item(0) == TWO[TWO.index("  - ") : TWO.index("\n  # The second")]


def test_line_end_is_that_of_the_first_line() -> None:
    assert scan(TWO).line_end == "\n"
    assert scan(TWO.replace("\n", "\r\n")).line_end == "\r\n"


@pytest.mark.parametrize("margin", [0, 1, 2, 4, 8])
def test_list_may_stand_at_any_indent(margin: int) -> None:
    text = message("payload:\n  message: hi\n", margin) + message("payload: {}\n", margin).removeprefix("messages:\n")
    queue = scan(text)

    assert (len(queue), queue.margin) == (2, margin)


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_dash_may_have_a_line_of_its_own(line_end: str) -> None:
    text = "messages:\n  -\n    type: notify\n  -\n    type: handoff\n".replace("\n", line_end)
    queue = scan(text)

    assert [queue.value(index) for index in range(2)] == [{"type": "notify"}, {"type": "handoff"}]


@pytest.mark.parametrize("ending", ["limits: 1\n", "'quoted': 1\n", "---\nmessages: []\n", "...\n# the end\n"])
@pytest.mark.parametrize("margin", [0, 2])
def test_list_ends_where_something_else_begins(ending: str, margin: int) -> None:
    text = message("payload: {}\n", margin)

    assert scan(text + ending).end == len(text)


def test_comments_at_the_left_edge_do_not_end_the_list() -> None:
    text = TWO.replace("  # The second", "# The second")

    assert len(scan(text)) == 2


@pytest.mark.parametrize(
    "line",
    [
        "messages:",
        "messages: []",
        "messages: [ ]",
        "messages: null",
        "messages: ~",
        '"messages": []',
        "messages: # none",
    ],
)
@pytest.mark.parametrize("around", ["{}", "# note\n---\n{}\n\n# none yet\n", "{}\nlimits: 1\n", "a: 1\n{}\r\n"])
def test_empty_list_may_be_written_in_several_ways(line: str, around: str) -> None:
    text = around.format(line)

    assert (scan(text).starts, scan(text).list_at) == ((), text.index(line))


@pytest.mark.parametrize("text", ["", "\n\n", "# only a comment", "---\n", "%YAML 1.2\n--- # nothing\n"])
def test_text_may_say_nothing(text: str) -> None:
    assert (scan(text).starts, scan(text).list_at) == ((), -1)


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("tasks: []\n", 1, 1),
        ("# note\nnull\n", 2, 1),
        ("--- []\n", 1, 1),
        ("# note\n messages: []\n", 2, 1),
        ("messages: [{type: notify}]\n", 1, 11),
        ("messages: {}\n", 1, 11),
        ("messages: []# none\n", 1, 1),
        ("messages: [\n]\n", 1, 11),
        ("messages:\n  []\n", 2, 3),
        ("messages:\n  type: notify\n", 2, 3),
        ("messages:\n  -type: notify\n", 2, 3),
        ("messages: []\n  - type: notify\n", 2, 3),
    ],
)
def test_unclear_borders_are_refused(text: str, line: int, column: int) -> None:
    with pytest.raises(DamagedError) as caught:
        scan(text, "queue.yaml")

    problem = caught.value.problem
    assert (problem.path, problem.line, problem.column) == ("queue.yaml", line, column)
    assert problem.hint


@pytest.mark.parametrize(
    "below",
    ["\n", "\n\n\n", "  \n", "# a comment\n", "  # at the dash\n", "\n# one\n\n  # two\n", "# don't\n", '# "quoted"\n'],
)
def test_blank_lines_and_shallow_comments_below_are_no_part_of_a_message(below: str) -> None:
    text = message("payload: {}\n")

    assert scan(text + below).span(0) == (text.index("  - "), len(text))


@pytest.mark.parametrize(
    "rest",
    [
        pytest.param("payload: {}\n# deeper than the dash\n", id="deep comment"),
        pytest.param('payload:\n  message: "hi\n\n  \\\n\n  "', id="blank lines in quotes"),
        pytest.param("payload:\n  message: |+\n    hi\n\n\n", id="block scalar that keeps its blank lines"),
        pytest.param("payload:\n  message: >2+\n    hi\n\n", id="its indicator behind the indent's"),
        pytest.param("payload:\n  message: |+2\n    hi\n\n", id="its indicator before the indent's"),
        pytest.param("payload:\n  message: |\n    hi\n      ", id="spaces as a block scalar's last line"),
    ],
)
def test_message_reaches_as_far_as_its_text(rest: str) -> None:
    text = message(rest)

    assert scan(text).span(0)[1] == len(text)


def test_string_in_quotes_may_end_in_a_line_like_a_comment() -> None:
    text = message('payload:\n  message: "hi\n') + '  # not a comment"\n'

    assert scan(text).value(0)["payload"] == {"message": "hi # not a comment"}


def test_broken_message_is_refused_at_its_place_in_the_file() -> None:
    queue = scan(TWO.replace('"two"', "*two"), "queue.yaml")

    with pytest.raises(InvalidError) as caught:
        queue.value(1)
    assert (caught.value.problem.path, caught.value.problem.line, caught.value.problem.column) == ("queue.yaml", 12, 16)


@pytest.mark.parametrize("index", [0, 1])
def test_head_is_read_without_the_parser(index: int) -> None:
    queue = scan(TWO)
    beside_payload = {key: value for key, value in queue.value(index).items() if key != "payload"}

    assert queue.head(index) == beside_payload


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ('to: "dev"', {"to": "dev"}),
        ("to: 'dev'", {"to": "dev"}),
        ("to: dev", {"to": "dev"}),
        ('note: ""', {"note": ""}),
        ("x-checked: true", {"x-checked": True}),
        ("x-owner: null", {"x-owner": None}),
        ('to_agents:\n  - dev\n  - "tea"', {"to_agents": ["dev", "tea"]}),
        (
            'read_by: {dev: "2025-01-15", ux-designer: "2025-01-16"}',
            {"read_by": {"dev": "2025-01-15", "ux-designer": "2025-01-16"}},
        ),
    ],
)
def test_head_knows_the_shapes_that_the_tool_writes(lines: str, found: dict[str, object], line_end: str) -> None:
    queue = scan(message(f"{lines}\npayload:\n  message: hi\n").replace("\n", line_end))

    assert queue.head(0) == {"message_id": "MSG-20250115-a1b2", **found}


@pytest.mark.parametrize(
    "lines",
    [
        'to: "dev" # a comment',
        "# a comment",
        'note: "an \\"escape\\""',
        "note: 'it''s'",
        'note: "two\n  lines"',
        "note: two\n  lines",
        "note: |\n  two\n  lines",
        "to_agents: [dev, tea]",
        "to_agents:\n- dev",
        "to_agents:\n  - dev\n    - tea",
        "x-count: 3",
        "x-empty:",
        "x-map: {a: {b: 1}}",
        "x-two words: a",
        '"to": dev',
        "note: a\x85b",
        'note: "a\u2028b"',
        "to: dev\nto: tea",
        "note: 'open\npayload: {}",
    ],
)
def test_head_leaves_every_other_shape_to_the_parser(lines: str) -> None:
    queue = scan(message(f"{lines}\npayload:\n  message: hi\n"))

    assert queue.head(0) is None


@pytest.mark.parametrize(
    "text",
    [
        message("payload: {}\nnote: below\n"),
        message('"payload": {}\n'),
        message("to: dev\n"),
        "messages:\n  -\n    to: dev\n",
        "messages:\n  - payload: {}\n    to: dev\n",
        "messages:\n  -\n",
    ],
)
def test_head_needs_the_payload_to_be_last(text: str) -> None:
    assert scan(text).head(0) is None


ID = "MSG-20250115-a1b2"


@pytest.mark.parametrize(
    "item",
    [
        pytest.param(f"  - message_id: {ID}\n    to: a: b\n", id="first"),
        pytest.param(f"  - to: a: b\n    'message_id': '{ID}' # it\n", id="later, in quotes"),
        pytest.param(f"  -\n    # note\n    to: [\n    message_id: {ID}\n", id="below the dash"),
        pytest.param(f"  -   to: [\n      message_id: {ID}\r\n", id="deeper, with CR"),
        pytest.param(f"  - message_id: {ID}\n<<<<<<< ours\n    to: a\n=======\n>>>>>>> theirs\n", id="conflict"),
    ],
)
def test_id_of_a_message_that_is_no_yaml_is_told_by_its_line(item: str) -> None:
    assert scan(f"messages:\n{item}").own_id(0) == ID


@pytest.mark.parametrize(
    "item",
    [
        pytest.param(f"  - to: a: b\n    payload:\n      message_id: {ID}\n", id="in the payload"),
        pytest.param(f"  - to: a: b\n    reply_to: {ID}\n", id="another key"),
        pytest.param(f"  - message_id: {ID}\n    message_id: {ID}0\n", id="two"),
        pytest.param(f"  - message_id: {ID} or so\n", id="more behind it"),
        pytest.param("  - message_id: MSG-1\n", id="no id"),
        pytest.param(f"  - {{message_id: {ID}, to: [}}\n", id="braces"),
        pytest.param("  -\n", id="nothing"),
    ],
)
def test_id_that_is_not_certain_is_not_told(item: str) -> None:
    assert scan(f"messages:\n{item}").own_id(0) is None


def test_comment_below_a_broken_message_is_not_its_own() -> None:
    text = TWO.replace('message: "one"', 'message: "one').replace("for later", "for 'later'")

    assert scan(text).item(0).endswith('message: "one\n')
