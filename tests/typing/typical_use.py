"""What a user writes, for mypy to check as strictly as it can.

`assert_type` says what a name is; where nothing is typed, that would be Any. A comment
``type: ignore`` is a mistake that must be found: mypy fails where it would not.
"""

from typing import assert_type

import numpy as np

from skccem import CrowdLabels


def labels() -> CrowdLabels:
    dense = np.array([[0, 1, -1], [1, -1, 1], [0, 0, 1]])
    Y = CrowdLabels.from_matrix(dense, annotators=["a", "b", "c"])
    assert_type(Y, CrowdLabels)
    assert_type(Y.shape, tuple[int, int])
    assert_type(Y[:2], CrowdLabels)
    CrowdLabels.from_matrix([["cat", None], ["dog", "dog"]])
    CrowdLabels.from_matrix(Y.to_sparse())
    CrowdLabels.from_matrix(Y.to_long())
    table = {"task": [0, 1], "worker": ["a", "b"], "label": ["cat", "dog"]}
    CrowdLabels.from_long(table, duplicates="last")
    CrowdLabels.from_long(table, duplicates="all")  # type: ignore[arg-type]
    CrowdLabels.from_matrix(None)  # type: ignore[arg-type]
    return CrowdLabels.concat([Y, Y.align(annotators=["a", "b", "c"])])
