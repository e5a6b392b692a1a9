import json
import os
import re

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from rustybt_ray.data.build import panel_from_arrays
from rustybt_ray.data.bundle import MANIFEST
from rustybt_ray.data.files import FILES
from rustybt_ray.data.panel import ARRAYS
from rustybt_ray.data.store import BundleStore, default_root
from rustybt_ray.exceptions import BundleError, InputError


def same(one, other):
    assert (one.version, one.symbols) == (other.version, other.symbols)
    assert (one.periods_per_year, one.fractional) == (other.periods_per_year, other.fractional)
    for name in ARRAYS:
        first, second = getattr(one, name), getattr(other, name)
        assert (first.dtype, first.shape, first.tobytes()) == (second.dtype, second.shape, second.tobytes()), name


def folder_of(store, bundle):
    return store.root / bundle.name / bundle.version


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(hnp.arrays(np.float64, st.tuples(st.integers(1, 7), st.integers(1, 4)), elements=st.floats(width=64)))
def test_a_round_trip_keeps_every_bit(store, values):
    days = np.datetime64("2020-01-01") + np.arange(len(values))
    panel = panel_from_arrays(days, "ABCD"[: values.shape[1]], values, values + 1, values / 3, np.abs(values), values)
    store.publish("p", panel)
    same(store.open("p"), panel)


def test_events_axes_and_unicode_survive(store, make_panel):
    panel = make_panel(periods_per_year=365, fractional=True)
    bundle = store.publish("p", panel, source="here", calendar="UTC days", warnings=("odd",))
    same(store.open("p"), panel)
    assert store.info("p") == bundle == store.list()[0] == store.verify("p")
    assert (bundle.rows, bundle.assets, bundle.bars, bundle.splits, bundle.dividends) == (6, 3, 17, 1, 2)
    assert (bundle.first_session, bundle.last_session, bundle.daily) == ("2020-03-02", "2020-03-07", True)
    assert (bundle.source, bundle.calendar, bundle.warnings) == ("here", "UTC days", ("odd",))


def test_an_open_panel_is_a_view_of_its_files(store, make_panel):
    store.publish("p", make_panel(rows=2000))
    panel = store.open("p")
    for name in ("close", "mark", "factor", "time"):
        array = getattr(panel, name)
        assert array.flags.c_contiguous
        assert not array.flags.owndata
        assert not array.flags.writeable


def test_names_versions_and_prefixes(store, make_panel):
    old, new, other = (store.publish(name, make_panel(seed)) for name, seed in (("p", 1), ("p", 2), ("q", 3)))
    assert store.open("p").version == new.version
    assert store.open(f"p@{old.version[:9]}").version == store.open("p", old.version[:9]).version == old.version
    assert store.open(old.version).version == store.open(old.version[:8]).version == old.version
    assert [(bundle.name, bundle.version) for bundle in store.list()] == [
        ("p", old.version),
        ("p", new.version),
        ("q", other.version),
    ]
    assert store.info(old.reference) == old


def test_publishing_old_content_again_makes_it_the_newest(store, make_panel):
    first = store.publish("p", make_panel(1), source="first")
    store.publish("p", make_panel(2))
    again = store.publish("p", make_panel(1), source="again")
    assert again.version == first.version
    assert again.created > first.created
    assert store.info("p").source == "again"
    assert len(store.list()) == 2


def test_a_clock_set_back_does_not_make_the_old_version_the_newest(store, make_panel):
    bundle = store.publish("p", make_panel(1))
    path = folder_of(store, bundle) / MANIFEST
    path.write_text(path.read_text().replace(bundle.created, "2999-01-01T00:00:00.000000+00:00"))
    new = store.publish("p", make_panel(2))
    assert store.open("p").version == new.version


def test_an_unknown_bundle_lists_those_there_are(store, make_panel):
    with pytest.raises(
        BundleError, match=r"There is no bundle 'mag-8' .*Bundles there: none. Make one with rustybt_ray.ingest"
    ):
        store.open("mag-8")
    bundle = store.publish("mag-7", make_panel())
    for ask in (store.open, store.info, store.verify, store.remove):
        with pytest.raises(BundleError, match=r"There is no bundle 'mag-8' .*Bundles there: mag-7\."):
            ask("mag-8")
    with pytest.raises(BundleError, match=rf"no version 'ffff' of 'mag-7' .*Versions there: {bundle.version[:12]}"):
        store.open("mag-7@ffff")
    with pytest.raises(BundleError, match=r"There is no bundle '\.\./mag-7'"):
        store.open("../mag-7")
    with pytest.raises(BundleError, match="There is no bundle '0123456789'"):
        store.open("0123456789")


def test_a_prefix_that_fits_two_versions_is_refused(store, make_panel):
    versions = {}
    for seed in range(40):
        bundle = store.publish("p", make_panel(seed, rows=5, dividends=[]))
        if other := versions.get(bundle.version[0]):
            break
        versions[bundle.version[0]] = bundle.version
    assert other
    with pytest.raises(BundleError, match=f"'{other[0]}' fits several versions of 'p'"):
        store.open("p", other[0])


@pytest.mark.parametrize("name", ["", ".hidden", "a/b", "a@b", "-x", "ü", "x" * 101, None])
def test_names_that_cannot_be(store, make_panel, name):
    with pytest.raises(InputError, match="name must be 1 to 100 letters, digits"):
        store.publish(name, make_panel())


