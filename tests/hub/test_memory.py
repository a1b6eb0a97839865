"""How much memory a hub takes while many push to it; `benchmarks.hubmemory` does the same at full size."""

from pathlib import Path

from tests.support.pushers import MIB, Pushers

EACH = 16 * MIB
"""Bytes that one client who pushes may cost the hub, however much it pushes; docs/running.md says so."""
ALL = 64 * MIB
"""Bytes that the first ones cost beside that."""


def test_pushes_take_little_memory(tmp_path: Path) -> None:
    """Four large pushes at once all end well, and the hub grows by no more than it promises."""
    clients = 4
    pushers = Pushers(tmp_path / "all", clients, 32 * MIB)
    try:
        pushed = pushers.push()
    finally:
        pushers.close()

    assert pushed.ends == {0: clients}
    assert pushed.sound == clients
    begin, peak = pushed.memory[0], max(pushed.memory)
    assert peak - begin <= ALL + clients * EACH, [each // MIB for each in pushed.memory]
