"""Writes oracle files of FCN-32s, 16s and 8s on VGG-16, in the form of the repository's oracles/fcn, by TensorFlow.

    pip install tensorflow-cpu==2.15.1 "numpy<2"
    python write_fcn_oracles.py FOLDER fcn_8s 97 131 5 2     # name, height, width, classes, batch

The file is named NAME_HEIGHTxWIDTH_CLASSES_BATCH.json. Weights, images and masks come from the formula of
@graftjs/core/testing. Where an image is no multiple of 32 pixels, zeros are put around it after the mean is subtracted, the
odd line at the bottom and right, and the logits of the middle are taken.
"""

import json
import sys
from pathlib import Path

import numpy as np
import tensorflow as tf

sys.path.insert(0, str(Path(__file__).parents[2] / "core/tools"))
from foreign_networks import uniform  # noqa: E402

BLOCK = 8
VOID = 255
STAGES = [(64, 2), (128, 2), (256, 3), (512, 3), (512, 3)]
# By network: stride and names of the layers of each skip, and of the last layer.
SKIPS = {
    "fcn_32s": ([], "upscore", 32),
    "fcn_16s": ([("pool4", "upscore2", "score_pool4")], "upscore16", 16),
    "fcn_8s": ([("pool4", "upscore2", "score_pool4"), ("pool3", "upscore_pool4", "score_pool3")], "upscore8", 8),
}


def formula(name, shape):
    u = uniform(name, int(np.prod(shape)))
    if not name.endswith("/weights"):
        return (0.1 * (2 * u - 1)).astype(np.float32).reshape(shape)
    values = (2 * u - 1) * np.sqrt(6.0 / np.prod(shape[:-1]))
    if name.split("/")[-2].startswith("score_"):
        values = values / 64
    return values.astype(np.float32).reshape(shape)


def bilinear(size, classes):
    centre = size / 2 - 0.5
    ramp = 1 - np.abs(np.arange(size) - centre) / (size / 2)
    values = np.zeros((size, size, classes, classes), np.float32)
    values[:, :, range(classes), range(classes)] = np.outer(ramp, ramp)[:, :, None]
    return values


class Network:
    def __init__(self):
        self.variables = {}

    def variable(self, name, values):
        self.variables[name] = tf.Variable(values)
        return self.variables[name]

    def conv(self, x, name, channels, kernel, relu=True):
        weights = self.variable(f"{name}/weights", formula(f"{name}/weights", (kernel, kernel, x.shape[-1], channels)))
        biases = self.variable(f"{name}/biases", formula(f"{name}/biases", (channels,)))
        y = tf.nn.conv2d(x, weights, 1, "SAME") + biases
        return tf.nn.relu(y) if relu else y

    def enlarge(self, x, name, factor):
        classes = x.shape[-1]
        weights = self.variable(f"{name}/weights", bilinear(2 * factor, classes))
        size = [x.shape[0], factor * x.shape[1], factor * x.shape[2], classes]
        return tf.nn.conv2d_transpose(x, weights, size, factor, "SAME")

    def logits(self, name, images, classes):
        height, width = images.shape[1:3]
        rows, columns = -height % 32, -width % 32
        x = tf.constant(images.astype(np.float32) - np.float32([123.68, 116.78, 103.94]))
        x = tf.pad(x, [[0, 0], [rows // 2, rows - rows // 2], [columns // 2, columns - columns // 2], [0, 0]])
        levels = {}
        for index, (channels, count) in enumerate(STAGES):
            stage = index + 1
            for place in range(count):
                x = self.conv(x, f"vgg_16/conv{stage}/conv{stage}_{place + 1}", channels, 3)
            x = tf.nn.max_pool2d(x, 2, 2, "VALID")
            levels[f"pool{stage}"] = x
        x = self.conv(x, "vgg_16/fc6", 4096, 7)
        x = self.conv(x, "vgg_16/fc7", 4096, 1)
        x = self.conv(x, f"{name}/score_fr", classes, 1, relu=False)
        skips, last, factor = SKIPS[name]
        for level, upscore, score in skips:
            x = self.enlarge(x, f"{name}/{upscore}", 2)
            x = x + self.conv(levels[level], f"{name}/{score}", classes, 1, relu=False)
        x = self.enlarge(x, f"{name}/{last}", factor)
        return x[:, rows // 2 : rows // 2 + height, columns // 2 : columns // 2 + width]


def recorded(name, values, count):
    values = np.asarray(values)
    flat = values.astype(np.float64).ravel()
    at = sorted(set(int(u * flat.size) for u in uniform(f"at:{name}", min(count, flat.size))))
    return {
        "shape": list(values.shape),
        "mean": float(flat.mean()),
        "norm": float(np.linalg.norm(flat)),
        "at": at,
        "values": [float(flat[place]) for place in at],
    }


def mask(index, height, width, classes):
    rows, columns = -(-height // BLOCK), -(-width // BLOCK)
    labels = np.floor((classes + 1) * uniform(f"fcn:label{index}", rows * columns)).astype(int).reshape(rows, columns)
    labels[labels == classes] = VOID
    return labels.repeat(BLOCK, 0).repeat(BLOCK, 1)[:height, :width]


def oracle(name, height, width, classes, batch):
    images = [f"fcn:image{index}" for index in range(batch)]
    pixels = [np.floor(256 * uniform(image, height * width * 3)).reshape(height, width, 3) for image in images]
    masks = np.stack([mask(index, height, width, classes) for index in range(batch)])
    network = Network()
    with tf.GradientTape() as tape:
        logits = network.logits(name, np.stack(pixels), classes)
        labelled = masks != VOID
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=masks[labelled], logits=logits[labelled])
        loss = tf.reduce_mean(losses)
    gradients = tape.gradient(loss, network.variables)
    predicted = np.argmax(logits.numpy(), -1)
    return {
        "network": name,
        "backbone": "vgg_16 (fc6 7x7 SAME)",
        "classes": classes,
        "height": height,
        "width": width,
        "batch": batch,
        "images": images,
        "labels": "block 8x8: floor((classes+1)*u) of fcn:label<k> over ceil(height/8)*ceil(width/8), repeated 8x8 and cut to "
        "the picture; the value `classes` is void (255)",
        "weights": "formula; score_* weights are divided by 64; upscore* are bilinear on the diagonal",
        "loss": float(loss),
        "logits": recorded("logits", logits, 64),
        "predicted_histogram": np.bincount(predicted.ravel(), minlength=classes).tolist(),
        "gradients": {variable: recorded(variable, gradient, 8) for variable, gradient in gradients.items()},
    }


if __name__ == "__main__":
    tf.config.threading.set_intra_op_parallelism_threads(2)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    folder, name, *sizes = sys.argv[1:]
    height, width, classes, batch = (int(size) for size in sizes)
    path = Path(folder) / f"{name}_{height}x{width}_{classes}_{batch}.json"
    path.write_text(json.dumps(oracle(name, height, width, classes, batch), indent=1) + "\n")
    print(path)
