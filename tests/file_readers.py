"""Every reader of files as a function of bytes, with valid files to start from.

For the property tests and for the fuzzer, `tests/fuzz/readers.py`.
"""

import functools
import io
import json
import tempfile
from pathlib import Path

import numpy as np

from skccem import CrowdClassifier, DawidSkene
from skccem._data_files import (
    read_columns,
    read_features,
    read_integer_arrays,
    read_npy,
    read_npz,
    read_workers,
)
from skccem._feature_files import FeatureSource
from skccem._label_files import LABEL_FORMATS, LabelSource

_ROWS = [("007", "Ann", "yes"), ("007", "Ben", "no"), ("8", "Ben", "yes")]


def _from_file(read, suffix, content):
    """What a reader makes of a file of these bytes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"file.{suffix}"
        path.write_bytes(content)
        return read(path)


def _labels(path, format=None):
    return LabelSource(path, format).read()


def _min_labels(path):
    return LabelSource(path, "label-studio-min", label="mood").read()


def _features(path):
    ids = path.with_suffix(".txt")
    ids.write_text("a\nb\n")
    source = FeatureSource(path, ids_path=ids if path.suffix == ".npy" else None)
    return source.read()


def _integers(path):
    return read_integer_arrays(path, ["clean", "noisy"], 10)


def readers():
    """For each reader its function from bytes, by name."""
    found = {
        f"labels-{format}": functools.partial(
            _from_file, functools.partial(_labels, format=format), "any"
        )
        for format in LABEL_FORMATS
    }
    found["labels-label-studio-min"] = functools.partial(_from_file, _min_labels, "any")
    found["labels-guessed"] = functools.partial(_from_file, _labels, "any")
    for suffix in ("csv", "parquet", "npy"):
        found[f"features-{suffix}"] = functools.partial(_from_file, _features, suffix)
    for kind in (DawidSkene, CrowdClassifier):
        name = f"model-{kind.__name__}"
        found[name] = functools.partial(_from_file, kind.load, "safetensors")
    found["data-npz"] = functools.partial(
        _from_file, lambda path: read_npz(path, ["X", "Y"]), "npz"
    )
    found["data-torch"] = functools.partial(_from_file, _integers, "pt")
    found["data-npy"] = lambda content: read_npy(content, "a.npy")
    found["data-columns"] = lambda content: read_columns(content, ["id"], "a.csv")
    found["data-features"] = lambda content: read_features(content, ["a"], "a.csv")
    found["data-workers"] = lambda content: read_workers(content, 4)
    return found


@functools.cache
def valid_file(name):
    """A valid file for a reader, as bytes."""
    kind, _, format = name.partition("-")
    if kind == "labels":
        return _valid_labels(format)
    if kind == "model":
        return _valid_model(format)
    table = "task,x,y\na,1.5,2\nb,3,4\n"
    if name == "features-csv":
        return table.encode()
    if name == "features-parquet":
        return _parquet({"task": ["a", "b"], "x": [1.5, 3.0], "y": [2, 4]})
    if name in ("features-npy", "data-npy"):
        return _saved(np.save, np.ones((2, 3), dtype=np.float32))
    if name == "data-npz":
        return _saved(np.savez, X=np.ones((2, 3)), Y=np.zeros((2, 2), dtype=int))
    if name == "data-torch":
        import torch

        return _saved_torch(torch, {"clean": np.arange(3), "noisy": torch.arange(3)})
    texts = {
        "data-columns": "id,x\n1,2\n",
        "data-features": "id,x,class\n1,2.5,a\n",
        "data-workers": "Image-batch,Worker1-id,Worker2-id,Worker3-id\n"
        "0--1,5,6,7\n2--3,6,7,8\n",
    }
    return texts[name].encode()


def _valid_labels(format):
    if format in ("csv", "guessed", "tsv"):
        rows = [("task", "worker", "label"), *_ROWS]
        comma = "\t" if format == "tsv" else ","
        return "".join(comma.join(row) + "\n" for row in rows).encode()
    names = ("task", "worker", "label")
    if format == "parquet":
        columns = zip(*_ROWS, strict=True)
        return _parquet(dict(zip(names, map(list, columns), strict=True)))
    if format == "jsonl":
        records = [dict(zip(names, row, strict=True)) for row in _ROWS]
        return "\n".join(map(json.dumps, records)).encode()
    if format == "prodigy":
        return prodigy_export(_ROWS).encode()
    if format == "label-studio":
        return label_studio_export(_ROWS).encode()
    records = [
        {"id": item, "annotator": who, "annotation_id": number, "mood": label}
        for number, (item, who, label) in enumerate(_ROWS)
    ]
    return json.dumps(records).encode()


def prodigy_export(rows):
    """Choices of (item, annotator, label), as `prodigy db-out` writes them."""
    records = [
        {
            "_input_hash": item,
            "_annotator_id": who,
            "options": [{"id": "yes"}, {"id": "no"}],
            "accept": [label],
            "answer": "accept",
            "_view_id": "choice",
        }
        for item, who, label in rows
    ]
    return "\n".join(map(json.dumps, records))


def label_studio_export(rows):
    """Choices of (item, annotator, label), as the JSON export of Label Studio."""
    tasks = {}
    for item, who, label in rows:
        result = {"from_name": "mood", "type": "choices", "value": {"choices": [label]}}
        annotation = {"id": 1, "completed_by": who, "result": [result]}
        tasks.setdefault(item, []).append(annotation)
    exported = [{"id": item, "annotations": given} for item, given in tasks.items()]
    return json.dumps(exported)


def _valid_model(name):
    Y = [["a", "a", "b"], ["b", "b", "b"], ["a", None, "b"], ["b", "b", None]]
    if name == "DawidSkene":
        model = DawidSkene(random_state=0).fit(Y)
    else:
        X = np.arange(8, dtype=np.float32).reshape(4, 2)
        settings = {"hidden_layer_sizes": (), "dropout": 0, "device": "cpu"}
        clf = CrowdClassifier(max_epochs=1, random_state=0, **settings)
        model = clf.partial_fit(X, Y)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        model.save(path)
        return path.read_bytes()


def _parquet(columns):
    import pyarrow
    from pyarrow import parquet

    file = io.BytesIO()
    parquet.write_table(pyarrow.table(columns), file)
    return file.getvalue()


def _saved(save, *arrays, **named):
    file = io.BytesIO()
    save(file, *arrays, **named)
    return file.getvalue()


def _saved_torch(torch, content):
    file = io.BytesIO()
    torch.save(content, file)
    return file.getvalue()