@pytest.mark.parametrize(
    "part", ["open", "close", "volume", "time", "sessions", "split_ratio", "dividend_amount", "mark", "factor"]
)
def test_verify_names_the_damaged_part(store, make_panel, part):
    panel = make_panel()
    bundle = store.publish("p", panel)
    pattern = getattr(panel, part).tobytes()
    [path] = [folder_of(store, bundle) / name for name, parts in FILES.items() if part in parts]
    content = bytearray(path.read_bytes())
    content[content.find(pattern)] ^= 1
    path.write_bytes(content)
    with pytest.raises(BundleError, match=rf"The bundle is damaged in {part} \("):
        store.verify("p")
    assert store.publish("p", panel).version == panel.version
    store.verify("p")


@pytest.mark.parametrize("name", ["bars.arrow", "assets.arrow", "sessions.arrow", "splits.arrow", "dividends.arrow"])
def test_truncated_missing_and_foreign_files(store, make_panel, name):
    path = folder_of(store, store.publish("p", make_panel())) / name
    content = path.read_bytes()
    path.write_bytes(content[:-9])
    with pytest.raises(
        BundleError, match=rf"{name} is damaged: it has {len(content) - 9} bytes, the manifest says {len(content)}"
    ):
        store.open("p")
    path.write_bytes(bytes(len(content)))
    with pytest.raises(BundleError, match=f"{name} is damaged: .*Ingest the bundle again"):
        store.open("p")
    path.unlink()
    with pytest.raises(BundleError, match=f"{name} is missing"):
        store.open("p")


def test_files_of_another_bundle_do_not_pass(store, make_panel):
    bundle, other = store.publish("p", make_panel(1)), store.publish("p", make_panel(2, rows=7))
    path = folder_of(store, bundle)
    manifest = json.loads((path / MANIFEST).read_text())
    for name in ("assets.arrow", "bars.arrow"):
        (path / name).write_bytes((folder_of(store, other) / name).read_bytes())
        manifest["files"][name] = (path / name).stat().st_size
        (path / MANIFEST).write_text(json.dumps(manifest))
        with pytest.raises(BundleError, match="do not fit" if name == "assets.arrow" else "damaged in"):
            store.verify("p", bundle.version)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (
            lambda text: text.replace('"format": 1', '"format": 2'),
            "The bundle has format 2 .*reads format 1: upgrade it",
        ),
        (lambda text: text[:100], "The manifest is damaged: JSONDecodeError"),
        (lambda text: text.replace('"rows"', '"rowz"'), "The manifest is damaged: KeyError"),
        (lambda text: text.replace('"rows": 6', '"rows": "6"'), "The manifest is damaged: TypeError"),
        (lambda text: "[]", "The manifest is damaged"),
        (None, "The bundle has no manifest"),
    ],
)
def test_manifests_that_cannot_be_read(store, make_panel, edit, message):
    bundle = store.publish("p", make_panel())
    store.publish("q", make_panel())
    path = folder_of(store, bundle) / MANIFEST
    path.write_text(edit(path.read_text())) if edit else path.unlink()
    for ask in (store.open, store.info, store.verify):
        with pytest.raises(BundleError, match=message):
            ask(bundle.reference)
    assert [bundle.name for bundle in store.list()] == ["q"]
    assert len(store.damaged()) == 1
    assert re.search(message, str(store.damaged()[0]))
    assert store.remove("p") == (bundle.version,)


@pytest.mark.parametrize(
    ("old", "new"), [('"rows": 6', '"rows": 7'), ('"assets"', '"assets"'), ('"name": "p"', '"name": "z"')]
)
def test_verify_reads_the_manifest_too(store, make_panel, old, new):
    path = folder_of(store, store.publish("p", make_panel())) / MANIFEST
    path.write_text(path.read_text().replace(old, new))
    if old == new:
        store.verify("p")
    else:
        with pytest.raises(BundleError, match="manifest does not describe the data"):
            store.verify("p")


def test_removing_leaves_open_panels_and_other_versions(store, make_panel):
    old, new = (store.publish("p", make_panel(seed)) for seed in (1, 2))
    panel = store.open("p")
    assert store.remove("p", new.version[:10]) == (new.version,)
    assert panel.close.tobytes() == make_panel(2).close.tobytes()
    assert store.open("p").version == old.version
    assert store.remove("p") == (old.version,)
    assert store.list() == []
    assert not (store.root / "p").exists()


def test_a_place_that_cannot_be_written(tmp_path, make_panel):
    (tmp_path / "file").write_text("")
    with pytest.raises(BundleError, match=r"The bundle cannot be written: .*another place with root="):
        BundleStore(tmp_path / "file" / "bundles").publish("p", make_panel())


def test_the_default_root(monkeypatch, tmp_path):
    monkeypatch.setenv("RUSTYBT_RAY_HOME", str(tmp_path))
    assert BundleStore().root == default_root() == tmp_path / "bundles"
    monkeypatch.delenv("RUSTYBT_RAY_HOME")
    for platform, variable, inside in (("linux", "XDG_DATA_HOME", ""), ("win32", "LOCALAPPDATA", "")):
        monkeypatch.setattr("rustybt_ray.data.store.sys.platform", platform)
        monkeypatch.setenv(variable, str(tmp_path / platform))
        assert default_root() == tmp_path / platform / inside / "rustybt_ray" / "bundles"
    monkeypatch.setattr("rustybt_ray.data.store.sys.platform", "linux")
    monkeypatch.delenv("XDG_DATA_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_root() == tmp_path / ".local" / "share" / "rustybt_ray" / "bundles"
    assert os.environ["HOME"] == str(tmp_path)
