"""Writes fixtures/segmentation-scores.json: masks, predictions, and their scores as Berkeley's evaluation of FCN defines them.

    python write_segmentation_scores.py

The definition is that of Long, Shelhamer and Darrell (arXiv:1411.4038, section 5) as their score.py computes it with numpy:
a class that is absent from truth and prediction alike is left out of a mean, one that is predicted and absent has an IoU of 0.
"""

import base64
import json
import pathlib

import numpy

VOID = 255


def fast_hist(truth, prediction, classes):
    known = (truth >= 0) & (truth < classes)
    joint = classes * truth[known].astype(int) + prediction[known]
    return numpy.bincount(joint, minlength=classes**2).reshape(classes, classes)


def scores(hist):
    with numpy.errstate(all="ignore"):
        accuracy = numpy.diag(hist) / hist.sum(1)
        iou = numpy.diag(hist) / (hist.sum(1) + hist.sum(0) - numpy.diag(hist))
        frequency = hist.sum(1) / hist.sum()
        return {
            "pixelAccuracy": numpy.diag(hist).sum() / hist.sum(),
            "meanAccuracy": numpy.nanmean(accuracy),
            "meanIou": numpy.nanmean(iou),
            "frequencyWeightedIou": (frequency[frequency > 0] * iou[frequency > 0]).sum(),
            "accuracy": [None if numpy.isnan(value) else value for value in accuracy],
            "iou": [None if numpy.isnan(value) else value for value in iou],
            "confusion": hist.tolist(),
        }


def case(name, classes, truths, predictions):
    hist = sum(fast_hist(t.ravel(), p.ravel(), classes) for t, p in zip(truths, predictions))
    encode = lambda mask: base64.b64encode(mask.astype(numpy.uint8).tobytes()).decode()
    return {
        "name": name,
        "classes": classes,
        "images": [{"truth": encode(t), "prediction": encode(p)} for t, p in zip(truths, predictions)],
        "scores": scores(hist),
    }


def noisy(random, truth, classes, share):
    wrong = random.random(truth.shape) < share
    other = random.integers(0, classes, truth.shape)
    return numpy.where(wrong | (truth == VOID), other, truth)


random = numpy.random.default_rng(6)
cases = []

sizes = [(12, 17), (9, 9), (20, 11)]
truths = [random.choice([0, 0, 0, 1, 2, 3, 4, VOID], size) for size in sizes]
cases.append(case("all classes", 5, truths, [noisy(random, t, 5, 0.3) for t in truths]))

truths = [random.choice([0, 2, 3, VOID], size) for size in sizes]
predictions = [noisy(random, t, 5, 0.2) for t in truths]
cases.append(case("a class that is predicted, and absent", 5, truths, predictions))
predictions = [numpy.where(p == 1, 0, p) for p in predictions]
cases.append(case("a class that is absent from both", 5, truths, predictions))

truths = [random.choice([0, 1, 2, VOID], size) for size in sizes]
cases.append(case("all background", 3, truths, [numpy.zeros_like(t) for t in truths]))

truths = [random.integers(0, 21, (30, 30))]
cases.append(case("21 classes, without void", 21, truths, [noisy(random, truths[0], 21, 0.5)]))

path = pathlib.Path(__file__).parent.parent / "fixtures" / "segmentation-scores.json"
path.write_text(json.dumps({"numpy": numpy.__version__, "cases": cases}) + "\n")
