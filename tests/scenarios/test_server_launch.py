"""Starting and ending servers: as children, from the command line, and when things go wrong."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from pathlib import Path

import pytest

from perception.errors import WhiteoutError
from scenarios.server.launch import start_server
from tests.processes import first_line, running

ROOT = Path(__file__).parents[2]


def answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1.0).close()
    except OSError:
        return False
    return True


def gone(condition: object, limit: float = 60.0) -> bool:
    deadline = time.monotonic() + limit
    while time.monotonic() < deadline:
        if not condition():  # type: ignore[operator]
            return True
        time.sleep(0.05)
    return False


def test_a_child_server_ends_with_its_block() -> None:
    with start_server("country_road") as server:
        assert answers(server.port)
        assert answers(server.port + 1)
        server.check()
    assert not answers(server.port)
    assert server.process.returncode == 0
    assert not server.log.exists()


def test_a_busy_port_is_told_in_one_sentence() -> None:
    with start_server("country_road") as server:
        for port in (server.port, server.port - 1):
            with (
                pytest.raises(WhiteoutError, match="must be free") as caught,
                start_server("country_road", port=port),
            ):
                pass
            assert "--port" in str(caught.value)
            assert "\n" not in str(caught.value)


@pytest.mark.parametrize("port", [-1, 65_535, 70_000])
def test_a_port_that_cannot_be_is_told_in_one_sentence(port: int) -> None:
    with pytest.raises(WhiteoutError, match="--port between 1 and 65534"), start_server("country_road", port=port):
        pass


def test_an_unknown_map_is_told() -> None:
    with pytest.raises(WhiteoutError, match="Atlantis"), start_server("Atlantis"):
        pass


def test_a_server_that_dies_is_reported_with_its_log() -> None:
    with start_server("country_road") as server:
        os.kill(server.process.pid, signal.SIGKILL)
        server.process.wait()
        with pytest.raises(WhiteoutError, match="-9") as caught:
            server.check()
        assert str(server.log) in str(caught.value)
    assert server.log.exists()
    server.log.unlink()


def test_a_server_does_not_outlive_a_killed_parent(tmp_path: Path) -> None:
    script = (
        "import time\nfrom scenarios.server.launch import start_server\n"
        "with start_server('country_road') as server:\n    print(server.port, flush=True)\n    time.sleep(60)"
    )
    with running([sys.executable, "-c", script], tmp_path, cwd=ROOT) as parent:
        port = int(first_line(tmp_path / "stdout"))
        assert answers(port)
        parent.kill()
    assert gone(lambda: answers(port))


def test_serve_prints_one_line_and_ends_cleanly_on_ctrl_c(tmp_path: Path) -> None:
    code = "import sys; from robustness.cli import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", code, "serve", "--map", "country_road", "--port", "0"]
    with running(command, tmp_path, cwd=ROOT) as server:
        line = first_line(tmp_path / "stdout")
        assert "0.9.16" in line
        assert "127.0.0.1:" in line
        assert "country_road" in line
        server.send_signal(signal.SIGINT)
        server.wait(timeout=60)
    rest = (tmp_path / "stdout").read_text().removeprefix(line)
    assert rest == ""
    assert "Traceback" not in (tmp_path / "stderr").read_text()
    assert server.returncode in {0, 130}
