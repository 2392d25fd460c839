"""Hostile files, each opened in one small process that counts: refused in one line within the
limits of time and memory, nothing run, nothing written.
"""

import io
import json
import pickle
import re
import struct
import subprocess
import sys
import zipfile
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import skops.io
import test_onnx_files
import tflite_cases
from many_headers import answers_in_c
from sklearn.linear_model import Ridge
from sklearn.tree import DecisionTreeClassifier

import tinygen

SECONDS, MEGABYTES = 5, 500
HERE = Path(__file__).parent
CHILD = """
import json, os, pathlib, resource, sys, time
sys.dont_write_bytecode = True
seen, watched = [], []
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
RUNS = ("os.system", "os.exec", "os.fork", "os.posix_spawn", "subprocess.Popen", "socket.connect")

def hook(event, given):
    if not watched:
        return
    if event == "open" and (given[2] or 0) & WRITES and str(given[0]) != os.devnull:
        seen.append(f"writes {given[0]}")
    elif event in RUNS or event in ("os.remove", "os.rename", "os.mkdir", "os.rmdir"):
        seen.append(event)

sys.addaudithook(hook)
from tinygen.common.errors import TinygenError
from tinygen.importers.files import open_model

def tried(path, trust):
    start = time.process_time()
    watched.append(path)
    try:
        open_model(path, trust)
        told = "READ"
    except TinygenError as error:
        told = str(error)
    except BaseException as error:
        told = f"RAISED {type(error).__name__}: {error}"
    watched.clear()
    found, seen[:] = list(seen), []
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return {"told": told, "seconds": time.process_time() - start, "peak": peak, "did": found}

folder = pathlib.Path(sys.argv[1])
results = {p.name: tried(p, p.name == "control") for p in sorted(folder.iterdir())}
print(json.dumps(results))
"""
PEAK = "import subprocess, sys; sys.exit(subprocess.run(sys.argv[1:]).returncode)"


class Evil:
    """What a pickle can do."""

    def __reduce__(self):
        return (open, (Evil.place, "w"))


def zipped(*entries, sizes=()):
    """An archive; `sizes` are what its directory claims of the last entries."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries:
            archive.writestr(name, data)
    data, at = bytearray(buffer.getvalue()), len(buffer.getvalue())
    for size in sizes:
        at = data.rindex(b"PK\x01\x02", 0, at)
        data[at + 24 : at + 28] = struct.pack("<I", size)
    return bytes(data)


def skops_parts(estimator):
    with zipfile.ZipFile(io.BytesIO(skops.io.dumps(estimator))) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def skops_with(change):
    """A skops file whose schema was changed."""
    parts = skops_parts(Ridge().fit(np.eye(3), np.arange(3.0)))
    schema = json.loads(parts["schema.json"])
    change(schema)
    return zipped(*({**parts, "schema.json": json.dumps(schema)}).items())


def foreign(schema):
    schema["__module__"], schema["__class__"] = "os", "system"


def endless(schema):
    """A node that names itself as what it holds."""
    schema["content"]["content"]["coef_"] = {
        "__id__": schema["__id__"],
        **schema,
        "content": schema["__id__"],
    }


def large_array():
    """An array whose header promises 80 GB."""
    parts = skops_parts(Ridge().fit(np.eye(3), np.arange(3.0)))
    name = next(n for n in parts if n.endswith(".npy"))
    head = b"{'descr': '<f8', 'fortran_order': False, 'shape': (10000000000,), }"
    parts[name] = (
        b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head) + 1) + head + b"\n" + b"\0" * 64
    )
    return zipped(*parts.items())


def nan_weights():
    ridge = Ridge().fit(np.eye(3), np.arange(3.0))
    ridge.coef_[1] = np.nan
    return skops.io.dumps(ridge)


ARCHIVES = {
    "pickle.skops": (lambda: pickle.dumps(Evil()), "is a pickle"),
    "foreign.skops": (lambda: skops_with(foreign), "not among the types that are trusted"),
    "endless.skops": (lambda: skops_with(endless), "cannot be read|not fitted|cannot be"),
    "nan.skops": (nan_weights, "NaN or infinite"),
    "array.skops": (large_array, "cannot be read"),
    "bomb.skops": (
        lambda: zipped(("schema.json", "{}"), ("a.npy", b"\0" * 9), sizes=[4_000_000_000]),
        "unpacks to 4,000,000,002 bytes",
    ),
    "lying.skops": (lambda: zipped(("schema.json", "{}" * 9999), sizes=[2]), "cannot be read"),
    "schema.skops": (
        lambda: zipped(("schema.json", "{}"), sizes=[90_000_000]),
        "a schema of 90,000,000 bytes",
    ),
    "wide.skops": (
        lambda: zipped(("schema.json", "[" + "[]," * 300_000)),
        "schema of 300,001 parts",
    ),
    "deep.skops": (lambda: zipped(("schema.json", "[" * 150_000)), "cannot be read"),
}

LIGHT = """tree
version=v4
num_class={classes}
num_tree_per_iteration=1
max_feature_idx={columns}
objective=regression
feature_names=a b c
feature_infos=none none none
tree_sizes=300

