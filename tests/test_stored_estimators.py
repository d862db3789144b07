"""Estimators as documents: what is in them, and what they are read as."""

import json

import pytest

from skccem import (
    CrowdClassifier,
    CrowdClassifierCV,
    DawidSkene,
    MajorityVote,
    TwoStageClassifier,
)
from skccem._stored_estimators import check_given, from_document, to_document
from skccem._stored_values import Reader, Writer


def document_of(estimator, **params):
    writer = Writer()
    document = to_document(estimator, writer, **params)
    return json.loads(json.dumps(document)), writer.tensors


def test_estimators_inside_each_other_come_back_without_a_fit():
    model = TwoStageClassifier(
        MajorityVote(smoothing=2.0), CrowdClassifierCV(CrowdClassifier(lr=0.5), cv=3)
    )
    document, tensors = document_of(model, fitted=False)
    again = from_document(TwoStageClassifier, document, Reader(tensors), "file", {})
    assert repr(again) == repr(model)
    assert vars(again).keys() == vars(model).keys()


def test_a_fit_of_a_parameter_is_not_kept(crowd):
    fitted = DawidSkene().fit(crowd[1])
    model = TwoStageClassifier(fitted)
    document, tensors = document_of(model, fitted=False)
    again = from_document(TwoStageClassifier, document, Reader(tensors), "file", {})
    assert not hasattr(again.aggregator, "classes_")


class Mine(DawidSkene):
    """An estimator of a user, whose class no file can name."""


def test_what_is_no_data_is_given_wherever_it_is_inside():
    model = CrowdClassifierCV(CrowdClassifier(len, callbacks=[len]), cv=[len])
    document, _ = document_of(TwoStageClassifier(Mine(), model), fitted=False)
    names = {
        "aggregator",
        "classifier__cv",
        "classifier__estimator__callbacks",
        "classifier__estimator__module",
    }
    given = dict.fromkeys(names)
    check_given(TwoStageClassifier, "file", document, given)
    moved = given | {"classifier__estimator__device": "cpu"}
    check_given(TwoStageClassifier, "file", document, moved)
    for name in names:
        some = {key: value for key, value in given.items() if key != name}
        with pytest.raises(TypeError, match=rf"{name}=\.\.\."):
            check_given(TwoStageClassifier, "file", document, some)
    with pytest.raises(TypeError, match=r"got \['classifier__device'\]"):
        check_given(
            TwoStageClassifier, "file", document, given | {"classifier__device": 0}
        )


def test_given_parameters_reach_the_estimator_that_lacks_them():
    model = TwoStageClassifier(None, CrowdClassifierCV(CrowdClassifier(len)))
    document, tensors = document_of(model, fitted=False)
    given = {"classifier__estimator__module": max}
    again = from_document(TwoStageClassifier, document, Reader(tensors), "file", given)
    assert again.classifier.estimator.module is max
    assert again.aggregator is None


@pytest.mark.parametrize("part", ["params", "estimators", "fitted", "routing"])
def test_a_document_without_a_part_is_damaged(crowd, part):
    document, tensors = document_of(DawidSkene().fit(crowd[1]))
    del document[part]
    with pytest.raises(ValueError, match=f"damaged.*lacks '{part}'"):
        from_document(DawidSkene, document, Reader(tensors), "file", {})


def test_an_estimator_that_no_fit_sets_is_refused(crowd):
    document, tensors = document_of(DawidSkene().fit(crowd[1]))
    inner, more = document_of(MajorityVote().fit(crowd[1]), place="other_.")
    document["fitted_estimators"]["other_"] = inner
    reader = Reader(tensors | more)
    with pytest.raises(ValueError, match="no fit sets 'other_'"):
        from_document(DawidSkene, document, reader, "file", {})
