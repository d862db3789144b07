"""Answers drawn from confusion matrices."""

import numpy as np

from skccem import _answers
from skccem.simulation import make_confusion_matrices


def draw(n, kind="symmetric", n_classes=4):
    matrices = make_confusion_matrices(3, n_classes, kind=kind, random_state=0)
    annotators, truth = np.arange(n) % 3, np.arange(n) // 3 % n_classes
    rng = np.random.RandomState(0)
    answers = _answers.draw_answers(matrices, annotators, truth, rng)
    return matrices, annotators, truth, answers


def test_the_size_of_the_blocks_changes_no_answer(monkeypatch):
    whole = draw(500)[-1]
    monkeypatch.setattr(_answers, "_BLOCK_ENTRIES", 64)
    np.testing.assert_array_equal(draw(500)[-1], whole)


def test_answers_are_as_frequent_as_the_matrices_say():
    matrices, annotators, truth, answers = draw(60_000)
    counts = np.zeros_like(matrices)
    np.add.at(counts, (annotators, truth, answers), 1)
    np.testing.assert_allclose(counts / 5_000, matrices, atol=0.03)


def test_no_draw_falls_on_an_impossible_class():
    # The rows' sums are a little below one in floating point.
    matrices = np.tile([0.1] * 10 + [0.0], (1, 11, 1))

    class Last:
        def uniform(self, size):
            return np.full(size, np.nextafter(1, 0))

    zeros = np.zeros(5, dtype=int)
    answers = _answers.draw_answers(matrices, zeros, zeros, Last())
    np.testing.assert_array_equal(answers, 9)
