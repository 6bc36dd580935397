"""The commands about channels: names with and without `#`, membership, the text beside the name."""

from collections.abc import Callable
from typing import Any

import pytest

Program = Callable[..., Any]


def test_channels_list_members(team: Program) -> None:
    channels = team("channels", "--json", agent="dev-1").document["channels"]

    assert [(channel["name"], channel["memberCount"]) for channel in channels] == [
        ("review-log", 6),
        ("review-queue", 6),
    ]
    assert team("channels", agent="dev-1").out.splitlines()[1].startswith("#review-log ")


@pytest.mark.parametrize(
    "arguments",
    [
        ("--channel", "review-queue", "--content", "moved"),
        ("#review-queue", "moved"),
        ("--channel", "review-queue", "moved"),
        ("review-queue", "--content", "moved"),
    ],
)
def test_post_takes_channel_and_text_as_arguments_or_options(team: Program, arguments: tuple[str, ...]) -> None:
    team("channel-post", *arguments, agent="dev-1")
    posts = team("channel-read", "review-queue", "--json", agent="mgr-1").document["messages"]

    assert [(post["fromAgent"], post["content"]) for post in posts] == [("dev-1", "moved")]


def test_posts_are_shown_whole(team: Program) -> None:
    post = team("channel-post", "review-log", "one\ntwo", agent="dev-1").out.strip()
    text = team("channel-read", "#review-log", agent="mgr-1").out

    assert text.startswith(f"post {post}\n  from: dev-1 (project)\n")
    assert text.endswith("\n    one\n    two\n")


def test_only_members_post(team: Program) -> None:
    assert team("channel-create", "#releases", agent="mgr-1").out == "#releases of my-team: 1 member\n"
    assert team("channel-post", "releases", "1.0", agent="dev-1").code == 6
    assert team("channel-join", "releases", agent="dev-1").out == "#releases of my-team: 2 members\n"
    assert team("channel-post", "releases", "1.0", agent="dev-1").code == 0


def test_missing_channel_is_wrong_usage(team: Program) -> None:
    run = team("channel-join", agent="dev-1")

    assert (run.code, run.err) == (2, "error: missing CHANNEL; give it as an argument or with --channel\n")


def test_unknown_channel_is_not_found(team: Program) -> None:
    assert team("channel-read", "nowhere", agent="dev-1").code == 4
