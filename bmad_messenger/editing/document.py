"""What is edited: the whole queue, or one message of it as a queue of one; taken out, and put back, as text."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Any

from bmad_messenger.errors import DamagedError, InvalidError, NotFoundError
from bmad_messenger.message import Message
from bmad_messenger.queue.edit import append_rendered, as_item, as_record, remove
from bmad_messenger.queue.text import QueueText
from bmad_messenger.queue.view import QueueView, checked_view
from bmad_messenger.store import OWN_ID, Store
from bmad_messenger.yaml.parse import parse


def taken_out(store: Store, view: QueueView, message_id: str) -> str:
    """One message as a queue of one, its text as it stands.

    Raises:
        InvalidError: where it is closed: what the archive has is history.
        NotFoundError: where it is open and gone from the queue.
        DamagedError: where the list is in brackets.
    """
    index = store.place(message_id, view)
    if index is None:
        raise _not_there(message_id, store.get(message_id, view))
    view.queue.require_block()
    eol = view.queue.line_end
    item = view.queue.item(index)
    return f"messages:{eol}{item}{'' if item.endswith(eol) else eol}"


def put_back(store: Store, view: QueueView, message_id: str, text: str) -> str:
    """The queue's text with the messages of `text`, a queue too, in the place of this one.

    Raises:
        DamagedError: where they could not be read back; what `taken_out` raises.
    """
    index = store.place(message_id, view)
    if index is None:
        raise _not_there(message_id, store.get(message_id, view))
    queue, edited = view.queue, _view(text)
    if not len(edited.queue):
        return remove(queue, [index])
    edited.queue.require_block()
    body = _body(edited.queue, queue.margin).replace("\r\n", "\n").replace("\n", queue.line_end)
    start, end = queue.span(index)
    whole = f"{queue.text[:start]}{body}{queue.text[end:]}"
    found, count = _view(whole).mappings or (), len(edited.queue)
    if len(found) != len(queue) - 1 + count or found[index : index + count] != edited.mappings:
        hint = "write its keys one a line, indented as they were"
        raise DamagedError(f"{message_id} as it is written now can't be put back safely", hint=hint)
    return whole


@lru_cache(maxsize=8)
def texts_of(text: str) -> Mapping[str, str]:
    """The texts of a queue's messages, by id; of one that can't be read, the id that its text shows.

    Raises:
        DamagedError: where their borders can't be told.
    """
    view = _view(text)
    found: dict[str, str] = {}
    for index, mapping in enumerate(view.mappings or ()):
        item = view.queue.item(index)
        own = OWN_ID.search(item)
        name = (mapping or {}).get("message_id") or (own and own[1])
        if isinstance(name, str):
            found.setdefault(name, item)
    return found


def values_of(text: str) -> list[dict[str, Any]]:
    """The keys and values of a queue's messages, of those that can be read; raises what `texts_of` does."""
    return [mapping for mapping in _view(text).mappings or () if mapping is not None]


def without(text: str, ids: Collection[str]) -> str:
    """A queue's text without these messages."""
    view = _view(text)
    gone = [index for index, mapping in enumerate(view.mappings or ()) if (mapping or {}).get("message_id") in ids]
    return remove(view.queue, gone) if gone else text


def with_again(text: str, source: str, ids: Collection[str]) -> str:
    """A queue's text with these messages of `source` at its end."""
    queue, margin = _view(text).queue, _view(source).queue.margin
    items = [_moved(item, margin, queue.margin) for message_id, item in texts_of(source).items() if message_id in ids]
    return append_rendered(queue, items)


def _view(text: str) -> QueueView:
    return checked_view(text, None, lambda *_: ())


def _body(queue: QueueText, margin: int) -> str:
    """The messages of a queue, and the comments above and between them, their dashes at the column `margin`."""
    first = queue.text.find("\n", queue.list_at) + 1
    if queue.margin == margin:
        body = queue.text[first : queue.span(len(queue) - 1)[1]].lstrip("\r\n")
    else:
        body = "\n".join(_moved(queue.item(index), queue.margin, margin) for index in range(len(queue)))
    return body if body.endswith("\n") else f"{body}\n"


def _moved(item: str, margin: int, to: int) -> str:
    """A message's text, its dash at another column."""
    if margin == to:
        return item.replace("\r\n", "\n")
    record = as_record(item, margin)
    return as_item(record, parse(record), to)


def _not_there(message_id: str, message: Message) -> InvalidError | NotFoundError:
    if message.status.is_closed:
        return InvalidError(
            f"{message_id} is {message.status.value} already: the archive is history, and not edited",
            hint=f"`bmad-messenger show {message_id}` shows it; to send it again, reply to it or send a new one",
        )
    return NotFoundError(
        f"{message_id} is gone from the queue", hint="`bmad-messenger sync --restore` brings it back; then edit it"
    )
