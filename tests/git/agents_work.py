"""What agents and people do to messages in a simulation, each at random: send, read, close, type in, edit."""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random
from typing import Any, Final

from bmad_messenger import Status
from bmad_messenger.config import ROSTER
from bmad_messenger.errors import InvalidError
from tests.git import hand_edits
from tests.git.players import Player, Sent

_LONGEST_THREAD: Final = 8


class AgentsWork:
    """The part of a simulation that touches messages; the rest of it has the clones, the clock and the dice."""

    rng: Random
    now: datetime
    keys: dict[str, dict[str, Any]]
    sent: dict[str, Sent]

    def send(self, player: Player) -> None:
        """Send a message of any type, now and then under a key."""
        word = self._new_word()
        type_ = self.rng.choice(("handoff", "review", "clarify", "escalate", "notify", "notify", "collaborate"))
        sender = self.rng.choice(player.agents)
        fields: dict[str, Any] = {"type": type_, "from_agent": sender, "payload": self._payload(type_, word)}
        others = [agent for agent in ROSTER if agent != sender]
        if type_ in ("notify", "collaborate"):
            several = self.rng.random() < 0.6
            fields["to_agents" if several else "to_agent"] = (
                self.rng.choice(("all", self.rng.sample(others, 3))) if several else self.rng.choice(others)
            )
        else:
            fields["to_agent"] = self.rng.choice(others)
        if self.rng.random() < 0.15:
            fields["idempotency_key"] = f"key {word}"
            self.keys[word] = fields
        elif self.rng.random() < 0.08:
            fields["expires"] = self.now + timedelta(minutes=self.rng.randrange(30, 600))
        self._send(player, word, fields)

    def send_again(self, player: Player) -> None:
        """Send what was sent before under a key, maybe from another clone."""
        if not self.keys:
            return
        word = self.rng.choice([*self.keys])
        try:
            self._send(player, word, self.keys[word])
        except InvalidError as error:  # somebody has changed it by hand, and so it says something else
            if "idempotency key" not in str(error):
                raise

    def receive(self, player: Player) -> None:
        """Let an agent read some of what waits."""
        agent = self.rng.choice(player.agents)
        found = player.clone.messenger.receive(agent, limit=self.rng.randint(1, 3), peek=self.rng.random() < 0.1)
        self._note(agent, *(message.message_id for message in found))

    def claim(self, player: Player) -> None:
        """Let an agent take a lease."""
        agent = self.rng.choice(player.agents)
        found = player.clone.messenger.claim(agent, self.rng.choice((60, 3600)), limit=self.rng.randint(1, 2))
        self._note(agent, *(message.message_id for message in found))

    def reply(self, player: Player) -> None:
        """Answer an open message."""
        message = self._open_one(player, lambda one: self.sent[self._word_of(one)].depth < _LONGEST_THREAD)
        if message is None:
            return
        word = self._new_word()
        sender = message.to_agent or self.rng.choice([agent for agent in player.agents if agent != message.from_agent])
        answered = self.sent[self._word_of(message)]
        text = self._text(word, message.message_id)
        sent = player.clone.messenger.reply(message.message_id, text, from_agent=sender)
        self.sent[word] = Sent(word, answered.word, answered.depth + 1)
        self._note(sent.message_id, word, "answers", message.message_id)

    def done(self, player: Player) -> None:
        """Close an open message."""
        message = self._open_one(player)
        if message is not None:
            status = self.rng.choice((Status.DONE, Status.DONE, Status.CANCELLED))
            note = self.rng.choice((None, None, None, f"as {player.name} says"))
            try:
                player.clone.messenger.close(message.message_id, status=status, note=note)
                self._note(status.value, message.message_id)
            except InvalidError as error:  # two messages of one id, which are told apart first
                if "`bmad-messenger sync`" not in str(error):
                    raise
                self._note(str(error), *player.clone.messenger.sync())

    def settle(self, player: Player) -> None:
        """Bring queue and archive into agreement."""
        self._note(*player.clone.messenger.sync(restore=self.rng.random() < 0.15))

    # What people do to the queue.

    def type_in(self, player: Player) -> None:
        """Type in a message; a command that runs next gives it its id."""
        word = self._new_word()
        lines = [f"from: {self.rng.choice(player.agents)}", "to_agents: [pm, dev]", "type: notify"]
        self.rng.shuffle(lines)
        lines += ["payload:", f"  message: {word} in few words, typed"]
        self._edit(player, hand_edits.typed(self._read(player), self.rng, lines))
        self.sent[word] = Sent(word)
        self._note(word)
        if self.rng.random() < 0.8:
            player.clone.messenger.list()
        else:  # who commits it as it is may get one for each branch on which somebody lets a command adopt it
            self.unnamed.add(word)
            if self.rng.random() < 0.5:
                self._commit_all(player)
                self.push(player)

    def edit(self, player: Player) -> None:
        """Change the queue in an editor."""
        edits, weights = zip(*((edit, weight) for weight, edit in hand_edits.EDITS), strict=True)
        edit = self.rng.choices(edits, weights)[0]
        before = self._read(player)
        after = edit(before, self.rng)
        self._note(edit.__name__)
        if after is not None and after != before:
            self._edit(player, after)
