"""From numbers to words."""

import numpy as np
import pytest

from skccem._verdicts import TOO_FEW, verdicts


def verdict(matrix, low, high, n_labels=50, prior=(0.5, 0.5), classes=("no", "yes")):
    (words,) = verdicts(
        np.array([n_labels]),
        np.array([matrix]),
        np.array(prior),
        (np.array([low]), np.array([high])),
        np.array(classes),
    )
    return words


SPAM = [[0.5, 0.5], [0.5, 0.5]]


@pytest.mark.parametrize(
    ("matrix", "low", "high", "words"),
    [
        ([[0.9, 0.1], [0.1, 0.9]], 0.8, 0.95, "reliable"),
        ([[0.7, 0.3], [0.3, 0.7]], 0.6, 0.8, "often wrong"),
        ([[0.1, 0.9], [0.9, 0.1]], 0.05, 0.2, "adversarial"),
        ([[0.9, 0.1], [0.5, 0.5]], 0.6, 0.8, "biased towards no"),
        ([[0.0, 1.0], [0.0, 1.0]], 0.5, 0.5, "biased towards yes"),
        (SPAM, 0.4, 0.6, "guessing"),
        (SPAM, 0.2, 0.8, TOO_FEW),
    ],
)
def test_a_matrix_and_its_interval_have_a_verdict(matrix, low, high, words):
    assert verdict(matrix, low, high) == words


def test_few_labels_have_no_verdict_whatever_they_look_like():
    assert verdict([[1, 0], [0, 1]], 0.9, 1.0, n_labels=9) == TOO_FEW
    assert verdict([[1, 0], [0, 1]], 0.9, 1.0, n_labels=10) == "reliable"


def test_someone_who_says_the_rare_class_without_looking_is_no_adversary():
    matrix = [[0.2, 0.8], [0.2, 0.8]]
    words = verdict(matrix, 0.25, 0.4, prior=(0.9, 0.1))
    assert words == "biased towards yes"


def test_numbers_as_classes_are_named_as_they_are():
    words = verdict([[0.9, 0.1], [0.6, 0.4]], 0.6, 0.8, classes=(3, 5))
    assert words == "biased towards 3"
