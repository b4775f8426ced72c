"""What an automatic camera has adapted to, handed from renderer to renderer.

Several servers may play the same scenario and take turns with its pictures: the first of N takes the pictures 1, N + 1,
2N + 1 and so on. Each picture's exposure starts from that of the picture before, which another server took. So they
stand in a ring: each passes on, behind every picture, what its cameras have adapted to, and waits for the same from the
one before it, only once its own picture is traced. Then the pictures are those of one server, to the last bit.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection

from scenarios.render.optics.exposure import Adaptation


@dataclass(frozen=True)
class Relay:
    """One server's place in the ring.

    Attributes:
        before: where the one before it speaks.
        after: where the one after it listens.
    """

    before: Connection
    after: Connection

    @classmethod
    def of_descriptors(cls, text: str) -> Relay:
        """From "READ,WRITE", two file descriptors that this process has inherited."""
        before, after = (int(number) for number in text.split(","))
        return cls(Connection(before, writable=False), Connection(after, readable=False))

    @property
    def descriptors(self) -> tuple[int, int]:
        """The file descriptors."""
        return self.before.fileno(), self.after.fileno()

    def close(self) -> None:
        """Let go of both ends."""
        self.before.close()
        self.after.close()

    def receive(self) -> dict[int, Adaptation]:
        """What each camera, by its id, had adapted to; waits for the picture before."""
        return {int(sensor): Adaptation(**state) for sensor, state in json.loads(self.before.recv_bytes()).items()}

    def send(self, adapted: Mapping[int, Adaptation]) -> None:
        """Pass on what each camera, by its id, has adapted to now."""
        states = {sensor: asdict(state) for sensor, state in adapted.items()}
        self.after.send_bytes(json.dumps(states).encode())


def ring(count: int) -> list[Relay]:
    """So many places in a ring; the first finds the message of a camera that has taken no picture yet."""
    pipes = [os.pipe() for _ in range(count)]
    readers = [Connection(read, writable=False) for read, _ in pipes]
    writers = [Connection(write, readable=False) for _, write in pipes]
    writers[0].send_bytes(b"{}")
    return [Relay(readers[place], writers[(place + 1) % count]) for place in range(count)]