Tree=0
num_leaves={leaves}
num_cat=0
split_feature=0 1
threshold=1 2
decision_type=2 2
left_child={left}
right_child=-2 -3
leaf_value=1 2 3


end of trees
"""


def light(classes=1, columns=2, leaves=3, left="1 -1"):
    return LIGHT.format(classes=classes, columns=columns, leaves=leaves, left=left).encode()


@cache
def boosted():
    xgboost = pytest.importorskip("xgboost")
    x = np.arange(60.0).reshape(20, 3) % 7
    forest = xgboost.XGBRegressor(n_estimators=1, max_depth=2, n_jobs=1).fit(x, x[:, 0])
    return bytes(forest.get_booster().save_raw("json")), bytes(forest.get_booster().save_raw("ubj"))


def changed(change):
    """The forest in JSON, its model and its first tree changed."""
    file = json.loads(boosted()[0])
    learner = file["learner"]
    change(learner, learner["gradient_booster"]["model"]["trees"][0])
    return json.dumps(file).encode()


def with_count(name):
    return changed(lambda learner, _: learner["learner_model_param"].update({name: "2000000000"}))


FORESTS = {
    "leaves.txt": (lambda: light(leaves=2 * 10**9), "num_leaves is 2000000000, at most 50,000"),
    "classes.txt": (lambda: light(classes=2 * 10**9), "num_class is 2000000000, at most 255"),
    "columns.txt": (lambda: light(columns=2 * 10**9), "max_feature_idx is 2000000000"),
    "cycle.txt": (lambda: light(left="1 0"), "a child stands before its parent"),
    "itself.txt": (lambda: light(left="0 -1"), "a child stands before its parent"),
    "far.txt": (lambda: light(left="7 -1"), "a child stands before its parent"),
    "words.txt": (lambda: light(left="- -"), "a child of a split is no number"),
    "classes.json": (lambda: with_count("num_class"), "num_class is 2000000000, at most 255"),
    "targets.json": (lambda: with_count("num_target"), "num_target is 2000000000"),
    "columns.json": (lambda: with_count("num_feature"), "num_feature is 2000000000"),
    "escaped.json": (
        lambda: with_count("num_class").replace(b"num_class", rb"num_\u0063lass"),
        "spells plain letters as escapes",
    ),
    "counts.ubj": (
        lambda: boosted()[1].replace(
            b"num_classSL\0\0\0\0\0\0\0\x010", b"num_classSL\0\0\0\0\0\0\0\x089999999"
        ),
        "num_class is 9999999, at most 255|cannot be read",
    ),
    "nodes.json": (
        lambda: changed(lambda _, tree: tree["tree_param"].update(num_nodes="2000000000")),
        "num_nodes is 2000000000, at most 50,000",
    ),
    "cycle.json": (
        lambda: changed(lambda _, tree: tree["left_children"].__setitem__(1, 0)),
        "a child stands before its parent|cannot be read",
    ),
    "column.json": (
        lambda: changed(lambda _, tree: tree["split_indices"].__setitem__(0, 10**6)),
        "trees do not fit the 3 numbers in front",
    ),
    "nan.json": (
        lambda: changed(lambda learner, _: learner["learner_model_param"].update(base_score="nan")),
        "NaN or infinite",
    ),
    "huge.json": (lambda: b'{"learner":' + b" " * 16_000_000, "at most 16,000,000 are read"),
    "wide.json": (lambda: b'{"learner":[' + b"[]," * 600_000, "600,002 lists and objects"),
    "deep.json": (lambda: b'{"learner":' + b"[" * 400_000, "cannot be read"),
}


def tflite(change=lambda data: None):
    from test_tflite import int8_net

    data = bytearray(int8_net("dense"))
    change(data)
    return bytes(data)


NETS = {
    "root.tflite": (
        lambda: tflite(lambda d: d.__setitem__(slice(0, 4), b"\xff\xff\xff\x7f")),
        "is broken|cannot be read",
    ),
    "half.tflite": (lambda: tflite()[:200], "is broken|cannot be read"),
    "lengths.tflite": (
        lambda: tflite().replace(struct.pack("<I", 8), b"\xff\xff\xff\x7f"),
        "is broken|cannot be read",
    ),
    "zeros.tflite": (lambda: b"\x10\0\0\0TFL3" + b"\0" * 4000, "is broken|cannot be read"),
}


def graphs():
    """The graphs and bytes of the tests of ONNX."""
    protos = {
        f"{k}.onnx": (lambda make=make: make().SerializeToString(), words)
        for k, (make, words) in enumerate(test_onnx_files.PROTOS.values())
    }
    data = {f"{k}.bytes": case for k, case in enumerate(test_onnx_files.BYTES.values())}
    return {**protos, **data}


CASES = {**ARCHIVES, **FORESTS, **graphs(), **(NETS if tflite_cases.schema else {})}


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """What the child says of each file."""
    folder = tmp_path_factory.mktemp("hostile")
    Evil.place = str(tmp_path_factory.mktemp("evil") / "written")
    for name, (make, _) in CASES.items():
        (folder / name).write_bytes(make())
    (folder / "control").write_bytes(pickle.dumps(Evil()))
    names = sorted(p.name for p in folder.iterdir())
    done = subprocess.run(
        [sys.executable, "-c", PEAK, sys.executable, "-c", CHILD, folder],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert sorted(p.name for p in folder.iterdir()) == names
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", CASES)
def test_a_hostile_file_is_refused_in_one_line(name, results):
    found = results[name]
    assert re.search(CASES[name][1], found["told"]), found["told"]
    assert "\n" not in found["told"] and not found["told"].startswith(("READ", "RAISED"))
    assert found["seconds"] < SECONDS and found["peak"] < MEGABYTES and found["did"] == []


def test_what_is_run_is_seen(results):
    """The control: a pickle that is trusted opens a file to write."""
    assert results["control"]["did"] == [f"writes {Evil.place}"]


def test_a_label_that_closes_a_comment_is_data(tmp_path):
    """It is printed in the header, and is a text there."""
    rows = np.arange(40.0)[:, None]
    labels = np.where(rows[:, 0] > 20, "*/ int evil;", '"b\\')
    model = tinygen.convert(DecisionTreeClassifier().fit(rows, labels), rows)
    raw = model.sample_rows(20)
    assert np.array_equal(answers_in_c([model], [raw], tmp_path)[0], model.predict(raw))
