"""Channels: names with or without `#`, membership, posts of nobody in particular, the review channels."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from bmad_messenger.btmsg import RefusedError
from bmad_messenger.errors import InvalidError, NotFoundError
from tests.btmsg.plain_sql import as_they_do
from tests.btmsg.team import As


def test_a_channel_has_its_name_with_and_without_a_sharp(team: As) -> None:
    channel = team("mgr").channel_create("#news")

    for name in ("news", "#news", channel.id):
        team("mgr").channel_post(name, name)
    assert [one.content for one in team("dev").get_channel_messages("news")] == ["news", "#news", channel.id]
    assert [one.content for one in team("dev").get_channel_messages("#news", 1)] == [channel.id]
    for taken in ("news", "#news"):
        with pytest.raises(InvalidError, match="already"):
            team("mgr").channel_create(taken)


@pytest.mark.parametrize("stored", ["plans", "#plans"])
def test_a_channel_of_another_program_is_found(team: As, path: Path, stored: str) -> None:
    with closing(as_they_do(path)) as theirs:
        theirs.execute(
            "INSERT INTO channels (id, name, group_id, created_by) VALUES ('c', ?, 'g', 'system')", (stored,)
        )

    for name in ("plans", "#plans"):
        assert team("dev").channel_join(name).member_count == 1
    assert team("dev").channel_post("plans", "text").channel_id == "c"


def test_posting_needs_membership(team: As) -> None:
    team("mgr").channel_create("news")
    with pytest.raises(RefusedError, match="btmsg channel-join news"):
        team("dev").channel_post("news", "text")

    team("dev").channel_join("news")
    post = team("dev").channel_post("#news", "text")
    assert (post.sender_name, post.sender_role) == ("Dev", "project")
    assert [one.event_type for one in team("dev").audit(limit=2)] == ["post", "channel_join"]


def test_groups_have_channels_of_their_own(team: As) -> None:
    team(None).register("other", group_id="h")
    ours, theirs = (team(one).get_channels()[0] for one in ("dev", "other"))

    assert ours.name == theirs.name
    assert ours.id != theirs.id
    for use in (lambda: team("dev").get_channel_messages(theirs.id), lambda: team("dev").channel_join(theirs.id)):
        with pytest.raises(RefusedError):
            use()
    assert team("mgr").get_channel_messages(theirs.id) == []
    with pytest.raises(NotFoundError, match="g, h"):
        team(None).get_channel_messages("review-log")


def test_operator_and_nobody_see_the_channels_of_all_groups(team: As) -> None:
    team(None).register("other", group_id="h")

    for caller in ("boss", None):
        assert [one.group_id for one in team(caller).get_channels()] == ["g", "h", "g", "h"]
        assert [one.group_id for one in team(caller).get_channels("h")] == ["h", "h"]
    assert [one.group_id for one in team("mgr").get_channels()] == ["g", "g"]


@pytest.mark.parametrize("name", ["", "#", "two words", "a\tb"])
def test_a_name_that_can_t_be_is_refused(team: As, name: str) -> None:
    with pytest.raises(InvalidError):
        team("mgr").channel_create(name)


def test_an_empty_post_and_an_unknown_channel_are_errors(team: As) -> None:
    with pytest.raises(InvalidError):
        team("dev").channel_post("review-log", " ")
    with pytest.raises(NotFoundError, match="#nowhere"):
        team("dev").channel_post("nowhere", "text")


def test_review_channels_are_made_once_by_several_at_once(team: As) -> None:
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: team(None).board.ensure_review_channels("new"), range(4)))

    assert len({(queue.id, log.id) for queue, log in made}) == 1
    assert [one.name for one in team(None).get_channels("new")] == ["review-log", "review-queue"]


def test_review_channels_of_another_program_are_taken(team: As, path: Path) -> None:
    with closing(as_they_do(path)) as theirs:
        theirs.execute(
            "INSERT INTO channels (id, name, group_id, created_by) VALUES ('q', '#review-queue', 'h', 'system')"
        )

    assert team(None).board.ensure_review_channels("h")[0].id == "q"
