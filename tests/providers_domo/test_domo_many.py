"""Many exports at once."""

from __future__ import annotations

from domo_scene import Scene, elsewhere, manifest

pytest_plugins = ("domo_fixtures",)


def test_many_exports_are_forgotten_by_destroy(plain: Scene) -> None:
    wanted = []
    for number in range(4):
        columns = [{"name": "order_id", "type": "LONG"}, {"name": "region", "type": "STRING"}]
        row = plain.domo.create_dataset(f"table-{number}", columns, [[number, "North"]])
        spec = {"dataset": {"id": row["id"]}, "destination": elsewhere(path=f"domo/{number}")}
        wanted.append(manifest(f"table-{number}", **spec))
    plain.world.later()
    plain.apply(*wanted)
    plain.world.later()
    plain.world.destroy()

    assert plain.world.state.records == {}
