"""Networks of other frameworks with weights that are computed, for fixtures: what model packages' own tools share.

Weights and images come from the formula of @graftjs/core/testing (`uniform` and `formulaImage`), by the foreign names
and in the foreign arrangement: weights are uniform in +-sqrt(6 / fan in), gammas in 1 +- 0.2, variances in 1 to 1.5, all else
in +-0.1. So no weights are kept anywhere.
"""

import json

import numpy as np

MASK = np.uint64(0xFFFFFFFF)


def fnv1a(text):
    value = 0x811C9DC5
    for byte in text.encode():
        value = ((value ^ byte) * 0x01000193) & 0xFFFFFFFF
    return value


def uniform(name, count):
    h = np.arange(count, dtype=np.uint64) ^ np.uint64(fnv1a(name))
    h ^= h >> np.uint64(16)
    h = (h * np.uint64(0x85EBCA6B)) & MASK
    h ^= h >> np.uint64(13)
    h = (h * np.uint64(0xC2B2AE35)) & MASK
    h ^= h >> np.uint64(16)
    return h.astype(np.float64) / 4294967296.0


def values(name, shape, fan_in):
    u = uniform(name, int(np.prod(shape)))
    if len(shape) > 1:
        v = (2 * u - 1) * np.sqrt(6.0 / fan_in)
    elif name.endswith(("running_var", "moving_variance")):
        v = 1 + 0.5 * u
    elif name.endswith(("weight", "gamma")):
        v = 1 + 0.2 * (2 * u - 1)
    else:
        v = 0.1 * (2 * u - 1)
    return v.astype(np.float32).reshape(shape)


def images(size):
    names = ["foreign/0", "foreign/1"]
    return np.stack([np.floor(256 * uniform(name, size * size * 3)).reshape(size, size, 3) for name in names])


def torch_shapes(model):
    return {name: list(t.shape) for name, t in model.state_dict().items()}


def fill_torch(model):
    """Gives a PyTorch model its weights, in float64, and readies it for use."""
    import torch

    model.eval()
    state = {
        name: torch.from_numpy(values(name, tuple(t.shape), np.prod(t.shape[1:]))) if t.dim() > 0 else t
        for name, t in model.state_dict().items()
    }
    model.load_state_dict(state)
    model.double()


def torch_logits(model, inputs):
    import torch

    with torch.no_grad():
        return model(torch.from_numpy(inputs).permute(0, 3, 1, 2).contiguous()).tolist()


def torch_network(model, inputs):
    fill_torch(model)
    return {"shapes": torch_shapes(model), "logits": torch_logits(model, inputs)}


def keras_shapes(model):
    return {variable.path: list(variable.shape) for variable in model.variables}


def quarter_keras_network(build, inputs, **options):
    """A network of `keras.applications` at a quarter of its width, in float64."""
    import keras

    keras.config.set_floatx("float64")
    config = build(weights=None, classifier_activation=None, **options).get_config()
    for layer in config["layers"]:
        if "filters" in layer["config"]:
            layer["config"]["filters"] //= 4
        if layer["config"].get("units") == 4096:
            layer["config"]["units"] //= 4
        layer.pop("build_config", None)
    model = keras.Model.from_config(config)
    for variable in model.variables:
        shape = tuple(variable.shape)
        variable.assign(values(variable.path, shape, np.prod(shape[:-1])))
    return {"shapes": keras_shapes(model), "logits": np.asarray(keras.ops.convert_to_numpy(model(inputs))).tolist()}


def write(path, document):
    with open(path, "w") as file:
        json.dump(document, file, separators=(",", ":"))
        file.write("\n")
