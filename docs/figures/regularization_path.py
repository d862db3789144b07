"""A search for the strength of F without truth."""

import matplotlib.pyplot as plt
from iris_crowd import iris_crowd
from sklearn.model_selection import KFold

from skccem import CrowdClassifier, CrowdClassifierCV
from skccem.plotting import RegularizationPathDisplay


def draw():
    X, _, _, Y = iris_crowd()
    search = CrowdClassifierCV(
        CrowdClassifier(max_epochs=40, lr=1e-2, n_init=1, random_state=0),
        reg_strengths=[0, 0.003, 0.01, 0.03, 0.1],
        cv=KFold(5, shuffle=True, random_state=0),
    ).fit(X, Y)
    _, ax = plt.subplots(figsize=(7, 4), layout="constrained")
    RegularizationPathDisplay.from_estimator(search, ax=ax)
