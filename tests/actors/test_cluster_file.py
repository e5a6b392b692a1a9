import json
import re
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import jsonschema
import pytest
import yaml

from actors.environment import THREAD_CAPS

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "cluster.yaml").read_text(encoding="utf-8")
CLOUD = yaml.safe_load(TEXT)
ON_PREMISE = yaml.safe_load("\n".join(re.findall(r"^#: (.*)$", TEXT, re.MULTILINE)))
DROPPED = ("max_workers", "provider", "auth", "available_node_types", "head_node_type")
SITE = {name: value for name, value in CLOUD.items() if name not in DROPPED} | ON_PREMISE


def schema():
    folder = Path(find_spec("ray").origin).parent
    return json.loads((folder / "autoscaler" / "ray-schema.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("config", [CLOUD, SITE], ids=["aws", "on premise"])
def test_ray_accepts_it(config):
    jsonschema.validate(config, schema())


def test_a_misspelt_key_would_be_refused():
    with pytest.raises(jsonschema.ValidationError, match="cluster_nam"):
        jsonschema.validate({**CLOUD, "cluster_nam": 1}, schema())


def variables():
    return dict(
        option.removeprefix("--env ").split("=") for option in CLOUD["docker"]["run_options"] if "--env" in option
    )


def test_its_image_has_the_ray_that_we_pin():
    assert CLOUD["docker"]["image"].split(":")[1].startswith(f"{version('ray')}-py311")
    pinned = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    assert f"ray=={version('ray')}" in pinned


def test_it_caps_the_threads_that_we_cap_and_keeps_the_token():
    found = variables()
    assert {name: found.get(name) for name in THREAD_CAPS if name != "VECLIB_MAXIMUM_THREADS"} == {
        name: value for name, value in THREAD_CAPS.items() if name != "VECLIB_MAXIMUM_THREADS"
    }
    assert found["RAY_AUTH_MODE"] == "token"
    assert found["RAY_AUTH_TOKEN_PATH"] in CLOUD["file_mounts"]
    assert found["NUMBA_CACHE_DIR"].startswith("/home/ray/")
    assert sum(name.startswith("RAY_health_check_") for name in found) == 4


def test_the_node_types_it_names_exist():
    assert CLOUD["head_node_type"] in CLOUD["available_node_types"]
