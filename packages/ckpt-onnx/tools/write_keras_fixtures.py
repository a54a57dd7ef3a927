"""Writes fixtures/keras_*.onnx with tf2onnx, and what onnxruntime makes of them.

    pip install tensorflow-cpu==2.15.1 tf2onnx onnx==1.16.2 onnxruntime
    python tools/write_keras_fixtures.py
"""

import os

import networks
import numpy as np
import tensorflow as tf
import tf2onnx
from tensorflow import keras
from tensorflow.keras import layers


def plain(x):
    for channels in [4, 6]:
        x = layers.Conv2D(channels, 3, padding="same", activation="relu")(x)
        x = layers.MaxPooling2D(2)(x)
    x = layers.Flatten()(x)
    x = layers.Dropout(0.5)(layers.Dense(10, activation="relu")(x))
    return layers.Dense(networks.CLASSES)(x)


def conv(x, channels, kernel, stride=1, relu=True):
    if kernel > 1:
        x = layers.ZeroPadding2D(kernel // 2)(x)
    x = layers.Conv2D(channels, kernel, stride, use_bias=False)(x)
    # Another epsilon than PyTorch's, which is the one of the tests' network.
    x = layers.BatchNormalization(epsilon=2e-3)(x)
    return layers.ReLU()(x) if relu else x


def unit(x, stride):
    inner = conv(conv(conv(x, 4, 1), 4, 3, stride), 16, 1, relu=False)
    return layers.ReLU()(layers.Add()([inner, conv(x, 16, 1, stride, relu=False)]))


def residual(x):
    x = layers.ZeroPadding2D(1)(conv(x, 8, 3, 2))
    x = layers.MaxPooling2D(3, 2)(x)
    x = unit(unit(x, 1), 2)
    d = conv(layers.AveragePooling2D(3, 1, padding="same")(x), 4, 1)
    c = conv(conv(conv(x, 4, 1), 6, 3), 6, 3)
    b = conv(conv(x, 4, 1), 6, 3)
    a = conv(x, 4, 1)
    x = layers.Concatenate()([a, b, c, d])
    return layers.Dense(networks.CLASSES)(layers.GlobalAveragePooling2D()(x))


def randomize(model):
    random = np.random.default_rng(3)
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            ranges = [(0.5, 1.5), (-0.5, 0.5), (-0.5, 0.5), (0.5, 1.5)]  # gamma, beta, moving mean and variance
            layer.set_weights([random.uniform(*ends, value.shape) for ends, value in zip(ranges, layer.get_weights())])
        elif layer.weights and layer.get_weights()[-1].ndim == 1:
            *weights, biases = layer.get_weights()
            layer.set_weights([*weights, random.uniform(-0.1, 0.1, biases.shape)])


keras.utils.set_random_seed(1)
for network, build in {"plain": plain, "residual": residual}.items():
    size = networks.SIZES[network]
    fed = keras.Input((size, size, 3), name="images")
    model = keras.Model(fed, build(fed))
    randomize(model)
    name = f"keras_{network}.onnx"
    signature = [tf.TensorSpec((None, size, size, 3), tf.float32, name="images")]
    tf2onnx.convert.from_keras(model, signature, opset=15, output_path=os.path.join(networks.FIXTURES, name))
    networks.note_logits(network, name, channels_first=False)
