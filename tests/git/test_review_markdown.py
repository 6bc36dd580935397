"""A review as Markdown, whatever words its messages hold."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from bmad_messenger.comparison import Record, Version, compare
from bmad_messenger.errors import Problem
from bmad_messenger.git.commit_range import CommitRange
from bmad_messenger.git.review import Review, Thread
from bmad_messenger.git.review_markdown import review_markdown
from bmad_messenger.message import Message
from tests.history.messages import done, message

COMMITS = CommitRange("a" * 40, "b" * 40, is_straight=True)
MARKUP = st.text(alphabet="`|\\<>@#[]()!*_~:/-&. ab\n\r\t\u2028", max_size=24) | st.text(
    st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=24
)


OUR_WORDS = re.compile(
    r"Messages|\d+|From|to|Findings?|New|Changed|Closed|Threads|Notes|id|from|type|priority|route|about|artifact|field|"
    r"old|new|how|waited|worked|note|high|done|s|changed|closed|read|finding"
)


def version(*messages: Message) -> Version:
    records = {one.message_id: Record(one, "queue.yaml", 1, "", in_queue=one.closed is None) for one in messages}
    return Version(records, archived=frozenset(records), queue="queue.yaml")


def review(before: Version, after: Version, **fields: Any) -> Review:
    plain = Review(COMMITS, compare(before, after), findings=(), notes=(), threads=(), artifacts={})
    return replace(plain, **fields)


def rows(markdown: str) -> list[int]:
    """How many cells each row below a head has."""
    counts: list[int] = []
    is_body = False
    for token in MarkdownIt("commonmark").enable("table").parse(markdown):
        is_body = token.type == "tbody_open" or (is_body and token.type != "tbody_close")
        if is_body and token.type == "tr_open":
            counts.append(0)
        elif is_body and token.type == "td_open":
            counts[-1] += 1
    return counts


def plain_words(markdown: str) -> str:
    """Everything but what stands as code; whatever is neither text nor our own form of it is an error."""
    words = []
    for token in MarkdownIt("commonmark").enable("table").parse(markdown):
        assert not token.type.startswith(("html", "fence", "code_block", "blockquote", "hr")), token
        for child in token.children or ():
            assert child.type in ("text", "code_inline", "softbreak", "strong_open", "strong_close"), child
            words.append(child.content if child.type == "text" else "")
    return " ".join(words)


def test_a_review_has_a_table_for_each_kind() -> None:
    old = message(1)
    changed = replace(message(2), payload={"question": "Other?", "context": "c"})
    found = review(version(old, message(2)), version(done(1, 60, 3600), changed, message(3)))

    assert review_markdown(replace(found, artifacts={"MSG-20250115-0003": ["docs/prd.md"]})) == (
        "## Messages: 1 new, 1 changed, 1 closed\n"
        "\n"
        "From `aaaaaaaaaa` to `bbbbbbbbbb`.\n"
        "\n"
        "### New\n"
        "\n"
        "| id | from → to | type | priority | route | about | artifact |\n"
        "| --- | --- | --- | --- | --- | --- | --- |\n"
        "| `MSG-20250115-0003` | `dev → architect` | `clarify` | high | - | `Question 3?` | `docs/prd.md` |\n"
        "\n"
        "### Changed\n"
        "\n"
        "| id | from → to | field | old | new |\n"
        "| --- | --- | --- | --- | --- |\n"
        "| `MSG-20250115-0002` | `dev → architect` | `payload.question` | `Question 2?` | `Other?` |\n"
        "\n"
        "### Closed\n"
        "\n"
        "| id | from → to | type | how | waited | worked | note |\n"
        "| --- | --- | --- | --- | --- | --- | --- |\n"
        "| `MSG-20250115-0001` | `dev → architect` | `clarify` | done | 1 min | 1 h | `fine` |\n"
    )


def test_a_finding_tells_its_place_and_what_to_do() -> None:
    problem = Problem("it is wrong", "mend it", "queue.yaml", 5, 1)

    assert "### Findings\n\n- `queue.yaml:5:1`: `it is wrong`; `mend it`\n" in review_markdown(
        review(Version(), Version(), findings=(problem,))
    )


def test_the_heading_counts_the_findings() -> None:
    problem = Problem("it is wrong")

    assert review_markdown(review(Version(), Version(), findings=(problem, problem))).startswith(
        "## Messages: nothing new, **2 findings**\n"
    )


def test_a_thread_is_a_list() -> None:
    answer = message(2, reply_to="MSG-20250115-0001")
    found = review(version(message(1)), version(message(1), answer), threads=(Thread(message(1), (answer,)),))

    assert review_markdown(found).endswith(
        "### Threads\n\n"
        "- `MSG-20250115-0001` `clarify dev → architect`: `Question 1?`\n"
        "  - new: `MSG-20250115-0002` `clarify dev → architect`: `Question 2?`\n"
    )


def test_a_long_table_is_cut_and_says_so() -> None:
    markdown = review_markdown(review(Version(), version(*map(message, range(60)))))

    assert rows(markdown) == [7] * 50
    assert markdown.endswith("… and 10 more.\n")


def test_no_finding_is_cut() -> None:
    problems = tuple(Problem(f"wrong {number}") for number in range(60))

    assert review_markdown(review(Version(), Version(), findings=problems)).count("\n- ") == 60


@given(*[MARKUP] * 8)
def test_no_word_of_a_message_is_markup(
    type: str, agent: str, route: str, note: str, old: str, new: str, key: str, path: str
) -> None:
    asked = message(1, type=type, from_agent=agent, to_agent=None, to_agents=(agent, "pm"), route=route)
    before = replace(asked, payload={"question": old, key: [old]})
    after = replace(asked, payload={"question": f"{new}x", key: {"x": new}})
    closed = done(2, 0, 0, type=type, note=note)
    problem = Problem(old, new, path, 5)
    found = review(
        version(before),
        version(after, closed),
        findings=(problem,),
        notes=(problem,),
        threads=(Thread(before, (after, closed)),),
        artifacts={closed.message_id: [path]},
    )

    markdown = review_markdown(found)
    changes = len(found.comparison.changed[0].fields)

    assert rows(markdown) == [7, *[5] * changes, 7]
    assert [word for word in re.findall(r"\w+", plain_words(markdown)) if not OUR_WORDS.fullmatch(word)] == []
