"""Writes fixtures/graph_models.json: what tensorflowjs_converter calls the weights of keras.applications' networks, and their
shapes, for images of 32 pixels.

    pip install tensorflow==2.15.1 tensorflowjs==4.22.0
    python tools/write_graph_model_names.py
"""

import json
import os
import tempfile

import tensorflow as tf
from tensorflowjs.converters import tf_saved_model_conversion_v2

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "fixtures")

networks = {"vgg_16": tf.keras.applications.VGG16, "vgg_19": tf.keras.applications.VGG19}


def names_of(network):
    tf.keras.backend.clear_session()
    with tempfile.TemporaryDirectory() as folder:
        model = network(weights=None, input_shape=(32, 32, 3))
        for weight in model.weights:  # biases of zeros would be left out
            weight.assign(tf.random.normal(weight.shape))
        model.save(os.path.join(folder, "saved"))
        target = os.path.join(folder, "web")
        tf_saved_model_conversion_v2.convert_tf_saved_model(os.path.join(folder, "saved"), target)
        with open(os.path.join(target, "model.json")) as file:
            groups = json.load(file)["weightsManifest"]
    weights = [weight for group in groups for weight in group["weights"]]
    return {weight["name"]: weight["shape"] for weight in weights if weight["dtype"] == "float32"}


if __name__ == "__main__":
    found = {name: names_of(network) for name, network in networks.items()}
    with open(os.path.join(HERE, "graph_models.json"), "w") as file:
        networks = [
            f' "{name}": {{\n' + ",\n".join(f"  {json.dumps(key)}: {shape}" for key, shape in weights.items()) + "\n }"
            for name, weights in found.items()
        ]
        file.write("{\n" + ",\n".join(networks) + "\n}\n")
