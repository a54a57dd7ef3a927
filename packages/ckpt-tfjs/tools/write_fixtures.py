"""Writes fixtures/ with tensorflowjs_converter, and beside each what its own reader makes of it.

    pip install tensorflow==2.15.1 tensorflowjs==4.22.0
    python tools/write_fixtures.py
"""

import hashlib
import json
import os
import tempfile

import numpy as np
import tensorflow as tf
from tensorflowjs import read_weights, write_weights
from tensorflowjs.converters import keras_h5_conversion, tf_saved_model_conversion_v2

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "fixtures")


def strings_of(array):
    return [base.decode("latin1") for base in array.flatten().tolist()]


def entry(name, array):
    if array.dtype == object:
        return {"name": name, "dtype": "string", "shape": list(array.shape), "strings": strings_of(array)}
    data = array.tobytes()
    return {"name": name, "dtype": str(array.dtype), "shape": list(array.shape), "sha256": hashlib.sha256(data).hexdigest()}


def manifest(name):
    """What tensorflowjs's own reader makes of the files in a folder."""
    folder = os.path.join(HERE, name)
    with open(os.path.join(folder, "model.json")) as file:
        model = json.load(file)
    weights = read_weights.read_weights(model["weightsManifest"], folder, flatten=True)
    entries = [entry(weight["name"], weight["data"]) for weight in weights]
    with open(os.path.join(HERE, name + ".manifest.json"), "w") as file:
        json.dump(sorted(entries, key=lambda one: one["name"]), file, ensure_ascii=False, indent=1)
        file.write("\n")


def layers_model(name, **options):
    folder = os.path.join(HERE, name)
    os.makedirs(folder, exist_ok=True)
    keras_h5_conversion.save_keras_model(network(), folder, **options)
    manifest(name)


def network():
    tf.keras.backend.clear_session()
    tf.keras.utils.set_random_seed(7)
    layers = tf.keras.layers
    return tf.keras.Sequential(
        [
            layers.Input((8, 8, 3)),
            layers.Conv2D(4, 3, name="conv1_conv"),
            layers.BatchNormalization(name="conv1_bn", moving_variance_initializer=tf.keras.initializers.RandomUniform(0.5, 1.5)),
            layers.Flatten(name="flatten"),
            layers.Dense(5, bias_initializer="random_normal", name="predictions"),
        ],
        name="small",
    )


def types():
    """Every type, in two groups, over shards that are cut anywhere."""
    random = np.random.default_rng(7)
    first = {
        "types/float32": random.random((2, 3)).astype(np.float32),
        "types/string": np.array([["graft", b"\x00\xff\xfe"], ["", "\u00e4\u65e5"]], object),
        "types/int32": np.frombuffer(random.bytes(24), np.int32).reshape(3, 2),
        "types/bool": random.random((2, 3)) < 0.5,
        "empty": np.zeros((0, 4), np.float32),
        "no strings": np.array([], object),
    }
    second = {
        "types/complex64": np.frombuffer(random.bytes(48), np.complex64).reshape(2, 3),
        "scalar": np.array(42, np.int32),
        'a "name" \\ with \n all of \u00e4 \u65e5\u672c': random.random(5).astype(np.float32),
    }
    # tfjs's own reader knows no strings of bytes alone.
    first["types/string"] = np.array(
        [text.encode() if isinstance(text, str) else text for text in first["types/string"].flatten()], object
    ).reshape(2, 2)
    folder = os.path.join(HERE, "types")
    os.makedirs(folder, exist_ok=True)
    groups = [[{"name": key, "data": value} for key, value in group.items()] for group in (first, second)]
    written = write_weights.write_weights(groups, folder, shard_size_bytes=29, write_manifest=False)
    with open(os.path.join(folder, "model.json"), "w") as file:
        json.dump({"format": "graph-model", "generatedBy": "2.15.1", "weightsManifest": written}, file)
    entries = [entry(key, value) for group in (first, second) for key, value in group.items()]
    with open(os.path.join(HERE, "types.manifest.json"), "w") as file:
        json.dump(sorted(entries, key=lambda one: one["name"]), file, ensure_ascii=False, indent=1)
        file.write("\n")


def graph():
    """A graph-model: the same network by way of a SavedModel."""
    with tempfile.TemporaryDirectory() as folder:
        network().export(folder)
        target = os.path.join(HERE, "graph")
        tf_saved_model_conversion_v2.convert_tf_saved_model(folder, target, weight_shard_size_bytes=1000)
    manifest("graph")


def slim_graph():
    """A graph-model of a frozen graph that has TF-Slim's names."""
    v1 = tf.compat.v1
    with v1.Graph().as_default(), v1.Session() as session:
        v1.set_random_seed(7)
        images = v1.placeholder(tf.float32, [None, 8, 8, 3], "images")
        with v1.variable_scope("small/conv1"):
            weights = v1.get_variable("weights", [3, 3, 3, 4], initializer=v1.random_normal_initializer())
            biases = v1.get_variable("biases", [4], initializer=v1.random_normal_initializer())
            features = tf.nn.relu(tf.nn.bias_add(tf.nn.conv2d(images, weights, 1, "SAME"), biases))
        logits = tf.identity(tf.reduce_mean(features, [1, 2]), "logits")
        session.run(v1.global_variables_initializer())
        frozen = v1.graph_util.convert_variables_to_constants(session, session.graph_def, [logits.op.name])
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "frozen.pb")
        with open(path, "wb") as file:
            file.write(frozen.SerializeToString())
        target = os.path.join(HERE, "slim_graph")
        tf_saved_model_conversion_v2.convert_tf_frozen_model(path, "logits", target)
    manifest("slim_graph")


if __name__ == "__main__":
    types()
    layers_model("layers", weight_shard_size_bytes=1000)
    quantized = {"uint8": ["*/kernel"], "uint16": ["*/gamma", "*/moving*"], "float16": ["*/bias"]}
    layers_model("quantized", quantization_dtype_map=quantized, weight_shard_size_bytes=301)
    graph()
    slim_graph()
