"""Read every estimator of a directory and write what it predicts.

The directory has ``data.joblib`` and, of each estimator, a pickle, a file of joblib and
perhaps one of ``save``.
"""

import pickle
import sys
from pathlib import Path

import joblib
import numpy as np
from sklearn.base import clone

import skccem


def main(folder):
    X, labels = joblib.load(folder / "data.joblib")
    for path in folder.glob("*.pickle"):
        name = path.stem
        read = {
            "pickle": pickle.loads(path.read_bytes()),
            "joblib": joblib.load(path.with_suffix(".joblib")),
        }
        saved = path.with_suffix(".safetensors")
        if saved.exists():
            read["save"] = getattr(skccem, name).load(saved)
        features = () if hasattr(read["pickle"], "fit_predict") else (X,)
        results = {}
        for kind, model in read.items():
            answer = model.aggregate_proba if features else model.predict_proba
            results[kind] = answer(*features, labels)
            again = clone(model).fit(*features, labels)
            results[f"{kind}, fitted again"] = again.confusion_matrices_
        np.savez(path.with_suffix(".npz"), **results)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
