"""Rows of the tables in a report, as text that a template puts into a page."""

import numpy as np

from ._report_text import MISSING, counted, decimals, interval, is_bad, shortened

# Numbers of confusion matrices in the page, at most: two megabytes.
_MOST_NUMBERS = 600_000


def percents_of(matrices, labels):
    """Percents of the matrices that the page has room for, and whose they are.

    Returns
    -------
    matrices : list of list of int
        Row by row.
    place : ndarray of shape (n_annotators,)
        Of each annotator's in the list; -1 where it is not there.
    """
    room = _MOST_NUMBERS // labels.n_classes**2
    order = np.argsort(-labels.labels_per_annotator, kind="stable")[:room]
    place = np.full(labels.n_annotators, -1)
    place[order] = np.arange(len(order))
    percents = np.rint(100 * matrices[order]).astype(int)
    return percents.reshape(len(order), -1).tolist(), place


def annotator_rows(table, place):
    """The rows of the table of annotators, reliable ones first."""
    rows = []
    for (name, row), matrix in zip(table.iterrows(), place, strict=True):
        low, high = row["accuracy_low"], row["accuracy_high"]
        known = not np.isnan(low)
        rows.append(
            {
                "name": str(name),
                "matrix": int(matrix) if matrix >= 0 else None,
                "verdict": row["verdict"],
                "bad": is_bad(row["verdict"]),
                "labels": int(row["labels"]),
                "accuracy_value": decimals(row["accuracy"], 4),
                "accuracy": f"{decimals(row['accuracy'])} ({interval(low, high)})",
                "bar": _bar(low, row["accuracy"], high) if known else None,
                "information": decimals(row["information"]),
                "spammer_score": decimals(row["spammer_score"]),
                "confusion": _confusion(row) if known else MISSING,
                "confusion_value": decimals(row["confusion_rate"], 4),
                "agreement": decimals(row["agreement"]),
            }
        )
    order = np.argsort(-table["accuracy"].to_numpy(dtype=float), kind="stable")
    return [rows[index] for index in order]


def _bar(low, at, high):
    """Percents of the width of a bar from 0 to 1."""
    return {
        "low": f"{100 * low:.1f}",
        "width": f"{100 * (high - low):.1f}",
        "at": f"{100 * at:.1f}",
    }


def _confusion(row):
    what = f"{row['confused_class']} → {row['confused_answer']}"
    bounds = interval(row["confusion_low"], row["confusion_high"])
    rate = decimals(row["confusion_rate"])
    return f"{what}: {rate}" if bounds == MISSING else f"{what}: {rate} ({bounds})"


def annotators_note(labels, place):
    note = (
        "Sorted by estimated accuracy; click on a heading to sort by it, and on a name "
        "for the confusion matrix. Bars show accuracy from 0 to 1 with a 90% interval. "
        f"Rates of mistakes have one where enough labels were given ({MISSING}: there "
        "is nothing to say)."
    )
    n_left_out = int(np.sum(place < 0))
    if n_left_out:
        note += (
            f" To keep the page small it has the matrices of the "
            f"{counted(labels.n_annotators - n_left_out, 'annotator')} with most "
            f"labels, and leaves out those of {n_left_out:,} others."
        )
    return note


def item_rows(items, labels, texts):
    """The rows of the items to review, with how often each class was the answer."""
    position = {name: row for row, name in enumerate(_names(labels).tolist())}
    rows = []
    for name, item in items.iterrows():
        row = position[name]
        codes = labels.codes[labels.indptr[row] : labels.indptr[row + 1]]
        votes = np.bincount(codes, minlength=labels.n_classes)
        said = [
            f"{labels.classes[code]}: {votes[code]}"
            for code in np.argsort(-votes, kind="stable")
            if votes[code]
        ]
        rows.append(
            {
                "name": str(name),
                "text": None if texts is None else shortened(texts[row]),
                "label": str(item["label"]),
                "probability": decimals(item["probability"]),
                "labels": int(item["labels"]),
                "disagreement": decimals(item["disagreement"]),
                "answers": ", ".join(said) or MISSING,
            }
        )
    return rows


def _names(labels):
    return np.arange(labels.n_samples) if labels.items is None else labels.items


def items_note(n_samples, n_items):
    shown = min(n_items, n_samples)
    note = f"The {shown:,} least certain of {n_samples:,} items."
    if shown == n_samples:
        note = "All items, the least certain first."
    return f"{note} Disagreement is the share of labels other than the consensus."


def class_rows(labels, items):
    counts = items["label"].value_counts()
    answers = np.bincount(labels.codes, minlength=labels.n_classes)
    return [
        {
            "name": str(name),
            "items": int(counts.get(name, 0)),
            "share": f"{counts.get(name, 0) / len(items):.1%}",
            "answers": f"{answers[code] / labels.n_labels:.1%}",
        }
        for code, name in enumerate(labels.classes)
    ]


def diagnostics_of(found):
    """What the checks of identifiability say, or None without them.

    Parameters
    ----------
    found : IdentifiabilityReport or None

    Returns
    -------
    dict or None
        `summary`, and `rows` of check, result, value, expected, and words.
    """
    if found is None:
        return None
    rows = [
        [
            check.Index + " (decides)" * bool(check.decides),
            "passed" if check.passed else "failed",
            f"{check.value:.3g}",
            str(check.threshold),
            str(check.meaning),
            str(check.what_to_do) or MISSING,
        ]
        for check in found.checks.itertuples()
    ]
    n_failed = sum(row[1] == "failed" for row in rows)
    summary = (
        f"Whether labels and fit say anything about the classes: {found.verdict}. "
        f"{counted(len(rows), 'check')}, of which {n_failed} failed."
    )
    return {"summary": summary, "rows": rows}


def audit_rows(audit):
    return [
        {
            "name": name,
            "items": int(row["items"]),
            "right": int(row["right"]),
            "accuracy": decimals(row["accuracy"], 3),
            "interval": interval(row["accuracy_low"], row["accuracy_high"]),
            "log_loss": decimals(row["log_loss"], 3),
        }
        for name, row in audit.iterrows()
    ]
